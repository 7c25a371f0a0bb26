# made.py - profiles made by hand, for the readers of profiles: stacks and values in, the file's bytes out.
# SPDX-License-Identifier: MIT
import gzip

from itself import block, number, varint


class Texts:
    def __init__(self):
        self.numbers = {'': 0}

    def __call__(self, text):
        return self.numbers.setdefault(text, len(self.numbers))


def profile(stacks, types=(('samples', 'count'), ('cpu', 'nanoseconds')), comments=(), drop='', packed=True):
    """stacks: (functions, the root first; a function may be (name, file, line), or a tuple of tuples that
    were inlined into each other, the caller first; values). Gzip, unless it shall not be packed."""
    text, functions, places, parts = Texts(), {}, {}, []

    def function(one):
        name, file, line = one if isinstance(one, tuple) else (one, '', 0)
        if (name, file) not in functions:
            functions[name, file] = len(functions) + 1
            parts.append(block(5, number(1, functions[name, file]) + number(2, text(name)) +
                               number(3, text(name)) + number(4, text(file)) + number(5, line)))
        return functions[name, file], line

    def place(one):
        if one not in places:
            places[one] = len(places) + 1
            lines = one if isinstance(one, tuple) and isinstance(one[0], tuple) else (one,)
            written = [function(f) for f in reversed(lines)]
            parts.append(block(4, number(1, places[one]) + number(2, 1) + number(3, 0x1000 + places[one]) +
                               b''.join(block(4, number(1, f) + number(2, line)) for f, line in written)))
        return places[one]

    for names, values in stacks:
        ids = b''.join(varint(place(one)) for one in reversed(names))
        parts.append(block(2, block(1, ids) + block(2, b''.join(varint(v & (1 << 64) - 1) for v in values))))
    head = [block(1, number(1, text(t)) + number(2, text(u))) for t, u in types]
    head.append(block(3, number(1, 1) + number(2, 0x1000) + number(3, 0x10000000) + number(5, text('/bin/made'))))
    tail = [number(9, 1700000000 * 10**9), number(10, 10**9), number(7, text(drop)),
            block(13, b''.join(varint(text(c)) for c in comments))]
    strings = [block(6, t.encode()) for t in text.numbers]
    whole = b''.join(head + parts + tail + strings)
    return gzip.compress(whole) if packed else whole
