# browser.py - a real headless Chromium, driven by its WebDriver: what a page shows, and what a hand does.
# SPDX-License-Identifier: MIT
import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from world import Failed, Skipped, expect

QUIET = ['--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-sandbox', '--disable-sync',
         '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage',
         '--window-size=1300,900']
KEYS = {'Enter': '\ue007', 'Escape': '\ue00c', 'Up': '\ue013', 'Down': '\ue015', 'Left': '\ue012',
        'Right': '\ue014', 'Backspace': '\ue003', 'Tab': '\ue004'}
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'


class Browser:
    def __init__(self, world, *options):
        driver = shutil.which('chromedriver')
        if not driver or not shutil.which('chromium'):
            raise Skipped('no chromium and chromedriver: install chromium-driver')
        self.world = world
        said = os.path.join(world.dir, 'chromedriver')
        with open(said, 'wb') as out:
            env = {'PATH': '/usr/bin:/bin', 'HOME': world.home}
            self.driver = subprocess.Popen([driver, '--port=0'], stdout=out, stderr=out, env=env)
        self.port = self.wait(lambda: self.port_of(said), 'chromedriver does not start')
        options = QUIET + [f'--user-data-dir={os.path.join(world.dir, "chromium")}', *options]
        wanted = {'goog:chromeOptions': {'args': options}, 'goog:loggingPrefs': {'browser': 'ALL'}}
        self.session = None
        made = self.call('POST', '/session', {'capabilities': {'alwaysMatch': wanted}}, bare=True)
        self.session = made['sessionId']

    @staticmethod
    def port_of(file):
        with open(file, encoding='utf-8') as f:
            words = f.read().split('started successfully on port ')
        return int(words[1].split('.')[0]) if len(words) > 1 else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait(max(20, self.world.rest()))

    def call(self, method, path, body=None, bare=False):
        url = f'http://127.0.0.1:{self.port}' + (path if bare else f'/session/{self.session}{path}')
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=max(60, self.world.rest())) as reply:
                return json.load(reply)['value']
        except urllib.error.HTTPError as error:
            raise Failed(f'the browser: {path}: {error.read().decode()[:300]}') from error

    def wait(self, ask, why):
        """What ask() says, once it is true."""
        while True:
            answer = ask()
            if answer:
                return answer
            if self.world.left() < 1:
                raise Failed(why)
            time.sleep(0.05)

    def open(self, url):
        self.call('POST', '/url', {'url': url})

    def run(self, script, *args):
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(args)})

    def element(self, css):
        return self.call('POST', '/element', {'using': 'css selector', 'value': css})[ELEMENT]

    def click(self, css):
        """What is drawn again just then is looked for again."""
        for left in (2, 1, 0):
            try:
                return self.call('POST', f'/element/{self.element(css)}/click', {})
            except Failed as error:
                if not left or 'stale' not in str(error):
                    raise
        return None

    def type(self, css, text):
        self.call('POST', f'/element/{self.element(css)}/clear', {})
        self.call('POST', f'/element/{self.element(css)}/value', {'text': text})

    def press(self, *keys):
        """To whatever has the focus."""
        actions = [{'type': kind, 'value': KEYS.get(key, key)} for key in keys for kind in ('keyDown', 'keyUp')]
        self.call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': actions}]})

    def text(self, css):
        return self.run('return document.querySelector(arguments[0]).textContent', css)

    def texts(self, css):
        return self.run('return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)', css)

    def until(self, css, text):
        """Waits until an element's text has this in it."""
        last = []
        self.wait(lambda: (last.append(self.text(css)), text in last[-1])[1], f'no "{text}" in {css}') \
            if text not in self.text(css) else None

    def complaints(self):
        return [line['message'] for line in self.call('POST', '/se/log', {'type': 'browser'})]

    def picture(self, file):
        with open(file, 'wb') as out:
            out.write(base64.b64decode(self.call('GET', '/screenshot')))
        expect(os.path.getsize(file), 'an empty picture')
