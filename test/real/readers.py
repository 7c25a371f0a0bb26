# readers.py - what we, llvm-symbolizer and addr2line say of the same addresses of a file.
# SPDX-License-Identifier: MIT
import bisect
import collections
import json
import os
import random
import re
import subprocess

PLACE = re.compile(r'^(.*?):(\d+|\?)( \(discriminator \d+\))?$')

Frame = collections.namedtuple('Frame', 'function file line start')


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
    found = [[Frame(w[1], w[2], int(w[3]), int(w[4])) for w in (line.split('\t') for line in block)]
             for block in blocks(text)]
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
    return [[Frame(s['FunctionName'], s['FileName'], s['Line'], s['StartLine'])
             for s in json.loads(line).get('Symbol', [])] for line in text.splitlines()]


def addr2line(path, addresses):
    text = output(['addr2line', '-a', '-i', '-f', '-e', path], addresses)[0]
    found, lines = [], iter(text.splitlines())
    for line in lines:
        if line.startswith('0x') and len(line) == 18:
            found.append([])
            continue
        place = PLACE.match(next(lines))
        number = int(place[2]) if place[2].isdigit() else 0
        found[-1].append(Frame('' if line == '??' else line, '' if place[1] == '??' else place[1], number, 0))
    return found


class Symbols:
    """By nm: all names that start where the symbol around an address starts."""

    def __init__(self, path):
        self.names = collections.defaultdict(set)
        self.ends = {}
        for flag in ('-a', '-D'):
            for line in output(['nm', flag, '-S', '--without-symbol-versions', path])[0].splitlines():
                words = line.split()
                if len(words) == 4 and words[2] in 'tTwWiuV':
                    start, size = int(words[0], 16), int(words[1], 16)
                    self.names[start].add(whole(words[3]))
                    self.ends[start] = max(self.ends.get(start, 0), start + size)
                elif len(words) == 3 and words[1] in 'tTwWiuV':
                    self.names[int(words[0], 16)].add(whole(words[2]))
        self.starts = sorted(self.names)

    def around(self, address):
        at = bisect.bisect_right(self.starts, address)
        return self.names[self.starts[at - 1]] if at else set()

    def is_between(self, address):
        """Whether it is behind the end of the last function that starts before it."""
        at = bisect.bisect_right(self.starts, address)
        return not at or address >= self.ends.get(self.starts[at - 1], 1 << 64)


CLONE = re.compile(r'\.(cold|part\.\d+|constprop\.\d+|isra\.\d+|lto_priv\.\d+|localalias|llvm\.\d+)')


def whole(name):
    """Without the version, and what tells a piece or a copy of a function from the whole."""
    return CLONE.sub('', name.split('@')[0])


TWICE = re.compile(r'(\.?\.?[^/].*?)/\1/')


def plain(path):
    """A relative folder that was put before itself counts once: both others do that to folder 0."""
    twice = TWICE.match(path)
    return os.path.normpath(path[twice.end(1) + 1:] if twice else path) if path else ''


def is_short(one, other):
    """One reader gives DWARF's plain name where another gives the linker's, which has it inside."""
    mangled, name = sorted((one, other), key=lambda n: not n.startswith('_Z'))
    return mangled.startswith('_Z') and not name.startswith('_Z') and bool(name) and f'{len(name)}{name}' in mangled


def difference(mine, other, aliases):
    """What is not the same in two readings of an address: words, or None."""
    if not mine or not other:
        return None if not mine and not any(f.line for f in other) else 'nothing'
    if not mine[0].file and not other[0].line:
        return None  # no DWARF here: what they have is a guess from the symbol table
    if len(mine) != len(other):
        return 'inlined calls'
    found = set()
    for i, (x, y) in enumerate(zip(mine, other)):
        last = i == len(mine) - 1
        if x.line != y.line:
            found.add('line')
        if plain(x.file) != plain(y.file):
            found.add('file' if x.line or y.line else 'file of line 0')
        names = {whole(x.function), whole(y.function)}
        if len(names) > 1 and not names <= aliases and not is_short(*names):
            found.add('name' if last else 'inlined name')
    return ', '.join(sorted(found)) or None


def class_of(address, mine, theirs, symbols):
    """same, between functions, NAME alone: ..., or against both: ..."""
    aliases = symbols.around(address)
    apart = {name: difference(mine, reading, aliases) for name, reading in theirs.items()}
    if not any(apart.values()):
        return 'same'
    if not mine and symbols.is_between(address):
        return 'between functions'
    alone = [name for name, why in apart.items() if why]
    if len(alone) < len(theirs):
        return f'{alone[0]} alone: {apart[alone[0]]}'
    readings = list(theirs.values())
    agreed = len(readings) < 2 or not difference(readings[0], readings[1], aliases)
    return f'against {"both" if agreed else "each"}: ' + ' / '.join(sorted(set(apart.values())))


def starts(mine, llvm):
    """Of the frames whose first line we say: how many, and how often llvm says another."""
    said = other = 0
    for a, b in zip(mine, llvm):
        for x, y in zip(a, b) if len(a) == len(b) else ():
            said += x.start > 0
            other += 0 < x.start != y.start > 0
    return said, other
