# cpu_truths.py - CPU time against the kernel's clocks: sums by thread and process, short threads, shares of functions.
# SPDX-License-Identifier: MIT
#
# The programs are those of test/truth, with arguments. What may be chance is computed:
#   totals   nothing: a thread is off by less than a period, which is less than 1 % of what it works here
#   brief    of a thread's life t as many periods P are counted as end in it, the first end being uniform in one: the
#            expectation is t/P, the variance f(1-f), f the fraction of t/P, at most 1/4. Beside chance, 1 %
#   shares   Student's t over the runs, for each function, at p = 0.001 for all five together; whatever the variance of
#            a sample is (the kernel looks every 4 ms, a sample then weighs several periods), it is in the runs' own
import math
import os
import time

from pprof import Profile
from receiver import Receiver
from world import expect

P = 0.001
FUNCTIONS = 'abcde'


def run(world, receiver, rate, program, *args, within=60, timer='auto'):
    """One run: (what it printed, its pid)."""
    world.deadline = time.monotonic() + within
    child = world.start([os.path.join(world.build, 'truth', program), *map(str, args)],
                        {'CONPROF_CPU_PROFILERATE': str(rate), 'CONPROF_AGENT_SOCKET': receiver.url,
                         'CONPROF_PROFILE_TYPES': 'cpu', 'CONPROF_CPU_TIMER': timer})
    ended = world.finish(child)
    expect(ended.status == 0 and not ended.err, f'ended with {ended.status}: {ended.err[-300:]!r}')
    return ended.printed(), child.pid


class Told:
    """The CPU time that all uploads tell of a process, by function."""

    def __init__(self, world, receiver):
        world.deadline = time.monotonic() + 60
        world.quiet()
        self.profiles = [Profile(file) for file in receiver.files('cpu.pprof')]
        receiver.stop()

    def of(self, pid, function=None):
        return sum(p.sum('cpu', function, pid) for p in self.profiles)


def percent(told, true):
    return f'{100 * (told - true) / true:+.2f}%'


def totals(world, rate, threads, ms):
    """Each thread within 1 % of its own clock, the process within 1 % of getrusage."""
    receiver = Receiver(world)
    printed, pid = run(world, receiver, rate, 'cpu_totals', threads, ms, within=60 + threads * ms // 250)
    told = Told(world, receiver)
    wrong = []
    for name, true in printed.items():
        got = told.of(pid, None if name == 'cpu_ns' else name)
        if abs(got - true) > 0.01 * true:
            wrong.append(f'{name} {percent(got, true)}')
    expect(len(printed) == threads + 1, f'it printed {printed}')
    expect(not wrong, ', '.join(wrong))


def brief(world, rate, count, us, timer='auto'):
    """Threads that end before the kernel looks."""
    receiver = Receiver(world)
    printed, pid = run(world, receiver, rate, 'threads_brief', count, us, within=120 + count * us // 50000,
                       timer=timer)
    got, true, period = Told(world, receiver).of(pid, 'brief'), printed['brief_ns'], 1e9 / rate
    life = true / count / period
    # Where lives are several periods long, their fractions differ by more than a little.
    variance = (life % 1) * (1 - life % 1) if life < 1 else 0.25
    allowed = 3.29 * math.sqrt(count * variance) * period + 0.01 * true
    expect(abs(got - true) <= allowed, f'{percent(got, true)}, {100 * allowed / true:.2f}% may be')
    expect(allowed <= 0.07 * true, f'too few to see {100 * allowed / true:.1f}%')


def tail(t, freedom):
    """How likely Student's t is to be beyond +-t: the density's integral by Simpson's rule."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi * freedom)

    def density(x):
        return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)
    steps = 2000
    h = t / steps
    inner = density(0) + density(t) + sum((4 if i % 2 else 2) * density(i * h) for i in range(1, steps))
    return 1 - 2 * inner * h / 3


def beyond(p, freedom):
    """The t that is exceeded with this probability."""
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, freedom) > p else (low, middle)
    return high


def judge_shares(runs, seen):
    """runs: for each, {function: (told, true)}, shares of one. What is off is named."""
    limit, wrong = beyond(P / len(FUNCTIONS), len(runs) - 1), []
    for f in FUNCTIONS:
        off = [told - true for told, true in (r[f] for r in runs)]
        mean = sum(off) / len(off)
        error = math.sqrt(sum((x - mean) ** 2 for x in off) / (len(off) - 1) / len(off))
        text = f'{f}: {100 * mean:+.2f} points, {100 * limit * error:.2f} may be chance'
        if abs(mean) > limit * error:
            wrong.append(text)
        elif limit * error > seen:
            wrong.append(f'{text}: {100 * seen:.1f} are to be seen')
        if os.environ.get('TEST_BOOKS'):
            print(text)
    return wrong


def shares(world, rate, count, ms, seen):
    """No function has more or less than its share, over many runs."""
    receiver = Receiver(world)
    done = [run(world, receiver, rate, 'cpu_functions', ms) for _ in range(count)]
    told = Told(world, receiver)
    runs = []
    for printed, pid in done:
        got = {f: told.of(pid, f) for f in FUNCTIONS}
        expect(sum(got.values()), f'of process {pid} nothing was told')
        runs.append({f: (got[f] / sum(got.values()), printed[f] / sum(printed[f] for f in FUNCTIONS))
                     for f in FUNCTIONS})
    wrong = judge_shares(runs, seen)
    expect(not wrong, '; '.join(wrong))


def tests(build):
    for rate, ms in ((100, 2000), (1000, 500)):
        for threads in (1, 2, 4, 8):
            yield f'cpu_totals_{rate}_{threads}', True, \
                lambda world, r=rate, t=threads, m=ms: totals(world, r, t, m)
        yield f'cpu_brief_{rate}', True, lambda world, r=rate: brief(world, r, 10000, 3000)
        yield f'cpu_functions_{rate}', True, lambda world, r=rate: shares(world, r, 24, 1500, 0.05)
    yield 'cpu_brief_itimer', False, lambda world: brief(world, 1000, 400, 3000, 'itimer')
    yield 'cpu_brief_tenth', True, lambda world: brief(world, 1000, 10000, 300)
