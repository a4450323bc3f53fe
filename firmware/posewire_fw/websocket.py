"""RFC 6455, the client's side, without I/O: Receiver for what comes, FrameBuilder for what goes. See handshake.py."""

from micropython import const

from posewire_fw.mask import MaskKeys, xor
from posewire_fw.memcopy import memcopy
from posewire_fw.utf8 import is_utf8

# Opcodes, and what Receiver.step() returns; NEED_DATA is "nothing complete yet".
NEED_DATA = const(0)
TEXT = const(1)
BINARY = const(2)
CLOSE = const(8)
PING = const(9)
PONG = const(10)

# Close codes (RFC 6455 section 7.4.1).
NORMAL = const(1000)
GOING_AWAY = const(1001)
PROTOCOL_ERROR = const(1002)
NO_CODE = const(1005)
LOST = const(1006)
BAD_DATA = const(1007)
POLICY = const(1008)
TOO_BIG = const(1009)

CONTROL_MAX = const(125)


class WebSocketError(Exception):
    """The server has broken the protocol, or the connection ended. code is the close code that says how."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class HandshakeError(Exception):
    """The server did not open a WebSocket. status is the HTTP status, 0 when there was no HTTP answer."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Receiver:
    """Takes bytes as they come and gives complete messages and control frames.

    Put bytes into `chunk`, tell `fed(n)`, then call `step()` until it returns NEED_DATA. After TEXT or BINARY the
    message is `message[:length]`; after PING, PONG or CLOSE the payload is `control[:control_length]` (and there is
    `close_code`). Both are valid until the next step(). A WebSocketError carries the code to close with; after it only
    reset() helps.
    """

    def __init__(self, limit, chunk_size):
        self.chunk = bytearray(chunk_size)
        self.message = bytearray(limit)
        self.control = bytearray(CONTROL_MAX)
        self._header = bytearray(10)
        self.reset()

    def reset(self):
        """Begin a new connection."""
        self.length = 0
        self.control_length = 0
        self.close_code = NO_CODE
        self._at = 0
        self._end = 0
        self._have = 0
        self._need = 2
        self._left = 0
        self._opcode = 0
        self._final = True
        self._message_type = 0

    def fed(self, count):
        """The first count bytes of chunk are new. All that was there before must have been taken."""
        self._at = 0
        self._end = count

    def step(self):
        while True:
            if self._have < self._need and not self._take_header():
                return NEED_DATA
            if self._left:
                self._take_payload()
                if self._left:
                    return NEED_DATA
            self._have = 0
            self._need = 2
            if self._opcode >= CLOSE:
                return self._finish_control()
            if self._final:
                return self._finish_message()

    def _take_header(self):
        header = self._header
        while self._have < self._need:
            if self._at == self._end:
                return False
            header[self._have] = self.chunk[self._at]
            self._at += 1
            self._have += 1
            if self._have == 2:
                self._check_start(header[0], header[1])
        self._start_payload(self._payload_length())
        return True

    def _check_start(self, first, second):
        opcode = first & 15
        if first & 0x70:
            raise WebSocketError(PROTOCOL_ERROR, "reserved bits are set")
        if second & 0x80:
            raise WebSocketError(PROTOCOL_ERROR, "the server masked a frame")
        self._opcode = opcode
        self._final = first > 127
        if opcode >= CLOSE:
            if opcode > PONG:
                raise WebSocketError(PROTOCOL_ERROR, "unknown control frame")
            if second > CONTROL_MAX or not self._final:
                raise WebSocketError(PROTOCOL_ERROR, "a control frame is too long or fragmented")
            return
        if opcode > BINARY:
            raise WebSocketError(PROTOCOL_ERROR, "unknown data frame")
        if (opcode == 0) != (self._message_type != 0):
            raise WebSocketError(PROTOCOL_ERROR, "fragments out of order")
        if second == 126:
            self._need = 4
        elif second == 127:
            self._need = 10

    def _payload_length(self):
        header = self._header
        length = header[1]
        if length == 126:
            return header[2] << 8 | header[3]
        if length == 127:
            if header[2] & 0x80:
                raise WebSocketError(PROTOCOL_ERROR, "a frame length has its highest bit set")
            for i in range(2, 7):
                if header[i]:
                    raise WebSocketError(TOO_BIG, "the message is too big")
            return header[7] << 16 | header[8] << 8 | header[9]
        return length

    def _start_payload(self, length):
        self._left = length
        if self._opcode >= CLOSE:
            self.control_length = 0
            return
        if self._opcode:
            self._message_type = self._opcode
            self.length = 0
        # The size is refused before one byte of the payload is taken.
        if self.length + length > len(self.message):
            raise WebSocketError(TOO_BIG, "the message is too big")

    def _take_payload(self):
        count = min(self._left, self._end - self._at)
        if self._opcode >= CLOSE:
            memcopy(self.control, self.control_length, self.chunk, self._at, count)
            self.control_length += count
        else:
            memcopy(self.message, self.length, self.chunk, self._at, count)
            self.length += count
        self._at += count
        self._left -= count

    def _finish_message(self):
        kind = self._message_type
        self._message_type = 0
        if kind == TEXT and not is_utf8(self.message, self.length):
            raise WebSocketError(BAD_DATA, "a text message is not UTF-8")
        return kind

    def _finish_control(self):
        if self._opcode == CLOSE:
            self._read_close()
        return self._opcode

    def _read_close(self):
        control = self.control
        if not self.control_length:
            self.close_code = NO_CODE
            return
        if self.control_length == 1:
            raise WebSocketError(PROTOCOL_ERROR, "a close frame of one byte")
        code = control[0] << 8 | control[1]
        known = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)
        if not known and not 3000 <= code <= 4999:
            raise WebSocketError(PROTOCOL_ERROR, "close code %d" % code)
        if not is_utf8(bytes(control[2 : self.control_length]), self.control_length - 2):
            raise WebSocketError(BAD_DATA, "a close reason is not UTF-8")
        self.close_code = code

    def close_reason(self):
        """The text of the close frame."""
        return bytes(self.control[2 : self.control_length]).decode() if self.control_length > 2 else ""


class FrameBuilder:
    """Builds one masked frame at a time: write the payload into buffer at PAYLOAD, finish(), send buffer[start:end]."""

    # Longest header of a frame up to 65535 bytes; a multiple of 4, which the masking wants.
    PAYLOAD = const(8)

    def __init__(self, payload_max):
        self.buffer = bytearray(self.PAYLOAD + payload_max)
        self.keys = MaskKeys()
        self.start = 0
        self.end = 0

    def room(self):
        """The longest payload that fits."""
        return len(self.buffer) - self.PAYLOAD

    def reserve(self, payload_max):
        """Make room for longer payloads; a frame under way stays as it is.

        Raises MemoryError, and ValueError above 65535 bytes.
        """
        if payload_max > 65535:
            raise ValueError("a message of %d bytes is too long to send" % payload_max)
        if self.PAYLOAD + payload_max > len(self.buffer):
            buffer = bytearray(self.PAYLOAD + payload_max)
            memcopy(buffer, 0, self.buffer, 0, len(self.buffer))
            self.buffer = buffer

    def finish(self, opcode, count):
        """Put the header before the payload of count bytes, and mask it."""
        buf = self.buffer
        key = self.keys.next()
        memcopy(buf, 4, self.keys.block, key, 4)
        if count < 126:
            self.start = 2
            buf[3] = 0x80 | count
        else:
            self.start = 0
            buf[1] = 0x80 | 126
            buf[2] = count >> 8
            buf[3] = count & 0xFF
        buf[self.start] = 0x80 | opcode
        self.end = self.PAYLOAD + count
        xor(buf, self.PAYLOAD, count, self.keys.block, key)

    def put(self, opcode, payload):
        """Build a frame from bytes."""
        memcopy(self.buffer, self.PAYLOAD, payload, 0, len(payload))
        self.finish(opcode, len(payload))
