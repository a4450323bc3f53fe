"""The subscriber's side: from packets to poses, and never to a wrong one."""

from __future__ import annotations

from collections.abc import Callable

from posewire.errors import PoseError
from posewire.wire.pose import packet as wire
from posewire.wire.pose.blocks import block as set_block
from posewire.wire.pose.blocks import snapshot_block
from posewire.wire.pose.frame import FrameState, PoseFrame, restore
from posewire.wire.pose.frame_cache import FrameCache
from posewire.wire.pose.kernel import kernel
from posewire.wire.pose.packet import (
    HAS_REFRESH,
    MODE_INTRA,
    Control,
    Header,
    Kind,
    get_descriptor,
    get_gains,
)
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import LandmarkSet, is_known

RESTART_WINDOW = 256  # a key or snapshot with a sequence so far back, or less, is late: beyond, the stream began again


class PoseDecoder:
    """Decodes one pose stream (all packets, or those of ``stream``), with two reference frames as its memory.

    ``last``: the newest frame; ``needs_key``: a key request should be sent to the publisher. ``compiled``: True uses
    numba (``ImportError`` without it), None where it is installed; the frames are the same. ``cache``: shared with the
    decoders of other receivers.
    """

    def __init__(
        self, *, stream: int | None = None, compiled: bool | None = False, cache: FrameCache | None = None
    ) -> None:
        self.stream = stream
        self.last: PoseFrame | None = None
        self.needs_key = False
        self._kernel = kernel(compiled)
        self._cache = cache
        self._coders: dict[int, SetCoder] = {}
        self._references: list[FrameState] = []
        self._newest: tuple[int, int] | None = None  # sequence, time
        self._arrived: float | None = None

    def decode(self, packet: bytes, now_ms: float | None = None) -> PoseFrame | None:
        """The frame in a packet; None where it carries none (unknown kind or version, control, a join in progress).

        Raises ``PoseError`` when the packet is damaged, late, or coded against a frame that is not held; the state is
        then what it was. ``now_ms``: the receiver's clock, for ``age_ms``.
        """
        header = wire.parse_header(packet)
        if header is None or header.kind is Kind.CONTROL:
            return None
        if self.stream is not None and header.stream != self.stream:
            return None
        if header.kind is Kind.SNAPSHOT:
            state = self._snapshot(packet, header)
        elif header.kind is Kind.KEY:
            check = wire.verify(packet)
            self._refuse_old(header.sequence, RESTART_WINDOW)
            state = self._blocks(packet, header, None, header.time, check)
        elif header.kind is Kind.RESTART:
            state = self._restart(packet, header)
        else:
            state = self._delta(packet, header)
        if header.kind is Kind.KEY or header.kind is Kind.SNAPSHOT:
            self._references = [state]
            self.needs_key = False
        values = {}
        for s in state.sets.values():
            if not s.is_known:
                return None
            values[s.spec.name] = restore(s)
        self._newest = (header.sequence, state.time_ms)
        self.needs_key = False
        frame = PoseFrame(
            header.stream,
            header.sequence,
            state.time_ms,
            values,
            header.layer,
            header.kind is Kind.REPEAT,
            state.sets.values(),
        )
        self.last = frame
        self._arrived = now_ms
        return frame

    def age_ms(self, now_ms: float) -> float | None:
        """The age of ``last``: milliseconds since it arrived, on the clock given to ``decode``."""
        return None if self._arrived is None else now_ms - self._arrived

    def key_request(self) -> bytes:
        """The packet for the publisher while ``needs_key``."""
        return wire.control(Control.KEY_REQUEST, self.stream or 0, self._newest[0] if self._newest else 0)

    def ack(self) -> bytes | None:
        """An acknowledgement of the newest reference frame held; None when there is none."""
        if not self._references:
            return None
        return wire.control(Control.ACK, self.stream or 0, self._references[-1].sequence)

    @property
    def reference(self) -> FrameState | None:
        """The newest reference frame of which every landmark is known."""
        for reference in reversed(self._references):
            if reference.is_known:
                return reference
        return None

    def coder(self, spec: LandmarkSet) -> SetCoder:
        """Tables and scratch memory for a set, kept until another one has its id."""
        found = self._coders.get(spec.id)
        if found is None or (found.spec is not spec and found.spec != spec):
            found = self._coders[spec.id] = SetCoder(spec, self._kernel)
        return found

    def _refuse_old(self, sequence: int, window: int) -> None:
        if self._newest is not None and (self._newest[0] - sequence) & 0xFFFF < window:
            raise PoseError("the packet is old: a newer one was decoded already")

    def reference_at(self, sequence: int) -> FrameState | None:
        """The reference frame with this sequence; None where it is not held."""
        for reference in self._references:
            if reference.sequence == sequence:
                return reference
        return None

    def _reference(self, header: Header) -> FrameState | None:
        return self.reference_at((header.sequence - header.distance) & 0xFFFF)

    def _delta(self, packet: bytes, header: Header) -> FrameState:
        self._refuse_old(header.sequence, 0x8000)
        ref = self._reference(header)
        if ref is None or header.distance == 0:
            self.needs_key = True
            raise PoseError("the packet is coded against a frame that is not held")
        try:
            check = wire.verify(packet, ref.check)
        except PoseError:
            self.needs_key = self.needs_key or header.layer == 0
            raise
        time_ms = (ref.time_ms + ((header.time - ref.time_ms) & 0xFFFF)) & 0xFFFFFFFF
        if header.kind is Kind.REPEAT:
            if len(packet) != header.size + wire.CHECK_BYTES:
                raise PoseError("a repeat must not have blocks")
            return FrameState(ref.sequence, time_ms, ref.check, ref.sets)
        state = self._blocks(packet, header, ref, time_ms, check)
        if header.layer == 0:
            self._keep(state, ref)
        return state

    def _restart(self, packet: bytes, header: Header) -> FrameState:
        check = wire.verify(packet)
        self._refuse_old(header.sequence, 0x8000)
        ref = self._reference(header)
        if ref is not None and (ref.check != header.reference_check or not ref.is_known):
            ref = None
        state = self._blocks(packet, header, ref, header.time, check, cold=ref is None)
        if ref is None:
            self._references = [state]
        else:
            self._keep(state, ref)
        return state

    def _keep(self, state: FrameState, ref: FrameState) -> None:
        """Hold a new reference frame in place of the one that it was not coded against."""
        self._references = [ref, state]

    def _shared(self, packet: bytes, ref: FrameState | None, decode: Callable[[], FrameState]) -> FrameState:
        return decode() if self._cache is None else self._cache.state(packet, ref, decode)

    def _blocks(
        self, packet: bytes, header: Header, ref: FrameState | None, time_ms: int, check: int, cold: bool = False
    ) -> FrameState:
        return self._shared(packet, ref, lambda: self._read_blocks(packet, header, ref, time_ms, check, cold))

    def _read_blocks(
        self, packet: bytes, header: Header, ref: FrameState | None, time_ms: int, check: int, cold: bool
    ) -> FrameState:
        sets: dict[int, SetState] = {}
        for block in wire.blocks(packet, header):
            if not is_known(block.set_id):
                continue
            gains: tuple[int, ...] | None = None
            pos, fresh = block.start, block.flags & 3 == MODE_INTRA
            before = None if ref is None else ref.sets.get(block.set_id)
            if header.kind is Kind.KEY and not fresh:
                raise PoseError("a key packet must not have a set that refers to another frame")
            if fresh and block.flags & HAS_REFRESH:
                raise PoseError("a new set must not have a refresh")
            if fresh or header.kind is Kind.RESTART:
                spec, pos = get_descriptor(block.set_id, packet, pos, block.end)
                gains, pos = get_gains(spec, packet, pos, block.end)
                if not fresh and before is not None and before.spec != spec:
                    raise PoseError("a set has changed without starting anew")
            elif before is None:
                raise PoseError("a set continues that is not in the reference")
            else:
                spec = before.spec
            sets[block.set_id] = set_block.decode_block(
                self.coder(spec), packet, block.flags, pos, block.end, before, gains, cold
            )
        return FrameState(header.sequence, time_ms, check, sets)

    def _snapshot(self, packet: bytes, header: Header) -> FrameState:
        wire.verify(packet)
        self._refuse_old(header.sequence, RESTART_WINDOW)
        return self._shared(packet, None, lambda: self._read_snapshot(packet, header))

    def _read_snapshot(self, packet: bytes, header: Header) -> FrameState:
        sets: dict[int, SetState] = {}
        for block in wire.blocks(packet, header):
            if is_known(block.set_id):
                spec, pos = get_descriptor(block.set_id, packet, block.start, block.end)
                gains, pos = get_gains(spec, packet, pos, block.end)
                sets[block.set_id] = snapshot_block.decode(self.coder(spec), packet, block.flags, pos, block.end, gains)
        return FrameState(header.sequence, header.time, header.reference_check, sets)
