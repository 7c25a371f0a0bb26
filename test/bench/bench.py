# bench.py - what the profiler costs: three columns at the same time on one processor, nine rounds.
# SPDX-License-Identifier: MIT
"""Columns: none, floor (an interposer that only forwards), conprof. Each round starts all three at
once, pinned to one processor, so that whatever the machine does meanwhile hits all of them; what
counts is CPU time from getrusage, as a ratio to "none" within the round. Shown: the median of the
rounds, and the smallest and largest."""
import glob
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

build = sys.argv[1]
rounds = 9
cpus = sorted(os.sched_getaffinity(0))
pinned, other = {cpus[0]}, {cpus[-1]}
work = f"{build}/bench/work"
home = tempfile.mkdtemp(prefix="conprof-bench-")
columns = ("none", "floor", "conprof")


open(f"{home}/empty.conf", "w").close()


def environment(column, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CONPROF_", "BLACKFIRE_", "LD_"))}
    if column == "floor":
        env["LD_PRELOAD"] = f"{build}/bench/floor.so"
    if column == "conprof":
        env.update(LD_PRELOAD=f"{build}/libconprof.so", CONPROF_CONFIG=f"{home}/empty.conf",
                   CONPROF_AGENT_SOCKET=f"dir://{home}/profiles", CONPROF_PERIOD="5")
    env.update(more)
    return env


def start(column, command, cpu, **more):
    # taskset, not a hook of ours in the child: the same exec for all columns.
    return subprocess.Popen(["taskset", "-c", ",".join(map(str, cpu)), *command], cwd=home,
                            env=environment(column, **more), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def finish(process):
    """The CPU seconds of the process and its children, and what it printed."""
    out = process.stdout.read().decode()
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: {process.args} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, out


def spread(values, form="{:.3f}"):
    return " ".join(form.format(v) for v in (statistics.median(values), min(values), max(values)))


def show(name, results, unit):
    """results[column] is one figure per round."""
    for column in columns:
        ratios = [v / n for v, n in zip(results[column], results["none"])]
        print(f"{name:34} {column:8} {statistics.median(results[column]):12.2f} {unit:8} x {spread(ratios)}",
              flush=True)


def loop(name, *args, columns_=columns, **more):
    """A loop of work.c, which prints ns per round of it."""
    results = {c: [] for c in columns_}
    for _ in range(rounds):
        running = [(c, start(c, [work, *map(str, args)], pinned, **more)) for c in columns_]
        for column, process in running:
            results[column].append(float(finish(process)[1]))
    if name:
        show(name, results, "ns")
    return results


def program(name, command):
    results = {c: [] for c in columns}
    for _ in range(rounds):
        running = [(c, start(c, command, pinned)) for c in columns]
        for column, process in running:
            results[column].append(1000 * finish(process)[0])
    show(name, results, "ms")


def redis(name):
    results = {c: [] for c in columns}
    for _ in range(rounds):
        servers = [(c, port, start(c, ["redis-server", "--port", str(port), "--save", "", "--bind",
                                       "127.0.0.1", "--dir", home], pinned))
                   for port, c in enumerate(columns, 16400)]
        for _, port, _ in servers:
            while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).returncode:
                time.sleep(0.05)
        loads = [subprocess.Popen(["taskset", "-c", ",".join(map(str, other)), "redis-benchmark", "-p",
                                   str(port), "-q", "-n", "20000", "-d", "100", "-r", "10000", "-t",
                                   "set,get,lpush,hset"], stdout=subprocess.DEVNULL)
                 for _, port, _ in servers]
        for load in loads:
            load.wait()
        for column, port, process in servers:
            subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], capture_output=True)
            results[column].append(1000 * finish(process)[0])
    show(name, results, "ms")


def uploaders():
    found = []
    for exe in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(exe) == f"{build}/conprof":
                found.append(exe.split("/")[2])
        except OSError:
            pass
    return found


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def memory():
    """RSS that the library adds to a small program, and what the uploader takes beside it."""
    while uploaders():
        time.sleep(0.2)
    held = {c: start(c, [work, "hold"], pinned) for c in columns}
    time.sleep(2)
    sizes = {c: rss_kib(p.pid) for c, p in held.items()}
    print(f"RSS added to a small program: floor {sizes['floor'] - sizes['none']} KiB, "
          f"conprof {sizes['conprof'] - sizes['none']} KiB (of {sizes['none']} KiB)")
    busy = start("conprof", [work, "deep", "30", "400000000"], pinned)
    time.sleep(7)
    for pid in uploaders():
        before, seconds = cpu_ticks(pid), 10
        time.sleep(seconds)
        used = (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / seconds
        print(f"uploader: RSS {rss_kib(pid)} KiB, {100 * used:.2f} % of a processor at a period of 5 s, "
              f"two processes")
    busy.kill()
    for process in (*held.values(), busy):
        process.stdin.close()
        process.wait()


def main():
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    print(f"{platform.node()}: {(model or [platform.machine()])[0]}, {len(cpus)} processors, "
          f"Linux {platform.release()}; medians of {rounds} rounds, x: ratio to none, median min max", flush=True)
    keeper = start("conprof", [work, "hold"], other)  # keeps one uploader alive, as in real life
    # One block of 64 bytes in some 7,000 is sampled, one of 1 KiB in some 500.
    loop("malloc and free, 64 bytes", "pairs", 64, 20000000)
    loop("malloc and free, 1 KiB", "pairs", 1024, 10000000)
    for depth in (10, 30, 100):
        every = loop(None, "deep", depth, 20000, columns_=("none", "conprof"), CONPROF_HEAP_SAMPLE_INTERVAL="1")
        costs = [c - n for c, n in zip(every["conprof"], every["none"])]
        print(f"sampled allocation, depth {depth}: ns {spread(costs, '{:.0f}')}", flush=True)
    for depth in (10, 30, 100):
        ticks = loop(None, "ticks", depth, 20000, columns_=("conprof",))
        print(f"tick, depth {depth}: ns {spread(ticks['conprof'], '{:.0f}')}", flush=True)
    loop("exec of /bin/true", "execs", 300)
    with open(f"{home}/input.c", "w") as source:
        source.writelines(f"int f{i}(int a) {{ int s = 0; for (int i = 0; i < a; i++) s += i * {i} ^ a; return s; }}\n"
                          for i in range(400))
    program("gcc -O1 -c", ["gcc", "-O1", "-c", "-o", "/dev/null", "input.c"])
    program("python3", ["python3", "-c", "d={}\nfor i in range(400000): d[i % 5000]=[str(i)] * 3"])
    program("sqlite3", ["sqlite3", ":memory:", "create table t(a integer primary key, b text);"
                        "with recursive n(i) as (select 1 union all select i+1 from n where i<200000) "
                        "insert into t select i, 'row ' || i from n; select sum(length(b)) from t where a % 3;"])
    redis("redis-server under load")
    keeper.stdin.close()
    keeper.wait()
    memory()


try:
    main()
finally:
    shutil.rmtree(home, ignore_errors=True)
