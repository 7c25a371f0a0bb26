# servers.py - what the tests of real servers share: ports, waiting, and what varies in their logs.
# SPDX-License-Identifier: MIT
import os
import random
import signal
import socket

from real import alive, descendants, plain
from world import Skipped, expect

GIVEN = set()


def port():
    """A free port that no connection gets by itself: a server that is started again finds it free."""
    with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as f:
        low = int(f.read().split()[0])
    while True:
        number = random.randrange(10000, low if low > 12000 else 65000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', number))
            except OSError:
                continue
        if number not in GIVEN:
            GIVEN.add(number)
            return number


def answers(number):
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(('127.0.0.1', number), 1).close()
        return True
    except OSError:
        return False


def up(run, number, child):
    """Waits until the server that was started as `child` answers."""
    def reached():
        if child.poll() is not None:
            out, err = child.communicate()
            expect(False, f'the server ended with {child.returncode}: {(out + err)[-400:]!r}')
        return answers(number)
    run.until('the server answered', reached)


def ended(run, child, sig=signal.SIGTERM):
    """Signals it, and waits for its end and that of all its children."""
    family = descendants(child.pid)
    if sig:
        child.send_signal(sig)
    done = run.world.finish(child)
    for pid in family:
        run.gone(pid)
    return done


def pid_in(run, path, but=0):
    """The living process that a pid file names; it must not be `but`."""
    found = []

    def there():
        try:
            with open(path, encoding='ascii') as f:
                found[:] = [int(f.read().split()[0])]
        except (OSError, ValueError, IndexError):
            return False
        return found[0] != but and alive(found[0])
    run.until(f'{os.path.basename(path)} named a process', there)
    return found[0]


def root_only(what):
    if os.geteuid() != 0:
        raise Skipped(f'{what}: only root can do that')


def log(data, *patterns):
    """A log without its times and numbers of processes, in the order of what is said."""
    return plain(data, (r'\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( [A-Z]+)?', 'TIME'),
                 (r'\d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d(\.\d+)?', 'TIME'),
                 (r'\d\d-[A-Z][a-z][a-z]-\d{4} \d\d:\d\d:\d\d(\.\d+)?', 'TIME'), *patterns)
