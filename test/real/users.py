# users.py - servers that root starts and that become somebody else: whose uploader, whose memory?
# SPDX-License-Identifier: MIT
import os
import pwd
import re

from real import MODES, Run, Strays, alive
from servers import root_only
from world import expect

PYTHON = '/usr/bin/python3'
# Two workers that nobody owns, at work from their first moment; each tells its number.
WORKERS = '''
import os, sys, time
for i in range(2):
    if os.fork() == 0:
        os.setgroups([]); os.setgid(%(gid)d); os.setuid(%(uid)d)
        os.write(1, b"%%d\\n" %% os.getpid())
        end = time.process_time() + 1
        while time.process_time() < end: sum(range(1000))
        os._exit(0)
os.wait(); os.wait()
'''
# Becomes a daemon that sleeps until nobody listens any more, and only then has something to tell.
DAEMON = '''
import os, time
if os.fork(): os._exit(0)
os.setgroups([]); os.setgid(%(gid)d); os.setuid(%(uid)d)
os.write(1, b"%%d\\n" %% os.getpid()); os.close(1); os.close(2)
open("go").read()
end = time.process_time() + 60
while time.process_time() < end: sum(range(1000))
'''
# Sits on a name; tells how many descriptors those gave who called, when nobody calls any more.
SQUATTER = '''
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\\0" + sys.argv[1]); s.listen(64); print("sitting", flush=True)
s.settimeout(5); got = 0
try:
    while True:
        caller = s.accept()[0]
        caller.settimeout(1)
        with caller: got += sum(len(data) // 4 for _, _, data in caller.recvmsg(4096, 4096)[1])
except socket.timeout: print(got)
'''
BUSY = '''
import time
end = time.process_time() + 0.5
while time.process_time() < end: sum(range(1000))
'''


def whose():
    nobody = pwd.getpwnam('nobody')
    return {'uid': nobody.pw_uid, 'gid': nobody.pw_gid}


def prepared(world, what):
    root_only(what)
    world.helpers.insert(0, Strays(world))
    run = Run(world, MODES[2])
    run.settings.update(CONPROF_HEAP_SAMPLE_INTERVAL='0')
    return run


def dropped(world):
    """Root's uploader is still being started when the workers have their first samples. Both must
    come to it, or to one of their own; neither is told that it belongs to another user."""
    run = prepared(world, 'becoming another user')
    program = os.path.join(os.path.dirname(run.settings['LD_PRELOAD']), 'conprof')
    os.mkdir(os.path.dirname(program) + '/real')
    os.rename(program, os.path.dirname(program) + '/real/conprof')
    with open(program, 'w', encoding='ascii') as f:
        f.write('#!/bin/sh\nsleep 0.3\nexec "${0%/*}/real/conprof" "$@"\n')
    os.chmod(program, 0o755)
    done = run.run([PYTHON, '-c', WORKERS % whose()])
    expect(done.status == 0 and not done.err, f'ended with {done.status}: {done.err[-300:]!r}')
    world.until('it had been profiled', world.uploaders)
    world.quiet()
    missing = {int(line) for line in done.out.split()} - run.sampled('python3')
    expect(not missing, f'{len(missing)} of 2 workers were not profiled{world.last_log()}')
    run.close()


def apart(world):
    """An uploader that only a worker is left to start belongs to the worker's user. It does not take
    the place of root's: root's next program has an uploader that it trusts."""
    run = prepared(world, 'becoming another user')
    run.settings.update(CONPROF_CPU_PROFILERATE='10')  # so seldom that it sleeps unseen
    os.chmod(run.settings['CONPROF_SPOOL_DIR'], 0o777)
    with open(world.log, 'a', encoding='ascii'):
        os.chmod(world.log, 0o666)
    os.mkfifo(os.path.join(run.cwd, 'go'), 0o666)
    os.chmod(os.path.join(run.cwd, 'go'), 0o666)
    child = run.start([PYTHON, '-c', DAEMON % whose()])
    daemon = int(child.stdout.readline())
    world.finish(child)
    world.quiet()
    os.close(os.open(os.path.join(run.cwd, 'go'), os.O_WRONLY))
    world.until('the daemon had an uploader', world.listening)
    expect({os.stat(f'/proc/{pid}').st_uid for pid in world.uploaders()} == {whose()['uid']},
           'it is not its own')
    done = run.run([PYTHON, '-c', BUSY])
    expect(done.status == 0, f'ended with {done.status}: {done.err[-300:]!r}')
    owners = {os.stat(f'/proc/{pid}').st_uid for pid in world.uploaders()}
    expect(owners == {0, whose()['uid']}, f'the uploaders belong to {owners}')
    world.until('both were profiled', lambda: {done.pid, daemon} <= run.sampled('python3'))
    os.kill(daemon, 9)
    world.until('the daemon had ended', lambda: not alive(daemon))
    run.close()


def squatted(world):
    """Somebody else sits on the name where root's programs meet. They run on unprofiled; what they
    record, which he could write into, is not handed to him, by them or by their uploader."""
    run = prepared(world, 'another user on a name')
    done = run.run([PYTHON, '-c', BUSY])
    world.until('there was an uploader', lambda: world.listening())
    with open('/proc/net/unix', encoding='ascii', errors='replace') as f:
        inodes = {os.readlink(f'/proc/{pid}/fd/{fd}') for pid in world.uploaders()
                  for fd in os.listdir(f'/proc/{pid}/fd')}
        names = {row[7] for row in map(str.split, f) if len(row) == 8 and
                 f'socket:[{row[6]}]' in inodes and re.fullmatch(r'@conprof-[0-9a-f]{16}', row[7])}
    expect(len(names) == 1, f'its names are {names}')
    world.quiet()
    squatter = world.start([PYTHON, '-c', SQUATTER, names.pop()[1:]], preload=False,
                           user=whose()['uid'], group=whose()['gid'], extra_groups=[])
    expect(squatter.stdout.readline() == b'sitting\n', 'he got no seat')
    done = run.run([PYTHON, '-c', BUSY])
    expect(done.status == 0 and not done.err, f'ended with {done.status}: {done.err[-300:]!r}')
    text = world.finish(squatter).out
    expect(text == b'0\n', f'descriptors that he has been given: {text!r}')
    run.close()


def tests(_build):
    for function in (dropped, apart, squatted):
        yield 'users_' + function.__name__, True, function
