# jit.py - code that programs make as they run: node, java and python, by the names in /tmp/perf-PID.map.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import shutil
import subprocess

from coverage import EARLY, settings
from interpreters import java_classes, there
from pprof import Profile, tool as pprof_tool, top
from same import tool
from world import Skipped, expect

JIT = '[jit]'
NAMED = 0.9


class Run:
    """A program's CPU profile, and of what it says of code that lies in no file."""

    def __init__(self, world, program):
        world.quiet()
        files = glob.glob(os.path.join(world.dir, 'profiles', f'{program}-*.cpu.pprof'))
        expect(len(files) == 1, f'{len(files)} CPU profiles of {program}')
        self.file = files[0]
        self.profile = Profile(self.file)
        self.named = self.nameless = self.early = self.all = 0
        for sample in self.profile.samples:
            weight = sample.values[0]
            made = [functions for place in sample.places if self.profile.module(place) == JIT
                    for functions in place[1]]
            self.all += weight
            self.early += weight * (sample.root() == EARLY)
            self.nameless += weight * (JIT in made)
            self.named += weight * (bool(made) and JIT not in made)
        self.top = top([self.file], 'samples', 'count')
        print(f'-- jit, {world.name}: {self.all} periods, in code of no file {self.named} with names, {self.nameless} '
              f'without; {self.early} ended early', flush=True)
        expect('<unknown>' not in self.top, 'there is <unknown> code')
        expect(self.all > 50, f'{self.all} periods only')

    def are_named(self, *functions):
        share = self.named / max(self.named + self.nameless, 1)
        expect(share > NAMED, f'{share:.0%} of the samples in code of no file have all names')
        for function in functions:
            expect(self.top.get(function, 0) > 0, f'{function} is not in pprof -top: {sorted(self.top)[:200]}')

    def lines(self, function, text):
        """What pprof -list shows of it, read from its source: a weight beside the line."""
        shown = pprof_tool(['-list', '^' + re.escape(function) + '$', '-sample_index=samples', self.file])
        weighed = [line for line in shown.splitlines() if re.match(r'\s+(\d+|\.)\s+[1-9]\d*\s+\d+:', line)]
        expect(any(text in line for line in weighed), f'-list {function}: no weight at {text!r}: {shown[:500]}')


def without_files(function):
    """The files lie in /tmp: those that were made in the meantime go."""
    def test(world):
        before = set(glob.glob('/tmp/perf-*.map'))
        try:
            function(world)
        finally:
            for child in world.children:
                path = f'/tmp/perf-{child.pid}.map'
                if path not in before and os.path.exists(path):
                    pass
    return test


def run(world, *argv):
    ended = world.run(argv, settings(world))
    expect(ended.status == 0 and ended.out.split()[-1:] in ([b'true'], [b'True']),
           f'ended with {ended.status}: {ended.err[-300:]!r}')
    return ended


def node(option):
    def test(world):
        run(world, tool('node'), option, there('shop.js'), '2')
        seen = Run(world, 'node')
        seen.are_named('countDown', 'total')
        seen.lines('countDown', 'function countDown(n)')
        expect(pprof_tool(['-top', '-lines', seen.file]).find('countDown ' + there('shop.js') + ':5') > 0,
               'there is no countDown of shop.js:5')
        expect(not seen.early, f'{seen.early} of {seen.all} ended early')
    return without_files(test)


def node_without(world):
    """One honest thing: [jit], of which V8's own built-ins are no part."""
    run(world, tool('node'), there('shop.js'), '2')
    seen = Run(world, 'node')
    expect(seen.top.get(JIT, 0) > seen.all / 2, f'[jit] is {seen.top.get(JIT, 0)} of {seen.all}')
    expect(not seen.named and 'countDown' not in seen.top, 'names came from nowhere')


def java(world):
    """Written once it is warm, without an agent; with frame pointers stacks are whole."""
    place = java_classes(world, 'Shop')
    jcmd = tool('jcmd')
    child = world.start([tool('java'), '-Xmx128m', '-XX:+PreserveFramePointer', '-cp', place, 'Shop', '2'],
                        settings(world))
    expect(child.stdout.readline() == b'warm\n', 'java did not get warm')
    world.run([jcmd, str(child.pid), 'Compiler.perfmap'], preload=False)
    if not os.path.exists(f'/tmp/perf-{child.pid}.map'):
        raise Skipped('this java has no Compiler.perfmap: it takes JDK 17')
    expect(world.finish(child).status == 0, 'java failed')
    seen = Run(world, 'java')
    seen.are_named('Shop.countDown(int)', 'Shop.work(long[])')
    expect(seen.early <= seen.all * 0.05, f'{seen.early} of {seen.all} ended early')


def newer_python():
    """The program itself of a CPython that knows -X perf: the system's, or one of pyenv's."""
    own = glob.glob(os.path.expanduser('~/.pyenv/versions/3.*/bin/python3'))
    for found in [shutil.which(f'python3.{minor}') for minor in range(12, 20)] + sorted(own):
        if not found:
            continue
        asked = subprocess.run([found, '-X', 'perf', '-c', 'import sys; print(sys.is_stack_trampoline_active() and sys.executable)'], capture_output=True,
                               check=False)
        if asked.returncode == 0:
            return os.path.realpath(asked.stdout.decode().strip())
    raise Skipped('there is no CPython 3.12 or later with -X perf')


def python(world):
    program = newer_python()
    run(world, program, '-X', 'perf', '-B', there('shop.py'), '1.5')
    seen = Run(world, os.path.basename(program))
    seen.are_named('count_down', 'Till.total')
    expect(seen.early <= seen.all * 0.05, f'{seen.early} of {seen.all} ended early')


def php(world):
    """Names only: its code runs in the interpreter's frame, so stacks end in it."""
    jit = ['-d', 'opcache.enable_cli=1', '-d', 'opcache.jit=tracing', '-d', 'opcache.jit_buffer_size=16M']
    run(world, tool('php'), *jit, '-d', 'opcache.jit_debug=0x10', there('shop.php'), '1.5')
    Run(world, 'php').are_named('count_down', 'Till::total')


def tests(_build):
    yield 'jit_node', True, node('--perf-basic-prof')
    yield 'jit_node_functions', True, node('--perf-basic-prof-only-functions')
    yield 'jit_node_without', True, node_without
    yield 'jit_java', True, without_files(java)
    yield 'jit_php', True, without_files(php)
    yield 'jit_python', True, without_files(python)
