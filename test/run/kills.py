# kills.py - kill -9 of the agent, of the uploader, of the target, of all: what was made arrives, once.
# SPDX-License-Identifier: MIT
import os
import signal

from delivery import SHARP, burst, end, near, spooled, worker
from receiver import Receiver
from world import expect

MIB = 1024 * 1024


def looping(world, settings):
    return world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                       dict(SHARP, CONPROF_PERIOD='1', **settings))


def kill_uploader(world):
    for pid in world.uploaders():
        os.kill(pid, signal.SIGKILL)


def later(world, settings):
    """The next uploader, which carries on with what is in the spool; a worker's own 4 MiB come, too."""
    want = worker(world, settings)
    world.quiet()
    expect(not spooled(world), 'profiles were left in the spool' + world.last_log())
    return want


def arrived(receivers):
    """What came, each key once; and how many came again. Of the same key comes the same."""
    files, again = {}, 0
    for receiver in receivers:
        for request in receiver.accepted():
            own = receiver.files('heap.pprof')
            mine = [f for f in own if os.path.basename(f).startswith(f'{request["seq"]:04d}-')]
            expect(request['key'], f'a request without a key: {request}')
            if request['key'] in files:
                expect(burst(files[request['key']]) == burst(mine),
                       f'{request["key"]} came twice and was not the same')
                again += 1
            files[request['key']] = mine
    return [f for own in files.values() for f in own], again


def agent(world):
    """The agent is killed while it has a profile and has not answered yet: it comes again, with the
    same key, to the agent that comes after it."""
    first = Receiver(world, name='first', delay='2s')
    settings = {'CONPROF_AGENT_SOCKET': first.url}
    child = looping(world, settings)
    world.until('an upload was under way', first.requests)
    first.kill()
    second = Receiver(world, name='second', listen=first.listen)
    want = end(world, child) + later(world, settings)
    files, again = arrived([first, second])
    near(world, files, want, 'at the agents')
    expect(again == 1, f'{again} came twice, and one had no answer')
    second.stop()


def uploader(world):
    """The uploader is killed while it waits for an answer: what it was sending comes from the spool."""
    receiver = Receiver(world, delay='1s')
    settings = {'CONPROF_AGENT_SOCKET': receiver.url}
    child = looping(world, settings)
    world.until('an upload was under way', receiver.requests)
    kill_uploader(world)
    world.until('the next uploader was there', world.uploaders)
    world.until('it had delivered', lambda: len(receiver.accepted()) >= 3)
    want = end(world, child) + later(world, settings)
    files, again = arrived([receiver])
    near(world, files, want, 'at the agent')
    expect(again == 1, f'{again} came twice, and one was under way')
    receiver.stop()


def target(world):
    """The target is killed: its uploader delivers what it had, and is gone."""
    receiver = Receiver(world)
    child = looping(world, {'CONPROF_AGENT_SOCKET': receiver.url})
    world.until('an upload had come', receiver.accepted)
    child.kill()
    world.quiet()
    expect(not spooled(world), 'profiles were left in the spool')
    files, again = arrived([receiver])
    expect(len(receiver.accepted()) >= 2 and burst(files) % MIB < MIB and again == 0,
           f'{len(receiver.accepted())} uploads came, {again} of them twice')
    receiver.stop()


def both(world):
    """Target and uploader are killed while an agent does not answer: what was made until then lies in
    the spool, whole, and comes to the next agent, once."""
    mute = Receiver(world, name='mute', answer='nothing')
    settings = {'CONPROF_AGENT_SOCKET': mute.url, 'CONPROF_UPLOAD_TIMEOUT': '60'}
    child = looping(world, settings)
    world.until('three profiles were in the spool', lambda: len(spooled(world, '.event.json')) >= 3)
    child.kill()
    kill_uploader(world)
    world.until('they were gone', lambda: not world.uploaders())
    kept = {os.path.basename(f)[:-len('.event.json')] for f in spooled(world, '.event.json')}
    had = burst(spooled(world))
    mute.kill()
    second = Receiver(world, name='second', listen=mute.listen)
    want = later(world, settings)
    keys = [request['key'] for request in second.accepted()]
    expect(kept <= set(keys) and len(keys) == len(set(keys)),
           f'of {sorted(kept)} came {sorted(keys)}')
    near(world, second.files('heap.pprof'), had + want, 'at the agent')
    second.stop()


def tests(_build):
    for function in (agent, uploader, target, both):
        yield 'kills_' + function.__name__, True, function
