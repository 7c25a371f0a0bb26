# table_30_programs.py - rows: programs that do a piece of work and end; CPU time of all their processes.
# SPDX-License-Identifier: MIT
import shutil

PYTHON = '''
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(26)
s = 0
for i in range(2400000):
    s += i * i % 7
'''
# Strings and lists of more than 512 bytes, which are malloc's and not Python's own.
PYTHON_HEAVY = '''
kept = {}
for i in range(260000):
    kept[i % 3000] = [bytes(600 + i % 900), str(i) * 150]
'''
NODE = '''
const words = {};
for (let i = 0; i < 8000; i++) { const k = 'w' + i % 3000; words[k] = (words[k] || []).slice(-20).concat([i]); }
let t = '';
for (let i = 0; i < 100; i++) t += JSON.stringify(JSON.parse(JSON.stringify(words)).w7).length;
'''
SQL = '''create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<120000)
insert into t select i, 'row ' || i * 7919 % 100003, i * 0.5 from n;
create index x on t(b); select sum(length(b)), count(distinct c) from t where a % 3;
select substr(b, 1, 6) as k, group_concat(a) from t group by k order by length(k), k limit 3;'''


def row(bench, work, limit, command):
    def one_round(columns):
        running = [(column, bench.start(column, command)) for column in columns]
        return {column: 1000 * bench.finish(process)[0] for column, process in running}
    return bench.row(work, limit, one_round)


def system(name):
    """Debian's own: a wrapper of a version manager would be measured with it."""
    return shutil.which(name, path='/usr/bin:/bin') or shutil.which(name)


def python(bench):
    return row(bench, 'python3, arithmetic and calls', 1.01, [system('python3'), '-c', PYTHON])


def heavy(bench):
    return row(bench, 'python3, blocks of 0.6 to 1.5 KB', 1.02, [system('python3'), '-c', PYTHON_HEAVY])


def node(bench):
    return row(bench, 'node, objects and JSON', 1.01, [system('node'), '-e', NODE])


def sqlite(bench):
    return row(bench, 'sqlite3 in memory, 120,000 rows', 1.01, [system('sqlite3'), ':memory:', SQL])


def gcc(bench):
    """cc1 alone holds most of it; the driver, cc1 and as are three execs."""
    source = f'{bench.home}/input.c'
    with open(source, 'w', encoding='ascii') as f:
        for i in range(60):
            f.write(f'int f{i}(int a, int *b) {{ int s = {i}; for (int j = 0; j < a; j++) '
                    f's += b[j] * {i + 3} ^ (s >> j % 5); return s > a ? s : f{max(i - 1, 0)}(s, b); }}\n')
    return row(bench, 'gcc -O2 -c, 60 functions', 1.01, [system('gcc'), '-O2', '-c', '-o', '/dev/null', source])


PIECES = {'python': python, 'heavy': heavy, 'node': node, 'sqlite': sqlite, 'gcc': gcc}
