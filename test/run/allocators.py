# allocators.py - other allocators than libc's: their operator new is seen, and nobody comes to harm.
# SPDX-License-Identifier: MIT
import gzip
import os

import truths
from delivery import SHARP, spooled
from world import Skipped, expect

ALLOCATORS = {'tcmalloc': 'libtcmalloc_minimal.so.4', 'jemalloc': 'libjemalloc.so.2',
              'mimalloc': 'libmimalloc.so.2', 'tcmalloc_debug': 'libtcmalloc_minimal_debug.so.4'}
TRUTHS = ('cpp_new.cpp', 'alloc_half.c', 'alloc_aligned.c', 'alloc_calloc.c', 'alloc_realloc.c')


def needed(library):
    folders = (f'/usr/lib/{os.uname().machine}-linux-gnu', '/usr/lib64', '/usr/lib')
    if not any(os.path.exists(os.path.join(folder, library)) for folder in folders):
        raise Skipped(f'{library} is not installed')


def ours(world):
    return os.path.join(world.build, 'libconprof.so')


def unchanged(world, library):
    """Every operator, failures included: the program ends and prints as with the allocator alone,
    whoever is preloaded first, bound at once or call by call."""
    needed(library)
    binary = os.path.join(world.build, 'run', 'operators')
    settings = dict(SHARP, CONPROF_AGENT_SOCKET='dir://' + world.dir,
                    CONPROF_HEAP_SAMPLE_INTERVAL='512', CONPROF_LOG_LEVEL='1')
    alone = world.run([binary], {'LD_PRELOAD': library}, preload=False)
    expect(b'wrong 0\nplain wrong 0\n' in alone.out, f'alone: {alone.status} {alone.out!r}')
    for order in (f'{ours(world)} {library}', f'{library} {ours(world)}'):
        for now in ({}, {'LD_BIND_NOW': '1'}):
            with_us = world.run([binary], dict(settings, LD_PRELOAD=order, **now))
            expect((with_us.status, with_us.out, with_us.err) ==
                   (alone.status, alone.out, alone.err),
                   f'{order} {now}: {with_us.status} {with_us.out!r} {with_us.err[-300:]!r}, alone '
                   f'{alone.status} {alone.out!r} {alone.err[-300:]!r}')
    world.quiet()


def true(world, library, source, build, now):
    """What a truth states holds with this allocator behind us; if its program can run with the
    allocator at all: jemalloc 5.3 has no pvalloc and dies of libc's."""
    needed(library)
    truth = truths.Truth(os.path.join(truths.HERE, '..', 'truth', source))
    binary = os.path.join(build, 'truth', os.path.splitext(source)[0])
    alone = world.run([binary], {'LD_PRELOAD': library}, preload=False)
    if alone.status not in truth.ends:
        raise Skipped(f'with {library} alone it ends with {alone.status}')
    truth.settings.update(now, LD_PRELOAD=f'{ours(world)} {library}')
    truths.run(world, truth, binary)


def sized(world, build):
    """jemalloc's sized free of a block that was sampled."""
    needed('libjemalloc.so.2')
    truth = truths.Truth(os.path.join(truths.HERE, 'sized.c'))
    truth.settings['LD_PRELOAD'] = f'{ours(world)} libjemalloc.so.2'
    truths.run(world, truth, os.path.join(build, 'run', 'sized'))


def deepbind(world, build):
    """Blocks cross over to a libc that does not know of us, and back."""
    truths.run(world, truths.Truth(os.path.join(truths.HERE, 'deepbind.c')),
               os.path.join(build, 'run', 'deepbind'))


def in_front(world, argv, preload):
    """Somebody else's malloc is found first: its allocations are not profiled, and that is said."""
    ended = world.run(argv, dict(SHARP, LD_PRELOAD=preload, CONPROF_LOG_LEVEL='2'))
    expect(ended.status == 0, f'ended with {ended.status}: {ended.out[-300:]!r} {ended.err[-300:]!r}')
    world.quiet()
    with open(world.log, encoding='utf-8', errors='replace') as f:
        expect('are handed on by the malloc of' in f.read(), 'the log does not say it' + world.last_log())
    for file in spooled(world):
        with gzip.open(file) as f:
            expect(b'conprof: another malloc in front, processes 1' in f.read(), f'{file} does not say it')
    expect(spooled(world), 'there is no profile')


def first_in_line(world, library, build):
    needed(library)
    binary = os.path.join(build, 'truth', 'alloc_half')
    in_front(world, [binary], f'{library} {ours(world)}')


def linked_in(world, build):
    in_front(world, [os.path.join(build, 'harm', 'static_jemalloc')], ours(world))


def stub(world, build):
    """Debian's python3 is not position-independent and takes malloc's address: the stub that it has for that is not
    another's malloc."""
    del build
    ended = world.run(['/usr/bin/python3', '-S', '-c', 'x = [str(i) for i in range(100000)]'],
                      dict(SHARP, LD_PRELOAD=ours(world), CONPROF_LOG_LEVEL='2'))
    expect(ended.status == 0, f'ended with {ended.status}: {ended.err[-300:]!r}')
    world.quiet()
    expect(spooled(world), 'there is no profile')
    for file in spooled(world):
        with gzip.open(file) as f:
            expect(b'another malloc' not in f.read(), f'{file} speaks of another malloc')


SQL = '''create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i+1 from n where i<20000)
insert into t select i, hex(i*7919) from n; create index x on t(b);
select count(*), sum(length(b)), min(b), max(b) from t; pragma integrity_check; select nonsense;'''
SCRIPT = '''
import json, re, subprocess, threading, zlib
words = {}
def work(n):
    for i in range(20000): words.setdefault(i % 997 * n, []).append(str(i) * (i % 50))
threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sum(len(w) for v in words.values() for w in v), len(zlib.compress(repr(sorted(words)).encode())))
print(json.loads(json.dumps({str(k): len(v) for k, v in words.items()}))["42"])
print(subprocess.run(["sh", "-c", "echo $((6*7))"], capture_output=True).stdout, re.sub("(a+)b", r"\\1", "aab" * 99)[:9])
'''
PROGRAMS = {'sqlite3': ['/usr/bin/sqlite3', ':memory:', SQL],
            'python3': ['/usr/bin/python3', '-c', SCRIPT],
            'g++': ['/usr/bin/g++', '-O1', '-x', 'c++', '-S', '-o', '-',
                    os.path.join(truths.HERE, '..', 'truth', 'cpp_new.cpp'), '-I',
                    os.path.join(truths.HERE, '..', '..')]}


def real(world, library, program):
    """A program that nobody changed, with another allocator, before us and behind us."""
    needed(library)
    argv = PROGRAMS[program]
    if not os.path.exists(argv[0]):
        raise Skipped(f'there is no {argv[0]}')
    alone = world.run(argv, {'LD_PRELOAD': library}, preload=False)
    expect(alone.out, f'alone: {alone.status} {alone.err!r}')
    for order in (f'{ours(world)} {library}', f'{library} {ours(world)}'):
        with_us = world.run(argv, dict(SHARP, LD_PRELOAD=order, CONPROF_LOG_LEVEL='1'))
        expect((with_us.status, with_us.out, with_us.err) == (alone.status, alone.out, alone.err),
               f'{order}: {with_us.status} {with_us.out[-200:]!r} {with_us.err[-300:]!r}, alone '
               f'{alone.status} {alone.out[-200:]!r} {alone.err[-300:]!r}')
        world.quiet()
    expect(spooled(world), 'nothing was profiled, so nothing was proved')


def sanitized(world, kind):
    """A program that a sanitizer runs in is left alone: the same output, and no profile."""
    source = os.path.join(world.dir, 'a.c')
    with open(source, 'w', encoding='ascii') as f:
        f.write('#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n#include <sys/wait.h>\n'
                'int main(void) { for (int i = 0; i < 100000; i++) free(malloc((size_t)i));\n'
                'pid_t p = vfork(); if (!p) _exit(3); int s; waitpid(p, &s, 0);\n'
                'char *volatile a = malloc(10); puts("before"); fflush(stdout);\n'
                'free(a); a[1] = 1; return 0; }\n')
    binary = os.path.join(world.dir, 'a')
    made = world.run(['/usr/bin/gcc', '-O1', '-g', f'-fsanitize={kind}', '-o', binary, source], preload=False)
    if made.status:
        raise Skipped(f'gcc can\'t -fsanitize={kind}: {made.err[-100:]!r}')
    # asan wants to stand first, and says so; that is the user's to allow.
    quiet = {'ASAN_OPTIONS': 'verify_asan_link_order=0'}
    plain = world.run([binary], quiet, preload=False)
    with_us = world.run([binary], dict(SHARP, **quiet))
    expect((plain.status, plain.out) == (with_us.status, with_us.out) and
           plain.err[:10] == with_us.err[:10],
           f'without {plain.status} {plain.err[:200]!r}, with {with_us.status} {with_us.err[:200]!r}')
    world.quiet()
    expect(not spooled(world), 'it was profiled')


def tests(build):
    build = os.path.abspath(build)
    for kind in ('address', 'thread'):
        yield f'allocator_sanitizer_{kind}', True, lambda world, k=kind: sanitized(world, k)
    for name, library in ALLOCATORS.items():
        for program in PROGRAMS:
            if not name.endswith('debug'):
                yield f'allocator_{name}_{program}', True, \
                    lambda world, l=library, p=program: real(world, l, p)
    yield 'allocator_stub', False, lambda world: stub(world, build)
    yield 'allocator_linked_in', False, lambda world: linked_in(world, build)
    yield 'allocator_first_in_line', False, \
        lambda world: first_in_line(world, 'libtcmalloc_minimal.so.4', build)
    for function in (sized, deepbind):
        yield 'allocator_' + function.__name__, False, lambda world, f=function: f(world, build)
    for name, library in ALLOCATORS.items():
        # The debugging one tells each mismatched pair of new and delete, and is slower for it.
        slow = name.endswith('debug')
        yield f'allocator_{name}_unchanged', slow, lambda world, l=library: unchanged(world, l)
        for source in TRUTHS:
            operators = source.endswith('.cpp')
            for now in ({}, {'LD_BIND_NOW': '1'}) if operators else ({},):
                yield (f'allocator_{name}_{os.path.splitext(source)[0]}' + '_now' * len(now),
                       slow or not operators or bool(now),
                       lambda world, l=library, s=source, n=now: true(world, l, s, build, n))
