"""The simulated microphone's sound: a recording that Python placed on the time line, else the noise of a quiet room.

Like an INMP441 it gives 24 bits left-justified in a 32-bit word. A 16-bit sample s of the recording becomes the word
s << 12, so that firmware that takes 16 bits from bit 12 on gets the recording back as it was.
"""

import micropython
import simbus
from micropython import const
from simclock import FrameClock

RATE = const(16000)
_CHUNK = const(256)

# The file holds every recording that was played so far, one after another, as signed 16-bit samples.
_file = None
_samples = bytearray(_CHUNK * 2)
_seed = bytearray(b"\x39\x05\x00\x00")
# Counts the frames of all microphones.
clock = FrameClock(RATE)
# The frame in which the recording begins, its place in the file, its length.
_start = 0
_offset = 0
_count = 0


def _play(port, a, b, c, length):
    global _start, _offset, _count
    clock.now()
    _start = clock.at(b)
    _offset = c
    _count = a


# From power-on: something may be playing before the firmware opens the microphone.
simbus.on(simbus.MIC, _play)


def open_source():
    """Get ready to hear()."""
    global _file
    if _file is None and "mic" in simbus.settings:
        _file = open(simbus.settings["mic"], "rb")


def hear(frame, buf, at, count, layout):
    """Put count frames, beginning with that number of the clock, into buf at a byte offset."""
    size = layout_size(layout)
    while count:
        n = min(count, _CHUNK)
        into = frame - _start
        if _count and into < 0:
            n = min(n, 0 - into)
            _noise(_samples, n, _seed)
        elif 0 <= into < _count:
            n = min(n, _count - into)
            _read((_offset + into) * 2, n * 2)
        else:
            _noise(_samples, n, _seed)
        _write(_samples, buf, at, n, layout)
        frame += n
        at += n * size
        count -= n


def layout_size(layout):
    """Bytes a frame: layout 0 is mono with 16 bits, 1 mono 32, 2 stereo 16, 3 stereo 32."""
    return (2 + (layout & 1) * 2) << (layout >> 1)


def _read(position, size):
    _file.seek(position)
    got = _file.readinto(_samples, size)
    while got < size:
        _samples[got] = 0
        got += 1


@micropython.viper
def _noise(samples, count: int, seed):
    out = ptr16(samples)
    state = ptr32(seed)
    # Numbers of 31 bits and more are objects where words have 32 bits: a generator of small ones.
    x = int(state[0])
    for i in range(count):
        x = (x * 75 + 74) % 65537
        out[i] = (x >> 3) % 21 - 10
    state[0] = x


@micropython.viper
def _write(samples, buf, start: int, count: int, layout: int):
    source = ptr16(samples)
    out = ptr8(buf)
    at = start
    for i in range(count):
        s = int(source[i])
        if s & 0x8000:
            s -= 0x10000
        word = s << 12
        if layout & 1:
            out[at] = 0
            out[at + 1] = word >> 8
            at += 2
        out[at] = word >> 16
        out[at + 1] = word >> 24
        at += 2
        if layout == 2:
            # The right channel: nothing is connected.
            out[at] = 0
            out[at + 1] = 0
            at += 2
        elif layout == 3:
            out[at] = 0
            out[at + 1] = 0
            out[at + 2] = 0
            out[at + 3] = 0
            at += 4
