"""UARTs: what arrives waits in the chip's own memory."""

import io
import time

import micropython
import simbus

from machine.drivers import drive

_uarts = {}
# What a UART has received is not in the heap on the chip: it is not taken of the firmware's part of it here.
_UART_ROOM = 8192 if simbus.settings.get("memory") else 0
_uart_rooms = [bytearray(_UART_ROOM) for _ in range(3)]


def _on_uart(number, a, b, c, length):
    uart = _uarts.get(number)
    if uart is not None:
        # What does not fit any more is lost, as in the chip's driver.
        uart._received.write(simbus.payload, 0, length)


simbus.on(simbus.UART, _on_uart)


class UART(io.IOBase):
    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, *, rxbuf=256, txbuf=256, timeout=0, **options):
        if not 0 <= id < 3:
            raise ValueError("UART(%d) doesn't exist" % id)
        before = _uarts.get(id)
        if before is not None:
            before.deinit()
        self._id = id
        self._timeout = timeout
        self._memory = drive("uart", rxbuf + txbuf)
        self._rxbuf = rxbuf
        # The chip's own memory, not the heap's: what is larger than the room here is made when something arrives.
        self._ring = micropython.RingIO(memoryview(_uart_rooms[id])[: rxbuf + 1]) if rxbuf < _UART_ROOM else None
        self._one = bytearray(1)
        _uarts[id] = self
        simbus.send(simbus.UART_OPEN, id, baudrate)
        simbus.start()

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, **options):
        simbus.send(simbus.UART_OPEN, self._id, baudrate)

    def deinit(self):
        _uarts.pop(self._id, None)
        self._memory.free()
        simbus.send(simbus.UART_OPEN, self._id, 0)

    @property
    def _received(self):
        if self._ring is None:
            self._ring = micropython.RingIO(self._rxbuf)
        return self._ring

    def any(self):
        simbus.poll()
        return self._ring.any() if self._ring is not None else 0

    def readinto(self, buf, nbytes=-1):
        """Returns what is there, None when nothing came within the time-out."""
        if nbytes < 0 or nbytes > len(buf):
            nbytes = len(buf)
        if not self._wait():
            return None
        return self._received.readinto(buf, nbytes)

    def read(self, nbytes=-1):
        if not self._wait():
            return None
        return self._received.read(nbytes) if nbytes >= 0 else self._received.read()

    def readline(self):
        if not self._wait():
            return None
        return self._received.readline()

    def write(self, buf):
        data = memoryview(buf)
        simbus.send_bytes(simbus.UART_DATA, self._id, 0, 0, 0, data, 0, len(data))
        return len(data)

    def ioctl(self, request, argument):
        if request != 3:
            return -1
        return argument & (5 if self.any() else 4)

    def flush(self):
        pass

    def txdone(self):
        return True

    def _wait(self):
        if self.any():
            return True
        deadline = time.ticks_add(time.ticks_ms(), self._timeout)
        while time.ticks_diff(deadline, time.ticks_ms()) > 0:
            time.sleep_ms(1)
            if self.any():
                return True
        return False
