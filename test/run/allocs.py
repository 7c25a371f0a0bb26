# allocs.py - runs each program of test/truth/books several times and asks whether its heap profiles are biased.
# SPDX-License-Identifier: MIT
#
# The comment's language, a line each, after "// truth: ", is that of truths.py, and
#   runs N [WORD...]      it runs N times, with these arguments
#   slowly N [WORD...]    the same as a slow test of its own
#   sharp SITE POOLED     what must be seen by those that follow, in percent: of one site's value, and of all together
#   within N              the watchdog, for each run
#
# The program prints its books (books.h). A block of n bytes is sampled with chance p = 1-exp(-(n+1)/interval),
# independently of others, and stands for 1/p blocks. So the estimate of sum(v) over blocks (v is 1 or n) has the
# variance sum(v^2 (1-p)/p), exactly, and no error of its own but that of whole numbers. By Bernstein's bound, which
# assumes no normal distribution, it is off by more than
#     t = LM/3 + sqrt((LM/3)^2 + 2LV),  L = ln(2K/a)
# (V the variance, M the most that one block can move it) with a chance below a for all K values together: each
# site's four, and for each of the four one of all sites together, weighted so that what is common to all is seen
# best. a = 0.001 for a program; who fails has one more try, so a right profiler is refused once in a million times.
# A test that could not see what `sharp` demands fails as well.
import math
import os
import glob
import time
from collections import defaultdict

from receiver import Receiver
from truths import Readings, Truth, judge
from world import expect

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'truth', 'books')
ALPHA = 0.001
OBJECT_ONE = 1024  # recording.h
DIMS = {'alloc_objects': (0, 0), 'alloc_space': (0, 1), 'inuse_objects': (1, 0), 'inuse_space': (1, 1)}
AFTERWARDS = 40


class Books(Truth):
    def __init__(self, path):
        self.variants, self.sharp, self.within = [], (5, 2), 30
        super().__init__(path)

    def state(self, text):
        word, *rest = text.split()
        if word in ('runs', 'slowly'):
            self.variants.append((word == 'slowly', int(rest[0]), rest[1:], self.sharp))
        elif word == 'sharp':
            self.sharp = tuple(float(n) for n in rest)
        elif word == 'within':
            self.within = int(rest[0])
        else:
            super().state(text)

    def interval(self):
        return int(self.settings.get('CONPROF_HEAP_SAMPLE_INTERVAL', 524288))


class Value:
    """One of a site's four: what is true, what was told, and how far chance may take it."""

    def __init__(self, name, interval, blocks, by_size):
        self.name, self.told = name, 0
        self.true = self.variance = self.most = self.rounding = 0
        for size, count in blocks.items():
            v = size if by_size else 1
            x = (size + 1) / interval
            p = -math.expm1(-x)
            self.true += count * v
            fine = 1 if by_size else OBJECT_ONE
            self.rounding += count * (p * round(v / p * fine) / fine - v)
            # Blocks that are sampled as good as always have no variance worth the name.
            if count * math.exp(-x) > 1e-12:
                self.variance += count * v * v * math.exp(-x) / p
                self.most = max(self.most, v * max(1, 1 / p - 1))

    def allowed(self, comparisons):
        level = math.log(2 * comparisons / ALPHA)
        third = level * self.most / 3
        return third + math.sqrt(third * third + 2 * level * self.variance) + abs(self.rounding)

    def verdict(self, comparisons, sharp):
        allowed = self.allowed(comparisons)
        off = self.told - self.true
        text = f'{self.name}: {self.told:.6g}, true is {self.true:.6g}'
        if self.true:
            text += f' ({100 * off / self.true:+.2f}%, {100 * allowed / self.true:.2f}% may be chance'
            text += f', {off / math.sqrt(self.variance):+.1f} s.d.)' if self.variance else ')'
        if abs(off) > allowed:
            return text
        if allowed > sharp / 100 * self.true and self.true:
            return f'{text}: too few samples, {sharp}% is to be seen'
        return None


def pooled(name, values):
    """What is the same share of each site's value, by the sites' precision. Those that are exact, or as
    good as that, are judged alone: they would outweigh all others."""
    whole = Value(name, 1, {}, False)
    for value in values:
        if value.variance > (0.0005 * value.true) ** 2:
            weight = value.true / value.variance
            whole.true += weight * value.true
            whole.told += weight * value.told
            whole.variance += weight * weight * value.variance
            whole.most = max(whole.most, weight * value.most)
            whole.rounding += weight * value.rounding
    return whole


def books_of(ended):
    """site -> ({size: allocated}, {size: alive}), from what the program printed."""
    books = defaultdict(lambda: (defaultdict(int), defaultdict(int)))
    for line in ended.out.decode().splitlines():
        words = line.split()
        if words[:1] == ['site'] and len(words) == 5:
            for i in (0, 1):
                books[words[1]][i][int(words[2])] += int(words[3 + i])
    expect(books, f'it printed no books: {ended.out[-300:]!r}')
    return books


def values_of(books, readings, interval):
    """DIM -> the value of each site."""
    values = defaultdict(list)
    for site, (allocated, alive) in books.items():
        sums = readings.sums(site)
        for dim, (which, by_size) in DIMS.items():
            value = Value(f'{dim} {site}', interval, (allocated, alive)[which], by_size)
            value.told, numbers = sums[dim]
            # A number of objects is told as a whole one, in each sample of each file.
            if value.variance and not by_size:
                value.variance += numbers / 4
                value.most = max(value.most, 1)
            values[dim].append(value)
    return values


class HeapReadings(Readings):
    def sums(self, function):
        """DIM -> (what the profiles of all runs say of it, in how many numbers)."""
        sums = {dim: [0, 0] for dim in DIMS}
        alive = {}  # (dim, pid) -> (seq, sum, numbers): of what is alive, the last word of each process
        for seq, _, _, profile in self.profiles.get('heap.pprof', []):
            for dim in DIMS:
                at = profile.types.index(dim)
                for s in profile.samples:
                    told = s.values[at] if s.has(function) else 0
                    if dim.startswith('alloc'):
                        sums[dim][0] += told
                        sums[dim][1] += told != 0
                        continue
                    last = alive.get((dim, s.pid()), (-1, 0, 0))
                    if seq > last[0]:
                        last = (seq, 0, 0)
                    if seq == last[0]:
                        alive[dim, s.pid()] = (seq, last[1] + told, last[2] + (told != 0))
        for (dim, _), (_, told, numbers) in alive.items():
            sums[dim][0] += told
            sums[dim][1] += numbers
        return sums


def unbiased(world, truth, books, receiver, sharp):
    values = values_of(books, HeapReadings(receiver), truth.interval())
    comparisons = 4 * (len(books) + 1)
    wrong = []
    for dim, sites in values.items():
        wrong += [value.verdict(comparisons, sharp[0]) for value in sites]
        wrong.append(pooled(f'{dim} of all sites', sites).verdict(comparisons, sharp[1]))
    if os.environ.get('TEST_BOOKS'):
        for dim, sites in values.items():
            for value in sites + [pooled(f'{dim} of all sites', sites)]:
                print(f'{world.name}: {value.verdict(comparisons, -1) or "exact"}')
    wrong = [w for w in wrong if w]
    expect(not wrong, f'of {comparisons} values {len(wrong)}: ' + '; '.join(wrong))


def run(world, truth, argv, runs, sharp):
    receiver = Receiver(world)
    settings = dict(truth.settings, CONPROF_AGENT_SOCKET=receiver.url)
    books = defaultdict(lambda: (defaultdict(int), defaultdict(int)))
    for _ in range(runs):
        world.deadline = time.monotonic() + truth.within
        child = world.start(argv, settings)
        if truth.hold:
            came = len(receiver.accepted())
            world.until(f'{truth.hold} uploads had come',
                        lambda: len(receiver.accepted()) >= came + truth.hold or child.poll() is not None)
        ended = world.finish(child)
        expect(ended.status in truth.ends and not ended.err, f'ended with {ended.status}: {ended.err[-300:]!r}')
        for site, both in books_of(ended).items():
            for i in (0, 1):
                for size, count in both[i].items():
                    books[site][i][size] += count
    world.deadline = time.monotonic() + AFTERWARDS
    world.quiet()
    judge(world, truth, ended, receiver)
    unbiased(world, truth, books, receiver, sharp)


def tests(build):
    """(name, slow, function) for each variant of each program."""
    folder = os.path.join(os.path.abspath(build), 'truth')
    for path in sorted(glob.glob(os.path.join(FOLDER, '*.c')) + glob.glob(os.path.join(FOLDER, '*.cpp'))):
        truth = Books(path)
        name = os.path.splitext(os.path.basename(path))[0]
        for slow, runs, words, sharp in truth.variants:
            argv = [os.path.join(folder, name)] + words
            yield f'books_{name}' + '_slow' * slow, slow, \
                lambda world, t=truth, a=argv, r=runs, s=sharp: run(world, t, a, r, s)
