"""The built-in sockets, but names resolve in the simulated network, which gives its own proxy's address for each."""

import os
import sys
import time

import simbus
import simidf
import usocket
from usocket import *  # noqa: F403

IPPROTO_TCP = 6
TCP_NODELAY = 1

# A chip's send buffer is small (lwIP: four segments): a network that has stopped must be felt soon.
_SO_SNDBUF = 7
_SEND_BUFFER = 8192

_RESOLVE_MS = 10000
_EAI_FAIL = -202
_EAI_MEMORY = -203
_ENFILE = 23
_SOCKETS_MAX = 10

_answer = None
_ip = ""


class _Address(bytes):
    """The address that the built-in sockets take; by index it is what a chip's getaddrinfo gives: address and port."""

    def __getitem__(self, index):
        return self.pair[index]


# By file descriptor: what the sockets that are open use of the chip's memory.
_open = {}


def socket(family=usocket.AF_INET, kind=usocket.SOCK_STREAM, *protocol):
    forget_closed()
    if len(_open) >= _SOCKETS_MAX and simidf.modelled():
        raise OSError(_ENFILE)
    memory = simidf.allocate_parts(simidf.cost("tcp" if kind == usocket.SOCK_STREAM else "udp"))
    sock = usocket.socket(family, kind, *protocol)
    keep(sock, memory)
    if kind == usocket.SOCK_STREAM and sys.platform == "linux":
        sock.setsockopt(usocket.SOL_SOCKET, _SO_SNDBUF, _SEND_BUFFER)
    return sock


def getaddrinfo(host, port, *hints):
    """Blocks, as on the chip; OSError(-202) when there is no such name.

    0.0.0.0 is for listening: the port is another one, which the Python side knows.
    """
    global _answer
    forget_closed()
    try:
        simidf.allocate(simidf.cost("lookup"), True).free()
    except simidf.NoMemory:
        raise OSError(_EAI_MEMORY)
    if not simbus.connected():
        return usocket.getaddrinfo(host, port)
    _answer = None
    name = host.encode()
    simbus.on(simbus.RESOLVED, _resolved)
    simbus.send_bytes(simbus.RESOLVE, 0, port, 0, 0, name, 0, len(name))
    deadline = time.ticks_add(time.ticks_ms(), _RESOLVE_MS)
    while _answer is None and time.ticks_diff(deadline, time.ticks_ms()) > 0:
        simbus.drain()
        time.sleep_ms(1)
    if not _answer or _answer < 0:
        raise OSError(_EAI_FAIL)
    address = usocket.getaddrinfo("127.0.0.1", _answer)[0][-1]
    address = _Address(address)
    address.pair = (_ip, port)
    return [(usocket.AF_INET, usocket.SOCK_STREAM, 0, "", address)]


def keep(sock, memory):
    """Not on the chip: note the memory that a socket uses until it is closed."""
    if not memory.pieces:
        return
    before = _open.get(sock.fileno())
    if before is None:
        _open[sock.fileno()] = memory
    else:
        before.add(memory)


def forget_closed():
    """Not on the chip: free the memory of sockets that are closed by now."""
    for number in list(_open):
        try:
            os.stat("/proc/self/fd/%d" % number)
        except OSError:
            _open.pop(number).free()


def _resolved(port, a, b, c, length):
    global _answer, _ip
    _answer = a
    _ip = bytes(simbus.payload[:length]).decode()
