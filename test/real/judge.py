# judge.py - our unwinder against libunwind, at random instants of real programs.
# SPDX-License-Identifier: MIT
import collections
import glob
import itertools
import os
import shutil
import signal
import subprocess
import threading

from same import free_port, listening, tool
from world import Skipped, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# In more than this share of the instants both must see the same stack.
SHARE = 0.999
MAKING = threading.Lock()


def judge(world):
    """The object that is preloaded: made by make, as the library is."""
    if not glob.glob('/usr/lib/*/libunwind.so.8'):
        raise Skipped('there is no libunwind')
    built = os.path.join(world.build, 'judge.so')
    with MAKING:
        made = subprocess.run(['make', '-s', '-C', ROOT, f'B={world.build}', built], capture_output=True)
    expect(made.returncode == 0, f'the judge was not built: {made.stderr[-300:]!r}')
    return built


def settings(world):
    out = os.path.join(world.dir, 'verdict')
    open(out, 'w', encoding='ascii').close()
    os.chmod(out, 0o666)
    return {'LD_PRELOAD': judge(world), 'JUDGE_OUT': out, 'JUDGE_US': '197'}


def verdict(world, least):
    """The sums of all processes; a line for a person on what they disagree about."""
    sums, kinds = collections.Counter(), collections.Counter()
    with open(os.path.join(world.dir, 'verdict'), encoding='utf-8', errors='replace') as f:
        for line in f:
            words = line.split()
            if words[0] == 'sum':
                sums.update({k: int(v) for k, v in zip(words[1::2], words[2::2]) if '_ns' not in k})
            else:
                kinds[' '.join(words[1:])] += int(words[0])
    worst = '; '.join(f'{times} {kind}' for kind, times in kinds.most_common(5))
    print(f'-- {world.name}: {dict(sums)} {worst}', flush=True)
    expect(sums['contexts'] >= least, f'{sums["contexts"]} instants only')
    # Where libunwind's next frame is no code at all and ours has ended, nobody need ask who is right.
    agreed = sums['equal'] + sums['theirs_astray']
    expect(agreed >= SHARE * sums['contexts'], f'{sums["contexts"] - agreed} of {sums["contexts"]} differ: {worst}')


def command(*argv, least=3000):
    def test(world):
        ended = world.run([tool(argv[0])] + list(argv[1:]), settings(world), preload=False, cwd=ROOT)
        expect(ended.status == 0, f'ended with {ended.status}: {ended.err[-300:]!r}')
        verdict(world, least)
    return test


PYTHON = '''
import json, random, re
for i in range(120):
    d = {str(k): [random.random() for _ in range(50)] for k in range(50)}
    json.loads(json.dumps(d)); re.findall(r'[0-9]+[.][0-9]+', str(d)); sorted(d.items(), key=str)
'''
SQL = '''with recursive c(x) as (select 1 union all select x + 1 from c where x < 4000000)
select sum(x * x % 7), count(distinct x % 1000), max(length(hex(x))) from c;'''


def throws(compiler, *flags):
    def test(world):
        binary = os.path.join(world.dir, 'throws')
        source = os.path.join(ROOT, 'test', 'judge', 'throws.cpp')
        subprocess.run([tool(compiler), '-std=gnu++17', '-pthread', *flags, '-o', binary, source], check=True)
        ended = world.run([binary, '2'], settings(world), preload=False)
        expect(ended.status == 0, f'ended with {ended.status}: {ended.err[-300:]!r}')
        verdict(world, 1000)
    return test


def redis(world):
    port = free_port()
    server = world.start([tool('redis-server'), '--port', str(port), '--save', ''], settings(world), preload=False)
    listening(world, port, server)
    load = world.run([tool('redis-benchmark'), '-p', str(port), '-q', '-n', '40000', '-t',
                      'set,get,lpush,lrange_100,zadd,sadd,hset'], preload=False)
    expect(load.status == 0, f'{load.err[-300:]!r}')
    server.send_signal(signal.SIGTERM)
    world.finish(server)
    verdict(world, 2000)


def nginx(world):
    port = free_port()
    temporary = ' '.join(f'{kind}_temp_path {world.dir};' for kind in
                         ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    config = os.path.join(world.dir, 'nginx.conf')
    with open(config, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; worker_processes 1; pid {world.dir}/pid; error_log stderr; user root;
            events {{ worker_connections 256; }}
            http {{ access_log off; gzip on; gzip_min_length 10; gzip_types *; {temporary}
            server {{ listen 127.0.0.1:{port}; root /usr/share/common-licenses;
            location /far {{ proxy_pass http://127.0.0.1:{port}/GPL-3; }} }} }}''')
    server = world.start([tool('nginx'), '-p', world.dir, '-c', config, '-e', 'stderr'], settings(world), preload=False)
    listening(world, port, server)
    for page in ('GPL-3', 'far'):
        for _ in range(2):
            load = world.run([tool('wrk'), '-t1', '-c8', '-d2', '-H', 'Accept-Encoding: gzip',
                              f'http://127.0.0.1:{port}/{page}'], preload=False)
            expect(load.status == 0, f'{load.err[-300:]!r}')
    server.send_signal(signal.SIGQUIT)
    world.finish(server)
    verdict(world, 2000)


def postgres(world):
    """As an unprivileged user: it refuses root."""
    found = sorted(p for p in (os.path.join('/usr/lib/postgresql', v, 'bin') for v in
                               (os.listdir('/usr/lib/postgresql') if os.path.isdir('/usr/lib/postgresql') else []))
                   if os.path.exists(os.path.join(p, 'initdb')))
    if not found:
        raise Skipped('there is no postgres')
    home, port = os.path.join(world.dir, 'pg'), str(free_port())
    os.mkdir(home)
    shutil.chown(home, 'nobody')
    nobody = [tool('setpriv'), '--reuid=nobody', '--clear-groups'] if os.getuid() == 0 else []

    def run(name, *args):
        ended = world.run([*nobody, os.path.join(found[-1], name), *args], preload=False)
        expect(ended.status == 0, f'{name}: {ended.err[-300:]!r}')

    run('initdb', '-D', home + '/data', '-A', 'trust', '-U', 'nobody')
    with open(home + '/log', 'wb') as log:
        server = world.start([*nobody, os.path.join(found[-1], 'postgres'), '-D', home + '/data', '-p', port, '-k', home],
                             settings(world), preload=False)
        log.close()
    listening(world, int(port), server)
    there = ['-h', home, '-p', port, '-U', 'nobody', 'postgres']
    world.until('postgres was ready', lambda: world.run(
        [os.path.join(found[-1], 'pg_isready'), *there[:4]], preload=False).status == 0)
    run('pgbench', '-i', '-q', *there)
    run('pgbench', '-c', '4', '-T', '8', *there)
    run('psql', *there[:-1], '-d', 'postgres', '-c',
        'select count(*) from (select a.aid, md5(b.filler) from pgbench_accounts a '
        'join pgbench_accounts b on a.aid = b.aid order by 2) x')
    server.send_signal(signal.SIGINT)
    world.finish(server)
    verdict(world, 3000)


def tests(_build):
    yield 'judge_redis', True, redis
    yield 'judge_nginx', True, nginx
    yield 'judge_postgres', True, postgres
    yield 'judge_python3', True, command('python3', '-c', PYTHON, least=1000)
    yield 'judge_sqlite3', True, command('sqlite3', ':memory:', SQL, least=1000)
    yield 'judge_gcc', True, command('gcc', '-O2', '-D_GNU_SOURCE', '-Ipreload', '-I.', '-S', '-o', '/dev/null', 'encoder/view.c',
                                     least=100)
    ways = itertools.product(('g++', 'clang++'), ('-O0', '-O2', '-O3'), ('-fno-omit-frame-pointer', '-fomit-frame-pointer'))
    for compiler, level, pointers in ways:
        name = f'judge_throws_{compiler}{level}{"" if "no" in pointers else "_bare"}'.replace('++', 'pp').replace('-', '_')
        yield name, True, throws(compiler, level, pointers)
