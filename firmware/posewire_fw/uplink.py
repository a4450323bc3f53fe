"""The binary frames to the host: the oldest audio frame first, then the newest sample of each pose source."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from posewire_fw.frames import AUDIO, POSE, FrameWriter


class Uplink:
    """audio_open and pose_open say what may be sent now.

    A source has set_id, skipped, set_number(), key_wanted(), control(buf, start, end) -> whether it was meant, and
    fill(buf, at) -> bytes written, 0 for nothing; whoever adds it sees to it that the link has room for them.
    """

    def __init__(self, clock):
        # The frames of the microphone; whoever opens one puts it here.
        self.ring = None
        self._header = FrameWriter(clock)
        self.sources = []
        self.publishes = False
        # Whoever follows a member of the room: member_id, and fill() for what it has to say to that member.
        self.receiver = None
        # Whoever keeps the sources within a budget: add(source).
        self.rate = None
        self._turn = 0
        self.audio_open = False
        self.pose_open = False
        self.sent_audio = 0
        self.sent_pose = 0

    def set_protocol(self, protocol):
        """The frame protocol of the connection that begins."""
        self._header.set_protocol(protocol)

    def add_source(self, source):
        """Take a pose source; its stream gets the next number. publishes says whether there is, or may yet be, one."""
        source.set_number(len(self.sources))
        self.sources.append(source)
        if self.rate is not None:
            self.rate.add(source)
        self.publishes = True

    def fill(self, buf, at):
        """Write the next frame with its header at an offset of buf; return its length, 0 for nothing to send."""
        if self.audio_open and self.ring.count:
            return self._fill_audio(buf, at)
        if not self.pose_open:
            return 0
        if self.receiver is not None:
            count = self._fill_request(buf, at)
            if count:
                return count
        return self._fill_pose(buf, at)

    def _fill_audio(self, buf, at):
        header = self._header
        count = self.ring.move_out(buf, at + header.size)
        header.write(buf, at, AUDIO, count)
        self.sent_audio += 1
        return header.size + count

    def _fill_request(self, buf, at):
        """The receiver's control packet for the member that it follows."""
        header = self._header
        count = self.receiver.fill(buf, at + header.size)  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            return 0
        header.write(buf, at, POSE, count)
        # The second byte of the header says whom it is for; poses go by protocol 3 only.
        buf[at + 1] = self.receiver.member_id  # pyright: ignore[reportAttributeAccessIssue]
        return header.size + count

    def _fill_pose(self, buf, at):
        # One source after the other, so that a fast one does not starve the rest.
        tries = len(self.sources)
        while tries:
            tries -= 1
            count = self._next_source().fill(buf, at + self._header.size)
            if count:
                self._header.write(buf, at, POSE, count)
                self.sent_pose += 1
                return self._header.size + count
        return 0

    def _next_source(self):
        self._turn = (self._turn + 1) % len(self.sources)
        return self.sources[self._turn]

    def reset_pose(self):
        """A new receiver: every source begins with a key packet."""
        for source in self.sources:
            source.key_wanted()

    def control_pose(self, buf, start, end):
        """A control packet has come: the source that it is for obeys it."""
        number = 0
        while number < len(self.sources) and not self._obeys(number, buf, start, end):
            number += 1

    def _obeys(self, number, buf, start, end):
        return self.sources[number].control(buf, start, end)
