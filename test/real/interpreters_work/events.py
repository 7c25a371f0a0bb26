# events.py - asyncio: children, sockets, handlers for signals (that of SIGPROF among them).
# SPDX-License-Identifier: MIT
import asyncio
import os
import signal

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPROF, signal.SIGTERM)


async def child(i):
    process = await asyncio.create_subprocess_exec(
        'sh', '-c', f'read x; echo got $x {i}; exit {i % 7}', stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate(f'v{i}\n'.encode())
    return out, process.returncode


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def client(port, i):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    total = 0
    for _ in range(20):
        writer.write((b'%d ' % i) * 500 + b'\n')
        total += len(await reader.readline())
    writer.close()
    return total


async def main():
    loop = asyncio.get_running_loop()
    got = []
    for s in SIGNALS:
        loop.add_signal_handler(s, lambda s=s: got.append(s.name))
    print(await asyncio.gather(*(child(i) for i in range(50))))
    for s in SIGNALS:
        os.kill(os.getpid(), s)
        await asyncio.sleep(0.05)
    print(got)
    print(sum(await asyncio.gather(*(
        loop.run_in_executor(None, lambda i=i: sum(range(200000 + i))) for i in range(40)))))
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    print(await asyncio.gather(*(client(port, i) for i in range(30))))
    server.close()
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.1)
    except asyncio.TimeoutError:
        print('timeout')


asyncio.run(main())
