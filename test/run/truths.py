# truths.py - runs each program of test/truth and compares its profiles with what its comment states.
# SPDX-License-Identifier: MIT
#
# The comment's language, a line each, after "// truth: ":
#   with NAME=VALUE...           settings it runs under
#   hold N                       its stdin stays open until N uploads have come
#   memory BYTES                 in a memory cgroup of that size, or under RLIMIT_AS where none can be made
#   exit N, signal N             how it must end; alternatives by "or"
#   slow                         not among the fast tests
#   batches = N, batches >= N    how many uploads its program makes
#   DIM FUNC[@PROC][/FUNC[@PROC]] = VALUE TOLERANCE
# DIM is a sample type. FUNC is a function anywhere in the stack, or total. PROC is a name under which
# the program printed a process id. VALUE is a number or "printed NAME". TOLERANCE is +-N% or exactly.
import glob
import os
import re
import resource
import signal
import time

from pprof import Profile
from receiver import Receiver
from world import Failed, expect

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {'samples': 'cpu.pprof', 'cpu': 'cpu.pprof', 'goroutine': 'goroutines.pprof',
         'alloc_objects': 'heap.pprof', 'alloc_space': 'heap.pprof',
         'inuse_objects': 'heap.pprof', 'inuse_space': 'heap.pprof'}
CHECK = re.compile(r'^(\w+) ([^@/ ]+)(?:@(\w+))?(?:/([^@/ ]+)(?:@(\w+))?)? = (?:([\d.]+)|printed (\w+)) '
                   r'(?:\+-([\d.]+)%|(exactly))$')


class Truth:
    mark = '// truth: '

    def __init__(self, path):
        self.path = path
        self.settings, self.hold, self.memory, self.slow = {}, 0, 0, False
        self.ends, self.batches, self.checks = [], None, []
        with open(path, encoding='utf-8') as f:
            for line in f:
                if line.startswith(self.mark):
                    self.state(line[len(self.mark):].strip())
        if not self.ends:
            raise ValueError(f'{path} does not say how it ends')

    def state(self, text):
        word, _, rest = text.partition(' ')
        if word == 'with':
            self.settings.update(pair.split('=', 1) for pair in rest.split())
        elif word == 'hold':
            self.hold = int(rest)
        elif word == 'slow':
            self.slow = True
        elif word == 'memory':
            self.memory = int(rest)
        elif word in ('exit', 'signal'):
            for one in text.split(' or '):
                kind, number = one.split()
                self.ends.append(int(number) if kind == 'exit' else -int(number))
        elif word == 'batches':
            sign, number = rest.split()
            self.batches = (sign, int(number))
        else:
            match = CHECK.match(text)
            if not match or match[1] not in FILES:
                raise ValueError(f'{self.path}: cannot read "{text}"')
            self.checks.append((text, match.groups()))


class Readings:
    """All profiles that a receiver took, and what they add up to."""

    def __init__(self, receiver):
        self.profiles = {}
        for name in set(FILES.values()):
            for file in receiver.files(name):
                base = os.path.basename(file)
                seq, rest = int(base[:4]), base[5:]
                service = rest[:rest.rindex('-', 0, rest.index(name))]
                service = service[:-len('-delta')] if service.endswith('-delta') else service
                tag = int(re.search(r'-(\d+)\.', base)[1])
                self.profiles.setdefault(name, []).append((seq, service, tag, Profile(file)))

    def value(self, dim, function, pid):
        rows = {}
        at = None
        for seq, service, tag, profile in sorted(self.profiles.get(FILES[dim], []),
                                                 key=lambda p: p[0]):
            at = profile.types.index(dim)
            for s in profile.samples:
                owner = s.pid() or tag
                if pid is None or owner == pid:
                    value = s.values[at] if function == 'total' or s.has(function) else 0
                    rows.setdefault((service, owner), {}).setdefault(seq, 0)
                    rows[service, owner][seq] += value
        # What is alive is a state: the last word of each process counts; of threads, the first one,
        # because their program holds still for that. What was spent or allocated adds up.
        if dim.startswith('inuse_'):
            return sum(by_seq[max(by_seq)] for by_seq in rows.values())
        if dim == 'goroutine':
            return sum(by_seq[min(by_seq)] for by_seq in rows.values())
        return sum(sum(by_seq.values()) for by_seq in rows.values())


def compare(readings, text, check, printed):
    dim, func, proc, per, per_proc, number, name, percent, _ = check

    def of(function, process):
        if process and process not in printed:
            raise Failed(f'{text}: the program printed no {process}')
        return readings.value(dim, function, printed[process] if process else None)

    got = of(func, proc)
    if per:
        below = of(per, per_proc)
        if not below:
            return f'{text}: {per} has nothing'
        got /= below
    if name and name not in printed:
        return f'{text}: the program printed no {name}'
    want = float(number) if number else printed[name]
    allowed = abs(want) * float(percent) / 100 if percent else 0
    if abs(got - want) <= allowed:
        return None
    off = f' ({100 * (got - want) / want:+.1f}%)' if want else ''
    return f'{text}: got {got:.6g}{off}, wanted {want:.6g}'


def cgroup(world, size):
    """A memory cgroup of this size below our own, or None."""
    with open('/proc/self/cgroup', encoding='ascii') as f:
        lines = [line.strip().split(':', 2) for line in f]
    for root, path, limit in [('/sys/fs/cgroup/memory', p, 'memory.limit_in_bytes')
                              for _, c, p in lines if 'memory' in c.split(',')] + \
            [('/sys/fs/cgroup', p, 'memory.max') for _, c, p in lines if c == '']:
        for parent in (root + path, root):
            folder = os.path.join(parent, os.path.basename(world.dir))
            try:
                os.mkdir(folder)
            except OSError:
                continue
            try:
                with open(os.path.join(folder, limit), 'w', encoding='ascii') as f:
                    f.write(str(size))
                return folder
            except OSError:
                os.rmdir(folder)
    return None


def confine(world, size):
    """What the child must do before it becomes the target, and what is to be removed afterwards."""
    folder = cgroup(world, size)

    def enter():
        if folder:
            with open(os.path.join(folder, 'cgroup.procs'), 'w', encoding='ascii') as f:
                f.write(str(os.getpid()))
        else:
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
    return enter, folder


def run(world, truth, binary):
    receiver = Receiver(world)
    settings = dict(truth.settings, CONPROF_AGENT_SOCKET=receiver.url)
    enter, folder = confine(world, truth.memory) if truth.memory else (None, None)
    try:
        child = world.start([binary], settings, preexec_fn=enter)
        if truth.hold:
            world.until(f'{truth.hold} uploads had come',
                        lambda: len(receiver.accepted()) >= truth.hold or child.poll() is not None)
        ended = world.finish(child)
        world.quiet()
    finally:
        if folder:
            clear(folder)
    judge(world, truth, ended, receiver)


def clear(folder):
    """Ends whoever is in the cgroup, and removes it. What went wrong before is what the test tells: so
    this asks for none of its time and raises nothing."""
    for _ in range(500):
        try:
            with open(os.path.join(folder, 'cgroup.procs'), encoding='ascii') as f:
                for pid in f.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            os.rmdir(folder)
            return
        except OSError:
            time.sleep(0.02)
    print(f'  {folder} could not be removed')


def judge(world, truth, ended, receiver):
    wrong = []
    if ended.status not in truth.ends:
        wrong.append(f'ended with {ended.status}, not {truth.ends}')
    if ended.err:
        wrong.append(f'wrote on stderr: {ended.err[:200]!r}')
    service = os.path.splitext(os.path.basename(truth.path))[0]
    mine = [r for r in receiver.accepted() if r['service'] == service]
    if not mine:
        raise Failed('; '.join(wrong + ['no upload came']) + world.last_log())
    readings = Readings(receiver)
    printed = ended.printed()
    wrong += filter(None, (compare(readings, text, check, printed)
                           for text, check in truth.checks))
    if truth.batches:
        sign, number = truth.batches
        if not (len(mine) >= number if sign == '>=' else len(mine) == number):
            wrong.append(f'{len(mine)} batches, wanted {sign} {number}')
    if [int(r['profile_seq']) for r in mine] != list(range(len(mine))):
        wrong.append('profile_seq runs ' + ' '.join(r['profile_seq'] for r in mine))
    try:
        receiver.stop()
    except Failed as e:
        wrong.append(str(e))
    expect(not wrong, '; '.join(wrong))


def tests(build):
    """(name, slow, function) for each truth."""
    for path in sorted(glob.glob(os.path.join(HERE, '..', 'truth', '*.c')) +
                       glob.glob(os.path.join(HERE, '..', 'truth', '*.cpp'))):
        truth = Truth(path)
        name = os.path.splitext(os.path.basename(path))[0]
        binary = os.path.join(os.path.abspath(build), 'truth', name)
        yield 'truth_' + name, truth.slow, lambda world, t=truth, b=binary: run(world, t, b)
