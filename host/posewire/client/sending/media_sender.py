"""A sender of poses and of the sound that belongs to them: both have times of one clock."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.pose_sender import PoseSender


class MediaSender:
    """Sends a pose stream and audio. ``room.media_sender()`` makes one; its parts are ``pose`` and ``audio``.

    Where both sides of a connection take audio with times, a receiver knows to the millisecond which sound belongs to
    which pose (``Room.audio_lag_ms``).
    """

    def __init__(self, pose: PoseSender, audio: AudioSender) -> None:
        self.pose = pose
        self.audio = audio

    def send(
        self,
        pose: Any = None,
        *,
        sound: NDArray[Any] | None = None,
        rate: int | None = None,
        time_ms: float | None = None,
        **parts: Any,
    ) -> bool:
        """Give the sender a pose, samples, or both; returns whether all was accepted.

        ``time_ms``: when the pose was, and when the first of the samples was heard, on any clock that does not run
        backwards; unless given, the pose was just now, and so was the last sample.

        Raises:
            PoseError, ConfigError: one of them cannot be sent; nothing of either is sent.
        """
        if sound is not None:
            self.audio.check(sound)
        accepted = True
        if pose is not None or parts:
            accepted = self.pose.send(pose, time_ms=time_ms, **parts)
        if sound is not None:
            before = self.audio.refused
            self.audio.send(sound, rate, time_ms)
            accepted = accepted and self.audio.refused == before
        return accepted

    def pause(self) -> None:
        """Send nothing until ``resume``."""
        self.pose.pause()
        self.audio.pause()

    def resume(self) -> None:
        """Send again after a pause."""
        self.pose.resume()
        self.audio.resume()

    def statistics(self) -> Mapping[str, Any]:
        """Return what both have counted, as ``pose`` and ``audio``, and the clock's time in ms."""
        return {
            "pose": self.pose.statistics(), "audio": self.audio.statistics(), "time_ms": round(1000 * monotonic()),
        }  # fmt: skip
