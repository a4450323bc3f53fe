"""Senders of poses and of audio: paced, bounded, never in the way of the program."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.client.link.host_link import HostLink
from posewire.client.link.send_queue import Priority, Queued
from posewire.client.sending.pacing import WIRE_OVERHEAD, ByteBudget, Pacer
from posewire.client.sending.pose_input import Sets, read_pose
from posewire.errors import ConfigError, PoseError, QueueFullError
from posewire.measure.process_stats import ProcessLoad
from posewire.measure.summary import percentiles
from posewire.wire.audio import frame_encoder
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import AudioParams
from posewire.wire.pose import OneEuro, PoseEncoder, landmark_set

Qos = Literal["latest", "ordered", "reliable"]

_PROTOCOL = 3
_ANEW = 512
"""How far the sequence jumps when a stream gets other sets: more than what a decoder takes for lateness."""

_LEAST_BUDGET = 24
_SHARE = 0.08
"""Seconds that a pose may take on a congested way: its size follows."""

_WINDOW = 2.0
_LATENCIES = 512


@dataclass(frozen=True)
class _Waiting:
    sets: Sets
    time_ms: int
    at: float


class _Sender:
    """The common part of both senders: a bounded queue, a task that lets it out, and counts."""

    def __init__(self, host: HostLink, capacity: int) -> None:
        self.dropped: Counter[str] = Counter()
        """The messages that were not sent, by cause: ``replaced`` (by a newer one), ``full``, ``deadline``, ``away``
        (the host), ``paused``, ``sampled`` (``every``), ``cleared``, ``lost`` (with the connection), ``closed``."""

        self.capacity = capacity
        self._host = host
        self._waiting: deque[Any] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._closed = False
        self._accepted = 0
        self._sent = 0
        self._bytes = 0
        self._departures: deque[float] = deque(maxlen=1024)
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._load = ProcessLoad()

    def pause(self) -> None:
        """Send nothing until ``resume``; what is given meanwhile is dropped."""
        self._paused = True
        self.clear()

    def resume(self) -> None:
        """Send again."""
        self._paused = False

    def clear(self) -> None:
        """Drop what waits."""
        self.dropped["cleared"] += len(self._waiting)
        self._waiting.clear()

    def stop(self) -> None:
        """End the sender."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def queue_status(self) -> dict[str, Any]:
        """Return ``waiting``, ``capacity`` and ``oldest_ms``, the age of what waits longest (None: nothing waits)."""
        oldest = self._waiting[0].at if self._waiting else None
        return {
            "waiting": len(self._waiting),
            "capacity": self.capacity,
            "oldest_ms": None if oldest is None else 1000 * (monotonic() - oldest),
        }

    def statistics(self) -> dict[str, Any]:
        """Return counts since the start, the rate of the last two seconds, times from ``send`` to the network in ms.

        ``success_rate``: sent ones of those accepted. ``cpu``, ``memory_mb``: of the whole process (``ProcessLoad``).
        """
        now = monotonic()
        return {
            "accepted": self._accepted,
            "sent": self._sent,
            "bytes": self._bytes,
            "fps": sum(at > now - _WINDOW for at in self._departures) / _WINDOW,
            "latency_ms": percentiles(self._latencies),
            "success_rate": self._sent / self._accepted if self._accepted else 1.0,
            "dropped": dict(self.dropped),
            **self.queue_status(),
            **self._load.measure(),
        }

    @property
    def sent(self) -> int:
        """How many have left."""
        return self._sent

    def latencies(self, count: int) -> list[float]:
        """Return the times from ``send`` to the network of the last ``count`` (512 at most), in ms."""
        return list(self._latencies)[-count:] if count > 0 else []

    def _accepts(self) -> bool:
        """Count something that the program wants to send; whether it may wait."""
        cause = "closed" if self._closed else "paused" if self._paused else "" if self._host.connected else "away"
        if cause:
            self.dropped[cause] += 1
        return not cause

    def _add(self, item: Any) -> None:
        self._accepted += 1
        while len(self._waiting) >= self.capacity:
            self._waiting.popleft()
            self.dropped["replaced" if self.capacity == 1 else "full"] += 1
        self._waiting.append(item)
        self._filled.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _next(self, ready: Callable[[], float]) -> Any:
        """Wait until something waits and may leave, and take it: the newest state of the queue at that moment."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            pause = ready()
            if pause > 0:
                await asyncio.sleep(pause)
            if self._waiting:
                return self._waiting.popleft()

    async def _depart(self, priority: Priority, at: float, make: Callable[[], bytes | None]) -> int | None:
        """Put something into the connection's queue and wait until it has left; returns its size, None: dropped."""
        left: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def sent(size: int | None) -> None:
            if not left.done():
                left.set_result(size)

        try:
            self._host.queue.put(Queued(priority, make, sent=sent))
        except QueueFullError:
            self.dropped["full"] += 1
            return None
        size = await left
        if size is None:
            self.dropped["lost"] += 1
            return None
        now = monotonic()
        self._sent += 1
        self._bytes += size
        self._departures.append(now)
        self._latencies.append(1000 * (now - at))
        return size

    async def _run(self) -> None:
        raise NotImplementedError


class PoseSender(_Sender):
    """Sends one pose stream. ``room.sender()`` makes one; ``send`` never blocks.

    ``sets``: names of the landmark sets; unless given, those of the poses. ``fps``: at most so many poses a second, at
    even distances. ``every``: only every so manieth pose that is given. ``max_kbit_s``: a limit on real bytes, headers
    included: poses become coarser first, then fewer. ``qos``: ``latest``: a newer pose takes the place of one that has
    not left; ``ordered``: up to ``capacity`` wait, in order; ``reliable``: as ``latest``, coded against poses that the
    receiver has acknowledged (one receiver, joined with ``acknowledge=True``). ``deadline_ms``: what is older is not
    sent. ``compiled``: encode with numba. All others: see ``PoseEncoder``.
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
        layers: int = 1,
        key_every: int = 0,
        coarse: int = 0,
        smooth: OneEuro | None = None,
        compiled: bool = False,
    ) -> None:
        if qos not in ("latest", "ordered", "reliable"):
            raise ConfigError(f'qos is "latest", "ordered" or "reliable", not {qos!r}')
        if fps <= 0 or every < 1 or capacity < 1 or (max_kbit_s is not None and max_kbit_s <= 0):
            raise ConfigError("fps and max_kbit_s must be more than 0, every and capacity 1 or more")
        super().__init__(host, capacity if qos == "ordered" else 1)
        self.stream = stream
        self.every = every
        self._names = [sets] if isinstance(sets, str) else list(sets)
        self._pacer = Pacer(fps)
        self._bytes_s = None if max_kbit_s is None else max_kbit_s * 1000 / 8
        self._budget = None if max_kbit_s is None else ByteBudget(max_kbit_s)
        self._deadline = deadline_ms
        self._options: dict[str, Any] = {
            "layers": layers, "key_every": key_every, "coarse": coarse, "smooth": smooth,
            "acknowledged": qos == "reliable", "compiled": compiled,
        }  # fmt: skip
        self._encoder: PoseEncoder | None = None
        self._asked_bytes: int | None = None
        self._given = 0
        self._keys_asked = 0
        self._stop_listening = host.on("connected", self._connected)

    @property
    def given(self) -> int:
        """How many poses the program has given."""
        return self._given

    @property
    def fps(self) -> float:
        """The highest rate; it may be changed at any time."""
        return self._pacer.rate

    @fps.setter
    def fps(self, fps: float) -> None:
        if fps <= 0:
            raise ConfigError(f"fps must be more than 0, is {fps}")
        self._pacer.rate = fps

    def send(self, pose: Any = None, *, time_ms: float | None = None, **parts: Any) -> bool:
        """Give the sender a pose (see ``read_pose``); returns whether it was accepted: False while the host is away.

        ``time_ms``: when it was, in milliseconds on any clock that does not run backwards; now unless given.

        Raises:
            PoseError: it is no pose; nothing of it is sent.
        """
        sets = read_pose(pose, **parts)
        if self._names and (unknown := set(sets) - set(self._names)):
            raise PoseError(f"this sender's sets are {', '.join(self._names)}, not {', '.join(sorted(unknown))}")
        self._given += 1
        if (self._given - 1) % self.every:
            self.dropped["sampled"] += 1
            return False
        if not self._accepts():
            return False
        now = monotonic()
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
        """Return what ``_Sender`` counts, and ``coarse``: the bits that are left out at the moment to save bytes."""
        return {**super().statistics(), "coarse": self._encoder.coarse if self._encoder is not None else 0}

    def stop(self) -> None:
        """End the sender."""
        super().stop()
        self._stop_listening()

    async def _run(self) -> None:
        while True:
            item: _Waiting = await self._next(self._pause)
            if self._deadline is not None and 1000 * (monotonic() - item.at) > self._deadline:
                self.dropped["deadline"] += 1
                continue
            size = await self._depart(Priority.POSE, item.at, partial(self._encode, item))
            if self._budget is not None and size is not None:
                self._budget.spend(size + WIRE_OVERHEAD - 4)

    def _pause(self) -> float:
        return max(self._pacer.pause(), 0.0 if self._budget is None else self._budget.pause())

    def _encode(self, item: _Waiting) -> bytes:
        if self._waiting and self.capacity == 1:
            # One that is newer came while this one waited for the network.
            item = self._waiting.popleft()
            self.dropped["replaced"] += 1
        encoder = self._encoder_for(item.sets)
        budgets = [self._asked_bytes] if self._asked_bytes else []
        if self._bytes_s is not None:
            budgets.append(max(_LEAST_BUDGET, int(self._bytes_s / self._pacer.rate) - WIRE_OVERHEAD))
        if (rate := self._host.bytes_s) is not None:
            budgets.append(max(_LEAST_BUDGET, int(rate * _SHARE) - WIRE_OVERHEAD))
        encoder.budget = min(budgets) if budgets else None
        packet = encoder.encode(dict(item.sets), item.time_ms)
        return build_frame(FrameType.POSE, packet, _PROTOCOL)

    def _encoder_for(self, sets: Sets) -> PoseEncoder:
        """The stream's encoder; one for more sets where a pose has some that were not there before."""
        encoder = self._encoder
        known = [spec.name for spec in encoder.sets] if encoder is not None else list(self._names)
        new = [name for name in sets if name not in known]
        if encoder is None or new:
            sequence = encoder.sequence + _ANEW if encoder is not None else 0
            specs = [landmark_set(name) for name in known + new]
            encoder = self._encoder = PoseEncoder(specs, stream=self.stream, sequence=sequence, **self._options)
        return encoder

    def _connected(self, resumed: bool) -> None:
        # What left before the loss may not have arrived.
        self.request_key()


class AudioSender(_Sender):
    """Sends audio to the room, in the format that the connection's hello ended in. ``room.audio_sender()`` makes one.

    ``send`` never blocks: frames leave at the rate at which they are heard; at most ``capacity`` frames wait, then the
    oldest are dropped.
    """

    def __init__(self, host: HostLink, *, capacity: int = 50) -> None:
        super().__init__(host, capacity)
        self._params: AudioParams | None = None
        self._resampler: soxr.ResampleStream | None = None
        self._rate = 0
        self._rest = np.zeros(0, np.int16)
        self._use(host.audio)

    def send(self, samples: NDArray[Any], rate: int | None = None) -> int:
        """Give the sender samples; returns how many frames they completed, 0 while the host is away.

        ``samples``: (n,) or (n, channels), which become one; int16, or floats from -1 to 1. ``rate``: in Hz, the
        connection's unless given.

        Raises:
            ConfigError: another type or shape.
        """
        if self._params != self._host.audio:
            self._use(self._host.audio)
        assert self._params is not None
        mono = self._resampled(_mono(samples), rate or self._params.sample_rate)
        self._rest = np.concatenate([self._rest, mono])
        return self._cut(self._params.frame_samples)

    def flush(self) -> int:
        """Complete the last frame with silence; returns how many frames that were."""
        assert self._params is not None
        missing = -len(self._rest) % self._params.frame_samples
        if missing:
            self._rest = np.concatenate([self._rest, np.zeros(missing, np.int16)])
        return self._cut(self._params.frame_samples)

    def _cut(self, size: int) -> int:
        count = 0
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            if self._accepts():
                self._add(_Frame(frame, monotonic()))
                count += 1
        return count

    def _use(self, params: AudioParams) -> None:
        self._params = params
        self._encoder = frame_encoder(params)
        self._pacer = Pacer(1000 / params.frame_duration)
        self._resampler = None

    def _resampled(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.int16]:
        assert self._params is not None
        wanted = self._params.sample_rate
        if rate != wanted:
            if self._resampler is None or rate != self._rate:
                self._resampler, self._rate = soxr.ResampleStream(rate, wanted, 1, dtype="float32"), rate
            samples = self._resampler.resample_chunk(samples)
        return np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)

    async def _run(self) -> None:
        while True:
            item: _Frame = await self._next(self._pacer.pause)
            await self._depart(Priority.AUDIO, item.at, partial(self._frame, item))

    def _frame(self, item: "_Frame") -> bytes:
        return build_frame(FrameType.AUDIO, self._encoder.encode(item.samples), _PROTOCOL)


@dataclass(frozen=True)
class _Frame:
    samples: NDArray[np.int16]
    at: float


def _mono(samples: NDArray[Any]) -> NDArray[np.float32]:
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or (array.dtype != np.int16 and array.dtype.kind != "f"):
        raise ConfigError(f"audio is int16 or float, (n,) or (n, channels), not {array.dtype} {array.shape}")
    scaled = array.astype(np.float32)
    if array.dtype == np.int16:
        scaled /= np.float32(32767)
    return scaled if scaled.ndim == 1 else scaled.mean(axis=1, dtype=np.float32)
