"""One WebSocket on an asyncio transport: the `websockets` package's Sans-I/O protocol under our own protocol class.

No task and no queue per connection: what arrives is handed to the receiver in the transport's callback, what is sent
goes to the transport at once. Flow control is the transport's own: ``congested`` tells that its buffer is too full.
One object has all of it, so that a message passes through as few calls as can be.
"""

import asyncio
import http
import socket
from collections.abc import Callable
from time import monotonic
from typing import cast

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as WebSocketProtocol
from websockets.server import ServerProtocol

from posewire.server.transport.framing import FINAL_BINARY, binary_frame
from posewire.server.transport.peer_socket import Receiver, Refusal
from posewire.server.transport.tcp_progress import round_trip_ms, untaken_bytes
from posewire.wire.close_codes import ABNORMAL, INVALID_DATA, NORMAL, PROTOCOL_ERROR, TRY_AGAIN_LATER

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the package's C extension
    from websockets.utils import apply_mask

OPENING_TIMEOUT = 10.0
CLOSING_TIMEOUT = 5.0
HIGH_WATER = 16 * 1024
"""Bytes in a connection's send buffer above which it counts as congested."""

MAX_WAITING = 1024 * 1024
"""Bytes in a connection's send buffer above which it is cut: control messages are never dropped, so they would pile up
for a peer that reads nothing."""

UNSENT = 8 * 1024
"""Bytes that the kernel may hold unsent. It would take megabytes, and a slow subscriber would see minutes-old poses."""


MAX_AFTER_END = 256 * 1024
"""Bytes that may come after this side has closed, before the connection is cut."""

_MAX_OPENING = 64 * 1024
"""Bytes of an opening request that are waited for; the protocol refuses a longer one."""

_TCP = (socket.AF_INET, socket.AF_INET6)
_FINAL_TEXT = 0x81
_FIRST_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
"""First bytes of the frames that there are: an opcode of RFC 6455, no extension, control frames in one piece."""

_OPCODE = 0x0F
_CONTROL = (Opcode.PING, Opcode.PONG)


Admit = Callable[["WebSocket", Request], "Receiver | Refusal"]


class WebSocket(asyncio.Protocol):
    """A server-side WebSocket. ``admit`` decides on the opening request: a receiver, or an HTTP refusal."""

    def __init__(self, admit: Admit, max_message: int) -> None:
        self.congested = False
        self.peer = ""
        self._admit = admit
        self._max_message = max_message
        self._opening: ServerProtocol | None = ServerProtocol(max_size=max_message)
        self._protocol: WebSocketProtocol = self._opening
        self._transport: asyncio.Transport | None = None
        self._is_open = False
        """Whether the protocol's state is OPEN: looked at for every frame that is sent, so not asked there."""
        self._receiver: Receiver | None = None
        self._rest = b""
        # Answers to messages that came together leave together: a system call costs more than all of our own work.
        self._batching = False
        self._batch: list[bytes] = []
        self._parts = bytearray()
        self._parts_opcode: Opcode = Opcode.TEXT
        self._timer: asyncio.TimerHandle | None = None
        self.last_received = monotonic()
        """When something last came, on ``time.monotonic``'s clock."""
        self._sent = 0
        """Bytes of messages; of text messages without their headers."""
        self.cut = False
        """Whether the connection was cut because too much waited for its peer."""
        self._close_reason = ""
        self._ended = False
        """Whether one side has closed: messages that still arrive before the other has closed too are ignored."""
        self._after_end = 0
        self._closing = False

    @property
    def address(self) -> str:
        """The peer's address, without its port."""
        return self.peer.rpartition(":")[0]

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in the send buffer."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def delivered(self) -> int:
        """The bytes of messages that the peer has received, about: sent, less what it has not acknowledged yet."""
        return self._sent - untaken_bytes(self._transport) if self._transport is not None else self._sent

    @property
    def round_trip_ms(self) -> float | None:
        """Milliseconds until the peer acknowledges, by the kernel; None where it does not tell."""
        return round_trip_ms(self._transport) if self._transport is not None else None

    # --- sending

    def send_text(self, text: str) -> None:
        """Send a text message; nothing happens on a connection that is closing or closed."""
        if self._protocol.state is OPEN:
            data = text.encode()
            self._sent += len(data)
            self._protocol.send_text(data)
            self._flush()

    def send_binary(self, data: bytes) -> None:
        """Send a binary message; nothing happens on a connection that is closing or closed."""
        self.send_framed(binary_frame(data))

    def send_framed(self, frame: bytes) -> None:
        """Send a message that ``binary_frame`` has serialised, possibly for many receivers."""
        transport = self._transport
        if not self._is_open or transport is None:
            return
        self._sent += len(frame)
        if self._batching:
            self._batch.append(frame)
        else:
            transport.write(frame)
            if self.congested:
                self._bound()

    def ping(self) -> None:
        """Make the peer send a sign of life (RFC 6455 section 5.5.2)."""
        if self._protocol.state is OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Start the closing handshake; the TCP connection is cut if the peer does not finish it in 5 s."""
        if self._protocol.state is OPEN:
            self._ended = True
            self._close_reason = reason
            # RFC 6455 section 5.5: a control frame holds 125 bytes, two of them the code.
            self._protocol.send_close(code, reason.encode()[:123].decode(errors="ignore"))
            self._flush()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and give the opening request a time limit."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in _TCP and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        peername = transport.get_extra_info("peername")
        self.peer = f"{peername[0]}:{peername[1]}" if isinstance(peername, tuple) else str(peername)
        self._restart_timer(OPENING_TIMEOUT, self._abort)

    def data_received(self, data: bytes) -> None:
        """Parse, let the protocol answer control frames, and deliver complete messages."""
        self.last_received = monotonic()
        if self._ended:
            self._after_end += len(data)
            if self._after_end > MAX_AFTER_END:
                self._abort()
                return
        data = self._rest + data if self._rest else data
        self._rest = b""
        if self._receiver is None:
            data = self._receive_opening(data)
        receiver = self._receiver
        if receiver is None or not data:
            return
        self._batching = True
        try:
            self._rest = self._deliver_whole_frames(data, receiver)
        finally:
            self._batching = False
            if self._batch:
                self._send_batch()

    def eof_received(self) -> bool:
        """Pass the end of the stream to the protocol; the transport stays open for the answer."""
        self._protocol.receive_eof()
        self._flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the receiver, once, with the close code of the side that closed first."""
        self._stop_timer()
        self._protocol.receive_eof()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            close = self._protocol.close_sent or self._protocol.close_rcvd
            code = close.code if close is not None else ABNORMAL
            receiver.on_closed(code, self._close_reason or (close.reason if close is not None else ""))
        _untie(self._protocol)
        self._transport = None
        self._is_open = False

    def pause_writing(self) -> None:
        """Mark the connection congested."""
        self.congested = True
        if self._receiver is not None:
            self._receiver.on_congested(True)

    def resume_writing(self) -> None:
        """Mark the connection writable again."""
        self.congested = False
        if self._receiver is not None:
            self._receiver.on_congested(False)

    # --- inside

    def _open(self, request: Request) -> None:
        verdict = self._admit(self, request)
        if isinstance(verdict, Refusal):
            self._refuse(verdict)
            return
        assert self._opening is not None
        response = self._opening.accept(request)
        self._opening.send_response(response)
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._receiver = verdict
            self._stop_timer()
        else:
            verdict.on_closed(PROTOCOL_ERROR, "the opening handshake failed")

    def _refuse(self, refusal: Refusal) -> None:
        body = refusal.body.encode()
        headers = Headers()
        headers["Content-Type"] = refusal.content_type
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        assert self._opening is not None
        self._opening.send_response(Response(refusal.status.value, refusal.status.phrase, headers, body))

    def _parse(self, data: bytes) -> None:
        """Let the package's protocol parse and answer control frames, and deliver its messages."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame):
                self._receive_frame(event)
        self._flush()

    def _receive_opening(self, data: bytes) -> bytes:
        """Answer the opening request once its head is there; return what follows it."""
        if self._opening is None or self._ended:
            return b""  # it was refused, or no opening request: nothing else is read
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 and len(data) <= _MAX_OPENING:
            self._rest = data
            return b""
        # Only a client that does not wait for the answer sends more than its request. That is parsed when the request
        # is answered: else a wrong frame would end the stream before that.
        self._parse(data[:end] if end > 3 else data)
        if self._receiver is None:
            self._ended = True
            return b""
        # The opening's protocol would keep the request and the answer, 3 KB, for the life of the connection.
        _untie(self._protocol)
        self._opening = None
        self._protocol = WebSocketProtocol(SERVER, max_size=self._max_message)
        return data[end:]

    def _deliver_whole_frames(self, data: bytes, receiver: Receiver) -> bytes:
        """Cut ``data`` into frames; returns the start of one whose end is still to come.

        Messages in one frame are delivered from here: the general parser makes an object, a step of three generators
        and several copies of each. It stays in charge of all others, and of everything that is not allowed. When this
        side has closed, only the peer's close frame is parsed.
        """
        protocol = self._protocol
        limit = self._max_message
        at, end = 0, len(data)
        while end - at >= 2:
            first = data[at]
            size = data[at + 1] - 128
            mask = at + 2
            if size >= 126:
                mask += 2 if size == 126 else 8
                if end < mask:
                    break
                size = int.from_bytes(data[at + 2 : mask], "big")
            start = mask + 4
            stop = start + size
            if size < 0 or size > limit:
                # Not masked, or too long: the protocol says why, and reads nothing after that.
                if not self._ended:
                    self._parse(data[at:])
                    self._ended = True
                return b""
            if stop > end:
                break
            if self._ended:
                if first & _OPCODE == Opcode.CLOSE and not protocol.eof_sent:
                    self._parse(data[at:stop])
            elif first == FINAL_BINARY and protocol.current_size is None:
                receiver.on_binary(apply_mask(data[start:stop], data[mask:start]))
            elif first == _FINAL_TEXT and protocol.current_size is None:
                self._deliver(Opcode.TEXT, apply_mask(data[start:stop], data[mask:start]))
            else:
                self._parse(data[at:stop])
                self._ended = self._ended or protocol.state is not OPEN
            at = stop
        rest = data[at:] if at else data
        if rest and not self._ended and _breaks_protocol(rest):
            # The end of what can be no frame is not waited for: the peer may wait for the answer.
            self._ended = True
            protocol.fail(PROTOCOL_ERROR, "no frame begins like this")
            self._flush()
            return b""
        return rest

    def _receive_frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode in (Opcode.TEXT, Opcode.BINARY):
            self._parts, self._parts_opcode = bytearray(frame.data), opcode
        elif opcode is Opcode.CONT:
            self._parts += frame.data
        elif opcode is Opcode.CLOSE:
            return
        if (opcode is Opcode.CONT or opcode in _CONTROL or not frame.fin) and self._receiver is not None:
            self._receiver.on_other_frame()
        if frame.fin and opcode not in _CONTROL:
            parts, self._parts = self._parts, bytearray()
            self._deliver(self._parts_opcode, bytes(parts))

    def _deliver(self, opcode: Opcode, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None or self._ended:
            return
        if opcode is Opcode.BINARY:
            receiver.on_binary(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._ended = True
            self._protocol.fail(INVALID_DATA, "a text message must be UTF-8")
            self._flush()
            return
        receiver.on_text(text)

    def _send_batch(self) -> None:
        batch, self._batch = self._batch, []
        if self._transport is not None:
            self._transport.write(batch[0] if len(batch) == 1 else b"".join(batch))
            if self.congested:
                self._bound()

    def _bound(self) -> None:
        """Cut a peer if too much waits to be sent to it. It does not read, so no close frame would reach it."""
        transport, protocol = self._transport, self._protocol
        if transport is None or self.cut or transport.get_write_buffer_size() <= MAX_WAITING:
            return
        self.cut = self._ended = True
        self._is_open = False
        if protocol.state is OPEN:
            self._close_reason = "too slow: too much waits to be sent"
            protocol.send_close(TRY_AGAIN_LATER, self._close_reason)
            protocol.data_to_send()
        transport.abort()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or self.cut:
            return
        self._is_open = self._protocol.state is OPEN
        if self._batch:
            self._send_batch()
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        if self.congested:
            self._bound()
        if self._protocol.close_expected() and not self._closing:
            self._closing = True
            self._restart_timer(CLOSING_TIMEOUT, self._abort)

    def _restart_timer(self, delay: float, callback: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(delay, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _breaks_protocol(start: bytes) -> bool:
    """Whether what begins like this can be no frame: another first byte, or a long control frame."""
    return start[0] not in _FIRST_BYTES or (start[0] >= 0x88 and len(start) > 1 and start[1] & 0x7F > 125)


def _untie(protocol: WebSocketProtocol) -> None:
    """Let a protocol that will parse no more be freed when it is dropped, not by a full collection much later.

    Its parser is a generator that holds it, and the error that ended the parser holds that generator's frame.
    """
    protocol.handshake_exc = protocol.parser_exc = None
    protocol.parser.close()
