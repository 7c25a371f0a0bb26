# world.py - one test's own world: folder, home, spool, processes; and a deadline for all of it.
# SPDX-License-Identifier: MIT
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time


class Failed(Exception):
    """The test has found something wrong; the text says what."""


class Skipped(Exception):
    """This machine cannot run the test; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


class Ended:
    """A target that has ended: status as subprocess gives it, output and errors as bytes."""

    def __init__(self, pid, status, out, err):
        self.pid, self.status, self.out, self.err = pid, status, out, err

    def printed(self):
        """The 'name number' lines of its output."""
        pairs = {}
        for line in self.out.decode('utf-8', 'replace').splitlines():
            words = line.split()
            if len(words) == 2 and words[1].isdigit():
                pairs[words[0]] = int(words[1])
        return pairs


def stalled():
    """The seconds in which somebody has waited for a processor, as the kernel counts them; 0.0 where it does not."""
    try:
        with open('/proc/pressure/cpu', encoding='ascii') as f:
            return int(f.readline().rpartition('total=')[2]) / 1e6
    except (OSError, ValueError):
        return 0.0


class World:
    """Every process of a world has its HOME in the environment: the uploader, which is started by
    the library and belongs to nobody's children, is found and ended by that."""

    def __init__(self, name, build, seconds=60):
        self.name, self.build = name, os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix='cpt-')
        os.chmod(self.dir, 0o755)
        self.home = os.path.join(self.dir, 'home')
        self.spool = os.path.join(self.dir, 'spool')
        self.log = os.path.join(self.dir, 'log')
        os.mkdir(self.home)
        os.mkdir(self.spool)
        self.deadline = time.monotonic() + seconds
        self.stalled = stalled()
        self.helpers = []  # receivers: ended with the world
        self.children = []

    def rest(self):
        """The seconds until the deadline, which is there for what hangs and measures no speed: one in
        which somebody waits for a processor counts a quarter."""
        return self.deadline + 0.75 * (stalled() - self.stalled) - time.monotonic()

    def left(self):
        seconds = self.rest()
        if seconds <= 0:
            raise Failed('took too long' + self.last_log())
        return seconds

    @contextlib.contextmanager
    def aside(self):
        """What takes no time of the test's: making what it needs, for which there are ten minutes."""
        began, deadline = time.monotonic(), self.deadline
        self.deadline = began + 600
        try:
            yield
        finally:
            self.deadline = deadline + time.monotonic() - began

    def until(self, what, condition):
        """Waits for the condition; what says in words what was waited for."""
        while not condition():
            if self.rest() <= 0:
                raise Failed('waited in vain until ' + what + self.last_log())
            time.sleep(0.02)

    def env(self, settings=(), preload=True):
        env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': self.home, 'LC_ALL': 'C',
               'CONPROF_SPOOL_DIR': self.spool, 'CONPROF_LOG_FILE': self.log,
               'CONPROF_LOG_LEVEL': '3'}
        if preload:
            env['LD_PRELOAD'] = os.path.join(self.build, 'libconprof.so')
        for name, value in dict(settings).items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        return env

    def start(self, argv, settings=(), preload=True, **more):
        more.setdefault('stdin', subprocess.PIPE)
        child = subprocess.Popen(argv, env=self.env(settings, preload), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, cwd=more.pop('cwd', self.dir),
                                 start_new_session=True, **more)
        self.children.append(child)
        return child

    def finish(self, child):
        while True:
            try:
                out, err = child.communicate(timeout=min(5, self.left()))
                break
            except subprocess.TimeoutExpired:
                if self.rest() <= 0:
                    raise Failed('the target did not end' + self.last_log() + self.stacks()) from None
        return Ended(child.pid, child.returncode, out, err)

    def run(self, argv, settings=(), preload=True, **more):
        return self.finish(self.start(argv, settings, preload, **more))

    def processes(self):
        """(pid, path of the program) of everything that lives in this world."""
        found = []
        mark = b'HOME=' + os.fsencode(self.home)
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    if mark in f.read().split(b'\0'):
                        found.append((int(pid), os.readlink(f'/proc/{pid}/exe')))
            except OSError:
                pass
        return found

    def uploaders(self):
        return [pid for pid, exe in self.processes()
                if os.path.basename(exe.split(' ')[0]) == 'conprof']

    def listening(self):
        """Which uploaders of this world answer at their rendezvous."""
        with open('/proc/net/unix', encoding='ascii', errors='replace') as f:
            rows = [line.split() for line in f]
        doors = {f'socket:[{row[6]}]' for row in rows
                 if len(row) == 8 and row[7].startswith('@conprof-') and row[3] == '00010000'}
        found = []
        for pid in self.uploaders():
            try:
                fds = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
            except OSError:  # it ends, or closes one, just now
                continue
            if doors.intersection(fds):
                found.append(pid)
        return found

    def status(self):
        """The lines of `conprof status` of each of this world's uploaders, as dictionaries. It tells of all
        that there are on the machine: not of those who are too busy to answer soon, who are asked again."""
        while True:
            said = subprocess.run([os.path.join(self.build, 'conprof'), 'status', '--json'],
                                  env=self.env(preload=False), stdout=subprocess.PIPE, check=False).stdout
            there = set(self.uploaders())
            ours = [lines for lines in json.loads(said or '[]') if lines and int(lines[0].get('pid', 0)) in there and
                    lines[0].get('answers') != 'no']
            if there.intersection(self.listening()) <= {int(lines[0]['pid']) for lines in ours}:
                return ours
            self.left()

    def quiet(self):
        """Waits until the uploader has delivered or spooled everything and is gone."""
        self.until('the uploader had left', lambda: not self.uploaders())

    def stacks(self):
        """Where each thread of this world's programs hangs, as gdb sees it; on stdout, for a person."""
        gdb = shutil.which('gdb')
        seen = ''
        for pid, exe in self.processes() if gdb else ():
            try:
                shown = subprocess.run(
                    [gdb, '-q', '-batch', '-nx', '-ex', 'set debuginfod enabled off', '-ex',
                     'thread apply all backtrace 40', '-p', str(pid)],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=30).stdout
            except subprocess.TimeoutExpired:
                continue
            frames = [line for line in shown.decode('utf-8', 'replace').splitlines()
                      if line.startswith(('#', 'Thread'))]
            seen += f'-- {self.name}: {pid} {exe}\n' + '\n'.join(frames) + '\n'
        print(seen, end='', flush=True)
        return '; its stacks are above' if seen else ''

    def last_log(self):
        try:
            with open(self.log, encoding='utf-8', errors='replace') as f:
                lines = f.read().splitlines()
            return '; log: ' + ' | '.join(lines[-3:]) if lines else ''
        except OSError:
            return ''

    def close(self, keep):
        for helper in self.helpers:
            helper.kill()
        for _ in range(50):
            rest = self.processes()
            for pid, _ in rest:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not rest:
                break
            time.sleep(0.02)
        for child in self.children:
            # Its session is its own: what it left behind goes with it, whatever its environment says.
            if child.poll() is None:
                child.kill()
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                pass
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)
