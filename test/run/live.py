# live.py - the page that an uploader serves, in a real browser, and `conprof top` in a real terminal's clothes.
# SPDX-License-Identifier: MIT
import fcntl
import glob
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from browser import Browser
from delivery import SHARP
from pprof import Profile
from page import clean, near, shown
from pull import get, listens, stop, target
from world import expect

HOSTILE = '<img src=x onerror=document.title=1><b>\x1b[31m\x07&amp;"\''
# What a screen reader needs of each control, and what a document must not have, by hand.
FAULTS = '''
const bad = [], seen = new Set(), named = (e) => e.getAttribute('aria-label') || e.textContent.trim() || e.title ||
    (e.labels && [...e.labels].map(l => l.textContent).join('').trim());
for (const e of document.querySelectorAll('button, select, input, a[href], [tabindex="0"]'))
    if (e.offsetParent && !named(e)) bad.push('no name: ' + e.outerHTML.slice(0, 80));
for (const e of document.querySelectorAll('[id]')) seen.has(e.id) ? bad.push('twice: ' + e.id) : seen.add(e.id);
for (const e of document.querySelectorAll('[aria-controls], [aria-labelledby]'))
    for (const id of [e.getAttribute('aria-controls'), e.getAttribute('aria-labelledby')])
        if (id && !document.getElementById(id)) bad.push('nobody is ' + id);
for (const e of document.querySelectorAll('[role=tablist] > *')) if (e.getAttribute('role') !== 'tab') bad.push('no tab');
for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) bad.push('an order of its own: ' + e.id);
for (const e of document.querySelectorAll('th')) if (!e.scope) bad.push('a head without scope');
if (!document.documentElement.lang || document.querySelectorAll('h1').length !== 1 || !document.querySelector('main')) bad.push('landmarks');
if (document.documentElement.scrollWidth > innerWidth) bad.push('wider than its window');
return bad'''


def has_no_faults(browser):
    found = browser.run(FAULTS)
    expect(not found, f'{found[:5]}')


def choose(browser, css, value):
    browser.run('const s = document.querySelector(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event("change"))',
                css, value)


def periods(browser):
    return browser.run('return document.querySelectorAll("#moment option").length')


def guarded(world, address):
    """Headers of each answer; and what is refused."""
    reply = get(world, address, '/')
    policy = reply.headers['Content-Security-Policy']
    expect(reply.status == 200 and reply.headers['Content-Type'] == 'text/html; charset=utf-8', f'{dict(reply.headers)}')
    expect("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and 'unsafe' not in policy and
           policy.split('; frame')[0] in reply.body.decode(), f'the policy: {policy}')
    for path in ('/', '/api/state'):
        headers = get(world, address, path).headers
        expect(headers['X-Content-Type-Options'] == 'nosniff' and headers['Referrer-Policy'] == 'no-referrer' and
               headers['Cross-Origin-Resource-Policy'] == 'same-origin', f'{path}: {dict(headers)}')
    for query in ('', '?program=1&period=99999&name=cpu', '?program=1&period=0&name=../cpu', '?program=-1&name=cpu'):
        expect(get(world, address, '/api/profile' + query).status == 404, f'profile{query}')
    expect(get(world, address, '/api/state', method='POST').status == 405, 'a POST is let in')


def same_as_delivered(world, address):
    """A period's profile at the page is the one that went out."""
    state = json.loads(get(world, address, '/api/state').body)
    period, program = state['periods'][0], state['chosen']
    for kind in period['profiles']:
        reply = get(world, address, f'/api/profile?program={program}&period={period["n"]}&name={kind}')
        file = os.path.join(world.dir, kind)
        with open(file, 'wb') as out:
            out.write(reply.body)
        sent = glob.glob(os.path.join(world.dir, 'out', f'{period["stem"]}.{kind}.pprof'))
        type_ = {'cpu': 'cpu', 'heap': 'alloc_space', 'threads': 'goroutine'}[kind]
        one, other = Profile(file).sum(type_), Profile(sent[0]).sum(type_)
        expect(one == other, f'{kind}: {one}, delivered {other}')
    point = [p for p in state['points'] if p['n'] == period['n']][0]
    cpu = Profile(os.path.join(world.dir, 'cpu'))
    rate = cpu.sum('cpu') / 1e9 / ((period['end'] - period['start']) / 1e3)
    expect(abs(point['cpu'] - rate) <= 0.02 + 0.02 * rate, f'{point["cpu"]} s/s, by the profile {rate}')


def follows(world):
    child, address = target(world, 'burn', CONPROF_PERIOD='2', CONPROF_CPU_DURATION='2')
    with Browser(world) as b:
        b.open(f'http://{address}/')
        b.until('#pulse', 'profile')
        b.until('#sum', 'CPU time: ')
        expect('spin' in shown(b) and b.text('#program') == 'worker', f'{sorted(shown(b))}')
        expect([t for t in b.texts('#processes td') if t == str(child.pid)], 'the process is not there')
        has_no_faults(b)
        # zoomed and searched, it stays so when the next period comes
        wide = shown(b)['CPU time'][1]
        b.click('#flame [aria-label^="spin"]')
        b.type('#search', '^burst$')
        expect(near(shown(b)['spin'][1], wide), 'not zoomed')
        before, bars = periods(b), b.run('return document.querySelectorAll(".card:first-child g").length')
        sum_before = b.text('#sum')
        b.wait(lambda: periods(b) > before and b.text('#sum') != sum_before, 'no new period is shown')
        expect(near(shown(b)['spin'][1], wide), 'the zoom is lost')
        expect(b.run('return document.querySelector("#search").value') == '^burst$' and 'matched' in b.text('#found'), 'the search is lost')
        expect(b.run('return document.querySelectorAll(".card:first-child g").length') > bars, 'the charts stand still')
        expect(b.run('return document.querySelector("#download").download').endswith('.cpu.pprof'), 'no download')
        choose(b, '#base', 'before')
        b.until('#sum', ', before ')
        choose(b, '#base', '-1')
        choose(b, '#span', '2')
        b.wait(lambda: re.search(r' in (3\.[5-9]|4\.)', b.text('#sum')), 'two periods are not added up')
        b.click('.card:nth-child(5) button')
        b.until('#sum', 'Live heap size')
        expect('average of 2' in b.text('#sum'), b.text('#sum'))
        # a bar is a moment, which stays
        b.run('''const svg = document.querySelector('.card svg'), box = svg.getBoundingClientRect();
            for (const kind of ['pointerdown', 'pointerup'])
                svg.dispatchEvent(new PointerEvent(kind, {clientX: box.left + 2, clientY: box.top + 5, pointerId: 1, bubbles: true}))''')
        b.wait(lambda: b.run('return document.querySelector("#moment").value'), 'the bar does not choose')
        b.wait(lambda: b.run('return !document.querySelector("#follow").hidden'), 'no way back to live')
        b.click('#follow')
        b.until('#sum', 'CPU time')
        guarded(world, address)
        same_as_delivered(world, address)
        stop(world, child)
        b.until('#status', 'has not answered since')
        expect('spin' in shown(b), 'what was there is gone with the uploader')
        has_no_faults(b)
        said = [line for line in b.complaints() if 'net::ERR' not in line]
        expect(not said, f'the browser complains: {said[:3]}')


def tells_of_deaths(world):
    """Who dies by a signal among others is a moment of its own, and a part of the period in which it died."""
    settings = {'CONPROF_PERIOD': '4', 'CONPROF_CPU_DURATION': '4'}
    first, address = target(world, 'burn', **settings)
    settings.update({'CONPROF_LISTEN': '127.0.0.1:0', 'CONPROF_AGENT_SOCKET': 'dir://' + os.path.join(world.dir, 'out')})
    other = world.start([os.path.join(world.build, 'run', 'worker'), 'burn'], dict(SHARP, **settings))
    with Browser(world) as b:
        b.open(f'http://{address}/')
        b.until('#processes', str(other.pid))
        b.until('#sum', 'CPU time: ')
        os.kill(other.pid, signal.SIGSEGV)
        said = f'process {other.pid} ended by SIGSEGV'
        b.wait(lambda: [t for t in b.texts('#moment option') if said in t], 'nobody says that it died')
        b.until('#processes', 'SIGSEGV')
        b.run("""const s = document.querySelector('#moment');
            s.value = [...s.options].find(o => o.textContent.includes(arguments[0])).value; s.dispatchEvent(new Event('change'))""", said)
        b.wait(lambda: said in b.text('#comments'), 'its profile is not shown')
        expect('spin' in shown(b), f'{sorted(shown(b))}')
        one = json.loads(get(world, address, '/api/state').body)
        apart = [period['n'] for period in one['periods'] if period['apart']]
        expect(len(apart) == 1 and apart[0] not in [point['n'] for point in one['points']], f'{one["periods"]}')
        names = b.texts('#destinations dt')
        expect('outcome' in names and 'at ns' not in names, f'of the last upload it says {names}')
        clean(b)
    stop(world, first)


def is_empty_at_first(world):
    """Before the first period there is nothing to be seen but when; a hostile name is text; narrow and dark as well."""
    child = world.start([HOSTILE, 'burn'], dict(SHARP, CONPROF_LISTEN='127.0.0.1:0', CONPROF_PERIOD='3600',
                                                CONPROF_CPU_DURATION='3600'),
                        executable=os.path.join(world.build, 'run', 'worker'))
    world.until('it listened', lambda: listens(world))
    with Browser(world, '--force-dark-mode', '--window-size=500,900') as b:
        b.open(f'http://{listens(world)[0]}/')
        b.until('#empty', f'First profile of {HOSTILE} in ')
        expect(re.search(r' in 3[56]\d\d s', b.text('#empty')), b.text('#empty'))
        expect(b.text('#program') == HOSTILE and HOSTILE in b.texts('#program-list .name'), 'the name is not as it is')
        expect(b.text('title') == HOSTILE + ' - conprof' and not b.run('return document.querySelectorAll("img").length'), 'the name was run')
        has_no_faults(b)
        clean(b)
    stop(world, child)


class Terminal:
    """conprof top in a pty, and all it wrote."""

    def __init__(self, world, *args, **env):
        self.world, self.out = world, b''
        self.fd, self.inner = pty.openpty()
        self.size(24, 100)
        self.before = termios.tcgetattr(self.inner)
        self.child = subprocess.Popen([os.path.join(world.build, 'conprof'), 'top', *args], stdin=self.inner, stdout=self.inner,
                                      stderr=self.inner, start_new_session=True,
                                      env=dict({'TERM': 'xterm', 'LC_ALL': 'C.UTF-8', 'HOME': world.home}, **env))

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self, seconds=0.05):
        if select.select([self.fd], [], [], seconds)[0]:
            self.out += os.read(self.fd, 65536)
        return self.out

    def until(self, *words):
        """Waits until all of these stand on one screen that is new."""
        self.out = b''
        while not any(all(word in screen for word in words) for screen in self.read().split(b'\x1b[H')):
            if self.world.left() < 1:
                raise AssertionError(f'no {words} in {self.out[-400:]!r}')

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        while self.child.poll() is None:
            self.read()
            self.world.left()
        while select.select([self.fd], [], [], 0.05)[0]:
            self.read()
        now, status = termios.tcgetattr(self.inner), self.child.returncode
        os.close(self.fd)
        os.close(self.inner)
        expect(now == self.before, 'the terminal is not as it was')
        expect(self.out.endswith(b'\x1b[?25h\x1b[?1049l'), f'the screen is not given back: {self.out[-40:]!r}')
        return status


def top_keys(world):
    child = world.start([HOSTILE, 'burn'], dict(SHARP, CONPROF_PERIOD='3600', CONPROF_CPU_DURATION='3600'),
                        executable=os.path.join(world.build, 'run', 'worker'))
    world.until('it was recorded', world.listening)
    top = Terminal(world, '-d', '0.5', str(child.pid))
    top.until(b'CPU time: ', b'/s in 0.', b'  spin')
    expect(HOSTILE.replace('\x1b', '?').replace('\x07', '?').encode() in top.out, f'the name: {top.out[-300:]!r}')
    expect(b'\x07' not in top.out and b'\x1b[31m' not in top.out, 'the name is a command')
    top.type(b't')
    top.until(b'TOTAL', b'  main')
    top.type(b'2')
    top.until(b'Allocations: ', b'  burst', b'/s')
    top.type(b'/^bur\r')
    top.until(b'functions like ^bur', b'  burst')
    expect(b'  main' not in top.out.split(b'\x1b[H')[-1], 'not filtered')
    top.size(40, 90)
    top.child.send_signal(signal.SIGWINCH)
    top.until(b'\x1b[40;1H')
    top.type(b'q')
    expect(top.end() == 0, 'q is no good end')
    top = Terminal(world, str(child.pid), NO_COLOR='1')
    top.until(b'collecting')
    expect(b'\x1b[1m' not in top.out and b'\x1b[7m' not in top.out, 'colours')
    top.child.send_signal(signal.SIGTERM)
    expect(top.end() == -signal.SIGTERM, 'it does not say what ended it')
    child.stdin.close()
    child.stdin = None
    world.finish(child)


def conprof_top(world, *args):
    done = subprocess.run([os.path.join(world.build, 'conprof'), 'top', *args], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=world.left(), check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def top_batch(world):
    """For scripts: plain lines, of a program that listens nowhere, and its profiles lack nothing of it."""
    out = os.path.join(world.dir, 'out')
    child = world.start([os.path.join(world.build, 'run', 'worker'), 'burn'],
                        dict(SHARP, CONPROF_PERIOD='3600', CONPROF_CPU_DURATION='3600', CONPROF_AGENT_SOCKET='dir://' + out))
    world.until('it was recorded', world.listening)
    spins = False
    while not spins:  # in half a second it may get no processor, where others have them
        status, said, error = conprof_top(world, '-b', '-n', '2', '-d', '0.5', str(child.pid))
        expect(status == 0 and not error and '\x1b' not in said, f'{status} {error} {said[:200]!r}')
        blocks = said.strip().split('\n\n')
        expect(len(blocks) == 2 and all(f'worker, process {child.pid}, ' in block for block in blocks), said)
        spins = all(re.search(r'/s +[\d.]+  spin\n', block + '\n') for block in blocks)
    for key, word in (('bytes', 'Live heap size: '), ('threads', 'Threads: 1\n'), ('alloc_bytes', 'Allocated memory: ')):
        said = ''

        def seen(key=key, word=word):
            # a look so short may meet no sampled allocation where others have the processors
            nonlocal said
            status, said, error = conprof_top(world, '-k', key, '-t', '-d', '0.2', str(child.pid))
            expect(status == 0 and word in said and 'TOTAL' in said, f'{key}: {status} {error} {said}')
            return re.search('  (main|_start)\n', said)
        world.until(f'top told of main by {key}', seen)
    said = ''
    while '  spin\n' not in said:
        status, said, error = conprof_top(world, '-d', '0.2', '-f', '^sp', str(child.pid))
        expect(status == 0 and '  main\n' not in said, said)
    for args in (('-x',), ('-n', '0'), ('-d', 'soon'), ('-k', 'time'), ('-f', 'a('), ('a', 'b')):
        status, said, error = conprof_top(world, *args)
        expect(status == 2 and not said and len(error.splitlines()) == 1, f'{args}: {status} {error}')
    status, said, error = conprof_top(world, 'no-such-program')
    expect(status == 1 and not said and 'no such program' in error, error)
    child.stdin.close()
    child.stdin = None
    cpu = world.finish(child).printed()
    world.quiet()
    files = glob.glob(os.path.join(out, '*.heap.pprof'))
    got = sum(Profile(f).sum('alloc_space', 'burst') for f in files)
    expect(abs(got - cpu['burst_bytes']) <= 0.05 * cpu['burst_bytes'], f'{got} bytes were delivered, of {cpu["burst_bytes"]}')


def tests(_build):
    for function in (follows, tells_of_deaths, is_empty_at_first):
        yield f'page_live_{function.__name__}', True, function
    for function in (top_keys, top_batch):
        yield f'con{function.__name__}', True, function
