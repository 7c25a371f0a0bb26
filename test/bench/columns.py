# columns.py - the columns of the bench: how each is started, and how their times are compared.
# SPDX-License-Identifier: MIT
"""All columns of a round run at the same time, pinned to one processor, so that whatever the machine
does meanwhile hits all of them; what counts is CPU time, as a ratio to "none" within the round."""
import glob
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from cost import Table, commit

# "again" is a second "none": what it shows beside 1 is noise.
COLUMNS = ('none', 'again', 'floor', 'conprof')
LIBRARIES = '/usr/lib/*-linux-gnu/'
# Peers, where they are installed: what is preloaded, and what they are told.
PEERS = {
    'jemalloc': (LIBRARIES + 'libjemalloc.so.2', {}),
    'jemalloc prof': (LIBRARIES + 'libjemalloc.so.2',
                      {'MALLOC_CONF': 'prof:true,prof_active:true,lg_prof_sample:19'}),
    'tcmalloc': (LIBRARIES + 'libtcmalloc.so.4', {}),
    'tcmalloc sampled': (LIBRARIES + 'libtcmalloc.so.4', {'TCMALLOC_SAMPLE_PARAMETER': '524288'}),
    'tcmalloc HEAPPROFILE': (LIBRARIES + 'libtcmalloc.so.4', {'HEAPPROFILE': '%s/heap'}),
    'libprofiler': (LIBRARIES + 'libprofiler.so.0', {'CPUPROFILE': '%s/cpu'}),
    'heaptrack': ('/usr/lib/heaptrack/libheaptrack_preload.so', {'DUMP_HEAPTRACK_OUTPUT': 'stderr'}),
}


# These look at every allocation: warnings, for the rows that say so.
WARNINGS = ('tcmalloc HEAPPROFILE', 'heaptrack')


def installed(name):
    """The file to preload for this peer, or nothing."""
    return next(iter(glob.glob(PEERS[name][0])), None)


def spread(values, form='{:.3f}'):
    return (form.format(statistics.median(values)) +
            f" ({form.format(min(values))} to {form.format(max(values))})")


class Failed(Exception):
    """A piece cannot be measured; the others can."""


class Bench:
    """What a piece is given: places, processors, rounds, and the ways to run things."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.rounds = int(os.environ.get('BENCH_ROUNDS', 9))
        self.peer_rounds = int(os.environ.get('BENCH_PEER_ROUNDS', 3))
        cpus = sorted(os.sched_getaffinity(0))
        self.pinned, self.other = cpus[0], cpus[-1]  # the columns; their load, and our own processes
        self.home = tempfile.mkdtemp(prefix='conprof-bench-')
        os.chmod(self.home, 0o777)  # postgres runs as nobody
        with open(f'{self.home}/empty.conf', 'w', encoding='ascii'):
            pass
        self.peers = [name for name in PEERS if installed(name)] if self.peer_rounds else []
        self.started = []
        os.sched_setaffinity(0, {self.other})

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        # They deliver a last time, into our folder.
        for _ in range(100):
            if not self.uploaders():
                break
            time.sleep(0.1)
        shutil.rmtree(self.home, ignore_errors=True)

    def uploaders(self):
        """The pids of the uploaders of this build."""
        found = set()
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.readlink(f'/proc/{pid}/exe') == f'{self.build}/conprof':
                    found.add(int(pid))
            except OSError:
                pass
        return found

    def tool(self, name):
        """One of our own programs, made of test/bench/NAME.c."""
        return f'{self.build}/bench/{name}'

    def environment(self, column, **more):
        mine = ('CONPROF_', 'BLACKFIRE_', 'PLATFORM_', 'LD_', 'MALLOC_')
        env = {k: v for k, v in os.environ.items() if not k.startswith(mine)}
        if column == 'floor':
            env['LD_PRELOAD'] = self.tool('floor.so')
        elif column == 'conprof':
            # Default settings; only where the profiles go is ours.
            env.update(LD_PRELOAD=f'{self.build}/libconprof.so', CONPROF_CONFIG=f'{self.home}/empty.conf',
                       CONPROF_AGENT_SOCKET=f'dir://{self.home}/profiles', CONPROF_SPOOL_DIR=f'{self.home}/spool')
        elif column in PEERS:
            env['LD_PRELOAD'] = installed(column)
            env.update({k: v.replace('%s', self.home) for k, v in PEERS[column][1].items()})
        env.update(more)
        return env

    def start(self, column, command, cpu=None, user=None, **more):
        """The child inherits the processor that we go to for a moment: no tool between, and no hook."""
        os.sched_setaffinity(0, {self.pinned if cpu is None else cpu})
        try:
            process = subprocess.Popen(command, cwd=self.home, env=self.environment(column, **more), user=user,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.started.append(process)
            return process
        finally:
            os.sched_setaffinity(0, {self.other})

    def finish(self, process, status=0):
        """The CPU seconds of the process and the children it waited for, and what it printed."""
        out = process.stdout.read().decode()
        process.stdin.close()
        process.stdout.close()
        _, ended, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
        self.started.remove(process)
        if process.returncode != status:
            raise Failed(f'{process.args} ended with {process.returncode}')
        return usage.ru_utime + usage.ru_stime, out

    def keeper(self):
        """A small recorded process on the other processor: keeps one uploader alive, as in real life."""
        return self.start('conprof', [self.tool('work'), 'hold'], self.other)

    def compare(self, one_round, columns=COLUMNS, rounds=None):
        """one_round(columns) gives {column: figure}: {column: figures}, one of each round. The order
        in which the columns are started goes round, since the first runs a moment alone."""
        results = {column: [] for column in columns}
        for i in range(rounds or self.rounds):
            turned = columns[i % len(columns):] + columns[:i % len(columns)]
            for column, figure in one_round(turned).items():
                results[column].append(figure)
        return results

    def row(self, work, limit, one_round, unit='ms', but=WARNINGS):
        """A row of the table of costs, and one of the peers': the peers' rounds come after, beside a
        "none" of their own, so as not to disturb ours."""
        mine = self.compare(one_round)
        peers = tuple(name for name in self.peers if name not in but)
        theirs = {}
        try:
            theirs = self.compare(one_round, ('none',) + peers, self.peer_rounds) if peers else {}
        except Failed as failure:
            print(f'no peers: {failure}')
        return [cost_row(work, limit, mine, unit)] + ([peer_row(work, theirs)] if theirs else [])


def ratios(results, column):
    return [v / n for v, n in zip(results[column], results['none'])]


COST = ('work', 'no profiler', 'conprof', 'limit', 'met', 'floor', 'none again', 'rounds', 'commit')
MEASURED = 'Ratios of CPU time to no profiler: the median of the rounds (the smallest to the largest).'


def cost_row(work, limit, results, unit):
    mine = ratios(results, 'conprof')
    met = '-' if limit is None else 'yes' if statistics.median(mine) <= limit else 'NO'
    row = (work, f"{statistics.median(results['none']):.4g} {unit}", spread(mine), limit or '-', met,
           spread(ratios(results, 'floor')), spread(ratios(results, 'again')), len(mine), commit())
    return Table('cost', 'What programs pay', COST, [row], MEASURED, keeps=True)


def peer_row(work, results):
    cells = [spread(ratios(results, name), '{:.2f}') if name in results else '-' for name in PEERS]
    return Table('peers', 'What others cost', ('work',) + tuple(PEERS) + ('rounds',),
                 [[work] + cells + [len(results['none'])]], MEASURED, keeps=True)
