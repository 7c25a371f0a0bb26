# settings.py - bad input: the target's result is unchanged, and one clear line says what is used.
# SPDX-License-Identifier: MIT
import os
import re
import shutil

from delivery import SHARP, spooled
from receiver import Receiver
from world import Skipped, expect

EMPTY, ZERO, NEGATIVE, HUGE, GARBAGE = '', '0', '-1', '9' * 30, 'x\x01\xff,;= %s%n'
ALL = [EMPTY, ZERO, NEGATIVE, HUGE, GARBAGE]
# Values of each setting that must be refused, besides those that every number refuses.
NUMBER = [NEGATIVE, HUGE, GARBAGE, '45s', ' 45', '4.5', '+45', '0x10']
REFUSED = {
    'CONPROF_AGENT_SOCKET': [ZERO, NEGATIVE, HUGE, GARBAGE, '/no/scheme', 'unix://', 'ftp://x',
                             'tcp://host', 'tcp://host:99999', 'unix://relative'],
    'CONPROF_PERIOD': NUMBER + [ZERO],
    'CONPROF_CPU_DURATION': NUMBER + [ZERO],
    'CONPROF_CPU_PROFILERATE': NUMBER + [ZERO, '1000000000'],
    'CONPROF_HEAP_SAMPLE_INTERVAL': NUMBER,
    'CONPROF_UPLOAD_TIMEOUT': NUMBER + [ZERO],
    'CONPROF_LOG_LEVEL': [ZERO, NEGATIVE, HUGE, GARBAGE, 'debug'],
    'CONPROF_ENABLED': NUMBER + ['2'],
    'CONPROF_SPOOL_MAX_BYTES': NUMBER,
    'CONPROF_SYMBOL_CACHE_MAX_BYTES': NUMBER,
    'CONPROF_EXIT_WAIT': NUMBER,
    'CONPROF_PROFILE_TYPES': [ZERO, NEGATIVE, HUGE, GARBAGE, 'cpu,mutex'],
    'CONPROF_CPU_TIMER': [ZERO, NEGATIVE, HUGE, GARBAGE, 'Auto'],
    'CONPROF_UNWINDER': [ZERO, NEGATIVE, HUGE, GARBAGE],
    'CONPROF_DEMANGLE': [ZERO, NEGATIVE, HUGE, GARBAGE],
    'CONPROF_LISTEN_ANYWHERE': NUMBER + ['2'],
    'CONPROF_SAMPLE_LABELS': [ZERO, NEGATIVE, HUGE, GARBAGE, 'tid,name'],
    'CONPROF_LABELS': [ZERO, NEGATIVE, HUGE, GARBAGE, 'novalue:', ':nokey'],
    'CONPROF_LOG_FILE': [ZERO, NEGATIVE, HUGE, GARBAGE, 'relative'],
    'CONPROF_SPOOL_DIR': [ZERO, NEGATIVE, HUGE, GARBAGE, 'relative'],
    'CONPROF_DEBUG_DIRS': [ZERO, NEGATIVE, HUGE, GARBAGE, 'relative', '/a:relative'],
    'BLACKFIRE_CONPROF_PERIOD': NUMBER + [ZERO],
    'BLACKFIRE_CONPROF_CPU_DURATION': NUMBER + [ZERO],
    'BLACKFIRE_CONPROF_CPU_PROFILERATE': NUMBER + [ZERO],
    'BLACKFIRE_CONPROF_UPLOAD_TIMEOUT': NUMBER + [ZERO],
    'BLACKFIRE_AGENT_SOCKET': [ZERO, NEGATIVE, HUGE, GARBAGE, '/no/scheme', 'tcp://host'],
    'BLACKFIRE_LOG_FILE': [ZERO, NEGATIVE, HUGE, GARBAGE, 'relative'],
    'BLACKFIRE_LOG_LEVEL': [ZERO, NEGATIVE, HUGE, GARBAGE],
}
# Any text will do for these: nothing may be said about it, except about what cannot be printed.
TEXT = ['CONPROF_SERVER_ID', 'CONPROF_SERVER_TOKEN', 'CONPROF_APP_NAME', 'PLATFORM_PROJECT',
        'BLACKFIRE_SERVER_ID', 'BLACKFIRE_SERVER_TOKEN', 'BLACKFIRE_CONPROF_APP_NAME',
        'PLATFORM_APPLICATION_NAME', 'CONPROF_DEBUGINFOD_URLS', 'DEBUGINFOD_URLS']
SCRIPT = ['/bin/sh', '-c', 'echo out; echo err >&2; exit 9']
UNSET = {'CONPROF_LOG_FILE': None, 'CONPROF_LOG_LEVEL': None}


def lines_of(world, settings):
    """Runs a target that must end as always, and returns what we said on its stderr."""
    # Each run is a family of its own: of one family, only the first process tells what is wrong.
    lines_of.families += 1
    other = 'CONPROF_APP_NAME' if 'PLATFORM_PROJECT' in settings else 'PLATFORM_PROJECT'
    env = dict(UNSET, **{other: f'family-{lines_of.families}'})
    ended = world.run(SCRIPT, dict(env, **settings))
    expect(ended.status == 9, f'{settings}: the target ended with {ended.status}')
    expect(ended.out == b'out\n', f'{settings}: the target wrote {ended.out!r}')
    text = ended.err.decode('utf-8', 'surrogateescape')
    expect(text.endswith('err\n'), f'{settings}: stderr is {text[:300]!r}')
    return text[:-len('err\n')].splitlines()


lines_of.families = 0


def told_once(world):
    """A shell and its twenty commands: the mistake is told once, not by each."""
    script = 'read go; i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done; echo err >&2'
    child = world.start(['/bin/sh', '-c', script], dict(UNSET, CONPROF_PERIOD='soon'))
    world.until('the uploader listened', lambda: world.listening())
    child.stdin.write(b'go\n')
    child.stdin.flush()
    ended = world.finish(child)
    expect(ended.err.count(b'CONPROF_PERIOD') == 1 and ended.err.count(b'\n') == 2,
           f'stderr is {ended.err[:300]!r}')


def shown(name, value):
    """The part of the value that the line must show; a secret is not shown at all."""
    if 'TOKEN' in name:
        return ''
    return re.match(r'[A-Za-z0-9/:.+-]*', value.strip())[0][:20]


def refuses(name, values):
    def test(world):
        for value in values:
            lines = lines_of(world, {name: value})
            expect(len(lines) == 1, f'{name}={value!r}: {len(lines)} lines: {lines[:3]}')
            line = lines[0]
            expect(line.startswith('conprof: ') and name in line and shown(name, value) in line,
                   f'{name}={value!r}: the line does not name it: {line!r}')
            expect(re.search(r'; (using|ignored|left out)', line),
                   f'{name}={value!r}: the line does not say what is used: {line!r}')
            expect(line.isprintable(), f'{name}={value!r}: the line is not clean: {line!r}')
        accept_rest(world, name, [v for v in ALL if v not in values])
    return test


def accept_rest(world, name, values):
    for value in values:
        lines = lines_of(world, {name: value})
        expect(not lines, f'{name}={value!r}: {lines}')


def takes_text(name):
    def test(world):
        accept_rest(world, name, [EMPTY, ZERO, NEGATIVE, HUGE])
        lines = lines_of(world, {name: GARBAGE})
        expect(len(lines) <= 1 and all(name in line for line in lines), f'{name}: {lines}')
        lines = lines_of(world, {name: 'y' * 100000})
        expect(len(lines) == 1 and name in lines[0] and len(lines[0]) < 600,
               f'{name} of 100000 bytes: {[line[:100] for line in lines]}')
    return test


def config_missing(world):
    lines = lines_of(world, {'CONPROF_CONFIG': '/no/such/file'})
    expect(len(lines) == 1 and '/no/such/file' in lines[0], f'{lines}')


def config_default_missing(world):
    """That nobody made an /etc/conprof.conf is no mistake."""
    if os.path.exists('/etc/conprof.conf'):
        raise Skipped('there is an /etc/conprof.conf')
    expect(not lines_of(world, {}), 'something was said without cause')


def config_directory(world):
    lines = lines_of(world, {'CONPROF_CONFIG': world.dir})
    expect(len(lines) == 1 and world.dir in lines[0], f'{lines}')


def config_rewritten(world):
    """Who writes it anew cuts it to nothing first: at that moment a program has just opened it."""
    strace = shutil.which('strace')
    if not strace:
        raise Skipped('there is no strace')
    path = os.path.join(world.dir, 'rewritten.conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write('# so that it has more than a line\n' * 200)
    # half a second passes between what it has of the file and what it makes of that
    child = world.start([strace, '-qq', '-o', '/dev/null', '-P', path, '-e', 'trace=close',
                         '-e', 'inject=close:delay_enter=500000',
                         '-E', 'LD_PRELOAD=' + os.path.join(world.build, 'libconprof.so'),
                         '-E', 'CONPROF_CONFIG=' + path, '/bin/echo', 'out'], preload=False)
    world.until('the file was closed', lambda: is_closing(child.pid, path))
    os.truncate(path, 0)
    ended = world.finish(child)
    expect(ended.status == 0 and ended.out == b'out\n', f'ended with {ended.status}: {ended.err!r}')


def is_closing(tracer, path):
    """Whether a child of this process stands in close() of the file."""
    close = '57' if os.uname().machine == 'aarch64' else '3'
    try:
        with open(f'/proc/{tracer}/task/{tracer}/children', encoding='ascii') as f:
            pids = f.read().split()
        for pid in pids:
            with open(f'/proc/{pid}/syscall', encoding='ascii') as f:
                number, *arguments = f.read().split()
            if number == close and os.readlink(f'/proc/{pid}/fd/{int(arguments[0], 16)}') == path:
                return True
    except (OSError, IndexError):
        pass
    return False


def config_unreadable(world):
    """As another user than root, who can read everything."""
    path = os.path.join(world.dir, 'secret.conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write('CONPROF_PERIOD=7\n')
    os.chmod(path, 0)
    os.chmod(world.spool, 0o777)
    env = dict(UNSET, CONPROF_CONFIG=path)
    ended = world.run(SCRIPT, env, **({'user': 65534} if os.getuid() == 0 else {}))
    lines = ended.err.decode('utf-8', 'replace').splitlines()
    expect(ended.status == 9, f'the target ended with {ended.status}')
    expect(len(lines) == 2 and path in lines[0], f'{lines}')


def config_fifo(world):
    """Opening it must not wait for a writer."""
    path = os.path.join(world.dir, 'fifo')
    os.mkfifo(path)
    lines = lines_of(world, {'CONPROF_CONFIG': path})
    expect(len(lines) == 1 and path in lines[0], f'{lines}')


def log_fifo(world):
    """A log that nobody reads, and a line to be written there: it comes on standard error."""
    path = os.path.join(world.dir, 'log.fifo')
    os.mkfifo(path)
    lines = lines_of(world, {'CONPROF_LOG_FILE': path, 'CONPROF_PERIOD': 'soon'})
    expect(len(lines) == 1 and 'CONPROF_PERIOD' in lines[0], f'{lines}')


def stderr_gone(world):
    """Nobody reads standard error any more, and the program writes nothing there."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = world.run(['/bin/sh', '-c', 'exit 9'], dict(UNSET, CONPROF_PERIOD='soon'),
                      preexec_fn=lambda: os.dup2(writer, 2))
    os.close(writer)
    expect(ended.status == 9, f'the target ended with {ended.status}')


def config_binary(world):
    path = os.path.join(world.dir, 'binary.conf')
    with open(path, 'wb') as f:
        f.write(bytes(range(256)) * 64)
    lines = lines_of(world, {'CONPROF_CONFIG': path})
    expect(1 <= len(lines) <= 21, f'{len(lines)} lines')
    expect(all(line.isprintable() and len(line) < 600 for line in lines), f'{lines[:3]}')


def config_huge(world):
    path = os.path.join(world.dir, 'huge.conf')
    with open(path, 'wb') as f:
        f.truncate(1 << 40)
    lines = lines_of(world, {'CONPROF_CONFIG': path})
    expect(1 <= len(lines) <= 21 and all(line.isprintable() for line in lines),
           f'{len(lines)} lines: {lines[:2]}')


def config_used(world):
    """The file's settings act, the environment wins, comments and quotes are understood, and a
    mistake is told with its line."""
    receiver = Receiver(world, auth='id:from file')
    path = os.path.join(world.dir, 'good.conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'# a comment\n\nCONPROF_AGENT_SOCKET={receiver.url}\n'
                'CONPROF_SERVER_ID=id\nCONPROF_SERVER_TOKEN="from file"\n'
                'CONPROF_LABELS=team:blue,ring:1\nCONPROF_APP_NAME=from file\n'
                'CONPROF_CPU_PROFILERATE=fast\nCONPROF_NONSENSE=1\n')
    lines = lines_of(world, {'CONPROF_CONFIG': path, 'CONPROF_APP_NAME': 'from-environment'})
    expect(len(lines) == 2 and 'CONPROF_CPU_PROFILERATE' in ''.join(lines) and
           'CONPROF_NONSENSE' in ''.join(lines), f'{lines}')
    world.quiet()
    tags = receiver.events()[0]['tags_profiler'].split(',')
    for tag in ('team:blue', 'ring:1', 'application_name:from-environment'):
        expect(tag in tags, f'tag {tag} is not in {tags}')
    receiver.stop()


def events_of(world, settings):
    receiver = Receiver(world)
    ended = world.run([os.path.join(world.build, 'run', 'worker')],
                      dict(SHARP, CONPROF_AGENT_SOCKET=receiver.url, **settings))
    expect(ended.status == 3, f'the target ended with {ended.status}')
    world.quiet()
    events = receiver.events()
    expect(len(events) == 1, f'{len(events)} uploads came' + world.last_log())
    receiver.stop()
    return events[0]


def types(word, attachments):
    def test(world):
        event = events_of(world, {'CONPROF_PROFILE_TYPES': word})
        expect(event['attachments'] == attachments, f'attachments are {event["attachments"]}')
    return test


def labels(world):
    """Good pairs arrive, bad ones are left out, ours are not overridden."""
    event = events_of(world, {'CONPROF_LABELS': 'team:blue,url:http://x:1,process_id:7',
                              'PLATFORM_PROJECT': 'p1', 'CONPROF_LOG_FILE': world.log})
    tags = event['tags_profiler'].split(',')
    for tag in ('team:blue', 'url:http://x:1', 'project_id:p1', 'service:worker'):
        expect(tag in tags, f'tag {tag} is not in {tags}')
    expect('process_id:7' not in tags, 'a label took the place of a tag of ours')


def aliases(world):
    event = events_of(world, {'BLACKFIRE_CONPROF_PERIOD': '50', 'BLACKFIRE_CONPROF_APP_NAME': 'b',
                              'BLACKFIRE_CONPROF_CPU_DURATION': '33', 'CONPROF_PERIOD': '40',
                              'CONPROF_CPU_PROFILERATE': '500',
                              'BLACKFIRE_CONPROF_CPU_PROFILERATE': '50'})
    got = event['info']['profiler']['settings']
    expect((got['profile_period'], got['cpu_duration'], got['cpu_profile_rate']) ==
           ('40s', '33s', 500), f'settings are {got}')
    expect('application_name:b' in event['tags_profiler'].split(','), event['tags_profiler'])


def duration_clamped(world):
    event = events_of(world, {'CONPROF_PERIOD': '20', 'CONPROF_CPU_DURATION': '30'})
    got = event['info']['profiler']['settings']
    expect(got['cpu_duration'] == '20s', f'settings are {got}')


def spool_unusable(world):
    """A spool that cannot be made: told once in the log, and the target runs on."""
    ended = world.run(SCRIPT, {'CONPROF_SPOOL_DIR': '/proc/nowhere'})
    expect((ended.status, ended.out, ended.err) == (9, b'out\n', b'err\n'), f'{ended.__dict__}')
    world.quiet()
    with open(world.log, encoding='utf-8', errors='replace') as f:
        text = f.read()
    expect('/proc/nowhere' in text, f'the log does not name it: {text[-300:]!r}')
    expect(not spooled(world), 'a profile appeared')


def tests(_build):
    for name, values in REFUSED.items():
        yield 'settings_' + name.lower(), False, refuses(name, values)
    for name in TEXT:
        yield 'settings_' + name.lower(), False, takes_text(name)
    for function in (config_missing, config_default_missing, config_directory, config_unreadable,
                     config_fifo, config_binary, config_huge, config_used, labels, aliases,
                     duration_clamped, spool_unusable, told_once, log_fifo, stderr_gone):
        yield 'settings_' + function.__name__, False, function
    yield 'settings_config_rewritten', True, config_rewritten
    yield 'settings_types_cpu', False, types('cpu', ['cpu.pprof'])
    yield 'settings_types_heap', False, types('heap', ['delta-heap.pprof'])
    yield 'settings_types_goroutine', False, types('goroutine', ['goroutines.pprof'])
    yield 'settings_types_two', False, types('goroutine,cpu', ['goroutines.pprof', 'cpu.pprof'])
