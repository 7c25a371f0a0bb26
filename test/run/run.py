#!/usr/bin/env python3
# run.py - the run tests: `ok NAME` or `not ok NAME: why` for each, and a sum at the end.
# SPDX-License-Identifier: MIT
"""run.py [BUILD] [slow] [NAME...]

Runs the tests whose names contain one of the NAMEs; without any, the fast ones, or with "slow" the
slow ones alone. BUILD is the folder of libconprof.so and conprof: a path, or $B, or build."""
import argparse
import concurrent.futures
import glob
import importlib
import os
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REAL = os.path.join(ROOT, 'test', 'real')
sys.path[:0] = [HERE, os.path.join(ROOT, 'test', 'harm'), REAL]

import allocators  # noqa: E402
import allocs  # noqa: E402
import control  # noqa: E402
import cpu_truths  # noqa: E402
import deaths  # noqa: E402
import debuginfod  # noqa: E402
import credentials  # noqa: E402
import delivery  # noqa: E402
import duty  # noqa: E402
import files  # noqa: E402
import harms  # noqa: E402
import itself  # noqa: E402
import kills  # noqa: E402
import labels  # noqa: E402
import live  # noqa: E402
import lives  # noqa: E402
import memory  # noqa: E402
import names  # noqa: E402
import page  # noqa: E402
import pprof  # noqa: E402
import program  # noqa: E402
import pull  # noqa: E402
import push  # noqa: E402
import readonly  # noqa: E402
import same  # noqa: E402
import renewals  # noqa: E402
import pyroscope  # noqa: E402
import settings  # noqa: E402
import spools  # noqa: E402
import symbols  # noqa: E402
import truths  # noqa: E402
from world import Failed, Skipped, World  # noqa: E402


def older(target, sources):
    return not os.path.exists(target) or \
        any(os.path.getmtime(s) > os.path.getmtime(target) for s in sources)


def compile_all(build):
    """The receiver and the targets: the tests' own programs, built where the product is."""
    receiver = os.path.join(build, 'receiver')
    sources = glob.glob(os.path.join(ROOT, 'test', 'receiver', '*.go'))
    if older(receiver, sources):
        env = dict(os.environ, GO111MODULE='off', GOPATH='/usr/share/gocode', GOFLAGS='')
        subprocess.run([pprof.go(), 'build', '-o', receiver, './test/receiver'], cwd=ROOT, env=env,
                       check=True)
    for folder in ('truth', 'harm', 'run'):
        os.makedirs(os.path.join(build, folder), exist_ok=True)
        common = glob.glob(os.path.join(ROOT, 'test', 'truth', '**', '*.h'), recursive=True)
        common += glob.glob(os.path.join(ROOT, 'test', 'harm', '**', '*.h'), recursive=True)
        for source in glob.glob(os.path.join(ROOT, 'test', folder, '**', '*.c*'), recursive=True):
            name, kind = os.path.splitext(os.path.basename(source))
            target = os.path.join(build, folder, name)
            if kind not in ('.c', '.cpp') or not older(target, [source] + common):
                continue
            # Functions that differ in their names alone must stay two.
            distinct = ['-fno-ipa-icf']
            compiler = ['gcc', '-std=gnu11'] if kind == '.c' else ['g++', '-std=gnu++17']
            subprocess.run(compiler + ['-D_GNU_SOURCE', '-O2', '-g', '-Wall', '-Wextra', '-Werror', '-pthread',
                                       '-fno-optimize-sibling-calls', *distinct, '-I', ROOT,
                                       '-o', target, source] + harms.flags(source), check=True)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('words', nargs='*')
    parser.add_argument('-j', type=int, default=4, dest='jobs', help='tests at a time')
    parser.add_argument('--keep', action='store_true', help='keep the folders of failed tests')
    parser.add_argument('--list', action='store_true', help='names only')
    parser.add_argument('--slow', action='store_true', help='the same as the word slow')
    args = parser.parse_args()
    args.build = os.environ.get('B', 'build')
    if args.words and (os.sep in args.words[0] or
                       os.path.exists(os.path.join(ROOT, args.words[0], 'libconprof.so'))):
        args.build = args.words.pop(0)
    if 'slow' in args.words:
        args.words.remove('slow')
        args.slow = True
    args.build = os.path.join(ROOT, args.build)
    return args


def one(name, function, args):
    """(ok, skipped, line) of one test."""
    began = time.monotonic()
    world = World(name, args.build)
    failed = True
    try:
        function(world)
        failed = False
        return True, False, f'ok {name} ({time.monotonic() - began:.1f} s)'
    except Skipped as e:
        failed = False
        return True, True, f'ok {name} # skipped: {e}'
    except Failed as e:
        why = str(e)
    except Exception as e:  # whatever it is, it is this test's failure and nobody else's
        frame = traceback.extract_tb(e.__traceback__)[-1]
        why = f'{type(e).__name__} at {os.path.basename(frame.filename)}:{frame.lineno}: {e}'
    finally:
        world.close(args.keep and failed)
    kept = f' [{world.dir}]' if args.keep else ''
    return False, False, f'not ok {name}: {" ".join(why.split())}{kept}'


def real_programs():
    """Each file of test/real with a function `tests` brings its own."""
    for path in sorted(glob.glob(os.path.join(REAL, '*.py'))):
        module = importlib.import_module(os.path.splitext(os.path.basename(path))[0])
        if hasattr(module, 'tests'):
            yield module


def chosen(args):
    for module in (itself, truths, control, duty, cpu_truths, allocs, allocators, lives, deaths, delivery, spools, kills, credentials, files, debuginfod, memory, renewals, symbols, names,
                   page, live, pull, readonly, settings, labels, program, push, pyroscope, same, harms, *real_programs()):
        for name, slow, function in module.tests(args.build):
            if any(w in name for w in args.words) or (not args.words and slow == args.slow):
                yield name, function


def main():
    args = arguments()
    jobs = list(chosen(args))
    if args.list:
        print('\n'.join(name for name, _ in jobs))
        return 0
    for product in ('libconprof.so', 'conprof'):
        if not os.path.exists(os.path.join(args.build, product)):
            print(f'run.py: there is no {args.build}/{product}: make it first, or name another BUILD')
            print('0 passed, 1 failed')
            return 2
    compile_all(args.build)
    passed = failed = skipped = 0
    again = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        running = {pool.submit(one, name, function, args): (name, function) for name, function in jobs}
        for done in concurrent.futures.as_completed(running):
            ok, skip, line = done.result()
            print(line if ok else f'at first {line}', flush=True)
            passed += ok and not skip
            skipped += skip
            if not ok:
                again.append(running[done])
    # Side by side, real programs disturb each other's timing: who failed has one more try, alone.
    for name, function in again:
        ok, skip, line = one(name, function, args)
        print(line + (' at the second try' if ok else ''), flush=True)
        passed += ok and not skip
        skipped += skip
        failed += not ok
    if again:
        print(f'{len(again)} had a second try')
    if skipped:
        print(f'{skipped} skipped')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
