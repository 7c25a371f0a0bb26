# server_nginx.py - nginx under wrk: reload and upgrade without a failed request, quick stop, respawn.
# SPDX-License-Identifier: MIT
import concurrent.futures
import os
import re
import signal
import socket
import threading
import time

from real import alive, descendants, thrice
from same import talk, tool
from servers import answers, log, pid_in, port
from world import expect

CONFIG = '''pid nginx.pid; error_log error.log notice; worker_processes 2; %(user)s
thread_pool default threads=2;
events { worker_connections 256; }
http { access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .;
  uwsgi_temp_path .; scgi_temp_path .; gzip on; gzip_types *;
  server { listen 127.0.0.1:%(port)d; listen 127.0.0.1:%(tls)d ssl; root .;
    ssl_certificate cert.pem; ssl_certificate_key key.pem;
    location /gone { return 410; } location /aio/ { alias ./; aio threads; directio 4k; }
    location /back/ { proxy_pass http://127.0.0.1:%(port)d/; } } }
'''
# What varies with the moment, and with the number of processes.
CHANCE = ((r'\d+#\d+: (\*\d+)?', 'N: '), (r'(process|worker process|cache manager process|binary process,? pid:?|'
           r'signal \d+ \(SIG\w+\) received from|process:) \d+', r'\1 N'), (r'start (\w+) .*\d+$', r'start \1'))


class Nginx:
    def __init__(self, run, number, tls):
        self.run, self.port, self.tls = run, number, tls
        run.write('page', 'hello\n' * 3000)
        user = 'user nobody nogroup;' if os.geteuid() == 0 else ''
        run.write('nginx.conf', CONFIG % {'port': number, 'tls': tls, 'user': user})
        run.tool([tool('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                  'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem',
                  '-days', '2', '-subj', '/CN=localhost'])
        done = run.run([tool('nginx'), '-p', run.cwd, '-c', 'nginx.conf', '-e', 'error.log'])
        self.started = f'{done.status} {done.out} {done.err}'
        self.pidfile = os.path.join(run.cwd, 'nginx.pid')
        self.master = pid_in(run, self.pidfile)
        run.until('nginx answered', lambda: answers(number))

    def workers(self):
        """Those that are not about to end."""
        return sorted(pid for pid in descendants(self.master)[1:] if alive(pid) and
                      b'shutting down' not in open(f'/proc/{pid}/cmdline', 'rb').read())

    def settled(self, but=()):
        """Two workers, none of these, and no others below this master."""
        self.run.until('there were two new workers', lambda: len(descendants(self.master)) == 3 and
                       len(self.workers()) == 2 and not set(self.workers()) & set(but))

    def view(self):
        """What number a descriptor gets is chance: a worker gets some from its master, by message."""
        views = re.sub(r'^fd \d+ ', 'fd ', self.run.view(self.master, *self.workers()), flags=re.M)
        return '\n--\n'.join('\n'.join(sorted(view.splitlines())) for view in views.split('--'))

    def wrk(self, page, seconds, *more):
        return self.run.start([tool('wrk'), '-t', '1', '-c', '8', '-d', f'{seconds}s', *more,
                               f'http://127.0.0.1:{self.port}{page}'])

    def answered(self, child):
        """Of a load that has ended: whether all was answered well."""
        done = self.run.world.finish(child)
        text = done.out.decode()
        expect('Socket errors' not in text and 'Non-2xx' not in text and 'Requests/sec' in text,
               f'wrk: {text[-300:]!r} {done.err[-300:]!r}')
        print(f'  nginx, {self.run.name}: ' + re.search(r'Requests/sec.*', text)[0])
        return f'{done.status} {done.err}'

    def under_load(self, action):
        """Each request on a connection of its own: none may fail, whoever is being replaced."""
        over = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            load = pool.submit(self.loads, over)
            try:
                time.sleep(0.3)
                action()
            finally:
                over.set()
            return load.result()

    def loads(self, over):
        said = set()
        while not said or not over.is_set():
            said.add(self.answered(self.wrk('/page', 1, '-H', 'Connection: close')))
        return str(said)


def pages(nginx):
    said = ''
    for page in ('/page', '/gone', '/missing', '/aio/page', '/back/page', '/back/gone') * 5:
        text = talk(('127.0.0.1', nginx.port), f'GET {page} HTTP/1.0\r\n\r\n'.encode(), rb'(?!)')
        said += re.sub(r'(Date|Last-Modified|ETag): .*', '', text)
    curl = [tool('curl'), '-sk', '--compressed', f'https://127.0.0.1:{nginx.tls}/page']
    return said + nginx.run.tool(curl)


def reload(nginx):
    for _ in range(2):
        before = nginx.workers()
        os.kill(nginx.master, signal.SIGHUP)
        nginx.settled(before)


def upgrade(nginx):
    """As its manual says: a new master beside the old one, whose workers then go, and then itself."""
    old = nginx.master
    os.kill(old, signal.SIGUSR2)
    nginx.master = pid_in(nginx.run, nginx.pidfile, but=old)
    nginx.run.until('the new one had workers', lambda: len(descendants(nginx.master)) == 3)
    os.kill(old, signal.SIGWINCH)
    nginx.run.until('the old workers had gone', lambda: len(descendants(old)) <= 4)
    os.kill(old, signal.SIGQUIT)
    nginx.run.gone(old)


def life(run, number, tls):
    nginx = Nginx(run, number, tls)
    nginx.settled()
    result = {'started': nginx.started, 'at the start': nginx.view(), 'pages': pages(nginx)}
    for load in [nginx.wrk(page, 1) for page in ('/aio/page', '/back/page')]:
        result['load'] = nginx.answered(load)
    run.busy.append(nginx.workers())
    result['reloaded'] = nginx.under_load(lambda: reload(nginx))
    result['after reload'] = nginx.view()
    result['upgraded'] = nginx.under_load(lambda: upgrade(nginx))
    before = nginx.workers()
    os.kill(before[0], signal.SIGKILL)
    nginx.settled(before[:1])
    result['pages again'] = pages(nginx)
    result['at rest'] = nginx.view()
    with socket.create_connection(('127.0.0.1', number)):
        family = descendants(nginx.master)
        os.kill(nginx.master, signal.SIGTERM)
        for pid in family:
            run.gone(pid)
    result['log'] = '\n'.join(sorted(set(log(run.read('error.log'), *CHANCE).splitlines())))
    result['left'] = str(sorted(os.listdir(run.cwd)))
    return result


def nginx_test(world):
    number, tls = port(), port()
    thrice(world, lambda run: life(run, number, tls), 'nginx')


def tests(_build):
    yield 'real_nginx', True, nginx_test
