# real.py - a real program lives three times: without us, with us, and with us at full speed.
# SPDX-License-Identifier: MIT
#
# A test of a real program is a function `life(run)`: it starts the program by `run`, gives it its
# real load, ends it, and returns {what: text} of all that must be the same: answers, statuses,
# what it wrote, how it looks from outside. `thrice(world, life, ...)` lives it in each of MODES,
# compares, and then asks the receiver whether the program was really profiled meanwhile.
import glob
import os
import pwd
import re
import shutil
import signal
import time

from pprof import Profile
from receiver import Receiver
from same import calm, differ, outside, steady
from world import Failed, expect

# Name, whether with the library, settings. The second as users have it, but for the period: what it
# says on stderr there is compared, so the log goes where it goes by default.
MODES = (
    ('without', False, {}),
    ('default', True, {'CONPROF_PERIOD': '2', 'CONPROF_LOG_FILE': None, 'CONPROF_LOG_LEVEL': None}),
    ('sharp', True, {'CONPROF_PERIOD': '1', 'CONPROF_LOG_LEVEL': None, 'CONPROF_CPU_PROFILERATE': '1000',
                     'CONPROF_HEAP_SAMPLE_INTERVAL': '4096'}),
)
# The six dimensions, each by its type in a profile and the file it comes in.
DIMENSIONS = {'cpu': 'cpu.pprof', 'alloc_objects': 'delta-heap.pprof',
              'alloc_space': 'delta-heap.pprof', 'inuse_objects': 'delta-heap.pprof',
              'inuse_space': 'delta-heap.pprof', 'goroutine': 'goroutines.pprof'}
# At 512 KiB on average a small program has no heap samples in some runs: they are asked for in
# `sharp` alone.
CERTAIN = ('cpu', 'goroutine')


class Run:
    """One of the three: a folder of its own (always of the same name), settings, a receiver.
    With `user`, a name, all of it belongs to that user when the tests run as root."""

    def __init__(self, world, mode, user=None):
        self.world = world
        self.name, self.preload, self.settings = mode
        self.user = pwd.getpwnam(user) if user and os.geteuid() == 0 else None
        self.cwd = self.folder('here')
        self.settings = dict(self.settings, LD_PRELOAD=self.installed() if self.preload else None)
        self.receiver = Receiver(world, 'tcp://127.0.0.1:0', name='agent-' + self.name)
        self.settings['CONPROF_AGENT_SOCKET'] = self.receiver.url
        self.settings['CONPROF_SPOOL_DIR'] = self.folder('spool-' + self.name)
        self.busy = []  # sets of processes: of each, one at least must have CPU samples

    def installed(self):
        """Both files where any user can read them: the build may lie in somebody's home."""
        place = os.path.join(self.world.dir, 'lib')
        os.makedirs(place, exist_ok=True)
        for name in ('libconprof.so', 'conprof'):
            shutil.copy2(os.path.join(self.world.build, name), place)
        return os.path.join(place, 'libconprof.so')

    def own(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path

    def folder(self, name):
        """An empty folder of the program's own, in the world."""
        path = os.path.join(self.world.dir, name)
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o755)
        return self.own(path)

    def write(self, name, text, mode=0o644):
        """A file in the program's folder; its path."""
        path = os.path.join(self.cwd, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, mode)
        return self.own(path)

    def read(self, name):
        with open(os.path.join(self.cwd, name), encoding='utf-8', errors='surrogateescape') as f:
            return f.read()

    def start(self, argv, settings=(), **more):
        """Starts it: with the library if this run is with it, unless preload=False is given."""
        if self.user:
            more = dict({'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []},
                        **more)
        more.setdefault('cwd', self.cwd)
        preload = more.pop('preload', self.preload)
        env = dict(self.settings, **dict(settings))
        return self.world.start(argv, dict(env, LD_PRELOAD=env['LD_PRELOAD'] if preload else None),
                                preload, **more)

    def run(self, argv, settings=(), **more):
        """Runs it to its end: an Ended, with status, out and err."""
        more.setdefault('stdin', open(os.devnull, 'rb'))
        with more['stdin']:
            return self.world.finish(self.start(argv, settings, **more))

    def tool(self, argv, **more):
        """Runs a tool of the test's own, without the library; its output."""
        ended = self.run(argv, preload=False, **more)
        expect(ended.status == 0, f'{self.name}: {os.path.basename(argv[0])} ended with '
               f'{ended.status}: {ended.out[-300:]!r} {ended.err[-300:]!r}')
        return ended.out.decode('utf-8', 'replace')

    def view(self, *pids):
        """How processes at rest look from outside."""
        return calm(self.world, lambda: '\n--\n'.join(map(seen, pids)))

    def until(self, what, condition):
        self.world.until(f'{self.name}: {what}', condition)

    def gone(self, pid):
        self.until(f'process {pid} was gone', lambda: not alive(pid))

    def close(self):
        """Everything that this run has started must have ended by now, the uploader in a moment."""
        rest = [p for p in within(self.world)
                if os.path.basename(exe(p)) not in ('conprof', 'receiver', '')]
        expect(not rest, f'{self.name}: left behind: ' + ', '.join(exe(p) for p in rest))
        self.world.quiet()
        self.receiver.stop()

    def profiled(self, service, dimensions):
        """That the uploads for this program have something in each of these dimensions."""
        files = {}
        for suffix in set(DIMENSIONS.values()):
            found = [f for f in self.receiver.files(suffix) if f'-{service}-' in os.path.basename(f)]
            expect(found, f'{self.name}: no {suffix} of {service} has come, but of '
                   f'{sorted({r["service"] for r in self.receiver.requests()})}')
            files[suffix] = found
        for kind in dimensions:
            # The last is usually the fullest; one that has something is enough.
            expect(any(Profile(f).sum(kind) > 0 for f in reversed(files[DIMENSIONS[kind]])),
                   f'{self.name}: nothing of {service} in {kind}')
        pids = self.sampled(service) if self.busy else set()
        for some in self.busy:
            expect(pids & set(some), f'{self.name}: no CPU time of {some}, but of {pids}')


    def sampled(self, service):
        """The processes of the program that have CPU samples."""
        return {sample.pid() for file in self.receiver.files('cpu.pprof')
                if f'-{service}-' in os.path.basename(file) for sample in Profile(file).samples}


def exe(pid):
    try:
        return os.readlink(f'/proc/{pid}/exe').split(' ')[0]
    except OSError:
        return ''


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def within(world):
    """All processes that have to do with the world's folder: servers write over their environment,
    become daemons and change their session, so they are known by where they are and what they read."""
    mine = {pid for pid, _ in world.processes()}
    for pid in map(int, filter(str.isdigit, os.listdir('/proc'))):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read()
            places = [os.readlink(f'/proc/{pid}/{link}') for link in ('cwd', 'exe')]
        except OSError:
            continue
        if pid != os.getpid() and (os.fsencode(world.dir) in words or
                                   any(p.startswith(world.dir + '/') for p in places)):
            mine.add(pid)
    return [pid for pid in mine if alive(pid)]


class Strays:
    """One of a world's helpers: at its end, whatever is within it is ended."""

    def __init__(self, world):
        self.world = world

    def kill(self):
        for _ in range(20):
            rest = within(self.world)
            for pid in rest:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not rest:
                return
            time.sleep(0.05)


def plain(data, *patterns):
    """Text with what varies in any case taken out: numbers of sockets, our settings, and patterns."""
    text = steady(data if isinstance(data, bytes) else data.encode('utf-8', 'surrogateescape'))
    for pattern, instead in patterns:
        text = re.sub(pattern, instead, text, flags=re.M)
    return re.sub(r'^(b\')?CONPROF_\w+=.*\n', '', text, flags=re.M)


def seen(pid):
    return plain(outside(pid))


def descendants(pid):
    """The process and all below it, parents before children."""
    found = [pid]
    for parent in found:
        for task in glob.glob(f'/proc/{parent}/task/*/children'):
            try:
                with open(task, encoding='ascii') as f:
                    found += map(int, f.read().split())
            except OSError:
                pass
    return found


def thrice(world, life, service=None, user=None, needs=tuple(DIMENSIONS), certain=CERTAIN,
           seconds=150):
    """Lives `life` in each mode; what it returns must be equal. If `service` is given, the uploads
    for that program must have something of `needs` at full speed, and of `certain` by default."""
    world.deadline = time.monotonic() + seconds
    world.helpers.insert(0, Strays(world))
    first = None
    for mode in MODES:
        run = Run(world, mode, user)
        try:
            result = life(run)
        except Failed as e:
            raise Failed(f'{mode[0]}: {e}') from None
        run.close()
        if first is None:
            first = result
        expect(list(first) == list(result), f'{mode[0]}: {list(result)} instead of {list(first)}')
        for what, text in result.items():
            differ(first[what], text, f'{mode[0]}: {what}')
        if service and run.preload:
            run.profiled(service, needs if mode[0] == 'sharp' else certain)


def command(world, argv, service=None, files=(), change=(), **more):
    """A program that runs to its end: status, output and errors. `files` are {name: text} in its
    folder, `change` are patterns for `plain`."""
    def life(run):
        for name, text in dict(files).items():
            run.write(name, text, 0o755)
        ended = run.run(argv)
        return {'status': str(ended.status), 'out': plain(ended.out, *change),
                'err': plain(ended.err, *change)}
    thrice(world, life, service, **more)
