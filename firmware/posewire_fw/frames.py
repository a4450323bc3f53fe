"""Binary frames of the three frame protocols (docs/wire.md section 3), read and written in place."""

from micropython import const

AUDIO = const(0)
JSON = const(1)
POSE = const(16)

# Header bytes by protocol.
HEADER = (0, 0, 16, 4)


def write_header(buf, at, protocol, kind, count, clock):
    """Write the header of a frame with count payload bytes at an offset; HEADER[protocol] says how long it is."""
    if protocol == 3:
        buf[at] = kind
        buf[at + 1] = 0
        buf[at + 2] = count >> 8
        buf[at + 3] = count & 0xFF
    elif protocol == 2:
        _write_header_2(buf, at, kind, count, clock)


def _write_header_2(buf, at, kind, count, clock):
    for i in range(at, at + 14):
        buf[i] = 0
    buf[at + 1] = 2
    buf[at + 3] = kind
    clock.write_be(buf, at + 8)
    buf[at + 14] = count >> 8
    buf[at + 15] = count & 0xFF


class FrameReader:
    """Reads the header of a received frame into its fields; the payload is message[start:start + length]."""

    def __init__(self):
        self.kind = AUDIO
        self.slot = 0
        self.start = 0
        self.length = 0

    def read(self, message, count, protocol):
        """False when the header is cut short or announces another size than what follows."""
        start = HEADER[protocol]
        self.start = start
        self.length = count - start
        if protocol == 1:
            self.kind = AUDIO
            self.slot = 0
            return True
        if count < start:
            return False
        if protocol == 3:
            self.kind = message[0]
            self.slot = message[1]
            return (message[2] << 8 | message[3]) == self.length
        self.kind = message[3]
        self.slot = message[7]
        if message[0] or message[1] != 2 or message[2] or message[12] or message[13]:
            return False
        return (message[14] << 8 | message[15]) == self.length
