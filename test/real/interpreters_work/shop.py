# shop.py - burns CPU time in functions of Python's; SECONDS of it.
# SPDX-License-Identifier: MIT
import sys
import time


def count_down(n):
    return n if n < 2 else count_down(n - 1) + count_down(n - 2)


class Till:
    def total(self, prices):
        return sum(price * price % 7 for price in prices)


def work(seconds):
    total = 0
    while time.process_time() < seconds:
        total += count_down(18) + Till().total(range(5000))
    print(total > 0)


work(float(sys.argv[1]))
