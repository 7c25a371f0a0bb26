# emulated.py - the library of the other machine, run by qemu: its signals, its registers, its stacks.
# SPDX-License-Identifier: MIT
import glob
import os
import shutil
import subprocess

from pprof import Profile
from same import tool
from world import expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSROOT = '/usr/aarch64-linux-gnu'
CC = 'aarch64-linux-gnu-gcc'


def aarch64(world):
    """qemu can't start the uploader (it refuses the invisible clone), so a program of this machine, with the same
    settings and an uploader of the same path, has one ready. Ticks in threads and in a handler, allocations:
    each stack reaches its root, in code that keeps no frame pointers."""
    qemu, compiler = tool('qemu-aarch64'), tool(CC)
    place = os.path.join(world.dir, 'lib')
    os.mkdir(place)
    build = os.path.join(world.build, 'aarch64')
    with world.aside():
        made = subprocess.run(['make', '-s', '-C', ROOT, f'B={build}', f'CC={CC}', f'{build}/libconprof.so'],
                              capture_output=True, check=False)
    expect(made.returncode == 0, f'not built: {made.stderr[-300:]!r}')
    shutil.copy2(os.path.join(build, 'libconprof.so'), place)
    shutil.copy2(os.path.join(world.build, 'conprof'), place)
    native = shutil.copy2(os.path.join(world.build, 'libconprof.so'), os.path.join(place, 'native.so'))
    binary = os.path.join(world.dir, 'emulated')
    subprocess.run([compiler, '-O2', '-fomit-frame-pointer', '-D_GNU_SOURCE', '-pthread', '-o', binary,
                    os.path.join(ROOT, 'test', 'judge', 'emulated.c')], check=True)
    out = os.path.join(world.dir, 'profiles')
    settings = {'CONPROF_AGENT_SOCKET': 'dir://' + out, 'CONPROF_PERIOD': '60',
                'CONPROF_CPU_DURATION': '60'}
    keeper = world.start(['/bin/cat'], dict(settings, LD_PRELOAD=native))
    world.until('an uploader listened', world.listening)
    ended = world.run([qemu, '-L', SYSROOT, '-E', f'LD_PRELOAD={place}/libconprof.so', binary], settings, preload=False)
    expect(ended.status == 0 and ended.out == b'done\n' and not ended.err, f'{ended.status} {ended.out!r} {ended.err!r}')
    keeper.stdin.close()
    keeper.stdin = None
    world.finish(keeper)
    world.quiet()

    def profile(kind):
        files = glob.glob(os.path.join(out, f'emulated-*.{kind}.pprof'))
        expect(len(files) == 1, f'{kind}: {os.listdir(out)}')
        return Profile(files[0])

    def share(kind, index, *functions):
        """How much of it lies in stacks that have all of these functions."""
        samples = profile(kind).samples
        all_of_it = sum(s.values[index] for s in samples)
        return sum(s.values[index] for s in samples if all(s.has(f) for f in functions)) / max(1, all_of_it)

    for functions, least in ((('burn', 'deep', 'in_thread'), 0.6), (('main', '_start'), 0.45),
                             (('on_signal', 'main', '_start'), 0.1)):
        expect(share('cpu', 1, *functions) >= least, f'cpu: {functions} have {share("cpu", 1, *functions):.2f}')
    expect(share('heap', 1, 'allocate', 'main', '_start') > 0.99, 'heap: stacks do not reach _start')


def tests(_build):
    yield 'emulated_aarch64', True, aarch64
