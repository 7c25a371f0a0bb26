# signals.py - python with SIGPROF and ITIMER_PROF of its own; waits for all signals; faulthandler.
# SPDX-License-Identifier: MIT
import faulthandler
import os
import re
import signal
import subprocess
import sys
import threading
import time

PROF = signal.SIGPROF
ALL = set(range(1, 65))
hits = [0]


def hit(_signal, _frame):
    hits[0] += 1


def burn(seconds):
    began = time.process_time()
    while time.process_time() - began < seconds:
        sum(range(1000))


def timer():
    print(signal.signal(PROF, hit), signal.setitimer(signal.ITIMER_PROF, 0.02, 0.02))
    burn(0.6)
    left = signal.setitimer(signal.ITIMER_PROF, 0)
    # The kernel counts this timer by whole ticks of its clock: on a busy machine it is not exact.
    print(5 <= hits[0] <= 90, 0 < left[0] < 0.1, round(left[1], 3))
    hits[0] = 0
    burn(0.2)
    print(hits[0], signal.getitimer(signal.ITIMER_PROF))
    os.kill(os.getpid(), PROF)
    print(hits[0], signal.getsignal(PROF) is hit)


def waits():
    signal.pthread_sigmask(signal.SIG_BLOCK, [PROF])
    signal.setitimer(signal.ITIMER_PROF, 0.05)
    thread = threading.Thread(target=burn, args=(0.4,))
    thread.start()
    print(signal.sigwait([PROF]))
    thread.join()
    print(signal.sigpending(), signal.sigtimedwait([PROF, signal.SIGUSR1], 0.1))
    os.kill(os.getpid(), PROF)
    print(signal.sigpending())
    info = signal.sigwaitinfo([PROF])
    print(info.si_signo, info.si_code, info.si_pid == os.getpid())

    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
    me = os.getpid()
    threading.Timer(0.1, lambda: (burn(0.3), os.kill(me, signal.SIGUSR1))).start()
    print(signal.sigwait(ALL - {signal.SIGCHLD}))
    print(signal.sigpending(), sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


STATE = 'import signal; print(signal.pthread_sigmask(0, []), signal.getsignal(signal.SIGPROF))'


def heirs():
    for action in (hit, signal.SIG_IGN, signal.SIG_DFL):
        signal.signal(PROF, action)
        signal.pthread_sigmask(signal.SIG_BLOCK, [PROF])
        print(subprocess.run([sys.executable, '-c', STATE], capture_output=True, text=True, check=False))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [PROF])


def faults():
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR2, file=sys.stdout)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGUSR2)
    faulthandler.dump_traceback_later(0.1, file=sys.stdout)
    time.sleep(0.4)
    faulthandler.cancel_dump_traceback_later()
    for code in ('enable(); faulthandler._sigsegv()', 'enable(); faulthandler._stack_overflow()',
                 '_sigabrt()', 'enable(); faulthandler._fatal_error_c_thread()'):
        ended = subprocess.run([sys.executable, '-c', 'import faulthandler; faulthandler.' + code],
                               capture_output=True, text=True, check=False)
        print(ended.returncode, ended.stdout, re.sub('0x[0-9a-f]+', 'ADDRESS', ended.stderr)[:400])


def deep(n):
    return deep(n + 1)


def limits():
    try:
        deep(0)
    except RecursionError as e:
        print(e)
    print(subprocess.run([sys.executable, '-c', 'import resource as r; r.setrlimit(r.RLIMIT_CPU, (1, 3))\n'
                          'while 1: pass'], check=False).returncode)
    threading.stack_size(32768)
    for _ in range(100):
        thread = threading.Thread(target=lambda: bytes(100000))
        thread.start()
        thread.join()
    # A thread that was joined may take a moment to be gone.
    while len(os.listdir('/proc/self/task')) > 1:
        time.sleep(0.01)
    print(threading.active_count())


timer()
waits()
heirs()
faults()
limits()
sys.stdout.flush()
signal.signal(PROF, signal.SIG_DFL)
os.kill(os.getpid(), PROF)
