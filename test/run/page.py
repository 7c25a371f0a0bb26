# page.py - `conprof flame` and `conprof diff`: the page in a real browser, and what they say of bad files.
# SPDX-License-Identifier: MIT
import os
import subprocess

from browser import Browser
from itself import zstd
from made import profile
from world import expect

MAIN, SERVE, PARSE, READ = 'main', 'serve(request*)', ('parse', '/src/parse.c', 40), 'read'
STACKS = [((MAIN, SERVE, PARSE), (30, 300000000)), ((MAIN, SERVE, READ), (10, 100000000)),
          ((MAIN, READ), (20, 200000000)), ((MAIN, SERVE, PARSE, 'copy', PARSE), (40, 400000000))]
HOSTILE = '<script>document.title="taken"</script><img src=x onerror=alert(1)>&amp;"\'</template>'


def written(world, name, data):
    path = os.path.join(world.dir, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def conprof(world, *args):
    done = subprocess.run([os.path.join(world.build, 'conprof'), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def page(world, *files, command='flame'):
    out = os.path.join(world.dir, 'page.html')
    status, said, error = conprof(world, command, *files, '-o', out)
    expect((status, said, error) == (0, '', ''), f'conprof {command}: {status} {said} {error}')
    return 'file://' + out


def shown(browser):
    """{name: (left, width)} of the frames that are drawn; the last of a name."""
    return browser.run('''return Object.fromEntries([...document.querySelectorAll('#flame .frame')].map(e =>
        [e.getAttribute('aria-label').split(': ')[0], [parseFloat(e.style.left), parseFloat(e.style.width)]]))''')


def near(a, b):
    return abs(a - b) <= 2


def clean(browser):
    said = browser.complaints()
    expect(not said, f'the browser complains: {said[:3]}')


def loads_zooms_searches(world):
    file = written(world, 'a.cpu.pprof', profile(STACKS, comments=('conprof: samples 100, lost 0',)))
    with Browser(world) as b:
        b.open(page(world, file))
        b.until('#sum', 'CPU time: 1.00 s in 1.00 s')
        whole = shown(b)
        wide = whole['CPU time'][1]
        expect(near(whole['main'][1], wide) and near(whole[SERVE][1], 0.8 * wide), f'widths: {whole}')
        expect(b.text('#program') == 'made' and 'lost 0' in b.text('#comments'), 'program or comments')
        # search: the outermost match counts once
        b.type('#search', '^parse$')
        b.until('#found', '70.0 % matched')
        expect(b.run("return document.querySelectorAll('.match').length") == 2, 'matches are not marked')
        b.type('#search', 'pars(')
        b.wait(lambda: b.run("return document.querySelector('#search').getAttribute('aria-invalid')") == 'true',
               'a bad expression is not said to be bad')
        b.type('#search', ' ')
        # zoom by the mouse, and back by the keyboard
        b.click(f'#flame [aria-label^="{SERVE}"]')
        b.until('#status', 'Zoomed to serve')
        expect(near(shown(b)[SERVE][1], wide), 'not zoomed')
        b.press('Escape')
        b.until('#status', 'Zoomed to everything')
        expect(near(shown(b)[SERVE][1], 0.8 * wide), 'not zoomed out')
        b.press('Down', 'Down', 'Right')
        now = b.run("return document.activeElement.getAttribute('aria-label')")
        expect(now.startswith('serve') or now.startswith('read'), f'the arrows led to {now}')
        b.press('Enter')
        expect(near(shown(b)[now.split(': ')[0]][1], wide), 'Enter does not zoom')
        clean(b)


def filters_and_tables(world):
    file = written(world, 'a.cpu.pprof', profile(STACKS))
    with Browser(world) as b:
        b.open(page(world, file))
        b.until('#sum', '1.00 s')
        b.click('#filters summary')
        for field, text, whole, gone in (('focus', 'copy', '400 ms', 'read'), ('ignore', 'copy', '600 ms', 'copy'),
                                         ('hide', '^serve', '1.00 s', SERVE), ('show', 'parse', '700 ms', 'main')):
            b.type('#' + field, text)
            b.until('#sum', whole)
            b.wait(lambda gone=gone: gone not in shown(b), f'{field}: {gone} is still there')
            b.type('#' + field, '\ue008a\ue000\ue003')
            b.until('#sum', '1.00 s')
        b.click('#tab-table')
        rows = b.run('''return [...document.querySelectorAll('tbody tr')].map(r =>
            [...r.cells].slice(0, 5).map(c => c.textContent))''')
        expect(rows[0] == ['parse', '700 ms', '70.0 %', '700 ms', '70.0 %'], f'the first row: {rows[0]}')
        expect([r[3] for r in rows if r[0] == SERVE] == ['800 ms'], f'serve: {rows}')
        b.click('th:nth-child(4) button')
        expect(b.texts('tbody td:first-child')[0] == 'main', 'not sorted by total')
        expect(b.run("return document.querySelector('th:nth-child(4)').getAttribute('aria-sort')") == 'descending',
               'what it is sorted by is not said')
        b.run("[...document.querySelectorAll('td button')].find(e => e.textContent === 'parse').click()")
        callers = b.texts('#callers .frame')
        expect('serve(request*)' in callers and 'read' not in callers, f'callers of parse: {callers}')
        expect('copy' in b.texts('#callees .frame'), 'callees of parse')
        b.press('/')
        clean(b)


def compares(world):
    before = written(world, 'before.cpu.pprof', profile([((MAIN, PARSE), (50, 50)), ((MAIN, READ), (50, 50))]))
    after = written(world, 'after.cpu.pprof', profile([((MAIN, PARSE), (90, 90)), ((MAIN, READ), (10, 10))]))
    status, said, error = conprof(world, 'diff', before, after)
    lines = [line.split() for line in said.splitlines()]
    expect(status == 0 and not error, f'conprof diff: {status} {error}')
    expect(['90.00', '+40.00', '90.00', '+40.00', 'parse'] in lines and
           ['10.00', '-40.00', '10.00', '-40.00', 'read'] in lines, said)
    with Browser(world, '--force-dark-mode') as b:
        b.open(page(world, before, after, command='diff'))
        b.until('#sum', 'before 100 ns')
        for name, look in (('parse', 'more'), ('read', 'less')):
            found = b.run('return document.querySelector(`#flame [aria-label^="${arguments[0]}:"]`).className', name)
            expect(look in found.split(), f'{name}: {found}')
        expect('+40.00 points' in b.run(
            "return document.querySelector('#flame [aria-label^=\"parse:\"]').getAttribute('aria-label')"), 'no points')
        b.run("const s = document.querySelector('#base'); s.value = '-1'; s.dispatchEvent(new Event('change'))")
        b.wait(lambda: 'before' not in b.text('#sum'), 'comparing does not end')
        clean(b)


def hostile_names(world):
    file = written(world, f'{HOSTILE.replace("/", "")[:40]}.cpu.pprof', profile(
        [((MAIN, (HOSTILE, HOSTILE, 3)), (1, 10)), ((MAIN, 'x' * 60000), (1, 10))], comments=(HOSTILE,), packed=False))
    with Browser(world) as b:
        b.open(page(world, file))
        b.until('#sum', '20 ns')
        expect(HOSTILE in b.texts('#flame .frame'), 'the name is not shown as it is')
        b.run("document.querySelector('#flame .frame:last-child').focus()")
        b.click('#tab-table')
        expect(HOSTILE in b.texts('td'), 'nor in the table')
        expect(b.text('title') == 'made - conprof', 'the name was run')
        b.run("const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)")
        expect(b.text('title') == 'made - conprof', 'the policy lets a strange script run')


def many_frames(world):
    """50,000 frames: only what can be seen is in the page."""
    stacks = [((MAIN, f'a{i % 7}', f'b{i % 61}', f'c{i % 5000}', f'd{i}', f'e{i % 300}'), (1, 1000 + i % 977))
              for i in range(17000)]
    file = written(world, 'many.cpu.pprof', profile(stacks))
    with Browser(world) as b:
        b.open(page(world, file))
        b.until('#sum', 'CPU time')
        drawn = b.run("return document.querySelectorAll('.frame').length")
        expect(10 < drawn < 6000, f'{drawn} frames in the page')
        b.type('#search', '^d16999$')
        b.until('#found', '% matched')
        b.click('#tab-table')
        expect(len(b.texts('tbody tr')) <= 600 and 'functions' in b.text('caption'), 'the table has all rows at once')
        clean(b)


def dimensions(world):
    """Files of one moment are one choice; allocation functions are left out as the profile asks."""
    heap = [('alloc_objects', 'count'), ('alloc_space', 'bytes'), ('inuse_objects', 'count'), ('inuse_space', 'bytes')]
    new = ((MAIN, 'make', 'operator new(unsigned long)'), (2, 2048, 1, 1024))
    files = [written(world, 'x-0.cpu.pprof', zstd(profile(STACKS, packed=False))),
             written(world, 'x-0.heap.pprof', profile([new], heap, drop='operator new.*|malloc'))]
    with Browser(world) as b:
        b.open(page(world, *files))
        b.until('#sum', 'CPU time')
        names = b.texts('#dimension option')
        expect('Live heap size' in names and 'CPU time' in names, f'{names}')
        expect(b.run("return document.querySelector('#moment').parentElement.hidden"), 'one moment is no choice')
        b.run("const s = document.querySelector('#dimension'); s.value = 'inuse_space'; s.dispatchEvent(new Event('change'))")
        b.until('#sum', 'Live heap size: 1.00 KiB')
        expect(not [n for n in shown(b) if n.startswith('operator')], 'operator new is there')
        b.run("document.querySelector('#all').click()")
        b.wait(lambda: [n for n in shown(b) if n.startswith('operator')], 'and cannot be shown')
        clean(b)


def bad_files(world):
    good = profile(STACKS)
    broken = {'empty': b'', 'text': b'hello, world\n' * 9, 'short': good[:-20], 'cut': profile(STACKS, packed=False)[:-7],
              'gzip of text': __import__('gzip').compress(b'hello')}
    for name, data in broken.items():
        for command in (('flame', '-o', '/dev/null'), ('diff', written(world, 'good', good))):
            status, said, error = conprof(world, *command, written(world, name, data))
            expect(status == 1 and not said and len(error.splitlines()) == 1 and name in error, f'{name}: {status} {error}')
    for args in (('flame',), ('diff', 'one'), ('flame', '-x', 'a'), ('flame', '-o'), ('diff', 'a', 'b', 'c')):
        status, said, error = conprof(world, *args)
        expect(status == 2 and not said and len(error.splitlines()) == 1, f'{args}: {status} {error}')
    status, _, error = conprof(world, 'flame', written(world, 'good', good), '-o', '/nonexistent/page')
    expect(status == 1 and '/nonexistent/page' in error, error)
    status, said, error = conprof(world, 'flame', written(world, 'good', good))
    expect(status == 0 and said.startswith('<!doctype html>') and said.rstrip().endswith('</html>'), error)
    tricky = written(world, 'tricky', profile([((MAIN, 'red\x1b[31m\x07\x9bend'), (1, 10))]))
    status, said, error = conprof(world, 'diff', tricky, tricky)
    expect(status == 0 and 'red?[31m??end' in said, f'a name is a command for the terminal: {said!r} {error}')


def tests(_build):
    yield 'page_bad_files', False, bad_files
    for function in (loads_zooms_searches, filters_and_tables, compares, hostile_names, many_frames, dimensions):
        yield f'page_{function.__name__}', True, function
