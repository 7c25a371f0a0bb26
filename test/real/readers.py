# readers.py - what we, llvm-symbolizer and addr2line say of the same addresses of a file.
# SPDX-License-Identifier: MIT
import bisect
import collections
import json
import os
import random
import re
import subprocess

CALL = re.compile(r'^ *([0-9a-f]+):\t(\S+ )*?(call|blr?)\b')
PLACE = re.compile(r'^(.*?):(\d+|\?)( \(discriminator \d+\))?$')

Frame = collections.namedtuple('Frame', 'function file line')


def output(argv, addresses=None, **more):
    text = ''.join(f'{a:#x}\n' for a in addresses) if addresses is not None else None
    done = subprocess.run(argv, input=text, capture_output=True, text=True, errors='replace', check=True, **more)
    return done.stdout, done.stderr


def code(path):
    """(start, end) of the sections with code."""
    found = []
    for line in output(['readelf', '-SW', path])[0].splitlines():
        words = line.replace('[ ', '[').split()
        if len(words) > 8 and words[0].startswith('[') and words[2] in ('PROGBITS', 'NOBITS') and 'X' in words[7] \
                and words[1].startswith('.text'):
            found.append((int(words[3], 16), int(words[3], 16) + int(words[5], 16)))
    return found


def behind_calls(path):
    """The last byte of each call: what the unwinder asks for."""
    text, found, called = output(['objdump', '-d', '--no-show-raw-insn', path])[0], [], False
    for line in text.splitlines():
        head, tab, rest = line.partition(':\t')
        if not tab:
            continue
        if called:
            found.append(int(head, 16) - 1)
        called = rest.startswith(('call', 'bnd call', 'notrack call'))
    return found


def choose(path, count, seed=1):
    """So many addresses: half of them behind calls, the others anywhere in the code."""
    draw = random.Random(seed)
    calls, places = behind_calls(path), code(path)
    draw.shuffle(calls)
    chosen = set(calls[:count // 2])
    sizes = [end - start for start, end in places]
    while len(chosen) < min(count, sum(sizes) // 2):
        start, end = draw.choices(places, sizes)[0]
        chosen.add(draw.randrange(start, end))
    return sorted(chosen)


def ours(tool, path, addresses):
    """[[Frame...]...], and what it cost, by word."""
    text, said = output([tool, path], addresses)
    found = []
    for block in ('\n' + text).split('\n\n')[:len(addresses)] if False else blocks(text):
        found.append([Frame(w[1], w[2], int(w[3])) for w in (line.split('\t') for line in block)])
    words = said.split()
    return found, {k: int(v) for k, v in zip(words[::2], words[1::2])}


def blocks(text):
    block = []
    for line in text.split('\n')[:-1]:
        if line:
            block.append(line)
        else:
            yield block
            block = []


def llvm(path, addresses):
    text = output(['llvm-symbolizer', '--output-style=JSON', '--no-demangle', '--functions=linkage', '--obj=' + path],
                  addresses)[0]
    return [[Frame(s['FunctionName'], s['FileName'], s['Line']) for s in json.loads(line).get('Symbol', [])]
            for line in text.splitlines()]


def addr2line(path, addresses):
    text = output(['addr2line', '-a', '-i', '-f', '-e', path], addresses)[0]
    found, lines = [], iter(text.splitlines())
    for line in lines:
        if line.startswith('0x') and len(line) == 18:
            found.append([])
            continue
        place = PLACE.match(next(lines))
        number = int(place[2]) if place[2].isdigit() else 0
        found[-1].append(Frame('' if line == '??' else line, '' if place[1] == '??' else place[1], number))
    return found


class Symbols:
    """By nm: all names that start where the symbol around an address starts."""

    def __init__(self, path):
        self.names = collections.defaultdict(set)
        for flag in ('-a', '-D'):
            for line in output(['nm', flag, '--without-symbol-versions', path])[0].splitlines():
                words = line.split(' ', 2)
                if len(words) == 3 and words[0] and words[1] in 'tTwWiuV':
                    self.names[int(words[0], 16)].add(words[2])
        self.starts = sorted(self.names)

    def around(self, address):
        at = bisect.bisect_right(self.starts, address)
        return self.names[self.starts[at - 1]] if at else set()
