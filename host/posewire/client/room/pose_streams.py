"""The pose streams of a room: a decoder for each, what was received of it, and what its publisher is asked for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from posewire.client.recovery import Outcome
from posewire.client.room.key_requests import KeyRequest, KeyRequests
from posewire.errors import ConfigError, PoseError
from posewire.wire.pose import FrameCache, Kind, PoseDecoder, PoseFrame, parse_header

_RESTART_JUMP = 256
_HALF = 1 << 15
_PATIENCE = 0.15
"""Seconds that a stream on a lossy way may not decode before a key is asked for: what it refers to may be late."""

_WINDOW = 10.0
"""Seconds over which the fastest packet is looked for: clocks drift."""


@dataclass
class StreamCount:
    """The counts of one stream: packets, bytes, packets missing in the sequence, packets that did not decode.

    ``sets``: the names of the landmark sets in it, once a packet decoded.
    """

    sets: tuple[str, ...] = ()
    packets: int = 0
    bytes: int = 0
    missing: int = 0
    undecodable: int = 0
    last_sequence: int | None = None

    def follow(self, sequence: int, is_key: bool) -> None:
        """Count what is missing before the packet with this sequence; one that comes late is missing no longer."""
        gap = 0 if self.last_sequence is None else (sequence - self.last_sequence - 1) & 0xFFFF
        if gap >= _HALF:
            self.missing = max(0, self.missing - 1)
            return
        # A publisher that starts again jumps (docs/pose-packet.md section 8): nothing was lost there.
        if not is_key or gap < _RESTART_JUMP:
            self.missing += gap
        self.last_sequence = sequence


@dataclass(frozen=True)
class ReceivedPose:
    """A pose of another member.

    ``packet_bytes``: its size on the wire without framing. ``delay_ms``: how much longer it was on its way than the
    fastest packet of the stream in the last seconds. ``arrived``: on ``time.monotonic``'s clock.
    """

    member_id: int
    device: str
    pose: PoseFrame
    packet_bytes: int
    delay_ms: float = 0.0
    arrived: float = 0.0

    @property
    def values(self) -> "dict[str, object]":
        """By the name of each landmark set: its values, (landmarks, channels), NaN where a landmark is missing."""
        return self.pose.values  # type: ignore[return-value]

    @property
    def age_ms(self) -> float:
        """Milliseconds since it was new, as far as a receiver can tell: its delay, and the time since it arrived."""
        return self.delay_ms + 1000 * (monotonic() - self.arrived)

    @property
    def coarse(self) -> int:
        """The number of bits of precision that its publisher leaves out; 0: full quality."""
        return max((state.coarse for state in self.pose.states), default=0)


@dataclass
class _Stream:
    decoder: PoseDecoder
    keys: KeyRequests
    count: StreamCount = field(default_factory=StreamCount)
    fastest: float | None = None
    fastest_before: float | None = None
    window_ends: float = 0.0

    def delay(self, time_ms: int, arrived: float) -> float:
        """Return the milliseconds beyond the fastest packet of this window and the one before."""
        way = arrived * 1000 - time_ms
        if arrived >= self.window_ends:
            self.fastest_before, self.fastest, self.window_ends = self.fastest, None, arrived + _WINDOW
        self.fastest = way if self.fastest is None else min(self.fastest, way)
        best = self.fastest if self.fastest_before is None else min(self.fastest, self.fastest_before)
        delay = way - best
        # The publisher's clock is modulo 2^32 ms: when it runs over, the window begins anew.
        if not 0 <= delay < 1 << 31:
            self.fastest, self.fastest_before, delay = way, None, 0.0
        return delay


class PoseStreams:
    """Decodes the pose packets of a room's members, by member id and stream number.

    A packet that does not decode is a gap: its publisher is asked for a key (``KeyRequests``). ``ask``: sends a control
    packet to a publisher, by member id. ``acknowledge``: tell publishers which reference frames arrived. ``told``: is
    called with what becomes of a stream that does not decode. ``lossy``: whether packets come by a way on which they
    may be lost at the moment; then publishers are told what arrived, too. ``cache``: what other receivers of the same
    streams have decoded.
    """

    def __init__(
        self,
        ask: Callable[[int, bytes], None],
        *,
        compiled: bool = False,
        cache: FrameCache | None = None,
        acknowledge: bool = False,
        told: Callable[[KeyRequest], None] = lambda request: None,
        lossy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ask = ask
        self._told = told
        self._compiled = compiled
        self._cache = cache
        self._acknowledge = acknowledge
        self._lossy = lossy
        self._streams: dict[tuple[int, int], _Stream] = {}

    def counts(self) -> dict[tuple[int, int], StreamCount]:
        """Return the counts by member id and stream number."""
        return {key: stream.count for key, stream in self._streams.items()}

    def forget(self, member_id: int) -> None:
        """Drop the streams of a member who has left: its id may become another's."""
        for key in [key for key in self._streams if key[0] == member_id]:
            del self._streams[key]

    def decode(self, member_id: int, device: str, packet: bytes) -> ReceivedPose | None:
        """Decode a packet of the member with an id; None where it holds no pose, or does not decode.

        Raises:
            PoseError: it is too short to be a packet.
        """
        header = parse_header(packet)
        if header is None or header.kind is Kind.CONTROL:
            return None
        stream = self._streams.get((member_id, header.stream))
        if stream is None:
            decoder = PoseDecoder(stream=header.stream, compiled=self._compiled, cache=self._cache)
            keys = KeyRequests(partial(self._tell, member_id, device, header.stream))
            stream = self._streams[member_id, header.stream] = _Stream(decoder, keys)
        count = stream.count
        count.follow(header.sequence, header.kind is Kind.KEY)
        count.packets += 1
        count.bytes += len(packet)
        arrived = monotonic()
        try:
            pose = stream.decoder.decode(packet, arrived * 1000)
        except PoseError:
            count.undecodable += 1
            if stream.decoder.needs_key and stream.keys.is_due(arrived, _PATIENCE if self._lossy() else 0.0):
                self._ask(member_id, stream.decoder.key_request())
            return None
        if pose is None:
            return None
        stream.keys.decoded(arrived)
        count.sets = tuple(pose.values)
        if (self._acknowledge or self._lossy()) and header.layer == 0 and (ack := stream.decoder.ack()) is not None:
            self._ask(member_id, ack)
        return ReceivedPose(member_id, device, pose, len(packet), stream.delay(pose.time_ms, arrived), arrived)

    def _tell(self, member_id: int, device: str, stream: int, outcome: Outcome, attempts: int, seconds: float) -> None:
        self._told(KeyRequest(member_id, device, stream, outcome, attempts, seconds))


async def load_compiled_codec() -> None:
    """Compile the codec, or load what was compiled before.

    Raises:
        ConfigError: numba is not installed.
    """
    from posewire.wire.pose.warm import warm

    try:
        await asyncio.to_thread(warm)
    except ImportError:
        raise ConfigError("compiled poses need numba: pip install 'posewire[fast]'") from None
