# server_postgres.py - postgres under pgbench: parallel workers, compiled queries, a killed backend.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import signal

from real import alive, descendants, plain, thrice
from same import tool
from servers import log, pid_in, port
from world import Skipped, expect

SETTINGS = {'fsync': 'off', 'autovacuum_naptime': '1s', 'shared_preload_libraries': 'pg_stat_statements',
            'max_parallel_workers_per_gather': '2', 'log_lock_waits': 'on', 'log_line_prefix': '[%b] ',
            'log_min_duration_statement': '-1', 'log_checkpoints': 'off'}
# What varies: times, places in the log of writes, dots of patience.
CHANCE = ((r'[0-9A-F]+/[0-9A-F]{6,}', 'LSN'), (r'\((PID \d+)\)', '(PID N)'), (r'process \d+', 'process N'),
          (r'\d+\.\d+ m?s', 'T'), (r'waiting for server to (\w+ ?\w*)\.+ ', r'waiting for server to \1 '))
# The load's own order decides whether these are said.
SELDOM = r'autovacuum worker|invalid (magic|record)|unexpected pageaddr|automatic (vacuum|analyze)|still waiting for|acquired (Share|Exclusive|Row)|recovery (starts|in progress)'
PARALLEL = '''set min_parallel_table_scan_size=0; set parallel_setup_cost=0; set parallel_tuple_cost=0;
set max_parallel_maintenance_workers=2; set jit=off;
explain (costs off) select sum(abalance), count(*) from pgbench_accounts where aid % 7 = 3;
select count(*), max(aid) from pgbench_accounts where aid % 7 = 3; create index on pgbench_accounts(bid);'''
COMPILED = '''set jit=on; set jit_above_cost=0; set jit_inline_above_cost=0; set jit_optimize_above_cost=0;
select aid % 5 as x, sum(aid * 2 + 1), avg(aid) from pgbench_accounts group by x order by x;'''
TROUBLE = '''create or replace function f(n int) returns text language plpgsql as $$
begin perform 1 / n; return 'fine'; exception when division_by_zero then return 'caught'; end $$;
select f(i % 2) || i from generate_series(0, 5) i; set statement_timeout='200ms'; select pg_sleep(30);
reset statement_timeout; select nonsense; select repeat('x', 30000000) is null; table nothing;
select calls > 0 from pg_stat_statements limit 1; copy (select generate_series(1,5)) to stdout;'''


class Postgres:
    def __init__(self, run, number):
        self.run, self.port, self.said = run, number, []
        places = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
        if not places:
            raise Skipped('there is no postgres')
        self.bin = places[-1]
        self.data = os.path.join(run.cwd, 'data')
        self.do('initdb', '-D', self.data, '-A', 'trust', '-U', 'me', '-N', '--no-locale')
        with open(os.path.join(self.data, 'postgresql.conf'), 'a', encoding='ascii') as f:
            f.write(f"port={number}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n")
            f.writelines(f"{name}='{value}'\n" for name, value in SETTINGS.items())

    def do(self, name, *args, status=0):
        """One of its tools, with us as the run has it."""
        done = self.run.run([os.path.join(self.bin, name)] + list(args),
                            {'PGHOST': '127.0.0.1', 'PGPORT': str(self.port), 'PGUSER': 'me',
                             'PGDATABASE': 'postgres'})
        text = plain(done.out + done.err, *CHANCE)
        expect(done.status == status, f'{name}: {done.status}: {text[-400:]}')
        self.said.append(text)
        return text

    def control(self, *args):
        return self.do('pg_ctl', '-D', self.data, '-w', '-l', os.path.join(self.run.cwd, 'log'), *args)

    def sql(self, text):
        return self.do('psql', '-X', '-A', '-c', text) if '\n' not in text else \
            self.do('psql', '-X', '-A', '-f', self.run.write('script', text))

    def main(self):
        return pid_in(self.run, os.path.join(self.data, 'postmaster.pid'))

    def title(self, word):
        """The processes whose title has this word."""
        found = []
        for pid in descendants(self.main()):
            try:
                with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
                    found += [pid] if word in f.read() else []
            except OSError:
                pass
        return found

    def bench(self):
        text = self.do('pgbench', '-n', '-c', '4', '-j', '2', '-t', '50')
        expect('200/200' in text and 'failed transactions: 0' in text, text[-400:])
        print(f'  postgres, {self.run.name}: ' + re.search(r'tps.*', text)[0])
        self.said.pop()


def crash(postgres):
    """A backend is killed while it works: all others are ended, the data is recovered, work goes on."""
    run = postgres.run
    sleeper = run.start([os.path.join(postgres.bin, 'psql'), '-h', '127.0.0.1', '-p', str(postgres.port),
                         '-U', 'me', 'postgres', '-c', 'select pg_sleep(300)'])
    run.until('the backend slept', lambda: postgres.title('SELECT'))
    victim = postgres.title('SELECT')[0]
    old = postgres.title('checkpointer')
    os.kill(victim, signal.SIGKILL)
    done = run.world.finish(sleeper)
    run.until('it had begun anew', lambda: postgres.title('checkpointer') not in ([], old) and
              postgres.title('autovacuum launcher'))
    return f'{done.status} {done.out} {done.err}'


def life(run, number):
    postgres = Postgres(run, number)
    postgres.control('start')
    main = postgres.main()
    result = {'at the start': run.view(main)}
    postgres.do('pgbench', '-i', '-s', '1', '-q')
    postgres.sql('create extension pg_stat_statements')
    postgres.bench()
    postgres.sql('checkpoint')
    for script in (PARALLEL, COMPILED, TROUBLE):
        postgres.sql(script)
    result['crash'] = crash(postgres)
    postgres.bench()
    result['balance'] = postgres.sql('select sum(abalance) - (select sum(delta) from pgbench_history), '
                                     '(select count(*) from pgbench_history) from pgbench_accounts')
    postgres.control('reload')
    result['at rest'] = run.view(main, *postgres.title('logical replication'))
    postgres.control('stop', '-m', 'fast')
    expect(not alive(main), 'the server is still there')
    postgres.control('start')
    postgres.sql('select count(*) from pgbench_history')
    postgres.control('stop', '-m', 'immediate')
    result['said'] = '\n'.join(postgres.said)
    lines = log(run.read('log'), *CHANCE).splitlines()
    result['log'] = '\n'.join(sorted({line for line in lines if not re.search(SELDOM, line)}))
    return result


def postgres_test(world):
    number = port()
    thrice(world, lambda run: life(run, number), 'postgres', 'postgres')


def tests(_build):
    yield 'real_postgres', True, postgres_test
