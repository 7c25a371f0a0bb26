# same.py - the target cannot tell: each program runs without the library and with it, and all that
# it writes, and all that can be seen of it from outside, must be the same.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import shutil
import signal
import socket
import time

from world import Failed, Skipped, expect

# Sharp settings, so that the library has much to do in a short run.
BUSY = {'CONPROF_CPU_PROFILERATE': '1000', 'CONPROF_HEAP_SAMPLE_INTERVAL': '4096',
        'CONPROF_PERIOD': '1'}
PYTHON = '/usr/bin/python3'


def tool(name):
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    if not path:
        raise Skipped(f'there is no {name}')
    return path


def differ(plain, other, what):
    """Shows the first line that differs."""
    if plain == other:
        return
    a, b = plain.splitlines(), other.splitlines()
    for i in range(max(len(a), len(b))):
        left, right = (x[i] if i < len(x) else '(nothing)' for x in (a, b))
        if left != right:
            raise Failed(f'{what} line {i + 1}: without {left[:160]!r}, with {right[:160]!r}')
    raise Failed(f'{what}: the lines are the same, their ends are not')


def steady(data):
    """What varies from run to run in any case: numbers of sockets, pipes and processes, the preload."""
    text = data.decode('utf-8', 'surrogateescape')
    text = re.sub(r'(socket|pipe|anon_inode):\[\d+\]', r'\1', text)
    text = re.sub(r'\bpid=\d+', 'pid=N', text)
    # How far redis' saving child has come when it is told to stop, is chance.
    text = re.sub(r'.*(SIGUSR1 in child|saving terminated by signal).*\n', '', text)
    return re.sub(r'^LD_PRELOAD=.*\n', '', text, flags=re.M)


def compare(world, argv, change=lambda text: text):
    """Both runs in folders of the same name, one after the other."""
    results = []
    for preload in (False, True):
        cwd = os.path.join(world.dir, 'here')
        shutil.rmtree(cwd, ignore_errors=True)
        os.mkdir(cwd)
        results.append(world.run(argv, BUSY, preload=preload, cwd=cwd))
    plain, other = results
    expect(plain.status == other.status,
           f'status {plain.status} without, {other.status} with: {other.err[-300:]!r}')
    for what in ('out', 'err'):
        differ(change(steady(getattr(plain, what))), change(steady(getattr(other, what))), what)
    world.quiet()
    expect(glob.glob(os.path.join(world.spool, '*.pprof')),
           'nothing was profiled, so nothing was proved' + world.last_log())


def command(name, *args, change=lambda text: text):
    return 'same_' + name, lambda world: compare(world, [tool(name)] + list(args), change)


BASH = r'''
ls -l /proc/self/fd | sed 's/.* \([0-9]* ->\)/\1/; s/[0-9]*\/fd/N\/fd/'
ls /proc/$$/task >t; wc -l <t; cat /proc/$$/task/*/children >t; wc -w <t; rm t
trap 'echo child ended' CHLD
(exit 3) & wait $!; echo "job $?"
for i in 1 2 3; do (echo "sub $i"; exit $i); echo $?; done
wait; echo "wait $?"; jobs; ulimit -a; env | sort; umask; trap
x=0; while [ $x -lt 20000 ]; do x=$((x+1)); done; echo $x
echo oops >&2; kill -TERM $BASHPID
'''
PYTHON_SCRIPT = r'''
import os, subprocess, sys, threading, signal
def look():
    print(sorted((int(f), os.readlink("/proc/self/fd/" + f).split("[")[0])
                 for f in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + f)))
    print(len(os.listdir("/proc/self/task")), open("/proc/self/task/%d/children" % os.getpid()).read())
    try: print(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError as e: print(e)
    print(signal.getitimer(signal.ITIMER_PROF), signal.getsignal(signal.SIGPROF), signal.sigpending())
look()
t = [threading.Thread(target=lambda: sum(len(str(i)) for i in range(200000))) for _ in range(4)]
[x.start() for x in t]; [x.join() for x in t]
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 5"], capture_output=True))
print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, b"child " + str(sum(range(3000000))).encode()); os._exit(7)
print(os.read(r, 99), os.wait()[1])
look(); print({k: v for k, v in os.environ.items() if k != "LD_PRELOAD"})
print(os.popen("ulimit -a").read()); sys.stderr.write("end\n"); sys.exit(11)
'''
SQL = '''create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i+1 from n where i<60000)
insert into t select i, hex(i*7919) from n;
select count(*), sum(length(b)), min(b), max(b) from t; select * from t where a % 9999 = 0;
create index x on t(b); pragma integrity_check; select nonsense;'''
GCC = r'''
cat > a.c <<'E'
#include <stdio.h>
#include <math.h>
#include <pthread.h>
static int f(int x) { int unused; return x < 2 ? x : f(x - 1) + f(x - 2); }
int main(void) { printf("%d %f\n", f(25), sqrt(2)); return 4; }
E
gcc -O2 -Wall -c a.c -o a.o; gcc a.o -o a -lm; ./a; echo $?; cksum a.o; gcc -c nothing.c; echo $?
'''
GIT = r'''
export GIT_AUTHOR_DATE=2020-01-01T00:00:00Z GIT_COMMITTER_DATE=2020-01-01T00:00:00Z
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q . -b main; for i in $(seq 30); do seq $i $((i*40)) > f$i; done; git add .
git commit -m one; seq 7 > f1; git diff --stat; git commit -qam two; git log --stat | cat
git gc -q; git fsck --full; git clone -q . ../here/copy; git -C copy rev-parse HEAD; git nonsense
'''


def outside(pid):
    """What others see of a process: descriptors, threads, children, environment, identity."""
    fds = {}
    for fd in os.listdir(f'/proc/{pid}/fd'):
        fds[int(fd)] = steady(os.fsencode(os.readlink(f'/proc/{pid}/fd/{fd}')))
    threads = []
    children = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/comm', encoding='utf-8') as f:
            threads.append(f.read().strip())
        with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
            children += len(f.read().split())
    with open(f'/proc/{pid}/environ', 'rb') as f:
        # A server that writes its title over its environment leaves holes there.
        env = [e for e in f.read().split(b'\0') if e and not e.startswith(b'LD_PRELOAD=')]
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        status = [line.strip() for line in f
                  if re.match(r'(Name|Umask|Uid|Gid|Groups|SigPnd|ShdPnd|SigBlk|SigIgn|Cap|NoNew|'
                              r'Seccomp)', line)]
    with open(f'/proc/{pid}/limits', encoding='ascii') as f:
        limits = f.read().splitlines()
    lines = [f'fd {n} {to}' for n, to in sorted(fds.items())] + [f'children {children}']
    lines += [f'thread {t}' for t in sorted(threads)] + [repr(e) for e in env] + status + limits
    return '\n'.join(lines)


def talk(address, text, until):
    """Sends text and reads until the pattern has come."""
    with socket.create_connection(address, 10) as s:
        s.sendall(text)
        answer = b''
        while not re.search(until, answer, re.S):
            chunk = s.recv(65536)
            if not chunk:
                break
            answer += chunk
        return answer.decode('utf-8', 'replace')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def listening(world, port, child):
    def reached():
        expect(child.poll() is None, f'the server ended: {child.returncode}')
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return True
        except OSError:
            return False
    world.until('the server answered', reached)


def calm(world, look):
    """A view that has not changed for half a second: servers settle after their start, and open a
    file now and then that is gone before we have looked at it."""
    seen, times = None, 0
    for _ in range(100):
        try:
            again = look()
        except FileNotFoundError:
            again = None
        times = times + 1 if again == seen else 0
        if seen and times == 5:
            return seen
        seen = again
        time.sleep(0.1)
        world.left()
    raise Failed('it never came to rest')


def serve(world, preload, port, argv, work):
    """One run of a server: its answers, how it looks, how it ends."""
    cwd = os.path.join(world.dir, 'here')
    shutil.rmtree(cwd, ignore_errors=True)
    os.mkdir(cwd)
    child = world.start(argv(cwd), BUSY, preload=preload, cwd=cwd)
    listening(world, port, child)
    before = calm(world, lambda: outside(child.pid))
    answers = work(cwd)
    # How many arenas jemalloc has by then, each with a background thread, is chance: redis alone has
    # one more in some runs. At rest the number is the same, and must be.
    after = re.sub(r'(thread jemalloc_bg_thd\n)+', r'\1', calm(world, lambda: outside(child.pid)))
    child.send_signal(signal.SIGTERM)
    ended = world.finish(child)
    return {'before': before, 'answers': answers, 'after': after, 'status': str(ended.status),
            'out': re.sub(r'^\d+:(\w .*?\d\d:\d\d:\d\d\.\d+|signal-handler \(\d+\)) ', '',
                          steady(ended.out), flags=re.M),
            'err': re.sub(r'^[\d/]+ [\d:]+ |\d+#\d+', '', steady(ended.err), flags=re.M)}


def served(world, argv, work, port):
    plain, other = (serve(world, preload, port, argv, work) for preload in (False, True))
    for what, text in plain.items():
        differ(text, other[what], what)
    world.quiet()
    expect(glob.glob(os.path.join(world.spool, '*.pprof')),
           'nothing was profiled, so nothing was proved' + world.last_log())


def redis(world):
    server, cli = tool('redis-server'), tool('redis-cli')
    port = free_port()

    def work(cwd):
        script = ''.join(f'SET key:{i} {"v" * (i % 500)}\n' for i in range(5000))
        script += 'DBSIZE\nSTRLEN key:499\nLPUSH l a b c\nLRANGE l 0 -1\nSAVE\nBGSAVE\nFLUSHALL\nNONSENSE\n'
        path = os.path.join(cwd, 'script')
        with open(path, 'w', encoding='ascii') as f:
            f.write(script)
        with open(path, 'rb') as f:
            child = world.start([cli, '-p', str(port)], BUSY, preload=False, stdin=f)
            ended = world.finish(child)
        world.until('the background save had ended',
                    lambda: 'rdb_bgsave_in_progress:0' in talk(
                        ('127.0.0.1', port), b'INFO persistence\r\n', rb'rdb_last_load'))
        return f'{ended.status} {ended.out.decode()} {ended.err.decode()}'

    served(world, lambda cwd: [server, '--port', str(port), '--dir', cwd, '--save', '',
                               '--loglevel', 'warning'], work, port)


def nginx(world):
    server, port = tool('nginx'), free_port()
    config = f'''daemon off; master_process on; worker_processes 2; pid nginx.pid; error_log stderr;
        events {{ worker_connections 64; }}
        http {{ access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .;
        uwsgi_temp_path .; scgi_temp_path .;
        server {{ listen 127.0.0.1:{port}; root .; location /gone {{ return 410; }} }} }}'''

    def argv(cwd):
        os.chmod(cwd, 0o755)
        with open(os.path.join(cwd, 'nginx.conf'), 'w', encoding='ascii') as f:
            f.write(config)
        with open(os.path.join(cwd, 'page'), 'w', encoding='ascii') as f:
            f.write('hello\n' * 2000)
        return [server, '-p', cwd, '-c', 'nginx.conf', '-e', 'stderr']

    def work(_cwd):
        answers = ''
        for page in ['/page', '/gone', '/missing'] * 100:
            text = talk(('127.0.0.1', port), f'GET {page} HTTP/1.0\r\n\r\n'.encode(), rb'(?!)')
            answers += re.sub(r'(Date|Last-Modified|ETag): .*', '', text)
        return answers

    served(world, argv, work, port)


def tests(build):
    binary = os.path.join(os.path.abspath(build), 'harm', 'probe')
    yield 'same_probe', False, lambda world: compare(world, [binary])
    for name in ('alloc_calloc', 'alloc_aligned', 'fork_workers', 'cpp_new', 'threads_short',
                 'end_abort', 'end_sigterm', 'end_exec'):
        path = os.path.join(os.path.abspath(build), 'truth', name)
        slow = name in ('fork_workers', 'threads_short', 'end_sigterm', 'end_abort', 'end_exec')
        yield 'same_truth_' + name, slow, lambda world, p=path: compare(world, [p])
    for name, function in (command('bash', '-c', BASH), command('sqlite3', ':memory:', SQL)):
        yield name, False, function
    for name, script in (('gcc', GCC), ('git', GIT)):
        yield f'same_{name}', False, \
            lambda world, n=name, s=script: compare(world, [tool('sh'), '-c', s] if tool(n) else [])
    yield 'same_python3', False, lambda world: compare(world, [PYTHON, '-c', PYTHON_SCRIPT])
    yield 'same_redis', False, redis
    yield 'same_nginx', False, nginx
