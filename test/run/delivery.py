# delivery.py - where profiles go, what happens when nobody takes them, and that none is lost.
# SPDX-License-Identifier: MIT
import glob
import json
import os
import subprocess
import time

from pprof import Profile, tool
from receiver import Receiver, check_files
from world import expect

# An interval that samples nearly all of the worker's pieces, so that the sums are sharp.
SHARP = {'CONPROF_HEAP_SAMPLE_INTERVAL': '512', 'CONPROF_CPU_PROFILERATE': '1000'}


def worker(world, settings, *args):
    """Runs the worker to its end and returns how many bytes it allocated."""
    ended = world.run([os.path.join(world.build, 'run', 'worker')] + list(args),
                      dict(SHARP, **settings))
    return unharmed(ended)


def unharmed(ended):
    expect(ended.status == 3, f'the target ended with {ended.status}, not 3')
    expect(ended.err == b'', f'the target wrote on stderr: {ended.err[:200]!r}')
    return ended.printed()['burst_bytes']


def end(world, child):
    """A worker that waits for its input to end."""
    child.stdin.close()
    child.stdin = None
    want = unharmed(world.finish(child))
    world.quiet()
    return want


def burst(files):
    return sum(Profile(f).sum('alloc_space', 'burst') for f in files)


def near(world, files, want, what):
    got = burst(files)
    expect(abs(got - want) <= 0.05 * want,
           f'{what}: {got} bytes in {len(files)} files, wanted {want}{world.last_log()}')


def spooled(world, suffix='heap.pprof'):
    return sorted(glob.glob(os.path.join(world.spool, '*' + suffix)))


def arrives(world, receiver, settings):
    """All of a worker's profiles come, fresh and complete, and nothing stays behind."""
    want = worker(world, settings)
    world.quiet()
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    for request in receiver.requests():
        expect(request['attachments'] == ['delta-heap.pprof', 'goroutines.pprof', 'cpu.pprof'],
               f'attachments are {request["attachments"]}')
        expect(set(request['compression']) == {'zstd'},
               f'compression is {request["compression"]}')
    expect(not spooled(world), 'profiles were left in the spool')
    receiver.stop()


def over_unix(world):
    receiver = Receiver(world)
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': receiver.url})


def over_alias(world):
    receiver = Receiver(world, auth='me:secret')
    arrives(world, receiver, {'BLACKFIRE_AGENT_SOCKET': receiver.url, 'BLACKFIRE_SERVER_ID': 'me',
                              'BLACKFIRE_SERVER_TOKEN': 'secret'})


def over_tcp(world):
    receiver = Receiver(world, 'tcp://127.0.0.1:0')
    # A proxy that does not exist: whoever asks it gets nowhere.
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': receiver.url,
                              'http_proxy': 'http://127.0.0.1:1'})


def over_http(world):
    receiver = Receiver(world, 'tcp://127.0.0.1:0', base='/base')
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': f'http://{receiver.address}/base/'})


def authorized(world):
    receiver = Receiver(world, auth='an-id:a token:with colon')
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_SERVER_ID': 'an-id',
                              'CONPROF_SERVER_TOKEN': 'a token:with colon'})


def half_authorized(world):
    receiver = Receiver(world)
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_SERVER_ID': 'an-id'})


def certificates(world):
    """A certificate authority of our own, and a server's certificate for 127.0.0.1 from it."""
    def openssl(*args):
        done = subprocess.run(['/usr/bin/openssl'] + list(args), cwd=world.dir, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 0, f'openssl {args[0]}: {done.stdout[-200:]!r}')

    with open(os.path.join(world.dir, 'san'), 'w', encoding='ascii') as f:
        f.write('subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    openssl('req', '-x509', *ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2',
            '-subj', '/CN=test authority')
    openssl('req', *ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key',
            '-CAcreateserial', '-out', 'server.pem', '-days', '2', '-extfile', 'san')
    return [os.path.join(world.dir, f) for f in ('ca.pem', 'server.pem', 'server.key')]


def over_tls(world):
    authority, cert, key = certificates(world)
    receiver = Receiver(world, 'tls://127.0.0.1:0', cert=cert, key=key)
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': f'https://{receiver.address}',
                              'SSL_CERT_FILE': authority})


def untrusted(world):
    _, cert, key = certificates(world)
    receiver = Receiver(world, 'tls://127.0.0.1:0', cert=cert, key=key)
    want = worker(world, {'CONPROF_AGENT_SOCKET': f'https://{receiver.address}'})
    world.quiet()
    expect(not receiver.requests(), 'profiles went to a server that nobody vouches for')
    near(world, spooled(world), want, 'in the spool')
    said(world, 'certificate')


def said(world, word):
    with open(world.log, encoding='utf-8', errors='replace') as f:
        expect(word in f.read(), f'the log does not say "{word}"{world.last_log()}')


def kept(answer, word):
    """An agent that gives this answer to everything: the profiles lie in the spool, readable, the
    log says why, and the next uploader delivers them together with its own."""
    def test(world):
        first = Receiver(world, name='first', answer=answer)
        settings = {'CONPROF_AGENT_SOCKET': first.url, 'CONPROF_UPLOAD_TIMEOUT': '2'}
        want = worker(world, settings)
        world.quiet()
        expect(first.requests(), 'it was not tried' + world.last_log())
        said(world, word)
        first.stop()
        near(world, spooled(world), want, 'in the spool')
        check_files(world, spooled(world, '.pprof'))
        second = Receiver(world, name='second', listen=first.listen)
        want += worker(world, settings)
        world.quiet()
        near(world, second.files('heap.pprof'), want, 'at the agent that came later')
        expect(not spooled(world), 'profiles were left in the spool')
        second.stop()
    return test


def accepted(world):
    receiver = Receiver(world, answer='202')
    arrives(world, receiver, {'CONPROF_AGENT_SOCKET': receiver.url})


def refused(world):
    """403: the same again would be refused again, so it is not sent again; but it is counted."""
    receiver = Receiver(world, answer='403,200')
    settings = {'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_PERIOD': '1'}
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'hold'],
                        dict(SHARP, **settings))
    world.until('a second upload had come', lambda: len(receiver.requests()) >= 2)
    unharmed(world.finish(child))
    world.quiet()
    said(world, '403')
    dropped = [e['info']['profiler']['uploads_dropped'] for e in receiver.events()]
    expect(spooled(world) or dropped[-1] == 1, f'refused, not kept, and counted as {dropped}')
    receiver.stop()


def recovers(world):
    """An agent that fails twice and then works, while the target lives: everything arrives."""
    receiver = Receiver(world, answer='500,half,200')
    settings = {'CONPROF_AGENT_SOCKET': receiver.url, 'CONPROF_PERIOD': '1',
                'CONPROF_UPLOAD_TIMEOUT': '2'}
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                        dict(SHARP, **settings))
    world.until('two uploads had been taken', lambda: len(receiver.accepted()) >= 2)
    child.stdin.close()
    child.stdin = None
    want = unharmed(world.finish(child))
    world.quiet()
    later(world, settings)
    near(world, receiver.files('heap.pprof'), want + 4 * 1024 * 1024, 'at the agent')
    keys = [r['key'] for r in receiver.accepted()]
    tried = {r['key'] for r in receiver.requests() if not r['accepted']}
    expect(tried <= set(keys) and len(keys) == len(set(keys)), f'of {tried} came {keys}')
    receiver.stop()


def later(world, settings):
    """The next uploader, which carries on with what is in the spool."""
    worker(world, settings)
    world.quiet()
    expect(not spooled(world), 'profiles were left in the spool' + world.last_log())


def absent(world):
    """No agent at first. What was made meanwhile lies in the spool, and then arrives, once."""
    listen = 'unix://' + os.path.join(world.dir, 'agent.sock')
    settings = {'CONPROF_AGENT_SOCKET': listen, 'CONPROF_PERIOD': '1'}
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                        dict(SHARP, **settings))
    world.until('two profiles were in the spool', lambda: len(spooled(world)) >= 2)
    receiver = Receiver(world, listen)
    world.until('an upload had been taken', receiver.accepted)
    child.stdin.close()
    child.stdin = None
    want = unharmed(world.finish(child))
    world.quiet()
    later(world, settings)
    near(world, receiver.files('heap.pprof'), want + 4 * 1024 * 1024, 'at the agent')
    receiver.stop()


def folder(world):
    path = os.path.join(world.dir, 'made', 'here')
    want = worker(world, {'CONPROF_AGENT_SOCKET': 'dir://' + path})
    world.quiet()
    files = sorted(glob.glob(os.path.join(path, '*.pprof')))
    check_files(world, files)
    expect([f.rsplit('.', 2)[1] for f in files] == ['cpu', 'heap', 'threads'],
           f'the folder holds {[os.path.basename(f) for f in files]}')
    near(world, [f for f in files if 'heap' in f], want, 'in the folder')
    expect(not spooled(world), 'profiles were left in the spool')


def folder_denied(world):
    """A folder that cannot be: a file is in the way."""
    path = os.path.join(world.dir, 'file')
    with open(path, 'w', encoding='ascii'):
        pass
    want = worker(world, {'CONPROF_AGENT_SOCKET': 'dir://' + path})
    world.quiet()
    near(world, spooled(world), want, 'in the spool')
    said(world, path)


def nothing_set(world):
    """The embedded default: no agent, and the spool is where the profiles are."""
    want = worker(world, {})
    world.quiet()
    files = spooled(world, '.pprof')
    expect(len(files) == 3, f'the spool holds {[os.path.basename(f) for f in files]}')
    check_files(world, files)
    near(world, spooled(world), want, 'in the spool')
    expect('burst' in tool(['-top', '-sample_index=alloc_space', spooled(world)[0]]),
           'go tool pprof -top does not show the function')


def capped(world):
    """The spool keeps to its cap: the oldest go, the newest stay, and the log counts."""
    cap = 15000
    settings = {'CONPROF_SPOOL_MAX_BYTES': str(cap), 'CONPROF_PERIOD': '1'}
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                        dict(SHARP, **settings))

    def size():
        sizes = []
        for file in glob.glob(os.path.join(world.spool, '*')):
            try:
                sizes.append(os.path.getsize(file))
            except FileNotFoundError:  # it made room just now
                pass
        return sum(sizes)

    def first_gone():
        # A new entry is complete before an old one makes room for it: one entry more for a moment.
        heaps, entry = spooled(world), 4000
        expect(size() <= cap + entry, f'the spool has {size()} bytes')
        return heaps and not any(f.endswith('-0.heap.pprof') for f in heaps)

    world.until('the first profile had made room', first_gone)
    child.stdin.close()
    child.stdin = None
    unharmed(world.finish(child))
    world.quiet()
    expect(size() <= cap, f'the spool has {size()} bytes in the end')
    check_files(world, spooled(world, '.pprof'))
    said(world, 'is full')
    with open(spooled(world, '.event.json')[-1], encoding='utf-8') as f:
        dropped = json.load(f)['info']['profiler']['uploads_dropped']
    expect(dropped > 0, 'what was dropped is not counted in the event')


def slow_agent(world):
    """An agent that takes its time is no failure, and the target does not wait for it."""
    receiver = Receiver(world, delay='3s')
    began = time.monotonic()
    want = worker(world, {'CONPROF_AGENT_SOCKET': receiver.url})
    target_took = time.monotonic() - began
    world.quiet()
    expect(time.monotonic() - began > 3, 'the uploader did not wait for the answer')
    expect(target_took < time.monotonic() - began - 1, 'the target waited for the agent')
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    expect(not spooled(world), 'profiles were left in the spool')
    receiver.stop()


def tests(_build):
    for function in (over_unix, over_alias, over_tcp, over_http, over_tls, untrusted, authorized,
                     half_authorized, accepted, refused, recovers, absent, folder, folder_denied,
                     nothing_set, capped, slow_agent):
        yield 'delivery_' + function.__name__, function in (absent, capped, slow_agent), function
    for answer, word in (('404', '2.13.0'), ('500', '500'), ('nothing', 'agent.sock'),
                         ('close', ''), ('half', ''), ('garbage', '2.13.0')):
        word = word.replace('agent.sock', 'first.sock')
        yield 'delivery_kept_' + answer, answer in ('nothing', 'close', 'half', 'garbage'), kept(answer, word)
