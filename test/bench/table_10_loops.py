# table_10_loops.py - rows: loops of malloc and free (work.c), which print the ns of one round of theirs.
# SPDX-License-Identifier: MIT
from columns import WARNINGS


def loop(bench, work, limit, *args, **kinds):
    *args, count = args

    def command(column):
        # The slow get less to do: a figure is of one round of the loop.
        return [bench.tool('work'), *map(str, args), str(count // 100 if column in WARNINGS else count)]

    def one_round(columns):
        running = [(column, bench.start(column, command(column))) for column in columns]
        return {column: float(bench.finish(process)[1]) for column, process in running}
    return bench.row(work, limit, one_round, 'ns', **kinds)


def pairs(bench):
    return loop(bench, 'malloc and free of 64 bytes, tight loop', 1.12, 'pairs', 64, 10000000, but=())


def slots(bench):
    return loop(bench, 'malloc and free over 1024 slots, 16 to 512 bytes', 1.05, 'slots', 1024, 6000000, but=())


def churn(bench):
    return loop(bench, 'churn among 2 million live blocks', 1.02, 'slots', 2000000, 2000000)


PIECES = {'pairs': pairs, 'slots': slots, 'churn': churn}
