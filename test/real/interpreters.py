# interpreters.py - programs that bring a runtime of their own: python, node, java, php, perl, ruby, Go.
# SPDX-License-Identifier: MIT
import os
import re

from commands import work
from real import plain, thrice
from same import tool
from world import expect

WORK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'interpreters_work')
PYTHON = '/usr/bin/python3'
ADDRESS = ((r'0x[0-9a-f]+', 'ADDRESS'),)
NEEDS = ('cpu', 'alloc_objects', 'alloc_space', 'inuse_objects', 'goroutine')


def there(name):
    return os.path.join(WORK, name)


def service(argv):
    """What a program is called in its profiles: as it was called."""
    return os.path.basename(argv[0])


def alike(world, argv, change=ADDRESS, needs=NEEDS, certain=('cpu', 'goroutine'), settings=()):
    thrice(world, work(argv, change, settings), service(argv), needs=needs, certain=certain)


def python(name):
    return lambda world: alike(world, [tool(PYTHON), '-B', there(name)])


def node_prof(world):
    """--prof has SIGPROF and a thread for it: both profilers get what they came for."""
    def life(run):
        ended = run.run([tool('node'), '--prof', there('prof.js')])
        logs = [name for name in os.listdir(run.cwd) if name.endswith('v8.log')]
        ticks = run.read(logs[0]).count('\ntick,') if logs else 0
        return {'status': str(ended.status), 'out': plain(ended.out), 'err': plain(ended.err),
                'ticks': 'many' if ticks > 20 else f'{ticks} in {logs}'}
    thrice(world, life, service([tool('node')]), needs=('cpu',))


def java_classes(world, name):
    """Compiled once for all lives; where they lie."""
    place = os.path.join(world.dir, 'classes')
    if not os.path.exists(place):
        ended = world.run([tool('javac'), '-nowarn', '-Xlint:none', '-XDignore.symbol.file', '-d', place,
                           there(name + '.java')], preload=False)
        expect(ended.status == 0, f'javac: {ended.err[-500:]!r}')
    return place


def java(*options):
    def function(world):
        tool('java')
        place = java_classes(world, 'Load')
        alike(world, [tool('java'), '-Xmx128m', *options, '-cp', place, 'Load'])
    return function


def java_tools(world):
    """jcmd and jstack attach to it; they and it say the same."""
    tool('jcmd')
    place = java_classes(world, 'Wait')

    def life(run):
        child = run.start([tool('java'), '-Xmx64m', '-Xcheck:jni', '-XX:NativeMemoryTracking=summary', '-cp',
                           place, 'Wait'])
        expect(child.stdout.readline() == b'up\n', 'java did not come up')
        said = {}
        for command, pattern in (('VM.version', '.*64-Bit.*'), ('Thread.print', '^"worker.".{0}'),
                                 ('GC.run', '.*success.*'), ('GC.class_histogram', r' java\.lang\.String$'),
                                 ('VM.native_memory', '^-  +(?:Class|Thread|GC)')):
            ended = run.run([tool('jcmd'), str(child.pid), command])
            found = sorted(re.findall(pattern, ended.out.decode(), re.M))
            said[command] = f'{ended.status} {found} {ended.err!r}'
        said['jstack'] = str(run.run([tool('jstack'), str(child.pid)]).out.count(b'"worker'))
        ended = run.world.finish(child)
        said.update(status=str(ended.status), out=plain(ended.out), err=plain(ended.err))
        return said
    thrice(world, life, 'java', needs=('cpu', 'goroutine'))


def go(world, name, static):
    """The program, built for this test by Debian's compiler."""
    source, program = there(name), os.path.join(world.dir, name[:-3])
    env = {'CGO_ENABLED': '0' if static else '1', 'GO111MODULE': 'off', 'GOFLAGS': '',
           'GOCACHE': os.path.join(world.build, 'go'), 'GOTOOLCHAIN': 'local'}
    with world.aside():
        ended = world.run([tool('go'), 'build', '-o', program, source], env, preload=False)
    expect(ended.status == 0, f'go build: {ended.err[-500:]!r}')
    return program


def go_alone(world):
    """To a static program we are not there: only its children, which are not, are profiled."""
    program = go(world, 'alone.go', True)
    thrice(world, work([program]), 'sh', needs=(), certain=())


def go_cgo(world):
    program = go(world, 'cgo.go', False)
    alike(world, [program])


def go_cgo_prof(world):
    """With runtime/pprof, which has ITIMER_PROF and timers of its own on SIGPROF."""
    program = go(world, 'cgo.go', False)
    thrice(world, work([program, 'profile']), service([program]), needs=('cpu', 'goroutine'))


def ruby(world):
    alike(world, [tool('ruby'), there('load.rb')])



def tests(_build):
    for name in ('processes', 'events', 'signals'):
        yield 'python_' + name, True, python(name + '.py')
    # Where ITIMER_PROF serves, SIGPROF is shared with the program, but not with its vfork children.
    yield 'python_events_itimer', True, lambda world: alike(
        world, [tool(PYTHON), '-B', there('events.py')], needs=('goroutine',), certain=('goroutine',),
        settings={'CONPROF_CPU_TIMER': 'itimer'})
    for name in ('threads', 'cluster'):
        yield 'node_' + name, True, \
            lambda world, n=name: alike(world, [tool('node'), there(n + '.js')])
    yield 'node_prof', True, node_prof
    yield 'java_checked', True, java('-Xcheck:jni', '-XX:+UseSerialGC')
    yield 'java_parallel', True, java('-XX:+UseParallelGC', '-Xss256k')
    yield 'java_zgc', True, java('-XX:+UseZGC')
    yield 'java_tools', True, java_tools
    for name in ('load', 'limit'):
        yield 'php_' + name, True, lambda world, n=name: alike(world, [tool('php'), there(n + '.php')])
    yield 'perl_load', True, lambda world: alike(world, [tool('perl'), there('load.pl')])
    yield 'ruby_load', True, ruby
    yield 'go_alone', True, go_alone
    yield 'go_cgo', True, go_cgo
    yield 'go_cgo_prof', True, go_cgo_prof
