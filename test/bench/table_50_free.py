# table_50_free.py - tables: malloc and free in a process that grows old, and with a million samples alive.
# SPDX-License-Identifier: MIT
import os
import statistics

from cost import Table, commit

KINDS = (('small', 'blocks of 64 bytes'), ('aligned', 'page-aligned blocks'),
         ('mixed', 'random sizes, some aligned, some sampled'))
PARTS = 10


OLD = ('a pair of malloc and free', 'none, at first', 'at last', 'conprof, at first', 'median', 'at last ',
       'ratio at first', 'ratio at last', 'flat', 'pairs', 'commit')


def old(bench):
    """The processes run at the same time on one processor. Flat: the last tenth costs at most 3 %
    more than the first, or than the like of a process without us."""
    total = int(float(os.environ.get('BENCH_FREES', 1e9)))
    for kind, work in KINDS:
        command = [bench.tool('freepath'), kind, str(total), str(PARTS)]
        running = {column: bench.start(column, command) for column in ('none', 'conprof')}
        parts = {column: list(map(float, bench.finish(process)[1].split())) for column, process in running.items()}
        ours = parts['conprof']
        ratios = [o / n for o, n in zip(ours, parts['none'])]
        flat = min(ours[-1] / ours[0], ratios[-1] / ratios[0]) <= 1.03
        figures = (parts['none'][0], parts['none'][-1], ours[0], statistics.median(ours), ours[-1])
        row = (work, *(f'{ns:.1f} ns' for ns in figures), f'{ratios[0]:.3f}', f'{ratios[-1]:.3f}',
               'yes' if flat else 'NO', f'{total:.0e}'.replace('e+0', 'e'), commit())
        yield Table('old', 'The free path over time', OLD, [row], 'At first and at last: a tenth of the pairs.',
                    keeps=True)


def available():
    with open('/proc/meminfo', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('MemAvailable:')) * 1024


def live(bench):
    """Of blocks of 1 KiB at an interval of 1 KiB, 63 % are sampled, and placed at the start of a page.
    That alone makes another heap, so a process without us is beside ours that places them itself."""
    blocks = min(1600000, int(available() / 3 / 3500))
    runs = {'none': [], 'conprof': []}
    for _ in range(min(5, bench.rounds)):
        running = {column: bench.start(column, [bench.tool('freepath'), 'live', str(blocks)] +
                                       ['placing'] * (column == 'none'), CONPROF_HEAP_SAMPLE_INTERVAL='1024')
                   for column in runs}
        for column, process in running.items():
            lines = bench.finish(process)[1].splitlines()
            runs[column].append([list(map(float, line.split())) for line in lines])
    rows = []
    for size, sampled in enumerate(('1 byte, one in 500 sampled', '64 bytes, one in 16 sampled')):
        for i, what in enumerate(('free alone', 'malloc and free', 'posix_memalign of a page and free')):
            # The first part was for warmth.
            figures = [statistics.median(run[2 * part + size][i] for run in runs[column])
                       for column in runs for part in (1, 2)]
            flat = figures[3] / figures[2] <= 1.05 * max(1, figures[1] / figures[0])
            rows.append([f'{what}, {sampled}'] + [f'{ns:.1f} ns' for ns in figures] +
                        [f'{figures[3] / figures[2]:.3f}', f'{figures[1] / figures[0]:.3f}', 'yes' if flat else 'NO'])
    return [Table('live', 'With a million samples alive',
                  ('work', 'no profiler, few blocks', f'{blocks / 1e6:.1f} million blocks', 'conprof, none alive',
                   f'{blocks * 0.632 / 1e6:.2f} million alive', 'ratio', 'no profiler', 'flat'), rows,
                  'CONPROF_HEAP_SAMPLE_INTERVAL=1024; medians. Flat: the ratio is at most 5 % over that of the '
                  'process without us, whose heap has the same shape.', counted=f'{min(5, bench.rounds)} processes')]


PIECES = {'old': old, 'live': live}
