# server_memcached.py - memcached with four threads under eight connections, in both its protocols.
# SPDX-License-Identifier: MIT
import concurrent.futures
import hashlib
import re
import signal
import socket

from real import thrice
from same import tool
from servers import ended, log, port, up

STATS = re.compile(r'STAT (cmd_\w+|get_\w+|incr_\w+|delete_\w+|cas_\w+|touch_\w+|threads|curr_items|'
                   r'total_items|bytes|evictions|rejected_connections) (.*)\r')


def converse(number, who):
    """One connection's work; the digest of all its answers."""
    digest = hashlib.sha256()
    with socket.create_connection(('127.0.0.1', number), 30) as s, s.makefile('rb') as f:
        for i in range(400):
            key, value = f'k{who}-{i}', f'{who}.{i}.' * (i % 37) + 'x' * (i % 11 * 2000)
            lines = [f'set {key} {i} 0 {len(value)}\r\n{value}', f'get {key}', f'append {key} 0 0 3\r\nend',
                     f'gets {key} k{who}-{i // 2}', f'set n{who} 0 0 1\r\n5', f'incr n{who} {i}',
                     f'decr n{who} 3', f'touch {key} 900', f'delete k{who}-{i // 3}', 'nonsense',
                     f'ms {key} 2\r\nab', f'mg {key} v f', 'mn']
            s.sendall(''.join(line + '\r\n' for line in lines).encode())
            answer = b''
            while not answer.endswith(b'MN\r\n'):
                line = f.readline()
                if not line:
                    return 'the connection was closed'
                # The last number of VALUE is how many writes there were before, by anybody.
                answer += re.sub(rb'^(VALUE \S+ \d+ \d+) \d+', rb'\1', line)
            digest.update(answer)
    return digest.hexdigest()


def asked(number, question, end):
    with socket.create_connection(('127.0.0.1', number), 30) as s, s.makefile('rb') as f:
        s.sendall(question + b'\r\n')
        text = b''
        while not text.endswith(end):
            text += f.readline()
        return text.decode()


def life(run, number):
    child = run.start([tool('memcached'), '-l', '127.0.0.1', '-p', str(number), '-U', '0', '-t', '4',
                       '-m', '256', '-c', '64', '-I', '2m', '-v'])
    up(run, number, child)
    result = {'at the start': run.view(child.pid)}
    for times in range(2):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = pool.map(converse, [number] * 8, range(8))
            result[f'answers {times}'] = '\n'.join(answers)
    stats = dict(STATS.findall(asked(number, b'stats', b'END\r\n')))
    result['stats'] = '\n'.join(f'{name} {value}' for name, value in sorted(stats.items()))
    result['flush'] = asked(number, b'flush_all', b'OK\r\n')
    result['at rest'] = run.view(child.pid)
    done = ended(run, child, signal.SIGTERM)
    result['ended'] = f'{done.status} {log(done.out)} {log(done.err)}'
    return result


def memcached_test(world):
    number = port()
    thrice(world, lambda run: life(run, number), 'memcached', 'nobody')


def tests(_build):
    yield 'real_memcached', True, memcached_test
