"""What goes up in binary frames: the oldest audio frame first, then the newest sample of each pose source."""

from posewire_fw import frames
from posewire_fw.copy import copy


class Uplink:
    """audio_open and pose_open say what may be sent now.

    A source has set_id, skipped, key_wanted(), and fill(buf, at, space) -> bytes written, 0 for nothing.
    """

    def __init__(self, ring, clock):
        self._ring = ring
        self._clock = clock
        self.sources = []
        self.publishes = False
        self._turn = 0
        self.protocol = 3
        self.audio_open = False
        self.pose_open = False
        self.sent_audio = 0
        self.sent_pose = 0

    def add_source(self, source):
        """Take a pose source. publishes says whether there is, or may yet be, one."""
        self.sources.append(source)
        self.publishes = True

    def fill(self, buf, at, space):
        """Write the next frame with its header at an offset of buf; return its length, 0 for nothing to send."""
        start = at + frames.HEADER[self.protocol]
        if self.audio_open:
            front = self._ring.front()
            if front >= 0:
                return self._fill_audio(buf, at, start, front)
        if self.pose_open:
            return self._fill_pose(buf, at, start, space)
        return 0

    def _fill_audio(self, buf, at, start, front):
        count = self._ring.length()
        copy(buf, start, self._ring.buffer, front, count)
        self._ring.release()
        self.sent_audio += 1
        frames.write_header(buf, at, self.protocol, frames.AUDIO, count, self._clock)
        return start - at + count

    def _fill_pose(self, buf, at, start, space):
        # One source after the other, so that a fast one does not starve the rest.
        for _ in range(len(self.sources)):
            self._turn = (self._turn + 1) % len(self.sources)
            count = self.sources[self._turn].fill(buf, start, space - (start - at))
            if count:
                self.sent_pose += 1
                frames.write_header(buf, at, self.protocol, frames.POSE, count, self._clock)
                return start - at + count
        return 0

    def reset_pose(self):
        """A new receiver: every source begins with a key packet."""
        for source in self.sources:
            source.key_wanted()

    def request_key(self, set_id):
        for source in self.sources:
            if source.set_id == set_id:
                source.key_wanted()
