"""The speaker: encoded frames into a jitter buffer, decoded piece by piece, out by I2S.

Nothing waits, and nothing is allocated while it plays.
"""

import time

from micropython import const

from posewire_fw import adpcm, log, memory, pcm
from posewire_fw.memcopy import memcopy

# What the speaker is doing.
IDLE = const(0)
FILLING = const(1)
PLAYING = const(2)
EMPTYING = const(3)

# Longest piece decoded at once: 20 ms at 24 kHz.
_PIECE_MAX = const(480)
# Play when so many frames are there, or when the first of them has waited so long. Each underrun makes it one more.
_TARGET_FRAMES = const(3)
_TARGET_MOST = const(6)
_TARGET_MS = const(250)
# The driver holds 128 ms when it has just taken a piece: after so long it needs another one soon.
_DRIVER_LOW_MS = const(80)
# Pieces that may stand in for frames that are late.
_STAND_INS_MOST = const(3)
# A port that has taken nothing for so long is closed, and opened anew; after so many times in a row it is given up.
_STALL_MS = const(1000)
_REVIVALS = const(3)
# At least so many frames must fit into the jitter buffer: the host sends five at once.
_FRAMES_MIN = const(6)
# The longest frame that is taken: 60 ms of 24 kHz pcm.
_FRAME_MAX = const(2880)
# What the I2S driver may still hold after the last piece: its buffer, and the block that it is sending.
_DRIVER_MS = const(144)


class Speaker:
    """open_port(rate) opens the I2S port; ring is the jitter buffer; volume is 0 ... 100.

    `problem` says why nothing is heard of what is being said, None for no problem. The next begin() tries again.
    """

    def __init__(self, open_port, ring, volume):
        self._open_port = open_port
        self._ring = ring
        self._buffers = (bytearray(_PIECE_MAX * 2), bytearray(_PIECE_MAX * 2))
        self._state = bytearray(adpcm.STATE_BYTES)
        self._callback = self._written_one
        self._port = None
        self._port_rate = 0
        self._revivals = 0
        self.problem = None
        self.state = IDLE
        self._finishing = False
        self._waiting = False
        self._since = time.ticks_ms()
        self._left = 0
        self._data = 0
        self._ready = 0
        self._written = 0
        self._writing = False
        self._tone_left = 0
        self._phase = 0
        self.level = 0
        self.frames = 0
        self.late = 0
        self.undecodable = 0
        self.underruns = 0
        self.concealed = 0
        self.stalls = 0
        self._target = _TARGET_FRAMES
        self._stand_ins = 0
        self._moved = self._since  # when the driver last took something
        self._real = self._since  # and when that was no stand-in
        self.set_volume(volume)
        self.configure("ima-adpcm", 16000, 60)

    def set_volume(self, volume):
        self.volume = volume
        self._factor = pcm.volume_factor(volume)

    def configure(self, format_name, rate, frame_ms):
        """Prepare for what the host will send. Frames of a format that is not known here are counted and dropped."""
        self.silence()
        self._known = False
        if format_name not in ("ima-adpcm", "pcm") or not 8000 <= rate <= 48000 or not 10 <= frame_ms <= 120:
            return
        samples = rate * frame_ms // 1000
        self._adpcm = format_name == "ima-adpcm"
        size = adpcm.HEADER_BYTES + (samples + 1) // 2 if self._adpcm else samples * 2
        if size > _FRAME_MAX:
            return
        try:
            # A heap that grows for it would take what the network needs.
            more = size * _FRAMES_MIN - len(self._ring.buffer)
            if more > 0 and memory.idf() is not None and not memory.has_room(more, 0):
                raise MemoryError
            self._ring.configure(size, _FRAMES_MIN)
        except MemoryError:
            log.error("speaker", "no memory for %s frames of %d bytes", format_name, size)
            return
        self._known = True
        self._frame_bytes = size
        self._rate = rate
        pieces = (samples + _PIECE_MAX - 1) // _PIECE_MAX
        if rate <= 16000:
            pieces = max(pieces, frame_ms // 20)
        self._piece = ((samples + pieces - 1) // pieces + 1) & -2
        self._views = (
            memoryview(self._buffers[0])[: self._piece * 2],
            memoryview(self._buffers[1])[: self._piece * 2],
        )

    def can_play(self):
        """True when the host's format is one that is known here."""
        return self._known

    def active(self):
        """True until the last sample has been heard."""
        return self.state != IDLE

    def begin(self):
        """The host is about to speak."""
        self._finishing = False
        self._revivals = 0
        self.problem = None
        if self.state == IDLE:
            self.state = FILLING
            self._waiting = False
            self._target = _TARGET_FRAMES

    def finish(self):
        """The host has said everything: play what is there, then stop."""
        self._finishing = True

    def silence(self):
        """Be silent at once: drop what is queued, and close the port so that what the driver holds is gone too."""
        if self._port is not None:
            self._port.deinit()
            self._port = None
        self._ring.clear()
        self.state = IDLE
        self._finishing = False
        self._left = 0
        self._ready = 0
        self._written = 0
        self._writing = False
        self._stand_ins = 0
        self._tone_left = 0
        self.level = 0

    def beep(self, duration_ms):
        """A short tone, unless something is being played."""
        if self.state == IDLE:
            self._tone_left = self._rate // 1000 * duration_ms
            self._phase = 0
            self.state = FILLING
            self._waiting = False
            self._finishing = True

    def push(self, message, start, length):
        """Queue one frame of message."""
        if self.state == IDLE:
            self.late += 1
            return
        if not self._known or length != self._frame_bytes:
            # A stock server may name the board's own format and send Opus all the same.
            if self._known and not self.undecodable:
                log.error("speaker", "no sound: frames of %d bytes are not what was agreed", length)
            self.undecodable += 1
            return
        if self._stand_ins:
            self.late += 1
        if self._ring.count == self._ring.capacity:
            self._left = 0  # the oldest frame, half played, makes room
        at = self._ring.back()
        memcopy(self._ring.buffer, at, message, start, length)
        self._ring.commit(length)
        self.frames += 1

    def poll(self):
        """Go on playing; call it every few milliseconds."""
        if self.state == FILLING:
            self._fill()
        if self.state == PLAYING:
            self._play()
        if self._writing and time.ticks_diff(time.ticks_ms(), self._moved) > _STALL_MS:
            self._revive()
        if self.state == EMPTYING and time.ticks_diff(time.ticks_ms(), self._since) > _DRIVER_MS:
            self.silence()

    def _revive(self):
        # The driver takes nothing any more: what it holds is lost, the rest is played by a fresh one.
        self.stalls += 1
        self._revivals += 1
        if self._revivals > _REVIVALS:
            self._give_up("the I2S port takes nothing")
            return
        log.warning("speaker", "the I2S port takes nothing: opened anew")
        self._port.deinit()  # pyright: ignore[reportOptionalMemberAccess]
        self._port = None
        self._ready = 0
        self._written = 0
        self._writing = False

    def _fill(self):
        count = self._ring.count
        if self._tone_left or count >= self._target or self._finishing:
            self.state = PLAYING
        elif count:
            if not self._waiting:
                self._waiting = True
                self._since = time.ticks_ms()
            elif time.ticks_diff(time.ticks_ms(), self._since) > _TARGET_MS:
                self.state = PLAYING

    def _play(self):
        while self._ready - self._written < 2 and self._prepare(self._buffers[self._ready & 1]):
            self._ready += 1
            if not self._writing:
                self._write()
        if self._writing:
            return
        # Nothing is left to write.
        if self._finishing and self._port is None:
            self.silence()
        elif self._finishing:
            self.state = EMPTYING
            self._since = time.ticks_ms()
        else:
            self._starve()

    def _write(self):
        if self._port is None and not self._open():
            return
        self._writing = True
        self._moved = time.ticks_ms()
        self._port.write(self._views[self._written & 1])  # pyright: ignore[reportOptionalMemberAccess]

    def _open(self):
        port = None
        try:
            port = self._open_port(self._rate)
            port.irq(self._callback)
        except (OSError, MemoryError, ValueError) as exc:
            if port is not None:
                port.deinit()
            self._give_up("the I2S port does not open: %s" % exc)
            return False
        self._port = port
        return True

    def _give_up(self, why):
        self.silence()
        self.problem = why
        log.error("speaker", "%s", why)

    def _written_one(self, port):
        # Scheduled by the driver when it has taken a whole piece.
        if port is not self._port:
            return
        self._written += 1
        self._revivals = 0
        self._moved = time.ticks_ms()
        if not self._stand_ins:
            self._real = self._moved
        if self._ready > self._written:
            port.write(self._views[self._written & 1])
        else:
            self._writing = False

    def _prepare(self, buf):
        if self._tone_left:
            self._phase = pcm.tone(buf, self._piece, self._phase, 65536 * 880 // self._rate, 8000)
            self._tone_left = max(0, self._tone_left - self._piece)
        else:
            if not self._left and not self._next_frame():
                return False
            self._stand_ins = 0
            self._decode(buf, min(self._left, self._piece))
        self.level = pcm.scale(buf, self._piece, self._factor)
        return True

    def _starve(self):
        """No frame is there. The driver goes on for a while; then the piece before stands in, ever more quietly."""
        since = time.ticks_diff(time.ticks_ms(), self._real)
        if since < _DRIVER_LOW_MS + self._stand_ins * self._piece * 1000 // self._rate:
            return
        if self._stand_ins == _STAND_INS_MOST:
            self.underruns += 1
            if self._target < _TARGET_MOST:
                self._target += 1
            self.state = FILLING
            self._waiting = False
            return
        self._stand_ins += 1
        self.concealed += 1
        buf = self._buffers[self._ready & 1]
        memcopy(buf, 0, self._buffers[(self._ready - 1) & 1], 0, self._piece * 2)
        self.level = pcm.scale(buf, self._piece, 128)
        self._ready += 1
        self._write()

    def _next_frame(self):
        while True:
            at = self._ring.front()
            if at < 0:
                return False
            length = self._ring.length()
            if not self._adpcm:
                self._data = at
                self._left = length >> 1
                return True
            if adpcm.open_frame(self._state, self._ring.buffer, at):
                self._data = at + adpcm.HEADER_BYTES
                self._left = (length - adpcm.HEADER_BYTES) << 1
                return True
            self.undecodable += 1
            self._ring.release()

    def _decode(self, buf, count):
        if self._adpcm:
            adpcm.decode(self._state, adpcm.STEPS, self._ring.buffer, self._data, buf, count)
            self._data += count >> 1
        else:
            memcopy(buf, 0, self._ring.buffer, self._data, count << 1)
            self._data += count << 1
        if count < self._piece:
            pcm.silence(buf, count, self._piece)
        self._left -= count
        if not self._left:
            self._ring.release()
