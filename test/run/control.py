# control.py - the switch, conprof ctl, and one start of so many: what is stopped is not sampled, and says so.
# SPDX-License-Identifier: MIT
import glob
import math
import os
import signal
import subprocess
import time

import pprof
from pprof import Profile
from world import expect

SEEN = ['/bin/grep', '-c', 'memfd:conprof', '/proc/self/maps']


def ctl(world, *words):
    """(status, what it printed, what it complained of)"""
    done = subprocess.run([os.path.join(world.build, 'conprof'), 'ctl', *map(str, words)], env=world.env(preload=False),
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def state(world, pid):
    """running, stopped or off; None: it is not there."""
    words = ctl(world, 'status', pid)[1].split()
    return words[2] if len(words) > 2 else None


def steady(world, out, switch):
    """A program that works until its stdin is closed, delivered each second."""
    child = world.start([os.path.join(world.build, 'run', 'steady')],
                        {'CONPROF_AGENT_SOCKET': 'dir://' + out, 'CONPROF_PERIOD': '1', 'CONPROF_CPU_DURATION': '1',
                         'CONPROF_KILL_SWITCH': switch, 'CONPROF_HEAP_SAMPLE_INTERVAL': '65536'})
    world.until('it was profiled', lambda: state(world, child.pid) is not None)
    return child


def files(out):
    return sorted(glob.glob(os.path.join(out, '*.cpu.pprof')))


def stopped_and_not_sent(world, out, stop, start, how, pid):
    """Nothing is sent of a time that nothing was sampled in; all goes on after it."""
    world.until('profiles came', lambda: len(files(out)) >= 2)
    stop()
    world.until(f'it was {how}', lambda: state(world, pid) == how)
    began = len(files(out))
    # the period that was cut is still sent, and one that was being made; then none, however long it takes
    time.sleep(3.5)
    came = len(files(out))
    time.sleep(2.5)
    expect(came <= began + 2 and len(files(out)) == came, f'{len(files(out)) - came} profiles were sent of nothing')
    start()
    world.until('it went on', lambda: state(world, pid) == 'running')
    world.until('profiles came again', lambda: len(files(out)) >= came + 2)


def books(child, world, out):
    """No profile claims more than its time, and their sums are no more than the process used."""
    child.stdin.close()
    child.stdin = None
    printed = world.finish(child).printed()
    world.deadline = time.monotonic() + 60
    world.quiet()
    told = sum(Profile(f).sum('cpu') for f in files(out))
    texts = b''.join(subprocess.run([pprof.go(), 'tool', 'pprof', '-comments', f], capture_output=True, check=False).stdout
                     for f in files(out))
    expect(b'sampling was stopped for' in texts, 'no profile says that sampling was stopped')
    # a restart may begin with a rare tick of 200 ms, and be off by as much as chance gives it
    expect(0 < told < printed['cpu_ns'] + 1.5e9, f'{told} of {printed["cpu_ns"]} ns are told')
    expect(told < 0.95 * printed['cpu_ns'] + 1e9, 'what was stopped is told, too')


def switch(world):
    out, off = os.path.join(world.dir, 'out'), os.path.join(world.dir, 'off')
    os.mkdir(out)
    child = steady(world, out, off)
    stopped_and_not_sent(world, out, lambda: open(off, 'w', encoding='ascii').close(), lambda: os.remove(off), 'off',
                         child.pid)
    books(child, world, out)


def by_hand(world):
    out = os.path.join(world.dir, 'out')
    os.mkdir(out)
    child = steady(world, out, '/nowhere/off')

    def order(*words):
        status, printed, said = ctl(world, *words)
        expect((status, printed, said) == (0, '', ''), f'{words}: {status} {printed}{said}')
    stopped_and_not_sent(world, out, lambda: order('stop', child.pid), lambda: order('start', child.pid), 'stopped',
                         child.pid)
    order('rate', '-a', child.pid, 1000)
    expect(ctl(world, 'status', child.pid)[1].split()[3:] == ['1000', 'Hz'], 'the rate is another')
    order('rate', child.pid, 0)
    expect(ctl(world, 'status', child.pid)[1].split()[3:] == ['100', 'Hz'], 'the rate is not that of the settings')
    books(child, world, out)


def new_ones(world):
    """Who starts under the switch is not sampled from the first moment on."""
    out, off = os.path.join(world.dir, 'out'), os.path.join(world.dir, 'off')
    os.mkdir(out)
    open(off, 'w', encoding='ascii').close()
    child = steady(world, out, off)
    expect(state(world, child.pid) == 'off', 'it is not off')
    time.sleep(3)
    child.stdin.close()
    child.stdin = None
    world.finish(child)
    world.quiet()
    expect(not os.listdir(out), f'{os.listdir(out)} came of a program under the switch')


def wrong_words(world):
    for words, status in ((['stop', '999999999'], 1), (['stop', 'no-such-program'], 1), (['stop'], 2), ([], 2),
                          (['halt', '1'], 2), (['rate', '1'], 2), (['rate', '1', '10001'], 2), (['rate', '1', '-5'], 2),
                          (['stop', '1', '2'], 2), (['status', '999999999'], 1)):
        got, printed, said = ctl(world, *words)
        expect(got == status and not printed and said.startswith('conprof ctl: ') and said.count('\n') == 1,
               f'{words}: {got} {printed}{said}')


def silent(world):
    """Whose uploader stands still hears that it does not answer, not that there is none."""
    child = world.start([os.path.join(world.build, 'run', 'steady')], {'CONPROF_AGENT_SOCKET': 'dir://' + world.dir})
    world.until('it was profiled', lambda: state(world, child.pid) is not None)
    uploaders = world.listening()
    for pid in uploaders:
        os.kill(pid, signal.SIGSTOP)
    told = subprocess.run([os.path.join(world.build, 'conprof'), 'status'], env=world.env(preload=False),
                          capture_output=True, text=True, check=False).stdout
    got, printed, said = ctl(world, 'status', child.pid)
    for pid in uploaders:
        os.kill(pid, signal.SIGCONT)
    for pid in uploaders:
        expect(f' pid={pid} answers=no\n' in told, f'{pid} is not in {told}')
    expect(len(uploaders) == 1 and got == 1 and not printed and 'does not answer' in said, f'{got} {printed}{said}')
    world.until('it answered again', lambda: state(world, child.pid) is not None)
    child.stdin.close()
    child.stdin = None
    world.finish(child)
    world.quiet()


def fraction(world):
    """400 starts: as many are recorded as chance gives, once in a thousand more or fewer."""
    count, of = 400, 0.25
    world.deadline = time.monotonic() + 300
    env = world.env({'CONPROF_INSTANCE_FRACTION': str(of), 'CONPROF_AGENT_SOCKET': 'dir://' + world.dir})
    seen = 0
    for _ in range(count):
        done = subprocess.run(SEEN, env=env, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        expect(not done.stderr, f'it said {done.stderr!r}')
        seen += int(done.stdout) > 0
    allowed = 3.29 * math.sqrt(count * of * (1 - of)) + 1
    expect(abs(seen - of * count) <= allowed, f'{seen} of {count} starts were recorded, {allowed:.0f} may be chance')


def fraction_of_families(world):
    """What a program starts goes its way, also over an exec; and neither all nor none are recorded."""
    world.deadline = time.monotonic() + 300
    env = world.env({'CONPROF_INSTANCE_FRACTION': '0.5', 'CONPROF_AGENT_SOCKET': 'dir://' + world.dir})
    script = 'grep -c memfd:conprof /proc/$$/maps; for i in 1 2 3; do grep -c memfd:conprof /proc/self/maps; done; ' \
             'sh -c "grep -c memfd:conprof /proc/self/maps; :"; exec grep -c memfd:conprof /proc/self/maps'
    kinds = set()
    for _ in range(24):
        done = subprocess.run(['/bin/sh', '-c', script], env=env, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        each = [int(n) > 0 for n in done.stdout.split()]
        expect(len(each) == 6 and len(set(each)) == 1, f'a family was parted: {done.stdout.split()} {done.stderr}')
        kinds.add(each[0])
    expect(len(kinds) == 2, f'of 24 families all went one way: {kinds}')


def tests(_):
    yield 'control_switch', True, switch
    yield 'control_by_hand', True, by_hand
    yield 'control_new_ones', True, new_ones
    yield 'control_wrong_words', True, wrong_words
    yield 'control_silent', True, silent
    yield 'control_fraction', True, fraction
    yield 'control_fraction_of_families', True, fraction_of_families
