# processes.py - what takes a namespace, a user or a mount to be told: first processes, other users.
# SPDX-License-Identifier: MIT
import ctypes
import os
import resource
import shutil
import signal

from delivery import spooled
from same import differ, steady
from world import Skipped, expect

PR_SET_CHILD_SUBREAPER = 36
SHARP = {'CONPROF_CPU_PROFILERATE': '1000', 'CONPROF_HEAP_SAMPLE_INTERVAL': '4096',
         'CONPROF_PERIOD': '1'}


def tool(name):
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    if not path:
        raise Skipped(f'there is no {name}')
    return path


def program(world, name):
    return os.path.join(world.build, 'harm', name)


def root():
    if os.geteuid() != 0:
        raise Skipped('it takes root')


def first_of_namespace(argv, world, preload):
    """The program as process 1 of a pid namespace; what makes it that is not profiled."""
    root()
    what = ['LD_PRELOAD=' + os.path.join(world.build, 'libconprof.so')] if preload else []
    return [tool('unshare'), '--pid', '--fork', '--mount-proc', '--kill-child', tool('env')] + what + argv


def subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def as_process_1(world, argv, settings, preload):
    return world.start(first_of_namespace(argv, world, preload), settings, preload=False)


def as_subreaper(world, argv, settings, preload):
    return world.start(argv, settings, preload=preload, preexec_fn=subreaper)


def reapers(world, start):
    """Waiting for all its children ends, and none of them is a stranger; the profile arrives."""
    argv = [program(world, 'init')]
    plain = world.finish(start(world, argv, SHARP, False))
    ended = world.finish(start(world, argv, SHARP, True))
    expect(plain.status == 7, f'without: {plain.status} {plain.err[-300:]!r}')
    differ(plain.out.decode(), ended.out.decode(), 'out')
    differ(plain.err.decode(), ended.err.decode(), 'err')
    expect(ended.status == 7, f'ended with {ended.status}')
    world.quiet()
    expect(spooled(world, '.cpu.pprof'), 'no profile came' + world.last_log())


def slow_start(world):
    """An uploader that takes its time to listen: the target's children must not start others."""
    library = installed(world, 'conprof')
    path = os.path.join(os.path.dirname(library), 'conprof')
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'#!/bin/sh\nsleep 0.2\nexec {world.build}/conprof "$@"\n')
    os.chmod(path, 0o755)
    plain = world.finish(as_subreaper(world, [program(world, 'init')], SHARP, False))
    child = as_subreaper(world, [program(world, 'init')], dict(SHARP, LD_PRELOAD=library), True)
    differ(plain.out.decode(), world.finish(child).out.decode(), 'out')
    world.quiet()


def field(pid, name):
    """Of its status; nothing if it is no more."""
    try:
        with open(f'/proc/{pid}/status', encoding='utf-8', errors='replace') as f:
            return next(line.split(':', 1)[1].split()[0] for line in f if line.startswith(name + ':'))
    except (FileNotFoundError, ProcessLookupError):
        return ''


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [int(word) for word in f.read().split()]


def keeper(world):
    """It holds nothing of the target's; when the uploader is killed it ends, its body is laid to
    rest when there is another, and the target has seen nothing of it all."""
    child = as_subreaper(world, [program(world, 'init'), '22'], SHARP, True)
    seen = b''
    while seen.count(b'\n') < 3:  # not by readline, which keeps to itself what came with it
        more = os.read(child.stdout.fileno(), 4096)
        expect(more, f'it ended: {seen!r}')
        seen += more
    expect(b'waited for' in seen, f'{seen!r}')
    world.until('it was alone with its keeper',
                lambda: world.uploaders() and len(children(child.pid)) == 1)
    uploader = world.uploaders()[0]
    one = int(field(uploader, 'PPid'))
    expect(field(one, 'Name') == 'conprof-keeper' and int(field(one, 'PPid')) == child.pid,
           f'the parent of the uploader is {field(one, "Name")}')
    world.until('the keeper had closed all', lambda: not os.listdir(f'/proc/{one}/fd'))
    expect(os.readlink(f'/proc/{one}/cwd') == '/', 'it stays in a folder')
    expect(int(field(one, 'VmSize')) < 1024, f'it has {field(one, "VmSize")} KiB')
    expect(not os.path.exists(f'/proc/{one}/environ') or
           not open(f'/proc/{one}/environ', 'rb').read(), 'it has an environment')
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        os.kill(one, number)
    os.kill(uploader, signal.SIGKILL)
    world.until('the keeper had ended', lambda: field(one, 'State') in ('Z', ''))
    world.until('there was another uploader', lambda: world.uploaders() and
                world.uploaders()[0] != uploader)
    another = int(field(world.uploaders()[0], 'PPid'))
    expect(children(child.pid) == [another], f'children: {children(child.pid)}, keeper {another}')
    ended = world.finish(child)
    plain = world.finish(as_subreaper(world, [program(world, 'init')], SHARP, False))
    differ(plain.out.decode(), (seen + ended.out).decode(), 'out')
    expect(ended.status == 7, f'ended with {ended.status}')
    world.quiet()
    world.until('the keeper had ended', lambda: field(another, 'State') in ('Z', ''))


def installed(world, *missing):
    """The library and its companion in a folder that any user may read; the library's path."""
    place = os.path.join(world.dir, 'lib')
    os.makedirs(place)
    for name in ('libconprof.so', 'conprof'):
        if name not in missing:
            shutil.copy2(os.path.join(world.build, name), place)
    return os.path.join(place, 'libconprof.so')


def logged(world):
    try:
        with open(world.log, encoding='utf-8', errors='replace') as f:
            return f.read().splitlines()
    except OSError:
        return []


def stays_out(world, start, says, argv=None):
    """Without an uploader the program runs as it would, and one line says why; at the default level
    none does."""
    argv = argv or [program(world, 'init')]
    silent = {'CONPROF_LOG_LEVEL': None, 'CONPROF_LOG_FILE': None}
    for settings in (SHARP, dict(SHARP, **silent)):
        plain = world.finish(start(argv, dict(settings, LD_PRELOAD=None)))
        ended = world.finish(start(argv, settings))
        expect(ended.status == plain.status, f'{plain.status} without, {ended.status} with')
        differ(steady(plain.out), steady(ended.out), 'out')
        differ(steady(plain.err), steady(ended.err), 'err')
    lines = logged(world)
    expect(len(lines) == 1 and says in lines[0], f'the log says {lines}')
    expect(not world.uploaders() and not os.listdir(world.spool), 'something was recorded')


def not_executable(world):
    library = installed(world)
    os.chmod(os.path.join(os.path.dirname(library), 'conprof'), 0o644)
    stays_out(world, lambda argv, settings: world.start(
        argv, dict({'LD_PRELOAD': library}, **settings)), 'not beside the library')


def no_program(world):
    library = installed(world, 'conprof')
    stays_out(world, lambda argv, settings: world.start(
        argv, dict({'LD_PRELOAD': library}, **settings)), 'not beside the library')


def in_mounts(world, commands):
    """A start in a mount namespace in which these commands were run before."""
    root()
    script = 'set -e; ' + commands + '; exec env -u preload ${preload:+"LD_PRELOAD=$preload"} "$@"'

    def start(argv, settings):
        settings = dict({'preload': ''}, **settings)
        if settings.pop('LD_PRELOAD', '') is not None:
            settings['preload'] = os.path.join(world.dir, 'lib', 'libconprof.so')
        return world.start([tool('unshare'), '--mount', tool('sh'), '-c', script, 'sh'] + argv,
                           dict(settings, LD_PRELOAD=None), preload=False)
    return start


def noexec_mount(world):
    library = installed(world, 'conprof')
    inner = os.path.join(os.path.dirname(library), 'conprof')
    os.mkdir(inner)
    source = os.path.join(world.build, 'conprof')
    stays_out(world, in_mounts(world, f'mount -t tmpfs -o noexec none {inner}; cp {source} {inner}/'),
              'not beside the library')


def hidden(world):
    library = installed(world)
    there = os.path.join(os.path.dirname(library), 'conprof')
    stays_out(world, in_mounts(world, f'mount --bind /dev/null {there}'), 'not beside the library')


def unwilling(world):
    """It may be executed, says the file system, and then it can't be."""
    library = installed(world, 'conprof')
    there = os.path.join(os.path.dirname(library), 'conprof')
    with open(there, 'wb') as f:
        f.write(b'not a program\n')
    os.chmod(there, 0o755)
    stays_out(world, lambda argv, settings: world.start(
        argv, dict({'LD_PRELOAD': library}, **settings)), "can't be reached or started: errno 8")


NOBODY = 65534


def no_more_processes(world):
    """RLIMIT_NPROC is reached: an unprivileged user may have no more processes."""
    root()
    library = installed(world)
    user = 65000 + os.getpid() % 500  # one that nobody else has processes of
    os.chmod(world.dir, 0o777)

    def start(argv, settings):
        return world.start(argv, dict({'LD_PRELOAD': library}, **settings), user=user, group=user,
                           extra_groups=[], preexec_fn=lambda: resource.setrlimit(
                               resource.RLIMIT_NPROC, (0, 0)))
    stays_out(world, start, 'RLIMIT_NPROC', [tool('ls'), '-l', '/usr'])


def deleted(world):
    """conprof is deleted while the target runs, and its uploader killed: the target runs on."""
    library = installed(world)
    child = world.start([program(world, 'init'), '19'], dict(SHARP, LD_PRELOAD=library))
    world.until('there was an uploader', world.uploaders)
    os.unlink(os.path.join(os.path.dirname(library), 'conprof'))
    for pid in world.uploaders():
        os.kill(pid, signal.SIGKILL)
    ended = world.finish(child)
    plain = world.finish(world.start([program(world, 'init')], preload=False))
    differ(plain.out.decode(), ended.out.decode(), 'out')
    expect(ended.status == 7 and not ended.err, f'{ended.status} {ended.err!r}')
    expect(not world.uploaders(), 'there is an uploader')


def set_user_id(world, preload):
    """A program with another owner's set-user-ID bit, run by nobody."""
    root()
    path = os.path.join(world.dir, 'secure')
    shutil.copy2(program(world, 'secure'), path)
    os.chown(path, 65533, 65533)
    os.chmod(path, 0o6755)
    plain = world.run([path], preload=False, user=NOBODY, group=NOBODY, extra_groups=[])
    if b'effective 65533' not in plain.out:
        raise Skipped('set-user-ID bits have no effect here')
    expect(b'secure 1' in plain.out, f'{plain.out!r}')
    ended = preload(path)
    expect(ended.status == plain.status == 11, f'{plain.status} without, {ended.status} with')
    differ(plain.out.decode(), ended.out.decode(), 'out')
    expect(not world.uploaders() and not os.listdir(world.spool) and not logged(world),
           'it was not left alone')
    return ended


def secure(world):
    """ld.so does not load the library into it, and says nothing."""
    os.chmod(world.dir, 0o777)
    ended = set_user_id(world, lambda path: world.run(
        [path], {'LD_PRELOAD': installed(world)}, user=NOBODY, group=NOBODY, extra_groups=[]))
    expect(ended.err == b'loaded 0\n', f'{ended.err!r}')


def secure_loaded(world):
    """By /etc/ld.so.preload it is loaded even there, and stays out by itself."""
    os.chmod(world.dir, 0o777)
    library = installed(world)
    upper = os.path.join(world.dir, 'etc')
    for name in ('up', 'work'):
        os.makedirs(os.path.join(upper, name))
    script = f'mount -t tmpfs none {upper} && mkdir {upper}/up {upper}/work && ' \
             f'mount -t overlay none -o lowerdir=/etc,upperdir={upper}/up,workdir={upper}/work /etc' \
             f' || exit 77; echo {library} >/etc/ld.so.preload; export CONPROF_ENABLED=0 CONPROF_LOG_LEVEL=1; ' \
             f'exec {tool("setpriv")} --reuid {NOBODY} --regid {NOBODY} --clear-groups ' \
             'sh -c "unset CONPROF_ENABLED; export CONPROF_LOG_LEVEL=3; exec $1"'

    def start(path):
        ended = world.run([tool('unshare'), '--mount', tool('sh'), '-c', script, 'sh', path],
                          preload=False)
        if ended.status == 77:
            raise Skipped('there can be no overlay on /etc here')
        return ended
    ended = set_user_id(world, start)
    expect(ended.err == b'loaded 1\n', f'{ended.err!r}')


def tests(_build):
    yield 'processes_process_1', False, lambda world: reapers(world, as_process_1)
    yield 'processes_subreaper', False, lambda world: reapers(world, as_subreaper)
    for function in (keeper, slow_start, deleted, no_program, noexec_mount, hidden, unwilling):
        yield 'processes_' + function.__name__, True, function
    for function in (not_executable, no_more_processes, secure, secure_loaded):
        yield 'processes_' + function.__name__, False, function
