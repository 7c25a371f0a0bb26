# commands.py - the commands of a system at their real work: shells, compilers, git, packers, keys.
# SPDX-License-Identifier: MIT
import hashlib
import os
import re

from real import plain, thrice
from same import tool
from world import expect

WORK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'commands_work')
# A command of a few milliseconds has no tick at 100 Hz in some runs.
NOTHING = ()
PROCESS = ((r'(line \d+:) +\d+ ', r'\1 N '), (r'after \d+ ms', 'after N ms'))


def made(folder):
    """What lies in the folder: name and sum of each file."""
    lines = []
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.islink(path):
                digest = '-> ' + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, 'rb') as f:
                    digest = hashlib.md5(f.read()).hexdigest()
            else:
                digest = 'no file'
            lines.append(f'{os.path.relpath(path, folder)} {digest}')
    return '\n'.join(sorted(lines))


def work(argv, change=(), settings=()):
    """A life: the program runs to its end, and all that it leaves is looked at."""
    def life(run):
        ended = run.run(argv, settings)
        return {'status': str(ended.status), 'out': plain(ended.out, *PROCESS, *change),
                'err': plain(ended.err, *PROCESS, *change), 'files': made(run.cwd)}
    return life


def script(world, shell, name, service, needs=('cpu', 'alloc_objects', 'alloc_space')):
    """A script of the folder; `service` is who must have been profiled meanwhile. What is alive is not
    asked for: a command may have freed all of it by the end of its only period."""
    thrice(world, work([tool(shell), os.path.join(WORK, name + '.sh')]), service, needs=needs,
           certain=NOTHING)


# Name, shell, what must be there, who is profiled.
SCRIPTS = (
    ('bash', 'bash', (), 'bash'),
    ('dash', 'dash', (), 'dash'),
    ('text', 'bash', ('xz',), 'sort'),
    ('pack', 'bash', ('xz', 'zstd', 'bzip2'), 'xz'),
    ('keys', 'bash', ('ssh-keygen', 'openssl'), 'openssl'),
    ('build', 'sh', ('make', 'gcc', 'g++', 'objdump'), 'cc1plus'),
    ('git', 'sh', ('git',), 'git'),
    ('film', 'sh', ('ffmpeg',), 'ffmpeg'),
    ('sql', 'sh', ('sqlite3',), 'sqlite3'),
    ('web', 'bash', ('curl',), None),
)


def scripted(shell, name, needed, service):
    def function(world):
        for program in needed:
            tool(program)
        script(world, shell, name, service)
    return function


DEBUGGED = r'''#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static int down(int n) { return n ? down(n - 1) + 1 : 0; }
static void *work(void *none) { for (int i = 0; i < 200000; i++) free(malloc(i % 1000 + 1)); return none; }
int main(int argc, char **argv) { pthread_t t; pthread_create(&t, 0, work, 0); work(0); pthread_join(t, 0);
  printf("%d\n", down(100)); fflush(stdout); if (argc > 1) *(volatile int *)argv[argc] = 1; return 3; }
'''


def debugged(run):
    """gdb stops where it was told to and nowhere else; a crash is found where it happened; strace
    sees the program end as it does alone."""
    source = run.write('a.c', DEBUGGED)
    run.tool([tool('gcc'), '-g', '-O0', '-pthread', '-o', 'a', source])
    gdb = [tool('gdb'), '-q', '-batch', '-nx', '-ex', 'set debuginfod enabled off', '-ex',
           'set startup-with-shell off']
    seen = {}
    for name, commands, words in (
            ('break', ['break down if n==50', 'run', 'bt 3', 'print n', 'continue'], []),
            ('crash', ['run', 'bt', 'print argc'], ['x']), ('run', ['run'], [])):
        argv = gdb + [w for c in commands for w in ('-ex', c)] + ['--args', './a'] + words
        ended = run.run(argv)
        lines = [line for line in plain(ended.out, (r'0x[0-9a-f]+', 'ADDRESS')).splitlines()
                 if not re.search(r'libthread_db|New Thread|Thread .* exited|^\[Inferior', line)]
        seen[name] = f'{ended.status}\n' + '\n'.join(lines)
    expect('Breakpoint 1, down (n=50)' in seen['break'] and 'SIGSEGV' in seen['crash'],
           f'gdb said {seen}')
    ended = run.run([tool('strace'), '-f', '-qq', '-e', 'signal=none', '-o', 'trace', './a'])
    seen['strace'] = f'{ended.status} {ended.out!r} {ended.err!r}'
    return seen


ATTACHED = r'''#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void *work(void *none) { for (unsigned i = 0;; i++) free(malloc(i % 1000 + 1)); return none; }
int main(void) { pthread_t t; pthread_create(&t, 0, work, 0); puts("up"); fflush(stdout);
  while (getchar() != EOF) { } puts("end"); return 3; }
'''


def attached(run):
    """gdb comes to a program that runs, looks, and leaves; it ends as it would have."""
    source = run.write('a.c', ATTACHED)
    run.tool([tool('gcc'), '-g', '-O0', '-pthread', '-o', 'a', source])
    child = run.start([os.path.join(run.cwd, 'a')])
    expect(child.stdout.readline() == b'up\n', 'it did not come up')
    for _ in range(3):
        run.tool([tool('gdb'), '-q', '-batch', '-nx', '-ex', 'set debuginfod enabled off', '-ex',
                  'bt', '-ex', 'detach', '-p', str(child.pid)])
    ended = run.world.finish(child)
    return {'status': str(ended.status), 'out': plain(ended.out), 'err': plain(ended.err)}


# What a supervisor may allow: little data, little address space, few files, no core.
LIMITS = (['--data=1000000'], ['--as=8000000'], ['--nofile=4'], ['--nofile=64', '--nproc=4096'],
          ['--stack=65536'], ['--sigpending=0'], ['--memlock=0'], ['--fsize=0'], ['--core=0'],
          ['--msgqueue=0'], ['--cpu=1'])


def limited(run):
    """A small program under each limit starts, works and ends as it does alone."""
    seen = {}
    for limit in LIMITS:
        for argv in (['/bin/echo', 'here'], [tool('dash'), '-c', 'seq 3 | sort -r; exit 5']):
            ended = run.run([tool('prlimit'), *limit, tool('env'), 'A=B', *argv])
            seen[f'{limit} {argv}'] = f'{ended.status} {ended.out!r} {ended.err!r}'
    return seen


POOR = r'''#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static void burn(void) { while (clock() < CLOCKS_PER_SEC / 4) { } }
int main(int argc, char **argv) {
  int status; struct rlimit few = {3, 4096}, many = {64, 4096};
  if (argc > 1) { burn(); return 7; }
  for (int execs = 0; execs < 2; execs++) {
    if (fork() == 0) {
      setrlimit(RLIMIT_NOFILE, &few); burn();
      setrlimit(RLIMIT_NOFILE, &many);
      if (execs) execl("./still", argv[0], "x", NULL);
      return 5;
    }
    wait(&status); printf("%x\n", status);
  }
  return 0;
}
'''


def poor(run):
    """A forked child that can have no recording, since it may open nothing, where ITIMER_PROF
    serves: that timer ends neither the child nor the static program that it becomes."""
    source = run.write('a.c', POOR)
    run.tool([tool('gcc'), '-O1', '-o', 'a', source])
    run.tool([tool('gcc'), '-O1', '-static', '-o', 'still', source])
    ended = run.run(['./a'], {'CONPROF_CPU_TIMER': 'itimer'})
    return {'status': str(ended.status), 'out': plain(ended.out), 'err': plain(ended.err)}


MANUAL = r'''man -P cat ls | cksum; man -P cat bash | cksum; man -P cat no_such_page; echo $?
zcat -f /usr/share/man/man1/man.1.gz | groff -man -Tutf8 2>/dev/null | cksum'''


def manual(settings):
    """man reads its pages through programs that it holds in a seccomp filter, which it installs
    between fork and exec, and which knows no setitimer."""
    def function(world):
        tool('man')
        thrice(world, work([tool('sh'), '-c', MANUAL], settings=settings))
    return function


def tests(_build):
    for name, shell, needed, service in SCRIPTS:
        yield 'commands_' + name, True, scripted(shell, name, needed, service)
    for function in (debugged, attached):
        yield 'commands_' + function.__name__, True, \
            lambda world, f=function: thrice(world, f, 'a', needs=('cpu', 'alloc_objects', 'goroutine'),
                                             certain=NOTHING)
    yield 'commands_poor', True, lambda world: thrice(world, poor)
    yield 'commands_limited', True, lambda world: thrice(world, limited)
    yield 'commands_manual', True, manual({})
    yield 'commands_manual_itimer', True, manual({'CONPROF_CPU_TIMER': 'itimer'})
