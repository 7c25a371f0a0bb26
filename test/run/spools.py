# spools.py - several destinations, and spools that cannot be written to.
# SPDX-License-Identifier: MIT
import glob
import os
import shutil
import signal
import subprocess
import time

from delivery import SHARP, near, said, spooled, unharmed
from receiver import Receiver, check_files
from world import Skipped, expect


def several(world):
    """Three destinations, of which one accepts and never answers: the others have all at once, the
    target ends as if it were not there, and what is its is kept for it alone."""
    receiver = Receiver(world)
    mute = Receiver(world, name='mute', delay='60s')
    path = os.path.join(world.dir, 'folder')
    settings = {'CONPROF_AGENT_SOCKET': f'{mute.url},{receiver.url},dir://{path},{receiver.url}',
                'CONPROF_UPLOAD_TIMEOUT': '4', 'CONPROF_PERIOD': '1'}
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'hold'],
                        dict(SHARP, **settings))
    world.until('two uploads had come', lambda: len(receiver.accepted()) >= 2)
    lines = {line['to']: line for uploader in world.status() for line in uploader
             if line['kind'] == 'destination'}
    expect(len(lines) == 3, f'status knows of {sorted(lines)}')
    expect(lines[receiver.url]['state'] == 'up' and int(lines[receiver.url]['sent']) >= 2 and
           lines[mute.url]['sent'] == '0' and int(lines[mute.url]['waiting']) >= 1,
           f'status says {lines}')
    want = unharmed(world.finish(child))
    world.quiet()
    near(world, receiver.files('heap.pprof'), want, 'at the agent')
    near(world, sorted(glob.glob(os.path.join(path, '*.heap.pprof'))), want, 'in the folder')
    near(world, spooled(world), want, 'in the spool for the one that hangs')
    marks = spooled(world, '.send-to.*')
    expect(len(marks) == len(spooled(world)), f'the spool has the marks {marks}')
    receiver.stop()


def without_room(world, fill, clear, word):
    """A spool that cannot be written to: the target is unharmed, one line says what is lost, and when
    there is room again it is used."""
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'loop'],
                        dict(SHARP, CONPROF_PERIOD='1'))
    world.until('a profile was in the spool', lambda: spooled(world, '.event.json'))
    fill()
    time.sleep(4)
    before = len(spooled(world, '.event.json'))
    clear()
    world.until('profiles were spooled again',
                lambda: len(spooled(world, '.event.json')) > before)
    child.stdin.close()
    child.stdin = None
    unharmed(world.finish(child))
    world.quiet()
    check_files(world, spooled(world, '.pprof'))
    said(world, word)
    with open(world.log, encoding='utf-8') as f:
        lines = [line for line in f if word in line]
    expect(len(lines) <= 2, f'it is said {len(lines)} times: {lines[:3]}')


def full_disk(world):
    if os.geteuid():
        raise Skipped('only root may mount a small disk')
    mounted = subprocess.run(['/usr/bin/mount', '-t', 'tmpfs', '-o', 'size=400k', 'none', world.spool],
                             check=False, stderr=subprocess.DEVNULL)
    if mounted.returncode:
        raise Skipped('a small disk cannot be mounted here')
    filler = os.path.join(world.spool, 'filler')

    def fill():
        with open(filler, 'wb', buffering=0) as f:
            try:
                while f.write(b'x' * 4096):
                    pass
            except OSError:
                pass

    try:
        without_room(world, fill, lambda: os.unlink(filler), 'No space left on device')
    finally:
        subprocess.run(['/usr/bin/umount', '-l', world.spool], check=False)


def folder_deleted(world):
    """The spool's folder is deleted, and something else is in its place; then it is not."""
    def between_two():
        # what it would meet in the midst of an entry is another error, with a line of its own
        for pid in world.uploaders():
            os.kill(pid, signal.SIGSTOP)
        if not any(name.endswith('.part') for name in os.listdir(world.spool)):
            return True
        for pid in world.uploaders():
            os.kill(pid, signal.SIGCONT)
        return False

    def fill():
        world.until('no entry was half made', between_two)
        shutil.rmtree(world.spool)
        with open(world.spool, 'w', encoding='ascii'):
            pass
        for pid in world.uploaders():
            os.kill(pid, signal.SIGCONT)

    without_room(world, fill, lambda: os.unlink(world.spool), 'can not be spooled')


def tests(_build):
    for function in (several, full_disk, folder_deleted):
        yield 'spools_' + function.__name__, True, function
