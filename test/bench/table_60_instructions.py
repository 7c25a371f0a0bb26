# table_60_instructions.py - a table: instructions for a pair of malloc and free, off the sampling path.
# SPDX-License-Identifier: MIT
import platform
import re
import shutil
import subprocess

from cost import Table

# So that no pair is sampled and no tick comes.
QUIET = {'CONPROF_HEAP_SAMPLE_INTERVAL': str(1 << 40), 'CONPROF_PROFILE_TYPES': 'heap'}
PAIRS, STEPPED = 2000, 40


def stepped(bench, column):
    """Counted by the processor's single step in the process that is recorded."""
    command = [bench.tool('steps'), bench.tool('marked'), str(STEPPED), 'mark']
    done = subprocess.run(command, env=bench.environment(column, **QUIET), capture_output=True, text=True, check=True)
    once, twice = map(int, done.stdout.split())
    return (twice - once) / STEPPED


def simulated(bench, column):
    """By callgrind. The library stays out of programs under valgrind (doc/HARM.md), but its front
    doors run, with an allowance that never ends: the same path as between two samples."""
    counts = []
    for n in (PAIRS, 2 * PAIRS):
        env = bench.environment('none')
        inner = bench.environment(column, **QUIET)
        command = ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', bench.tool('marked'), str(n)]
        env.update({k: v for k, v in inner.items() if k.startswith(('LD_PRELOAD', 'CONPROF_'))})
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        counts.append(int(re.search(r'Collected *: *(\d+)', done.stderr)[1]))
    return (counts[1] - counts[0]) / PAIRS


def instructions(bench):
    stepper = stepped if platform.machine() == 'x86_64' else None
    simulator = simulated if shutil.which('valgrind') else None
    rows, floor = [], {}
    for column in ('none', 'floor', 'conprof'):
        cells = [column]
        for how in (stepper, simulator):
            count = how(bench, column) if how else None
            floor.setdefault(how, count) if column == 'floor' else None
            over = count - floor[how] if column == 'conprof' and how else None
            cells += [f'{count:.2f}' if how else '-', f'{over:.2f}' if over is not None else '-']
        met = '-' if column != 'conprof' or not stepper else 'yes' if float(cells[2]) <= 12 else 'NO'
        rows.append(cells + ['12' if column == 'conprof' else '-', met])
    return [Table('instructions', 'Instructions for a pair of malloc and free, between two samples',
                  ('column', 'single step', 'over the floor', 'callgrind', 'over the floor ', 'limit', 'met'), rows,
                  counted='counted once')]


PIECES = {'instructions': instructions}
