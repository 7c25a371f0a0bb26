# pull.py - CONPROF_LISTEN as go tool pprof, scrapers, curl, and people who mean no good use it.
# SPDX-License-Identifier: MIT
import concurrent.futures
import gzip
import http.client
import os
import re
import socket
import subprocess
import time

from delivery import SHARP, near, unharmed
from pprof import Profile, tool
from world import expect

ROOT = '/debug/pprof/'
MIB4 = 4 << 20


def target(world, mode, **settings):
    """A worker in that mode, and the address at which its uploader listens."""
    settings = dict({'CONPROF_LISTEN': '127.0.0.1:0',
                     'CONPROF_AGENT_SOCKET': 'dir://' + os.path.join(world.dir, 'out')},
                    **settings)
    child = world.start([os.path.join(world.build, 'run', 'worker'), mode],
                        dict(SHARP, **settings))
    world.until('it listened', lambda: listens(world))
    return child, listens(world)[0]


def listens(world, state='open'):
    """The addresses of this world's uploaders that are in this state."""
    return [line['address'] for lines in world.status()
            for line in lines if line['kind'] == 'listen' and line['state'] == state]


def opened(world):
    """How many files this world's uploader has opened for names so far."""
    return sum(int(line['opens']) for lines in world.status()
               for line in lines if line['kind'] == 'symbols')


def stop(world, child):
    """Ends the worker; what it printed."""
    child.stdin.close()
    child.stdin = None
    ended = world.finish(child)
    unharmed(ended)
    world.quiet()
    return ended.printed()


class Reply:
    def __init__(self, reply):
        self.status, self.headers, self.body = reply.status, reply.headers, reply.read()


def get(world, address, path, method='GET', body=None, **headers):
    connection = http.client.HTTPConnection(address, timeout=world.left())
    try:
        connection.request(method, path, body, headers)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def profile(world, address, path):
    """As Alloy and Parca take it: status, type, and a body that is gzip without saying so."""
    reply = get(world, address, path)
    name = path.rpartition('/')[2].partition('?')[0]
    what = f'{path}: {reply.status} {dict(reply.headers)}'
    expect(reply.status == 200, f'{what} {reply.body[:200]!r}')
    expect(reply.headers['Content-Type'] == 'application/octet-stream', what)
    expect(reply.headers['X-Content-Type-Options'] == 'nosniff', what)
    expect(re.fullmatch(f'attachment; filename="{name}(-delta)?"',
                        reply.headers['Content-Disposition']), what)
    expect('Content-Encoding' not in reply.headers and reply.body[:2] == b'\x1f\x8b', what)
    gzip.decompress(reply.body)
    path = os.path.join(world.dir, f'{name}-{time.monotonic_ns()}.pb.gz')
    with open(path, 'wb') as f:
        f.write(reply.body)
    return Profile(path)


def go_pprof(world):
    """The tool that all of this is for, against the address itself."""
    child, address = target(world, 'burn')
    clock = ~child.pid << 3 | 2  # of the process's CPU time, whoever asks
    began = time.clock_gettime_ns(clock)
    for what, type_, function in (('profile?seconds=2', 'cpu', 'spin'),
                                  ('heap', 'inuse_space', 'burst'),
                                  ('allocs', 'alloc_space', 'burst'),
                                  ('heap?seconds=1', 'alloc_space', 'burst'),
                                  ('goroutine', 'goroutine', '_start'),
                                  ('threadcreate', 'threadcreate', '_start')):
        text = tool(['-raw', f'http://{address}{ROOT}{what}'], world.left(),
                    {'PPROF_TMPDIR': world.dir})
        path = os.path.join(world.dir, max((f for f in os.listdir(world.dir) if 'pprof.' in f),
                                           key=lambda f: os.path.getmtime(os.path.join(world.dir, f))))
        got = Profile(path)
        expect('spin' in text or type_ != 'cpu', f'{what}: {text[:300]}')
        expect(got.types[-1] == type_ or type_ == 'alloc_space', f'{what}: types {got.types}')
        expect(got.sum(type_, function) > 0, f'{what}: nothing of {function}: {text[:500]}')
        if type_ == 'cpu':
            spent = time.clock_gettime_ns(clock) - began
            whole = got.sum('cpu')
            expect(0 < whole <= spent + 20e6, f'{whole} ns of CPU, and the kernel says {spent}')
            expect(got.sum('cpu', 'spin') > whole / 2, f'of {whole} ns, {text[:500]}')
        if what == 'allocs':
            first = tool(['-top', f'http://{address}{ROOT}{what}'], world.left(),
                         {'PPROF_TMPDIR': world.dir})
            expect('Type: alloc_space' in first, f'allocs is shown as {first[:300]}')
    stop(world, child)


def books(world):
    """Whatever is pulled, all that happened is in what was shipped, once."""
    child, address = target(world, 'burn', CONPROF_PERIOD='1')
    # it listens as soon as it is there, and may not have allocated anything by then
    world.until('it allocated', lambda: profile(world, address, ROOT + 'allocs').samples)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = ['profile?seconds=1', 'profile?seconds=2', 'profile?seconds=3', 'allocs', 'heap',
                 'heap?seconds=2', 'goroutine', 'allocs'] * 2
        taken = list(pool.map(lambda path: profile(world, address, ROOT + path), paths))
    for path, got in zip(paths, taken):
        expect(got.samples, f'{path} is empty')
    printed = stop(world, child)
    out = os.path.join(world.dir, 'out')
    files = [os.path.join(out, f) for f in os.listdir(out)]
    near(world, [f for f in files if f.endswith('.heap.pprof')], printed['burst_bytes'], 'shipped')
    cpu = sum(Profile(f).sum('cpu') for f in files if f.endswith('.cpu.pprof'))
    expect(abs(cpu - printed['cpu_ns']) < 0.1 * printed['cpu_ns'] + 30e6,
           f'{cpu} ns of CPU were shipped, and the kernel says {printed["cpu_ns"]}')


def windows(world):
    """Clients at once, each with a window of its own; one that lies in another holds no more."""
    child, address = target(world, 'burn')
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        long = pool.submit(profile, world, address, ROOT + 'profile?seconds=4')
        time.sleep(0.5)
        short = pool.submit(profile, world, address, ROOT + 'profile?seconds=2')
        gone = socket.create_connection(address.split(':'))
        gone.sendall(f'GET {ROOT}profile?seconds=3000 HTTP/1.1\r\nHost: {address}\r\n\r\n'.encode())
        slow = socket.create_connection(address.split(':'))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f'GET {ROOT}allocs HTTP/1.1\r\nHost: {address}\r\n\r\n'.encode())
        time.sleep(0.5)
        gone.close()
        inner, outer = short.result(), long.result()
        slow.close()
    cpu = [p.sum('cpu') for p in (inner, outer)]
    expect(0 < cpu[0] <= 1.02 * cpu[1], f'{cpu[0]} ns in a part of {cpu[1]} ns')
    stop(world, child)  # who had asked for 3000 seconds holds up nothing: it would outlast the test


def has_burst(world, address):
    """Whoever holds has allocated all that it will."""
    world.until('its burst was over', lambda: profile(
        world, address, ROOT + 'allocs').sum('alloc_space', 'burst') > 0.95 * MIB4)


def totals(world):
    """allocs as a scraper sees it: exact, and it never falls; what nobody does is in no delta."""
    child, address = target(world, 'hold', CONPROF_PERIOD='1')
    has_burst(world, address)
    for _ in range(4):
        whole = profile(world, address, ROOT + 'allocs').sum('alloc_space', 'burst')
        expect(abs(whole - MIB4) < 0.05 * MIB4, f'{whole} bytes in all, wanted {MIB4}')
        time.sleep(0.5)  # periods end meanwhile
    delta = profile(world, address, ROOT + 'heap?seconds=1')
    expect(delta.sum('alloc_space', 'burst') == 0, f'{delta.sum("alloc_space", "burst")} bytes')
    expect(abs(delta.sum('inuse_space', 'burst') - MIB4) < 0.05 * MIB4, 'in use is not there')
    child.stdin.close()
    child.stdin = None
    unharmed(world.finish(child))
    world.quiet()
    child, address = target(world, 'loop', CONPROF_PERIOD='1')
    seen = [0]

    def grows():
        seen.append(profile(world, address, ROOT + 'allocs').sum('alloc_space', 'burst'))
        expect(seen[-1] >= seen[-2], f'{seen[-1]} bytes after {seen[-2]}')
        return len(seen) > 8 and seen[-1] > 4 * MIB4
    world.until('it had allocated more', grows)
    stop(world, child)


def duty(world):
    """Outside its CPU window a process ticks rarely; whoever asks opens one. Stopped, it says so."""
    child, address = target(world, 'burn', CONPROF_PERIOD='600', CONPROF_CPU_DURATION='1')
    got = []

    def taken():
        return int(re.search(r'conprof: samples (\d+)', tool(['-comments', got[0].file]))[1])

    def told():
        """A machine that is busy lets it work little: then it is asked again."""
        got[:] = [profile(world, address, ROOT + 'profile?seconds=2')]
        return taken() >= 20
    time.sleep(2)  # its first window is over
    world.until('there were 20 samples in two seconds', told)
    samples, cpu = taken(), got[0].sum('cpu')
    # a rare one stands for 20 ms, as the one that hears of the window does; the others for as long as the
    # kernel does not look, 4 or 10 ms
    expect(cpu <= 12e6 * samples, f'{samples} samples tell of {cpu / 1e6} ms at 1000 Hz')
    ctl = [os.path.join(world.build, 'conprof'), 'ctl', 'stop', str(child.pid)]
    subprocess.run(ctl, env=world.env(preload=False), check=True, stdout=subprocess.DEVNULL)
    reply = get(world, address, ROOT + 'profile?seconds=1')
    expect(reply.status == 500 and b'sampling is stopped' in reply.body, f'{reply.body}')
    profile(world, address, ROOT + 'allocs')
    stop(world, child)


def pages(world):
    """What is no profile: index, cmdline, symbol, text, and every kind of no."""
    child, address = target(world, 'hold', CONPROF_PROFILE_TYPES='heap,goroutine')
    has_burst(world, address)
    for path, status, word in (('', 200, b'goroutine'), ('cmdline', 200, b'worker\0hold'),
                               ('symbol', 200, b'num_symbols: 1\n'),
                               ('heap?debug=1', 200, b'burst'), ('goroutine?debug=2', 200, b'_start'),
                               ('profile?seconds=1', 500, b'Could not enable CPU profiling'),
                               ('heap?seconds=0', 400, b'positive integer'),
                               ('heap?seconds=1&debug=1', 400, b'incompatible'),
                               ('goroutine?seconds=1', 400, b'not supported'),
                               ('heap?seconds=100000000', 400, b'at most'),
                               ('heap?program=other', 404, b'no such program'),
                               (f'heap?pid={os.getpid()}', 404, b'no such process'),
                               ('block', 404, b'Unknown profile'), ('mutex', 404, b'Unknown'),
                               ('trace?seconds=1', 404, b'Unknown'), ('x/../heap', 404, b'Unknown')):
        reply = get(world, address, ROOT + path)
        expect(reply.status == status and word in reply.body, f'{path}: {reply.status} {reply.body}')
        expect((reply.headers['X-Go-Pprof'] == '1') == (status >= 400), f'{path}: X-Go-Pprof')
    text = get(world, address, ROOT + 'heap?debug=1').body.decode()
    at = re.search(r'#\t(0x[0-9a-f]+)\tburst\t\S*worker\.c:\d+', text)
    expect(at, f'no line of burst in {text[:500]}')
    for path, method, body in (('?' + at[1], 'GET', None), ('', 'POST', at[1] + '+0x1')):
        reply = get(world, address, ROOT + 'symbol' + path, method, body)
        expect(f'{at[1]} burst\n' in reply.body.decode(), f'{method} symbol: {reply.body}')
    profile(world, address, f'{ROOT}heap?program=worker&pid={child.pid}')
    for path, method, status in ((ROOT + 'heap', 'POST', 405), (ROOT, 'PUT', 405),
                                 (ROOT + 'heap', 'HEAD', 200), ('/worker' + ROOT, 'GET', 200),
                                 ('/other' + ROOT, 'GET', 404), ('/nowhere', 'GET', 404)):
        expect(get(world, address, path, method).status == status, f'{method} {path}')
    expect(get(world, address, ROOT, Host='evil.example').status == 400, 'a stranger\'s Host')
    expect(get(world, address, ROOT, X='y' * 100000).status >= 400, 'large headers')
    stop(world, child)


def programs(world):
    """Of a shell and what it started, each is had by its name; without one, who began first."""
    binary = os.path.join(world.build, 'run', 'worker')
    child = world.start(['/bin/sh', '-c', f'{binary} hold; exit 4'],
                        dict(SHARP, CONPROF_LISTEN='127.0.0.1:0',
                             CONPROF_AGENT_SOCKET='dir://' + os.path.join(world.dir, 'out')))
    world.until('it listened', lambda: listens(world))
    address = listens(world)[0]
    for name in ('worker', 'sh'):  # who does nothing joins late
        world.until(f'{name} had joined', lambda name=name: get(
            world, address, f'/{name}{ROOT}').status == 200)
    for path, words in (('cmdline', b'sh\0-c\0'), ('cmdline?program=sh', b'sh\0-c\0'),
                        ('cmdline?program=worker', b'worker\0hold')):
        got = get(world, address, ROOT + path).body
        expect(words in got, f'{path}: {got!r}')
    world.until('its burst was over', lambda: profile(
        world, address, '/worker' + ROOT + 'allocs').sum('alloc_space', 'burst') > 0.95 * MIB4)
    expect(profile(world, address, ROOT + 'allocs').sum('alloc_space', 'burst') == 0,
           'the shell has what its child allocated')
    index = get(world, address, ROOT).body
    expect(b'href="/worker/debug/pprof/"' in index and b'href="/sh/debug/pprof/"' in index,
           f'{index}')
    child.stdin.close()
    child.stdin = None
    ended_ = world.finish(child)
    expect(ended_.status == 4 and not ended_.err, f'{ended_.status} {ended_.err!r}')


def ended(world):
    """Of a program that ends there is what it did until then, at once."""
    child, address = target(world, 'burn')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waits = pool.submit(profile, world, address, ROOT + 'profile?seconds=3000')
        time.sleep(1)
        stop(world, child)
        expect(waits.result().sum('cpu', 'spin') > 0, 'nothing of its last second')


def paths(world):
    """A unix socket, for its own user; and the place of a dead one is taken."""
    path = os.path.join(world.dir, 'listen.sock')
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    child, address = target(world, 'hold', CONPROF_LISTEN='unix://' + path)
    expect(address == 'unix://' + path and os.stat(path).st_mode & 0o777 == 0o600, address)
    got = subprocess.run(['curl', '-s', '--unix-socket', path, 'http://x' + ROOT + 'cmdline'],
                         stdout=subprocess.PIPE, timeout=world.left(), check=True).stdout
    expect(got.endswith(b'worker\0hold'), f'{got!r}')
    expect(opened(world) == 0, 'files are opened for names that nobody has asked for')
    subprocess.run(['curl', '-s', '--unix-socket', path, 'http://x' + ROOT + 'heap'],
                   stdout=subprocess.DEVNULL, timeout=world.left(), check=True)
    expect(opened(world) > 0, 'a profile without names')
    stop(world, child)
    expect(not os.path.exists(path), 'the socket is left behind')


def addresses(world):
    """Who may not have the address runs on without, with one line that says so."""
    child, address = target(world, 'hold')
    other, _ = target(world, 'hold', CONPROF_LISTEN=address, PLATFORM_PROJECT='other')
    world.until('the second had tried', lambda: listens(world, 'taken') == [address])
    far, _ = target(world, 'hold', CONPROF_LISTEN='0.0.0.0:0', PLATFORM_PROJECT='far')
    world.until('it was refused', lambda: listens(world, 'refused'))
    expect(listens(world) == [address], f'{listens(world)} listen')
    for one in (other, far):
        one.stdin.close()
        one.stdin = None
        unharmed(world.finish(one))
    stop(world, child)
    with open(world.log, encoding='utf-8') as f:
        lines = [line for line in f if 'CONPROF_LISTEN' in line]
    expect(len(lines) == 2 and 'CONPROF_LISTEN_ANYWHERE=1' in ''.join(lines), f'{lines}')


def silent(world):
    """Who takes all places and says nothing loses them, long before the patience of who asks."""
    child, address = target(world, 'hold')
    host, port = address.split(':')
    crowd = [socket.create_connection((host, int(port))) for _ in range(64)]
    late = http.client.HTTPConnection(address, timeout=20)
    late.request('GET', ROOT + 'cmdline')
    expect(late.getresponse().status == 200, 'the last one is not answered')
    for one in crowd + [late]:
        one.close()
    stop(world, child)


def tests(_build):
    for function in (go_pprof, books, windows, totals, duty, pages, programs, ended, paths, addresses,
                     silent):
        yield 'pull_' + function.__name__, True, function
