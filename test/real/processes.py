# processes.py - what takes a namespace, a user or a mount to be told: first processes, other users.
# SPDX-License-Identifier: MIT
import ctypes
import glob
import os
import shutil
import signal

from delivery import spooled
from same import differ
from world import Skipped, expect

PR_SET_CHILD_SUBREAPER = 36
SHARP = {'CONPROF_CPU_PROFILERATE': '1000', 'CONPROF_HEAP_SAMPLE_INTERVAL': '4096',
         'CONPROF_PERIOD': '1'}


def tool(name):
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    if not path:
        raise Skipped(f'there is no {name}')
    return path


def program(world, name):
    return os.path.join(world.build, 'harm', name)


def root():
    if os.geteuid() != 0:
        raise Skipped('it takes root')


def first_of_namespace(argv, world, preload):
    """The program as process 1 of a pid namespace; what makes it that is not profiled."""
    root()
    what = ['LD_PRELOAD=' + os.path.join(world.build, 'libconprof.so')] if preload else []
    return [tool('unshare'), '--pid', '--fork', '--mount-proc', '--kill-child', tool('env')] + what + argv


def subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def as_process_1(world, argv, settings, preload):
    return world.start(first_of_namespace(argv, world, preload), settings, preload=False)


def as_subreaper(world, argv, settings, preload):
    return world.start(argv, settings, preload=preload, preexec_fn=subreaper)


def keepers():
    """The processes that stand between an uploader and a target which would see it."""
    found = []
    for path in glob.glob('/proc/[0-9]*/comm'):
        try:
            with open(path, encoding='utf-8', errors='replace') as f:
                if f.read() == 'conprof-keeper\n':
                    found.append(int(path.split('/')[2]))
        except OSError:
            pass
    return found


def reapers(world, start):
    """Waiting for all its children ends, and none of them is a stranger; the profile arrives."""
    argv = [program(world, 'init')]
    plain = world.finish(start(world, argv, SHARP, False))
    ended = world.finish(start(world, argv, SHARP, True))
    expect(plain.status == 7, f'without: {plain.status} {plain.err[-300:]!r}')
    differ(plain.out.decode(), ended.out.decode(), 'out')
    differ(plain.err.decode(), ended.err.decode(), 'err')
    expect(ended.status == 7, f'ended with {ended.status}')
    world.quiet()
    expect(spooled(world, '.cpu.pprof'), 'no profile came' + world.last_log())


def tests(_build):
    yield 'processes_process_1', False, lambda world: reapers(world, as_process_1)
    yield 'processes_subreaper', False, lambda world: reapers(world, as_subreaper)
