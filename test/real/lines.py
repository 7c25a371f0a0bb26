# lines.py - functions, files and lines, inlined calls too, held against llvm-symbolizer and addr2line.
# SPDX-License-Identifier: MIT
#
# Real programs are asked for at thousands of addresses each: half of them behind calls, where an
# unwinder asks, the others anywhere in the code. All levels count: function, file, line. Where one of
# the two others differs from us and from the other, it is alone; that is counted by class and printed.
# Where we differ from both, more than 1 address of 1000 is a failure.
import collections
import glob
import os
import shutil
import subprocess
import threading

import readers
from same import tool
from world import Skipped, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = os.path.join(ROOT, 'test', 'judge')
ALLOWED = 0.001
MAKING = threading.Lock()


def asker(world):
    built = os.path.join(world.build, 'judge_lines')
    with MAKING:
        made = subprocess.run(['make', '-s', '-C', ROOT, f'B={world.build}', built], capture_output=True)
    expect(made.returncode == 0, f'judge_lines was not built: {made.stderr[-300:]!r}')
    return built


def tell(world, path, count, classes, cost, started):
    words = ', '.join(f'{times} {kind}' for kind, times in classes.most_common())
    print(f'-- {world.name}: {os.path.relpath(path, world.dir) if path.startswith(world.dir) else path}: {count} addresses: {words}; first lines of {started[0]} frames, '
          f'{started[1]} of them not as llvm has it; open {cost["open_us"] / 1000:.0f} ms, {cost["open_kib"] >> 10} MB; '
          f'asked {cost["asked"] / max(cost["ask_us"], 1):.2f} in 1 us, then {cost["kib"] >> 10} MB', flush=True)


def judged(world, path, count, code=None, others=('llvm', 'addr2line')):
    """The file with DWARF, and that with the code if it is another. Our readings."""
    tool('llvm-symbolizer')
    addresses = readers.choose(code or path, count)
    expect(len(addresses) >= count * 0.9, f'{len(addresses)} addresses only')
    mine, cost = readers.ours(asker(world), path, addresses)
    expect(cost['lines'] == 1, 'we found no lines')
    theirs = {name: getattr(readers, name)(path, addresses) for name in others}
    symbols = readers.Symbols(path)
    classes, examples = collections.Counter(), {}
    for i, address in enumerate(addresses):
        readings = {name: readings[i] for name, readings in theirs.items()}
        found = readers.class_of(address, mine[i], readings, symbols)
        classes[found] += 1
        examples.setdefault(found, (hex(address), [tuple(f) for f in mine[i]],
                                    {n: [tuple(f) for f in r] for n, r in readings.items()}))
    started = readers.starts(mine, theirs['llvm']) if 'llvm' in theirs else (0, 0)
    tell(world, path, len(addresses), classes, cost, started)
    bad = {kind: times for kind, times in classes.items() if kind.startswith('against')}
    example = examples[max(bad, key=bad.get)] if bad else ''
    expect(sum(bad.values()) <= ALLOWED * len(addresses), f'{bad} of {len(addresses)}: {example}')
    expect(classes['same'] > 0, 'not one was the same for all')
    expect(started[1] <= ALLOWED * max(started[0], 1), f'{started[1]} of {started[0]} first lines differ')
    return addresses, mine


def debug_file(path):
    """The one of a Debian package, by build-id."""
    for line in readers.output(['readelf', '-n', path])[0].splitlines():
        if 'Build ID:' in line:
            number = line.split()[-1]
            found = f'/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug'
            if os.path.exists(found):
                return found
    raise Skipped(f'there is no debug file of {path}')


def first(pattern):
    found = sorted(glob.glob(pattern))
    if not found:
        raise Skipped(f'there is no {pattern}')
    return os.path.realpath(found[0])


def packaged(pattern, count):
    """A program or library whose debug file Debian has."""
    def test(world):
        code = first(pattern)
        judged(world, debug_file(code), count, code)
    return test


def unstripped(pattern, count):
    def test(world):
        judged(world, first(pattern), count)
    return test


def fetch(world, *names):
    """The source of a Debian package, by apt, from where the packages come from; in a folder. The first name that
    there is: an archive may list one that it does not hold yet."""
    apt, parts = os.path.join(world.dir, 'apt'), os.path.join(world.dir, 'apt', 'parts')
    for name in ('lists/partial', 'parts', 'archives/partial'):
        os.makedirs(os.path.join(apt, name))
    for path in glob.glob('/etc/apt/sources.list.d/*.sources') + glob.glob('/etc/apt/sources.list'):
        with open(path, encoding='utf-8') as f, \
                open(os.path.join(parts, os.path.basename(path) + ('.list' if path.endswith('.list') else '')), 'w',
                     encoding='utf-8') as out:
            out.writelines(line.replace('Types: deb', 'Types: deb-src') if line.startswith('Types:') else
                           line.replace('deb ', 'deb-src ', 1) if line.startswith('deb ') else line for line in f)
    options = ['-q', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', f'Dir::Etc::SourceParts={parts}', '-o',
               f'Dir::State::Lists={apt}/lists', '-o', f'Dir::Cache::Archives={apt}/archives', '-o', 'APT::Sandbox::User=root']

    def succeeds(*words):
        try:
            return not subprocess.run(['apt-get', *options, *words], cwd=apt, capture_output=True, timeout=120,
                                      check=False).returncode
        except subprocess.TimeoutExpired:  # a slow network is no fault of ours
            return False

    if not succeeds('update') or not any(succeeds('source', '--download-only', '--only-source', n) for n in names):
        raise Skipped(f'apt has no source of {names[0]}')
    archive = [p for p in glob.glob(os.path.join(apt, '*.orig.tar.*')) if not p.endswith('.asc')]
    folder = os.path.join(world.dir, 'source')
    os.mkdir(folder)
    subprocess.run(['tar', 'xf', archive[0], '-C', folder, '--strip-components=1'], check=True)
    return folder


def made(world, folder, *argv):
    env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'B', 'CC')}
    # redis takes a minute of CPU time: the limit is for a compiler that hangs, on however busy a machine
    done = subprocess.run(argv, cwd=folder, capture_output=True, env=env, timeout=1800, check=False)
    expect(done.returncode == 0, f'{argv[0]} failed in {world.name}: {done.stderr[-300:]!r}')


def redis(world):
    folder = fetch(world, 'redis')
    made(world, folder, 'make', '-s', '-j2', 'MALLOC=libc', 'USE_SYSTEMD=no', 'OPTIMIZATION=-O2', 'CFLAGS=-g', 'redis-server')
    judged(world, os.path.join(folder, 'src', 'redis-server'), 25000)


def postgres(world):
    """Its executor alone, linked with nothing: the whole takes minutes to compile."""
    folder = fetch(world, 'postgresql-15', 'postgresql-15/bookworm')
    made(world, folder, './configure', '-q', 'CFLAGS=-O2 -g', '--without-readline', '--without-zlib')
    made(world, folder, 'make', '-s', '-C', 'src/backend', 'generated-headers')
    made(world, folder, 'make', '-s', '-j2', '-C', 'src/backend/executor')
    made(world, folder, 'gcc', '-no-pie', '-nostartfiles', '-Wl,--unresolved-symbols=ignore-all', '-Wl,-e,0', '-o',
         'executor', *glob.glob(folder + '/src/backend/executor/*.o'))
    judged(world, os.path.join(folder, 'executor'), 20000)


def rust(world):
    binary = os.path.join(world.dir, 'shop')
    made(world, world.dir, tool('rustc'), '-g', '-O', '-o', binary, os.path.join(SOURCES, 'shop.rs'))
    judged(world, binary, 15000)


# Of the C++ program of test/judge: what is added to -O2 -g.
VARIANTS = {
    'gcc_4': ('gcc', '-gdwarf-4'),
    'gcc_5': ('gcc', '-gdwarf-5'),
    'gcc_O0': ('gcc', '-O0'),
    'gcc_O3_sections': ('gcc', '-O3', '-ffunction-sections', '-Wl,--gc-sections', '-gno-column-info'),
    'gcc_lto': ('gcc', '-flto'),
    'gcc_types': ('gcc', '-fdebug-types-section'),
    'gcc_types_4': ('gcc', '-gdwarf-4', '-fdebug-types-section'),
    'gcc_zlib': ('gcc', '-gz=zlib'),
    'clang_4': ('clang', '-gdwarf-4'),
    'clang_5': ('clang', '-gdwarf-5'),
    'clang_g1': ('clang', '-g1'),
    'clang_lto': ('clang', '-flto=full', '-fuse-ld=lld'),
    'clang_thin': ('clang', '-flto=thin', '-fuse-ld=lld', '-gdwarf-4'),
}


def build(world, name, compiler, *flags):
    folder = os.path.join(world.dir, name)
    os.mkdir(folder)
    plus = {'gcc': 'g++', 'clang': 'clang++'}[compiler]
    common = ['-O2', '-g', *flags, '-c']
    made(world, folder, tool(compiler), *common, os.path.join(SOURCES, 'shop_till.c'))
    made(world, folder, tool(plus), '-std=gnu++17', *common, os.path.join(SOURCES, 'shop.cpp'))
    made(world, folder, tool(compiler), '-g', '-c', os.path.join(SOURCES, 'shop_label.S'))
    made(world, folder, tool(plus), '-O2', '-g', *flags, '-o', 'shop', 'shop.o', 'shop_till.o', 'shop_label.o')
    return os.path.join(folder, 'shop')


def variants(world):
    for name, (compiler, *flags) in VARIANTS.items():
        judged(world, build(world, name, compiler, *flags), 1500)


def text(world, path):
    out = os.path.join(world.dir, 'text')
    subprocess.run(['objcopy', '-O', 'binary', '-j', '.text', path, out], check=True)
    with open(out, 'rb') as f:
        return f.read()


def same_as(world, plain, path, what, addresses):
    """The same code must be read the same, wherever its DWARF lies: the whole one was judged."""
    expect(text(world, plain) == text(world, path), f'{what}: other code')
    whole, part = (readers.ours(asker(world), p, addresses)[0] for p in (plain, path))
    apart = [(hex(a), x, y) for a, x, y in zip(addresses, whole, part) if x != y]
    print(f'-- {world.name}: {what}: {len(addresses) - len(apart)} of {len(addresses)} as in one file, '
          f'{sum(len(x) for x in part)} frames', flush=True)
    expect(not apart, f'{what}: {len(apart)} differ, first {apart[:1]}')


def split(world):
    for compiler, version in (('gcc', 4), ('gcc', 5), ('clang', 4), ('clang', 5)):
        name = f'{compiler}_{version}'
        plain = build(world, name, compiler, f'-gdwarf-{version}')
        addresses, _ = judged(world, plain, 1500)
        for kind, flags in (('dwo', []), ('types', ['-fdebug-types-section'])):
            path = build(world, f'{name}_{kind}', compiler, f'-gdwarf-{version}', '-gsplit-dwarf', *flags)
            same_as(world, plain, path, f'{name}_{kind}', addresses)
            made(world, os.path.dirname(path), tool('llvm-dwp'), '-e', path, '-o', path + '.dwp')
            for dwo in glob.glob(os.path.dirname(path) + '/*.dwo'):
                os.remove(dwo)
            same_as(world, plain, path, f'{name}_{kind} in a .dwp', addresses)


def shared(world):
    """What dwz makes of two programs: entries that it moves to a file of their own, and to units of their own."""
    for version in ('4', '5'):
        plain = build(world, 'gcc_' + version, 'gcc', '-gdwarf-' + version)
        addresses, _ = judged(world, plain, 1500)
        folder = os.path.join(world.dir, 'dwz_' + version)
        os.mkdir(folder)
        for name in ('one', 'two', 'alone'):
            shutil.copy(plain, os.path.join(folder, name))
        made(world, folder, tool('dwz'), '-m', 'common.debug', 'one', 'two')
        made(world, folder, tool('dwz'), 'alone')
        for name in ('one', 'two', 'alone'):
            same_as(world, plain, os.path.join(folder, name), f'dwz_{version}/{name}', addresses)
        # Gone, and a pipe that nobody writes into: what lies in it is not known, the rest is.
        os.remove(os.path.join(folder, 'common.debug'))
        for end in (lambda path: None, os.mkfifo):
            end(os.path.join(folder, 'common.debug'))
            found, _ = readers.output([asker(world), os.path.join(folder, 'one')], addresses, timeout=20)
            expect(found.count('\tmain\t') > 10, 'without the shared file, main has no name')


def tests(_build):
    yield 'lines_split', True, split
    yield 'lines_dwz', True, shared
    yield 'lines_python3', True, packaged('/usr/bin/python3.[0-9]*[0-9]', 25000)
    yield 'lines_python3_dbg', True, unstripped('/usr/bin/python3.[0-9]*[0-9]d', 10000)
    yield 'lines_libc', True, packaged('/lib/x86_64-linux-gnu/libc.so.6', 20000)
    yield 'lines_libstdcpp', True, unstripped('/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6.*[0-9]', 20000)
    yield 'lines_redis', True, redis
    yield 'lines_postgres', True, postgres
    yield 'lines_rust', True, rust
    yield 'lines_variants', True, variants
