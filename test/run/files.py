# files.py - names from the files that are meant: deleted, replaced, in other roots, and beside the program.
# SPDX-License-Identifier: MIT
import glob
import os
import shutil
import subprocess

from pprof import tool
from world import Skipped, expect

# So that profiles come while it runs.
PERIODS = {'CONPROF_PERIOD': '1', 'CONPROF_CPU_DURATION': '1'}
# Burns CPU in a function of its own and in one of its library, each time that it gets a line.
APP = '''
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
static __attribute__((noinline)) void NAME(unsigned ms)
{
	struct timespec t;
	volatile unsigned sink = 0;
	clock_t until = clock() + ms * (CLOCKS_PER_SEC / 1000);
	do
		for (int i = 0; i < 100000; i++)
			sink += (unsigned)i * 7;
	while (clock() < until);
	(void)t;
}
int main(int argc, char **argv)
{
	char line[16];
	void *lib = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	void (*work)(unsigned) = lib ? (void (*)(unsigned))dlsym(lib, "lib_work") : NULL;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		NAME(150);
		if (work)
			work(150);
		puts("done");
		fflush(stdout);
	}
	return 3;
}
'''
LIB = '''
#include <time.h>
static __attribute__((noinline)) void NAME(unsigned ms)
{
	volatile unsigned sink = 0;
	clock_t until = clock() + ms * (CLOCKS_PER_SEC / 1000);
	do
		for (int i = 0; i < 100000; i++)
			sink += (unsigned)i * 7;
	while (clock() < until);
}
void lib_work(unsigned ms) { NAME(ms); __asm__ volatile("" ::: "memory"); }
'''


def build(world, target, source, name, *flags):
    """The same code with another name for its inner function."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    text = os.path.join(world.dir, 'text.c')
    with open(text, 'w', encoding='ascii') as f:
        f.write(source)
    shared = ['-fPIC', '-shared'] if source is LIB else []
    subprocess.run(['gcc', '-O1', '-g', *shared, f'-DNAME={name}', *flags, '-o', target, text], check=True)
    return target


class Burner:
    """The app at work; each profile that comes of it goes into a folder."""

    def __init__(self, world, argv, **settings):
        self.world, self.folder = world, os.path.join(world.dir, 'profiles')
        self.settings = {'CONPROF_AGENT_SOCKET': 'dir://' + self.folder, 'CONPROF_CPU_PROFILERATE': '1000',
                         'CONPROF_PROFILE_TYPES': 'cpu', **settings}
        self.child = world.start(argv, self.settings)
        expect(self.child.stdout.readline() == b'ready\n', 'the app did not start')

    def work(self):
        self.child.stdin.write(b'go\n')
        self.child.stdin.flush()
        expect(self.child.stdout.readline() == b'done\n', 'the app did not work')

    def end(self):
        """All names, when everything is there."""
        self.child.stdin.close()
        self.child.stdin = None
        ended = self.world.finish(self.child)
        expect(ended.status == 3 and not ended.err, f'it ended with {ended.status}: {ended.err[:200]!r}')
        self.world.quiet()
        return self.names()

    def names(self):
        """What `go tool pprof -top` shows of all profiles."""
        files = sorted(glob.glob(os.path.join(self.folder, '*.cpu.pprof')))
        return ''.join(tool(['-top', '-nodecount=1000', f]) for f in files)

    def until(self, name):
        """Works on until the name is in a profile."""
        def seen():
            self.work()
            return name in self.names()
        self.world.until(f'{name} was in a profile', seen)


def within(names, *wanted, no=()):
    for name in wanted:
        expect(name in names, f'{name} is not in the profile:\n{names[-1500:]}')
    for name in no:
        expect(name not in names, f'{name} is in the profile:\n{names[-1500:]}')


def deleted(world):
    """Program and library are deleted while it runs: the program has its names when it is gone."""
    app = build(world, os.path.join(world.dir, 'app'), APP, 'own_work')
    burner = Burner(world, [app])
    os.unlink(app)
    burner.work()
    within(burner.end(), 'own_work')


def replaced(world):
    """Both are replaced while they run, without a build-id that would tell: by rename, as an upgrade
    does it. The new ones' names are nobody's."""
    no_id = '-Wl,--build-id=none'
    app = build(world, os.path.join(world.dir, 'app'), APP, 'own_work', no_id)
    lib = build(world, os.path.join(world.dir, 'lib.so'), LIB, 'lib_inner', no_id)
    burner = Burner(world, [app, lib])
    build(world, app + '.new', APP, 'app_other', no_id)
    build(world, lib + '.new', LIB, 'lib_other', no_id)
    os.rename(app + '.new', app)
    os.rename(lib + '.new', lib)
    burner.work()
    within(burner.end(), 'own_work', no=('app_other', 'lib_other', 'lib_inner'))


def replaced_alive(world):
    """The same while it runs on: root reads what is mapped, others see that it is not the file at the
    path. A library that was renamed aside is found under its new name."""
    no_id = '-Wl,--build-id=none'
    app = build(world, os.path.join(world.dir, 'app'), APP, 'own_work', no_id)
    lib = build(world, os.path.join(world.dir, 'lib.so'), LIB, 'lib_inner', no_id)
    aside = build(world, os.path.join(world.dir, 'aside.so'), LIB, 'aside_inner', no_id)
    for path, other in ((lib, 'lib_other'), (aside, 'aside_other')):
        build(world, path + '.new', LIB, other, no_id)
    burner = Burner(world, [app, lib], **PERIODS)
    os.rename(lib + '.new', lib)
    burner.until('own_work' if os.geteuid() else 'lib_inner')
    within(burner.end(), 'own_work', no=('lib_other',))
    burner = Burner(world, [app, aside], **PERIODS)
    os.rename(aside, aside + '.old')
    os.rename(aside + '.new', aside)
    burner.until('aside_inner')
    within(burner.end(), no=('aside_other',))


def upgraded(world):
    """The program that runs is meant, whatever lies at its path; one that is started then is another,
    and both have their own names in one profile. With build-ids and without."""
    for flag in ('-Wl,--build-id=sha1', '-Wl,--build-id=none'):
        app = build(world, os.path.join(world.dir, 'app'), APP, 'own_work', flag)
        burner = Burner(world, [app])
        build(world, app + '.new', APP, 'app_other', flag)
        os.rename(app + '.new', app)
        other = Burner(world, [app])
        burner.work()
        other.work()
        other.child.stdin.close()
        other.child.stdin = None
        world.finish(other.child)
        within(burner.end(), 'own_work', 'app_other')
        shutil.rmtree(burner.folder)


def container(world):
    """A process with another root, beside one of ours whose uploader it joins: files of the same path
    here are not its files, neither while it lives nor when its root is gone."""
    if not shutil.which('bwrap'):
        raise Skipped('there is no bwrap')
    no_id = '-Wl,--build-id=none'
    inside = os.path.join(world.dir, 'inside')
    there = os.path.join(world.dir, 'there')  # the path in both roots
    os.makedirs(os.path.join(inside, 'v1'))
    build(world, os.path.join(there, 'app'), APP, 'app_decoy', no_id)
    build(world, os.path.join(there, 'lib.so'), LIB, 'lib_decoy', no_id)
    build(world, os.path.join(inside, 'app'), APP, 'own_work', no_id)
    build(world, os.path.join(inside, 'v1', 'lib.so'), LIB, 'lib_inner', no_id)
    os.symlink(os.path.join(there, 'v1', 'lib.so'), os.path.join(inside, 'lib.so'))
    beside = build(world, os.path.join(world.dir, 'beside'), APP, 'beside_work')
    # all that is here, wherever the library was built
    root = [arg for part in sorted(os.listdir('/')) if part != 'dev' and os.path.isdir('/' + part)
            for arg in ('--bind', '/' + part, '/' + part)]
    argv = ['bwrap', '--dev-bind', '/dev', '/dev', *root, '--bind', inside, there, '--unshare-pid', '--',
            os.path.join(there, 'app'), os.path.join(there, 'lib.so')]
    for settings in PERIODS, {}:
        outside = Burner(world, [beside], **settings)
        world.until('there was an uploader', world.uploaders)
        burner = Burner(world, argv, **settings)
        if settings:
            burner.until('lib_inner')
        world.until('one uploader served both', lambda: len(world.uploaders()) == 1)
        burner.work()
        burner.child.stdin.close()
        burner.child.stdin = None
        world.finish(burner.child)
        within(outside.end(), 'own_work', no=('app_decoy', 'lib_decoy'))
        shutil.rmtree(outside.folder)


def stripped(world):
    """An app without names, and the folder that has its debug file."""
    app = build(world, os.path.join(world.dir, 'app'), APP, 'own_work')
    served = os.path.join(world.dir, 'served')
    os.mkdir(served)
    subprocess.run(['objcopy', '--only-keep-debug', app, os.path.join(served, 'app.debug')], check=True)
    subprocess.run(['strip', app], check=True)
    return app, served


def stdout(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def build_id(file):
    return stdout('readelf', '-n', file).split('Build ID:')[1].split()[0]


def pack(app, debug):
    """As Fedora does it: the symbols of functions that are no dynamic ones, in xz, inside the app."""
    def functions(*options):
        lines = [line.split() for line in stdout('nm', *options, '--format=posix', '--defined-only', debug).splitlines()]
        return {words[0] for words in lines if words[1] in 'Tt'}
    with open(debug + '.keep', 'w', encoding='ascii') as f:
        f.write('\n'.join(sorted(functions())) + '\n')
    subprocess.run(['objcopy', '-S', '--remove-section', '.comment', '--keep-symbols=' + debug + '.keep', debug,
                    debug + '.mini'], check=True)
    subprocess.run(['xz', debug + '.mini'], check=True)
    subprocess.run(['objcopy', '--add-section', f'.gnu_debugdata={debug}.mini.xz', app], check=True)


def separate(world):
    """Names that lie beside a stripped program: by build-id in a folder of the setting's, by a link to
    a file beside it, packed inside; and that there are none without."""
    for way in ('nowhere', 'build-id', 'debuglink', 'packed'):
        app, served = stripped(world)
        debug = os.path.join(served, 'app.debug')
        if way == 'build-id':
            name = build_id(app)
            os.makedirs(os.path.join(served, '.build-id', name[:2]))
            shutil.copy(debug, os.path.join(served, '.build-id', name[:2], name[2:] + '.debug'))
        elif way == 'debuglink':
            subprocess.run(['objcopy', f'--add-gnu-debuglink={debug}', app], check=True)
            shutil.copy(debug, world.dir)
        elif way == 'packed':
            os.unlink(os.path.join(world.dir, 'app.debug'))
            pack(app, debug)
        burner = Burner(world, [app], CONPROF_DEBUG_DIRS='/nonexistent:' + served)
        burner.work()
        os.unlink(app)  # pprof has nothing to look into
        names = burner.end()
        expect(('own_work' in names) == (way != 'nowhere'), f'{way}: {names[-800:]}')
        for folder in (burner.folder, served):
            shutil.rmtree(folder)


def tests(_build):
    yield 'files_deleted', False, deleted
    for function in (separate, replaced, replaced_alive, upgraded, container):
        yield 'files_' + function.__name__, True, function
