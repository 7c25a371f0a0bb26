# harms.py - runs each program of test/harm that states its own terms: what breaks careless profilers.
# SPDX-License-Identifier: MIT
#
# The comment's language, a line each, after "// harm: ": that of a truth (truths.py), and
#   build FLAG...                what the compiler is told besides; a file with this alone is no test
#   run NAME WORD...             a test of its own: a WORD with "=" is a setting, another an argument
#   within N                     the watchdog: what has not ended by then is killed, and has failed
#   same                         without the library it prints the same and ends the same
import glob
import os
import re
import time

from receiver import Receiver
from same import differ
from truths import Truth, judge
from world import expect

HERE = os.path.dirname(os.path.abspath(__file__))
# What the uploader may take when the target has ended. Its work and the receiver's on the largest profile
# is some 5 s of CPU time, so this is for what hangs, on however busy a machine.
AFTERWARDS = 120


def sources():
    """The programs, of whatever folder of test/harm."""
    return sorted(glob.glob(os.path.join(HERE, '..', 'harm', '**', '*.c*'), recursive=True))


def lines(path):
    with open(path, encoding='utf-8') as f:
        return [line[len('// harm: '):].strip() for line in f if line.startswith('// harm: ')]


def flags(path):
    """What the compiler is told besides, for this source."""
    return [flag for line in lines(path) if line.startswith('build ') for flag in line.split()[1:]]


class Harm(Truth):
    mark = '// harm: '

    def __init__(self, path):
        self.runs, self.within, self.same = [], 30, False
        super().__init__(path)

    def state(self, text):
        word, _, rest = text.partition(' ')
        if word == 'run':
            name, *words = rest.split()
            self.runs.append(('_' + name, [w for w in words if '=' not in w],
                              dict(w.split('=', 1) for w in words if '=' in w)))
        elif word == 'within':
            self.within = int(rest)
        elif word == 'same':
            self.same = True
        elif word != 'build':
            super().state(text)


def watched(world, harm, argv, settings, preload=True):
    """One run of the program, with its own deadline; afterwards there is time for the uploader."""
    world.deadline = time.monotonic() + harm.within
    ended = world.run(argv, settings, preload)
    world.deadline = time.monotonic() + AFTERWARDS
    return ended


def run(world, harm, argv, settings):
    settings = dict(harm.settings, **settings)
    receiver = None
    if harm.checks:
        receiver = Receiver(world)
        # It reads all of a profile before it answers: of half a million stacks for 2.4 s of CPU time, which on
        # a busy machine may be minutes. The test's own deadline decides.
        settings.update({'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_UPLOAD_TIMEOUT': '3600'})
    ended = watched(world, harm, argv, settings)
    expect(ended.status in harm.ends and not ended.err,
           f'ended with {ended.status}: {ended.out[-300:]!r} {ended.err[-300:]!r}')
    if harm.same:
        plain = watched(world, harm, argv, settings, preload=False)
        expect(plain.status == ended.status, f'without: {plain.status}, with: {ended.status}')
        differ(plain.out.decode(), ended.out.decode(), 'out')
    world.quiet()
    if receiver:
        judge(world, harm, ended, receiver)
    else:
        expect(glob.glob(os.path.join(world.spool, '*.pprof')),
               'nothing was profiled, so nothing was proved' + world.last_log())


BINDING = re.compile(r'binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `(\w+)\'')


def bindings(world, host):
    """What unwinds for C++ is libgcc, whoever asks: libunwind is bound to by itself and us alone."""
    log = os.path.join(world.dir, 'bindings')
    ended = world.run([host], {'LD_DEBUG': 'bindings', 'LD_DEBUG_OUTPUT': log,
                               'CONPROF_UNWINDER': 'libunwind'})
    expect(ended.status == 0, f'ended with {ended.status}: {ended.out[-300:]!r}')
    found = []
    for file in glob.glob(log + '.*'):
        with open(file, encoding='utf-8', errors='replace') as f:
            found += BINDING.findall(f.read())
    raisers = {to for who, to, symbol in found
               if symbol == '_Unwind_RaiseException' and 'libunwind' not in who}
    expect(raisers and all('libgcc_s' in to for to in raisers), f'exceptions are raised by {raisers}')
    foreign = [f'{who}: {symbol}' for who, to, symbol in found
               if 'libunwind' in to and 'libunwind' not in who and 'libconprof' not in who]
    expect(not foreign, f'bound to libunwind: {foreign[:5]}')
    world.quiet()


def tests(build):
    """(name, slow, function) for each run of each program."""
    folder = os.path.join(os.path.abspath(build), 'harm')
    for path in sources():
        name = os.path.splitext(os.path.basename(path))[0]
        if all(line.startswith('build ') for line in lines(path)):
            continue
        harm = Harm(path)
        for variant, words, settings in harm.runs or [('', [], {})]:
            argv = [os.path.join(folder, name)] + words
            yield f'harm_{name}{variant}', harm.slow, \
                lambda world, h=harm, a=argv, s=settings: run(world, h, a, s)
    yield 'harm_bindings', False, lambda world: bindings(world, os.path.join(folder, 'host'))
