# kernel.py - the library's line about a kernel whose CPU timers can break a call off.
# SPDX-License-Identifier: MIT
import os
import platform

from same import tool
from world import Skipped, expect

LINE = 'may end a waiting call'


def old_kernel(world):
    """A kernel that calls itself 2.6, for the sake of programs that know no other: it is what uname
    says, and the only way to have an older one here."""
    argv = [tool('setarch'), platform.machine(), '--uname-2.6']
    if not world.run(argv + ['/bin/uname', '-r'], preload=False).out.startswith(b'2.6.'):
        raise Skipped('this kernel does not pretend to be an older one')
    return argv


def said(world, argv, **settings):
    """stderr of a program under these settings, its log going there."""
    ended = world.run(argv + ['/bin/sh', '-c', 'exit 3'], dict(settings, CONPROF_LOG_FILE=None))
    expect(ended.status == 3, f'ended with {ended.status}: {ended.err!r}')
    return ended.err.decode()


def line(world):
    """At level 2, once, where it is true; not a byte by default, nor where nothing ticks."""
    old = old_kernel(world)
    told = said(world, old, CONPROF_LOG_LEVEL='2')
    expect(told.count(LINE) == 1 and told.startswith('conprof: under kernel "2.6.') and
           'CONPROF_PROFILE_TYPES=heap,goroutine' in told, f'said {told!r}')
    told = said(world, old, CONPROF_LOG_LEVEL=None)
    expect(told == '', f'by default said {told!r}')
    told = said(world, old, CONPROF_LOG_LEVEL='2', CONPROF_PROFILE_TYPES='heap,goroutine')
    expect(told == '', f'without ticks said {told!r}')
    told = said(world, [], CONPROF_LOG_LEVEL='2')
    release = tuple(int(n) for n in os.uname().release.split('-')[0].split('.')[:2])
    since = (5, 16) if platform.machine() == 'aarch64' else (5, 9)
    expect((LINE in told) == (release < since), f'under {release} said {told!r}')
    world.quiet()


def tests(_build):
    yield 'kernel_line', False, line
