# pyroscope.py - Pyroscope by its published API: pushed by us, queried back, and the same as in a folder.
# SPDX-License-Identifier: MIT
"""The API's own handlers and messages, with a store behind them (test/pyroscope), where a Go is new enough and the
module proxy answers. PYROSCOPE=http://host:4040 in the environment: that server instead."""
import glob
import json
import os
import shutil
import subprocess
import time
import urllib.request

from delivery import said, spooled, worker
from push import stacks
from world import Skipped, expect

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(os.path.dirname(HERE), 'pyroscope')
NEEDS = (1, 25)
TYPES = {'process_cpu:samples:count:cpu:nanoseconds': ('samples', 'cpu'),
         'process_cpu:cpu:nanoseconds:cpu:nanoseconds': ('cpu', 'cpu'),
         'goroutine:goroutine:count:goroutine:count': ('goroutine', 'threads'),
         'memory:alloc_objects:count:space:bytes': ('alloc_objects', 'heap'),
         'memory:alloc_space:bytes:space:bytes': ('alloc_space', 'heap'),
         'memory:inuse_objects:count:space:bytes': ('inuse_objects', 'heap'),
         'memory:inuse_space:bytes:space:bytes': ('inuse_space', 'heap')}


def environment():
    keep = ('HOME', 'PATH', 'GOPATH', 'GOCACHE', 'GOMODCACHE', 'GOPROXY', 'GOSUMDB', 'GONOSUMDB',
            'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'SSL_CERT_FILE')
    known = {name: os.environ[name] for name in keep if name in os.environ}
    return dict(known, GOTOOLCHAIN='local', GOFLAGS='-mod=readonly -buildvcs=false')


def new_enough():
    found = [p for p in (shutil.which('go'), '/usr/local/go/bin/go') if p and os.path.exists(p)]
    found += sorted(glob.glob('/usr/lib/go-*/bin/go'))
    for go in found:
        done = subprocess.run([go, 'env', 'GOVERSION'], env=environment(), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        version = done.stdout.decode().strip().removeprefix('go').split('.')
        if len(version) > 1 and (int(version[0]), int(version[1])) >= NEEDS:
            return go
    raise Skipped('the API of Pyroscope needs Go %d.%d' % NEEDS)


def build(world):
    target = os.path.join(world.build, 'pyroscope')
    sources = glob.glob(os.path.join(SOURCE, '*'))
    if os.path.exists(target) and all(os.path.getmtime(s) <= os.path.getmtime(target)
                                      for s in sources):
        return target
    try:
        with world.aside():
            done = subprocess.run([new_enough(), 'build', '-o', target, '.'], cwd=SOURCE, timeout=300,
                                  env=environment(), check=False, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired as late:
        raise Skipped('the modules of the API of Pyroscope are not to be had in 300 s') from late
    text = [line for line in done.stderr.decode('utf-8', 'replace').splitlines()
            if not line.startswith('go: downloading')]
    fetched = any(word in line for line in text for word in ('proxy', 'dial tcp', 'lookup'))
    if done.returncode and fetched:
        raise Skipped(f'the API of Pyroscope is not to be had: {text[-1]}')
    expect(done.returncode == 0, f'test/pyroscope does not build: {text[:3]}')
    return target


class Server:
    def __init__(self, world):
        self.process = None
        self.address = os.environ.get('PYROSCOPE', '').removeprefix('http://').rstrip('/')
        if not self.address:
            self.process = subprocess.Popen([build(world), '127.0.0.1:0'], stdout=subprocess.PIPE,
                                            env={})
            world.helpers.append(self)
            self.address = self.process.stdout.readline().decode().split()[1]
        self.settings = {'CONPROF_AGENT_SOCKET': f'pyroscope+http://{self.address}'}

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def ask(self, method, **fields):
        now = int(time.time() * 1000)
        body = dict(fields, start=str(now - 600000), end=str(now + 60000))
        request = urllib.request.Request(
            f'http://{self.address}/querier.v1.QuerierService/{method}', json.dumps(body).encode(),
            {'Content-Type': 'application/json'})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)


def merged(answer):
    """What each stack took, of the profile that a server gives back."""
    texts = answer.get('stringTable', [])
    names = {f['id']: texts[int(f.get('name', 0))] for f in answer.get('function', [])}
    places = {p['id']: [names[line['functionId']] for line in p.get('line', [])]
              for p in answer.get('location', [])}
    sums = {}
    for sample in answer.get('sample', []):
        key = tuple(f for p in sample['locationId'] for f in places[p])
        sums[key] = sums.get(key, 0) + int(sample['value'][0])
    return sums


def of_folder(files, type_):
    sums = {}
    for (stack, _, _), value in stacks(files, type_).items():
        sums[stack] = sums.get(stack, 0) + value
    return sums


def queried(world, server):
    """Pushed and queried back: each stack has what it has in a folder."""
    folder = os.path.join(world.dir, 'folder')
    name = f'conprof test {os.getpid()} {time.time_ns()}'
    worker(world, {'CONPROF_AGENT_SOCKET': f'dir://{folder},pyroscope+http://{server.address}',
                   'CONPROF_APP_NAME': name})
    world.quiet()
    expect(not spooled(world), 'profiles were left in the spool' + world.last_log())
    types = {t['ID'] for t in server.ask('ProfileTypes')['profileTypes']}
    expect(set(TYPES) <= types, f'types {types}')
    names = server.ask('LabelValues', name='service_name')['names']
    expect(name in names, f'services {names}')
    for id_, (type_, file) in TYPES.items():
        want = of_folder(sorted(glob.glob(os.path.join(folder, f'*.{file}.pprof'))), type_)
        got = merged(server.ask('SelectMergeProfile', profile_typeID=id_,
                                label_selector='{service_name="%s"}' % name))
        expect(want and sum(got.values()) == sum(want.values()),
               f'{id_}: {sum(got.values())}, in the folder {sum(want.values())}')
        expect(got == want, f'{id_}: {len(got)} stacks, in the folder {len(want)}')


def refused(world, server):
    """An error as the server's own protocol tells it."""
    worker(world, dict(server.settings, CONPROF_APP_NAME='refused'))
    world.quiet()
    said(world, 'answered 400: not this one')
    expect(not spooled(world), 'what is refused is kept')


def by_api(world):
    server = Server(world)
    queried(world, server)
    if server.process:  # a real one refuses other things
        refused(world, server)


def tests(_build):
    yield 'pyroscope_by_api', True, by_api
