# itself.py - the receiver is tested too: a good upload passes, and each kind of bad one is noticed.
# SPDX-License-Identifier: MIT
import base64
import json
import re
import socket
import struct
import time

from pprof import Profile
from receiver import Receiver, check_files
from world import Failed, expect

BOUNDARY = '0123456789ab' * 5


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def profile(change=None):
    """A CPU profile by hand: one function, one sample of two ticks."""
    d = {'strings': [b'', b'samples', b'count', b'cpu', b'nanoseconds', b'work', b'/bin/x'],
         'values': [2, 20000000], 'location': 1, 'mapping_flags': number(7, 1), 'address': 0x1800,
         'period_type': number(1, 3) + number(2, 4), 'function': 1}
    d.update(change or {})
    values = b''.join(varint(v & (1 << 64) - 1) for v in d['values'])
    return b''.join(
        [block(1, number(1, 1) + number(2, 2)), block(1, number(1, 3) + number(2, 4)),
         block(2, block(1, varint(d['location'])) + block(2, values)),
         block(3, number(1, 1) + number(2, 0x1000) + number(3, 0x2000) + number(5, 6) +
               d['mapping_flags']),
         block(4, number(1, d['location']) + number(2, 1) + number(3, d['address']) +
               block(4, number(1, d['function']) + number(2, 7))),
         block(5, number(1, d['function']) + number(2, 5) + number(3, 5))] +
        [block(6, s) for s in d['strings']] +
        [number(9, 1700000000 * 10**9), number(10, 10**9), block(11, d['period_type']),
         number(12, 10000000)])


def zstd(data):
    """A frame of one raw block: the format without the compression."""
    return b'\x28\xb5\x2f\xfd\xa0' + struct.pack('<I', len(data)) + \
        struct.pack('<I', len(data) << 3 | 1)[:3] + data


def event(**change):
    now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
    tags = ('process_id:1,profiler_version:v0.1,runtime-id:12345678-1234-4234-8234-123456789abc,'
            'language:native,runtime:native,runtime_os:linux,runtime_arch:amd64,'
            'probe_version:v0.1,host:h,service:s,profile_seq:0')
    fields = {'start': now, 'end': now, 'attachments': ['cpu.pprof'], 'tags_profiler': tags,
              'family': 'native', 'version': '4',
              'info': {'profiler': {'settings': {
                  'cpu_duration': '45s', 'cpu_profile_rate': 100, 'profile_period': '45s',
                  'upload_timeout': '10s', 'delta_profiles': True},
                  'uploads_dropped': 0, 'losses': {}, 'coverage': {'cpu': {
                      'samples': 1, 'lost': 0, 'truncated': 0, 'ended_early': 0}}}}}
    for key, value in change.items():
        if value is None:
            del fields[key]
        else:
            fields[key] = value
    return json.dumps(fields, separators=(',', ':')).encode() + b'\n'


def part(name, file, kind, data):
    return (f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            f'Content-Type: {kind}\r\n\r\n').encode() + data


def body(parts):
    mark = b'--' + BOUNDARY.encode()
    return mark + b'\r\n' + (b'\r\n' + mark + b'\r\n').join(parts) + b'\r\n' + mark + b'--\r\n'


def request(**change):
    """An upload without fault, but for what change says."""
    cpu = part('cpu.pprof', 'cpu.pprof', 'application/octet-stream',
               change.get('packed', zstd(change.get('profile', profile()))))
    last = part('event', 'event.json', 'application/json', change.get('event', event()))
    data = body(change.get('parts', lambda c, e: [c, e])(cpu, last))
    head = {'Host': 'localhost', 'User-Agent': 'test', 'Accept-Encoding': 'gzip',
            'Content-Type': 'multipart/form-data; boundary=' + BOUNDARY,
            'Idempotency-Key': '"app-1-20261121T120000Z-0"', 'Content-Length': str(len(data))}
    head.update(change.get('head', {}))
    lines = [change.get('line', 'POST /profiling/v1/input HTTP/1.1')]
    lines += [f'{k}: {v}' for k, v in head.items() if v is not None]
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + data


def send(receiver, data):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(receiver.url[len('unix://'):])
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        answer = b''
        while chunk := s.recv(4096):
            answer += chunk
        return answer


def good(world):
    receiver = Receiver(world)
    answer = send(receiver, request())
    expect(answer.startswith(b'HTTP/1.1 200 '), f'the answer is {answer[:60]!r}')
    receiver.stop()
    files = receiver.files('.cpu.pprof')
    check_files(world, files)
    read = Profile(files[0])
    expect(read.sum('cpu', 'work') == 20000000 and read.sum('samples') == 2,
           'the profile is not what was sent')


def bad(name, word, **change):
    def test(world):
        receiver = Receiver(world, **({'auth': 'a:b'} if name == 'authorization' else {}))
        send(receiver, request(**change))
        try:
            receiver.stop()
        except Failed as e:
            expect(re.search(word, str(e)), f'it says {e}, not {word}')
            return
        raise Failed('it was not noticed')
    return 'receiver_sees_' + name, False, test


def tests(_build):
    yield 'receiver_takes_a_good_upload', False, good
    raw = 'application/octet-stream'
    strings = [b'', b'samples', b'count', b'cpu', b'nanoseconds', b'work', b'/bin/x']
    for one in (
            ('method', 'request line', dict(line='PUT /profiling/v1/input HTTP/1.1')),
            ('path', 'request line', dict(line='POST /profiling/v2/input HTTP/1.1')),
            ('host', 'Host is', dict(head={'Host': 'elsewhere'})),
            ('boundary', 'Content-Type is',
             dict(head={'Content-Type': 'multipart/form-data; boundary=abc'})),
            ('expect', 'Expect must', dict(head={'Expect': '100-continue'})),
            ('chunked', 'Transfer-Encoding', dict(head={'Transfer-Encoding': 'chunked'})),
            ('length', 'body ends', dict(head={'Content-Length': '99999'})),
            ('no_length', 'Content-Length', dict(head={'Content-Length': None})),
            ('key', 'Idempotency-Key', dict(head={'Idempotency-Key': 'app'})),
            ('authorization', 'Authorization', {}),
            ('unasked_authorization', 'Authorization',
             dict(head={'Authorization': 'Basic ' + base64.b64encode(b'a:b').decode()})),
            ('event_first', 'not the last', dict(parts=lambda c, e: [e, c])),
            ('part_type', 'of type', dict(parts=lambda c, e: [c.replace(raw.encode(), b'x/y'), e])),
            ('attachment_missing', 'attachments are', dict(parts=lambda c, e: [e])),
            ('start', 'start is', dict(event=event(start='yesterday'))),
            ('start_zone', 'not UTC', dict(event=event(start='2026-01-01T00:00:00+01:00'))),
            ('version', 'version', dict(event=event(version=4))),
            ('key_order', 'out of order', dict(event=event(zebra=1))),
            ('no_family', 'family', dict(event=event(family=None))),
            ('no_info', 'info', dict(event=event(info=None))),
            ('tags', 'tags_profiler holds', dict(event=event(tags_profiler='a:b,c'))),
            ('tag_missing', 'tag .* is missing', dict(event=event(tags_profiler='a:b'))),
            ('uncompressed', 'not compressed', dict(packed=profile())),
            ('bad_zstd', 'zstd', dict(packed=zstd(profile())[:-9])),
            ('bad_profile', 'cpu.pprof', dict(profile=profile()[:-30])),
            ('negative', 'value -2', dict(profile=profile({'values': [-2, 1]}))),
            ('zeros', 'all zero', dict(profile=profile({'values': [0, 0]}))),
            ('ids', 'location 1 has id 7', dict(profile=profile({'location': 7}))),
            ('function_ids', 'function 1 has id 9', dict(profile=profile({'function': 9}))),
            ('utf8', 'UTF-8', dict(profile=profile({'strings': strings[:5] + [b'w\xff', b'/x']}))),
            ('twice', 'there twice', dict(profile=profile({'strings': strings + [b'cpu']}))),
            ('types', 'sample types', dict(profile=profile(
                {'strings': [b'', b'samples', b'count', b'cpu-time'] + strings[4:]}))),
            ('period_type', 'period type',
             dict(profile=profile({'period_type': number(1, 1) + number(2, 2)}))),
            ('outside', 'outside', dict(profile=profile({'address': 0x2000}))),
            ('flags', 'does not say so', dict(profile=profile({'mapping_flags': b''})))):
        yield bad(one[0], one[1], **one[2])
