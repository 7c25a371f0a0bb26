# pprof.py - profiles as the real `go tool pprof` reads them.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import subprocess

from world import expect

SAMPLE = re.compile(r'^((?:\s+-?\d+)+): ((?:\d+ ?)*)$')
LABEL = re.compile(r'(\S+):\[([^\]]*)\]')
LOCATION = re.compile(r'^\s+(\d+): 0x[0-9a-f]+ (?:M=(\d+) )?(?:\[F\] )?(.*)$')
LINE = re.compile(r'^(.*) (\S*):(-?\d+)(?::\d+)? s=-?\d+(?:\(.*\))?$')


def go():
    """The newest of Debian's Go tools."""
    found = sorted(glob.glob('/usr/lib/go-*/bin/go'),
                   key=lambda p: [int(n) for n in re.findall(r'\d+', p)])
    expect(found, 'no Go in /usr/lib/go-*: install golang-go')
    return found[-1]


def tool(args, seconds=600, more=()):  # the limit is for one that hangs
    env = {'PATH': '/usr/bin:/bin', 'HOME': '/nonexistent', 'GO111MODULE': 'off', 'GOFLAGS': '',
           'PPROF_TMPDIR': '/nonexistent', 'GOCACHE': '/nonexistent'}
    env.update(more)
    done = subprocess.run([go(), 'tool', 'pprof'] + args, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=seconds,
                          check=False)
    expect(done.returncode == 0, f'go tool pprof: {done.stderr.decode("utf-8", "replace")[:300]}')
    return done.stdout.decode('utf-8', 'replace')


class Sample:
    def __init__(self, values, stack, labels, places=()):
        self.values, self.stack, self.labels = values, stack, labels
        self.places = places  # (mapping's number or None, functions), leaf first

    def root(self):
        """The function at the root; '' when it has no name."""
        return self.places[-1][1][-1] if self.places and self.places[-1][1] else ''

    def has(self, function):
        """Whether the function is in the stack; its parameters need not be given."""
        return any(f == function or f.startswith(function + '(') for f in self.stack)

    def pid(self):
        for key in ('pid', 'process_id'):
            if key in self.labels:
                return int(self.labels[key])
        return None


class Profile:
    """One file, read by `pprof -raw`."""

    def __init__(self, file):
        self.file = file
        self.header = {}
        self.types = []
        self.samples = []
        self.files = {}  # of mappings, by number
        self.read(tool(['-raw', file]))

    def read(self, text):
        lines = text.splitlines()
        start, places = lines.index('Samples:'), lines.index('Locations')
        maps = lines.index('Mappings')
        for line in lines[:start]:
            name, _, value = line.partition(': ')
            self.header[name] = value
        self.types = [t.split('/')[0] for t in lines[start + 1].replace('[dflt]', '').split()]
        stacks = self.locations(lines[places + 1:maps])
        for line in lines[maps + 1:]:
            number, _, rest = line.partition(': ')
            self.files[number] = (rest.split() + ['', ''])[1]
        for line in lines[start + 2:places]:
            match = SAMPLE.match(line)
            if match:
                where = [stacks[int(i)] for i in match[2].split()]
                frames = [f for _, functions in where for f in functions]
                self.samples.append(Sample([int(v) for v in match[1].split()], frames, {}, where))
            elif self.samples:
                self.samples[-1].labels.update(LABEL.findall(line))

    def module(self, place):
        """The file that a place lies in; None: in none."""
        return self.files.get(place[0]) if place[0] else None

    @staticmethod
    def locations(lines):
        stacks, here = {}, None
        for line in lines:
            match = LOCATION.match(line)
            if match:
                here = stacks.setdefault(int(match[1]), (match[2], []))[1]
            function = LINE.match(match[3] if match else line.strip())
            if function:
                here.append(function[1])
        return stacks

    def sum(self, type_, function=None, pid=None):
        at = self.types.index(type_)
        return sum(s.values[at] for s in self.samples
                   if (function is None or s.has(function)) and (pid is None or s.pid() == pid))


def top(files, type_, unit):
    """Cumulative values by function, of the merged files, as `pprof -top` shows them."""
    text = tool(['-top', '-cum', '-nodecount=1000000', '-nodefraction=0', '-sample_index=' + type_,
                 '-unit=' + unit] + files)
    rows = {}
    for line in text.splitlines():
        match = re.match(r'^\s*(\S+)\s+\S+%\s+\S+%\s+(\S+)\s+\S+%\s+(.*)$', line)
        if match:
            rows[match[3].replace(' (inline)', '')] = float(re.sub(r'[a-zA-Z]+$', '', match[2]))
    return rows
