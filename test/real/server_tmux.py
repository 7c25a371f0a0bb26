# server_tmux.py - tmux: a server that becomes a daemon, its shells, a client that comes and goes.
# SPDX-License-Identifier: MIT
import os
import re

from real import descendants, thrice
from same import tool
from servers import log

# The shell in the first pane is told to read this; what it shows in the end must be the same. A child that
# it has just made ignores SIGTERM as itself does, until it becomes another program.
LINES = ('i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo $i',
         'seq 1 400 | sort -r | tail -n 2', '(exit 7); echo $?', 'cat /nothing', 'tput cols; stty size',
         'sleep 30 & jobs | cut -c 1-20; until [ "$is" = sleep ]; do read is </proc/$!/comm; done; '
         'kill %1; wait; echo gone', 'ls /proc/self/fd | wc -l', 'echo e"n"d')


class Tmux:
    def __init__(self, run):
        self.run = run
        self.argv = [tool('tmux'), '-S', os.path.join(run.cwd, 'socket'), '-f',
                     run.write('conf', 'set -g default-shell /bin/sh\nset -g default-command /bin/sh\n'
                                       'set -g status-interval 1\nset -g history-limit 20000\n')]

    def do(self, *words):
        """A command to the server, by a client that has us, too, if the run has."""
        done = self.run.run(self.argv + list(words), {'TERM': 'screen'})
        return f'{done.status} {done.out.decode()} {done.err.decode()}'

    def pane(self, number='0'):
        return self.do('capture-pane', '-p', '-S', '-200', '-t', number)

    def typed(self):
        self.run.write('lines', 'clear; ' + '\n'.join(LINES) + '\nexec cat\n')
        self.do('send-keys', '-t', '0', '. ./lines', 'Enter')
        self.run.until('the last line had come', lambda: re.search(r'^end$', self.pane(), re.M))
        self.do('send-keys', '-t', '0', 'echoed', 'Enter')
        self.run.until('it was echoed', lambda: self.pane().count('echoed') == 2)
        return self.pane()


def attached(tmux):
    """A client in a terminal of its own: it comes, detaches, and ends well."""
    line = ' '.join(tmux.argv) + ' attach'
    child = tmux.run.start([tool('script'), '-qec', line, '/dev/null'], {'TERM': 'screen'})
    tmux.run.until('there was a client',
                   lambda: 'attached' in tmux.do('list-clients', '-F', 'attached'))
    result = tmux.do('detach-client', '-s', '0')
    return f'{result} {tmux.run.world.finish(child).status}'


def life(run):
    tmux = Tmux(run)
    result = {'started': tmux.do('new-session', '-d', '-x', '100', '-y', '40', '-s', '0')}
    server = int(tmux.do('display-message', '-p', '#{pid}').split()[1])
    result['typed'] = tmux.typed()
    result['panes'] = ''.join(tmux.do(*words) for words in (
        ('split-window', '-t', '0', 'seq 1 20000; exec cat'), ('new-window', '-d', '-t', '0:7', 'exit 3'),
        ('set-buffer', 'x' * 3000), ('show-buffer',), ('resize-window', '-x', '60', '-y', '20'),
        ('rename-session', '0'), ('nonsense',)))
    run.until('the output was complete', lambda: '20000' in tmux.pane('0.1'))
    run.until('the window whose program ends had gone',
              lambda: tmux.do('list-panes', '-a', '-F', 'pane').count('pane') == 2)
    result['output'] = tmux.pane('0.1')
    result['left'] = tmux.do('list-panes', '-a', '-F', '#{pane_index} #{pane_dead} #{pane_width} '
                                                    '#{history_size} #{pane_current_command}')
    result['server'] = re.sub(r'/dev/p\w+/\d+', 'TERMINAL', run.view(server))
    family = descendants(server)
    result['client'] = attached(tmux)
    result['end'] = tmux.do('kill-server')
    for pid in family:
        run.gone(pid)
    result['afterwards'] = log(tmux.do('list-sessions'))
    return result


def tests(_build):
    yield 'real_tmux', True, lambda world: thrice(world, life, 'tmux', 'nobody', seconds=60)
