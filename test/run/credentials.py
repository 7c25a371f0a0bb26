# credentials.py - TLS as it must be, and secrets where they must not be: cores, logs, spool, status, arguments.
# SPDX-License-Identifier: MIT
import base64
import glob
import http.server
import os
import re
import shutil
import ssl
import subprocess
import threading
import time

from delivery import SHARP, unharmed
from receiver import Receiver
from world import Skipped, expect

SECRET = 'geheim-7b1f3c'
EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']


class Authority:
    """Makes certificates, in the world's folder."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.openssl('req', '-x509', *EC, '-keyout', f'{name}.key', '-out', f'{name}.pem', '-days', '2',
                     '-subj', f'/CN={name}')
        self.pem = os.path.join(world.dir, name + '.pem')

    def openssl(self, *args):
        done = subprocess.run(['/usr/bin/openssl', *args], cwd=self.world.dir, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 0, f'openssl {args[0]}: {done.stdout[-200:]!r}')

    def signs(self, name, host='IP:127.0.0.1', days='2'):
        """(certificate, key) of that host."""
        at = os.path.join(self.world.dir, name)
        with open(at + '.san', 'w', encoding='ascii') as f:
            f.write(f'subjectAltName={host}\n')
        self.openssl('req', *EC, '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=' + name)
        self.openssl('x509', '-req', '-in', name + '.csr', '-CA', self.name + '.pem', '-CAkey',
                     self.name + '.key', '-CAcreateserial', '-out', name + '.pem', '-days', days,
                     '-extfile', name + '.san')
        return at + '.pem', at + '.key'


class Server:
    """A TLS server that counts what it is sent; it answers after so many seconds."""

    def __init__(self, world, cert, client_ca=None, old=False, delay=0):
        self.posts = posts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers['Content-Length']))
                posts.append(self.headers.get('Authorization'))
                time.sleep(delay)
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

            def finish_request(self, request, client_address):
                # Here, on the connection's own thread: who makes no handshake holds up nobody.
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*cert)
                if old:
                    context.minimum_version = ssl.TLSVersion.TLSv1
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
                    context.set_ciphers('ALL:@SECLEVEL=0')
                if client_ca:
                    context.verify_mode = ssl.CERT_REQUIRED
                    context.load_verify_locations(client_ca)
                with context.wrap_socket(request, server_side=True) as secure:
                    super().finish_request(secure, client_address)

        self.server = Listener(('127.0.0.1', 0), Handler)
        self.url = f'https://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.helpers.append(self)

    def kill(self):
        self.server.shutdown()
        self.server.server_close()


def worker(world):
    return os.path.join(world.build, 'run', 'worker')


def tls(world):
    """Each row: the settings, whether the profiles arrive, and else what the log says."""
    good, other = Authority(world, 'good'), Authority(world, 'other')
    server = Server(world, good.signs('server'))
    picky = Server(world, good.signs('picky'), client_ca=good.pem)
    us, stranger = good.signs('us'), other.signs('stranger')
    both = os.path.join(world.dir, 'both.pem')
    with open(both, 'w', encoding='ascii') as f:
        for part in us:
            with open(part, encoding='ascii') as source:
                f.write(source.read())
    missing = os.path.join(world.dir, 'missing.pem')
    ca = {'CONPROF_TLS_CA_FILE': good.pem}
    rows = {
        'good': (server, ca, None),
        'system': (server, {'SSL_CERT_FILE': good.pem}, None),
        'replaced': (server, {'SSL_CERT_FILE': good.pem, 'CONPROF_TLS_CA_FILE': other.pem}, 'certificate'),
        'nobody': (server, {}, 'certificate'),
        'stranger': (server, {'CONPROF_TLS_CA_FILE': other.pem}, 'certificate'),
        'missing': (server, {'CONPROF_TLS_CA_FILE': missing}, f'CONPROF_TLS_CA_FILE: {missing}: No such file'),
        'no_pem': (server, {'CONPROF_TLS_CA_FILE': worker(world)}, 'has no PEM certificate'),
        'expired': (Server(world, good.signs('expired', days='-1')), ca, 'expired'),
        'elsewhere': (Server(world, good.signs('elsewhere', host='DNS:elsewhere.example')), ca, 'subject'),
        'old': (Server(world, good.signs('oldie'), old=True), ca, ''),
        'mutual': (picky, dict(ca, CONPROF_TLS_CERT_FILE=us[0], CONPROF_TLS_KEY_FILE=us[1]), None),
        'one_file': (picky, dict(ca, CONPROF_TLS_CERT_FILE=both), None),
        'anonymous': (picky, ca, ''),
        'unknown': (picky, dict(ca, CONPROF_TLS_CERT_FILE=stranger[0], CONPROF_TLS_KEY_FILE=stranger[1]), ''),
        'wrong_key': (picky, dict(ca, CONPROF_TLS_CERT_FILE=us[0], CONPROF_TLS_KEY_FILE=stranger[1]), ''),
        'no_key': (picky, dict(ca, CONPROF_TLS_CERT_FILE=us[0]), 'has no PEM private key'),
        'key_alone': (picky, dict(ca, CONPROF_TLS_KEY_FILE=us[1]), 'CONPROF_TLS_CERT_FILE is not'),
    }
    children = {}
    for name, (to, settings, _) in rows.items():
        own = os.path.join(world.dir, 'spool-' + name)
        os.mkdir(own)
        children[name] = world.start([worker(world)], dict(
            settings, CONPROF_AGENT_SOCKET=to.url, CONPROF_SPOOL_DIR=own, CONPROF_SERVER_ID=name,
            CONPROF_SERVER_TOKEN=SECRET, CONPROF_LOG_FILE=os.path.join(own, 'log'), **SHARP))
    for child in children.values():
        unharmed(world.finish(child))
    world.quiet()
    for name, (to, _, said) in rows.items():
        came = [word for word in to.posts if base64.b64decode(word.split()[1]).decode() == f'{name}:{SECRET}']
        own = os.path.join(world.dir, 'spool-' + name)
        kept = glob.glob(os.path.join(own, '*.cpu.pprof'))
        with open(os.path.join(own, 'log'), encoding='utf-8') as f:
            log = f.read()
        arrived = said is None
        expect(bool(came) == arrived and bool(kept) != arrived,
               f'{name}: {len(came)} came, {len(kept)} are kept; the log: {log[:600]}')
        expect(arrived or said in log and 'can not be delivered' in log, f'{name}: the log says {log[:600]}')


def comes_later(world):
    """The authority's file is not there; when it comes, what was kept is sent, by the same uploader."""
    good = Authority(world, 'good')
    server = Server(world, good.signs('server'))
    later = os.path.join(world.dir, 'later.pem')
    child = world.start([worker(world), 'loop'], dict(SHARP, CONPROF_AGENT_SOCKET=server.url, CONPROF_PERIOD='1',
                                                      CONPROF_CPU_DURATION='1', CONPROF_TLS_CA_FILE=later))
    kept = lambda: glob.glob(os.path.join(world.spool, '*.cpu.pprof'))  # noqa: E731
    world.until('a profile was kept', kept)
    expect(not server.posts, 'something was sent')
    shutil.copy(good.pem, later)
    world.until('it was sent', lambda: server.posts)
    child.stdin.close()
    child.stdin = None
    world.finish(child)
    world.quiet()
    expect(not kept(), 'profiles were left in the spool')


def core(world, pid):
    """What gdb, which keeps to the kernel's rules of what belongs into a core, writes of it."""
    if not shutil.which('gcore'):
        raise Skipped('there is no gcore')
    at = os.path.join(world.dir, 'core')
    done = subprocess.run(['gcore', '-o', at, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=world.left(), env={'PATH': os.environ['PATH'], 'HOME': world.home}, check=False)
    file = f'{at}.{pid}'
    expect(os.path.exists(file), f'gcore: {done.stdout[-300:]!r}')
    with open(file, 'rb') as f:
        text = f.read()
    os.unlink(file)
    return text


def seen(text):
    """How often the secret is in it, plain or as Basic authorization has it."""
    return text.count(SECRET.encode()) + text.count(base64.b64encode(b'me:' + SECRET.encode())[:20])


def everywhere(world, target):
    """(place, how often) wherever others look, while it is being used."""
    uploaders = world.uploaders()
    for pid, _ in world.processes():
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            yield f'the arguments of {pid}', seen(f.read())
    for pid in uploaders:
        with open(f'/proc/{pid}/environ', 'rb') as f:
            yield "the uploader's environment", seen(f.read())
        yield "the uploader's core", seen(core(world, pid))
    yield "the target's core", seen(core(world, target.pid))
    with open('/proc/net/unix', 'rb') as f:
        yield '/proc/net/unix', seen(f.read())
    for word in ([], ['--json']):
        done = subprocess.run([os.path.join(world.build, 'conprof'), 'status', *word], stdout=subprocess.PIPE,
                              check=True)
        expect(b'/worker' in done.stdout, 'status does not tell of the program')
        yield 'conprof status', seen(done.stdout)
    files = glob.glob(os.path.join(world.spool, '*')) + glob.glob(os.path.join(world.spool, '.*'))
    expect(any('event.json' in f for f in files), f'the spool has {files}')
    for path in [world.log, *filter(os.path.isfile, files)]:
        with open(path, 'rb') as f:
            yield path, seen(f.read())


def file_of(world, name, text, mode=0o600):
    path = os.path.join(world.dir, name)
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def nowhere(source):
    """The uploader is in the middle of a request, the spool is full, the log says all: no secret."""
    def test(world):
        settings = {'CONPROF_SERVER_ID': 'me', 'CONPROF_LOG_LEVEL': '4', 'CONPROF_PERIOD': '1',
                    'CONPROF_CPU_DURATION': '1', 'CONPROF_UPLOAD_TIMEOUT': '100', 'CONPROF_CPU_PROFILERATE': '1000'}
        if source == 'environment':
            settings['CONPROF_SERVER_TOKEN'] = SECRET
        elif source == 'config':
            text = f'CONPROF_SERVER_TOKEN={SECRET}\n'
            settings['CONPROF_CONFIG'] = file_of(world, 'conf', text, 0o644)
        elif source == 'token_file':
            settings['CONPROF_SERVER_TOKEN_FILE'] = file_of(world, 'token', SECRET + '\n')
        good = Authority(world, 'good')
        server = Server(world, good.signs('server'), delay=30)
        settings['CONPROF_TLS_CA_FILE'] = good.pem
        settings['CONPROF_AGENT_SOCKET'] = server.url
        if source in ('address', 'agent'):
            del settings['CONPROF_AGENT_SOCKET']
            kind = 'pyroscope+' if source == 'address' else ''
            text = f'CONPROF_AGENT_SOCKET={kind}{server.url.replace("//", "//me:" + SECRET + "@")}\n'
            settings['CONPROF_CONFIG'] = file_of(world, 'conf', text)
        child = world.start([worker(world), 'loop'], settings)
        world.until('a request was made', lambda: server.posts)
        world.until('something was spooled', lambda: glob.glob(os.path.join(world.spool, '*.event.json')))
        found = dict.fromkeys(('nothing',), 0)
        for place, times in everywhere(world, child):
            found[place] = found.get(place, 0) + times
        # The environment is the program's own: there it stands once, and not a second time.
        allowed = {"the target's core": 1} if source == 'environment' else {}
        wrong = {place: times for place, times in found.items() if times != allowed.get(place, 0)}
        expect(not wrong, f'the secret is in: {wrong}')
        words = base64.b64decode(server.posts[0].split()[1]).decode()
        expect(words == 'me:' + SECRET, f'the server was told {words!r}')
        with open(world.log, encoding='utf-8') as f:
            told = len(re.findall('anybody may read it', f.read()))
        expect(told == (source == 'config'), f'that anybody may read it was told {told} times')
        for pid in [child.pid, *world.uploaders()]:
            os.kill(pid, 9)
        world.finish(child)
    return test


def out_of_reach(world):
    """A token that was to be had, and is not, keeps profiles where they are."""
    receiver = Receiver(world, 'tcp://127.0.0.1:0', auth='me:' + SECRET)
    token = file_of(world, 'token', SECRET + '\n')
    settings = dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url, CONPROF_SERVER_ID='me', CONPROF_SERVER_TOKEN_FILE=token)
    os.rename(token, token + '.away')
    unharmed(world.run([worker(world)], settings))
    world.quiet()
    expect(not receiver.requests(), 'a request was made without the token')
    expect(glob.glob(os.path.join(world.spool, '*.cpu.pprof')), 'nothing was kept')
    os.rename(token + '.away', token)
    unharmed(world.run([worker(world)], settings))
    world.quiet()
    expect(len(receiver.accepted()) >= 2, f'{len(receiver.accepted())} requests were accepted')
    expect(not glob.glob(os.path.join(world.spool, '*.cpu.pprof')), 'profiles were left in the spool')
    receiver.stop()


def arguments(world):
    """What would be seen by all in the list of processes is refused."""
    conprof = os.path.join(world.build, 'conprof')
    for words in (['--server-token=' + SECRET], ['--server-token', SECRET], ['-e', 'CONPROF_SERVER_TOKEN=' + SECRET],
                  [f'--agent=dir:///x,pyroscope+http://me:{SECRET}@h'],
                  ['-e', f'CONPROF_DEBUGINFOD_URLS=http://a http://me:{SECRET}@h']):
        ended = world.run([conprof, 'run', *words, '--', '/bin/echo', 'ran'], preload=False)
        expect(ended.status == 2 and b'list of processes' in ended.err and ended.out == b'',
               f'{words}: {ended.status}, {ended.err[:300]!r}')
        expect(SECRET.encode() not in ended.err, f'{words}: it is shown: {ended.err[:300]!r}')
    ended = world.run([conprof, 'run', '-q', f'--agent=dir://{world.dir}/a@b', '--', '/bin/echo', 'ran'], preload=False)
    expect(ended.out == b'ran\n', f'an @ in a path: {ended.err[:300]!r}')


def tests(_build):
    yield 'credentials_arguments', False, arguments
    for function in (tls, comes_later, out_of_reach):
        yield 'credentials_' + function.__name__, True, function
    for source in ('environment', 'config', 'token_file', 'address', 'agent'):
        yield 'credentials_nowhere_' + source, True, nowhere(source)
