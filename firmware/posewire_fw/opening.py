"""Opening a WebSocket: name, TCP, TLS, handshake. Loaded to open one, and unloaded after; every wait has a time-out."""

import asyncio
import binascii
import errno
import os
import select
import socket
import time

from micropython import const

from posewire_fw.handshake import HANDSHAKE_MAX, check_handshake, handshake_request
from posewire_fw.url import parse_url
from posewire_fw.websocket import HandshakeError

_WAIT_MS = const(10)
# "In progress" and its relatives: Linux 115, 114; lwIP 119, 118 (older ports), 120.
_IN_PROGRESS = (errno.EINPROGRESS, 114, 115, 118, 119, 120)
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


async def open_websocket(link, url, headers, ca, beat):
    """Open url for a Link, calling beat() while waiting; returns (socket, name of the host, its address).

    Bytes that come with the answer are put where the link's receiver looks. Raises OSError, HandshakeError, ValueError
    (the URL).
    """
    secure, host, port, path, netloc = parse_url(url)
    address = _resolve(link, host, port)
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        try:
            sock.connect(address[-1])
        except OSError as exc:
            if exc.errno not in _IN_PROGRESS:
                raise
        await _wait_writable(sock, link.open_ms, beat)
        if secure:
            sock = wrap_tls(sock, host, ca)
        key = binascii.b2a_base64(os.urandom(16)).decode().strip()
        await _write_all(sock, handshake_request(netloc, path, key, headers), link.open_ms, beat)
        await _read_answer(sock, key, link, beat)
    except BaseException:
        sock.close()
        raise
    return sock, host, address[-1][0]


def _resolve(link, host, port):
    # getaddrinfo() blocks the whole board, so its answer is kept until a connection fails.
    address = link.addresses.get((host, port))
    if address is None:
        try:
            address = socket.getaddrinfo(host, port)[0]
        except OSError:
            known = link.recall(host) if link.recall is not None else None
            if not known:
                raise
            address = socket.getaddrinfo(known, port)[0]
        link.addresses[(host, port)] = address
    return address


async def _wait_writable(sock, milliseconds, beat):
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    deadline = time.ticks_add(time.ticks_ms(), milliseconds)
    while not poller.poll(0):
        await _pause(deadline, "connecting", beat)


async def _write_all(sock, data, milliseconds, beat):
    deadline = time.ticks_add(time.ticks_ms(), milliseconds)
    while data:
        count = sock.write(data)
        if count:
            data = data[count:]
        else:
            await _pause(deadline, "the handshake", beat)


async def _read_answer(sock, key, link, beat):
    deadline = time.ticks_add(time.ticks_ms(), link.open_ms)
    chunk = link.receiver.chunk
    head = b""
    while True:
        count = sock.readinto(chunk)
        if count is None:
            await _pause(deadline, "the handshake", beat)
            continue
        if count == 0:
            raise HandshakeError(0, "the host closed the connection in the handshake")
        head += chunk[:count]
        end = head.find(b"\r\n\r\n")
        if end >= 0:
            break
        if len(head) > HANDSHAKE_MAX:
            raise HandshakeError(0, "the handshake is longer than %d bytes" % HANDSHAKE_MAX)
    check_handshake(head[:end], key)
    # Frames may have come with it: put them where the receiver looks.
    rest = head[end + 4 :]
    chunk[: len(rest)] = rest
    link.receiver.fed(len(rest))


async def _pause(deadline, what, beat):
    beat()
    if time.ticks_diff(deadline, time.ticks_ms()) < 0:
        raise OSError(errno.ETIMEDOUT, "time-out in " + what)
    await asyncio.sleep_ms(_WAIT_MS)


def wrap_tls(sock, host, ca):
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if ca:
        with open(ca, "rb") as file:
            context.load_verify_locations(file.read())
        context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore[reportAttributeAccessIssue]
    else:
        context.verify_mode = tls.CERT_NONE  # pyright: ignore[reportAttributeAccessIssue]
    return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
