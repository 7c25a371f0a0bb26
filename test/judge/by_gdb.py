# by_gdb.py - inside gdb, attached to a program that has the judge in it: gdb's stack against ours.
# SPDX-License-Identifier: MIT
"""gdb -batch -nx -p PID -ex 'python INSTANTS = 200' -x by_gdb.py

The judge traps at each instant, in the handler, while it is asked to (judge.c). gdb walks from there through the
handler's frame into what was interrupted. At the end one line with sums, and one for each kind of disagreement."""
import collections
import struct
import time

import gdb

FRAMES = 512
SECONDS = 25  # a program that has nothing to do is not waited for
NOWHERE = 65536  # nothing is ever mapped below: who goes on to there has lost its way (judge.c: theirs_astray)
sums, kinds = collections.Counter(), collections.Counter()


def words(inferior, name, count):
    at = int(gdb.parse_and_eval(f'(unsigned long)&judge_moment.{name}'))
    return list(struct.unpack(f'{count}Q', inferior.read_memory(at, 8 * count).tobytes()))


def interrupted():
    """The frame that the judge's own handler interrupted."""
    frame = gdb.newest_frame()
    while frame and frame.type() != gdb.SIGTRAMP_FRAME:
        frame = frame.older()
    return frame and frame.older()


def walk(frame):
    """Its stack, and why it ended. Inlined functions and tail calls are frames for people alone."""
    pcs, why = [], ''
    while frame and len(pcs) < FRAMES:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pcs.append(frame.pc())
        try:
            why = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
            frame = frame.older()
        except gdb.error as e:
            why, frame = str(e), None
    return pcs, why


def place(pc):
    if not pc:
        return 'end'
    text = gdb.execute(f'info symbol {pc:#x}', to_string=True).split('\n')[0]
    return f'{pc:#x}' if text.startswith('No symbol') else text.replace(' in section ', ':').replace(' ', '')


def compare(ours, theirs, why, tables):
    """tables: what the rule of each of our frames is, as in enum cp_step."""
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    sums['contexts'] += 1
    sums['frames'] += len(ours)
    if same == len(ours) == len(theirs):
        sums['equal'] += 1
        return
    bare = same and tables[same - 1] in (0, 5)
    if bare:
        how = 'no_table'
    elif same == len(theirs):
        how = 'gdb_ended'
    elif same == len(ours):
        how = 'gdb_astray' if theirs[same] < NOWHERE else 'gdb_longer'
    else:
        how = 'different'
    sums[how] += 1
    last = ours[same - 1] if same else 0
    kinds[f'{how}: after {place(last)} ours {place(ours[same] if same < len(ours) else 0)} '
          f'gdb {place(theirs[same] if same < len(theirs) else 0)} ({why})'] += 1


def main():
    for setting in ('confirm off', 'pagination off', 'backtrace past-main on', 'backtrace past-entry on',
                    'backtrace limit unlimited', 'print thread-events off'):
        gdb.execute('set ' + setting)
    # What is the program's own goes on to it; ours, 33, is many a second.
    gdb.execute('handle all nostop noprint pass', to_string=True)
    inferior = gdb.selected_inferior()
    gdb.execute('set var judge_asked = 1')
    until = time.monotonic() + SECONDS
    while sums['contexts'] < INSTANTS and time.monotonic() < until:  # noqa: F821 - given on the command line
        gdb.execute('continue', to_string=True)
        if not inferior.pid or not inferior.threads():
            break
        if not words(inferior, 'moved', 1)[0]:
            continue
        frame = interrupted()
        n = words(inferior, 'n', 1)[0]
        ours, tables = words(inferior, 'pcs', n), words(inferior, 'tables', n)
        if frame is None:
            sums['no_handler'] += 1
            continue
        compare(ours, *walk(frame), tables)
    if inferior.pid:
        gdb.execute('set var judge_asked = 0')
        gdb.execute('detach', to_string=True)


main()
print('sum ' + ' '.join(f'{k} {v}' for k, v in sums.items()))
for kind, times in kinds.items():
    print('kind', times, kind)
