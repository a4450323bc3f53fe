"""The microphone: I2S words in, encoded frames in a ring out. Nothing waits and nothing is allocated while it runs."""

import time

from micropython import const

from posewire_fw import adpcm, log, pcm

RATE = const(16000)
# The unit of conversion: 20 ms.
PIECE = const(320)
PIECE_MS = const(20)
_PIECE_US = const(20000)

# What the driver holds, in ms; what comes later than that (and one piece, and some air) has been overwritten, silently.
HELD_MS = const(128)
_AIR_MS = const(72)
# A port that has given nothing for so long is opened anew; after so many times in a row it is given up.
_STALL_US = const(1000000)
_REVIVALS = const(3)


def frame_bytes(format_name, frame_ms):
    """The size of one encoded frame; the longest, for Opus."""
    samples = RATE // 1000 * frame_ms
    return adpcm.HEADER_BYTES + samples // 2 if format_name == "ima-adpcm" else samples * 2


class Microphone:
    """open_port(rate) opens the I2S port; frames go into the ring (frame_bytes() each).

    `problem` says why the microphone does not run although it should, None for no problem; start() tries again.
    detector, where there is one, has feed(loudness) and reset() (vad.VoiceStart): `voice` becomes true when it says so.
    make_opus() returns an OpusEncoder for frames of this length, None where there is no room for one; it is None itself
    where that is known, or not wanted. opus_is_best() says whether it is what the board would rather send. While `opus`
    is an encoder, that is what is sent, from the next start() on.
    """

    def __init__(self, open_port, ring, format_name, frame_ms, gain, detector=None, held_ms=HELD_MS):
        self._open_port = open_port
        self._ring = ring
        self._adpcm = format_name == "ima-adpcm"
        self.make_opus = self.opus_is_best = self.opus = None
        self._pieces = frame_ms // PIECE_MS
        self._frame_bytes = frame_bytes(format_name, frame_ms)
        self._length = 0
        self.gain = gain
        self._detector = detector
        self._late_us = (held_ms + _AIR_MS) * 1000
        self.voice = False
        self._raw = (bytearray(PIECE * 4), bytearray(PIECE * 4))
        self._pcm = bytearray(PIECE * 2)
        self._state = bytearray(adpcm.STATE_BYTES)
        self._port = None
        self._wanted = False
        self._revivals = 0
        self.problem = None
        self._callback = self._filled_one
        self._filled = 0
        self._taken = 0
        self._held = False
        self._piece = 0
        self._at = 0
        self._due_us = 0
        self._last_us = 0
        self._peak = 0
        self.level = 0
        self.frames = 0
        self.lost_samples = 0
        self.stalls = 0

    def running(self):
        return self._port is not None

    def start(self):
        """Open the port and begin a new utterance."""
        self.problem = None
        if self._port is not None:
            return
        self._revivals = 0
        self._open()

    def _open(self):
        if self._detector is not None:
            self._detector.reset()
        for i in range(len(self._state)):
            self._state[i] = 0
        if self.opus is not None:
            self.opus.reset()
        self._filled = 0
        self._taken = 0
        self._held = False
        self._piece = 0
        self._due_us = 0
        self._last_us = time.ticks_us()
        port = None
        try:
            port = self._open_port(RATE)
            port.irq(self._callback)
            self._port = port
            port.readinto(self._raw[0])
            self._wanted = True
        except (OSError, MemoryError, ValueError) as exc:
            if port is not None:
                port.deinit()
            self._give_up("the I2S port does not open: %s" % exc)

    def _give_up(self, why):
        self.stop()
        self.problem = why
        log.error("mic", "%s", why)

    def stop(self):
        """Close the port at once; a frame that is not complete is forgotten."""
        self._wanted = False
        if self._port is not None:
            self._port.deinit()
            self._port = None
        self._piece = 0
        self.level = 0

    def _revive(self):
        # The driver has fallen silent: once more from the beginning.
        self.stalls += 1
        self._revivals += 1
        if self._revivals > _REVIVALS:
            self._give_up("nothing comes from the I2S port")
            return
        log.warning("mic", "nothing comes from the I2S port: opened anew")
        self.stop()
        self._open()

    def finish(self):
        """Take what has arrived, pad the last frame with silence, and close the port."""
        self.poll()
        if self._port is not None and self._piece:
            pcm.silence(self._pcm, 0, PIECE)
            while self._piece:
                self._encode_silence()
        self.stop()

    def _filled_one(self, port):
        # Scheduled by the driver when a raw buffer is full. Where poll() is late the driver's own buffer holds on.
        if port is not self._port:
            return
        self._filled += 1
        if self._filled - self._taken < 2:
            port.readinto(self._raw[self._filled & 1])
        else:
            self._held = True

    def poll(self):
        """Convert and encode what has arrived."""
        while self._taken < self._filled:
            self._encode(self._raw[self._taken & 1])
            self._taken += 1
            self._revivals = 0
            if self._held and self._port is not None:
                self._held = False
                self._port.readinto(self._raw[self._filled & 1])
            self._count_lost()
        if self._wanted and time.ticks_diff(time.ticks_us(), self._last_us) > _STALL_US:
            self._revive()

    def _encode(self, raw):
        if not self._piece:
            self._begin_frame()
        if self.opus is not None:
            self._convert(raw, self._pcm, 0)
            self._encode_opus()
        elif self._adpcm:
            self._convert(raw, self._pcm, 0)
            self._encode_adpcm()
        else:
            self._convert(raw, self._ring.buffer, (self._at >> 1) + self._piece * PIECE)
        self._end_piece()

    def _convert(self, raw, samples, at):
        self._peak = pcm.from_i2s(raw, samples, at, PIECE, self.gain)
        if self._peak > self.level:
            self.level = self._peak
        if self._detector is not None and self._detector.feed(pcm.loudness(samples, at, PIECE)):
            self.voice = True

    def _encode_silence(self):
        if self.opus is not None:
            self._encode_opus()
        elif self._adpcm:
            self._encode_adpcm()
        else:
            at = (self._at >> 1) + self._piece * PIECE
            pcm.silence(self._ring.buffer, at, at + PIECE)
        self._end_piece()

    def _encode_opus(self):
        self._length = self.opus.feed(self._pcm, 0, self._ring.buffer, self._at)  # pyright: ignore

    def _encode_adpcm(self):
        at = self._at + adpcm.HEADER_BYTES + self._piece * (PIECE // 2)
        adpcm.encode(self._state, adpcm.STEPS, self._pcm, self._ring.buffer, at, PIECE)

    def _begin_frame(self):
        self._at = self._ring.back()
        self.level = 0
        self._length = self._frame_bytes
        if self._adpcm and self.opus is None:
            adpcm.start_frame(self._state, self._ring.buffer, self._at)

    def _end_piece(self):
        self._piece += 1
        if self._piece == self._pieces:
            self._piece = 0
            self.frames += 1
            self._ring.commit(self._length)

    def _count_lost(self):
        # The driver says nothing when it overruns, so the clock has to.
        now = time.ticks_us()
        self._due_us += time.ticks_diff(now, self._last_us) - _PIECE_US
        self._last_us = now
        if self._due_us < 0:
            self._due_us = 0
        elif self._due_us > self._late_us:
            self.lost_samples += self._due_us // 1000 * (RATE // 1000)
            self._due_us = 0
