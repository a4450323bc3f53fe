"""Senders of poses and audio, for programs without asyncio."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from posewire.client.sending.adaptive import Quality
from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.media_sender import MediaSender
from posewire.client.sending.paced import PacedSender
from posewire.client.sending.pose_sender import PoseSender
from posewire.sync.thread import LoopThread

_SenderT = TypeVar("_SenderT", bound=PacedSender)


class _Sender(Generic[_SenderT]):
    """The common part of both kinds; see ``PacedSender``."""

    def __init__(self, thread: LoopThread, sender: _SenderT) -> None:
        self._thread = thread
        self._sender = sender

    def pause(self) -> None:
        """Send nothing until ``resume``; what is given meanwhile is dropped."""
        self._thread.call(self._sender.pause)

    def resume(self) -> None:
        """Send again."""
        self._thread.call(self._sender.resume)

    def clear(self) -> None:
        """Drop what waits."""
        self._thread.call(self._sender.clear)

    def stop(self) -> None:
        """End the sender."""
        self._thread.call(self._sender.stop)

    def queue_status(self) -> dict[str, Any]:
        """Return how much waits, how much may, and the age of what waits longest."""
        return self._thread.call(self._sender.queue_status)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._thread.call(self._sender.statistics)


class SyncPoseSender(_Sender[PoseSender]):
    """A sender of poses; see ``PoseSender``."""

    @property
    def fps(self) -> float:
        """The highest rate; it may be changed at any time."""
        return self._sender.fps

    @fps.setter
    def fps(self, fps: float) -> None:
        self._thread.call(setattr, self._sender, "fps", fps)

    @property
    def quality(self) -> Quality:
        """The quality at this moment, why it is not the full one, and what may be done about it."""
        return self._sender.quality

    def send(self, pose: Any = None, *, time_ms: float | None = None, **parts: Any) -> bool:
        """Give the sender a pose; see ``PoseSender.send``."""
        return self._thread.call(self._sender.send, pose, time_ms=time_ms, **parts)

    def request_key(self) -> None:
        """Make the next packet one that decodes alone."""
        self._thread.call(self._sender.request_key)


class SyncAudioSender(_Sender[AudioSender]):
    """A sender of audio; see ``AudioSender``."""

    def send(self, samples: Any, rate: int | None = None, time_ms: float | None = None) -> int:
        """Give the sender samples; see ``AudioSender.send``."""
        return self._thread.call(self._sender.send, samples, rate, time_ms)

    def flush(self) -> int:
        """Complete the last frame with silence."""
        return self._thread.call(self._sender.flush)


class SyncMediaSender:
    """A sender of poses and the sound that belongs to them; see ``MediaSender``."""

    def __init__(self, thread: LoopThread, sender: MediaSender) -> None:
        self._thread = thread
        self._sender = sender
        self.pose = SyncPoseSender(thread, sender.pose)
        self.audio = SyncAudioSender(thread, sender.audio)

    def send(
        self,
        pose: Any = None,
        *,
        sound: Any = None,
        rate: int | None = None,
        time_ms: float | None = None,
        **parts: Any,
    ) -> bool:
        """Give the sender a pose, samples, or both; see ``MediaSender.send``."""
        return self._thread.call(self._sender.send, pose, sound=sound, rate=rate, time_ms=time_ms, **parts)

    def pause(self) -> None:
        """Send nothing until ``resume``."""
        self._thread.call(self._sender.pause)

    def resume(self) -> None:
        """Send again."""
        self._thread.call(self._sender.resume)

    def statistics(self) -> Mapping[str, Any]:
        """Return what both have counted, as ``pose`` and ``audio``, and the clock's time in ms."""
        return self._thread.call(self._sender.statistics)
