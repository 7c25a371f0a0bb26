# server_sshd.py - sshd on the loopback: keys, sessions in processes of their own, a sandboxed child.
# SPDX-License-Identifier: MIT
import os
import re
import signal

from real import thrice
from same import tool
from servers import ended, log, port, root_only, up

CONFIG = '''Port %(port)d
ListenAddress 127.0.0.1
HostKey %(cwd)s/host
PidFile none
AuthorizedKeysFile %(cwd)s/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
'''
SCRIPT = 'echo "$0 $#"; ls /proc/self/fd | wc -l; seq 1 30000 | cksum; echo trouble >&2; cat | cksum; exit 7'


class Sshd:
    def __init__(self, run, number):
        self.run, self.port = run, number
        for name in ('host', 'user'):
            run.tool([tool('ssh-keygen'), '-q', '-t', 'ed25519', '-N', '', '-f', os.path.join(run.cwd, name)])
        run.write('conf', CONFIG % {'port': number, 'cwd': run.cwd})
        os.makedirs('/run/sshd', 0o755, exist_ok=True)
        self.child = run.start([tool('sshd'), '-D', '-e', '-f', os.path.join(run.cwd, 'conf')])
        up(run, number, self.child)

    def view(self):
        """Without the environment, over which it has written its title."""
        return re.sub(r'^b?[\'"].*\n', '', self.run.view(self.child.pid), flags=re.M)

    def client(self, program, *words, stdin=os.devnull):
        options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR',
                   'IdentitiesOnly=yes', 'BatchMode=yes']
        argv = [tool(program), '-F', 'none', '-i', os.path.join(self.run.cwd, 'user')]
        argv += [word for option in options for word in ('-o', option)]
        argv += ['-P' if program == 'sftp' else '-p', str(self.port), *words]
        with open(stdin, 'rb') as f:
            done = self.run.run(argv, stdin=f)
        return f'{done.status} {done.out.decode()} {done.err.decode()}'


def life(run, number):
    sshd = Sshd(run, number)
    result = {'at the start': sshd.view()}
    data = run.write('data', 'data ' * 400000)
    for times in range(3):
        result[f'session {times}'] = sshd.client('ssh', 'root@127.0.0.1', SCRIPT, stdin=data)
    result['terminal'] = sshd.client('ssh', '-tt', 'root@127.0.0.1', 'stty size; tty | cut -c 1-8; echo end')
    batch = run.write('batch', f'put {data} {run.cwd}/copy\nget {run.cwd}/copy {run.cwd}/again\nls {run.cwd}/ag*\n')
    result['files'] = sshd.client('sftp', '-b', batch, 'root@127.0.0.1')
    result['same'] = str(run.read('data') == run.read('again'))
    result['stranger'] = sshd.client('ssh', 'nosuchuser@127.0.0.1', 'true')
    os.kill(sshd.child.pid, signal.SIGHUP)
    run.until('it listened again', lambda: sshd.client('ssh', 'root@127.0.0.1', 'echo here').startswith('0 here'))
    result['at rest'] = sshd.view()
    done = ended(run, sshd.child)
    lines = log(done.err, (r'port \d+', 'port N'), (r'SHA256:\S+', 'KEY'), (r'pid \d+', 'pid N')).splitlines()
    result['log'] = '\n'.join(sorted({line for line in lines if not re.search('reset by|closed by', line)}))
    result['ended'] = f'{done.status} {done.out}'
    return result


def sshd_test(world):
    root_only('sshd')
    number = port()
    thrice(world, lambda run: life(run, number), 'sshd', seconds=90)


def tests(_build):
    yield 'real_sshd', True, sshd_test
