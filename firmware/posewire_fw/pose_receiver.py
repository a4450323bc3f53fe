"""Poses of another member of the room, for what moves or lights up on this board. Allocates nothing for a frame.

One stream is followed: the first that brings the wanted landmark set, until it has been silent for so long that it
counts as lost. Listeners of these events (posewire_fw.app.on) get the receiver: "pose": a new pose; "pose_held": none
has come for a while, the last one stands; "pose_lost": that is too old to stand for anything.
"""

import time

from micropython import const

from posewire_fw import log
from posewire_fw.pose_decoder import FRAME, MISSING, REPEAT, PoseDecoder

ANY = const(-1)
SETS = {
    "any": ANY,
    "custom": 0,
    "body33": 1,
    "hands42": 2,
    "face468": 3,
    "face478": 4,
    "world33": 5,
    "coco17": 6,
    "quat": 7,
    "imu6": 8,
    "hand21": 10,
    "hand21_right": 11,
}

LOST = const(0)
LIVE = const(1)
HELD = const(2)

_REQUEST_MS = const(1000)
_REQUEST_BYTES = const(9)
_SHORTEST = const(9)
# Where the first block of a packet says which set it is, by the kind of packet: key, delta, repeat (which has no
# block), snapshot, restart.
_SET_AT = (8, 7, 0, 12, 13)


class PoseReceiver:
    """wanted: a name of SETS. hold_ms, relax_ms: the age at which a pose is held, and lost."""

    def __init__(self, events, wanted="any", hold_ms=500, relax_ms=3000):
        self._events = events
        self._wanted = SETS[wanted]
        self._hold_ms = hold_ms
        self._relax_ms = relax_ms
        self._decoder: PoseDecoder = PoseDecoder()
        self._set = None
        self._state = None
        self._stream = -1
        self._request = False
        self._requested = time.ticks_add(time.ticks_ms(), -_REQUEST_MS)
        self._arrived = self._requested
        self._adopted = self._requested
        self._refused = False
        self._unwanted = -1
        self.member_id = 0
        self.state = LOST
        self.frames = 0
        self.undecodable = 0

    # for listeners

    @property
    def landmarks(self):
        """How many there are; 0 before the first pose."""
        return 0 if self._set is None else self._set.marks

    def there(self, landmark):
        """Whether the pose has this landmark."""
        return self._state is not None and landmark < len(self._state.valid) and self._state.valid[landmark] != 0

    def at(self, landmark, channel, scale=1000):
        """A coordinate as an integer, 1.0 being `scale`: no number with a fraction, which would be an object."""
        s = self._set
        value = self._state.x[landmark * s.wide + channel] << self._state.coarse  # pyright: ignore
        return value * scale >> s.bits[channel]  # pyright: ignore[reportOptionalMemberAccess]

    # for the session

    def receive(self, member_id, message, start, end):
        """A pose packet of the room member with that id: message[start:end]."""
        if end - start < _SHORTEST:
            return
        if member_id != self.member_id or message[start + 1] != self._stream:
            if self.member_id or not self._adopt(member_id, message, start, end):
                return
        self._decode(message, start, end)

    def _decode(self, message, start, end):
        result = self._decoder.decode(message, start, end)
        if result == FRAME:
            self._show()
        elif result < 0:
            self.undecodable += 1
            if self._set is not None:
                # What was refused may have been written over what was shown.
                self._state = self._decoder.shown(self._set)
            if self._decoder.needs_key or result == MISSING:
                self._request = True

    def fill(self, buf, at):
        """Write the request for a key, if one is due, for the member `member_id`; returns its length."""
        if not self._request or not self.member_id:
            return 0
        now = time.ticks_ms()
        if time.ticks_diff(now, self._requested) < _REQUEST_MS:
            return 0
        self._requested = now
        self._request = False
        return self._decoder.key_request(buf, at)

    def forget(self, member_id=0):
        """The member with that id has gone (0: all have): another one may be followed. The pose ages as it would."""
        if not member_id or member_id == self.member_id:
            self.member_id = 0
            self._stream = -1
            self._request = False

    def tick(self):
        """Do what is due by now; call it often."""
        now = time.ticks_ms()
        if self.state == LOST:
            if self.member_id and time.ticks_diff(now, self._adopted) > self._relax_ms:
                # It was to be followed, and sent nothing that could be decoded.
                self.forget()
            return
        age = time.ticks_diff(now, self._arrived)
        if age > self._relax_ms:
            self.state = LOST
            self.forget()
            self._events.emit("pose_lost", self)
        elif age > self._hold_ms and self.state == LIVE:
            self.state = HELD
            self._events.emit("pose_held", self)

    def age_ms(self):
        """Of the newest pose; grows for ever where there was none."""
        return time.ticks_diff(time.ticks_ms(), self._arrived)

    def _adopt(self, member_id, message, start, end):
        """Follow this stream from now on if it is of the wanted set; False when not."""
        kind = message[start] >> 2 & 7
        if kind >= len(_SET_AT) or start + _SET_AT[kind] >= end:
            return False
        if kind == REPEAT:
            # Of somebody who stands still: the key that will be asked for tells the set.
            if member_id << 8 | message[start + 1] == self._unwanted:
                return False
        elif self._wanted not in (ANY, message[start + _SET_AT[kind]]):
            return False
        # The sets that are there are used again: another member's stream is most likely of the same.
        try:
            self._decoder = PoseDecoder(self._decoder.sets, message[start + 1])
        except MemoryError:
            if not self._refused:
                log.error("receiver", "no memory to follow member %d", member_id)
            self._refused = True
            return False
        self._set = None
        self._state = None
        self._adopted = time.ticks_ms()
        self.member_id = member_id
        self._stream = message[start + 1]
        log.info("receiver", "following member %d", member_id)
        return True

    def _show(self):
        decoder = self._decoder
        if self._set is None:
            self._set = self._choose()
            if self._set is None:
                self._unwanted = self.member_id << 8 | self._stream
                self.forget()
                return
        self._state = decoder.shown(self._set)
        self._arrived = time.ticks_ms()
        self._refused = False
        self.frames += 1
        self.state = LIVE
        self._events.emit("pose", self)

    def _choose(self):
        """The set of the stream that is wanted; of any, the first that is in the pose."""
        decoder = self._decoder
        for k in range(len(decoder.sets)):
            if decoder.present(k) and self._wanted in (ANY, decoder.sets[k].id):
                return decoder.sets[k]
        return None
