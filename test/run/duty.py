# duty.py - CONPROF_CPU_DURATION below the period: windows are told whole, and between them timers ring rarely.
# SPDX-License-Identifier: MIT
import datetime
import glob
import os
import re
import statistics

from pprof import Profile
from world import expect

HZ, PERIOD, WINDOW, WINDOWS = 500, 3, 1, 5
# CPU time, in ns. A window begins with a tick that stands for RARE, and has the timer armed from there on (doc/why/028).
EACH, RARE = 1e9 / HZ, 20e9 / HZ
KERNEL = 10e6  # so often, at least, the kernel looks at a timer of CPU time: what is due at the end may come too late
LOOK = 1e6  # and the program at that timer


def seconds(time):
    """'2026-01-01 00:00:00.123456789 +0000 UTC', the fraction as long as it is."""
    day, clock, zone = time.split()[:3]
    whole, _, fraction = clock.partition('.')
    return datetime.datetime.strptime(f'{day} {whole} {zone}', '%Y-%m-%d %H:%M:%S %z').timestamp() + float(f'0.{fraction or 0}')


def files(world):
    return sorted(glob.glob(os.path.join(world.dir, 'out', '*.cpu.pprof')))


def windows(world):
    """What is told of a window is the CPU time, by the thread's clock, for which the kernel says that the timer was armed,
    and the one rare tick that armed it. The median bears what a machine may do to single ones."""
    child = world.start([os.path.join(world.build, 'run', 'duty')],
                        {'CONPROF_AGENT_SOCKET': f'dir://{world.dir}/out', 'CONPROF_PROFILE_TYPES': 'cpu',
                         'CONPROF_PERIOD': str(PERIOD), 'CONPROF_CPU_DURATION': str(WINDOW), 'CONPROF_CPU_PROFILERATE': str(HZ)})
    world.until(f'there were {WINDOWS} profiles', lambda: len(files(world)) >= WINDOWS)
    told = [Profile(file) for file in files(world)][:WINDOWS]
    child.stdin.close()
    child.stdin = None
    said = world.finish(child).out.decode()
    world.quiet()
    expect('timer -1' not in said, 'the library has no timer')
    spans = [tuple(map(int, numbers)) for numbers in re.findall(r'^armed (\d+) (\d+) (\d+)$', said, re.M)]
    off, edges = [], []
    for profile in told:
        start = seconds(profile.header['Time'])
        edges.append((start, start + WINDOW))
        armed = [cpu for begin, end, cpu in spans if begin / 1e9 < start + WINDOW and end / 1e9 > start]
        if armed:  # else it had no time, or its rare tick has not come
            off.append(profile.sum('cpu') - sum(armed) - len(armed) * RARE)
    text = f'{[round(ns / 1e6, 1) for ns in off]} ms more told than there were, {said}'
    expect(len(off) > WINDOWS / 2, f'in few windows the timer was armed: {text}')
    expect(abs(statistics.median(off)) <= EACH + KERNEL + 2 * LOOK, text)
    middles = [(one[1] + other[0]) / 2 for one, other in zip(edges, edges[1:])]
    armed = [m for m in middles if any(begin / 1e9 < m < end / 1e9 for begin, end, _ in spans)]
    expect(len(armed) <= 1, f'in the midst between two windows, at {armed}, it was armed: {said}')


def tests(_):
    yield 'duty_windows', True, windows
