"""The senders that a program has made in a room, and the control packets that are for them."""

from collections.abc import Callable, Mapping
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.client.sending.adaptive import Quality
from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.pose_sender import PoseSender
from posewire.errors import ConfigError
from posewire.wire.frames import Frame, FrameType
from posewire.wire.pose import parse_header

_STREAMS = 256


class Publishers:
    """Makes senders, each with a stream of its own. ``changed`` is called when the quality of one has changed."""

    def __init__(self, host: HostLink, changed: Callable[[Quality], None]) -> None:
        self.pose_senders: list[PoseSender] = []
        self._host = host
        self._changed = changed
        self._controls: dict[int, Callable[[bytes], None]] = {}
        self._audio: list[AudioSender] = []

    def pose_sender(self, **options: Any) -> PoseSender:
        """Return a sender of poses, with the first stream that is free unless ``stream`` names one.

        Raises:
            ConfigError: an option is wrong, another sender has that stream, or there is none left.
        """
        stream = options.pop("stream", None)
        if stream is None:
            stream = next((number for number in range(_STREAMS) if number not in self._controls), None)
            if stream is None:
                raise ConfigError(f"a member has at most {_STREAMS} streams")
        elif any(sender.stream == stream and not sender.stopped for sender in self.pose_senders):
            raise ConfigError(f"another sender of this room has the stream {stream}: stop it first")
        options.setdefault("changed", self._changed)
        sender = PoseSender(self._host, stream=stream, **options)
        self.add(sender.stream, sender.control)
        self.pose_senders.append(sender)
        return sender

    def audio_sender(self, **options: Any) -> AudioSender:
        """Return a sender of audio."""
        sender = AudioSender(self._host, **options)
        self._audio.append(sender)
        return sender

    def add(self, stream: int, control: Callable[[bytes], None]) -> None:
        """Call a function with each control packet for a stream."""
        self._controls[stream] = control

    def take(self, frame: Frame) -> bool:
        """Take a frame where it is a control packet for this program; returns whether it is."""
        if frame.type != FrameType.POSE or frame.member_id:
            return False
        header = parse_header(frame.payload)
        control = self._controls.get(header.stream) if header is not None else None
        if control is not None:
            control(frame.payload)
        return True

    def on_reports(self, event: Mapping[str, Any]) -> None:
        """Take what the receivers of this program's poses report."""
        for sender in self.pose_senders:
            sender.on_reports(event)

    def stop(self) -> None:
        """End all senders."""
        for sender in (*self.pose_senders, *self._audio):
            sender.stop()
