# bench.py - what the profiler costs: runs the pieces asked for, prints their tables, keeps them.
# SPDX-License-Identifier: MIT
"""bench.py BUILD [PIECE...]. A piece is a function in PIECES of a file table_*.py beside this one,
{name: function}; it is given the Bench (columns.py) and returns or yields Tables (cost.py)."""
import glob
import importlib
import os
import signal
import subprocess
import sys
import time

import cost
from columns import PEERS, Bench, Failed, installed

here = os.path.dirname(os.path.abspath(__file__))


def pieces():
    """All pieces by name, in the order of the files' names."""
    found = {}
    for path in sorted(glob.glob(f'{here}/table_*.py')):
        found.update(importlib.import_module(os.path.basename(path)[:-3]).PIECES)
    return found


def main():
    every = pieces()
    wanted = sys.argv[2:] or list(every)
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise SystemExit(f"bench: there is no piece {' '.join(unknown)}; there are {' '.join(every)}")
    bench = Bench(sys.argv[1])
    print(f'{cost.machine()}; {bench.rounds} rounds, of the peers {bench.peer_rounds}', flush=True)
    for name in PEERS:
        if not installed(name):
            print(f'{name} is not installed: no such column')
    bench.keeper()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('bench: ended by a signal'))
    failed = []
    try:
        for name in wanted:
            begin = time.monotonic()
            try:
                for table in every[name](bench) or ():
                    print(f'\n{table.title}\n{table.body()}' + (f'\n{table.note}' if table.note else ''), flush=True)
                    cost.keep(table, bench.rounds)
            except (Failed, OSError, subprocess.CalledProcessError) as failure:
                print(f'{name}: {failure}')
                failed.append(name)
            print(f'({name}: {time.monotonic() - begin:.0f} s)', flush=True)
    finally:
        bench.close()
    if failed:
        raise SystemExit(f"bench: not measured: {' '.join(failed)}")


if __name__ == '__main__':
    main()
