# lives.py - the uploader's own ways to die, and the target that must not care.
# SPDX-License-Identifier: MIT
import os
import signal

from delivery import SHARP, near, spooled, unharmed
from receiver import Receiver
from world import expect


def looping(world, receiver, **settings):
    return world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                       dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url, **settings))


def end(world, child):
    child.stdin.close()
    child.stdin = None
    want = unharmed(world.finish(child))
    world.quiet()
    return want


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
    """CONPROF_ENABLED=0: no uploader, no profile, no word."""
    ended = world.run([os.path.join(world.build, 'run', 'worker')], {'CONPROF_ENABLED': '0'})
    unharmed(ended)
    expect(not world.uploaders() and not os.listdir(world.spool), 'something was recorded')


def tests(_build):
    for function in (killed, told_to_go, family, missing_program, off):
        yield 'lives_' + function.__name__, function is killed, function
    yield 'lives_together', True, together
