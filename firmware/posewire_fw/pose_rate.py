"""Keeps a board's pose streams within a byte budget, and within what the link takes: coarser first, then less often.

The budget is what config.json says (0: none), or less while samples go stale because the link is busy. Each stream
that has something to send gets the same share of it. The encoder makes packets of share / samples a second, as long as
it has coarser steps; what is still too much is held back until the share has grown for it.
"""

import time

from micropython import const

_PERIOD_MS = const(1000)
# A sample in so many that went stale, in so many seconds in a row, says that the link is too slow.
_STALE = const(4)
_SECONDS = const(2)
_FLOOR = const(200)
_PACKET_MIN = const(16)
# What a stream may save up, as a part of a second.
_BURST = const(4)


class Allowance:
    """One stream's part. The stream says what happens to it; ready() says whether it may send."""

    def __init__(self):
        self.published = 0
        self.stale = 0
        self.sent = 0
        self.share = 0
        self._tokens = 0
        self._since = time.ticks_ms()
        self._held = False

    def ready(self):
        """Whether a packet may go now."""
        if not self.share:
            return True
        now = time.ticks_ms()
        self._tokens += self.share * min(time.ticks_diff(now, self._since), _PERIOD_MS)
        self._since = now
        limit = self.share * _PERIOD_MS // _BURST
        if self._tokens > limit:
            self._tokens = limit
        self._held = self._tokens <= 0
        return not self._held

    def spend(self, size):
        """A packet of that size went."""
        self.sent += size
        if self.share:
            # In thousandths of a byte.
            self._tokens -= size * _PERIOD_MS

    def replaced(self):
        """A sample was not sent before the next one came: the link's doing, unless it was held back here."""
        if not self._held:
            self.stale += 1


class PoseRate:
    """limit: bytes a second for all streams together, 0 for none. poll() once in a while; budget is what holds now."""

    def __init__(self, limit):
        self._limit = limit
        self._streams = []
        self._next = time.ticks_add(time.ticks_ms(), _PERIOD_MS)
        self._slow = 0
        self.budget = limit

    def add(self, stream):
        """Mind this stream: it has allowance and limit_packet(bytes)."""
        stream.allowance = Allowance()
        self._streams.append(stream)
        self._divide()

    def poll(self):
        """Once a second: look at what happened, and divide the budget anew."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._next) < 0:
            return
        self._next = time.ticks_add(now, _PERIOD_MS)
        self._adapt()
        self._divide()

    def _adapt(self):
        published = 0
        stale = 0
        sent = 0
        for stream in self._streams:
            published += stream.allowance.published
            stale += stream.allowance.stale
            sent += stream.allowance.sent
        if stale * _STALE > published:
            self._slow += 1
            if self._slow >= _SECONDS:
                self.budget = max(_FLOOR, sent * 3 // 4)
            return
        self._slow = 0
        if self.budget:
            self.budget += self.budget // 8 + _PACKET_MIN
            if self._limit:
                self.budget = min(self.budget, self._limit)
            elif sent * 2 < self.budget:
                # There is room to spare: nothing to divide.
                self.budget = 0

    def _divide(self):
        active = 0
        for stream in self._streams:
            if stream.allowance.published:
                active += 1
        share = self.budget // max(active, 1)
        for stream in self._streams:
            _give(stream, share)


def _give(stream, share):
    allowance = stream.allowance
    packet = 0
    if share and allowance.published:
        packet = max(_PACKET_MIN, share // allowance.published)
    stream.limit_packet(packet)
    allowance.share = share
    allowance.published = 0
    allowance.stale = 0
    allowance.sent = 0
