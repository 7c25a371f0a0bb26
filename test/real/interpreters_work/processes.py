# processes.py - python's ways to have children: multiprocessing by all three methods, subprocess.
# SPDX-License-Identifier: MIT
import ctypes
import multiprocessing as mp
import os
import signal
import subprocess
import sys
import threading

LOOK = 'for f in /proc/self/fd/*; do echo ${f##*/}; done'


def work(n):
    return sum(len(str(i)) for i in range(n)), len(list(range(n // 10)))


def put(queue, n):
    queue.put((n, work(1000 * n)[0]))
    queue.close()
    queue.join_thread()
    sys.exit(n)


def note(table):
    table['x'] = 42


def run(*words, **more):
    ended = subprocess.run(words, capture_output=True, text=True, **more)
    print(ended.returncode, ended.stdout.split(), ended.stderr)


def pools():
    for method in ('fork', 'spawn', 'forkserver'):
        kind = mp.get_context(method)
        with kind.Pool(3) as pool:
            print(method, pool.map(work, [20000 + i for i in range(30)])[-1])
        queue = kind.Queue()
        children = [kind.Process(target=put, args=(queue, i)) for i in range(4)]
        for child in children:
            child.start()
        print(sorted(queue.get() for _ in children))
        for child in children:
            child.join()
        print([child.exitcode for child in children])
        with kind.Manager() as manager:
            table = manager.dict()
            child = kind.Process(target=note, args=(table,))
            child.start()
            child.join()
            print(dict(table))


def before():
    os.nice(1)
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    os.umask(0o77)


def spawned():
    r, w = os.pipe()
    os.set_inheritable(w, True)
    run('sh', '-c', LOOK)
    run('sh', '-c', LOOK, close_fds=False)
    run('sh', '-c', LOOK, pass_fds=(w,))
    run('sh', '-c', 'nice; umask; kill -PROF $$; echo lives', preexec_fn=before)
    run('sh', '-c', 'kill -PROF $$; echo not reached')
    run('sh', '-c', 'kill -9 $$', start_new_session=True)
    for wrong in ('/nonexistent/x', '/etc/passwd'):
        try:
            run(wrong)
        except OSError as e:
            print(e)
    for _ in range(100):
        assert subprocess.run(['true'], check=False).returncode == 0
    try:
        subprocess.run(['sleep', '10'], timeout=0.2, check=False)
    except subprocess.TimeoutExpired:
        print('timeout')
    print(os.system('exit 5'), os.popen('echo hi').read(), os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 9'))
    pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 4'], os.environ, setsigmask=[signal.SIGPROF],
                         setsigdef=[signal.SIGPROF])
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(r)


def forked(times):
    for i in range(times):
        pid = os.fork()
        if pid == 0:
            blocks = [bytes(1000) for _ in range(1000)]
            os._exit(len(blocks) // 1000 + i % 7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1 + i % 7


def foreign():
    """C calls back into python, and takes its memory from both sides."""
    libc = ctypes.CDLL(None)
    pointer = ctypes.POINTER(ctypes.c_int)
    order = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(lambda a, b: a[0] - b[0])
    numbers = (ctypes.c_int * 3000)(*[(i * 7919) % 3001 for i in range(3000)])
    libc.qsort(numbers, 3000, 4, order)
    print(list(numbers) == sorted(numbers))
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    for i in range(20000):
        libc.free(libc.malloc(i))


def main():
    pools()
    spawned()
    threads = [threading.Thread(target=forked, args=(40,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    foreign()
    # Which pipes of its queues python still holds is chance; after this the numbers are known.
    os.closerange(3, 1000)
    print(os.open('/dev/null', os.O_RDONLY), os.pipe())
    sys.exit(7)


if __name__ == '__main__':
    main()
