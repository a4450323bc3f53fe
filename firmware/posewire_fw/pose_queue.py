"""A pose stream of which every sample counts: those that the link has no time for wait, the oldest is lost first."""

from micropython import const

from posewire_fw.memcopy import memcopy
from posewire_fw.pose_stream import PoseStream

# The counters are kept small: beyond 30 bits a number is an object on the heap. A multiple of any depth up to 64.
_WRAP = const(0x100000)


class PoseQueue(PoseStream):
    """Integers that are sent as they are, up to `depth` (a power of two) samples in wait. skipped: those lost."""

    def __init__(self, set_id, landmarks, channels, depth):
        super().__init__(set_id, landmarks, channels, counts=True)
        self._depth = depth
        self._size = len(self.values)
        self._values = bytearray(depth * self._size)
        self._times = bytearray(4 * depth)
        # Samples ever put in and taken out: the places are these numbers modulo the depth.
        self._put = 0
        self._taken = 0
        self._sample = bytearray(self._size)
        self._frame[0] = self._sample
        self._sample_time = bytearray(4)

    def publish(self):
        """values and time are a complete new sample: it is kept until it is sent."""
        allowance = self.allowance
        if allowance is not None:
            allowance.published += 1
        if self._put - self._taken == self._depth:
            self._taken += 1
            if not self._starting:
                self.skipped += 1
                if allowance is not None:
                    allowance.replaced()
        position = self._put % self._depth
        memcopy(self._values, position * self._size, self.values, 0, self._size)
        memcopy(self._times, 4 * position, self.time, 0, 4)
        self._put += 1
        if self._taken >= _WRAP:
            self._taken -= _WRAP
            self._put -= _WRAP

    def key_wanted(self):
        """New receivers: what is older than now is of no use to them."""
        super().key_wanted()
        self._taken = self._put

    def fill(self, buf, at):
        """Write a packet with the oldest sample in wait; returns its length, 0 when there is none."""
        allowance = self.allowance
        if self._taken == self._put or (allowance is not None and not allowance.ready()):
            return 0
        self._take()
        self._starting = False
        size = self._encoder.encode(self._frame, self._sample_time, buf, at)  # pyright: ignore[reportOptionalMemberAccess]
        if allowance is not None:
            allowance.spend(size)
        return size

    def _take(self):
        position = self._taken % self._depth
        memcopy(self._sample, 0, self._values, position * self._size, self._size)
        memcopy(self._sample_time, 0, self._times, 4 * position, 4)
        self._taken += 1
