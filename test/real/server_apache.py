# server_apache.py - apache2, of processes and of threads, whose every part is a module opened by dlopen.
# SPDX-License-Identifier: MIT
import os
import re
import signal

from real import descendants, exe, thrice
from same import talk, tool
from servers import answers, log, pid_in, port
from world import expect

MODULES = '/usr/lib/apache2/modules'
CONFIG = '''ServerRoot %(cwd)s
ServerName localhost
Listen 127.0.0.1:%(port)d
PidFile %(cwd)s/pid
DefaultRuntimeDir %(cwd)s
ErrorLog %(cwd)s/error.log
LogLevel notice
%(modules)s
User %(user)s
Group %(group)s
StartServers 2
%(spare)s
MaxRequestWorkers 16
DocumentRoot %(cwd)s
<Directory %(cwd)s>
  Require all granted
  Options +Includes +ExecCGI
</Directory>
AddOutputFilter INCLUDES .shtml
AddHandler cgi-script .cgi
RewriteEngine on
RewriteRule ^/moved/(.*) /$1 [R=301,L]
SetOutputFilter DEFLATE
'''
FILES = {'page.html': 'hello\n' * 3000, 'parts.shtml': '<!--#set var="a" value="1" --><!--#echo var="a" -->'
         '<!--#include virtual="/page.html" --><!--#exec cmd="echo $((6*7))" -->',
         'run.cgi': '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo "$REQUEST_URI"; ls /proc/self/fd | wc -l\n'}


SPARE = {'prefork': 'MinSpareServers 2\nMaxSpareServers 2',
         'event': 'MinSpareThreads 8\nMaxSpareThreads 16\nThreadsPerChild 8'}


class Apache:
    def __init__(self, run, number, mpm):
        self.run, self.port, self.mpm = run, number, mpm
        names = (f'mpm_{mpm}', 'authz_core', 'dir', 'mime', 'include', 'alias', 'rewrite', 'deflate',
                 'filter', 'headers', 'cgi' if mpm == 'prefork' else 'cgid', 'status', 'env')
        modules = '\n'.join(f'LoadModule {name}_module {MODULES}/mod_{name}.so' for name in names)
        if mpm != 'prefork':
            modules += f'\nScriptSock {run.cwd}/cgisock'
        for name, text in FILES.items():
            run.write(name, text, 0o755)
        run.write('mime.types', 'text/html html shtml\n')
        modules += f'\nTypesConfig {run.cwd}/mime.types'
        root = os.geteuid() == 0
        run.write('conf', CONFIG % {
            'cwd': run.cwd, 'port': number, 'modules': modules, 'spare': SPARE[mpm], 'user': 'nobody' if root else '#-1',
            'group': 'nogroup' if root else '#-1'})
        done = run.run([tool('apache2'), '-f', os.path.join(run.cwd, 'conf'), '-k', 'start'])
        self.started = f'{done.status} {done.out} {done.err}'
        expect(done.status == 0, self.started)
        self.main = pid_in(run, os.path.join(run.cwd, 'pid'))
        run.until('it answered', lambda: answers(number))

    def pages(self):
        said = ''
        for path in ('page.html', 'parts.shtml', 'run.cgi', 'moved/page.html', 'nothing', '..%2f') * 3:
            text = talk(('127.0.0.1', self.port), f'GET /{path} HTTP/1.0\r\n\r\n'.encode(), rb'(?!)')
            said += re.sub(r'(Date|Last-Modified|ETag): .*', '', text)
        return said

    def wrk(self, path, *more):
        done = self.run.run([tool('wrk'), '-t', '1', '-c', '4', '-d', '1s', *more,
                             f'http://127.0.0.1:{self.port}/{path}'])
        text = done.out.decode()
        expect('Socket errors' not in text and 'Non-2xx' not in text, f'wrk: {text[-300:]}')
        print(f'  apache, {self.mpm}, {self.run.name}: ' + re.search(r'Requests/sec.*', text)[0])

    def children(self):
        """Those that are not of a page's own making."""
        return [pid for pid in descendants(self.main)[1:] if exe(pid).endswith('apache2')]

    def restart(self, sig):
        before = self.children()
        os.kill(self.main, sig)
        self.settled(before)

    def settled(self, but):
        """Its two workers, the process that starts scripts for those of threads, and none of these."""
        count = 2 if self.mpm == 'prefork' else 3
        self.run.until('its children were others', lambda: len(self.children()) == count and
                       not set(but) & set(self.children()))
        self.run.until('it answered', lambda: answers(self.port))

    def view(self):
        """With its two workers: a third, which it makes when it finds one at work, would stay, since it takes
        MaxSpareServers for one more than the least."""
        while self.mpm == 'prefork' and len(self.children()) != 2:
            self.restart(signal.SIGUSR1)
        return self.run.view(self.main)


def life(run, number, mpm):
    apache = Apache(run, number, mpm)
    result = {'started': apache.started, 'pages': apache.pages(), 'at the start': apache.view()}
    run.busy.append(apache.children())
    apache.wrk('page.html')
    apache.wrk('parts.shtml', '-H', 'Accept-Encoding: gzip')
    apache.restart(signal.SIGUSR1)
    apache.restart(signal.SIGHUP)
    victim = max(apache.children(), key=lambda pid: len(os.listdir(f'/proc/{pid}/task')))
    os.kill(victim, signal.SIGKILL)
    apache.settled([victim])
    result['pages again'] = apache.pages()
    result['at rest'] = apache.view()
    family = descendants(apache.main)
    os.kill(apache.main, signal.SIGTERM)
    for pid in family:
        run.gone(pid)
    lines = log(run.read('error.log'), (r'\[\w{3} \w{3} .*? \d{4}\]', 'TIME'), (r'(pid|tid) \d+', r'\1 N'),
                (r'\d+\.\d+\.\d+\.\d+:\d+', 'CLIENT')).splitlines()
    # At a restart its script starter says that it died, fails those who call just then, or finds its
    # socket taken away by the old one's end: or not, as it happens.
    result['log'] = '\n'.join(sorted({line for line in lines if '[cgid:' not in line}))
    return result


def apache_test(world, mpm):
    number = port()
    thrice(world, lambda run: life(run, number, mpm), 'apache2', seconds=60)


def tests(_build):
    for mpm in ('prefork', 'event'):
        yield f'real_apache_{mpm}', True, lambda world, m=mpm: apache_test(world, m)
