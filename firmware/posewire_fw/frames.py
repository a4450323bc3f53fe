"""Binary frames of the three frame protocols (docs/wire.md section 3), read and written in place."""

from micropython import const

AUDIO = const(0)
JSON = const(1)
POSE = const(16)

# Header bytes by protocol.
HEADER = (0, 0, 16, 4)


class FrameWriter:
    """Writes the headers of one connection's frames. clock stamps those of protocol 2."""

    def __init__(self, clock):
        self._clock = clock
        self.set_protocol(3)

    def set_protocol(self, protocol):
        self.protocol = protocol
        self.size = HEADER[protocol]

    def write(self, buf, at, kind, count):
        """Write the header of a frame with count payload bytes at an offset; it takes `size` bytes."""
        if self.protocol == 3:
            buf[at] = kind
            buf[at + 1] = 0
            buf[at + 2] = count >> 8
            buf[at + 3] = count & 0xFF
        elif self.protocol == 2:
            self._write_2(buf, at, kind, count)

    def _write_2(self, buf, at, kind, count):
        for i in range(at, at + 14):
            buf[i] = 0
        buf[at + 1] = 2
        buf[at + 3] = kind
        self._clock.write_be(buf, at + 8)
        buf[at + 14] = count >> 8
        buf[at + 15] = count & 0xFF


class FrameReader:
    """Reads the header of a received frame into its fields; the payload is message[start:start + length]."""

    def __init__(self):
        self.kind = AUDIO
        self.member_id = 0
        self.start = 0
        self.length = 0

    def read(self, message, count, protocol):
        """False when the header is cut short or announces another size than what follows."""
        start = HEADER[protocol]
        self.start = start
        self.length = count - start
        if protocol == 1:
            self.kind = AUDIO
            self.member_id = 0
            return True
        if count < start:
            return False
        if protocol == 3:
            self.kind = message[0]
            self.member_id = message[1]
            return (message[2] << 8 | message[3]) == self.length
        self.kind = message[3]
        self.member_id = message[7]
        if message[0] or message[1] != 2 or message[2] or message[12] or message[13]:
            return False
        return (message[14] << 8 | message[15]) == self.length
