# renewals.py - more stacks than a recording has room for: is all of it there, once, and what is alive right?
# SPDX-License-Identifier: MIT
import os
import resource

from pprof import Profile
from receiver import Receiver
from world import expect

SMALL = 6 << 20  # a larger file may not be: then the tables have a sixteenth of their room
# Each allocation is a sample, so counts are exact.
SETTINGS = {'CONPROF_HEAP_SAMPLE_INTERVAL': '1', 'CONPROF_PERIOD': '5', 'CONPROF_CPU_PROFILERATE': '1000'}


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


def renewals(world, pid):
    said = [line for lines in world.status() for line in lines if line['kind'] == 'process']
    found = [line for line in said if line['pid'] == str(pid)]
    expect(found, f'status: {said}')
    return int(found[0]['renewals'])


def total(files, type_, function=None, pid=None):
    return sum(Profile(f).sum(type_, function, pid) for f in files)


def lost(files, type_):
    """What has no stack, whatever the cause."""
    sums = 0
    for profile in map(Profile, files):
        at = profile.types.index(type_)
        sums += sum(s.values[at] for s in profile.samples if s.stack[0].startswith('[conprof lost'))
    return sums


def check_heap(receiver, child, heap, printed):
    """Each block is there once, or counted as lost; what is alive, and no more, has its stack."""
    made, missing = printed['made'], lost(receiver.files('heap.pprof'), 'alloc_objects')
    got = total(receiver.files('heap.pprof'), 'alloc_objects', 'kept_or_not')
    print(f'  renewals: {got} of {made} blocks have a stack, {missing} have none')
    expect(got <= made <= got + missing, f'{got} blocks and {missing} lost, {made} were made')
    # On a machine that is too busy for the pace, what comes before the uploader has its turn finds a full table.
    expect(missing <= 0.1 * made, f'{missing} blocks have no stack')
    alive = total(heap, 'inuse_objects', 'kept_or_not', child.pid)
    expect(printed['alive'] - missing <= alive <= printed['alive'], f'{alive} blocks, {printed["alive"]} are alive')
    children = total(receiver.files('heap.pprof'), 'alloc_objects', 'make_a_child')
    expect(children == printed['children'], f'{children} blocks of {printed["children"]} children')


def run(world, stacks, per_second, least, small):
    receiver = Receiver(world)
    world.deadline += 2 * stacks // per_second + 180
    child = world.start([os.path.join(world.build, 'run', 'renewed'), str(stacks), str(per_second)],
                        dict(SETTINGS, CONPROF_AGENT_SOCKET=receiver.url), preexec_fn=limited if small else None)
    out = b''
    while b'cpu_ns' not in out:
        line = child.stdout.readline()
        expect(line, 'it ended early')
        out += line
    printed = {words[0]: int(words[1]) for words in map(str.split, out.decode().splitlines())}
    came = len(receiver.accepted())
    world.until('two more uploads had come', lambda: len(receiver.accepted()) >= came + 2)
    many = renewals(world, child.pid)
    expect(many >= least, f'renewed {many} times')
    heap, threads = receiver.files('heap.pprof')[-1:], receiver.files('goroutines.pprof')[-1:]
    child.stdin.close()
    child.stdin = None
    ended = world.finish(child)
    expect(ended.status == 0 and not ended.err, f'ended with {ended.status}: {ended.err[-300:]!r}')
    world.quiet()
    living = total(threads, 'goroutine', pid=child.pid)
    expect(living == printed['threads'], f'{living} threads, {printed["threads"]} were alive')
    check_heap(receiver, child, heap, printed)
    cpu = total(receiver.files('cpu.pprof'), 'cpu', pid=child.pid)
    expect(abs(cpu - printed['cpu_ns']) <= 0.03 * printed['cpu_ns'] + 3e7, f'{cpu} ns, the clock said {printed["cpu_ns"]}')
    receiver.stop()


def tests(_build):
    yield 'renewals_small', True, lambda world: run(world, 10000, 500, 4, True)
    yield 'renewals_full', True, lambda world: run(world, 120000, 6000, 2, False)
