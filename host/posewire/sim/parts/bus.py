"""The line to the simulated hardware in the MicroPython process: records over a socket that the process inherits.

A record is a header of 24 bytes (little-endian: kind u8, port u8, payload length u16, a i32, b i64, c i64) and a
payload. ``sim/micropython/simbus.py`` is the other end and has the same numbers.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

_HEADER = struct.Struct("<BBHiqq")

# The longest payload that the board takes in one record.
PAYLOAD_MAX = 256

_SAME_CLOCK_SECONDS = 1.0
_STOP_SECONDS = 5.0


class Kind(IntEnum):
    """The fields of a record; ``a``, ``b`` and ``c`` mean different things for each kind."""

    # to the board
    PIN = 1  # port: pin, a: level 0, 1 or 2 (nothing drives it)
    MIC = 2  # a: samples, b: board time of the first, c: its place in the microphone's file
    WIFI = 3  # a: whether the network is there, b: signal strength in dBm; payload: SSID, zero, key
    IMU = 4  # a: whether the chip is there; payload: six i32, what it feels
    UART = 5  # port, payload: received bytes
    SNAPSHOT = 6  # asks for STATUS
    RESOLVED = 7  # a: the local port that stands for the name asked for, -1 for no such name; payload: its address
    OFF = 8  # say goodbye: the power goes off
    STALL = 9  # the I2S ports that are open move nothing any more
    PARTS = 10  # how the parts are has been told: the firmware may begin
    # from the board
    READY = 64  # a: whether it has a chip's memory, b: board time now, c: where it begins again at 0
    PIN_OUT = 65  # port: pin, a: level
    LED = 66  # port: pin, a: bytes a pixel; payload: the pixels as on the wire (green first)
    PWM = 67  # port: pin, a: duty of 65535, b: frequency
    I2S_OPEN = 68  # port, a: rate, b: board time, c: layout, plus 4 for an output
    I2S_DATA = 69  # port, b: board time when the first sample is heard; payload: samples
    I2S_CLOSE = 70  # port, b: board time
    WLAN = 71  # a: status code
    UART_OPEN = 72  # port, a: baud rate, 0 for closed
    UART_DATA = 73  # port, payload: sent bytes
    RESOLVE = 74  # a: port; payload: host name
    EVENT = 75  # payload: JSON [name, value]
    STATUS = 76  # payload: JSON, the firmware's snapshot
    WDT = 77  # a: time-out in ms
    FEED = 78
    RESET = 79  # a: cause
    MEMORY = 81  # payload: five u32, heap size, free and least free, the IDF's free and least free bytes
    STARVED = 82  # a: whether there is too little memory for anything to be sent or received
    AP = 80  # payload: JSON [active, ssid, security, key], the access point that the board itself is


class Record(NamedTuple):
    """One record from the board."""

    kind: int
    port: int
    a: int
    b: int
    c: int
    payload: bytes


class Bus:
    """One process's line. ``on_record`` is called in the bus's thread, ``on_end`` when the process closed its end."""

    def __init__(self, on_record: Callable[[Record], None], on_end: Callable[[], None]) -> None:
        self._on_record = on_record
        self._on_end = on_end
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._lock = threading.Lock()
        # time.monotonic() of the board's time zero, and after how many microseconds it is zero again.
        self._epoch = 0.0
        self._period = 1 << 62
        self._thread = threading.Thread(target=self._read, name="posewire-sim-bus", daemon=True)

    def fileno(self) -> int:
        """The file descriptor that the process inherits."""
        return self._theirs.fileno()

    def start(self) -> None:
        """Begin to read; call it once the process has been started."""
        self._theirs.close()
        self._thread.start()

    def send(self, kind: Kind, port: int = 0, a: int = 0, b: int = 0, c: int = 0, payload: bytes = b"") -> None:
        """Send a record; a board that is gone takes no notice."""
        data = _HEADER.pack(kind, port, len(payload), a, b, c) + payload
        with self._lock, contextlib.suppress(OSError):
            self._ours.sendall(data)

    def writable(self) -> bool:
        """False while the board does not listen and its line is full."""
        with contextlib.suppress(OSError, ValueError):
            return bool(select.select([], [self._ours], [], 0)[1])
        return False

    def board_time(self, moment: float) -> int:
        """The board's microseconds at a ``time.monotonic()`` moment."""
        return round((moment - self._epoch) * 1e6) % self._period

    def moment(self, board_time: int) -> float:
        """The ``time.monotonic()`` moment of the board's microseconds, the one that is nearest to now."""
        now = time.monotonic()
        return now + _signed(board_time - round((now - self._epoch) * 1e6), self._period) / 1e6

    def close(self) -> None:
        """Give up the line; on_end follows if it was not called yet."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._theirs.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)
        self._ours.close()

    def _read(self) -> None:
        stream = self._ours.makefile("rb")
        try:
            while len(header := stream.read(_HEADER.size)) == _HEADER.size:
                kind, port, length, a, b, c = _HEADER.unpack(header)
                payload = stream.read(length) if length else b""
                if len(payload) != length:
                    break  # the board ended in the middle of a record
                if kind == Kind.READY:
                    self._period = c
                    self._epoch = _epoch(_signed(round(time.monotonic() * 1e6) - b, c) / 1e6)
                self._on_record(Record(kind, port, a, b, c, payload))
        except OSError:
            pass
        finally:
            stream.close()
            self._on_end()


def _signed(difference: int, period: int) -> int:
    """The shortest way on a circle."""
    return (difference + period // 2) % period - period // 2


def _epoch(difference: float) -> float:
    """On Linux both sides read the same clock: what differs then is only how long the record took."""
    return 0.0 if abs(difference) < _SAME_CLOCK_SECONDS else difference
