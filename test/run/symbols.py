# symbols.py - a large program with debug information: what it takes of the uploader, and what is kept.
# SPDX-License-Identifier: MIT
import os
import subprocess

from world import expect

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
COPIES = 40


def tool(world, *argv):
    done = subprocess.run(argv, cwd=world.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    expect(done.returncode == 0, f'{argv[0]}: {done.stderr[-300:]!r}')
    return done.stdout.decode()


def link(world):
    """One unit, compiled once and linked under many names: a hundred megabytes in half a minute."""
    tool(world, 'g++', '-std=c++17', '-g', '-O1', '-x', 'c++', '-c', os.path.join(HERE, 'large.hpp'), '-o', 'one.o')
    names = {line.split()[-1] for line in tool(world, 'nm', '--defined-only', 'one.o').splitlines()}
    names = sorted(name for name in names if 'large_' in name)
    objects = []
    for i in range(COPIES):
        with open(os.path.join(world.dir, 'names'), 'w', encoding='ascii') as f:
            f.writelines(f'{name} copy{i}_{name}\n' for name in names)
        objects.append(f'{i}.o')
        tool(world, 'objcopy', '--redefine-syms=names', 'one.o', objects[-1])
    with open(os.path.join(world.dir, 'main.cpp'), 'w', encoding='ascii') as f:
        f.writelines(f'extern "C" long copy{i}_large_run(int);\n' for i in range(COPIES))
        f.write('volatile long sum;\nint main()\n{\n\tfor (;;) {\n')
        f.writelines(f'\t\tsum += copy{i}_large_run(3);\n' for i in range(COPIES))
        f.write('\t}\n}\n')
    tool(world, 'g++', '-O1', 'main.cpp', *objects, '-o', 'large')
    for name in objects:
        os.unlink(os.path.join(world.dir, name))
    return os.path.join(world.dir, 'large')


def status(world):
    """The lines of `conprof status` of this world, by their kind."""
    for said in world.status():
        lines = {}
        for line in said:
            lines.setdefault(line['kind'], line)
        return lines
    return None


def peak(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith('VmHWM:'))


def watch(world, until):
    """Polls the status up to this upload: the last one, and whether symbols were looked up while
    nothing else stood still: more were known, and the period was the same."""
    lively, before, now = False, None, None
    while not now or int(now['program']['seq']) < until:
        world.left()
        now = status(world)
        if not now or 'symbols' not in now or 'program' not in now:
            now = None
            continue
        mark = now['program']['seq'], int(now['symbols']['misses'])
        lively |= before is not None and mark[0] == before[0] and mark[1] > before[1]
        before = mark
    return now, lively


def large(world):
    """Of a hundred megabytes of debug information the uploader holds a part, looks each address up
    once, opens each file once, and answers meanwhile."""
    world.deadline += 240
    program, out = link(world), os.path.join(world.dir, 'out')
    size = os.path.getsize(program)
    settings = {'CONPROF_AGENT_SOCKET': f'dir://{out}', 'CONPROF_PERIOD': '2', 'CONPROF_CPU_PROFILERATE': '1000'}
    child = world.start([program], settings)
    now, lively = watch(world, 4)
    is_ = {key: int(value) for key, value in now['symbols'].items() if value.isdigit()}
    most = peak(world.uploaders()[0])
    print(f'  symbols: {size >> 20} MiB of program, {most >> 20} MiB of uploader at most, {is_}')
    expect(size > 90 * MIB, f'the program has {size} bytes')
    expect(lively, 'the uploader answered nobody while it looked symbols up')
    expect(is_['opens'] <= is_['images'], f'files were opened again: {is_}')
    expect(is_['hits'] > 0 and is_['addresses'] > 1000, f'too little was looked up, or nothing twice: {is_}')
    expect(is_['bytes'] <= is_['max'] == 64 * MIB, f'the bound is not kept: {is_}')
    # all of it would be twice the program
    expect(most < size + 32 * MIB, f'{most} bytes of memory')
    child.kill()
    child.wait()
    world.quiet()
    profiles = [os.path.join(out, name) for name in sorted(os.listdir(out)) if name.endswith('.cpu.pprof')]
    # the last one was made of what it did while the one before was in the making
    expect(len(profiles) >= 5, f'there are {len(profiles)} profiles')


def tests(build):
    return [('symbols_large', True, large)]
