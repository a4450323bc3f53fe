"""A sender of poses: paced, bounded, never in the way of the program."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from posewire.client.link.host_link import HostLink
from posewire.client.link.send_queue import Priority
from posewire.client.sending.adaptive import Adaptation, Quality
from posewire.client.sending.paced import PacedSender
from posewire.client.sending.pacing import WIRE_OVERHEAD, ByteBudget, Pacer
from posewire.client.sending.pose_input import Sets, read_pose
from posewire.client.transports.base import Delivery
from posewire.errors import ConfigError, PoseError
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import Kind, OneEuro, PoseEncoder, landmark_set, parse_header

Qos = Literal["latest", "ordered", "reliable"]

_PROTOCOL = 3
_HEADER = len(build_frame(FrameType.POSE, b"", _PROTOCOL))
_ANEW = 512
"""How far the sequence jumps when a stream gets other sets: more than what a decoder takes for lateness."""

_LEAST_BUDGET = 24
_SHARE = 0.08
"""Seconds that a pose may take on a congested way: its size follows."""


@dataclass(frozen=True)
class _Waiting:
    sets: Sets
    time_ms: int
    at: float


class PoseSender(PacedSender):
    """Sends one pose stream. ``room.sender()`` makes one; ``send`` never blocks.

    ``sets``: names of the landmark sets; unless given, those of the poses. ``fps``: at most so many poses a second, at
    even distances. ``every``: only every so manieth pose that is given. ``max_kbit_s``: a limit on real bytes, headers
    included: poses become coarser first, then fewer. ``adapt``: the quality follows the network and what receivers
    report; ``changed`` is called with each new ``Quality``. ``qos``: ``latest``: a newer pose replaces one that has
    not left; ``ordered``: up to ``capacity`` wait, in order; ``reliable``: as ``latest``, coded against poses that the
    receiver has acknowledged (one receiver, joined with ``acknowledge=True``). ``deadline_ms``, ``retries``: see
    ``PacedSender``. ``compiled``: encode with numba. All others: see ``PoseEncoder``.
    """

    def __init__(
        self,
        host: HostLink,
        *,
        sets: str | Iterable[str] = (),
        stream: int = 0,
        fps: float = 30.0,
        every: int = 1,
        max_kbit_s: float | None = None,
        qos: Qos = "latest",
        capacity: int = 64,
        deadline_ms: float | None = None,
        retries: int = 0,
        layers: int = 1,
        key_every: int = 0,
        coarse: int = 0,
        smooth: OneEuro | None = None,
        compiled: bool = False,
        adapt: bool = True,
        changed: Callable[[Quality], None] | None = None,
    ) -> None:
        if qos not in ("latest", "ordered", "reliable"):
            raise ConfigError(f'qos must be "latest", "ordered" or "reliable", not {qos!r}')
        if fps <= 0 or every < 1 or capacity < 1 or (max_kbit_s is not None and max_kbit_s <= 0):
            raise ConfigError("fps and max_kbit_s must be more than 0, every and capacity 1 or more")
        if layers not in (1, 2) or not 0 <= stream <= 255 or not 0 <= coarse <= 7 or key_every < 0:
            raise ConfigError("layers must be 1 or 2, stream 0 to 255, coarse 0 to 7, key_every 0 or more")
        if layers == 2 and qos == "reliable":
            raise ConfigError('qos "reliable" has one layer: each pose refers to one that has arrived')
        super().__init__(host, capacity if qos == "ordered" else 1, retries=retries, deadline_ms=deadline_ms)
        self.stream = stream
        self.every = every
        self._names = [sets] if isinstance(sets, str) else list(sets)
        self._pacer = Pacer(fps)
        self._fps = fps
        self._adaptation = Adaptation() if adapt else None
        self._changed = changed
        self._quality = Quality()
        self._bytes_s = None if max_kbit_s is None else max_kbit_s * 1000 / 8
        self._budget = None if max_kbit_s is None else ByteBudget(max_kbit_s)
        self._leaving: _Waiting | None = None
        self._acknowledged = qos == "reliable"
        self._options: dict[str, Any] = {
            "layers": layers, "key_every": key_every, "coarse": coarse, "smooth": smooth,
            "compiled": compiled,
        }  # fmt: skip
        self._encoder: PoseEncoder | None = None
        self._asked_bytes: int | None = None
        self._given = 0
        self._keys_asked = 0
        self._stop_listening = host.on("connected", self._connected)

    @property
    def given(self) -> int:
        """The number of poses that the program has given."""
        return self._given

    @property
    def fps(self) -> float:
        """The highest rate; it may be changed at any time."""
        return self._fps

    @fps.setter
    def fps(self, fps: float) -> None:
        if fps <= 0:
            raise ConfigError(f"fps must be more than 0, is {fps}")
        self._fps = fps
        self._pacer.rate = fps * (1.0 if self._adaptation is None else self._adaptation.level.rate)

    @property
    def quality(self) -> Quality:
        """The quality at this moment, why it is not the full one, and what may be done about it."""
        return Quality() if self._adaptation is None else self._adaptation.quality

    def on_reports(self, event: Mapping[str, Any]) -> None:
        """Take what the receivers of this stream say together."""
        if self._adaptation is not None and event.get("stream") == self.stream:
            self._adaptation.on_reports(event, monotonic(), self._host.lossy)
            self._adapt()

    def send(self, pose: Any = None, *, time_ms: float | None = None, **parts: Any) -> bool:
        """Give the sender a pose (see ``read_pose``); returns whether it was accepted: False while the host is away.

        ``time_ms``: when it was, in milliseconds on any clock that does not run backwards; now unless given.

        Raises:
            PoseError: it is no pose; nothing of it is sent.
        """
        sets = read_pose(pose, **parts)
        if self._names and (unknown := set(sets) - set(self._names)):
            raise PoseError(f"this sender's sets are {', '.join(self._names)}, not {', '.join(sorted(unknown))}")
        if time_ms is not None and not math.isfinite(time_ms):
            raise PoseError(f"time_ms must be a number of milliseconds, not {time_ms}")
        self._given += 1
        if (self._given - 1) % self.every:
            self.dropped["sampled"] += 1
            return False
        if not self._accepts():
            return False
        now = monotonic()
        # It may wait, while the program writes the next pose into the same arrays.
        sets = {name: None if values is None else values.copy() for name, values in sets.items()}
        self._add(_Waiting(sets, round(now * 1000 if time_ms is None else time_ms) & 0xFFFFFFFF, now))
        return True

    def control(self, packet: bytes) -> None:
        """Take a control packet of a receiver: a key request, an acknowledgement, a byte budget.

        Raises:
            PoseError: it is damaged.
        """
        if self._encoder is not None:
            self._encoder.budget = self._asked_bytes
            self._encoder.control(packet)
            self._asked_bytes = self._encoder.budget

    def request_key(self) -> None:
        """Make the next packet one that decodes alone."""
        if self._encoder is not None:
            self._encoder.request_key()

    def statistics(self) -> dict[str, Any]:
        """Return what every sender counts, and ``coarse``: the bits that are left out at the moment to save bytes."""
        coarse = self._encoder.coarse if self._encoder is not None else 0
        return {**super().statistics(), "coarse": coarse, "quality": self.quality.as_dict()}

    def stop(self) -> None:
        """End the sender."""
        super().stop()
        self._stop_listening()

    async def _run(self) -> None:
        while True:
            item: _Waiting = await self._next(self._pause)
            if self._is_too_old(item.at):
                continue
            self._leaving = item
            size = await self._depart(Priority.POSE, item.at, self._encode)
            if self._budget is not None and size is not None:
                self._budget.spend(size + WIRE_OVERHEAD - 4)

    def _pause(self) -> float:
        return max(self._pacer.pause(), 0.0 if self._budget is None else self._budget.pause())

    def _encode(self) -> bytes:
        item = self._leaving
        assert item is not None
        if self._waiting and self.capacity == 1:
            # One that is newer came while this one waited for the network.
            item = self._leaving = self._waiting.popleft()
            self.dropped["replaced"] += 1
        encoder = self._encoder_for(item.sets)
        budgets = [self._asked_bytes] if self._asked_bytes else []
        if (budget := self._adapted_bytes()) is not None:
            budgets.append(budget)
        if self._bytes_s is not None:
            budgets.append(max(_LEAST_BUDGET, int(self._bytes_s / self._fps) - WIRE_OVERHEAD))
        if (rate := self._host.bytes_s) is not None:
            budgets.append(max(_LEAST_BUDGET, int(rate * _SHARE) - WIRE_OVERHEAD))
        encoder.budget = min(budgets) if budgets else None
        sets = dict(item.sets)
        if self._adaptation is not None:
            sets = self._adaptation.keep(item.sets)
            if not encoder.acknowledged:
                encoder.layers = max(self._options["layers"], self._adaptation.layers)
        packet = encoder.encode(sets, item.time_ms)
        if self._adaptation is not None:
            self._adaptation.sent(len(packet))
        return build_frame(FrameType.POSE, packet, _PROTOCOL)

    def _adapted_bytes(self) -> int | None:
        if self._adaptation is None:
            return None
        self._adaptation.on_uplink(self._host.bytes_s, self._host.carries, self._fps, monotonic())
        self._adapt()
        return self._adaptation.budget

    def _adapt(self) -> None:
        """Do what the quality of this moment means."""
        assert self._adaptation is not None
        quality = self._adaptation.quality
        if quality != self._quality:
            self._quality = quality
            self._pacer.rate = self._fps * self._adaptation.level.rate
            if self._changed is not None:
                self._changed(quality)

    def _encoder_for(self, sets: Sets) -> PoseEncoder:
        """The stream's encoder; another where a pose has sets that were not there before, or the way became another.

        On a way that loses packets, poses are coded against those that have arrived.
        """
        encoder = self._encoder
        known = [spec.name for spec in encoder.sets] if encoder is not None else list(self._names)
        new = [name for name in sets if name not in known]
        acknowledged = self._acknowledged or self._host.lossy
        if encoder is None or new or encoder.acknowledged != acknowledged:
            sequence = encoder.sequence + _ANEW if encoder is not None else 0
            specs = [landmark_set(name) for name in known + new]
            options = self._options | ({"acknowledged": True, "layers": 1} if acknowledged else {})
            encoder = self._encoder = PoseEncoder(specs, stream=self.stream, sequence=sequence, **options)
        return encoder

    def _delivery(self, data: bytes | str) -> Delivery:
        """All but keys may be lost where each refers to one that has arrived; layer 1 anywhere."""
        header = parse_header(data[_HEADER:]) if isinstance(data, bytes) else None
        if header is None or header.kind is Kind.KEY:
            return Delivery.RELIABLE
        acknowledged = self._encoder is not None and self._encoder.acknowledged
        return Delivery.LOSSY if acknowledged or header.layer else Delivery.RELIABLE

    def _connected(self, resumed: bool) -> None:
        # What left before the loss may not have arrived.
        self.request_key()
