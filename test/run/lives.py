# lives.py - the uploader's own ways to die, and the target that must not care.
# SPDX-License-Identifier: MIT
import glob
import os
import random
import signal
import time

from delivery import SHARP, end, near, spooled, unharmed
from receiver import Receiver
from renewals import lost, total
from world import expect

# Each allocation is a sample, so counts are exact.
EXACT = {'CONPROF_HEAP_SAMPLE_INTERVAL': '1', 'CONPROF_PERIOD': '1', 'CONPROF_CPU_PROFILERATE': '1000'}
PIECES = 1024  # bytes of each allocation of the worker


def looping(world, receiver, **settings):
    return world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                       dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url, **settings))


def killed(world):
    """The uploader is killed: the target starts another, and what was not yet delivered goes with
    that one, since it is in the recording and not in the uploader."""
    receiver = Receiver(world)
    child = looping(world, receiver)
    world.until('there was an uploader', world.uploaders)
    first = world.uploaders()
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    world.until('there was another uploader',
                lambda: [p for p in world.uploaders() if p not in first])
    want = end(world, child)
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    receiver.stop()


def books(files, ended):
    """Each piece is there once or counted as lost, and the CPU time is what the clocks say."""
    heaps = [f for f in files if f.endswith('heap.pprof')]
    made = sum(one['burst_bytes'] for one in ended) // PIECES
    got, missing = total(heaps, 'alloc_objects', 'burst'), lost(heaps, 'alloc_objects')
    cpu = total([f for f in files if f.endswith('cpu.pprof')], 'cpu')
    spent = sum(one['cpu_ns'] for one in ended)
    print(f'  books: {got} of {made} pieces, {missing} lost; {cpu / 1e9:.3f} of {spent / 1e9:.3f} s in {len(heaps)} profiles')
    expect(got <= made <= got + missing, f'{got} pieces and {missing} lost, {made} were made')
    expect(missing <= 0.01 * made, f'{missing} of {made} pieces have no stack')
    expect(abs(cpu - spent) <= 0.03 * spent + 5e7, f'{cpu} ns of CPU, the clocks said {spent}')


def killed_often(world):
    """SIGKILL to the uploader of two targets at any moment, again and again: nothing they did is
    lost, and nothing is there twice."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print(f'  killed_often: seed {seed}')
    world.deadline += 120
    path = os.path.join(world.dir, 'folder')
    children = [world.start([os.path.join(world.build, 'run', 'worker'), 'burn'],
                            dict(EXACT, CONPROF_AGENT_SOCKET='dir://' + path)) for _ in range(2)]
    for _ in range(5):
        world.until('there was an uploader', world.uploaders)
        time.sleep(chance.uniform(0.2, 2.2))
        before = world.uploaders()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        world.until('there was another uploader',
                    lambda: [p for p in world.uploaders() if p not in before])
    time.sleep(4)  # the other target finds it, too
    ended = []
    for child in children:
        child.stdin.close()
        child.stdin = None
        done = world.finish(child)
        unharmed(done)
        ended.append(done.printed())
    world.quiet()
    books(sorted(glob.glob(os.path.join(path, '*.pprof'))), ended)
    expect(not spooled(world), 'profiles were left in the spool')


def recorded(world):
    return {line['pid'] for lines in world.status() for line in lines if line['kind'] == 'process'}


def killed_at_end(world):
    """The uploader is killed, and its targets end before an event of theirs has seen it: one when
    nobody listens, another when a new uploader does, which has never heard of it."""
    path = os.path.join(world.dir, 'folder')
    settings = dict(EXACT, CONPROF_AGENT_SOCKET='dir://' + path, CONPROF_PERIOD='30')
    children = [world.start([os.path.join(world.build, 'run', 'worker'), 'burn'], settings)
                for _ in range(2)]
    world.until('both were at work', lambda: all(worked(child) for child in children))
    world.until('one uploader had both', lambda: len(world.uploaders()) == 1 and recorded(world) ==
                {str(child.pid) for child in children})
    time.sleep(0.3)
    os.kill(world.uploaders()[0], signal.SIGKILL)
    world.until('it was gone', lambda: not world.uploaders())
    ended = []
    for child in children:
        child.stdin.close()
        child.stdin = None
        done = world.finish(child)
        unharmed(done)
        ended.append(done.printed())
        if child is children[0]:
            world.until('there was another', world.listening)
    world.quiet()
    books(sorted(glob.glob(os.path.join(path, '*.pprof'))), ended)
    expect(not spooled(world), 'profiles were left in the spool')


def told_to_go(world):
    """SIGTERM to the uploader, as when a unit stops: it delivers what there is and is gone; the
    target runs on and starts no other."""
    receiver = Receiver(world)
    child = looping(world, receiver)
    world.until('there was an uploader', world.uploaders)
    world.until('the target was at work', lambda: worked(child))
    for pid in world.uploaders():
        os.kill(pid, signal.SIGTERM)
    world.quiet()
    expect(len(receiver.accepted()) == 1, f'{len(receiver.accepted())} uploads came')
    expect(child.poll() is None, 'the target has ended')
    expect(not spooled(world), 'profiles were left in the spool')
    end(world, child)
    expect(len(receiver.accepted()) == 1, 'another uploader was started')
    receiver.stop()


def worked(child):
    """Whether the target has used some CPU time."""
    with open(f'/proc/{child.pid}/stat', encoding='ascii') as f:
        words = f.read().rsplit(')', 1)[1].split()
    return int(words[11]) + int(words[12]) >= 10


def family(world):
    """Two processes of the same settings share one uploader; each has its own numbers."""
    receiver = Receiver(world)
    first = looping(world, receiver)
    world.until('there was an uploader', world.uploaders)
    second = looping(world, receiver)
    world.until('both were at work', lambda: worked(first) and worked(second))
    expect(len(world.uploaders()) == 1, f'there are {len(world.uploaders())} uploaders')
    first.stdin.close()
    first.stdin = None
    want = unharmed(world.finish(first))
    want += end(world, second)
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    receiver.stop()


def together(world):
    """Twenty at once, on a fresh rendezvous: one uploader wins, nobody is lost."""
    receiver = Receiver(world)
    children = [looping(world, receiver) for _ in range(20)]
    world.until('all were at work', lambda: all(worked(c) for c in children))
    want = 0
    for child in children:
        child.stdin.close()
        child.stdin = None
    for child in children:
        want += unharmed(world.finish(child))
    world.quiet()
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    receiver.stop()


def missing_program(world):
    """The library without its companion: the target runs as if nothing were there."""
    lone = os.path.join(world.dir, 'libconprof.so')
    with open(os.path.join(world.build, 'libconprof.so'), 'rb') as f, open(lone, 'wb') as g:
        g.write(f.read())
    ended = world.run([os.path.join(world.build, 'run', 'worker')], {'LD_PRELOAD': lone})
    expect(ended.status == 3, f'the target ended with {ended.status}')
    expect(ended.err.count(b'\n') <= 1 and (not ended.err or b'conprof' in ended.err),
           f'stderr: {ended.err[:300]!r}')


def off(world):
    """CONPROF_ENABLED=0: no uploader, no profile, no word; at level 3 the word why."""
    ended = world.run([os.path.join(world.build, 'run', 'worker')], {'CONPROF_ENABLED': '0'})
    unharmed(ended)
    for settings, why in (({'CONPROF_ENABLED': '0'}, b'CONPROF_ENABLED is 0'),
                          ({'CONPROF_INSTANCE_FRACTION': '0'}, b'CONPROF_INSTANCE_FRACTION')):
        ended = world.run(['/bin/true'], dict(settings, CONPROF_LOG_FILE='stderr'))
        expect(ended.status == 0 and why in ended.err and ended.err.count(b'\n') == 1,
               f'{settings}: {ended.status} {ended.err!r}')
    expect(not world.uploaders() and not os.listdir(world.spool), 'something was recorded')


def tests(_build):
    for function in (killed, told_to_go, family, missing_program, off):
        yield 'lives_' + function.__name__, function is killed, function
    yield 'lives_together', True, together
    yield 'lives_killed_often', True, killed_often
    yield 'lives_killed_at_end', True, killed_at_end
