# readonly.py - libraries whose dynamic section the loader does not relocate: their tables hold offsets.
# SPDX-License-Identifier: MIT
import os
import struct
import subprocess

from delivery import SHARP
from world import expect

LIBRARY = 'void *malloc(unsigned long); void *grab(unsigned long n) { return malloc(n); }\n'
PROGRAM = '''#include <stdio.h>
#include <stdlib.h>
void *grab(unsigned long);
int main(void) { for (int i = 0; i < 2000; i++) free(grab(1000)); return printf("fine\\n") != 5; }
'''
PT_DYNAMIC, PF_W = 2, 2


def compiled(world, name, text, *flags):
    source, target = os.path.join(world.dir, name + '.c'), os.path.join(world.dir, name)
    with open(source, 'w', encoding='ascii') as f:
        f.write(text)
    subprocess.run(['gcc', '-g', '-O1', '-fno-builtin', '-o', target, source, *flags], check=True, timeout=60)
    return target


def write_protected(path):
    """The flag by which glibc knows that it must not write to the dynamic section, as `lld -z rodynamic` sets it."""
    with open(path, 'r+b') as f:
        data = f.read()
        at, size, count = struct.unpack_from('<Q', data, 32)[0], *struct.unpack_from('<HH', data, 54)
        for header in range(at, at + size * count, size):
            kind, flags = struct.unpack_from('<II', data, header)
            if kind == PT_DYNAMIC:
                f.seek(header + 4)
                f.write(struct.pack('<I', flags & ~PF_W))
                return
    expect(False, f'{path} has no dynamic section')


def read_only_dynamic(world):
    library = compiled(world, 'libgrab.so', LIBRARY, '-shared', '-fPIC')
    program = compiled(world, 'grabs', PROGRAM, library, '-Wl,-rpath,$ORIGIN')
    write_protected(library)
    settings = dict(SHARP, CONPROF_AGENT_SOCKET='dir://' + world.dir, CONPROF_HEAP_SAMPLE_INTERVAL='512')
    alone = world.run([program], {}, preload=False)
    expect((alone.status, alone.out) == (0, b'fine\n'), f'alone: {alone.status} {alone.out!r} {alone.err!r}')
    done = world.run([program], settings)
    expect((done.status, done.out, done.err) == (0, b'fine\n', b''), f'{done.status} {done.out!r} {done.err!r}')
    world.quiet()


def tests(_build):
    yield 'readonly_dynamic', False, read_only_dynamic
