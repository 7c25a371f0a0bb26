# judge.py - our unwinder against libunwind and gdb, at random instants of real programs.
# SPDX-License-Identifier: MIT
import collections
import glob
import itertools
import os
import shutil
import signal
import subprocess
import threading
import time

from same import free_port, listening, tool
from world import Skipped, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# In more than this share of the instants both must see the same stack.
SHARE = 0.999
INSTANTS = 400  # for gdb, at each program
MAKING = threading.Lock()


def judge(world):
    """The object that is preloaded: made by make, as the library is."""
    if not glob.glob('/usr/lib/*/libunwind.so.8'):
        raise Skipped('there is no libunwind')
    built = os.path.join(world.build, 'judge.so')
    with world.aside(), MAKING:
        made = subprocess.run(['make', '-s', '-C', ROOT, f'B={world.build}', built], capture_output=True)
    expect(made.returncode == 0, f'the judge was not built: {made.stderr[-300:]!r}')
    return built


def settings(world):
    out = os.path.join(world.dir, 'verdict')
    open(out, 'a', encoding='ascii').close()
    os.chmod(out, 0o666)
    return {'LD_PRELOAD': judge(world), 'JUDGE_OUT': out, 'JUDGE_US': '197'}


def read(lines):
    """The sums, and how often each kind of disagreement was met."""
    sums, kinds = collections.Counter(), collections.Counter()
    for line in lines:
        words = line.split()
        if words and words[0] == 'sum':
            sums.update({k: int(v) for k, v in zip(words[1::2], words[2::2]) if '_ns' not in k})
        elif words and words[0] == 'kind':
            kinds[' '.join(words[2:])] += int(words[1])
    return sums, kinds


def verdict(world):
    with open(os.path.join(world.dir, 'verdict'), encoding='utf-8', errors='replace') as f:
        return read(f)


def tell(world, judge_name, sums, kinds):
    worst = '; '.join(f'{times} {kind}' for kind, times in kinds.most_common(5))
    print(f'-- {world.name}: {judge_name} {dict(sums)} {worst}', flush=True)
    return worst


def judged(world, least, live):
    """Lives of the program until there were so many instants, then one more that gdb looks at."""
    world.deadline = time.monotonic() + 300
    for _ in range(30):
        live(None)
        if verdict(world)[0]['contexts'] >= least:
            break
    sums, kinds = verdict(world)
    worst = tell(world, 'libunwind', sums, kinds)
    expect(sums['contexts'] >= least, f'{sums["contexts"]} instants only')
    # Where libunwind's next frame is no code at all and ours has ended, nobody need ask who is right.
    agreed = sums['equal'] + sums['theirs_astray']
    expect(agreed > SHARE * sums['contexts'], f'{sums["contexts"] - agreed} of {sums["contexts"]} differ: {worst}')
    second_opinion(world, live)


def second_opinion(world, live):
    """What gdb says of the same: without tables it guesses in its own way, which does not count, nor where it goes on
    into addresses that nothing is mapped at. Lives of the program until it has seen enough: in one it may get little
    of a busy processor."""
    gdb, said, errors = tool('gdb'), [], []

    def look(pid):
        script = os.path.join(ROOT, 'test', 'judge', 'by_gdb.py')
        done = subprocess.run([gdb, '-batch', '-nx', '-iex', 'set debuginfod enabled off', '-iex', 'set auto-load no',
                               '-p', str(pid), '-ex', f'python INSTANTS = {INSTANTS}', '-x', script],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=world.left(), check=False)
        said.extend(done.stdout.decode(errors='replace').splitlines())
        errors.append(done.stderr[-300:])

    for _ in range(10):
        live(look)
        if read(said)[0]['contexts'] >= INSTANTS / 8:
            break
    sums, kinds = read(said)
    worst = tell(world, 'gdb', sums, kinds)
    expect(sums['contexts'] >= INSTANTS / 8, f'gdb saw {sums["contexts"]} instants: {said[-3:]} {errors[-1:]}')
    agreed = sums['equal'] + sums['no_table'] + sums['gdb_astray']
    expect(agreed >= sums['contexts'] - max(2, 0.005 * sums['contexts']), f'gdb sees it otherwise: {worst}')


def command(*argv, least=3000):
    def test(world):
        def live(look):
            child = world.start([tool(argv[0])] + list(argv[1:]), settings(world), preload=False, cwd=ROOT)
            if look:
                time.sleep(0.2)
                look(child.pid)
            ended = world.finish(child)
            expect(ended.status == 0, f'ended with {ended.status}: {ended.err[-300:]!r}')
        judged(world, least, live)
    return test


PYTHON = '''
import json, random, re
for i in range(120):
    d = {str(k): [random.random() for _ in range(50)] for k in range(50)}
    json.loads(json.dumps(d)); re.findall(r'[0-9]+[.][0-9]+', str(d)); sorted(d.items(), key=str)
'''
SQL = '''with recursive c(x) as (select 1 union all select x + 1 from c where x < 4000000)
select sum(x * x % 7), count(distinct x % 1000), max(length(hex(x))) from c;'''


def the_compiler(world):
    """Itself: the driver only waits for it."""
    found = subprocess.run([tool('g++'), '-print-prog-name=cc1plus'], capture_output=True, check=True)
    source = os.path.join(world.dir, 'throws.ii')
    subprocess.run([tool('g++'), '-E', '-o', source, os.path.join(ROOT, 'test', 'judge', 'throws.cpp')], check=True)
    command(found.stdout.decode().strip(), '-quiet', '-O2', '-o', '/dev/null', source, least=5000)(world)


def throws(compiler, *flags):
    def test(world):
        binary = os.path.join(world.dir, 'throws')
        source = os.path.join(ROOT, 'test', 'judge', 'throws.cpp')
        subprocess.run([tool(compiler), '-std=gnu++17', '-pthread', *flags, '-o', binary, source], check=True)
        command(binary, '2', least=3000)(world)
    return test


def with_load(world, server, load, look, find):
    """gdb looks at it when the load has run for a while; not at all if it is over by then."""
    if not look:
        return world.finish(load)
    time.sleep(0.5)
    seen = [None]
    world.until('the process worked',
                lambda: load.poll() is not None or seen.append(find(server.pid)) or seen[-1])
    if seen[-1]:
        look(seen[-1])
    return world.finish(load)


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [int(word) for word in f.read().split()]


def title(pid):
    """What its process shows; of one that has ended, nothing."""
    try:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def redis(world):
    def live(look):
        port = free_port()
        server = world.start([tool('redis-server'), '--port', str(port), '--save', ''], settings(world), preload=False)
        listening(world, port, server)
        load = world.start([tool('redis-benchmark'), '-p', str(port), '-q', '-n', '40000', '-t',
                            'set,get,lpush,lrange_100,zadd,sadd,hset'], preload=False)
        ended = with_load(world, server, load, look, lambda pid: pid)
        expect(ended.status == 0, f'{ended.err[-300:]!r}')
        server.send_signal(signal.SIGTERM)
        world.finish(server)
    judged(world, 15000, live)


def nginx(world):
    temporary = ' '.join(f'{kind}_temp_path {world.dir};' for kind in
                         ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))

    def live(look):
        port = free_port()
        config = os.path.join(world.dir, 'nginx.conf')
        with open(config, 'w', encoding='ascii') as f:
            f.write(f'''daemon off; worker_processes 1; pid {world.dir}/pid; error_log stderr; user root;
                events {{ worker_connections 256; }}
                http {{ access_log off; gzip on; gzip_min_length 10; gzip_types *; {temporary}
                server {{ listen 127.0.0.1:{port}; root /usr/share/common-licenses;
                location /far {{ proxy_pass http://127.0.0.1:{port}/GPL-3; }} }} }}''')
        server = world.start([tool('nginx'), '-p', world.dir, '-c', config, '-e', 'stderr'], settings(world),
                             preload=False)
        listening(world, port, server)
        for page in ('GPL-3', 'far', 'GPL-3', 'far'):
            load = world.start([tool('wrk'), '-t1', '-c8', '-d2', '-H', 'Accept-Encoding: gzip',
                                f'http://127.0.0.1:{port}/{page}'], preload=False)
            ended = with_load(world, server, load, look if page == 'far' else None, lambda pid: children(pid)[0])
            expect(ended.status == 0, f'{ended.err[-300:]!r}')
        server.send_signal(signal.SIGQUIT)
        world.finish(server)
    judged(world, 15000, live)


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
    there = ['-h', home, '-p', port, '-U', 'nobody', 'postgres']

    def start(name, *args):
        return world.start([*nobody, os.path.join(found[-1], name), *args], preload=False)

    def run(name, *args):
        ended = world.finish(start(name, *args))
        expect(ended.status == 0, f'{name}: {ended.err[-300:]!r}')

    def backend(pid):
        return next((child for child in children(pid) if 'nobody postgres' in title(child)), None)

    def live(look):
        with open(home + '/log', 'ab') as log:
            server = world.start([*nobody, os.path.join(found[-1], 'postgres'), '-D', home + '/data', '-p', port,
                                  '-k', home], settings(world), preload=False)
            log.close()
        listening(world, int(port), server)
        world.until('postgres was ready', lambda: world.run(
            [os.path.join(found[-1], 'pg_isready'), *there[:4]], preload=False).status == 0)
        run('pgbench', '-i', '-q', *there)
        ended = with_load(world, server, start('pgbench', '-c', '4', '-T', '15' if look else '6', *there), look, backend)
        expect(ended.status == 0, f'pgbench: {ended.err[-300:]!r}')
        sort = start('psql', *there[:-1], '-d', 'postgres', '-c',
                     'select count(*) from (select a.aid, md5(b.filler) from pgbench_accounts a '
                     'join pgbench_accounts b on a.aid = b.aid order by 2) x')
        expect(with_load(world, server, sort, look, backend).status == 0, 'psql failed')
        server.send_signal(signal.SIGINT)
        world.finish(server)

    run('initdb', '-D', home + '/data', '-A', 'trust', '-U', 'nobody')
    judged(world, 20000, live)


def tests(_build):
    yield 'judge_redis', True, redis
    yield 'judge_nginx', True, nginx
    yield 'judge_postgres', True, postgres
    yield 'judge_python3', True, command('python3', '-c', PYTHON, least=10000)
    yield 'judge_sqlite3', True, command('sqlite3', ':memory:', SQL, least=15000)
    yield 'judge_gcc', True, the_compiler
    ways = itertools.product(('g++', 'clang++'), ('-O0', '-O2', '-O3'), ('-fno-omit-frame-pointer', '-fomit-frame-pointer'))
    for compiler, level, pointers in ways:
        name = f'judge_throws_{compiler}{level}{"" if "no" in pointers else "_bare"}'.replace('++', 'pp').replace('-', '_')
        yield name, True, throws(compiler, level, pointers)
