# program.py - conprof as a person types it: run, status, help, and mistakes.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import shutil
import signal
import subprocess

from delivery import SHARP, near, spooled, unharmed
from receiver import Receiver, check_files
from world import Skipped, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def conprof(world, *args, settings=()):
    return world.run([os.path.join(world.build, 'conprof')] + list(args), settings, preload=False)


def run(world):
    """The app's own output and status; when the command is back, the profiles are there."""
    path = os.path.join(world.dir, 'profiles')
    binary = os.path.join(world.build, 'run', 'worker')
    ended = conprof(world, 'run', '--', binary,
                    settings=dict(SHARP, CONPROF_AGENT_SOCKET='dir://' + path))
    expect(ended.status == 3, f'it ended with {ended.status}: {ended.err[-300:]!r}')
    files = sorted(glob.glob(os.path.join(path, '*.pprof')))
    check_files(world, files)
    near(world, [f for f in files if 'heap' in f], ended.printed()['burst_bytes'], 'in the folder')
    expect(path.encode() in ended.err, f'it does not say where: {ended.err!r}')
    world.quiet()


def run_bare(world):
    """With nothing set, it says where in the spool they are."""
    ended = conprof(world, 'run', '--', os.path.join(world.build, 'run', 'worker'))
    expect(ended.status == 3, f'it ended with {ended.status}: {ended.err[-300:]!r}')
    expect(len(spooled(world, '.pprof')) == 3, f'the spool holds {os.listdir(world.spool)}')
    expect(world.spool.encode() in ended.err, f'it does not say where: {ended.err!r}')
    if not os.path.exists('/var/run/blackfire/agent.sock'):
        expect(b'there is no agent at unix:///var/run/blackfire/agent.sock' in ended.err,
               f'it does not say why: {ended.err!r}')


def run_twice(world):
    """The same uploader serves both: the second says where its own profiles are, and no others.
    Where they cannot go, it says why."""
    path = os.path.join(world.dir, 'file')
    with open(path, 'w', encoding='ascii'):
        pass
    said = []
    for _ in range(2):
        ended = conprof(world, 'run', '--output', path, '--', os.path.join(world.build, 'run', 'worker'))
        expect(b'the uploader says: ' in ended.err and b'Not a directory' in ended.err,
               f'it does not say why: {ended.err!r}')
        said.append(set(re.findall(rb'/([^/]*)\.cpu\.pprof', ended.err)))
    expect(said[0] and said[1] and not said[0] & said[1], f'the second says {said[1]}')


def run_lost(world):
    """No agent and no spool: they are lost, and nothing else is promised."""
    ended = conprof(world, 'run', '--agent=http://127.0.0.1:1', '--spool-max-bytes=0', '--symbol-cache-bytes=0', '--',
                    os.path.join(world.build, 'run', 'worker'))
    expect(ended.status == 3 and b'conprof: profiles dropped: ' in ended.err and b'are lost' in ended.err,
           f'{ended.status} {ended.err!r}')
    expect(b'sent later' not in ended.err + world.last_log().encode(), f'{ended.err!r} {world.last_log()}')


def run_killed(world):
    """The app dies of a signal: the command says so as a shell would."""
    ended = conprof(world, 'run', '--', '/bin/sh', '-c', 'kill -9 $$')
    expect(ended.status in (137, -9), f'it ended with {ended.status}')
    world.quiet()


def run_missing(world):
    ended = conprof(world, 'run', '--', '/no/such/program')
    expect(ended.status == 127, f'it ended with {ended.status}')
    expect(b'/no/such/program' in ended.err and ended.err.count(b'\n') == 1, f'{ended.err!r}')


def run_torn(world):
    """LD_PRELOAD would be taken apart at a blank: the loader's own complaint would be about its pieces."""
    place = os.path.join(world.dir, 'a place')
    os.mkdir(place)
    for name in ('conprof', 'libconprof.so'):
        shutil.copy(os.path.join(world.build, name), place)
    done = subprocess.run([os.path.join(place, 'conprof'), 'run', '/bin/true'], stderr=subprocess.PIPE,
                          timeout=world.left(), check=False)
    expect(done.returncode == 1 and b'a place/libconprof.so' in done.stderr and done.stderr.count(b'\n') == 1,
           f'{done.returncode} {done.stderr!r}')


def run_passes_signals(world):
    """SIGTERM to the command reaches the app, whose status it then has."""
    child = world.start([os.path.join(world.build, 'conprof'), 'run', '--', '/bin/sh', '-c',
                         'trap "echo got it; exit 5" TERM; echo ready; '
                         'while :; do sleep 0.05; done'], preload=False)
    expect(child.stdout.readline() == b'ready\n', 'the app did not start')
    os.kill(child.pid, signal.SIGTERM)
    ended = world.finish(child)
    expect(ended.status == 5 and b'got it' in ended.out, f'{ended.status} {ended.out!r}')


def status(world):
    """What is being profiled, while it is; and that nothing is, when nothing is."""
    receiver = Receiver(world)
    settings = dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url)
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'], settings)
    world.until('there was an uploader', world.uploaders)

    def shown():
        ended = conprof(world, 'status', settings=settings)
        line = re.search(rb'process pid=%d .*' % child.pid, ended.out)
        if ended.status != 0 or b'worker' not in ended.out or not line:
            return False
        # How full its tables are, and the unwinder's cache.
        full = re.search(rb' stacks=(\d+)/(\d+) words=(\d+)/(\d+) renewals=0 rules_kib=(\d+) state=running rate=\d+$',
                         line[0])
        expect(full, f'{line[0]!r}')
        stacks, stacks_max, words, words_max, rules = map(int, full.groups())
        expect(stacks <= stacks_max and stacks <= words <= words_max and 16 <= rules <= 256, f'{line[0]!r}')
        return stacks > 0

    world.until(f'status showed worker {child.pid}', shown)
    child.stdin.close()
    child.stdin = None
    unharmed(world.finish(child))
    world.quiet()
    ended = conprof(world, 'status', settings=settings)
    expect(world.spool.encode() not in ended.out, f'it still shows what was there: {ended.out!r}')
    receiver.stop()


def full(world):
    """What cannot be written is a line and a status, also where the first of it fails already."""
    for words in (['-h'], ['--version'], ['status', '--json'], ['run', '--output', '', '/bin/true']):
        with open('/dev/full', 'wb') as full_disk:
            done = subprocess.run([os.path.join(world.build, 'conprof'), *words], stdout=full_disk,
                                  stderr=subprocess.PIPE, timeout=world.left(), check=False)
        expect(done.returncode in (1, 2) and done.stderr.count(b'\n') == 1,
               f'{words}: {done.returncode} {done.stderr!r}')


def sleepers(world):
    """Beside another: who has no event is seen while it lives, and leaves nothing when it is over at once."""
    settings = dict(CONPROF_PROFILE_TYPES='goroutine', CONPROF_SPOOL_DIR=world.spool)
    first = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'], settings)

    def line_of(key, value):
        return next((line for lines in world.status() for line in lines if line.get(key) == value), {})

    world.until('there was an uploader', lambda: line_of('pid', str(first.pid)))
    for _ in range(20):
        world.run(['/bin/true'], settings)
    sleeper = world.start(['/bin/sleep', '60'], settings)
    number = str(sleeper.pid)
    world.until('the sleeper was seen', lambda: line_of('pid', number))
    expect(line_of('pid', number).get('threads') == '1', f'{line_of("pid", number)}')
    expect(not line_of('name', 'true'), f'they were seen: {line_of("name", "true")}')
    sleeper.kill()
    world.finish(sleeper)
    world.until('its end was seen', lambda: line_of('pid', number).get('kind') == 'ended')
    first.stdin.close()
    first.stdin = None
    unharmed(world.finish(first))
    world.quiet()


def words(world):
    """Help goes to stdout; a mistake is one line on stderr and status 2."""
    for args in (['-h'], ['--help'], ['run', '-h'], ['flame', '--help']):
        ended = conprof(world, *args)
        expect(ended.status == 0 and b'conprof' in ended.out and not ended.err,
               f'{args}: {ended.status} {ended.err!r}')
    for args in ([], ['dance'], ['--dance'], ['run'], ['run', '--'], ['run', '--dance', '--', 'x'],
                 ['status', 'dance']):
        ended = conprof(world, *args)
        expect(ended.status == 2 and b'conprof' in ended.err and not ended.out,
               f'{args}: {ended.status} {ended.out!r} {ended.err!r}')
        expect(ended.err.count(b'\n') <= 2, f'{args}: {ended.err!r}')
    for args, what in ((['top', '-d', '0'], b'0.1 to 60'), (['top', '-z'], b'no such option'),
                       (['top', '-k'], b'-k: needs a value'), (['top', '--dance'], b'no such option'),
                       (['run', '--wait'], b'needs a value'), (['flame', '/'], b'is a folder')):
        ended = conprof(world, *args)
        expect(ended.status in (1, 2) and what in ended.err, f'{args}: {ended.status} {ended.err!r}')


def uploader_by_hand(world):
    """Started by a person, without the socket it expects: it waits a moment and goes; a name that
    is none is one line."""
    ended = conprof(world, 'uploader', 'conprof-0123456789abcdef')
    expect(ended.status == 0, f'{ended.status} {ended.err!r}')
    for args in (['uploader'], ['uploader', '../x'], ['uploader', 'conprof-0123456789abcdeg']):
        ended = conprof(world, *args)
        expect(ended.status in (1, 2) and ended.err.count(b'\n') == 1,
               f'{args}: {ended.status} {ended.err!r}')


def man_pages(world):
    """The formatter has nothing to say about the pages, and each fits a terminal."""
    if not shutil.which('groff'):
        raise Skipped('there is no groff')
    pages = glob.glob(os.path.join(ROOT, 'doc', 'man', '*'))
    expect(len(pages) == 3, f'pages: {pages}')
    for page in pages:
        done = subprocess.run(['groff', '-man', '-ww', '-Tutf8', '-rLL=80n', page], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=world.left(), check=False)
        expect(done.returncode == 0 and not done.stderr, f'{page}: {done.stderr[:300]!r}')
        expect(done.stdout.count(b'\n') > 50, f'{page}: {len(done.stdout)} bytes')


def tests(_build):
    for function in (run, run_bare, run_killed, run_missing, run_torn, run_passes_signals, status, sleepers, words,
                     full, uploader_by_hand):
        yield 'program_' + function.__name__, False, function
    yield 'program_run_twice', True, run_twice
    yield 'program_run_lost', True, run_lost
    yield 'program_man_pages', True, man_pages
