# table_80_growth.py - tables: memory of the target and of the uploader by threads, stacks, blocks, processes.
# SPDX-License-Identifier: MIT
import glob
import os
import time

from cost import Table

HEAD = ('grown', 'added to the target, KiB', 'its recording, KiB', 'uploader RSS, KiB', 'uploader CPU a period, ms')
PERIOD = 5


def rollup(pid, name):
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ':'))


def recording(pid):
    """What is touched of the recording, which the uploader maps, too."""
    ours = 0
    with open(f'/proc/{pid}/smaps', encoding='ascii') as f:
        inside = False
        for line in f:
            if 'memfd:conprof' in line:
                inside = True
            elif inside and line.startswith('Rss:'):
                ours += int(line.split()[1])
                inside = False
    return ours


def cpu_ms(pid):
    total = 0
    for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
        with open(path, encoding='ascii') as f:
            total += int(f.read().split()[0])
    return total / 1e6


def uploader(bench, place):
    """The one that delivers to this place."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{pid}/exe') != f'{bench.build}/conprof':
                continue
            with open(f'/proc/{pid}/environ', 'rb') as f:
                if f'HOME={place}'.encode() in f.read().split(b'\0'):
                    return int(pid)
        except OSError:
            pass
    return None


def family(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [pid] + [int(child) for child in f.read().split()]


def grow(bench, column, work, **settings):
    process = bench.start(column, [bench.tool('growth'), *map(str, work)], bench.other, **settings)
    process.stdout.readline()
    return process


def one(bench, work, **settings):
    """A row: with and without us, after two periods of which the second is counted. Of several
    processes the proportional shares are added up."""
    place = f'{bench.home}/grown{time.monotonic_ns()}'
    os.mkdir(place)
    plain = grow(bench, 'none', work)
    child = grow(bench, 'conprof', work, HOME=place, CONPROF_AGENT_SOCKET=f'dir://{place}/out',
                 CONPROF_PERIOD=str(PERIOD), **settings)
    time.sleep(PERIOD + 2)
    with_us, without = family(child.pid), family(plain.pid)
    kind = 'Pss' if len(with_us) > 1 else 'Rss'
    pid = uploader(bench, place)
    before = cpu_ms(pid)
    time.sleep(PERIOD)
    row = (sum(rollup(p, kind) for p in with_us) - sum(rollup(p, kind) for p in without),
           sum(recording(p) for p in with_us), rollup(pid, 'Rss'), f'{cpu_ms(pid) - before:.1f}')
    for process in (plain, child):
        process.stdin.close()  # its sign to end
        process.wait()
        process.stdout.close()
        bench.started.remove(process)
    return row


def table(bench, name, title, kind, sizes, note='', **settings):
    rows = [(f'{n} {kind}',) + one(bench, [name, n], **settings) for n in sizes]
    return Table(f'growth-{name}', title, HEAD, rows, note, counted='measured once')


def threads(bench):
    return [table(bench, 'threads', 'Memory by threads', 'threads', (1, 10, 100, 1000),
                  'Each thread has allocated a MiB by the KiB and keeps 64 KiB; default settings, period 5 s.')]


def stacks(bench):
    return [table(bench, 'stacks', 'Memory by distinct stacks', 'stacks', (100, 1000, 10000, 100000, 1000000),
                  'Each 121 frames deep and unlike any other from the root on: the worst case. At 432 Ki words the '
                  'pool is full, and what comes then is counted. Every allocation is sampled.',
                  CONPROF_HEAP_SAMPLE_INTERVAL='1')]


def blocks(bench):
    return [table(bench, 'blocks', 'Memory by live samples', 'KiB alive', (100, 1000, 10000, 100000),
                  'Blocks of 1 KiB at a heap interval of 1 KiB, so that 63 % are samples; at the default interval as '
                  'many samples are 800 times the heap. Most of it is room around the marked blocks.',
                  CONPROF_HEAP_SAMPLE_INTERVAL='1024')]


def processes(bench):
    return [table(bench, 'processes', 'Memory by processes', 'forked workers', (1, 10, 50, 200),
                  'Proportional shares of the parent and all workers, each of which has allocated 16 MiB by the KiB '
                  'and used 30 ms of CPU time; default settings, period 5 s.')]


def executed(bench):
    return [table(bench, 'executed', 'Memory by short processes', 'executed and ended', (1, 100, 1000, 5000),
                  'The target is their parent. In the second period none are executed any more.')]


PIECES = {'growth-threads': threads, 'growth-stacks': stacks, 'growth-blocks': blocks,
          'growth-processes': processes, 'growth-executed': executed}
