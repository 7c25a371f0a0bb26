# sandbox.py - limits, mounts and filters that were there first: the program runs as it does without us.
# SPDX-License-Identifier: MIT
import ctypes
import glob
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time

from same import differ
from world import Skipped, expect

HERE = os.path.dirname(os.path.abspath(__file__))
CALLS = os.path.join(HERE, '../../preload/signal/calls.c')
NUMBERS = glob.glob('/usr/include/*/asm/unistd_64.h') + ['/usr/include/asm-generic/unistd.h']
NOBODY = 54321
SHARP = {'CONPROF_CPU_PROFILERATE': '1000', 'CONPROF_HEAP_SAMPLE_INTERVAL': '4096',
         'CONPROF_PERIOD': '1'}
MIB = 1 << 20
KILL, EPERM, ENOSYS = 'kill', '1', '38'
PR_SET_MDWE = 65

# What systemd calls @system-service, so far as these programs can be told of it.
SERVICE = '''
access arch_prctl brk capget capset chdir chmod chown clock_getres clock_gettime clock_nanosleep clone
clone3 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flock fork fstat fstatfs
fsync ftruncate futex futex_waitv get_robust_list getcpu getcwd getdents getdents64 getegid geteuid getgid
getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid
getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch
inotify_init inotify_init1 inotify_rm_watch ioctl ioprio_get ioprio_set kcmp keyctl kill lchown lgetxattr link
linkat listen listxattr lseek lstat madvise membarrier memfd_create mkdir mkdirat mknod mknodat mlock mlock2
mlockall mmap mprotect mremap msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause
personality pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl pread64 preadv prlimit64 process_madvise
process_vm_readv process_vm_writev pselect6 pwrite64 pwritev read readahead readlink readlinkat readv recvfrom
recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield select
sendfile sendmmsg sendmsg sendto set_robust_list set_tid_address setgid setgroups setitimer setpgid
setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid shutdown sigaltstack
signalfd signalfd4 socket socketpair splice stat statfs statx symlink symlinkat sync sync_file_range sysinfo
tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork
vmsplice wait4 waitid write writev bind accept accept4 set_mempolicy get_mempolicy mbind getitimer'''.split()


def tool(name):
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    if not path:
        raise Skipped(f'there is no {name}')
    return path


def root():
    if os.geteuid() != 0:
        raise Skipped('it takes root')


def everyday(world):
    return os.path.join(world.build, 'harm', 'everyday')


def said(world):
    """What the library has written into the log; the uploader's lines begin with a time."""
    try:
        with open(world.log, encoding='utf-8') as f:
            return [line.rstrip() for line in f if line.startswith('conprof: ')]
    except FileNotFoundError:
        return []


def recorded(world):
    world.quiet()
    return glob.glob(os.path.join(world.spool, '*.cpu.pprof'))


class Both:
    """A program's two lives. `through` is what is put before it, which is not profiled itself."""

    def __init__(self, world, argv, through=None, before=None, settings=()):
        settings = dict(SHARP, **dict(settings))
        so = os.path.join(world.build, 'libconprof.so')
        self.lives = []
        for preload in (None, so):
            if through:
                command = through(preload) + argv
                if preload:
                    settings['CONFINED_PRELOAD'] = preload
                self.lives.append(world.run(command, settings, False, preexec_fn=before))
            else:
                self.lives.append(world.run(argv, settings, bool(preload), preexec_fn=before))

    def same(self):
        plain, other = self.lives
        expect(plain.status == other.status,
               f'ends with {plain.status} without, {other.status} with: {other.err[-200:]!r}')
        differ(plain.out.decode(), other.out.decode(), 'out')
        differ(plain.err.decode(), other.err.decode(), 'err')
        return self


def judge(world, outcome):
    """'in': it is recorded. 'out': it is not, and the log has a line. None: as it may be."""
    lines = said(world)
    if outcome == 'in':
        expect(recorded(world) and not lines, f'it was not recorded: {lines}' + world.last_log())
    if outcome == 'out':
        expect(len(lines) == 1 and not recorded(world), f'the log says {lines}')
    expect(len(lines) <= 1, f'the log says {lines}')
    world.quiet()


# ---- limits ----

def limits(user=None, **most):
    def before():
        for name, value in most.items():
            resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (value, value))
        if user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
    return before


def open_to_all(world):
    """A world in which another user can write."""
    root()
    with open(world.log, 'w', encoding='ascii'):
        pass
    for path, mode in ((world.log, 0o666), (world.spool, 0o777), (world.home, 0o777)):
        os.chmod(path, mode)


def limited(world, outcome, words=(), user=None, **most):
    if user:
        open_to_all(world)
    Both(world, [everyday(world)] + list(words), before=limits(user, **most)).same()
    judge(world, outcome)


def greedy(world, most):
    """Of a limited address space the program gets what it got without us, but a 32nd."""
    plain, other = (life.printed()['blocks'] for life in
                    Both(world, [everyday(world), 'greedy'], before=limits(AS=most),
                         settings={'CONPROF_HEAP_SAMPLE_INTERVAL': '524288'}).lives)
    expect(other >= plain * 31 / 32 - 16, f'it got {other} blocks instead of {plain}')
    world.quiet()


LIMITS = {
    'nofile_4': ('out', (), None, {'NOFILE': 4}), 'nofile_64': ('in', (), None, {'NOFILE': 64}),
    'as_5m': (None, ('alone',), None, {'AS': 5 * MIB}),
    'as_16m': ('out', ('alone',), None, {'AS': 16 * MIB}),
    'as_128m': ('out', ('alone',), None, {'AS': 128 * MIB}),
    'as_512m': ('in', ('alone',), None, {'AS': 512 * MIB}),
    'as_2g': ('in', (), None, {'AS': 2048 * MIB}),
    'data_8m': ('out', ('alone',), None, {'DATA': 8 * MIB}),
    'fsize_0': (None, (), None, {'FSIZE': 0}), 'fsize_2m': ('in', (), None, {'FSIZE': 2 * MIB}),
    'nproc_1': ('out', (), NOBODY, {'NPROC': 1}),
    'nproc_8': ('out', (), NOBODY, {'NPROC': 8}),
    'sigpending_0': ('in', (), None, {'SIGPENDING': 0}),
    'sigpending_1': ('in', (), None, {'SIGPENDING': 1}),
    'stack_64k': ('in', (), None, {'STACK': 64 * 1024}),
    'memlock_0': ('in', (), NOBODY, {'MEMLOCK': 0}),
    'rttime': ('in', (), None, {'RTTIME': 1000}), 'cpu': (None, ('limited',), None, {'CPU': 1}),
}
SIGPENDING = 11  # not among Python's names
resource.RLIMIT_SIGPENDING = getattr(resource, 'RLIMIT_SIGPENDING', SIGPENDING)
resource.RLIMIT_RTTIME = getattr(resource, 'RLIMIT_RTTIME', 15)


# ---- filters ----

def numbers():
    found = {}
    for path in filter(os.path.exists, NUMBERS):
        with open(path, encoding='ascii') as f:
            for name, number in re.findall(r'#define __NR_(\w+) (\d+)\s', f.read()):
                found.setdefault(name, number)
    return found


def our_calls():
    with open(CALLS, encoding='utf-8') as f:
        return sorted(set(re.findall(r'^\s*CALL\((\w+),', f.read(), re.M)))


def confine(world, listed, others, calls):
    path = os.path.join(world.build, 'harm', 'confine')
    return lambda preload: [path, listed, others] + calls + ['--']


def refused(world, how):
    """Each of our calls is forbidden by itself. Where the program lives without us, it lives with us,
    and says the same."""
    known, lived = numbers(), 0
    so = os.path.join(world.build, 'libconprof.so')
    for call in our_calls():
        world.deadline = time.monotonic() + 30
        command = confine(world, how, 'allow', [known[call]])(None) + [everyday(world), 'short']
        plain = world.start(command, SHARP, False)
        try:
            plain.wait(10)  # some of these a C program can't do without; it may wait for ever
        except subprocess.TimeoutExpired:
            plain.kill()
        if plain.wait() != 3:
            continue
        other = world.run(command, dict(SHARP, CONFINED_PRELOAD=so), False)
        expect(other.status == 3 and not other.err,
               f'{call}: ends with {other.status}: {other.err[-200:]!r}')
        differ(plain.stdout.read().decode(), other.out.decode(), f'{call}: out')
        lived += 1
    expect(lived > 20, f'only {lived} calls could be forbidden')
    world.deadline = time.monotonic() + 60
    world.quiet()


def all_are_listed(_world):
    """Every system call that the library makes stands in the table that filters are asked about."""
    made = set()
    for path in glob.glob(os.path.join(HERE, '../../preload/*/*.[ch]')):
        with open(path, encoding='utf-8') as f:
            made |= set(re.findall(r'\bSYS_([a-z]\w+)', f.read()))
    # The application's own calls; how a program ends; a signal that is meant to end it.
    missing = made - set(our_calls()) - {'execveat', 'seccomp', 'exit_group', 'tgkill', 'mlockall',
                                         'munlock'}
    expect(not missing, f'not in {os.path.basename(CALLS)}: {sorted(missing)}')


def system_service(world):
    known = numbers()
    Both(world, [everyday(world)],
         confine(world, 'allow', KILL, [known[n] for n in SERVICE if n in known])).same()
    judge(world, 'in')


def unix_alone(world):
    """RestrictAddressFamilies=AF_UNIX answers EAFNOSUPPORT to any other family."""
    Both(world, [everyday(world)], confine(world, '97', 'allow', ['-' + numbers()['socket']])).same()
    judge(world, 'in')


def many_groups(world):
    """The kernel names them before it says whether there is a filter: 10 KiB of them."""
    root()
    known = numbers()
    Both(world, [everyday(world)], confine(world, KILL, 'allow', [known['timer_create']]),
         before=lambda: os.setgroups(range(1000000000, 1000000900))).same()
    judge(world, 'out')


def no_new_code(world):
    """MemoryDenyWriteExecute."""
    libc = ctypes.CDLL(None)
    Both(world, [everyday(world)], before=lambda: libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)).same()
    judge(world, 'in')


# ---- mounts ----

def bubble(*options):
    """bwrap with these options: {dir} is the world's folder, {build} the build's."""
    def run(world, outcome):
        root()
        words = [word.format(dir=world.dir, build=world.build) for word in options]

        def through(preload):
            return [tool('bwrap')] + words + (['--setenv', 'LD_PRELOAD', preload] if preload else []) \
                + ['--chdir', '/', '--']
        probe = world.run(through(None) + ['/bin/true'], preload=False)
        if probe.status:
            raise Skipped(f'bwrap cannot do it here: {probe.err[-100:]!r}')
        Both(world, [everyday(world)], through).same()
        judge(world, outcome)
    return run


OURS = ('--bind', '{dir}', '{dir}', '--ro-bind', '{build}', '{build}')
STRICT = ('--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc')
MOUNTS = {
    'read_only': ('in', STRICT + OURS),
    'no_proc': ('in', ('--ro-bind', '/', '/', '--tmpfs', '/proc') + OURS),
    'no_dev': ('in', ('--ro-bind', '/', '/', '--tmpfs', '/dev') + OURS),
    'private_tmp': ('in', STRICT + ('--tmpfs', '/tmp', '--tmpfs', '/var/tmp') + OURS),
    'bare_root': ('in', ('--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib', '/lib', '--symlink',
                         'usr/lib64', '/lib64', '--symlink', 'usr/bin', '/bin') + OURS),
    'unshared': ('in', STRICT + OURS + ('--unshare-pid', '--unshare-net', '--unshare-ipc',
                                        '--unshare-uts', '--as-pid-1')),
}


def nowhere_to_write(world):
    """A read-only root, the spool and the log included: it is recorded in vain, and nobody is told
    on standard error."""
    root()

    def through(preload):
        return [tool('bwrap')] + list(STRICT) + \
            (['--setenv', 'LD_PRELOAD', preload] if preload else []) + ['--']
    Both(world, [everyday(world)], through, settings={'CONPROF_LOG_LEVEL': '1'}).same()
    world.quiet()


RECORDING = '''
import os
for line in open('/proc/self/maps'):
    if '/memfd:conprof ' in line:
        of = os.stat('/proc/self/map_files/' + line.split()[0])
        print(of.st_size, of.st_blocks * 512)
'''


def strict_memory(world):
    """Where the kernel gives no page that it has not promised, no recording has holes: SIGBUS is what
    it says of one. The setting is the machine's, so here it only seems to be that."""
    root()
    two = os.path.join(world.dir, 'two')
    with open(two, 'w', encoding='ascii') as f:
        f.write('2\n')
    ended = world.run([tool('unshare'), '-m', tool('sh'), '-c',
                       'mount --bind "$0" /proc/sys/vm/overcommit_memory && exec "$@"', two,
                       tool('env'), 'LD_PRELOAD=' + os.path.join(world.build, 'libconprof.so'),
                       tool('python3'), '-c', RECORDING], SHARP, False)
    sizes = ended.out.split()
    expect(ended.status == 0 and len(sizes) == 2, f'ended with {ended.status}: {ended}')
    expect(sizes[0] == sizes[1] and int(sizes[0]) < MIB, f'its size, and what is there: {sizes}')
    judge(world, 'in')


def no_exec(world):
    """Neither home, spool nor /tmp may hold programs."""
    root()
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,noexec "$0" && exec "$@"'

    def through(preload):
        return [tool('unshare'), '-m', tool('sh'), '-c', script, world.dir, tool('env')] + \
            (['LD_PRELOAD=' + preload] if preload else [])
    Both(world, [everyday(world)], through).same()
    judge(world, 'in')


def man(world):
    """man confines the programs that format a page, by libseccomp, before they are executed."""
    page = os.path.join(world.dir, 'page.1')
    with open(page, 'w', encoding='ascii') as f:
        f.write('.TH FOO 1\n.SH NAME\nfoo \\- does nothing\n.SH DESCRIPTION\n.B foo\nis a test.\n')
    Both(world, [tool('man'), '-P', 'cat', page]).same()
    world.quiet()


def no_uploader(world):
    """The library without the program beside it, or with one that may not be started."""
    alone = tempfile.mkdtemp(dir=world.dir)
    shutil.copy(os.path.join(world.build, 'libconprof.so'), alone)

    def through(preload):
        return [tool('env')] + (['LD_PRELOAD=' + alone + '/libconprof.so'] if preload else [])
    Both(world, [everyday(world)], through).same()
    judge(world, 'out')
    os.unlink(world.log)
    with open(os.path.join(alone, 'conprof'), 'w', encoding='ascii') as f:
        f.write('not a program')
    os.chmod(os.path.join(alone, 'conprof'), 0o755)
    Both(world, [everyday(world)], through).same()
    judge(world, 'out')


def tests(_build):
    for name, (outcome, words, user, most) in LIMITS.items():
        yield 'limit_' + name, True, \
            lambda world, o=outcome, w=words, u=user, m=most: limited(world, o, w, u, **m)
    for size in (128, 512, 1536):
        yield f'limit_greedy_{size}m', True, lambda world, s=size: greedy(world, s * MIB)
    for name, how in (('kill', KILL), ('eperm', EPERM), ('enosys', ENOSYS)):
        yield 'sandbox_calls_' + name, True, lambda world, h=how: refused(world, h)
    for name, (outcome, options) in MOUNTS.items():
        yield 'sandbox_' + name, True, lambda world, o=outcome, w=options: bubble(*w)(world, o)
    yield 'sandbox_all_are_listed', False, all_are_listed
    for function in (system_service, unix_alone, many_groups, no_new_code, nowhere_to_write, strict_memory,
                     no_exec, man, no_uploader):
        yield 'sandbox_' + function.__name__, True, function
