# cost.py - the tables of the bench: printed, and kept in doc/COST.md between markers.
# SPDX-License-Identifier: MIT
"""doc/COST.md is prose with tables in it. Each table stands between two markers, <!-- bench NAME -->
and <!-- end -->, and what stands there is the bench's; the prose around it is written by hand. A
table that has no markers yet is put at the end under its title."""
import os
import platform
import re
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, '..', '..', 'doc', 'COST.md')


def commit():
    """Which sources were measured; a + says that something was changed since."""
    git = ['git', '-C', HERE]
    try:
        name = subprocess.run(git + ['rev-parse', '--short=7', 'HEAD'], capture_output=True, check=True,
                              text=True).stdout.strip()
        changed = subprocess.run(git + ['status', '--porcelain', '-uno', '../../preload', '../../uploader',
                                        '../../encoder'], capture_output=True, check=True, text=True).stdout
        return name + ('+' if changed else '')
    except (OSError, subprocess.CalledProcessError):
        return '-'


def machine():
    with open('/proc/cpuinfo', encoding='ascii') as f:
        model = [line.split(':')[1].strip() for line in f if line.startswith('model name')]
    return (f"{(model or [platform.machine()])[0]}, {os.cpu_count()} processors, "
            f"Linux {platform.release().split('-')[0]}, glibc {platform.libc_ver()[1]}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}")


class Table:
    """name: its marker. head and rows: strings, the first of a row is its key. keeps: rows that are
    on the page and not among these stay (pieces that fill one table together). counted: what was
    done instead of the rounds."""

    def __init__(self, name, title, head, rows, note='', keeps=False, counted='rounds'):
        self.name, self.title, self.head, self.note, self.keeps = name, title, tuple(head), note, keeps
        self.counted = counted
        self.rows = [tuple(str(cell) for cell in row) for row in rows]

    def body(self):
        """In Markdown, in columns of equal width: it is read as text as well."""
        lines = [self.head] + self.rows
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        laid = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths)) + ' |'
                for line in lines]
        laid.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
        return '\n'.join(laid)

    def section(self, rounds):
        """What stands between the markers. In a table that keeps rows, each says how it was measured."""
        done = f'{rounds} rounds' if self.counted == 'rounds' else self.counted
        said = machine() + ('' if self.keeps else f"; {done}; {commit()}") + '.'
        return f"{self.body()}\n\n{said}" + (f"\n{self.note}" if self.note else '')

    def merge(self, text):
        """Takes over the rows that the page has and this run has not."""
        old = [tuple(cell.strip() for cell in line.strip().strip('|').split('|'))
               for line in text.splitlines() if line.startswith('|')]
        if not old or old[0] != tuple(cell.strip() for cell in self.head):
            return
        new = {row[0]: row for row in self.rows}
        kept = [new.pop(row[0], row) for row in old[2:]]
        self.rows = kept + [row for row in self.rows if row[0] in new]


def keep(table, rounds, page=PAGE):
    """Puts the table on the page."""
    try:
        with open(page, encoding='utf-8') as f:
            text = f.read()
    except FileNotFoundError:
        text = '# What it costs\n'
    begin, end = f'<!-- bench {table.name} -->\n', '\n<!-- end -->'
    if begin not in text:
        text += f'\n## {table.title}\n\n{begin}{end}\n'
    found = re.search(re.escape(begin) + '(.*?)' + re.escape(end), text, re.S)
    if table.keeps:
        table.merge(found[1])
    text = text[:found.start(1)] + table.section(rounds) + text[found.end(1):]
    with open(page, 'w', encoding='utf-8') as f:
        f.write(text)
