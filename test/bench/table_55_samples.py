# table_55_samples.py - a table: what a sampled allocation and a tick cost, by the depth of the stack.
# SPDX-License-Identifier: MIT
import statistics

from columns import spread
from cost import Table


def figures(bench, what, depth, columns, **settings):
    """ns of one, of each round, for each column."""
    def one_round(turned):
        running = [(column, bench.start(column, [bench.tool('depth'), what, str(depth), '40000'], **settings))
                   for column in turned]
        return {column: float(bench.finish(process)[1]) for column, process in running}
    return bench.compare(one_round, columns)


def samples(bench):
    rows = []
    for depth in (10, 30, 100):
        both = figures(bench, 'pairs', depth, ('none', 'conprof'), CONPROF_HEAP_SAMPLE_INTERVAL='1')
        cost = [c - n for c, n in zip(both['conprof'], both['none'])]
        ticks = figures(bench, 'ticks', depth, ('conprof',))['conprof']
        rows.append((depth, spread(cost, '{:.0f}') + ' ns', '3000 ns', 'yes' if statistics.median(cost) <= 3000 else 'NO',
                     spread(ticks, '{:.0f}') + ' ns', f'{statistics.median(ticks) * 100 / 1e7:.3f} %'))
    return [Table('samples', 'A sampled allocation and a tick',
                  ('frames', 'sampled allocation and its free', 'limit', 'met', 'tick', '100 a second are'), rows,
                  'The same stack again and again, so the caches are warm. Of a tick, the handler alone: the kernel '
                  'takes its part for the timer and the signal.')]


PIECES = {'samples': samples}
