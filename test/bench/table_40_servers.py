# table_40_servers.py - rows: redis, nginx and postgres under load; CPU time of the server for a request.
# SPDX-License-Identifier: MIT
import glob
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import time

from columns import Failed

NGINX = '''pid nginx.pid; error_log error.log; worker_processes 1; daemon off; %(user)s
events { worker_connections 256; }
http { access_log off; client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .;
  uwsgi_temp_path .; scgi_temp_path .; keepalive_requests 1000000; gzip_types *;
  gzip_http_version 1.0;
  server { listen 127.0.0.1:%(port)d; root ..; location /gzip/ { gzip on; alias ../; } } }
'''
POSTGRES = '''listen_addresses='127.0.0.1'
unix_socket_directories=''
fsync=off
autovacuum=off
'''


def port():
    """A free one below those that connections get: who asks whether it answers must not meet himself."""
    while True:
        number = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', number))
                return number
            except OSError:
                pass


def answers(number):
    try:
        socket.create_connection(('127.0.0.1', number), 1).close()
        return True
    except OSError:
        return False


def until(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f'{what}: not within {seconds} s')
        time.sleep(0.02)


def family(pid):
    """A process and all its descendants."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
            return [pid] + [one for child in f.read().split() for one in family(int(child))]
    except FileNotFoundError:
        return []


def used(pid):
    """The CPU seconds of a family: by the scheduler's count of its living threads, in nanoseconds,
    and what its living members have waited for, in ticks of the clock."""
    total = 0.0
    for member in family(pid):
        for task in glob.glob(f'/proc/{member}/task/*/schedstat'):
            with open(task, encoding='ascii') as f:
                total += int(f.read().split()[0]) / 1e9
        with open(f'/proc/{member}/stat', encoding='utf-8', errors='replace') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        total += (int(fields[13]) + int(fields[14])) / os.sysconf('SC_CLK_TCK')
    return total


class Server:
    """One server of a column. Subclasses say how it is started and loaded."""

    user = None

    def __init__(self, bench, column):
        self.bench, self.column, self.port = bench, column, port()
        self.place = f'{bench.home}/server-{column}-{self.port}'.replace(' ', '-')
        os.mkdir(self.place)
        os.chmod(self.place, 0o777)
        command = self.command()
        self.process = bench.start(column, command, user=self.user)
        until(lambda: self.process.poll() is not None or answers(self.port), f'{command} answers')
        if self.process.returncode is not None:
            raise Failed(f'{column}: {command} ended with {self.process.returncode}')

    def ready(self):
        """The load has warmed it up once; from here on it counts."""
        self.size = len(family(self.process.pid))
        self.wait(self.load(0.2))
        self.before = self.used()

    def tool(self, command, share):
        """The load runs on the other processor, without us."""
        return subprocess.Popen(command(share), env=self.bench.environment('none'), cwd=self.place,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def load(self, share):
        return self.tool(self.client, share)

    def wait(self, load):
        text = load.communicate()[0]
        requests = self.answered(text)
        if load.returncode or not requests:
            raise Failed(f'{load.args}: {text[-300:]}')
        return requests

    def per_request(self, requests):
        """In microseconds."""
        return (self.used() - self.before) / requests * 1e6

    def used(self):
        """The CPU seconds of the family, when those who served a load and end with it have ended."""
        until(lambda: len(family(self.process.pid)) <= self.size, 'the backends have ended')
        return used(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.communicate()
        shutil.rmtree(self.place, ignore_errors=True)


class Redis(Server):
    def command(self):
        return ['redis-server', '--port', str(self.port), '--save', '', '--bind', '127.0.0.1',
                '--dir', self.place]

    def client(self, share):
        self.each = int(5000 * share)
        return ['redis-benchmark', '-p', str(self.port), '--csv', '-n', str(self.each), '-d', '100',
                '-r', '10000', '-c', '50', '-t', 'set,get,lpush,hset']

    def answered(self, text):
        """A head, and a line for each of the four kinds."""
        return 4 * self.each if text.count('\n') == 5 else 0


class Nginx(Server):
    page, count = '', 0

    def command(self):
        user = 'user nobody nogroup;' if os.geteuid() == 0 else ''
        with open(f'{self.place}/nginx.conf', 'w', encoding='ascii') as f:
            f.write(NGINX % {'port': self.port, 'user': user})
        return [shutil.which('nginx') or '/usr/sbin/nginx', '-p', self.place, '-c', 'nginx.conf', '-e', 'error.log']

    def client(self, share):
        """ab makes a number of requests, however long it takes: none is under way when we look."""
        return ['ab', '-q', '-k', '-c', '4', '-n', str(int(self.count * share)), '-H', 'Accept-Encoding: gzip',
                f'http://127.0.0.1:{self.port}{self.page}']

    def answered(self, text):
        done, failed = re.search(r'Complete requests: +(\d+)', text), re.search(r'Failed requests: +0\n', text)
        packed = self.page != '/gzip/large' or int(re.search(r'Document Length: +(\d+)', text)[1]) < 60000
        return int(done[1]) if done and failed and packed and 'Non-2xx' not in text else 0


class Static(Nginx):
    page, count = '/small', 12000


class Gzip(Nginx):
    page, count = '/gzip/large', 400


class Postgres(Server):
    def command(self):
        """As nobody: postgres refuses root. Its data is a copy of one that was made once."""
        data = f'{self.place}/data'
        self.own(['cp', '-r', self.model(), data])
        return [f'{binaries()}/postgres', '-D', data, '-p', str(self.port)]

    user = 'nobody' if os.geteuid() == 0 else None

    def own(self, command):
        subprocess.run(command, user=self.user, check=True, stdout=subprocess.DEVNULL, cwd='/',
                       stderr=subprocess.DEVNULL, env=self.bench.environment('none'))

    def model(self):
        """A database with pgbench's tables in it."""
        place = f'{self.bench.home}/postgres'
        data = f'{place}/data'
        if not os.path.exists(place):
            os.mkdir(place)
            os.chmod(place, 0o777)
            self.own([f'{binaries()}/initdb', '-D', data, '-A', 'trust', '-U', 'me', '-N', '--no-locale'])
            self.own(['sh', '-c', f"echo {shlex.quote(POSTGRES)} >>{data}/postgresql.conf"])
            ctl = [f'{binaries()}/pg_ctl', '-D', data, '-s', '-w', '-o', f'-p {self.port}', '-l', f'{place}/log']
            self.own(ctl + ['start'])
            self.own([f'{binaries()}/pgbench', '-q', '-i', '-s', '1', '-h', '127.0.0.1', '-p', str(self.port),
                      '-U', 'me', 'postgres'])
            self.own(ctl + ['stop'])
        return data

    def client(self, share):
        return [f'{binaries()}/pgbench', '-n', '-c', '4', '-t', str(int(200 * share)), '-h', '127.0.0.1',
                '-p', str(self.port), '-U', 'me', 'postgres']

    def answered(self, text):
        found = re.search(r'actually processed: (\d+)', text)
        return int(found[1]) if found else 0


def binaries():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    return found[-1] if found else ''


def measure(kind):
    """A round: all servers are up, warm, and loaded at the same time."""
    def one_round(bench, columns):
        servers = [kind(bench, column) for column in columns]
        try:
            for server in servers:
                server.ready()
            loads = [server.load(1) for server in servers]
            done = [server.wait(load) for server, load in zip(servers, loads)]
            return {server.column: server.per_request(n) for server, n in zip(servers, done)}
        finally:
            for server in servers:
                server.stop()
    return one_round


def row(kind, work, limit):
    def piece(bench):
        noise = random.Random(1)
        words = [''.join(noise.choices('etaoinshrdlu', k=noise.randrange(2, 9))) for _ in range(2000)]
        for name, size in (('small', 4096), ('large', 100000)):
            with open(f'{bench.home}/{name}', 'w', encoding='ascii') as f:
                f.write(' '.join(noise.choices(words, k=size // 4))[:size])
        return bench.row(work, limit, lambda columns: measure(kind)(bench, columns), 'us')
    return piece


PIECES = {'redis': row(Redis, 'redis, CPU per request', 1.02),
          'static': row(Static, 'nginx, a file of 4 KB, CPU per request', 1.02),
          'gzip': row(Gzip, 'nginx, 100 KB gzipped, CPU per request', 1.02),
          'postgres': row(Postgres, 'postgres, pgbench, CPU per transaction', 1.03)}
