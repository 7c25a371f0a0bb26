# labels.py - which process, which thread, and what it is called: in each sample, as pprof reads it.
# SPDX-License-Identifier: MIT
import os
import re

from delivery import spooled
from pprof import Profile, tool
from world import Skipped, expect

SETTINGS = {'CONPROF_CPU_PROFILERATE': '1000', 'CONPROF_HEAP_SAMPLE_INTERVAL': '65536'}
LATE = 6000000  # a tick that was due, and what the kernel does for a thread after its last word


def run(world, *args, **settings):
    """What the program printed, its CPU and heap samples."""
    ended = world.run([os.path.join(world.build, 'run', 'labelled'), *args], dict(SETTINGS, **settings))
    if ended.status == 7:
        raise Skipped('thread numbers cannot be chosen here')
    expect(ended.status == 0, f'ended with {ended.status}: {ended.err!r}')
    world.quiet()
    samples = {}
    for kind in ('cpu', 'heap', 'threads'):
        profiles = [Profile(f) for f in spooled(world, kind + '.pprof')]
        # a tick that was lost, as any may be that meets us at work, is said to be lost and is nobody's
        samples[kind] = [(s, s.values[p.types.index('cpu')] if kind == 'cpu' else s.values[0])
                         for p in profiles for s in p.samples if not s.root().startswith('[conprof lost')]
    return ended.printed(), samples


def by(samples, key):
    """Sums by what samples say under the key."""
    sums = {}
    for sample, value in samples:
        said = sample.labels.get(key)
        sums[said] = sums.get(said, 0) + value
    return sums


def is_near(got, want, what):
    expect(abs(got - want) <= LATE + 0.02 * want, f'{what}: {got} ns, by its clock {want}')


def names(world):
    """What each thread burnt is its own, under its last name; what it allocated, under the name that
    it had. Short ones are found together under theirs."""
    printed, samples = run(world, 'names')
    cpu, numbers, heap = by(samples['cpu'], 'thread'), by(samples['cpu'], 'tid'), by(samples['heap'], 'thread')
    for name, label in (('alpha', 'alpha'), ('fifteen letters', 'fifteen letters'),
                        ('as it ended', 'as it ended'), ('main', 'labelled')):
        want = printed[name.replace(' ', '-') + '_ns']
        is_near(numbers.get(str(printed[name.replace(' ', '-') + '_tid']), 0), want, name)
        if label != 'labelled':
            is_near(cpu.get(label, 0), want, label)
    expect('as it began' not in cpu, f'{cpu}: a name that was given up')
    expect(abs(cpu.get('short', 0) - 200e6) <= 40e6, f'{cpu}: 40 of 5 ms')
    expect('bad ??' in cpu, f'{cpu}: bytes that are no text')
    expect(any(name and name.startswith('caf\u00e9') for name in cpu), f'{cpu}: text in UTF-8')
    for name in ('alpha', 'fifteen letters', 'short', 'labelled'):
        expect(heap.get(name, 0) > 0, f'{heap}: allocations of {name}')
    expect(set(by(samples['cpu'], 'pid')) == {str(printed['pid'])}, 'not each sample has its process')
    expect(None not in numbers, f'{numbers}: samples of no thread')
    expect(not [s for s, _ in samples['heap'] if 'tid' in s.labels], 'allocations of a thread number')


def left_out(world):
    """Each label can be left out, and all; sums are the same."""
    for setting, there in (('pid', {'pid'}), ('tid', {'tid'}), ('thread', {'thread'}),
                           ('none', set()), ('thread,pid', {'pid', 'thread'})):
        for file in os.listdir(world.spool) if os.path.isdir(world.spool) else ():
            os.unlink(os.path.join(world.spool, file))
        _, samples = run(world, 'names', CONPROF_SAMPLE_LABELS=setting)
        for sample, value in samples['cpu']:
            expect(set(sample.labels) == there, f'{setting}: {sample.labels}')
        total = sum(value for _, value in samples['cpu'])
        expect(total > 700e6, f'{setting}: {total} ns in all')
        if setting == 'none':
            stacks = [s.stack for s, _ in samples['cpu']]
            expect(len(stacks) < 2000, f'{len(stacks)} samples')


def living(world):
    """Each thread that lives is itself in the threads' profile, under its name of this moment."""
    child = world.start([os.path.join(world.build, 'run', 'labelled'), 'living'], dict(SETTINGS, CONPROF_PERIOD='1'))
    world.until('there were two periods', lambda: len(spooled(world, 'threads.pprof')) >= 2)
    child.stdin.close()
    child.stdin = None
    ended = world.finish(child)
    world.quiet()
    last = Profile(spooled(world, 'threads.pprof')[1])
    said = [(s.labels.get('thread'), s.labels.get('tid'), s.values[0]) for s in last.samples]
    expect(sorted(name for name, _, _ in said) == ['busy', 'busy', 'idle', 'labelled'], f'{said}')
    expect(len({number for _, number, _ in said}) == 4 and all(n == 1 for _, _, n in said), f'{said}')
    main = next(number for name, number, _ in said if name == 'labelled')
    expect(main == str(ended.pid), f'{said}: the first thread is {ended.pid}')


def many(world):
    """Ten thousand threads, one after another: their time is all there, under their name."""
    printed, samples = run(world, 'many', '10000')
    cpu = by(samples['cpu'], 'thread')
    want = printed['brief_ns']
    # a ten-thousandth each is seen by chance: as many periods, give or take their root, four times
    chance = 4 * (want * 1e6) ** 0.5
    got = cpu.get('brief', 0)
    expect(want - chance <= got <= want * 1.35 + chance, f'{cpu}: by their clocks {want} ns')
    expect(None not in cpu, f'{cpu}: somebody is called nothing')


def same_number(world):
    """Two threads with one number, one after the other, are two."""
    printed, samples = run(world, 'same')
    expect(printed['first_tid'] == printed['second_tid'], 'the program did not do what it should')
    mine = [(s, v) for s, v in samples['cpu'] if s.labels.get('tid') == str(printed['first_tid'])]
    cpu = by(mine, 'thread')
    is_near(cpu.get('the first', 0), printed['first_ns'], 'the first')
    is_near(cpu.get('the second', 0), printed['second_ns'], 'the second')


def forked(world):
    """A forked child is a process and a thread of its own, called what it calls itself; what it has
    inherited was its parent's."""
    printed, samples = run(world, 'forked')
    cpu = {}
    for sample, value in samples['cpu']:
        said = sample.labels['pid'], sample.labels['tid'], sample.labels.get('thread')
        cpu[said] = cpu.get(said, 0) + value
    parent, child = str(printed['pid']), str(printed['child'])
    expect(set(cpu) == {(parent, parent, 'the parent'), (child, child, 'the child')}, f'{cpu}')
    heap = {(s.labels['pid'], s.labels.get('thread')) for s, _ in samples['heap'] if s.values[3]}
    expect((child, 'the parent') in heap or not any(pid == child for pid, _ in heap), f'{heap}')


def pprof_shows_them(world):
    """`go tool pprof -tags` adds up by them, -tagfocus finds a name and a range of numbers."""
    printed, _ = run(world, 'names')
    files = spooled(world, 'cpu.pprof')
    tags = tool(['-tags'] + files)
    for line in (' pid: Total', ' thread: Total', ' tid: Total', ': alpha\n', ': short\n'):
        expect(line in tags, f'no {line!r} in {tags}')
    number = printed['alpha_tid']
    for focus in ('thread=^alpha$', f'tid={number}', f'tid={number}:{number}'):
        text = tool(['-raw', '-tagfocus=' + focus] + files)
        said = set(re.findall(r'thread:\[([^\]]*)\]', text))
        expect(said == {'alpha'}, f'-tagfocus={focus}: {said}')


def redis(world):
    """Its threads are called what redis calls them, in all three profiles."""
    where = os.path.join(world.dir, 'redis.sock')
    child = world.start(['redis-server', '--port', '0', '--unixsocket', where, '--save', '', '--io-threads', '2',
                         '--io-threads-do-reads', 'yes'], dict(SETTINGS, CONPROF_PERIOD='2'))
    world.until('redis was up', lambda: os.path.exists(where))
    load = world.run(['redis-benchmark', '-s', where, '-q', '-n', '3000', '-c', '20', '-P', '8', '-t', 'set'],
                     preload=False)
    expect(load.status == 0, f'redis-benchmark: {load.err!r}')
    world.until('there was a period', lambda: len(spooled(world, 'threads.pprof')) >= 2)
    child.terminate()
    world.finish(child)
    world.quiet()
    threads = {s.labels.get('thread') for s in Profile(spooled(world, 'threads.pprof')[1]).samples}
    for name in ('redis-server', 'bio_close_file', 'bio_aof', 'bio_lazy_free', 'io_thd_1'):
        expect(any(t.startswith(name) for t in threads), f'{threads}: no {name}')
    tags = tool(['-tags'] + spooled(world, 'cpu.pprof'))
    expect(': redis-server\n' in tags and ': io_thd_1\n' in tags, f'CPU: {tags}')
    tags = tool(['-tags', '-sample_index=alloc_space'] + spooled(world, 'heap.pprof'))
    expect(': redis-server\n' in tags, f'heap: {tags}')
    text = tool(['-raw', '-tagfocus=thread=^io_thd_'] + spooled(world, 'cpu.pprof'))
    expect(set(re.findall(r'thread:\[([^\]]*)\]', text)) == {'io_thd_1'}, 'tagfocus finds others')


def tests(_build):
    yield 'labels_names', False, names
    for test in (living, many, same_number, forked, left_out, pprof_shows_them, redis):
        yield 'labels_' + test.__name__, True, test
