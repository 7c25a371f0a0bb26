# server_redis.py - redis under redis-benchmark: its saving children, its threads, replication, ends.
# SPDX-License-Identifier: MIT
import os
import re
import signal
import socket

from real import descendants, thrice
from same import tool
from servers import ended, log, port, up

# What it says varies with the moment: sizes, times, numbers of processes.
CHANCE = ((r'^\d+:(\w |signal)', ''), (r'\d+(\.\d+)? (MB|seconds|bytes)', 'N'), (r'\bpid \d+', 'pid N'),
          (r'\(\d+\)', '(N)'),
          (r'-\d+\.', '-N.'), (r'[0-9a-f]{40}', 'ID'))
# Made by counting, so that each life has the same.
FILL = '''for i = 1, 3000 do
  redis.call('SET', 'k' .. i, string.rep('v', i % 700)); redis.call('ZADD', 'z', i * 7 % 1000, i)
  redis.call('HSET', 'h' .. i % 50, i, i * i); redis.call('RPUSH', 'l' .. i % 20, 'e' .. i)
end return redis.sha1hex(table.concat(redis.call('LRANGE', 'l3', 0, -1)))'''


class Redis:
    def __init__(self, run, number, *more):
        self.run, self.port = run, number
        self.dir = os.path.join(run.cwd, str(number))
        os.makedirs(self.dir, exist_ok=True)
        run.own(self.dir)
        self.child = run.start([
            tool('redis-server'), '--port', str(number), '--bind', '127.0.0.1', '--dir', self.dir,
            '--save', '', '--appendonly', 'yes', '--io-threads', '2', '--io-threads-do-reads', 'yes',
            '--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--loglevel', 'notice', *more])
        up(run, number, self.child)
        self.wait('loading:0')

    def ask(self, *words):
        """The answer to a command, or nothing if the connection is closed instead."""
        with socket.create_connection(('127.0.0.1', self.port), 30) as s:
            s.sendall(f'*{len(words)}\r\n'.encode() +
                      b''.join(f'${len(w)}\r\n{w}\r\n'.encode() for w in words))
            with s.makefile('rb') as f:
                line = f.readline()
                return (f.read(int(line[1:])) if line[:1] == b'$' else line).decode()

    def wait(self, *lines):
        """Until INFO says all of this."""
        self.run.until(f'redis said {lines}',
                       lambda: set(lines) <= set(self.ask('INFO').replace('\r', '').split('\n')))

    def load(self, count, *more, clients=3):
        """redis-benchmark; all its requests are answered, or it says so. With more than three
        clients the threads take part, who turn in circles while they wait."""
        done = self.run.run([tool('redis-benchmark'), '-p', str(self.port), '-n', str(count), '-q',
                             '-c', str(clients), '-P', '16', '-r', '500', *more])
        lines = [line.split(':')[0] for line in re.split(r'[\r\n]+', done.out.decode()) if 'p50' in line]
        print(f'  redis, {self.run.name}: ' + done.out.decode().split('\n')[0][-60:])
        return f'{done.status} {sorted(set(lines))} {done.err.decode()}'


def saving(redis):
    """A child saves while the load goes on; another is killed while it saves."""
    said = [redis.ask('BGSAVE'), redis.load(2000, '-t', 'set,incr')]
    redis.wait('rdb_bgsave_in_progress:0', 'rdb_last_bgsave_status:ok')
    said += [redis.ask('BGREWRITEAOF'), redis.load(2000, '-t', 'lpush,zadd')]
    redis.wait('aof_rewrite_in_progress:0', 'aof_last_bgrewrite_status:ok')
    redis.ask('CONFIG', 'SET', 'rdb-key-save-delay', '2000')
    said += [redis.ask('BGSAVE')]
    for child in descendants(redis.child.pid)[1:]:
        os.kill(child, signal.SIGKILL)
    redis.wait('rdb_bgsave_in_progress:0', 'rdb_last_bgsave_status:err')
    redis.ask('CONFIG', 'SET', 'rdb-key-save-delay', '0')
    return '\n'.join(said)


def life(run, one, two):
    redis = Redis(run, one)
    result = {'at the start': run.view(redis.child.pid)}
    result['load'] = redis.load(6000, '-t', 'ping,set,get,lpush,rpop,sadd,hset,spop,zadd,mset')
    result['threads'] = redis.load(2000, '-t', 'set,get', clients=20)
    result['saving'] = saving(redis)
    result['script'] = redis.ask('FLUSHALL') + redis.ask('EVAL', FILL, '0')
    result['digest'] = redis.ask('DEBUG', 'DIGEST')
    replica = Redis(run, two, '--replicaof', f'127.0.0.1 {one}')
    # It refuses to end before it has written its first file.
    replica.wait('master_link_status:up', 'aof_rewrite_in_progress:0', 'aof_rewrite_scheduled:0')
    result['replica'] = replica.ask('DEBUG', 'DIGEST')
    result['replica ended'] = str(ended(run, replica.child).status)
    result['slept'] = redis.ask('DEBUG', 'SLEEP', '0.2') + redis.ask('NONSENSE')
    result['at rest'] = re.sub(r'(thread jemalloc_bg_thd\n)+', r'\1', run.view(redis.child.pid))
    done = ended(run, redis.child)
    result['ended'] = f'{done.status} {done.err}'
    # The order of two processes' lines is chance.
    result['log'] = '\n'.join(sorted(log(done.out, *CHANCE).splitlines()))
    redis = Redis(run, one)
    result['digest of the file'] = redis.ask('DEBUG', 'DIGEST')
    redis.ask('SHUTDOWN', 'NOSAVE')
    done = ended(run, redis.child, None)
    result['shut down'] = f'{done.status} {done.err}'
    return result


def redis_test(world):
    one, two = port(), port()
    thrice(world, lambda run: life(run, one, two), 'redis-server', 'nobody')


def tests(_build):
    yield 'real_redis', True, redis_test
