# names.py - what a reader sees: allocations at who asked for them, names as they were wanted, and those that we could not find.
# SPDX-License-Identifier: MIT
import functools
import gzip
import os
import re
import shutil
import subprocess

from pprof import Profile, go
from receiver import Receiver
from world import expect

SHARP = {'CONPROF_HEAP_SAMPLE_INTERVAL': '2048', 'CONPROF_CPU_PROFILERATE': '1000'}
BLOCKS = 20000  # of each kind that test/run/named.cpp makes


def profiles(world, program=None, **settings):
    """One run of the program: its files by kind, which meet the rules of all files."""
    receiver = Receiver(world)
    program = program or os.path.join(world.build, 'run', 'named')
    ended = world.run([program], dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url, **settings))
    expect(ended.status == 0, f'it ended with {ended.status}: {ended.err[-300:]!r}')
    world.quiet()
    receiver.stop()
    return {kind: receiver.files(kind + '.pprof')[0] for kind in ('cpu', 'heap', 'goroutines')}


def texts(file):
    """All that is written in the file, whatever a reader leaves out."""
    with gzip.open(file) as f:
        return f.read()


def callers(world):
    """The leaf is who called malloc, or whose `new` it was; the wrapper is in the file all the same."""
    files = profiles(world)
    heap, threads = Profile(files['heap']), Profile(files['goroutines'])
    at = heap.types.index('alloc_objects')
    leaves = {}
    for sample in heap.samples:
        leaf = sample.stack[0]
        leaves[leaf] = leaves.get(leaf, 0) + sample.values[at]
    # two spellings of new; reallocarray is an allocator itself, strdup asks for memory on its own account
    for leaf, blocks in (('plain_new', 2 * BLOCKS), ('by_libc', BLOCKS), ('strdup', BLOCKS)):
        expect(abs(leaves.get(leaf, 0) - blocks) < 0.1 * blocks, f'{leaf}: {leaves.get(leaf, 0)} blocks of {blocks}')
    wrong = [leaf for leaf in leaves if re.search(r'operator new|::allocate$|_M_get_node$|^(m|c|re)alloc', leaf)]
    expect(not wrong, f'allocations begin at {wrong}')
    expect(b'operator new' in texts(files['heap']) and b'operator new[]' in texts(files['heap']), 'wrappers are not in the file')
    begun = [sample.stack[0] for sample in threads.samples if len(sample.stack) > 1]
    expect(len(begun) == 3 and set(begun) == {'make_threads'}, f'threads begin at {begun}')
    expect(b'std::thread::_M_start_thread' in texts(files['goroutines']), 'libstdc++ is not in the file')


def written(world, how, has, has_not):
    files = profiles(world, CONPROF_DEMANGLE=how)
    for text in has:
        expect(text in texts(files['heap']), f'{how}: there is no {text}')
    for text in has_not:
        expect(text not in texts(files['heap']), f'{how}: there is {text}')


def google_pprof(world):
    """pprof itself, as Debian brings its source: the one in Go's tools reads no build-ids, nor DWARF."""
    path = os.path.join(world.build, 'pprof')
    if not os.path.exists(path):
        env = {'PATH': '/usr/bin:/bin', 'HOME': world.home, 'GO111MODULE': 'off', 'GOPATH': '/usr/share/gocode', 'GOFLAGS': ''}
        subprocess.run([go(), 'build', '-o', path, 'github.com/google/pprof'], env=env, check=True)
    return path


def left_to_reader(world):
    """Of a stripped program only exported names are known. A reader that has the whole one by build-id finds the
    others, and leaves ours alone."""
    reader = google_pprof(world)
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'named.cpp')
    whole, bare = (os.path.join(world.dir, name) for name in ('whole', 'bare'))
    subprocess.run(['g++', '-std=gnu++17', '-O2', '-g', '-pthread', '-rdynamic', '-fno-optimize-sibling-calls',
                    '-Wl,--build-id', '-o', whole, source], check=True)
    subprocess.run(['strip', '-o', bare, whole], check=True)
    cpu = profiles(world, bare)['cpu']
    notes = subprocess.run(['readelf', '-n', whole], stdout=subprocess.PIPE, check=True).stdout.decode()
    kept = os.path.join(world.dir, 'kept', re.search(r'Build ID: (\w+)', notes)[1])
    os.makedirs(kept)
    shutil.move(whole, os.path.join(kept, 'bare'))
    os.rename(bare, bare + '.gone')  # or it would ask the stripped one

    def seen(*options):
        env = {'PATH': '/usr/bin:/bin', 'HOME': world.home, 'PPROF_BINARY_PATH': os.path.dirname(kept)}
        done = subprocess.run([reader, *options, '-traces', cpu], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=world.left(), check=True)
        return done.stdout.decode()

    ours, all_ = seen('-symbolize=none'), seen()
    expect('exported_burn' in ours and 'hidden_burn' not in ours, f'without help: {ours[:600]}')
    stack = re.search(r'(\S*hidden_burn\S*)( \(inline\))?\n\s+(\S+)\n\s+main\n', all_)
    expect(stack and stack[3] == 'exported_burn', f'with the whole program: {all_[:600]}')


def tests(_build):
    yield 'names/callers', False, callers
    yield 'names/short', True, functools.partial(
        written, how='short', has=[b'shop::Till::ring', b'_ZN4shop4TillIiE4ringEi'], has_not=[b'shop::Till<int>'])
    yield 'names/full', True, functools.partial(
        written, how='full', has=[b'shop::Till<int>::ring(int)', b'_ZN4shop4TillIiE4ringEi'], has_not=[b'shop::Till::'])
    yield 'names/none', True, functools.partial(
        written, how='none', has=[b'_ZN4shop4TillIiE4ringEi'], has_not=[b'shop::Till'])
    yield 'names/left_to_reader', True, left_to_reader
