# table_20_starts.py - rows: exec with the uploader running and the first time, fork, threads, exceptions.
# SPDX-License-Identifier: MIT
import os
import shutil
import signal
import time

from columns import Failed


def loop(bench, work, limit, unit, name, *args, **kinds):
    """A program of ours that prints what one round of its loop cost, as its first word."""
    command = [bench.tool(name), *map(str, args)]

    def one_round(columns):
        running = [(column, bench.start(column, command)) for column in columns]
        return {column: float(bench.finish(process)[1].split()[0]) for column, process in running}
    return bench.row(work, limit, one_round, unit, **kinds)


def execs(bench):
    return loop(bench, 'exec of /bin/true, uploader running', 1.25, 'us', 'spawn', 'execs', 200)


def first(bench):
    """Each time another address to deliver to: another family, that has no uploader yet."""
    count = 0
    before = bench.uploaders()

    def one_round(columns):
        nonlocal count
        figures = {column: 0.0 for column in columns}
        for _ in range(10):
            for column in columns:
                count += 1
                place = f'dir://{bench.home}/first{count}'
                process = bench.start(column, ['/bin/true'], **(
                    {'CONPROF_AGENT_SOCKET': place} if column == 'conprof' else {}))
                figures[column] += bench.finish(process)[0] * 1e6 / 10
        if 'conprof' in columns and not bench.uploaders() - before:
            raise Failed('no uploader was started')
        for pid in bench.uploaders() - before:
            os.kill(pid, signal.SIGTERM)
        while bench.uploaders() - before:
            time.sleep(0.01)
        for name in os.listdir(bench.home):
            if name.startswith('first'):
                shutil.rmtree(f'{bench.home}/{name}')
        return figures
    return bench.row('exec of /bin/true, the first time', 2, one_round, 'us', but=())


def forks(bench):
    return loop(bench, 'fork, _exit, wait', None, 'us', 'spawn', 'forks', 500)


def threads(bench):
    return loop(bench, 'pthread_create and join', None, 'us', 'spawn', 'threads', 4000)


def throws(bench):
    return loop(bench, 'C++ throw and catch, 10 frames', None, 'ns', 'throws', 40000)


PIECES = {'exec': execs, 'first': first, 'fork': forks, 'threads': threads, 'throw': throws}
