# deaths.py - who dies: does what it did come at once, whole, once, and does it say how it ended?
# SPDX-License-Identifier: MIT
import os
import re
import signal
import time

from pprof import Profile, tool
from receiver import Receiver
from truths import cgroup, clear
from world import Skipped, expect

# Each allocation is a sample, so counts are exact. The period is the default's, and never over here.
SETTINGS = {'CONPROF_HEAP_SAMPLE_INTERVAL': '1', 'CONPROF_CPU_PROFILERATE': '1000'}


def keeps_statuses():
    """Whether the kernel tells of a process that was reaped (PIDFD_GET_INFO with PIDFD_INFO_EXIT)."""
    return tuple(int(n) for n in re.findall(r'\d+', os.uname().release)[:2]) >= (6, 15)


def tags(event):
    return dict(tag.split(':', 1) for tag in event['tags_profiler'].split(','))


class Server:
    """One program of its own: as many may lose a child at once as there are servers."""

    def __init__(self, world, receiver, name, **more):
        settings = dict(SETTINGS, CONPROF_AGENT_SOCKET=receiver.url, CONPROF_APP_NAME=name)
        settings.update(more.pop('settings', {}))
        self.world, self.receiver, self.name = world, receiver, name
        self.child = world.start([os.path.join(world.build, 'run', 'dying')], settings, **more)
        self.kept, self.made = self.said('kept'), self.said('made')

    def said(self, word):
        line = self.child.stdout.readline().split()
        expect(line[:1] == [word.encode()], f'{self.name}: said {line}, not {word}')
        return int(line[1])

    def tell(self, text):
        self.child.stdin.write(text.encode() + b'\n')
        self.child.stdin.flush()

    def lose(self, way):
        self.tell(way)
        return self.said('ended')

    def end(self):
        self.child.stdin.close()
        self.child.stdin = None
        ended = self.world.finish(self.child)
        expect(ended.status == 0 and not ended.err, f'{self.name}: {ended.status} {ended.err[-300:]!r}')

    def events(self):
        return [e for e in self.receiver.events() if tags(e)['application_name'] == self.name]

    def of(self, pid):
        return [e for e in self.events() if tags(e)['process_id'] == str(pid)]

    def heap(self, events):
        """The heap profiles that came with these events."""
        seqs = [(tags(e)['process_id'], tags(e)['profile_seq']) for e in events]
        out = []
        for event in self.receiver.files('.event.json'):
            with open(event, encoding='utf-8') as f:
                text = f.read()
            for pid, seq in seqs:
                if f'process_id:{pid},' in text and f'profile_seq:{seq},' in text and \
                        f'application_name:{self.name},' in text:
                    number = os.path.basename(event)[:4]
                    out += [h for h in self.receiver.files('heap.pprof') if os.path.basename(h)[:4] == number]
        return out

    def arrived(self, pid):
        """The event of this process's own parcel, which comes although no period is over."""
        self.world.until(f'{self.name}: the parcel of {pid} had come', lambda: self.of(pid))
        return self.of(pid)[0]


def sums(files, function='keep'):
    return [sum(Profile(f).sum(t, function) for f in files) for t in ('alloc_objects', 'inuse_objects', 'inuse_space')]


def exact(server, event):
    """The state at death: each block in use, and no other."""
    files = server.heap([event])
    expect(len(files) == 1, f'{server.name}: {len(files)} heap profiles of it')
    got = sums(files)
    expect(got == [server.kept, server.kept, 1000 * server.kept], f'{server.name}: {got} of {server.kept} blocks')
    freed = sums(files, 'let_go')
    expect(freed == [server.made - server.kept, 0, 0], f'{server.name}: {freed} of those that were freed')
    return tool(['-comments', files[0]])


def signals(world):
    """Each by a signal of its own; then three that exit, which come with the period: here, the server's end."""
    receiver = Receiver(world)
    ways = {'segv': 'SIGSEGV', 'abort': 'SIGABRT', 'kill': 'SIGKILL', 'thread': 'SIGABRT', 'term': 'SIGTERM'}
    servers = {way: Server(world, receiver, way) for way in ways}
    pids = {way: server.lose(way) for way, server in servers.items()}
    for way, server in servers.items():
        pid, word = pids[way], ways[way]
        event = server.arrived(pid)
        said = tags(event)
        expect(said.get('process_ended') == 'signal' and said.get('signal') == word and 'oom' not in said and
               'exit_status' not in said and 'core_dumped' not in said, f'{way}: {said}')
        expect(event['info']['profiler']['ended'] == {word: 1}, f'{way}: {event["info"]["profiler"]["ended"]}')
        comments = exact(server, event)
        expect(f'process {pid} ended by {word} at 20' in comments, f'{way}: {comments}')
    shown = {line['pid']: line for lines in world.status() for line in lines if line['kind'] == 'ended'}
    for way, word in ways.items():
        line = shown.get(str(pids[way]), {})
        expect([line.get(key) for key in ('program', 'how', 'core_dumped', 'oom')] == ['1', word, '0', '0'] and
               int(line['ticket']) > 0 and line['at'].startswith('20'), f'{way}: status says {line} of it: {shown}')
    for way, server in servers.items():
        for other in ('exit3', 'exit4', 'none'):
            server.lose(other)
        expect(len(server.events()) == 1, f'{way}: {len(server.events())} parcels, of one that died')
        server.end()
    world.quiet()
    for way, server in servers.items():
        rest = [e for e in server.events() if tags(e).get('process_id') != str(pids[way])]
        expect(len(rest) == 1, f'{way}: {len(rest)} parcels of the others')
        said, ended = tags(rest[0]), rest[0]['info']['profiler']['ended']
        expect(said.get('processes_ended') == '4' and said.get('exit_failed') == '2' and
               'process_ended' not in said and 'ended_by_signal' not in said, f'{way}: {said}')
        expect(ended == {'exit status 3': 1, 'exit status 4': 1, 'exit status 0': 2}, f'{way}: {ended}')
        # of the one that died nothing is in it
        got = sums(server.heap(rest))
        expect(got[:2] == [3 * server.kept] * 2, f'{way}: {got} of three times {server.kept} blocks')
    receiver.stop()


def meanwhile(world):
    """The uploader has no time while a child dies and is reaped."""
    receiver = Receiver(world)
    server = Server(world, receiver, 'meanwhile')
    server.lose('none')  # so that there is an uploader
    world.until('there was an uploader', world.uploaders)
    world.until('it listened', world.listening)
    first = world.uploaders()
    for uploader in first:
        os.kill(uploader, signal.SIGSTOP)
    pid = server.lose('+abort')
    for uploader in first:
        os.kill(uploader, signal.SIGCONT)
    if keeps_statuses():
        event = server.arrived(pid)
        expect(tags(event).get('signal') == 'SIGABRT', f'{tags(event)}')
        exact(server, event)
    server.end()
    world.quiet()
    got = sums(receiver.files('heap.pprof'))
    expect(got[0] == 2 * server.kept, f'{got} of twice {server.kept} blocks')
    receiver.stop()


def crowd(world, many=200):
    """Two hundred die within a moment: a few parcels, and each of them is counted, once."""
    receiver = Receiver(world)
    world.deadline += 120
    server = Server(world, receiver, 'crowd')
    began = time.monotonic()
    server.tell(str(many))
    server.said('crowd')
    server.end()
    world.quiet()
    took = time.monotonic() - began
    events = server.events()
    expect(len(events) <= 3 + took / 5, f'{len(events)} parcels in {took:.0f} s')
    ended = {}
    for event in events:
        for how, n in event['info']['profiler']['ended'].items():
            ended[how] = ended.get(how, 0) + n
    got = sums(receiver.files('heap.pprof'))
    expect(got[0] == many * server.kept, f'{got} of {many} times {server.kept} blocks')
    unknown = ended.pop('unknown', 0)
    expect(not unknown or not keeps_statuses(), f'of {unknown} it does not say how they ended')
    ended.pop('exit status 0')
    expect(sum(ended.values()) + unknown == many and set(ended) <= {'SIGABRT', 'SIGKILL'}, f'{ended} {unknown}')
    receiver.stop()


def alone(world):
    """conprof run: its own last line, its own way to end, and nobody else's profile."""
    path = os.path.join(world.dir, 'profiles')
    binary = os.path.join(world.build, 'run', 'dying')
    settings = dict(SETTINGS, CONPROF_AGENT_SOCKET='dir://' + path)
    for way, status, word in (('segv', -signal.SIGSEGV, 'SIGSEGV'), ('exit3', 3, 'exit status 3'), ('exit4', 4, 'exit status 4')):
        ended = world.run([os.path.join(world.build, 'conprof'), 'run', '--', binary, way], settings, preload=False)
        expect(ended.status == status, f'{way}: {ended.status}')
        line = b'conprof: the program was ended by ' + word.encode()
        expect((line in ended.err) == (status < 0), f'{way}: {ended.err!r}')
        files = [os.path.join(path, f) for f in sorted(os.listdir(path)) if f.endswith('.heap.pprof')]
        comments = tool(['-comments', files[-1]])
        verb = 'by' if status < 0 else 'with'
        expect(f' ended {verb} {word} at 20' in comments, f'{way}: {comments}')
        for f in os.listdir(path):
            os.unlink(os.path.join(path, f))
    world.quiet()


def turns(pid):
    """How often a process's first thread has gone to sleep."""
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
        return int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', f.read(), re.M)[1])


def out_of_memory(world):
    """The kernel ends the one that eats; another of the same cgroup, killed later, is no such."""
    size = 192 << 20
    folder = cgroup(world, size)
    if not folder:
        raise Skipped('no memory cgroup can be made here')

    def enter():
        with open(os.path.join(folder, 'cgroup.procs'), 'w', encoding='ascii') as f:
            f.write(str(os.getpid()))

    receiver = Receiver(world)
    try:
        # Of what is eaten not every one is a sample: what the profiler takes is in the cgroup, too. Of
        # the other's each is: who dies without an event has slept (doc/why/005), and nobody tells of it.
        few = {'CONPROF_HEAP_SAMPLE_INTERVAL': '65536'}
        eater = Server(world, receiver, 'eater', settings=few, preexec_fn=enter)
        other = Server(world, receiver, 'other', preexec_fn=enter)
        pid = eater.lose('eat')
        said = tags(eater.arrived(pid))
        expect(said.get('signal') == 'SIGKILL' and said.get('oom') == 'true', f'{said}')
        heap, = eater.heap(eater.of(pid))
        eaten = Profile(heap).sum('inuse_space', 'eat')
        expect(0.5 * size < eaten < 1.2 * size, f'{eaten} bytes were in use, of {size}')
        # The kernel may have ended a second one here that nobody recorded; whose end it was is told
        # by the counter alone, and only for 5 s after an uploader has seen it (doc/why/024), as each
        # does once a second when it has a turn.
        time.sleep(1)
        before = {pid: turns(pid) for pid in world.uploaders()}
        world.until('each uploader had looked', lambda: all(turns(pid) >= n + 2 for pid, n in before.items()))
        time.sleep(5.1)
        killed = other.lose('kill')
        said = tags(other.arrived(killed))
        expect(said.get('signal') == 'SIGKILL' and 'oom' not in said, f'{said}')
        eater.end()
        other.end()
        world.quiet()
    finally:
        clear(folder)
    receiver.stop()


def tests(_build):
    for function in (signals, meanwhile, crowd, alone, out_of_memory):
        yield 'deaths_' + function.__name__, True, function
