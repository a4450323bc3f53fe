"""The progress of what was sent over TCP: how much of it the other side has not taken yet."""

import asyncio
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
