"""The progress of what was sent over TCP: what the other side has not taken yet, how long it is on its way."""

import asyncio
import socket
import struct
import sys


def untaken_bytes(transport: asyncio.BaseTransport) -> int:
    """Return the bytes that wait in the transport, and on Linux those in the kernel that are not acknowledged.

    Elsewhere the kernel's are not known: a peer that vanishes then seems to take what fits into the send buffer.
    """
    waiting = transport.get_write_buffer_size() if isinstance(transport, asyncio.WriteTransport) else 0
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None or sock.fileno() < 0:
        return waiting
    import fcntl
    import termios

    try:
        # SIOCOUTQ, the same number as TIOCOUTQ: see tcp(7).
        unacknowledged: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
    except OSError:
        return waiting
    return waiting + unacknowledged


_RTT_AT = 68
"""Where ``tcpi_rtt`` stands in Linux' ``struct tcp_info``: microseconds, smoothed."""


def round_trip_ms(transport: asyncio.BaseTransport) -> float | None:
    """Return how long the other side takes to acknowledge, as the kernel has measured it; None where it does not tell.

    That is the network's part alone, and costs no message. Linux only.
    """
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None or sock.fileno() < 0:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
    except OSError:
        return None
    if len(info) < _RTT_AT + 4:
        return None
    microseconds: int = struct.unpack_from("I", info, _RTT_AT)[0]
    return microseconds / 1000
