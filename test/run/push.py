# push.py - servers that keep series of profiles: what Pyroscope and Parca are sent, and when again.
# SPDX-License-Identifier: MIT
import glob
import json
import os

from delivery import near, said, spooled, worker
from pprof import Profile
from receiver import Receiver
from world import expect


def pyroscope(world, **flags):
    return Receiver(world, 'tcp://127.0.0.1:0', kind='pyroscope', **flags)


def to(receiver, credentials='', prefix='', server='pyroscope'):
    return {'CONPROF_AGENT_SOCKET': f'{server}+http://{credentials}{receiver.address}{prefix}'}


def arrives(world, receiver, settings):
    """All of a worker's profiles come, and nothing stays behind."""
    want = worker(world, settings)
    world.quiet()
    near(world, receiver.files('heap.pprof'), want, 'at the server')
    expect(not spooled(world), 'profiles were left in the spool' + world.last_log())
    receiver.stop()


def series(receiver):
    return [labels for request in receiver.accepted() for labels in request['labels']]


def labelled(world):
    receiver = pyroscope(world)
    settings = dict(to(receiver, prefix='/'), CONPROF_APP_NAME='a shop',
                    CONPROF_LABELS='zone:b,1st:x,a-b:c,__name__:no,zone:twice,ünïcode:ü')
    arrives(world, receiver, settings)
    all_ = series(receiver)
    expect({s['__name__'] for s in all_} == {'memory', 'goroutine', 'process_cpu'}, f'series {all_}')
    for labels in all_:
        for name, value in {'service_name': 'a shop', 'zone': 'b', '_1st': 'x', 'a_b': 'c',
                            'process.runtime.name': 'native', 'otel.scope.name': 'libconprof',
                            '_nicode': None, '__n__code': None, '_': None}.items():
            expect(labels.get(name) == value, f'label {name} in {labels}')
        for name in ('process_id', 'profile_seq', 'runtime-id', 'runtime_id', 'host'):
            expect(name not in labels, f'a series for each {name}: {labels}')
    for file in receiver.files('.pprof'):
        for sample in Profile(file).samples:
            expect('thread' not in sample.labels and sample.pid(), f'labels {sample.labels}')


def unnamed(world):
    receiver = pyroscope(world)
    arrives(world, receiver, to(receiver))
    expect({s['service_name'] for s in series(receiver)} == {'worker'}, str(series(receiver)))


def of_settings(world):
    """Id and token are a user and its password."""
    receiver = pyroscope(world, auth='17:a token:with colon', tenant='team-a')
    arrives(world, receiver, dict(to(receiver), CONPROF_SERVER_ID='17', CONPROF_TENANT='team-a',
                                  CONPROF_SERVER_TOKEN='a token:with colon'))


def of_bearer(world):
    """A token alone is a bearer's."""
    receiver = pyroscope(world, bearer='glc_x')
    arrives(world, receiver, dict(to(receiver), CONPROF_SERVER_TOKEN='glc_x'))


def of_address(world):
    """What the address says comes before the settings, and nobody is shown it."""
    receiver = pyroscope(world, auth='me:s@cr,t', base='/base')
    settings = dict(to(receiver, 'me:s%40cr%2ct@', '/base/'), CONPROF_SERVER_ID='other',
                    CONPROF_SERVER_TOKEN='another', CONPROF_LOG_LEVEL='4')
    arrives(world, receiver, settings)
    with open(world.log, encoding='utf-8', errors='replace') as f:
        text = f.read()
    expect(receiver.address in text, 'the log does not say where profiles go')
    expect('cr' + '%2ct' not in text and 's@cr' not in text, 'the password is in the log')


def refused(status, says, word):
    """The same again would be refused again: it is not sent again, and the server's words are told."""
    def test(world):
        receiver = pyroscope(world, answer=status, says=says)
        worker(world, to(receiver))
        world.quiet()
        said(world, word)
        requests = len(receiver.requests())
        worker(world, to(receiver))
        world.quiet()
        expect(not spooled(world), 'what is refused is kept')
        expect(len(receiver.requests()) == requests + 1, 'what was refused was sent again')
        receiver.stop()
    return test


def comes_again(answer, **flags):
    """Later everything is there, once, and under the ids of the first attempt."""
    def test(world):
        receiver = pyroscope(world, name='first', answer=answer, **flags)
        settings = dict(to(receiver), CONPROF_UPLOAD_TIMEOUT='2')
        want = worker(world, settings)
        world.quiet()
        requests = receiver.requests()
        expect(requests and not receiver.accepted(), f'{requests}')
        expect(spooled(world), 'nothing is kept' + world.last_log())
        want += worker(world, settings)
        world.quiet()
        near(world, receiver.files('heap.pprof'), want, 'at the server that works again')
        ids = [i for r in receiver.accepted() for i in r['ids']]
        expect(len(set(ids)) == len(ids) == 6, f'ids {ids}')
        expect(set(requests[0]['ids'] or ids) <= set(ids), 'other ids the second time')
        expect(not spooled(world), 'profiles were left in the spool')
        receiver.stop()
    return test


def parca(world):
    receiver = Receiver(world, 'tcp://127.0.0.1:0', kind='parca', bearer='t', base='/p')
    want = worker(world, dict(to(receiver, ':t@', '/p', server='parca'),
                              CONPROF_LABELS='a.b:c', CONPROF_TENANT='none-here'))
    world.quiet()
    near(world, receiver.files('allocated.pprof'), want, 'at the server')
    expect(not spooled(world), 'profiles were left in the spool')
    kinds = sorted(f.rsplit('.', 2)[1] for f in receiver.files('.pprof'))
    expect(kinds == ['allocated', 'cpu', 'in-use', 'threads'] or
           [k.split('-')[-1] for k in kinds] == ['allocated', 'cpu', 'use', 'threads'], f'{kinds}')
    for labels in series(receiver):
        expect(labels['a_b'] == 'c', f'labels {labels}')
    threads = {s.labels.get('thread') for f in receiver.files('cpu.pprof')
               for s in Profile(f).samples}
    expect('worker' in threads, f'threads {threads}')
    receiver.stop()


def stacks(files, type_):
    """What each stack took, by process and thread's number."""
    sums = {}
    for profile in (Profile(f) for f in files):
        at = profile.types.index(type_)
        for sample in profile.samples:
            key = (tuple(sample.stack), sample.pid(), sample.labels.get('tid'))
            sums[key] = sums.get(key, 0) + sample.values[at]
    return {key: value for key, value in sums.items() if value}


def same(world):
    """A folder, Pyroscope and Parca at once: each stack has the same everywhere."""
    folder = os.path.join(world.dir, 'folder')
    one, other = pyroscope(world), Receiver(world, 'tcp://127.0.0.1:0', name='parca', kind='parca')
    to_all = ','.join(('dir://' + folder, to(one)['CONPROF_AGENT_SOCKET'],
                       to(other, server='parca')['CONPROF_AGENT_SOCKET']))
    worker(world, {'CONPROF_AGENT_SOCKET': to_all})
    world.quiet()
    for type_, name, at_parca in (('cpu', 'cpu', 'cpu'), ('samples', 'cpu', 'cpu'),
                                  ('goroutine', 'threads', 'threads'),
                                  ('alloc_objects', 'heap', 'allocated'),
                                  ('alloc_space', 'heap', 'allocated'),
                                  ('inuse_objects', 'heap', 'in-use'),
                                  ('inuse_space', 'heap', 'in-use')):
        want = stacks(sorted(glob.glob(os.path.join(folder, f'*.{name}.pprof'))), type_)
        expect(want, f'nothing of {type_} in the folder')
        expect(stacks(one.files(name + '.pprof'), type_) == want, f'{type_} at Pyroscope differs')
        expect(stacks(other.files(at_parca + '.pprof'), type_) == want, f'{type_} at Parca differs')
    one.stop()
    other.stop()


def tests(_build):
    for function in (labelled, unnamed, of_settings, of_bearer, of_address, parca, same):
        yield 'push_' + function.__name__, True, function
    error = json.dumps({'code': 'invalid_argument', 'message': 'profile\n is "too" old'})
    yield 'push_refused_400', True, refused('400', error, 'answered 400: profile  is "too" old')
    yield 'push_refused_401', True, refused('401', 'no such user\n', 'answered 401: no such user')
    yield 'push_refused_html', True, refused('404', '<h1>not\x01 here</h1>' + 'x' * 5000, '<h1>not  here')
    for answer in ('503', 'nothing', 'garbage', 'half', '408'):
        yield 'push_again_' + answer, True, comes_again(answer + ',200')
    yield 'push_again_429', True, comes_again('429,200', after='1')
    aborted = json.dumps({'message': 'x', 'code': 'aborted'})
    yield 'push_again_aborted', True, comes_again('409,200', says=aborted)
