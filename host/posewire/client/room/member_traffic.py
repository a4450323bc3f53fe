"""What comes from the members of a room: poses, the newest of each, how far sound is behind, who has been silent."""

from time import monotonic

from posewire.client.room.audio_lag import AudioLags
from posewire.client.room.pose_streams import PoseStreams, ReceivedPose


class MemberTraffic:
    """Follows all members by their ids. ``streams`` decodes their poses."""

    def __init__(self, streams: PoseStreams) -> None:
        self.streams = streams
        self._latest: dict[int, ReceivedPose] = {}
        self._lags = AudioLags()
        self._heard: dict[int, float] = {}

    def decode(self, member_id: int, device: str, packet: bytes) -> ReceivedPose | None:
        """Take a pose packet; see ``PoseStreams.decode``."""
        self.heard(member_id)
        pose = self.streams.decode(member_id, device, packet)
        if pose is not None:
            self._latest[member_id] = pose
            self._lags.saw(member_id, pose.pose.time_ms, pose.arrived)
        return pose

    def sound(self, member_id: int, time_ms: int | None, arrived: float) -> None:
        """Take a frame of sound; ``time_ms``: None where its publisher does not stamp it."""
        self.heard(member_id)
        if time_ms is not None:
            self._lags.heard(member_id, time_ms, arrived)

    def heard(self, member_id: int) -> None:
        """Note that something came."""
        self._heard[member_id] = monotonic()

    def forget(self, member_id: int) -> None:
        """Forget a member who has left: its id may become another's."""
        self.streams.forget(member_id)
        self._lags.forget(member_id)
        self._latest.pop(member_id, None)
        self._heard.pop(member_id, None)

    def latest(self, member_id: int) -> ReceivedPose | None:
        """Return the newest pose of a member; None where there is none."""
        return self._latest.get(member_id)

    def lag_ms(self, member_id: int) -> float | None:
        """Return how much later a member's sound arrives than its poses; see ``AudioLags``."""
        return self._lags.lag_ms(member_id)

    def idle_s(self, member_id: int) -> float | None:
        """Return the seconds since something last came from a member; None: nothing has."""
        heard = self._heard.get(member_id)
        return None if heard is None else monotonic() - heard
