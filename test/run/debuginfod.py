# debuginfod.py - names from debug files that a server sends: the real one, one that hangs, one that lies, and none.
# SPDX-License-Identifier: MIT
import glob
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading

from files import PERIODS, Burner, stripped, within
from pprof import tool
from world import Skipped, expect


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start_debuginfod(world, served):
    if not shutil.which('debuginfod'):
        raise Skipped('there is no debuginfod')
    port = free_port()
    server = subprocess.Popen(['debuginfod', '-p', str(port), '-d', ':memory:', '-F', '-t', '1', served],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              cwd=world.dir, env={'PATH': '/usr/bin:/bin', 'HOME': world.home})
    world.helpers.append(server)

    def ready():
        try:
            with socket.create_connection(('127.0.0.1', port), 1):
                return True
        except OSError:
            return False
    world.until('debuginfod listened', ready)
    return f'http://127.0.0.1:{port}'


def cached(world):
    """An empty file is the note that nobody knows it."""
    return [f for f in glob.glob(os.path.join(world.spool, 'debuginfod', '*', 'debuginfo')) if os.path.getsize(f)]


def debuginfod(world):
    """The real server: after the first profile its names come, with lines; then they are in the cache,
    and the next uploader has them at once, without any server."""
    app, served = stripped(world)
    url = start_debuginfod(world, served)
    burner = Burner(world, [app], DEBUGINFOD_URLS=url, **PERIODS)
    burner.until('own_work')
    burner.end()
    expect(cached(world), f'the cache holds {os.listdir(world.spool)}')
    shutil.rmtree(burner.folder)
    world.helpers.pop().kill()
    again = Burner(world, [app], DEBUGINFOD_URLS=url)
    again.work()
    names = again.end()
    within(names, 'own_work')
    lines = ''.join(tool(['-top', '-lines', f]) for f in glob.glob(os.path.join(again.folder, '*.cpu.pprof')))
    expect('text.c:' in lines, lines[-800:])


def debuginfod_unknown(world):
    """404: nothing comes, nothing is asked twice, and one line says so. And a word for nobody."""
    app, served = stripped(world)
    os.unlink(os.path.join(served, 'app.debug'))
    url = start_debuginfod(world, served)
    burner = Burner(world, [app], CONPROF_DEBUGINFOD_URLS=url, **PERIODS)
    profiles(world, burner, 3)
    within(burner.end(), no=('own_work',))
    expect(not cached(world), f'{cached(world)}')


def profiles(world, burner, count):
    def came():
        burner.work()
        return len(glob.glob(os.path.join(burner.folder, '*.cpu.pprof'))) >= count
    world.until(f'{count} profiles had come', came)


def fetchers(world):
    found = []
    for pid, _ in world.processes():
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            if b'\0fetch\0' in f.read():
                found.append(pid)
    return found


def debuginfod_hangs(world):
    """A server that takes connections and never says a word: profiles come as ever, and with the
    uploader goes what still waits for it."""
    app, _ = stripped(world)
    listener = socket.create_server(('127.0.0.1', 0))
    with listener:
        url = f'http://127.0.0.1:{listener.getsockname()[1]}'
        burner = Burner(world, [app], CONPROF_DEBUGINFOD_URLS=url, **PERIODS)
        profiles(world, burner, 1)
        world.until('somebody asked', lambda: burner.work() or fetchers(world))
        asked = fetchers(world)
        profiles(world, burner, 3)
        expect(fetchers(world) == asked, f'{fetchers(world)}, first {asked}')
        for pid in world.uploaders():
            if pid not in asked:
                os.kill(pid, signal.SIGKILL)
        world.until('it went with a killed uploader', lambda: not set(asked) & set(fetchers(world)))
        world.until('the next one asked', lambda: burner.work() or fetchers(world))
        within(burner.end(), no=('own_work',))
        expect(not fetchers(world), 'somebody still asks')


class Rubbish(http.server.BaseHTTPRequestHandler):
    """Says yes to everything, and sends what is no debug file; every second time less than it said."""
    asked = 0

    def do_GET(self):
        Rubbish.asked += 1
        self.send_response(200)
        self.send_header('Content-Length', '100000')
        self.end_headers()
        self.wfile.write(b'\x7fELF' + b'rubbish' * (14285 if Rubbish.asked % 2 else 10000) + b'!')

    def log_message(self, *_):
        pass


def debuginfod_lies(world):
    """What is not the debug file of that build-id is not believed, and not kept."""
    app, _ = stripped(world)
    Rubbish.asked = 0
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Rubbish) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_address[1]}'
        burner = Burner(world, [app], CONPROF_DEBUGINFOD_URLS=url, **PERIODS)
        profiles(world, burner, 1)
        world.until('it was asked', lambda: burner.work() or Rubbish.asked)
        profiles(world, burner, 4)
        within(burner.end(), no=('own_work',))
        server.shutdown()
    expect(not cached(world), f'{cached(world)}')


def debuginfod_off(world):
    """The word for nobody, whatever the environment of the shell says."""
    app, _ = stripped(world)
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(0)
        url = f'http://127.0.0.1:{listener.getsockname()[1]}'
        burner = Burner(world, [app], CONPROF_DEBUGINFOD_URLS='off', DEBUGINFOD_URLS=url, **PERIODS)
        profiles(world, burner, 3)
        burner.end()
        try:
            listener.accept()[0].close()
            expect(False, 'somebody was asked')
        except BlockingIOError:
            pass


def tests(_build):
    for function in (debuginfod, debuginfod_unknown, debuginfod_hangs, debuginfod_lies, debuginfod_off):
        yield 'files_' + function.__name__, True, function
