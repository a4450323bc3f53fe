"""The publisher's side: from poses to packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose.blocks.block import encode_block
from posewire.wire.pose.blocks.task import NO_REFRESH, Refresh
from posewire.wire.pose.filter import OneEuro
from posewire.wire.pose.frame import FrameState, Poses
from posewire.wire.pose.kernel import kernel
from posewire.wire.pose.packet import (
    MAX_DISTANCE,
    MAX_PACKET,
    Control,
    Header,
    Kind,
    parse_control,
    put_varint,
    seal,
)
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import MAX_COARSE, LandmarkSet, landmark_set

FINER_AFTER = 8  # frames at one step before a finer one is tried again
CANDIDATE_LIFE = 32  # frames an unacknowledged reference is waited for


class PoseEncoder:
    """Encodes one pose stream: one or several landmark sets of the same instants.

    - ``key_every``: a key packet every so many frames; 0: only first, on request, and where nothing else is possible.
    - ``refresh``: renew the landmarks in turn, all within so many frames, instead of key packets.
    - ``layers``: 2 lets a relay drop every other frame of a slow subscriber without harm.
    - ``acknowledged``: code against frames that the receiver has acknowledged (lossy point-to-point links).
    - ``budget``: bytes a packet may have; the step grows by powers of two as needed and shrinks again.
    - ``coarse``: the steps are ``2 ** coarse`` times the sets' own, at least.
    - ``smooth``: a One-Euro filter before quantising: *lossy* and adds lag; off unless given.
    - ``compiled``: None uses numba where it is installed; the bytes are the same.

    Raises ``PoseError`` for unknown sets and values of the wrong shape.
    """

    def __init__(
        self,
        sets: str | LandmarkSet | Iterable[str | LandmarkSet],
        *,
        stream: int = 0,
        key_every: int = 0,
        refresh: int = 0,
        layers: int = 1,
        acknowledged: bool = False,
        budget: int | None = None,
        coarse: int = 0,
        smooth: OneEuro | None = None,
        sequence: int = 0,
        compiled: bool | None = False,
    ) -> None:
        listed = [sets] if isinstance(sets, str | LandmarkSet) else list(sets)
        self.sets = [landmark_set(s) if isinstance(s, str) else s for s in listed]
        if not self.sets or len({s.id for s in self.sets}) != len(self.sets):
            raise PoseError("a stream must have one or more different landmark sets")
        if layers not in (1, 2) or not 0 <= stream <= 255 or not 0 <= coarse <= MAX_COARSE:
            raise PoseError("layers must be 1 or 2, stream 0 to 255, coarse 0 to 7")
        if layers == 2 and acknowledged:
            raise PoseError("two layers and acknowledged references exclude each other")
        if refresh and any(s.is_quaternion for s in self.sets):
            raise PoseError("quaternions are not refreshed in turn: use key packets on request")
        self.stream = stream
        self.key_every = key_every
        self.refresh = refresh
        self.layers = layers
        self.acknowledged = acknowledged
        self.budget = budget
        self.smooth = smooth
        self._floor = coarse
        self._top = min([MAX_COARSE, *(s.bits[0] - 4 for s in self.sets if s.is_quaternion)])
        self._coarse = coarse
        self._steady = 0
        self._kernel = kernel(compiled)
        self._coders = {s.id: SetCoder(s, self._kernel) for s in self.sets}
        self._seq = sequence & 0xFFFF
        self._base: FrameState | None = None
        self._candidate: FrameState | None = None
        self._since_key = 0
        self._since_restart = 0
        self._key_wanted = False

    @property
    def coarse(self) -> int:
        """The current coarse level."""
        return self._coarse

    @property
    def sequence(self) -> int:
        """The sequence of the next packet."""
        return self._seq

    def coder(self, ident: int) -> SetCoder:
        """The coder of a set (by id), for measuring."""
        return self._coders[ident]

    def request_key(self) -> None:
        """The next packet will be a key."""
        self._key_wanted = True

    def control(self, packet: bytes) -> None:
        """Obey a subscriber's control packet, where it is for this stream. Raises ``PoseError`` for a damaged one."""
        message = parse_control(packet)
        if message is None or message.stream != self.stream:
            return
        if message.control == Control.KEY_REQUEST:
            self._key_wanted = True
        elif message.control == Control.ACK:
            if self._candidate is not None and message.sequence == self._candidate.sequence:
                self._base, self._candidate = self._candidate, None
        elif message.argument:
            self.budget = message.argument
        else:
            self.budget = None

    def encode(self, values: Poses, time_ms: int) -> bytes:
        """The packet of one instant.

        ``values``: for one set an array (landmarks, channels), NaN = missing landmark; for several a mapping from set
        name to array or None. ``time_ms``: any clock in milliseconds that does not run backwards.
        """
        time_ms &= 0xFFFFFFFF
        frame = self._gather(values, time_ms)
        ref = self._base
        if ref is not None and (
            self._key_wanted
            or (self.key_every and self._since_key >= self.key_every)
            or (self._seq - ref.sequence) & 0xFFFF > MAX_DISTANCE
            or (time_ms - ref.time_ms) & 0xFFFFFFFF > 0xFFFF
        ):
            ref = None
        packet = self._encode_within_budget(frame, ref, time_ms)
        self._seq = (self._seq + 1) & 0xFFFF
        return packet

    def _gather(self, values: Poses, time_ms: int) -> list[tuple[LandmarkSet, Any]]:
        """The sets that are there, with their values."""
        if isinstance(values, dict):
            frame = [(s, values.get(s.name)) for s in self.sets]
            if unknown := set(values) - {s.name for s in self.sets}:
                raise PoseError(f"not sets of this stream: {sorted(unknown)}")
        elif len(self.sets) == 1:
            frame = [(self.sets[0], values)]
        else:
            raise PoseError("several sets need a mapping from name to array")
        out = []
        for spec, v in frame:
            if v is None or (not isinstance(v, np.ndarray) and len(v) == 0):
                continue
            if self.smooth is not None:
                v = self.smooth(spec.name, np.asarray(v, np.float32), time_ms)
            out.append((spec, v))
        return out

    def _encode_within_budget(
        self, frame: list[tuple[LandmarkSet, Any]], ref: FrameState | None, time_ms: int
    ) -> bytes:
        level = max(self._coarse, self._floor)
        if self.budget is None:
            level = self._floor
        elif level > self._floor and self._steady >= FINER_AFTER:
            level -= 1
        while True:
            packet, state, layer = self._encode_at(frame, ref, time_ms, level)
            if self.budget is None or len(packet) <= self.budget or level >= self._top:
                break
            level += 1
        if len(packet) > MAX_PACKET:
            raise PoseError("the packet is larger than a frame can carry")
        # a finer step stays only where a good part of the budget is left, or it would flap
        self._steady = self._steady + 1 if level == self._coarse else 0
        self._coarse = level
        self._commit(state, layer, ref is None)
        return packet

    def _layer(self) -> int:
        """0 where this frame may be a reference."""
        if self.acknowledged:
            waiting = self._candidate is not None and (self._seq - self._candidate.sequence) & 0xFFFF < CANDIDATE_LIFE
            return 1 if waiting else 0
        return 1 if self.layers == 2 and self._since_key % 2 else 0

    def _encode_at(
        self, frame: list[tuple[LandmarkSet, Any]], ref: FrameState | None, time_ms: int, level: int
    ) -> tuple[bytes, FrameState | None, int]:
        """The packet at one coarse level, the state it leads to (None for a repeat), its layer."""
        grids = []
        for spec, v in frame:
            grid, present = self._coders[spec.id].quantise(v, level)
            if present is None or any(present):
                grids.append((spec, grid, present))
        layer = 0 if ref is None else self._layer()
        segment = self._since_restart - self.refresh if self.refresh and ref is not None and layer == 0 else -1
        distance = 0 if ref is None else (self._seq - ref.sequence) & 0xFFFF
        if ref is None:
            header = Header(Kind.KEY, 0, self.stream, self._seq, time_ms)
        elif segment < 0 and self._same(grids, ref, level):
            header = Header(Kind.REPEAT, 1, self.stream, self._seq, time_ms, distance)
            return seal(header.pack(), ref.check)[0], None, 1
        elif segment == 0:
            header = Header(Kind.RESTART, 0, self.stream, self._seq, time_ms, distance, ref.check)
        else:
            header = Header(Kind.DELTA, layer, self.stream, self._seq, time_ms, distance)
        out = header.pack()
        states: dict[int, SetState] = {}
        for spec, grid, present in grids:
            coder = self._coders[spec.id]
            before = None if ref is None else ref.sets.get(spec.id)
            refresh = NO_REFRESH if before is None or segment < 0 else self._refresh_window(spec, segment)
            gains = None
            if before is None or segment == 0:
                # a set that starts anew starts from what this stream has been like so far
                past = before or (self._base.sets.get(spec.id) if self._base is not None else None)
                gains = coder.unit_gains if past is None else coder.gains_after(past)
            flags, body, states[spec.id] = encode_block(coder, grid, present, before, level, gains, refresh)
            out += bytes((spec.id, flags)) + put_varint(len(body)) + body
        seed = ref.check if ref is not None and segment != 0 else 0
        packet, check = seal(out, seed)
        return packet, FrameState(self._seq, time_ms, check, states), layer

    def _refresh_window(self, spec: LandmarkSet, segment: int) -> Refresh:
        """The landmarks to renew in part number ``segment`` of a round; a small set is done before the round ends."""
        count = max(4, -(-spec.landmarks // self.refresh))
        first = segment * count
        return Refresh(first, min(count, spec.landmarks - first)) if first < spec.landmarks else NO_REFRESH

    def _same(self, grids: list[Any], ref: FrameState, level: int) -> bool:
        """Whether this frame is the reference's pose again."""
        if len(grids) != len(ref.sets):
            return False
        for spec, grid, present in grids:
            state = ref.sets.get(spec.id)
            if state is None or state.coarse != level or spec.is_quaternion:
                return False
            if not self._coders[spec.id].is_same_pose(state, grid, present):
                return False
        return True

    def _commit(self, state: FrameState | None, layer: int, key: bool) -> None:
        if key:
            self._since_key = 0
            self._since_restart = 0
            self._key_wanted = False
            self._candidate = None
        self._since_key += 1
        if state is None or layer:
            return
        if self.refresh and not key:
            self._since_restart += 1
            if self._since_restart == 2 * self.refresh:
                self._since_restart = self.refresh
        if self.acknowledged and not key:
            self._candidate = state
        else:
            self._base = state
