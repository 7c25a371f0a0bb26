# receiver.py - starts the receiver, the agent's stand-in, and tells what it has taken.
# SPDX-License-Identifier: MIT
import json
import os
import subprocess

from world import expect


class Receiver:
    def __init__(self, world, listen=None, name='agent', **flags):
        self.world = world
        self.out = os.path.join(world.dir, name)
        self.listen = listen or 'unix://' + os.path.join(world.dir, name + '.sock')
        argv = [os.path.join(world.build, 'receiver'), '--listen=' + self.listen,
                '--out=' + self.out]
        argv += [f'--{flag}={value}' for flag, value in flags.items()]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, env={})
        world.helpers.append(self)
        line = self.process.stdout.readline().decode().split()
        expect(line[:1] == ['listening'], 'the receiver did not start')
        self.address = line[1] if len(line) > 1 else ''
        self.url = self.listen if self.listen.startswith('unix') else 'tcp://' + self.address

    def requests(self):
        try:
            with open(os.path.join(self.out, 'requests.jsonl'), encoding='utf-8') as f:
                return [json.loads(line) for line in f.read().split('\n')[:-1]]
        except FileNotFoundError:
            return []

    def accepted(self):
        return [r for r in self.requests() if r['accepted']]

    def files(self, suffix):
        return sorted(os.path.join(self.out, f) for f in os.listdir(self.out) if f.endswith(suffix))

    def events(self):
        events = []
        for file in self.files('.event.json'):
            with open(file, encoding='utf-8') as f:
                events.append(json.load(f))
        return events

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Ends it; whatever it objected to fails the test."""
        self.process.terminate()
        status = self.process.wait(timeout=max(10, self.world.rest()))
        wrong = []
        path = os.path.join(self.out, 'violations.txt')
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as f:
                wrong = f.read().splitlines()
        more = f' (and {len(wrong) - 3} more)' if len(wrong) > 3 else ''
        expect(status == 0, f'receiver: {"; ".join(wrong[:3])}{more}')


def check_files(world, files):
    """Profiles that lie in a folder meet the same rules as those that were sent."""
    expect(files, 'there is no profile')
    done = subprocess.run([os.path.join(world.build, 'receiver'), '--files'] + files, env={},
                          stdout=subprocess.PIPE, timeout=world.left(), check=False)
    text = done.stdout.decode('utf-8', 'replace').splitlines()
    expect(done.returncode == 0, 'profile files: ' + '; '.join(text[:3]))
