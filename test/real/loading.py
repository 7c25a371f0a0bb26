# loading.py - programs that the library must leave alone, or must not be seen by: other libcs, static
# ones, other word sizes, sanitizers, valgrind, debuggers, set-user-ID, the usual interpreters.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import shutil
import subprocess

from same import BUSY, tool
from world import Failed, Skipped, expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = r'''
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static void *work(void *arg)
{
	clock_t end = clock() + CLOCKS_PER_SEC / 10;
	while (clock() < end)
		for (int i = 0; i < 100; i++) {
			char *volatile p = malloc(100 + i);
			memset(p, i, 100);
			free(p);
		}
	return arg;
}
__attribute__((noinline)) void where(int n)
{
	printf("where %d, effective user %d\n", n, (int)geteuid());
	fflush(stdout);
}
int main(int argc, char **argv)
{
	pthread_t thread;
	pthread_create(&thread, 0, work, 0);
	work(0);
	pthread_join(thread, 0);
	for (int i = 0; i < 3; i++)
		where(i);
	if (argc > 1) {
		char *p = malloc(10);
		int n = 0x7fffffff;
		if (argv[1][0] == 'f')
			free(p);
		if (argv[1][0] == 'u')
			printf("%d\n", n + argc);
		else
			p[argv[1][0] == 'o' ? 10 + argc : 1] = 'x';
	}
	fprintf(stderr, "done\n");
	return 7;
}
'''
GO = r'''package main
// #include <stdlib.h>
// static int twice(int n) { char *p = malloc(100); p[0] = 1; free(p); return 2 * n; }
import "C"
import ("bytes"; "fmt"; "os"; "runtime"; "runtime/pprof"; "sync"; "time")
func burn(ms int) (s int) {
	for end := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(end); {
		for i := 0; i < 1000; i++ { s += int(C.twice(C.int(i))) }
	}
	return
}
func deep(n int) int {
	var room [64]byte
	room[n%64] = 1
	if n == 0 { return burn(1) }
	return deep(n-1) + int(room[0])
}
func main() {
	var out bytes.Buffer
	var all sync.WaitGroup
	own := len(os.Args) > 1
	if own { fmt.Println(pprof.StartCPUProfile(&out)) }
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			burn(50); deep(3000); runtime.GC()
			defer func() { fmt.Println(recover()) }()
			var nowhere *int
			*nowhere = 1
		}()
	}
	all.Wait()
	if own { pprof.StopCPUProfile(); fmt.Println(out.Len() > 300) }
	os.Exit(5)
}
'''


def build(world, name, compiler, *flags, text=WORK, suffix='.c'):
    source, target = (os.path.join(world.dir, name + end) for end in (suffix, ''))
    with open(source, 'w', encoding='ascii') as f:
        f.write(text)
    made = subprocess.run([tool(compiler), *flags, '-o', target, source], capture_output=True,
                          env=dict(os.environ, LC_ALL='C'), cwd=world.dir, check=False)
    if made.returncode != 0:
        raise Skipped(f'{compiler} {" ".join(flags)}: {made.stderr.decode()[-150:]!r}')
    return target


def unchanged(world, argv, recorded=False, change=lambda text: text):
    """The same status, output and errors without the library and with it; and what stays out does."""
    for old in glob.glob(os.path.join(world.spool, '*.pprof')):
        os.unlink(old)
    plain, other = (world.run(argv, dict(BUSY, CONPROF_LOG_LEVEL='1'), preload=on)
                    for on in (False, True))
    expect(plain.status == other.status,
           f'status {plain.status} without, {other.status} with: {other.err[-300:]!r}')
    for what in ('out', 'err'):
        left, right = (change(getattr(x, what).decode('utf-8', 'replace')) for x in (plain, other))
        expect(left == right, f'{what}: without {left[-200:]!r}, with {right[-300:]!r}')
    if recorded is not None:
        world.quiet()
        expect(bool(glob.glob(os.path.join(world.spool, '*.pprof'))) == recorded,
               'it was not profiled' + world.last_log() if recorded else 'it was profiled')
    return plain


def reported(text):
    """What a sanitizer says, without addresses, numbers of processes, and the frames of the way."""
    kept = [line for line in text.splitlines()
            if re.search(r'ERROR|WARNING: Thread|SUMMARY|runtime error|leak of|done', line)]
    return re.sub(r'0x[0-9a-f]+|==\d+==|pid=\d+|\(/.*', '', '\n'.join(kept))


def sanitized(world, compiler, kind, *words):
    target = build(world, 'sanitized', compiler, '-g', '-O0', '-pthread', '-fsanitize=' + kind)
    ended = unchanged(world, [target], recorded=kind == 'undefined')
    expect(ended.status == 7, f'by itself it ends with {ended.status}: {ended.err[-200:]!r}')
    for word in words:
        ended = unchanged(world, [target, word], recorded=None, change=reported)
        expect(b'anitizer' in ended.err or b'runtime error' in ended.err,
               f'nothing was found: {ended.err[-300:]!r}')


SANITIZERS = (('gcc', 'address', 'over', 'free', 'leak'), ('gcc', 'leak', 'leak'), ('gcc', 'thread'),
              ('gcc', 'undefined', 'u'), ('clang', 'address', 'over', 'free'), ('clang', 'thread'),
              ('clang', 'memory'), ('clang', 'undefined', 'u'))


def elsewhere(world, name, compiler, *flags):
    unchanged(world, [build(world, name, compiler, '-O1', '-pthread', *flags)])


def musl(world):
    """Another libc. Also as the child of a profiled shell."""
    elsewhere(world, 'musl_static', 'musl-gcc', '-static')
    elsewhere(world, 'musl', 'musl-gcc')
    unchanged(world, ['/bin/sh', '-c', './musl; echo $?; ./musl_static; exit 9'], recorded=None)


def static(world):
    elsewhere(world, 'static', 'gcc', '-static')
    elsewhere(world, 'static_pie', 'gcc', '-static-pie')


def go(world):
    """Goroutines on small stacks, signals that Go's runtime takes apart, its own profiler beside ours."""
    go_tool = tool('go')
    source = os.path.join(world.dir, 'routine.go')
    for cgo in '10':
        text = GO if cgo == '1' else re.sub(r'// .*\n|import "C"\n', '', GO).replace(
            'int(C.twice(C.int(i)))', 'i')
        with open(source, 'w', encoding='ascii') as f:
            f.write(text)
        target = os.path.join(world.dir, 'routine' + cgo)
        made = subprocess.run([go_tool, 'build', '-o', target, source], capture_output=True,
                              env=dict(os.environ, CGO_ENABLED=cgo, GO111MODULE='off', GOFLAGS='',
                                       GOCACHE=os.path.join(world.dir, 'cache'), HOME=world.home),
                              cwd=world.dir, check=False)
        expect(made.returncode == 0, f'go build: {made.stderr.decode()[-300:]!r}')
        for words in ([], ['own']):
            ended = unchanged(world, [target] + words, recorded=cgo == '1')
            expect(ended.status == 5 and ended.out.count(b'nil pointer') == 8, repr(ended.out))


def installed(world):
    """The library and its program where everybody can read them."""
    folder = os.path.join(world.dir, 'installed')
    made = subprocess.run(['make', '-s', '-C', ROOT, 'install', 'B=' + world.build,
                           'DESTDIR=' + folder, 'PREFIX=/usr'], capture_output=True, check=False)
    expect(made.returncode == 0, f'make install: {made.stderr.decode()[-300:]!r}')
    return os.path.join(folder, 'usr/lib/conprof')


def papers(world):
    """What is installed leads to what is installed: the links of the papers, the drop-in's library."""
    share = os.path.join(installed(world), '../../share/doc/conprof')
    for page in [os.path.join(share, 'README.md'), *glob.glob(share + '/doc/**/*.md', recursive=True)]:
        with open(page, encoding='utf-8') as f:
            links = re.findall(r'\]\((?!https?:|#)([^)#]+)', f.read())
        lost = [link for link in links if not os.path.exists(os.path.join(os.path.dirname(page), link))]
        expect(not lost and (links or not page.endswith('README.md')), f'{os.path.basename(page)} leads to {lost}')
    with open(os.path.join(share, 'doc/systemd/conprof.conf'), encoding='utf-8') as f:
        expect('LD_PRELOAD=/usr/lib/libconprof.so' in f.read(), 'the drop-in names another library')


START_32 = r'''
int puts(const char *);
void exit(int);
void *malloc(unsigned);
__attribute__((force_align_arg_pointer)) void _start(void)
{
	puts(malloc(10) ? "32 bits" : "no memory");
	exit(6);
}
'''


def bits32(world):
    """A child of 32 bits: with a plain path ld.so says on stderr that the library is not for it; with
    $LIB in the path it finds one that does nothing. Profiled parents stay profiled."""
    libc = next(iter(glob.glob('/lib32/libc.so.6') + glob.glob('/lib/i386-linux-gnu/libc.so.6')), None)
    if not libc:
        raise Skipped('there is no 32-bit libc: libc6-i386')
    target = os.path.join(world.dir, 'thirty_two')
    build(world, 'thirty_two.o', 'gcc', '-m32', '-O1', '-c', '-fno-pic', '-fno-builtin',
          '-fno-stack-protector', text=START_32)
    linked = subprocess.run(['ld', '-m', 'elf_i386', '-dynamic-linker', '/lib/ld-linux.so.2', '-o',
                             target, target + '.o', libc], capture_output=True, check=False)
    if linked.returncode != 0:
        raise Skipped(f'ld: {linked.stderr.decode()[-150:]!r}')
    script = ['/bin/bash', '-c', f'{target}; echo $?; for i in {{1..20000}}; do :; done; exit 9']
    library = os.path.join(installed(world), '$LIB', 'libconprof.so')
    plain = world.run(script, BUSY, preload=False)
    expect(plain.out == b'32 bits\n6\n', f'by itself: {plain.out!r} {plain.err!r}')
    careless = world.run(script, dict(BUSY, CONPROF_LOG_LEVEL='1'))
    expect(b'wrong ELF class' in careless.err, f'a plain path says {careless.err!r}')
    world.quiet()
    shutil.rmtree(world.spool)
    os.mkdir(world.spool)
    other = world.run(script, dict(BUSY, LD_PRELOAD=library, CONPROF_LOG_LEVEL='1'))
    expect((other.status, other.out, other.err) == (plain.status, plain.out, plain.err),
           f'with $LIB: {other.status} {other.out!r} {other.err!r}')
    world.quiet()
    expect(glob.glob(os.path.join(world.spool, '*.pprof')), 'bash was not profiled' + world.last_log())


def setuid(world):
    """A set-user-ID program, run by nobody from a shell that is profiled: ld.so leaves the library out,
    and says nothing."""
    if os.geteuid() != 0:
        raise Skipped('needs root')
    target = build(world, 'setuid', 'gcc', '-pthread')
    os.chmod(target, 0o4755)
    if os.statvfs(target).f_flag & os.ST_NOSUID:
        raise Skipped('no set-user-ID programs in ' + world.dir)
    library = os.path.join(installed(world), 'libconprof.so')
    os.chmod(world.spool, 0o777)
    shell = [tool('setpriv'), '--reuid', '65534', '--regid', '65534', '--clear-groups', '/bin/sh', '-c',
             f'id -u; {target}; echo $?']
    settings = dict(BUSY, CONPROF_LOG_LEVEL='1', CONPROF_LOG_FILE=None)
    plain = world.run(shell, settings, preload=False)
    other = world.run(shell, dict(settings, LD_PRELOAD=library), preload=False)
    expect(b'effective user 0' in plain.out, f'by itself: {plain.out!r} {plain.err!r}')
    expect((plain.status, plain.out, plain.err) == (other.status, other.out, other.err),
           f'with the library: {other.status} {other.out!r} {other.err!r}')
    world.quiet()


def valgrind(world):
    """Nothing of ours is reported: no error, no leak, no word; and memcheck still finds the program's."""
    target = build(world, 'checked', 'gcc', '-g', '-O0', '-pthread')
    check = [tool('valgrind'), '-q', '--error-exitcode=9', '--leak-check=full', '--show-leak-kinds=all']
    expect(unchanged(world, check + [target], recorded=None).status == 7, 'by itself it has errors')
    found = unchanged(world, check + [target, 'over'], recorded=None,
                      change=lambda text: re.findall(r'Invalid \w+ of size \d|lost', text))
    expect(found.status == 9, 'it found nothing')
    unchanged(world, [tool('valgrind'), '-q', '--tool=helgrind', target], recorded=None)


def gdb(world):
    """A program under gdb that is hit a thousand times a second: stops at its breakpoints alone."""
    target = build(world, 'stepped', 'gcc', '-g', '-O0', '-pthread')
    script = [tool('gdb'), '-q', '-batch', '-nx', '-ex', 'set debuginfod enabled off', '-ex',
              'set startup-with-shell off', '-ex', 'break where', '-ex', 'run', '-ex', 'backtrace',
              '-ex', 'continue', '-ex', 'next', '-ex', 'continue', '-ex', 'continue', target]

    def steady(text):
        text = re.sub(r'0x[0-9a-f]+|LWP \d+|process \d+', 'N', text)
        return re.sub(r'\[(Detaching|Thread|New Thread|Switching)[^\n]*\n|^warning[^\n]*\n', '', text,
                      flags=re.M)
    seen = unchanged(world, script, recorded=True, change=steady)
    expect(b'exited with code 07' in seen.out, f'gdb says {seen.out[-300:]!r}')


def traced(world):
    """strace and ltrace run it to its end."""
    target = build(world, 'traced', 'gcc', '-O1', '-pthread')
    for name in ('strace', 'ltrace'):
        if shutil.which(name):
            unchanged(world, [name, '-f', '-o', '/dev/null', target], recorded=None)


STARTS = {
    'bash': ['-c', 'echo $((6 * 7)); env -i /bin/echo x; unset HOME; export A=1; env | grep ^A; exit 3'],
    'ldd': ['/bin/ls'], 'ssh': ['-V'], 'ssh-keygen': ['-l', '-f', '/nowhere'],
    'perl': ['-e', 'print join(",", map { $_ * 2 } 1 .. 9), "\\n"; system("exit 4"); exit $? >> 8'],
    'python3': ['-S', '-c', 'import ctypes, json; print(json.dumps(list(range(5))))'],
    'java': ['-version'], 'node': ['-e', 'console.log([1, 2, 3].map(x => x * x)); process.exit(6)'],
    'git': ['--version'], 'gcc': ['--version'], 'openssl': ['version'], 'curl': ['--version'],
    'awk': ['BEGIN { print 1 + 1 }'], 'tar': ['--version'], 'gpg': ['--version'], 'php': ['-v'],
    'ruby': ['-e', 'puts 1'], 'fakeroot': ['id', '-u'], 'sudo': ['-V'],
}


def starts(world):
    """The programs that broke others: bash's own getenv, ldd's use of the loader, fakeroot's preload."""
    ran = 0
    for name, words in STARTS.items():
        path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
        if not path:
            continue
        try:
            unchanged(world, [path] + words, recorded=None,
                      change=lambda text: re.sub(r'0x[0-9a-f]+|.*libconprof.*\n', '', text))
        except Failed as e:
            raise Failed(f'{name}: {e}') from None
        ran += 1
    expect(ran > 5, f'only {ran} of them are here')


def tests(_build):
    for compiler, kind, *words in SANITIZERS:
        yield f'loading_{compiler}_{kind}', True, \
            lambda world, a=(compiler, kind, *words): sanitized(world, *a)
    for function in (musl, static, go, bits32, papers, setuid, valgrind, gdb, traced, starts):
        yield 'loading_' + function.__name__, True, function
