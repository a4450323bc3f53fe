"""machine.I2S as on the ESP32: DMA buffers of 256 frames that time fills (microphone) or empties (speaker).

Sources: the MicroPython driver (ports/esp32/machine_i2s.c) and the IDF driver under it. One buffer is being filled or
played, a queue holds the others: where nobody reads, the oldest is lost and nothing says so; where nobody writes, zeros
are played.
"""

import errno
import io
import time

import simbus
import simidf
import simmic
from micropython import const
from simclock import FrameClock

_FRAMES = const(256)

_BLOCKING = const(0)
_IRQ = const(1)
_ASYNCIO = const(2)

# Buffers that one turn of the event loop completes at most.
_TURNS = const(4)

_ports = {}


def _stall(port, a, b, c, length):
    for i2s in _ports.values():
        simbus.no_tick(i2s)


simbus.on(simbus.STALL, _stall)


class Receiver:
    """The microphone's side: time fills the buffers."""

    flag = 1

    def __init__(self, rate, layout, ibuf):
        if rate != simmic.RATE:
            raise ValueError("the simulated microphone gives %d samples a second only" % simmic.RATE)
        simmic.open_source()
        self._layout = layout
        self._size = simmic.layout_size(layout)
        # The chip moves 32-bit stereo frames whatever was asked for.
        self._queue = max(2, ibuf // (_FRAMES * 8)) - 1
        self._clock = simmic.clock
        self._zero = self._clock.now()
        self._next = 0
        self._left = 0

    def ready(self):
        return self._left > 0 or self._filled() > self._next

    def move(self, buf, at, asked):
        """Copy what there is into buf from that offset on; return the offset reached.

        asked is the time (us) since when the driver's task has been waiting to do so. What it would have taken out of
        the queue meanwhile cannot have been lost, however late this is called.
        """
        end = len(buf)
        taken = min((end - at) // self._size, self._clock.since(asked)) // _FRAMES
        while end - at >= self._size and (self._left or self._next_buffer(taken)):
            count = min(self._left, (end - at) // self._size)
            simmic.hear(self._zero + self._next * _FRAMES - self._left, buf, at, count, self._layout)
            self._left -= count
            at += count * self._size
        return at

    def _filled(self):
        return (self._clock.now() - self._zero) // _FRAMES

    def _next_buffer(self, taken):
        filled = self._filled()
        if filled == self._next:
            return False
        self._next = max(self._next, filled - self._queue - taken) + 1
        self._left = _FRAMES
        return True


class Transmitter:
    """The speaker's side: time empties the buffers. What is written goes to Python with the moment it will be heard."""

    flag = 4

    def __init__(self, rate, layout, ibuf, port):
        self._size = simmic.layout_size(layout)
        self._buffers = max(2, ibuf // (_FRAMES * self._size))
        self._port = port
        self._clock = FrameClock(rate)
        self._written = 0

    def ready(self):
        return self._space(time.ticks_us()) > 0

    def move(self, buf, at, asked):
        """Take what fits of buf from that offset on; return the offset reached.

        asked is the time (us) since when the driver's task has been waiting to do so: where that was in time, what is
        written follows without a gap, however late this is called.
        """
        count = min(self._space(asked), (len(buf) - at) // self._size)
        if count > 0:
            heard = self._clock.moment(self._written)
            simbus.send_bytes(simbus.I2S_DATA, self._port, 0, heard, 0, buf, at, count * self._size)
            self._written += count
            at += count * self._size
        return at

    def _space(self, asked):
        playing = self._clock.now() // _FRAMES
        if self._clock.at(asked) >= self._written:
            # An underrun: the next buffer to be played is the first that can still be written.
            self._written = (playing + 1) * _FRAMES
        return (playing + self._buffers) * _FRAMES - self._written


class I2S(io.IOBase):
    """Signature and modes as in the MicroPython documentation: blocking, irq() (non-blocking), asyncio stream."""

    RX = 9
    TX = 10
    MONO = 0
    STEREO = 1

    def __init__(self, id, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        if not 0 <= id < simbus.settings.get("i2s_ports", 2):
            raise ValueError("invalid id")
        if mode not in (I2S.RX, I2S.TX):
            raise ValueError("invalid mode")
        if bits not in (16, 32):
            raise ValueError("invalid bits")
        if format not in (I2S.MONO, I2S.STEREO):
            raise ValueError("invalid format")
        if id in _ports:
            _ports[id].deinit()
        layout = (2 if format == I2S.STEREO else 0) + (1 if bits == 32 else 0)
        self._id = id
        self._mode = _BLOCKING
        self._handler = None
        self._buf = None
        self._at = 0
        self._asked = 0
        self._waiting = None
        self._waiting_asked = 0
        # The chip receives 32-bit stereo frames, and sends what it is given.
        size = _FRAMES * (8 if mode == I2S.RX else simmic.layout_size(layout))
        buffers = max(2, ibuf // size)
        try:
            self._memory = simidf.allocate_parts(simidf.cost("i2s") + buffers * (size + simidf.cost("i2s_buffer")))
        except simidf.NoMemory:
            raise OSError(errno.ENOMEM, "ESP_ERR_NO_MEM")
        if mode == I2S.RX:
            self._dma = Receiver(rate, layout, ibuf)
        else:
            self._dma = Transmitter(rate, layout, ibuf, id)
        _ports[id] = self
        simbus.send(simbus.I2S_OPEN, id, rate, time.ticks_us(), (mode == I2S.TX) << 2 | layout)

    def irq(self, handler):
        """Call handler(i2s) when the buffer of a readinto() is full or that of a write() is taken."""
        self._handler = handler
        self._mode = _IRQ if handler is not None else _BLOCKING
        if handler is not None:
            simbus.tick_with(self)
        else:
            simbus.no_tick(self)

    def readinto(self, buf, size=-1):
        return self._transfer(buf)

    def write(self, buf):
        return self._transfer(buf)

    def ioctl(self, request, argument):
        if request != 3:
            return -1
        self._mode = _ASYNCIO
        if self._dma is None:
            return 0x20
        return self._dma.flag & argument if self._dma.ready() else 0

    def deinit(self):
        """Stop at once: what was not yet heard never will be."""
        if self._dma is None:
            return
        self._dma = None
        self._memory.free()
        self._buf = None
        self._waiting = None
        simbus.no_tick(self)
        if _ports.get(self._id) is self:
            del _ports[self._id]
        simbus.send(simbus.I2S_CLOSE, self._id, 0, time.ticks_us())

    def tick(self):
        turns = _TURNS
        while turns and self._buf is not None and self._advance():
            turns -= 1

    def _transfer(self, buf):
        if self._dma is None:
            raise OSError(22)
        simbus.poll()
        if self._mode == _IRQ:
            return self._request(buf)
        asked = time.ticks_us()
        at = self._dma.move(buf, 0, asked)
        while self._mode == _BLOCKING and at < len(buf):
            time.sleep_ms(1)
            simbus.poll()
            at = self._dma.move(buf, at, asked)
        return at

    def _request(self, buf):
        # The driver's task works on one request and a queue of one holds the next: a third is dropped without a word.
        if self._buf is None:
            self._buf = buf
            self._at = 0
            self._asked = time.ticks_us()
        elif self._waiting is None:
            self._waiting = buf
            self._waiting_asked = time.ticks_us()
        return len(buf)

    def _advance(self):
        self._at = self._dma.move(self._buf, self._at, self._asked)
        if self._at < len(self._buf):
            return False
        self._buf = self._waiting
        self._asked = self._waiting_asked
        self._waiting = None
        self._at = 0
        self._handler(self)
        return True
