"""An Opus encoder (RFC 6716) for 16 kHz mono speech: CELT, wideband, frames of 20 ms. docs/opus.md explains it.

tests/firmware/opus/opus_twin.py is the same to read, and gives the same bytes. The parts: opus_mdct, opus_range,
opus_bands.
Everything lives in one array of 32-bit words, w; names such as _X are places in it, others places in t, the tables, in
units of 8 or 16 bits. Loads of a ptr32 are unsigned on a 64-bit machine: (v ^ sign_bit) - sign_bit, with 1 << 31, makes
them signed, and changes nothing on a 32-bit one, for which `posewire deploy` leaves it out.

What is indexed by a constant stands below 256: for Xtensa, viper makes wrong code of w[256] and up (a load from a
pointer that is not among the first three locals; seen with MicroPython 1.26.1). The first three locals of a viper
function are in registers: they are the hot ones. What is rarely called is bytecode, which is smaller.
"""

# Arrays are pointers to machine code.
# pyright: reportArgumentType=false

from array import array

from micropython import const

from posewire_fw.memcopy import memcopy
from posewire_fw.opus_bands import coarse, edges, fine, late, quality, shape, share, tables, used
from posewire_fw.opus_mdct import emphasise, energies, five, fold, four, turn, two
from posewire_fw.opus_range import begin, done, encode, tell, tell_frac, zeros

# Places in w.
_OLD = const(0)  # 17: log2 energies as the decoder has them
_BITS = const(51)  # 17: of each band
_TOTAL = const(142)
_SIZE = const(145)
_BAL = const(146)  # what the bands before have left
_CODED = const(147)  # how many bands get pulses
_Y = const(256)  # 360: emphasised samples
_X = const(256)  # 320: bins, in the same room
_BUF = const(936)  # the frame
_LEAST = const(-28672)
_QUIET_FRAMES = const(10)
_REFRESH_FRAMES = const(20)


class OpusEncoder:
    """bitrate in bit/s, 6000 ... 64000; frame_ms: 20, 40 or 60, what a packet holds. 16-bit samples, 16 kHz, mono.

    quiet: where not 0, packets whose samples (after the pre-emphasis) stay below it, a power of two, are left out after
    0.2 s of them: what is sent instead says so in one or two bytes, and the decoder goes on with the noise that it
    knows. A whole packet goes out every 0.4 s.
    """

    def __init__(self, bitrate=24000, frame_ms=60, quiet=0):
        if not 6000 <= bitrate <= 64000 or frame_ms not in (20, 40, 60):
            raise ValueError("6000 to 64000 bit/s, packets of 20, 40 or 60 ms")
        self._count = frame_ms // 20
        self._header = 1 if self._count == 1 else 2
        self._size = (bitrate * frame_ms // 8000 - self._header) // self._count
        self.packet_bytes = self._header + self._count * self._size
        self._quiet = quiet
        # Of a range, which has a length and takes no room: of bytes it would need as much again, in one piece.
        self._words = array("i", range(_BUF + (self._size + 3) // 4))
        self.reset()

    def reset(self):
        """Begin a stream: nothing is remembered."""
        w = self._words
        for i in range(_BUF):
            w[i] = 0
        self._intra = 1  # the next frame must not rely on the one before
        self._frame = 0
        self._quiet_frames = 0
        self._left_out = 0

    def feed(self, pcm, start, out, at):
        """Take 20 ms, 320 samples from a place on; returns the length of a packet that is complete now, 0 for none.

        The packet is written to out at an offset, which stays the same until it is complete.
        """
        if not self._frame:
            out[at] = 0xB8 if self._count == 1 else 0xBB  # CELT, wideband, 20 ms, mono; one frame, or several
            if self._count > 1:
                out[at + 1] = self._count
        self._encode(emphasise(self._words, pcm, start))
        put(self._words, out, at + self._header + self._frame * self._size)
        self._frame += 1
        if self._frame < self._count:
            return 0
        self._frame = 0
        if not self._quiet or self._quiet_frames < _QUIET_FRAMES or self._left_out >= _REFRESH_FRAMES:
            self._left_out = 0
            return self.packet_bytes
        self._left_out += self._count
        self._intra = 1
        return self._header

    def _encode(self, peak):
        w = self._words
        self._quiet_frames = self._quiet_frames + 1 if peak < self._quiet else 0
        some = transform(w, peak)
        begin(w, self._size)
        if some:
            encode(w, 0, 32767, -15)
            code(w, self._intra, self._size << 3)
            self._intra = 0
        else:
            encode(w, 32767, 1, -15)
            be_silent(w)
        done(w)


def put(w, out, at):
    """The frame to its place."""
    memcopy(out, at, w, 4 * _BUF, w[_SIZE])


def transform(w, peak):
    """_Y to _X; 0 where all of it is 0."""
    fold(w, tables, peak)
    four(w, 1)
    turn(w, tables, 4, 4)
    four(w, 4)
    turn(w, tables, 16, 2)
    two(w)
    turn(w, tables, 32, 5)
    return five(w, tables)


def be_silent(w):
    """A frame without anything: the rest of it is not used."""
    for i in range(17):
        w[_OLD + i] = _LEAST
    w[_TOTAL] += (w[_SIZE] << 3) - tell(w)


def code(w, intra, bits):
    """The bins in _X to the frame."""
    if tell(w) + 16 <= bits:
        say(w, 0)  # no pitch filter
    if tell(w) + 3 <= bits:
        encode(w, 0, 7, -3)  # not transient
    energies(w, tables)
    if tell(w) + 3 > bits:
        intra = 0
    elif intra:
        encode(w, 7, 1, -3)
    else:
        encode(w, 0, 7, -3)
    coarse(w, tables, intra, w)
    flags(w)
    allocate(w, (bits << 3) - tell_frac(w, tables) - 1)
    fine(w, 17, w)
    shape(w, tables)
    late(w, bits - tell(w), w)


def say(w, bit):
    """A bit that is as likely 0 as 1."""
    encode(w, bit, 1, -1)


def flags(w):
    """No time-frequency change, the spread, no boost, the trim."""
    bits = w[_SIZE] << 3
    budget = bits - 1 if tell(w) + 5 <= bits else bits
    if zeros(w, 1, 4, budget):
        zeros(w, 16, 5, budget)
    if tell(w) + 4 <= bits:
        encode(w, 9, 21, -5)
    # for whole bits: tell_frac + 48 < 8 bits, when tell + 6 < bits for sure
    i = zeros(w, 17, 6, bits - 1)
    bits <<= 3
    while i < 17 and tell_frac(w, tables) + 48 < bits:
        encode(w, 0, 63, -6)
        i += 1
    if tell_frac(w, tables) + 48 <= bits:
        encode(w, 41, 46, -7)


def allocate(w, total):
    """Search the quality, and how far it is from the next, that the bits suffice for."""
    w[_BAL] = 8 if total >= 8 else 0  # the bit that skip() says
    total = max(total, 0) - w[_BAL]
    low = 1
    high = 10
    while low <= high:
        mid = (low + high) >> 1
        quality(w, tables, mid, 0)
        if used(w, tables, 0) > total:
            high = mid - 1
        else:
            low = mid + 1
    quality(w, tables, low - 1, 0)
    quality(w, tables, low, 1)
    low = 0
    high = 64
    while high - low > 1:
        mid = (low + high) >> 1
        if used(w, tables, mid) > total:
            high = mid
        else:
            low = mid
    total -= used(w, tables, low)
    share(w, tables, skip(w, total))


def skip(w, left):
    """How many of the lower bands get pulses, to _CODED: said band by band, from above. Returns what is then left."""
    coded = 17
    while coded > 1:
        n = edges[coded] - edges[coded - 1]
        band = offered(w, coded, left)
        if band >= max(n * 12, 16):
            if coded == 2 or band > n * 28:
                say(w, 1)
                w[_CODED] = coded
                return left
            say(w, 0)
            left -= 8
            band -= 8
        left += w[_BITS + coded - 1]
        w[_BITS + coded - 1] = band = 8 if band >= 8 else 0
        left -= band
        coded -= 1
    w[_CODED] = 1
    return left + w[_BAL]


def offered(w, coded, left):
    """Bits for the highest of so many bands, with its part of what is left."""
    edge = edges[coded]
    below = edges[coded - 1]
    return w[_BITS + coded - 1] + left // edge * (edge - below) + max(left % edge - below, 0)
