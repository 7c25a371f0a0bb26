# table_70_unwinder.py - what a stack costs: ours beside libunwind, glibc and frame pointers (test/judge/speed.c).
# SPDX-License-Identifier: MIT
import os
import subprocess

from cost import Table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = {'conprof': 'ours', 'frame_pointers': 'frame pointers, each load proven', 'unw_backtrace': "libunwind's unw_backtrace",
         'unw_step': "libunwind's unw_step", 'backtrace': "glibc's backtrace"}


def unwinder(bench):
    """In each process all of them take turns, so they meet the same caches and the same disturbances."""
    subprocess.run(['make', '-s', '-C', ROOT, f'B={bench.build}', f'{bench.build}/speed'], check=True)
    rows = []
    for threads, kib in (('1', '256'), ('2', '256'), ('8', '256'), ('1', '32768')):
        out = bench.finish(bench.start('none', [f'{bench.build}/speed', threads, kib]))[1]
        for line in out.splitlines():
            words = line.split()
            said = dict(zip(words[1::2], words[2::2]))
            rows.append((NAMES[words[0]], threads, kib, said['warm_ns_a_frame'],
                         f"{float(said['random_mean_ns']) / 1000:.1f}", f"{float(said['random_median_ns']) / 1000:.1f}",
                         said['frames']))
    return [Table('unwinder', 'Unwinders, side by side',
                  ('unwinder', 'threads', 'KiB touched', 'warm, ns a frame', 'random instants, us, mean', 'median', 'frames'), rows,
                  note='Warm: the same stack again and again, the slope from 10 frames to 100. Random instants: 2,000 functions call '
                       'one another at random, 44 deep, and touch so much memory between; means without the highest and the lowest '
                       'twentieth.', counted='2,000 instants each')]


PIECES = {'unwinder': unwinder}
