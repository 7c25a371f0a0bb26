# server_php.py - php-fpm: compiled pages, limits by CPU time and by the clock, reload, slow pages.
# SPDX-License-Identifier: MIT
import concurrent.futures
import glob
import os
import re
import signal
import socket
import struct
import threading
import time

from real import descendants, thrice
from servers import log, pid_in, port
from world import Skipped, expect

CONFIG = '''[global]
pid = %(cwd)s/pid
error_log = %(cwd)s/error.log
process_control_timeout = 20
[pages]
listen = 127.0.0.1:%(pages)d
%(user)s
pm = static
pm.max_children = 3
pm.max_requests = 30
catch_workers_output = yes
php_admin_value[max_execution_time] = 2
[limited]
listen = 127.0.0.1:%(limited)d
%(user)s
pm = dynamic
pm.max_children = 2
pm.start_servers = 1
pm.min_spare_servers = 1
pm.max_spare_servers = 1
request_terminate_timeout = 2s
request_slowlog_timeout = 1s
slowlog = %(cwd)s/slow.log
'''
# The kernel's timer counts by its own ticks, which on a busy machine is a third off what getrusage
# says in the end: the bounds are for errors of ours, who would be thousands of times off.
JIT = ['opcache.enable=1', 'opcache.jit_buffer_size=16M', 'opcache.jit=tracing']
PAGES = {'work.php': '''<?php
class P { public $v = []; function __construct(public int $n) {} function __destruct() { global $gone; $gone++; } }
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
$gone = 0; $all = [];
for ($i = 0; $i < 1000; $i++) { $p = new P($i); $p->v = range(0, $i % 50); $all[$i % 100] = $p; }
try { throw new RuntimeException(str_repeat("e", 3)); } catch (Exception $e) { echo get_class($e), "\\n"; }
echo fib(15), " ", count($all), " $gone ", md5(serialize($all)), " ", strlen(str_repeat("x", 5000000)), "\\n";
echo preg_replace_callback("/\\\\d+/", fn($m) => $m[0] * 2, "a1b22c333"), " ", $_SERVER["REQUEST_URI"], "\\n";
error_log("said on stderr");''',
         # Ends by itself before its limit, in CPU time; it would be too early to end it.
         'short.php': '''<?php set_time_limit(1); $x = 0;
function used() { $r = getrusage(); return $r["ru_utime.tv_sec"] + $r["ru_stime.tv_sec"]
  + ($r["ru_utime.tv_usec"] + $r["ru_stime.tv_usec"]) / 1e6; }
for ($a = used(); used() < $a + 0.4;) for ($i = 0; $i < 1000; $i++) $x += $i % 7;
echo "done\\n";''',
         'long.php': '''<?php $x = 0;
function used() { $r = getrusage(); return $r["ru_utime.tv_sec"] + $r["ru_stime.tv_sec"]
  + ($r["ru_utime.tv_usec"] + $r["ru_stime.tv_usec"]) / 1e6; }
$a = used(); register_shutdown_function(function () use ($a) { $t = used() - $a;
  echo $t > 1 && $t < 3.5 ? "in time" : "after $t s", "\\n"; });
for (;;) for ($i = 0; $i < 1000; $i++) $x += $i % 7;''',
         'asleep.php': '<?php function nap() { sleep(30); } nap(); echo "awake";'}
CHANCE = ((r'\bchild \d+', 'child N'), (r'\(?\d+\.\d+ sec(onds)?\)?', 'T'), (r'\[\d\d-\w+-\d+ [\d:]+\]', 'TIME'),
          (r'\bpid \d+', 'pid N'), (r'trace (of )?\d+', 'trace N'), (r'\[0x[0-9a-f]+\]', '[ADDRESS]'), (r'calling process \d+', 'process N'))


def record(kind, data):
    return struct.pack('>BBHHBB', 1, kind, 1, len(data), 0, 0) + data


def pair(name, value):
    return struct.pack('>BI', len(name), len(value) | 1 << 31) + name.encode() + value.encode()


def page(number, path, uri='/'):
    """What the page answers by FastCGI, its errors included; or why there is none."""
    names = {'SCRIPT_FILENAME': path, 'REQUEST_METHOD': 'GET', 'REQUEST_URI': uri, 'SERVER_NAME': 'test'}
    request = record(1, struct.pack('>HB5x', 1, 0)) + record(
        4, b''.join(pair(*item) for item in names.items())) + record(4, b'') + record(5, b'')
    answer = b''
    with socket.create_connection(('127.0.0.1', number), 60) as s, s.makefile('rb') as f:
        s.sendall(request)
        while True:
            try:
                head = f.read(8)
            except ConnectionResetError:
                head = b''
            if len(head) < 8:
                return (answer + b'(no end)').decode()
            _, kind, _, length, padding, _ = struct.unpack('>BBHHBB', head)
            data = f.read(length + padding)[:length]
            if kind == 3:
                return answer.decode()
            answer += data


class Fpm:
    def __init__(self, run, pages, limited):
        self.run, self.pages, self.limited = run, pages, limited
        places = sorted(glob.glob('/usr/sbin/php-fpm*'))
        if not places:
            raise Skipped('there is no php-fpm')
        user = 'user = nobody\ngroup = nogroup' if os.geteuid() == 0 else ''
        run.write('fpm.conf', CONFIG % {'cwd': run.cwd, 'pages': pages, 'limited': limited, 'user': user})
        self.paths = {name: run.write(name, text) for name, text in PAGES.items()}
        more = [word for setting in JIT for word in ('-d', setting)]
        done = run.run([places[-1], '-D', '-y', os.path.join(run.cwd, 'fpm.conf'), *more])
        self.started = f'{done.status} {done.out} {done.err}'
        self.main = pid_in(run, os.path.join(run.cwd, 'pid'))

    def get(self, name, number=0, uri='/'):
        return page(number or self.pages, self.paths[name], uri)

    def load(self, _who=0):
        return {re.sub(r'(?i)x-powered-by.*', '', self.get('work.php')) for _ in range(20)}

    def view(self):
        self.run.until('all children had come', lambda: len(descendants(self.main)) == 5)
        return re.sub(r'ZendSem\.\w+', 'ZendSem', self.run.view(*descendants(self.main)[:2]))

    def reload(self):
        """It ends its children, starts itself again by exec, and becomes a daemon again."""
        before = self.main
        os.kill(before, signal.SIGUSR2)
        self.main = pid_in(self.run, os.path.join(self.run.cwd, 'pid'), but=before)
        self.run.gone(before)
        self.run.until('all had come', lambda: len(descendants(self.main)) == 5)

    def reloaded(self):
        """Twice under load: each request is answered."""
        over = threading.Event()

        def go_on(_who):
            said = set()
            while not said or not over.is_set():
                said |= self.load()
            return said
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            loads = [pool.submit(go_on, i) for i in range(2)]
            try:
                time.sleep(0.3)
                self.reload()
                self.reload()
            finally:
                over.set()
            return '\n'.join(sorted(set.union(*(load.result() for load in loads))))


def life(run, pages, limited):
    fpm = Fpm(run, pages, limited)
    result = {'started': fpm.started, 'at the start': fpm.view()}
    run.busy.append(descendants(fpm.main)[1:])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        others = [pool.submit(fpm.get, name) for name in ('short.php', 'long.php')]
        asleep = pool.submit(fpm.get, 'asleep.php', limited)
        result['limits'] = '\n'.join(other.result() for other in others)
        result['asleep'] = asleep.result()
        loads = pool.map(fpm.load, range(3))
        result['load'] = '\n'.join(sorted(set.union(*loads)))
    expect('in time' in result['limits'] and 'done' in result['limits'], result['limits'])
    result['reloaded'] = fpm.reloaded()
    expect('(no end)' not in result['reloaded'] + result['load'], 'a request was not answered')
    victim = descendants(fpm.main)[1]
    os.kill(victim, signal.SIGKILL)
    run.gone(victim)
    run.until('it was laid to rest', lambda: victim not in descendants(fpm.main))
    result['at rest'] = fpm.view()
    os.kill(fpm.main, signal.SIGQUIT)
    run.gone(fpm.main)
    lines = log(run.read('error.log'), *CHANCE).splitlines()
    # Whether a child reaches its last request before the reload is chance.
    result['log'] = '\n'.join(sorted({line for line in lines if not re.search(
        r'exited with code 0|\] child N started', line)}))
    result['slow'] = log(run.read('slow.log'), *CHANCE)
    return result


def php_test(world):
    pages, limited = port(), port()
    thrice(world, lambda run: life(run, pages, limited), os.path.basename(
        (sorted(glob.glob('/usr/sbin/php-fpm*')) or ['php-fpm'])[-1]))


def tests(_build):
    yield 'real_php_fpm', True, php_test
