"""The socket under the WebSocket: one task owns it in both directions, and every wait has a time-out.

Sending pulls: when nothing is under way, the link first sends what is queued (pong, text, close) and then asks the
uplink to write its most urgent frame right into the transmit buffer. A frame goes out with one write; what the network
did not take stays as it is and is offered again, the same bytes (TLS demands that).
"""

import asyncio
import binascii
import errno
import os
import select
import socket
import time

from micropython import const

from posewire_fw.copy import copy
from posewire_fw.forget import forget
from posewire_fw.url import parse_url
from posewire_fw.websocket import (
    BINARY,
    CLOSE,
    CONTROL_MAX,
    LOST,
    NEED_DATA,
    NO_CODE,
    NORMAL,
    PING,
    POLICY,
    PONG,
    TEXT,
    FrameBuilder,
    HandshakeError,
    Receiver,
    WebSocketError,
)

# The longest message that is taken and the longest that is sent, in bytes; reserve() makes room for longer binary ones.
MESSAGE_MAX = const(4096)
FRAME_MAX = const(4096)

_CHUNK = const(1460)
_CHUNKS_A_TURN = const(8)
_MESSAGES_A_TURN = const(64)
_FRAMES_A_TURN = const(8)
_QUEUE_MAX = const(16)

_WAIT_MS = const(10)
# Each step of opening: the TCP connection, the request, the answer.
_OPEN_MS = const(10000)
_STALL_MS = const(10000)
_CLOSE_MS = const(1000)
_SILENCE_MS = const(15000)

# "In progress" and its relatives: Linux 115, 114; lwIP 119, 118 (older ports), 120.
_IN_PROGRESS = (errno.EINPROGRESS, 114, 115, 118, 119, 120)

_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


class Link:
    """One connection at a time: connect(), then turn() until it raises WebSocketError or OSError.

    uplink has fill(buf, at), which writes the next binary message at an offset of buf (there are FRAME_MAX bytes from
    there on, or what reserve() has been asked for) and returns its length, 0 for none.

    Time-outs in ms: open_ms for each step of connecting; silence_ms without anything received until a ping goes out,
    twice that until the host is given up; stall_ms in which the network takes nothing; close_ms for the host's answer
    to a close.
    """

    def __init__(
        self,
        uplink,
        message_max=MESSAGE_MAX,
        frame_max=FRAME_MAX,
        open_ms=_OPEN_MS,
        silence_ms=_SILENCE_MS,
        stall_ms=_STALL_MS,
        close_ms=_CLOSE_MS,
    ):
        self._uplink = uplink
        self.receiver = Receiver(message_max, _CHUNK)
        self._builder = FrameBuilder(frame_max)
        self._open_ms = open_ms
        self._silence_ms = silence_ms
        self._stall_ms = stall_ms
        self._close_ms = close_ms
        self._queue = []
        self._pong = bytearray(CONTROL_MAX)
        self._addresses = {}
        # recall(host) gives an address that the host had before, for when its name does not resolve; peer is the
        # address of the present host.
        self.recall = None
        self.peer = None
        self._sock = None
        self._reset()

    def _reset(self):
        self._queue.clear()
        self._at = 0
        self._end = 0
        self._pong_length = -1
        self._ping_sent = False
        self._close_code = 0
        self._close_sent = False
        now = time.ticks_ms()
        self._heard = now  # when something was last received
        self._moved = now  # when the network last took something of the frame under way
        self._close_since = now

    def reserve(self, count):
        """Make room for binary messages of count bytes. Raises MemoryError; then all is as before."""
        self._builder.reserve(count)

    def open(self):
        return self._sock is not None and not self._close_code

    async def connect(self, url, headers, ca, beat):
        """Open the WebSocket, calling beat() while waiting. Raises OSError, HandshakeError, ValueError (the URL)."""
        secure, host, port, path, netloc = parse_url(url)
        self.drop()
        self.receiver.reset()
        self._builder.keys.reseed()
        sock = None
        try:
            address = self._resolve(host, port)
            sock = socket.socket(address[0], socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
            try:
                sock.connect(address[-1])
            except OSError as exc:
                if exc.errno not in _IN_PROGRESS:
                    raise
            await self._wait_writable(sock, beat)
            if secure:
                sock = wrap_tls(sock, host, ca)
            from posewire_fw.handshake import handshake_request

            key = binascii.b2a_base64(os.urandom(16)).decode().strip()
            await self._write_all(sock, handshake_request(netloc, path, key, headers), beat)
            await self._read_handshake(sock, key, beat)
        except BaseException:
            if sock is not None:
                sock.close()
            # The host may have moved, or another machine answer for it: ask for the address again next time.
            self._addresses.clear()
            raise
        self._reset()
        self._sock = sock
        self.peer = address[-1][0]

    def turn(self, handler):
        """Receive and send what can be now. Allocates nothing for audio and pose.

        handler takes what comes: on_text(message, count), on_binary(message, count), each valid until it returns.
        """
        for _ in range(_MESSAGES_A_TURN):
            kind = self.take()
            if kind == BINARY:
                handler.on_binary(self.receiver.message, self.receiver.length)
            elif kind == TEXT:
                handler.on_text(self.receiver.message, self.receiver.length)
            else:
                break
        self.pump()

    def take(self):
        """Receive one message: TEXT or BINARY, then it is receiver.message[:receiver.length]; NEED_DATA for none yet.

        Control frames are dealt with on the way. Raises WebSocketError or OSError when the connection is over.
        """
        receiver = self.receiver
        chunks = _CHUNKS_A_TURN
        while True:
            kind = receiver.step()
            if kind == TEXT or kind == BINARY:
                return kind
            if kind == PING:
                self._pong_length = receiver.control_length
                copy(self._pong, 0, receiver.control, 0, self._pong_length)
            elif kind == CLOSE:
                self._on_close()
            elif kind == NEED_DATA:
                if not chunks or not self._read():
                    return NEED_DATA
                chunks -= 1

    def pump(self):
        """Send what is waiting, as far as the network takes it, and look at the clock."""
        for _ in range(_FRAMES_A_TURN):
            if self._at == self._end and not self._next_frame():
                break
            if not self._flush():
                break
        self._check_silence()

    def send(self, opcode, payload):
        """Begin to send a TEXT or BINARY message; False while another frame is under way. pump() does the rest.

        Raises ValueError for a payload that has no room, WebSocketError when the connection is closing.
        """
        if len(payload) > self._builder.room():
            raise ValueError("a message of %d bytes is too long to send" % len(payload))
        if not self.open():
            raise WebSocketError(LOST, "the connection is closed")
        if self.sending():
            return False
        self._builder.put(opcode, payload)
        self._begin()
        self._flush()
        return True

    def sending(self):
        """Whether a frame is under way."""
        return self._at != self._end

    def send_text(self, text):
        """Queue a text message; False where the connection is not open. Raises ValueError for one that is too long.

        Too many in the queue close the connection: control messages are never dropped.
        """
        data = text.encode()
        if len(data) > self._builder.room():
            raise ValueError("a text message of %d bytes is too long to send" % len(data))
        if not self.open():
            return False
        if len(self._queue) >= _QUEUE_MAX:
            self.close(POLICY)
            return False
        self._queue.append(data)
        return True

    def close(self, code=NORMAL):
        """Begin the closing handshake after what is queued; turn() raises WebSocketError when it is over."""
        if self.open():
            self._close_code = code
            self._close_since = time.ticks_ms()

    def drop(self, code=LOST):
        """Close the socket now. code is that of the error that turn() raised: the host is told, if it can still be."""
        if self._sock is not None:
            if code != LOST and not self._close_sent:
                self._try_close(code)
            self._sock.close()
            self._sock = None
        self._queue.clear()

    # opening

    def _resolve(self, host, port):
        # getaddrinfo() blocks the whole board, so its answer is kept until a connection fails.
        address = self._addresses.get((host, port))
        if address is None:
            try:
                address = socket.getaddrinfo(host, port)[0]
            except OSError:
                known = self.recall(host) if self.recall is not None else None
                if not known:
                    raise
                address = socket.getaddrinfo(known, port)[0]
            self._addresses[(host, port)] = address
        return address

    async def _wait_writable(self, sock, beat):
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        deadline = time.ticks_add(time.ticks_ms(), self._open_ms)
        while not poller.poll(0):
            await _pause(deadline, "connecting", beat)

    async def _write_all(self, sock, data, beat):
        deadline = time.ticks_add(time.ticks_ms(), self._open_ms)
        while data:
            count = sock.write(data)
            if count:
                data = data[count:]
            else:
                await _pause(deadline, "the handshake", beat)

    async def _read_handshake(self, sock, key, beat):
        from posewire_fw.handshake import HANDSHAKE_MAX, check_handshake

        deadline = time.ticks_add(time.ticks_ms(), self._open_ms)
        chunk = self.receiver.chunk
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
        forget("handshake")
        # Frames may have come with it: put them where the receiver looks.
        rest = head[end + 4 :]
        chunk[: len(rest)] = rest
        self.receiver.fed(len(rest))

    # receiving

    def _read(self):
        """Let the receiver have what the network has; False when that is nothing."""
        if self._sock is None:
            raise OSError(errno.ENOTCONN)
        count = self._sock.readinto(self.receiver.chunk)
        if count is None:
            return False
        if count == 0:
            raise WebSocketError(LOST, "the host closed the connection")
        self._heard = time.ticks_ms()
        self._ping_sent = False
        self.receiver.fed(count)
        return True

    def _on_close(self):
        receiver = self.receiver
        if not self._close_sent:
            self._try_close(NORMAL if receiver.close_code == NO_CODE else receiver.close_code)
        raise WebSocketError(
            receiver.close_code, "the host closed: %d %s" % (receiver.close_code, receiver.close_reason())
        )

    # sending

    def _flush(self):
        """Offer the network what is under way; True when it took all of it."""
        count = self._write()
        now = time.ticks_ms()
        if count:
            self._at += count
            self._moved = now
        elif time.ticks_diff(now, self._moved) > self._stall_ms:
            raise WebSocketError(LOST, "the network takes nothing")
        return self._at == self._end

    def _write(self):
        if self._sock is None:
            raise OSError(errno.ENOTCONN)
        # Offset and length instead of a slice: MicroPython's streams take them, its stubs do not know it.
        return self._sock.write(self._builder.buffer, self._at, self._end - self._at)  # pyright: ignore[reportCallIssue]

    def _next_frame(self):
        """Put the most urgent frame into the transmit buffer; False when there is none."""
        builder = self._builder
        if self._close_sent:
            return False
        if self._pong_length >= 0:
            copy(builder.buffer, builder.PAYLOAD, self._pong, 0, self._pong_length)
            builder.finish(PONG, self._pong_length)
            self._pong_length = -1
        elif self._queue:
            builder.put(TEXT, self._queue.pop(0))
        elif self._close_code:
            self._put_close(self._close_code)
        else:
            count = self._uplink.fill(builder.buffer, builder.PAYLOAD)
            if not count:
                return False
            builder.finish(BINARY, count)
        self._begin()
        return True

    def _begin(self):
        self._at = self._builder.start
        self._end = self._builder.end
        self._moved = time.ticks_ms()

    def _put_close(self, code):
        builder = self._builder
        builder.buffer[builder.PAYLOAD] = code >> 8
        builder.buffer[builder.PAYLOAD + 1] = code & 0xFF
        builder.finish(CLOSE, 2)
        self._close_sent = True
        self._close_code = code
        self._close_since = time.ticks_ms()

    def _try_close(self, code):
        """One attempt at a close frame on a connection that is over anyway; not in the middle of another frame."""
        if self._at == self._end:
            self._put_close(code)
            self._begin()
            try:
                self._write()
            except OSError:
                pass

    def _check_silence(self):
        now = time.ticks_ms()
        if self._close_code and time.ticks_diff(now, self._close_since) > self._close_ms:
            raise WebSocketError(LOST, "closed")
        silence = time.ticks_diff(now, self._heard)
        if silence > 2 * self._silence_ms:
            raise WebSocketError(LOST, "the host does not answer")
        if silence > self._silence_ms and not self._ping_sent and self._at == self._end:
            self._ping_sent = True
            self._builder.finish(PING, 0)
            self._begin()


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
