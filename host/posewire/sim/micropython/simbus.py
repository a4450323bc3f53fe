"""The line between the simulated hardware and the Python side: records over one socket that both ends inherit.

A record is a header of 24 bytes (kind u8, port u8, payload length u16, a i32, b i64, c i64; little-endian) and its
payload; posewire.sim.parts.bus is the other end. Nothing here allocates once it is running, except the JSON messages.
"""

import asyncio
import json
import os
import struct
import time

from micropython import const

_FORMAT = "<BBHiqq"
_HEADER = const(24)
_PAYLOAD = const(256)
_POLL_US = const(1000)
_TICK_MS = const(2)
_PARTS_MS = const(5000)

# Python to board
PIN = const(1)
MIC = const(2)
WIFI = const(3)
IMU = const(4)
UART = const(5)
SNAPSHOT = const(6)
RESOLVED = const(7)
OFF = const(8)
STALL = const(9)
PARTS = const(10)
_KINDS = const(11)

# board to Python
READY = const(64)
PIN_OUT = const(65)
LED = const(66)
PWM = const(67)
I2S_OPEN = const(68)
I2S_DATA = const(69)
I2S_CLOSE = const(70)
WLAN = const(71)
UART_OPEN = const(72)
UART_DATA = const(73)
RESOLVE = const(74)
EVENT = const(75)
STATUS = const(76)
WDT = const(77)
FEED = const(78)
RESET = const(79)
AP = const(80)
MEMORY = const(81)
STARVED = const(82)

settings = json.loads(os.getenv("POSEWIRE_SIM") or "{}")
# What a record carried besides its numbers: valid while its handler runs.
payload = bytearray(_PAYLOAD)

_line = open(settings["bus"], "r+b") if "bus" in settings else None
_header = bytearray(_HEADER)
_out = bytearray(_HEADER)
_one = bytearray(1)
_handlers = [None] * _KINDS
_ticking = []
_task = None
_polling = False
# Not 0: the ticks of a computer that has been up for a while are more than half a circle away from it.
_polled = time.ticks_us()


def connected():
    """True when there is a Python side."""
    return _line is not None


def on(kind, fn):
    """Call fn(port, a, b, c, length) for each record of that kind."""
    _handlers[kind] = fn


def send(kind, port=0, a=0, b=0, c=0):
    """Send a record without payload."""
    send_bytes(kind, port, a, b, c, _one, 0, 0)


def send_bytes(kind, port, a, b, c, buf, at, length):
    """Send a record with length bytes of buf."""
    if _line is None:
        return
    struct.pack_into(_FORMAT, _out, 0, kind, port, length, a, b, c)
    _write(_out, 0, _HEADER)
    if length:
        _write(buf, at, length)


def send_json(kind, value):
    """Send a record with a JSON payload. Allocates."""
    text = json.dumps(value).encode()
    send_bytes(kind, 0, 0, 0, 0, text, 0, len(text))


def poll():
    """Take what Python sent. Called whenever the firmware touches hardware; looks at most once a millisecond."""
    global _polled
    now = time.ticks_us()
    if time.ticks_diff(now, _polled) >= _POLL_US:
        _polled = now
        drain()


def drain():
    """Take what Python sent, now."""
    global _polling
    if _line is None or _polling:
        return
    _polling = True
    try:
        while _dispatch():
            pass
    finally:
        _polling = False


def wait_for_parts():
    """Wait until Python has told how the parts are: the firmware may look at a button at once."""
    _handlers[PARTS] = _on_parts
    until = time.ticks_add(time.ticks_ms(), _PARTS_MS)
    while _line is not None and _handlers[PARTS] is not None and time.ticks_diff(until, time.ticks_ms()) > 0:
        drain()
        time.sleep_ms(1)


def _on_parts(port, a, b, c, length):
    _handlers[PARTS] = None


def tick_with(device):
    """Call device.tick() every few milliseconds: this stands for the chip's interrupts and scheduled callbacks."""
    if device not in _ticking:
        _ticking.append(device)
    start()


def no_tick(device):
    """Undo tick_with()."""
    if device in _ticking:
        _ticking.remove(device)


def start():
    """Run the simulated hardware on the event loop."""
    global _task
    if _task is None or _task.done():
        _task = asyncio.create_task(_run())


def halt(kind, a):
    """Send a last record and do nothing more: Python ends this process."""
    send(kind, 0, a)
    while _line is not None:
        if _line.readinto(_header) == 0:
            _orphaned()
        time.sleep_ms(10)
    raise SystemExit(a)


async def _run():
    while True:
        drain()
        for device in _ticking:
            device.tick()
        await asyncio.sleep_ms(_TICK_MS)


def _dispatch():
    got = _line.readinto(_header, _HEADER)
    if got is None:
        return False
    if got == 0:
        _orphaned()
    if got < _HEADER:
        _rest(_header, got, _HEADER)
    length = _header[2] | _header[3] << 8
    if length:
        _rest(payload, _line.readinto(payload, length) or 0, length)
    fn = _handlers[_header[0]]
    if fn is not None:
        fn(_header[1], int32(_header, 4), _int64(8), _int64(16), length)
    return True


def _rest(buf, at, end):
    # Rare: a record that the network layer handed over in two parts.
    while at < end:
        if _line.readinto(_one, 1):
            buf[at] = _one[0]
            at += 1


def int32(buf, at):
    """A signed little-endian integer of four bytes."""
    # A number that would need an object is not made on the way to a small one.
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | (buf[at + 3] ^ 0x80) - 0x80 << 24


def _int64(at):
    low, high = int32(_header, at), int32(_header, at + 4)
    if high == low >> 31:
        return low
    return low + (high + (1 if low < 0 else 0)) * 0x100000000


def _write(buf, at, length):
    while length:
        sent = _line.write(buf, at, length)
        if sent is None:
            time.sleep_us(200)
        else:
            at += sent
            length -= sent


def _orphaned():
    # The Python side is gone. Nothing may be left behind, whatever the firmware would do with an exception.
    os.system("kill -9 $PPID")
