"""The subscriber's side: packets in, poses out; never a wrong one."""

from __future__ import annotations

from posewire.errors import PoseError
from posewire.wire.pose import packet as wire
from posewire.wire.pose.coder import SetCoder, SetState
from posewire.wire.pose.frame import FrameState, PoseFrame, restore
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
from posewire.wire.pose.sets import LandmarkSet, is_known

SLOTS = 2  # reference frames a decoder holds: the encoder counts on two


class PoseDecoder:
    """Decodes one pose stream. ``last`` is the newest frame, ``needs_key`` says that a key request should be sent.

    Holds two reference frames and nothing else that grows.
    """

    def __init__(self, *, stream: int | None = None, compiled: bool | None = False) -> None:
        self.stream = stream
        self.last: PoseFrame | None = None
        self.needs_key = False
        self._kernel = kernel(compiled)
        self._coders: dict[int, SetCoder] = {}
        self._slots: list[FrameState] = []
        self._newest: tuple[int, int] | None = None  # sequence, time
        self._arrived: float | None = None

    def decode(self, packet: bytes, now_ms: float | None = None) -> PoseFrame | None:
        """The frame in a packet; None for packets that carry none (unknown kinds and versions, control, a join
        in progress).

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
            wire.verify(packet)
            self._refuse_old(header.sequence, 256)
            state = self._blocks(packet, header, None, header.time, cold=False)
        elif header.kind is Kind.RESTART:
            state = self._restart(packet, header)
        else:
            state = self._delta(packet, header)
        if header.kind is Kind.KEY or header.kind is Kind.SNAPSHOT:
            self._slots = [state]
            self.needs_key = False
        values = {}
        for s in state.sets.values():
            if s.known < s.spec.landmarks:
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
        """How long ago the pose that ``last`` holds arrived, on the clock given to ``decode``."""
        return None if self._arrived is None else now_ms - self._arrived

    def key_request(self) -> bytes:
        """What to send to the publisher while ``needs_key``."""
        return wire.control(Control.KEY_REQUEST, self.stream or 0, self._newest[0] if self._newest else 0)

    def ack(self) -> bytes | None:
        """Acknowledges the newest reference frame held; None when there is none."""
        if not self._slots:
            return None
        return wire.control(Control.ACK, self.stream or 0, self._slots[-1].sequence)

    @property
    def reference(self) -> FrameState | None:
        """The newest reference frame, complete (for a relay)."""
        for slot in reversed(self._slots):
            if all(s.known >= s.spec.landmarks for s in slot.sets.values()):
                return slot
        return None

    def coder(self, spec: LandmarkSet) -> SetCoder:
        """Tables and scratch for a set, kept until another one has its id."""
        found = self._coders.get(spec.id)
        if found is None or (found.spec is not spec and found.spec != spec):
            found = self._coders[spec.id] = SetCoder(spec, self._kernel)
        return found

    def _refuse_old(self, sequence: int, window: int) -> None:
        if self._newest is not None and (self._newest[0] - sequence) & 0xFFFF < window:
            raise PoseError("an old packet: a newer one was decoded already")

    def reference_at(self, sequence: int) -> FrameState | None:
        """The reference frame with this sequence; None where it is not held."""
        for slot in self._slots:
            if slot.sequence == sequence:
                return slot
        return None

    def _reference(self, header: Header) -> FrameState | None:
        return self.reference_at((header.sequence - header.distance) & 0xFFFF)

    def _delta(self, packet: bytes, header: Header) -> FrameState:
        self._refuse_old(header.sequence, 0x8000)
        ref = self._reference(header)
        if ref is None or header.distance == 0:
            self.needs_key = True
            raise PoseError("coded against a frame that is not held")
        try:
            check = wire.verify(packet, ref.check)
        except PoseError:
            self.needs_key = self.needs_key or header.layer == 0
            raise
        time_ms = (ref.time_ms + ((header.time - ref.time_ms) & 0xFFFF)) & 0xFFFFFFFF
        if header.kind is Kind.REPEAT:
            if len(packet) != header.size + wire.CHECK_BYTES:
                raise PoseError("a repeat with blocks")
            return FrameState(ref.sequence, time_ms, ref.check, ref.sets)
        state = self._blocks(packet, header, ref, time_ms, cold=False)
        state.check = check
        if header.layer == 0:
            self._keep(state, ref)
        return state

    def _restart(self, packet: bytes, header: Header) -> FrameState:
        check = wire.verify(packet)
        self._refuse_old(header.sequence, 0x8000)
        ref = self._reference(header)
        if ref is not None and (
            ref.check != header.reference_check or any(s.known < s.spec.landmarks for s in ref.sets.values())
        ):
            ref = None
        state = self._blocks(packet, header, ref, header.time, cold=ref is None)
        state.check = check
        if ref is None:
            self._slots = [state]
        else:
            self._keep(state, ref)
        return state

    def _keep(self, state: FrameState, ref: FrameState) -> None:
        """A new reference takes the place of the slot that it was not coded against."""
        self._slots = [ref, state]

    def _blocks(self, packet: bytes, header: Header, ref: FrameState | None, time_ms: int, cold: bool) -> FrameState:
        sets: dict[int, SetState] = {}
        for block in wire.blocks(packet, header):
            if not is_known(block.set_id):
                continue
            gains: tuple[int, ...] | None = None
            pos, fresh = block.start, block.flags & 3 == MODE_INTRA
            before = None if ref is None else ref.sets.get(block.set_id)
            if header.kind is Kind.KEY and not fresh:
                raise PoseError("a key packet with a set that refers to another frame")
            if fresh and block.flags & HAS_REFRESH:
                raise PoseError("a new set with a refresh")
            if fresh or header.kind is Kind.RESTART:
                spec, pos = get_descriptor(block.set_id, packet, pos, block.end)
                gains, pos = get_gains(spec, packet, pos, block.end)
                if not fresh and before is not None and before.spec != spec:
                    raise PoseError("a set has changed without starting anew")
            elif before is None:
                raise PoseError("a set continues that is not in the reference")
            else:
                spec = before.spec
            sets[block.set_id] = self.coder(spec).decode(packet, block.flags, pos, block.end, before, gains, cold)
        check = int.from_bytes(packet[-4:], "big")
        return FrameState(header.sequence, time_ms, check, sets)

    def _snapshot(self, packet: bytes, header: Header) -> FrameState:
        wire.verify(packet)
        self._refuse_old(header.sequence, 256)
        sets: dict[int, SetState] = {}
        for block in wire.blocks(packet, header):
            if is_known(block.set_id):
                spec, pos = get_descriptor(block.set_id, packet, block.start, block.end)
                gains, pos = get_gains(spec, packet, pos, block.end)
                sets[block.set_id] = self.coder(spec).from_snapshot(packet, block.flags, pos, block.end, gains)
        return FrameState(header.sequence, header.time, header.reference_check, sets)
