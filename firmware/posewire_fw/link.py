"""The socket under the WebSocket: one task owns it in both directions, and every wait has a time-out.

Sending pulls: when nothing is under way, the link first sends what is queued (pong, text, close) and then asks the
uplink to write its most urgent frame right into the transmit buffer. A frame goes out with one write; what the network
did not take stays as it is and is offered again, the same bytes (TLS demands that).
"""

import errno
import time

from micropython import const

from posewire_fw.memcopy import memcopy
from posewire_fw.unload import unload_modules
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

# Each step of opening: the TCP connection, the request, the answer.
_OPEN_MS = const(10000)
_STALL_MS = const(10000)
_CLOSE_MS = const(1000)
_SILENCE_MS = const(15000)
# More than a chip's send buffer holds (lwIP: 5.7 KB): of so much that the network has taken, the host has some.
_ACKNOWLEDGED = const(16384)
# What the network may be short of for a moment: EAGAIN, ENOMEM, ENOBUFS, as lwIP and Linux number them.
_SHORTAGES = (11, 12, 105)


class Link:
    """One connection at a time: connect(), then turn() until it raises WebSocketError or OSError.

    uplink has fill(buf, at), which writes the next binary message at an offset of buf (there are FRAME_MAX bytes from
    there on, or what reserve() has been asked for) and returns its length, 0 for none.

    Time-outs in ms: open_ms for each step of connecting; silence_ms without a sign of life until a ping goes out,
    twice that until the host is given up; stall_ms in which the network takes nothing; close_ms for the host's answer
    to a close. chunk: bytes that are read at once.
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
        chunk=_CHUNK,
    ):
        self._uplink = uplink
        self.receiver = Receiver(message_max, chunk)
        self.builder = FrameBuilder(frame_max)
        self.open_ms = open_ms
        self._silence_ms = silence_ms
        self._stall_ms = stall_ms
        self._close_ms = close_ms
        self._queue = []
        self.pong = bytearray(CONTROL_MAX)
        self.addresses = {}
        # recall(host) gives an address that the host had before, for when its name does not resolve; host and
        # peer are name and address of the present host.
        self.recall = None
        self.host = None
        self.peer = None
        self._sock = None
        self._reset()

    def _reset(self):
        self._queue.clear()
        self._at = 0
        self._end = 0
        self._pong_length = -1
        self._ping_sent = False
        # Whether to send a ping; when one was that has no answer yet; how long the last answer took, -1: not known.
        self.ping_wanted = False
        self._pinged = None
        self.round_trip_ms = -1
        self._close_code = 0
        self._close_sent = False
        now = time.ticks_ms()
        self._heard = now  # when the host last gave a sign of life: it sent something, or took much
        self._taken = 0  # bytes that the network has taken since
        self._moved = now  # when the network last took something of the frame under way
        self._close_since = now
        self._calls = self._make_calls()
        next(self._calls)

    def reserve(self, count):
        """Make room for binary messages of count bytes. Raises MemoryError; then all is as before."""
        self.builder.reserve(count)

    def longest(self):
        """Bytes of the longest message that is taken."""
        return len(self.receiver.message)

    def open(self):
        return self._sock is not None and not self._close_code

    async def connect(self, url, headers, ca, beat):
        """Open the WebSocket, calling beat() while waiting. Raises OSError, HandshakeError, ValueError (the URL)."""
        self.drop()
        self.receiver.reset()
        self.builder.keys.reseed()
        # Needed for as long as it takes, and its memory is given back: what streams needs it more.
        from posewire_fw.opening import open_websocket

        try:
            sock, host, peer = await open_websocket(self, url, headers, ca, beat)
        except BaseException:
            # The host may have moved, or another machine answer for it: ask for the address again next time.
            self.addresses.clear()
            raise
        finally:
            unload_modules("opening", "handshake", "url")
        self._reset()
        self._sock = sock
        self.host = host
        self.peer = peer

    def turn(self, handler):
        """Receive and send what can be now. Allocates nothing for audio and pose.

        handler takes what comes: on_text(message, count), on_binary(message, count), each valid until it returns.
        """
        for _ in range(_MESSAGES_A_TURN):
            kind = self.receive()
            if kind == BINARY:
                handler.on_binary(self.receiver.message, self.receiver.length)
            elif kind == TEXT:
                handler.on_text(self.receiver.message, self.receiver.length)
            else:
                break
        self.pump()

    def receive(self):
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
                memcopy(self.pong, 0, receiver.control, 0, self._pong_length)
            elif kind == PONG:
                if self._pinged is not None:
                    self.round_trip_ms = time.ticks_diff(time.ticks_ms(), self._pinged)
                    self._pinged = None
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
        if len(payload) > self.builder.room():
            raise ValueError("a message of %d bytes is too long to send" % len(payload))
        if not self.open():
            raise WebSocketError(LOST, "the connection is closed")
        if self.sending():
            return False
        self.builder.put(opcode, payload)
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
        if len(data) > self.builder.room():
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

    # receiving

    def _read(self):
        """Let the receiver have what the network has; False when that is nothing."""
        count = self._offer(False)
        if count is None:
            return False
        if count == 0:
            raise WebSocketError(LOST, "the host closed the connection")
        self._alive()
        self.receiver.fed(count)
        return True

    def _alive(self):
        self._heard = time.ticks_ms()
        self._taken = 0
        self._ping_sent = False

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
        count = self._offer(True)
        now = time.ticks_ms()
        if count:
            self._at += count
            self._moved = now
            self._taken += count
            if self._taken > _ACKNOWLEDGED:
                self._alive()
        elif time.ticks_diff(now, self._moved) > self._stall_ms:
            raise WebSocketError(LOST, "the network takes nothing")
        return self._at == self._end

    def _offer(self, up):
        """Write or read what the network takes or has; None for nothing."""
        if self._sock is None:
            raise OSError(errno.ENOTCONN)
        return self._calls.send(up)

    def _make_calls(self):
        """Write (for True) or read; a shortage of memory passes: None. Other errors are final.

        Over TLS all are, and negative: there the socket remembers them. This is a generator because that has its frame
        once, while a function with a try would take one from the heap at each call.
        """
        count = None
        while True:
            up = yield count
            try:
                count = self._write() if up else self._sock.readinto(self.receiver.chunk)  # pyright: ignore
            except OSError as exc:
                if exc.errno not in _SHORTAGES:
                    self.drop()
                    raise
                count = None

    def _write(self):
        # Offset and length instead of a slice: MicroPython's streams take them, its stubs do not know it.
        return self._sock.write(self.builder.buffer, self._at, self._end - self._at)  # pyright: ignore

    def _next_frame(self):
        """Put the most urgent frame into the transmit buffer; False when there is none."""
        builder = self.builder
        if self._close_sent:
            return False
        if self._pong_length >= 0:
            memcopy(builder.buffer, builder.PAYLOAD, self.pong, 0, self._pong_length)
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
        self._at = self.builder.start
        self._end = self.builder.end
        self._moved = time.ticks_ms()

    def _put_close(self, code):
        builder = self.builder
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
        if (self.ping_wanted or (silence > self._silence_ms and not self._ping_sent)) and self._at == self._end:
            self.ping_wanted = False
            self._ping_sent = True
            self._pinged = now
            self.builder.finish(PING, 0)
            self._begin()
