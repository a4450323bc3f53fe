"""One landmark set on its way up: its newest sample becomes a packet (docs/pose-packet.md) when the link has room."""

import gc
import os

from micropython import const

from posewire_fw.pose_sets import CUSTOM, NAMED, QUAT
from posewire_fw.unload import drop_functions, unload_modules

IMU6 = const(8)

# The largest custom set: 543 landmarks of three channels, a whole body with hands and face.
VALUES_MAX = const(1629)

_LANDMARKS_MAX = const(1000)
_CHANNELS_MAX = const(8)
_QUATERNIONS_MAX = const(255)
# The step of a custom set: 2^-12.
_CUSTOM_BITS = const(12)


def is_shape(set_id, landmarks, channels):
    """Whether there is such a landmark set, and no larger than a board takes."""
    known = NAMED.get(set_id)
    if known is not None:
        return landmarks == known[0] and channels == len(known[1])
    if set_id == QUAT:
        return channels == 4 and 0 < landmarks <= _QUATERNIONS_MAX
    if set_id != CUSTOM or not 0 < channels <= _CHANNELS_MAX or not 0 < landmarks <= _LANDMARKS_MAX:
        return False
    return landmarks * channels <= VALUES_MAX


def drop_builders():
    """Give back what makes sets and encoders: the streams are there. Another one loads it again."""
    from posewire_fw import pose_encoder, pose_sets

    drop_functions(pose_encoder.PoseEncoder, "__init__")
    drop_functions(pose_sets.PoseSet, "__init__", "_plan")
    drop_functions(pose_sets, "_table", "cumulative", "check", "SetState", "ints")
    unload_modules("pose_encoder", "pose_sets")


class PoseStream:
    """A source writes `values` and `time`, then publishes; the uplink takes the newest sample.

    values: float32, landmark by landmark, NaN where one is missing; with counts=True 16-bit integers that are sent as
    they are. time: 4 bytes, big-endian ms. room: the bytes that fill() needs. Raises MemoryError.
    """

    def __init__(self, set_id, landmarks, channels, counts=False):
        self.set_id = set_id
        self.number = 0
        self.skipped = 0
        self.time = bytearray(4)
        # Set by whoever minds the rate (pose_rate); what that and the receivers want of a packet's size, 0 for nothing.
        self.allowance = None
        self._limit = 0
        self._asked = 0
        self._counts = counts
        self._frame: list = [None]
        self._encoder = None
        self._filter = None
        # After a restart nobody may take this stream for the one from before.
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self.reshape(landmarks, channels)

    def reshape(self, landmarks, channels):
        """Make room for another number of landmarks or channels.

        Raises MemoryError: then the stream is closed until it gets a shape that fits.
        """
        self.close()
        # Here, because what makes them may have been given back.
        from posewire_fw.pose_encoder import PoseEncoder
        from posewire_fw.pose_sets import PoseSet

        bits = (_CUSTOM_BITS,) * channels if self.set_id == CUSTOM else ()
        pose_set = PoseSet(self.set_id, landmarks, bits)
        pose_set.raw = self._counts
        encoder = PoseEncoder([pose_set], self.number, sequence=self._sequence)
        if self._filter is not None:
            self._filter.reshape(landmarks, channels)
        self.values = bytearray((2 if self._counts else 4) * landmarks * channels)
        self._frame[0] = self.values
        self._encoder = encoder
        self.room = encoder.room
        self.landmarks = landmarks
        self.channels = channels
        # Reading the tables leaves much behind, and nothing is allocated from here on that would start a collection.
        gc.collect()

    def close(self):
        """Give back the memory; nothing is sent until reshape()."""
        if self._encoder is not None:
            self._sequence = self._encoder.sequence
        self._encoder = None
        self._frame[0] = None
        self.values = bytearray()
        self.room = 0
        self.landmarks = 0
        self.channels = 0
        self._starting = True
        self._fresh = False

    def set_filter(self, pose_filter):
        """Smooth what is sent from now on, in place (pose_filter). Raises MemoryError."""
        pose_filter.reshape(self.landmarks, self.channels)
        self._filter = pose_filter

    def set_number(self, number):
        """The stream number, which tells the sources of one board apart."""
        self.number = number
        if self._encoder is not None:
            self._encoder.stream = number

    def key_wanted(self):
        """New receivers: the next packet is a key, and the rate that earlier ones asked for no longer holds."""
        self._starting = True
        self._asked = 0
        if self._encoder is not None:
            self._encoder.budget = self._limit
            self._encoder.request_key()

    def control(self, buf, start, end):
        """Obey the control packet buf[start:end]; False when it is not for this stream, or damaged."""
        encoder = self._encoder
        if encoder is None or not encoder.control(buf, start, end):
            return False
        if encoder.budget != self._limit:
            self._asked = encoder.budget
            self.limit_packet(self._limit)
        return True

    def limit_packet(self, count):
        """Bytes that a packet should have at most, 0 for no limit; a receiver that asked for less gets that."""
        self._limit = count
        if self._encoder is not None:
            asked = self._asked
            self._encoder.budget = min(count, asked) if count and asked else count or asked

    def publish(self):
        """values and time are a complete new sample."""
        # Until the first packet nobody has been receiving: that is not a loss.
        allowance = self.allowance
        if self._fresh and not self._starting:
            self.skipped += 1
            if allowance is not None:
                allowance.replaced()
        if allowance is not None:
            allowance.published += 1
        self._fresh = True

    def fill(self, buf, at):
        """Write a packet with the newest sample, if it was not sent yet; returns its length."""
        allowance = self.allowance
        if not self._fresh or (allowance is not None and not allowance.ready()):
            return 0
        self._fresh = False
        self._starting = False
        if self._filter is not None:
            self._filter.apply(self.values, self.time)
        size = self._encoder.encode(self._frame, self.time, buf, at)  # pyright: ignore[reportOptionalMemberAccess]
        if allowance is not None:
            allowance.spend(size)
        return size
