# memory.py - what is added to a target, what it may become, and a family of 200.
# SPDX-License-Identifier: MIT
import os
import re
import time

from pprof import Profile
from receiver import Receiver
from world import expect

MIB = 1 << 20
FAMILY = 200


def rollup(pid, name):
    """A sum over all of a process's memory, in bytes, as the kernel has it."""
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith(name + ':'))


def ready(world, argv, settings=(), preload=True):
    """The growing program, when it has grown."""
    child = world.start([os.path.join(world.build, 'run', 'growth'), *map(str, argv)], settings, preload)
    expect(child.stdout.readline() == b'ready\n', 'it did not get ready')
    return child


def end(world, child):
    child.stdin.close()
    child.stdin = None
    ended = world.finish(child)
    expect(ended.status == 0, f'it ended with {ended.status}')


def rooms(pid):
    """The sizes of what the library has mapped: its recording, and what has been kept from huge pages."""
    sizes, size, ours = [], 0, False
    with open(f'/proc/{pid}/smaps', encoding='ascii') as f:
        for line in f:
            head = re.match(r'([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \d+ *(.*)', line)
            if head:
                size = int(head[2], 16) - int(head[1], 16)
                ours = 'memfd:conprof' in head[4]
                sizes += [size] if ours else []
            elif line.startswith('VmFlags:') and ' nh' in line and not ours:
                sizes.append(size)
    return sizes


def start(world):
    """What a start adds is what the kernel counts with us and without: 2 MB at most. What all of it
    may ever become is the room that there is: 16 MiB."""
    plain, child = ready(world, [], preload=False), ready(world, [])
    world.until('it was recorded', lambda: world.uploaders() and rooms(child.pid))
    added = rollup(child.pid, 'Rss') - rollup(plain.pid, 'Rss')
    most = rooms(child.pid)
    print(f'  memory: {added >> 10} KiB at the start, {sum(most) >> 10} KiB at most')
    expect(0 < added <= 2000000, f'{added} bytes are added at the start')
    expect(len(most) >= 3 and sum(most) <= 16 * MIB, f'{sum(most)} bytes may be touched: {most}')
    end(world, child)
    end(world, plain)


def full(world):
    """Hundreds of thousands of stacks, none of which ends as another does, fill the pool of frames."""
    settings = {'CONPROF_HEAP_SAMPLE_INTERVAL': '1', 'CONPROF_PERIOD': '3600'}
    work = ['stacks', 300000]
    plain, child = ready(world, work, preload=False), ready(world, work, settings)
    added = rollup(child.pid, 'Rss') - rollup(plain.pid, 'Rss')
    print(f'  memory: {added >> 10} KiB when its recording is full')
    expect(3 * MIB < added <= 16 * MIB, f'{added} bytes are added')
    end(world, child)
    end(world, plain)
    world.quiet()


def tree(pid):
    """A process and its children."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [pid] + [int(child) for child in f.read().split()]


def share(pids, name='Pss'):
    return sum(rollup(pid, name) for pid in pids)


def family(world):
    """A server and 200 workers: one upload a period holds them all, and all that is added to all of
    them, their recordings, and the uploader are 100 MB at most."""
    receiver = Receiver(world)
    settings = {'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_PERIOD': '10'}
    work = ['processes', FAMILY]
    plain = ready(world, work, preload=False)
    world.until('all were there', lambda: len(tree(plain.pid)) == FAMILY + 1)
    at_rest(world, plain)
    without = share(tree(plain.pid))
    end(world, plain)
    child, began = ready(world, work, settings), time.monotonic()
    at_rest(world, child)
    pids = set(tree(child.pid))

    def all_in_one():
        return any({s.pid() for s in Profile(f).samples} == pids for f in receiver.files('goroutines.pprof'))
    world.until('an upload held all of them', all_in_one)
    count, periods = len(receiver.accepted()), (time.monotonic() - began) / 10
    expect(count <= periods + 1, f'{count} uploads came in {periods:.1f} periods')
    added, own = share(pids) - without, share(world.uploaders())
    print(f'  memory: {FAMILY} workers: {added >> 10} KiB, and {own >> 10} of the uploader')
    expect(0 < added + own <= 100000000, f'{added} bytes are added, {own} are the uploader\'s')
    end(world, child)
    world.quiet()
    receiver.stop()


def at_rest(world, child):
    """Until no process of it has done anything for a moment."""
    seen = [None]

    def still():
        now = [cpu(pid) for pid in tree(child.pid)]
        same, seen[0] = now == seen[0], now
        time.sleep(0.5)
        return same
    world.until('its workers were at rest', still)


def cpu(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        return f.read().rsplit(')', 1)[1].split()[11:13]


def tests(_build):
    yield 'memory_start', False, start
    yield 'memory_full', True, full
    yield 'memory_family', True, patient(family)


def patient(test):
    def run(world):
        world.deadline += 240
        test(world)
    return run
