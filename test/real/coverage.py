# coverage.py - how many stacks of real programs reach their root, as their own profiles tell.
# SPDX-License-Identifier: MIT
#
# Each program works under the library; then the profiles are read. Of each stack either the root is
# main, _start or a thread's start, or it says that it ended early. What the comments say must be
# what the samples add up to. Early ends are counted in two groups: in code that has neither tables
# nor frame pointers (EXCUSES), and all others, of which there may be no more than 1 in 100.
import glob
import math
import os
import re
import shutil
import signal
import time

from interpreters import java_classes
from pprof import Profile, tool as pprof_tool
from same import free_port, listening, tool
from world import Skipped, expect

EARLY = '[conprof: stack ended early]'
ROOTS = re.compile(r'_start|main|__libc_start_.*|_?_?clone3?|start_thread|_dl_start_user')
# A sample of the kernel's clock must not stand for several ticks: then samples are periods.
RATE = '100'
SHARE = 0.01
# By program: where a walk may end early, and the most of all samples that may do so: twice what was
# measured. php: 9 to 12 % in the code that PCRE's compiler makes; ffmpeg: 15 % in x264's assembler;
# java: up to 7 % of ticks and 2 % of allocations below code that keeps no frame pointers; node: 2 of
# 8,800 allocations. No other program may have more than SHARE.
JIT = '[jit]'
EXCUSES = {'php': ((JIT,), 0.25), 'node': ((JIT,), 0.02), 'java': ((JIT,), 0.15),
           'ffmpeg': (('libx264', 'libav', 'libsw'), 0.35)}
PYTHON = '''
import json, random, re
for i in range(200):
    d = {str(k): [random.random() for _ in range(50)] for k in range(50)}
    json.loads(json.dumps(d)); re.findall(r'[0-9]+[.][0-9]+', str(d)); sorted(d.items(), key=str)
'''
SQL = '''with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000000)
select sum(x * x % 7), count(distinct x % 1000), max(length(hex(x))) from c;'''
PHP = '''$s = 0; for ($r = 0; $r < 20; $r++) { $a = []; for ($i = 0; $i < 60000; $i++) $a["k$i"] = md5((string)$i);
ksort($a); $s += strlen(serialize($a)); preg_match_all('/[0-9]+/', implode(',', $a), $m); $s += count($m[0]); } echo $s;'''
NODE = '''function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); } let t = 0;
for (let r = 0; r < 6; r++) { const m = new Map(); for (let i = 0; i < 200000; i++) m.set('k' + i, {i, s: String(i)});
t += JSON.stringify([...m]).length + f(29); } console.log(t, require('zlib').gzipSync(Buffer.alloc(1e7, 'abc')).length);'''


def tail(n, k, share):
    """The chance of k or more among n, if each is one with this chance."""
    if k == 0:
        return 1.0
    at = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + \
        k * math.log(share) + (n - k) * math.log1p(-share)
    term, total = math.exp(at), 0.0
    for i in range(k, n + 1):
        total += term
        term *= (n - i) / (i + 1) * share / (1 - share)
    return total


def settings(world):
    out = os.path.join(world.dir, 'profiles')
    os.makedirs(out, exist_ok=True)
    os.chmod(out, 0o777)
    return {'CONPROF_AGENT_SOCKET': 'dir://' + out, 'CONPROF_PERIOD': '3600', 'CONPROF_CPU_DURATION': '3600',
            'CONPROF_CPU_PROFILERATE': RATE, 'CONPROF_HEAP_SAMPLE_INTERVAL': '16384', 'CONPROF_EXIT_WAIT': '10'}


def said(file):
    """{what: (all, lost, truncated, ended early)} of the comments."""
    found = {}
    for line in pprof_tool(['-comments', file]).splitlines():
        match = re.match(r'conprof: (\w+) (\d+), lost (\d+)(?: \(.*\))?, truncated (\d+), ended early (\d+)$', line)
        if match:
            found[match[1]] = tuple(map(int, match.groups()[1:]))
    return found


class Sum:
    """Of all files of a program and one kind, in the weight's unit."""

    def __init__(self, weight):
        self.weight = weight
        self.samples = self.early = self.whole = self.excused = self.wrong = self.odd = 0
        self.odd_names = set()

    def add(self, file, excuses):
        profile, comments = Profile(file), said(file)
        name = {'periods': 'samples'}.get(self.weight, self.weight)
        at = profile.types.index(name)
        early = everything = 0
        for sample in profile.samples:
            weight, root = sample.values[at], sample.root()
            if root.startswith('[conprof lost') or not weight:
                continue
            everything += weight
            if root == EARLY:
                early += weight
                where = profile.module(sample.places[-2]) if len(sample.places) > 1 else ''
                excused = any(e in (where or '') for e in excuses)
                self.excused += weight * excused
                self.wrong += weight * (not excused)
            elif not root or ROOTS.fullmatch(root):
                self.whole += weight
            else:
                self.odd += weight
                self.odd_names.add(root)
        told = comments[self.weight]
        expect((everything, early) == (told[0], told[3]),
               f'{os.path.basename(file)}: {everything} with a stack, {early} ended early, but it says {told}')
        self.samples += comments['samples'][0]
        self.early += comments['samples'][3]

    def judge(self, program, most, least):
        print(f'-- coverage, {program}, {self.weight}: {self.samples} samples, {self.early} ended early; by weight '
              f'{self.whole} whole, {self.excused} in code without tables, {self.wrong} elsewhere, {self.odd} '
              f'{sorted(self.odd_names)[:4]}', flush=True)
        expect(self.samples >= least, f'{self.weight}: {self.samples} samples only')
        weight = self.whole + self.excused + self.wrong + self.odd
        # Samples, as the chance is theirs; their weights are alike.
        bad = round(self.samples * (self.wrong + self.odd) / max(weight, 1))
        expect(tail(self.samples, bad, SHARE) > 0.001,
               f'{self.weight}: {bad} of {self.samples} samples do not reach the root: {sorted(self.odd_names)[:4]}')
        expect(tail(self.samples, self.early, max(most, SHARE)) > 0.001,
               f'{self.weight}: {self.early} of {self.samples} samples ended early')


def delivered(world, service, suffix):
    return glob.glob(os.path.join(world.dir, 'profiles', f'{service}-*.{suffix}.pprof'))


def judge(world, program, service, least):
    excuses, most = EXCUSES.get(program, ((), SHARE))
    for weight, suffix in (('periods', 'cpu'), ('alloc_space', 'heap')):
        files = delivered(world, service, suffix)
        expect(files, f'there is no {suffix} profile of {service}')
        total = Sum(weight)
        for file in files:
            total.add(file, excuses)
        total.judge(program, most, least[suffix])


def lives(program, life, service=None, cpu=60, heap=20):
    """Lives of the program until there are samples enough, at most ten: what a server gets to do in some
    seconds, and how many periods one signal stands for, is up to who else wants the processors."""
    least, service = {'cpu': cpu, 'heap': heap}, service or program

    def test(world):
        world.deadline = time.monotonic() + 300
        for _ in range(10):
            life(world)
            world.quiet()
            if all(sum(said(file)['samples'][0] for file in delivered(world, service, suffix)) >= wanted
                   for suffix, wanted in least.items()):
                break
        judge(world, program, service, least)
    return test


def command(*argv):
    def life(world):
        ended = world.run([tool(argv[0])] + list(argv[1:]), settings(world))
        expect(ended.status == 0, f'ended with {ended.status}: {ended.err[-300:]!r}')
    return life


def java(world):
    place = java_classes(world, 'Load')
    world.run([tool('java'), '-Xmx128m', '-cp', place, 'Load'], settings(world))


def gcc(world):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for name in ('view', 'delta', 'locations', 'dwarf', 'symbols', 'elffile'):
        ended = world.run([tool('gcc'), '-O3', '-g', '-D_GNU_SOURCE', f'-I{root}/preload', f'-I{root}', f'-I{world.build}/gen',
                           '-S', '-o', '/dev/null', f'{root}/encoder/{name}.c'], settings(world))
        expect(ended.status == 0, f'{ended.err[-300:]!r}')


def redis(world):
    port = free_port()
    server = world.start([tool('redis-server'), '--port', str(port), '--save', ''], settings(world))
    listening(world, port, server)
    load = world.run([tool('redis-benchmark'), '-p', str(port), '-q', '-n', '60000', '-t',
                      'set,get,lpush,lrange_100,zadd,sadd,hset'], preload=False)
    expect(load.status == 0, f'{load.err[-300:]!r}')
    server.send_signal(signal.SIGTERM)
    world.finish(server)


def nginx(world):
    port = free_port()
    places = ' '.join(f'{kind}_temp_path {world.dir};' for kind in
                      ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    config = os.path.join(world.dir, 'nginx.conf')
    with open(config, 'w', encoding='ascii') as f:
        f.write(f'''daemon off; worker_processes 1; pid {world.dir}/pid; error_log stderr; user root;
            events {{ worker_connections 256; }}
            http {{ access_log off; gzip on; gzip_min_length 10; gzip_types *; {places}
            server {{ listen 127.0.0.1:{port}; root /usr/share/common-licenses; }} }}''')
    server = world.start([tool('nginx'), '-p', world.dir, '-c', config, '-e', 'stderr'], settings(world))
    listening(world, port, server)
    load = world.run([tool('wrk'), '-t1', '-c8', '-d4', '-H', 'Accept-Encoding: gzip',
                      f'http://127.0.0.1:{port}/GPL-3'], preload=False)
    expect(load.status == 0, f'{load.err[-300:]!r}')
    server.send_signal(signal.SIGQUIT)
    world.finish(server)


def postgres(world):
    """As an unprivileged user: it refuses root."""
    places = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    if not places:
        raise Skipped('there is no postgres')
    home, port = os.path.join(world.dir, 'pg'), str(free_port())
    os.makedirs(home, exist_ok=True)
    shutil.chown(home, 'nobody')
    shutil.chown(world.spool, 'nobody')
    nobody = [tool('setpriv'), '--reuid=nobody', '--clear-groups'] if os.getuid() == 0 else []

    def run(name, *args):
        ended = world.run([*nobody, os.path.join(places[-1], name), *args], preload=False)
        expect(ended.status == 0, f'{name}: {ended.err[-300:]!r}')

    if not os.path.exists(home + '/data'):
        run('initdb', '-D', home + '/data', '-A', 'trust', '-U', 'nobody')
    server = world.start([*nobody, os.path.join(places[-1], 'postgres'), '-D', home + '/data', '-p', port, '-k', home],
                         dict(settings(world), CONPROF_LOG_FILE=None))
    listening(world, int(port), server)
    there = ['-h', home, '-p', port, '-U', 'nobody', 'postgres']
    world.until('postgres was ready', lambda: world.run(
        [os.path.join(places[-1], 'pg_isready'), *there[:4]], preload=False).status == 0)
    run('pgbench', '-i', '-q', *there)
    run('pgbench', '-c', '4', '-T', '4', *there)
    server.send_signal(signal.SIGINT)
    world.finish(server)


def tests(_build):
    for program, life, more in (
            ('postgres', postgres, {}), ('redis', redis, {'service': 'redis-server'}), ('nginx', nginx, {}),
            ('python3', command('/usr/bin/python3', '-c', PYTHON), {}),
            ('sqlite3', command('sqlite3', ':memory:', SQL), {}),
            ('gcc', gcc, {'service': 'cc1', 'cpu': 40}), ('php', command('php', '-r', PHP), {}),
            ('node', command('node', '-e', NODE), {}), ('java', java, {'cpu': 30}),
            ('ffmpeg', command('ffmpeg', '-v', 'error', '-nostdin', '-f', 'lavfi', '-i',
                               'testsrc2=size=480x270:rate=25:duration=14', '-c:v', 'libx264', '-threads', '3', '-f',
                               'null', '-'), {})):
        yield 'coverage_' + program, True, lives(program, life, **more)
