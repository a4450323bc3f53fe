"""One landmark set, one packet: integers and a reference in, a block's body and the next state out, and back.

States are never changed in place: a packet that turns out damaged, or a trial at another step, leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose import core, grid, packet
from posewire.wire.pose.kernel import Kernel
from posewire.wire.pose.sets import (
    MAX_COARSE,
    LandmarkSet,
    Plan,
    plan_of,
    symbol_tables,
)


@dataclass(slots=True)
class SetState:
    """What a reference frame holds of one set: integers, the frame before, adaptive scales and weights."""

    spec: LandmarkSet
    coarse: int
    valid: Any
    x: Any
    prev: Any
    ema: Any
    w: Any
    gains: tuple[int, ...]
    complete: bool = False  # every landmark is valid
    known: int = 1 << 30  # landmarks (in coding order) that a decoder which joined without a key knows so far


@dataclass(slots=True)
class _Level:
    """A set's start values at one coarse level, in the kernel's form."""

    plan: Any
    order: Any  # landmarks in coding order
    starts: Any  # rows: template, intra scale, scale, weight

    @property
    def tmpl(self) -> Any:
        return self.starts[0]

    @property
    def kema(self) -> Any:
        return self.starts[1]

    @property
    def pema(self) -> Any:
        return self.starts[2]

    @property
    def pw(self) -> Any:
        return self.starts[3]


@dataclass(slots=True)
class SetCoder:
    """Scratch memory and tables of one set; no state of a stream."""

    spec: LandmarkSet
    kernel: Kernel
    symbols: int = 0  # of the last ``encode``: values coded and entropy-coded bytes, for measuring
    payload: int = 0
    _levels: dict[tuple[int, tuple[int, ...]], _Level] = field(default_factory=dict)
    _e: Any = None
    _d: Any = None
    _work: Any = None
    _res: Any = None
    _ctx: Any = None
    _sums: Any = None
    _out: Any = None
    _size: int = 0
    _all_delta: Any = None
    _room: Any = None
    _scales: Any = None
    _values: int = 0
    _marks: int = 0
    _channels: int = 0
    _n: int = 0
    _is_quaternion: bool = False
    _cum: Any = None
    _lut: Any = None

    def __post_init__(self) -> None:
        k = self.kernel
        n = self.spec.size
        self._marks, self._channels = self.spec.landmarks, self.spec.coded_channels
        self._n, self._is_quaternion = self.spec.coded_size, self.spec.is_quaternion
        self._values = n
        self._scales = [
            (
                grid.scale(self.spec.bits, coarse),
                2.0 ** (self.spec.bits[0] - coarse) if self._is_quaternion else 32767.0,
            )
            for coarse in range(MAX_COARSE + 1)
        ]
        self._room = np.zeros((5, n), np.int64)
        self._e, self._d, self._res, self._ctx = self._room[1:]
        self._work = np.zeros((6, 9), np.int64)
        self._cum, self._lut = k.cum[symbol_tables(self.spec)], k.lut[symbol_tables(self.spec)]
        self._sums = _zeros(9)
        self._size = 6 * n + 16
        self._all_delta = _array([core.DELTA] * self.spec.landmarks)
        self._out = k.bytes_out(self._size)

    def quantise(self, values: Any, coarse: int) -> tuple[Any, list[bool] | None]:
        """See ``grid.quantise``."""
        v = np.asarray(values, np.float32)
        if v.size == self._values:
            scale, limit = self._scales[coarse]
            out = np.empty(self._values, np.int64)
            if self.kernel.quantise(v.ravel(), scale, limit, out):
                return out, None
        return grid.quantise(v, self.spec, coarse)

    @property
    def unit_gains(self) -> tuple[int, ...]:
        """Gains of a stream that knows nothing of its scales yet."""
        return (packet.UNIT_GAIN,) * self._channels

    def residuals(self) -> tuple[list[int], list[int]]:
        """Residuals and context buckets of the last ``encode``, in coding order."""
        return [int(v) for v in self._res[: self.symbols]], [int(v) for v in self._ctx[: self.symbols]]

    def level(self, coarse: int, gains: tuple[int, ...]) -> _Level:
        """Start values at a coarse level with these gains."""
        found = self._levels.get((coarse, gains))
        if found is None:
            if len(self._levels) >= 8:
                self._levels.clear()
            marks, ch = self._marks, self._channels
            if gains == self.unit_gains:
                p: Plan = plan_of(self.spec, coarse)
                plan = self.kernel.order(p.plan, marks, ch)
                order = np.array(p.plan[::5], np.int64) // ch
                found = _Level(plan, order, np.array([p.tmpl, p.kema, p.pema, p.pw], np.int64))
            else:
                unit = self.level(coarse, self.unit_gains)
                found = _Level(unit.plan, unit.order, unit.starts.copy())
                self.kernel.f.apply_gain(unit.pema, gains, marks, ch, found.pema)
            self._levels[coarse, gains] = found
        return found

    def gains_after(self, state: SetState) -> tuple[int, ...]:
        """Gains that bring the start scales near those of a state."""
        k, spec = self.kernel, self.spec
        pema = self.level(state.coarse, self.unit_gains).pema
        marks, ch = spec.landmarks, spec.coded_channels
        return tuple(int(k.f.gain_of(state.ema, pema, marks, ch, c)) for c in range(ch))

    def empty(self, coarse: int, gains: tuple[int, ...]) -> SetState:
        """The state before a set's first frame: nothing valid."""
        spec, lv = self.spec, self.level(coarse, gains)
        zeros = _zeros(spec.size)
        return SetState(spec, coarse, _zeros(spec.landmarks), zeros, zeros, lv.pema, lv.pw, gains)

    def at_level(self, state: SetState, coarse: int) -> SetState:
        """A reference on the grid of another coarse level."""
        if state.coarse == coarse:
            return state
        f, by = self.kernel.f, coarse - state.coarse
        n, nc = self.spec.size, self.spec.coded_size
        x, prev, ema = _zeros(n), _zeros(n), _zeros(nc)
        f.rescale(state.x, by, n, x)
        f.rescale(state.prev, by, n, prev)
        f.rescale_scale(state.ema, by, nc, ema)
        return SetState(
            state.spec, coarse, state.valid, x, prev, ema, state.w, state.gains, state.complete, state.known
        )

    def encode(
        self,
        x: Any,
        present: list[bool] | None,
        ref: SetState | None,
        coarse: int,
        gains: tuple[int, ...] | None,
        refresh: tuple[int, int],
    ) -> tuple[int, bytes, SetState]:
        """One frame of integers (kernel form, grid of ``coarse``) against ``ref``: flags, body, state after.

        ``present``: which landmarks there are, None for all. ``gains``: declare the set anew with these (None: go on).
        ``refresh``: first and count, in coding order, of landmarks to code without the reference.
        """
        if (
            ref is not None
            and ref.complete
            and ref.coarse == coarse
            and present is None
            and gains is None
            and not refresh[1]
            and not self._is_quaternion
        ):
            return self._encode_usual(x, ref)
        k, f, spec = self.kernel, self.kernel.f, self.spec
        marks, ch, n = spec.landmarks, spec.coded_channels, spec.coded_size
        fresh = ref is None
        if ref is None:
            gains = gains or self.unit_gains
            ref = self.empty(coarse, gains)
        else:
            ref = self.at_level(ref, coarse)
        use = gains or ref.gains
        lv = self.level(coarse, use)
        todo, any_intra = self._plan_landmarks(lv, present, ref, fresh, refresh)
        explicit: list[bool] | None = None
        drop: Any = None
        xc, x1, x2 = x, ref.x, ref.prev
        if spec.is_quaternion:
            xc, x1, x2, drop = _zeros(n), _zeros(n), _zeros(n), _zeros(marks)
            before, todo = todo, todo.copy()
            unit = 1 << (spec.bits[0] - coarse)
            if f.quat_prepare(marks, unit, todo, x, ref.x, ref.prev, xc, x1, x2, drop):
                any_intra = True
                explicit = (before != todo).tolist()
        mode, base = 0, x1
        if not fresh:
            mode = int(f.pick_mode(lv.plan, marks, ch, todo, xc, x1, x2, self._sums))
            if mode:
                base = _zeros(n)
                f.extrapolate(x1, x2, mode, n, base)
        ema2, w2 = _zeros(n), _zeros(n)
        count = f.model_encode(
            lv.plan,
            marks,
            ch,
            todo,
            ref.valid,
            xc,
            base,
            lv.tmpl,
            lv.kema,
            lv.pema,
            lv.pw,
            ref.ema,
            ref.w,
            ema2,
            w2,
            any_intra,
            self._e,
            self._d,
            self._work,
            self._res,
            self._ctx,
            k.bucket,
        )
        start = f.rans_encode(self._res, self._ctx, count, ch, self._cum, self._out, self._size)
        self.symbols, self.payload = count, self._size - start
        flags = (packet.MODE_INTRA if fresh else mode) | coarse << 2
        body = b"" if gains is None else packet.put_descriptor(spec) + bytes(gains)
        if present is not None:
            flags |= packet.HAS_MASK
            body += packet.put_mask(present)
        if refresh[1]:
            flags |= packet.HAS_REFRESH
            body += packet.put_varint(refresh[0]) + packet.put_varint(refresh[1])
        if explicit is not None:
            flags |= packet.HAS_INTRA_MASK
            body += packet.put_mask(explicit)
        if drop is not None:
            body += _put_drops([int(drop[i]) & 3 for i in range(marks) if todo[i] == core.INTRA])
        body += bytes(self._out[start : self._size])
        new_x = x
        if spec.is_quaternion:
            new_x = _zeros(spec.size)
            f.quat_restore(marks, unit, todo, xc, drop, ref.x, new_x)
        return (
            flags,
            body,
            self._after(ref, coarse, use, todo, new_x, ema2, w2, any_intra or present is not None),
        )

    def _encode_usual(self, x: Any, ref: SetState) -> tuple[int, bytes, SetState]:
        """``encode`` where every landmark is a delta: one call of the core."""
        lv = self.level(ref.coarse, ref.gains)
        ema2, w2 = np.empty(self._n, np.int64), np.empty(self._n, np.int64)
        start = self.kernel.f.pack(
            lv.plan, self._marks, self._channels, self._all_delta, ref.valid, x, ref.x, ref.prev, lv.starts,
            ref.ema, ref.w, ema2, w2, self._room, self._work, self.kernel.bucket, self._cum, self._out, self._size,
        )  # fmt: skip
        mode, start = start & 3, start >> 2
        self.symbols, self.payload = self._n, self._size - start
        state = SetState(self.spec, ref.coarse, ref.valid, x, ref.x, ema2, w2, ref.gains, True, ref.known)
        return mode | ref.coarse << 2, bytes(self._out[start:]), state

    def _decode_usual(self, data: bytes, mode: int, pos: int, end: int, ref: SetState) -> SetState:
        """``decode`` of what ``_encode_usual`` makes."""
        k, lv, n = self.kernel, self.level(ref.coarse, ref.gains), self._n
        x, ema2, w2 = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        if not k.f.unpack(
            lv.plan, self._marks, self._channels, mode, self._all_delta, ref.valid, x, ref.x, ref.prev, lv.starts,
            ref.ema, ref.w, ema2, w2, self._room, self._work, k.bucket_in, self._cum,
            self._lut, data, pos, end,
        ):  # fmt: skip
            raise PoseError("the entropy-coded part does not end where it must")
        return SetState(self.spec, ref.coarse, ref.valid, x, ref.x, ema2, w2, ref.gains, True, ref.known)

    def _plan_landmarks(
        self, lv: _Level, present: list[bool] | None, ref: SetState, fresh: bool, refresh: tuple[int, int]
    ) -> tuple[Any, bool]:
        """What to do with each landmark; whether any of them is intra."""
        if fresh and present is None:
            return np.full(self.spec.landmarks, core.INTRA), True
        if ref.complete and present is None and not refresh[1]:
            return self._all_delta, False
        todo = np.where(ref.valid != 0, core.DELTA, core.INTRA)
        todo[lv.order[refresh[0] : refresh[0] + refresh[1]]] = core.INTRA
        any_intra = bool((todo == core.INTRA).any())
        if present is not None:
            todo[~np.array(present)] = core.SKIP
        return todo, any_intra

    def _after(
        self,
        ref: SetState,
        coarse: int,
        gains: tuple[int, ...],
        todo: Any,
        x: Any,
        ema: Any,
        w: Any,
        mixed: bool,
    ) -> SetState:
        """The state once the frame is known: missing landmarks keep their integers, intra ones have no momentum."""
        if not mixed:
            return SetState(self.spec, coarse, ref.valid, x, ref.x, ema, w, gains, ref.complete, ref.known)
        there, wide = todo != core.SKIP, self.spec.channels
        gone = np.repeat(~there, wide)
        x = np.where(gone, ref.x, x)
        prev = np.where(np.repeat(todo == core.INTRA, wide), x, ref.x)
        return SetState(self.spec, coarse, there.astype(np.int64), x, prev, ema, w, gains, bool(there.all()), ref.known)

    def decode(
        self,
        data: bytes,
        flags: int,
        pos: int,
        end: int,
        ref: SetState | None,
        gains: tuple[int, ...] | None,
        cold: bool,
    ) -> SetState:
        """The inverse; ``pos`` is after the descriptor and its ``gains``. ``cold``: the reference knows a part
        only, decode what follows from it.

        Raises ``PoseError`` for anything an encoder would not have written.
        """
        mode, coarse = flags & 3, (flags >> 2) & 7
        if (
            ref is not None
            and ref.complete
            and ref.coarse == coarse
            and flags < packet.HAS_MASK
            and mode != packet.MODE_INTRA
            and gains is None
            and ref.known >= self._marks
            and not self._is_quaternion
        ):
            return self._decode_usual(data, mode, pos, end, ref)
        k, f, spec = self.kernel, self.kernel.f, self.spec
        marks, ch, n = spec.landmarks, spec.coded_channels, spec.coded_size
        fresh = mode == packet.MODE_INTRA
        if spec.is_quaternion and coarse > spec.bits[0] - 4:
            raise PoseError("coarser than this set can be")
        if ref is None and not (fresh or cold):
            raise PoseError("a set continues that is not in the reference")
        if fresh or ref is None:
            ref = self.empty(coarse, gains or self.unit_gains)
            ref.known = 0 if cold else ref.known
        else:
            ref = self.at_level(ref, coarse)
        use = gains or ref.gains
        lv = self.level(coarse, use)
        present: list[bool] | None = None
        if flags & packet.HAS_MASK:
            present, pos = packet.get_mask(marks, data, pos, end)
        refresh = (0, 0)
        if flags & packet.HAS_REFRESH:
            first, pos = packet.get_varint(data, pos, end)
            count, pos = packet.get_varint(data, pos, end)
            if first + count > marks:
                raise PoseError("a refresh beyond the last landmark")
            refresh = (first, count)
        stop, known = marks, ref.known
        if known < marks:
            if refresh[1] and refresh[0] == known:
                known += refresh[1]
            stop = known = marks if fresh else known
        todo, any_intra = self._plan_landmarks(lv, present, ref, fresh, refresh)
        if flags & packet.HAS_INTRA_MASK:
            explicit, pos = packet.get_mask(marks, data, pos, end)
            turned = np.array(explicit) & (todo == core.DELTA)
            todo = np.where(turned, core.INTRA, todo)
            any_intra = any_intra or bool(turned.any())
        xc, x1, x2, drop = _array(ref.x), ref.x, ref.prev, None
        if spec.is_quaternion:
            if stop < marks:
                raise PoseError("quaternions are not refreshed")
            xc, x1, x2, drop = _zeros(n), _zeros(n), _zeros(n), _zeros(marks)
            intra = [i for i in range(marks) if todo[i] == core.INTRA]
            drops, pos = _get_drops(len(intra), data, pos, end)
            for i, v in zip(intra, drops, strict=True):
                drop[i] = v
            f.quat_reference(marks, todo, ref.x, ref.prev, x1, x2, drop)
        base = x1
        if mode in (1, 2):
            base = _zeros(n)
            f.extrapolate(x1, x2, mode, n, base)
        ema2, w2 = _array(lv.pema), _array(lv.pw)
        if not f.model_decode(
            lv.plan,
            marks,
            ch,
            stop,
            todo,
            ref.valid,
            xc,
            base,
            lv.tmpl,
            lv.kema,
            lv.pema,
            lv.pw,
            ref.ema,
            ref.w,
            ema2,
            w2,
            any_intra,
            self._e,
            self._d,
            self._work,
            k.bucket_in,
            self._cum,
            self._lut,
            data,
            pos,
            end,
        ):
            raise PoseError("the entropy-coded part does not end where it must")
        if spec.is_quaternion:
            x4 = _zeros(spec.size)
            f.quat_restore(marks, 1 << (spec.bits[0] - coarse), todo, xc, drop, ref.x, x4)
            xc = x4
        if stop < marks:
            todo = todo.copy()
            todo[lv.order[stop:]] = core.SKIP
        state = self._after(ref, coarse, use, todo, xc, ema2, w2, any_intra or present is not None or stop < marks)
        state.known = known
        return state

    # Snapshots: four planes of integers, each a stream of its own.

    def _planes(self, lv: _Level, valid: Any) -> tuple[Any, Any, Any, Any]:
        """Plans (with and without references) and what to do per landmark, for values and for adaptive state."""
        spec, order = self.spec, self.kernel.order
        own = order(_plain_plan(spec.landmarks, spec.coded_channels), spec.landmarks, spec.coded_channels)
        plan = lv.plan
        if spec.is_quaternion:
            plan = order(_plain_plan(spec.landmarks, spec.channels), spec.landmarks, spec.channels)
        there = valid != 0
        return plan, own, np.where(there, core.INTRA, core.SKIP), np.where(there, core.DELTA, core.SKIP)

    def _starts(self, lv: _Level) -> tuple[list[Any], Any]:
        """(template, intra scale) of the planes x, ema and w; scale of the plane prev."""
        spec = self.spec
        n, nc = spec.size, spec.coded_size
        wide = lv.kema if not spec.is_quaternion else _array([lv.kema[0]] * n)
        tmpl = lv.tmpl if not spec.is_quaternion else _zeros(n)
        near = lv.pema if not spec.is_quaternion else _array([lv.pema[0]] * n)
        half = _array([min(int(v) * 8, core.MAX_EMA) for v in lv.pema])
        return [(tmpl, wide), (lv.pema, half), (lv.pw, _array([128] * nc))], near

    def snapshot(self, state: SetState) -> tuple[int, bytes]:
        """All of a state: flags and body (section 8)."""
        k, f, spec = self.kernel, self.kernel.f, self.spec
        lv = self.level(state.coarse, state.gains)
        plan, own, intra, delta = self._planes(lv, state.valid)
        (x_start, ema_start, w_start), near = self._starts(lv)
        marks = spec.landmarks
        valid = [bool(v) for v in state.valid]
        body = packet.put_descriptor(spec) + bytes(state.gains) + packet.put_mask(valid)
        for values, use, todo, ch, (tmpl, scale), base in (
            (state.x, plan, intra, spec.channels, x_start, state.x),
            (state.prev, plan, delta, spec.channels, x_start, state.x),
            (state.ema, own, intra, spec.coded_channels, ema_start, state.ema),
            (state.w, own, intra, spec.coded_channels, w_start, state.w),
        ):
            n = marks * ch
            ones, a, b = _array([64] * n), _zeros(n), _zeros(n)
            scale2 = near if todo is delta else scale
            count = f.model_encode(
                use,
                marks,
                ch,
                todo,
                state.valid,
                values,
                base,
                tmpl,
                scale,
                scale2,
                ones,
                scale2,
                ones,
                a,
                b,
                True,
                self._e,
                self._d,
                self._work,
                self._res,
                self._ctx,
                k.bucket,
            )
            start = f.rans_encode(self._res, self._ctx, count, ch, self._cum, self._out, self._size)
            body += packet.put_varint(self._size - start) + bytes(self._out[start : self._size])
        return state.coarse << 2 | packet.MODE_INTRA | packet.HAS_MASK, body

    def from_snapshot(self, data: bytes, flags: int, pos: int, end: int, gains: tuple[int, ...]) -> SetState:
        """The inverse; ``pos`` is after the descriptor and its ``gains``."""
        k, f, spec = self.kernel, self.kernel.f, self.spec
        coarse, marks = (flags >> 2) & 7, spec.landmarks
        if spec.is_quaternion and coarse > spec.bits[0] - 4:
            raise PoseError("coarser than this set can be")
        there, pos = packet.get_mask(marks, data, pos, end)
        valid = _array([int(v) for v in there])
        lv = self.level(coarse, gains)
        plan, own, intra, delta = self._planes(lv, valid)
        (x_start, ema_start, w_start), near = self._starts(lv)
        x, prev, ema, w = _zeros(spec.size), _zeros(spec.size), _array(lv.pema), _array(lv.pw)
        for out, use, todo, ch, (tmpl, scale), base in (
            (x, plan, intra, spec.channels, x_start, x),
            (prev, plan, delta, spec.channels, x_start, x),
            (ema, own, intra, spec.coded_channels, ema_start, ema),
            (w, own, intra, spec.coded_channels, w_start, w),
        ):
            n = marks * ch
            size, pos = packet.get_varint(data, pos, end)
            ones, a, b = _array([64] * n), _zeros(n), _zeros(n)
            scale2 = near if todo is delta else scale
            if pos + size > end or not f.model_decode(
                use,
                marks,
                ch,
                marks,
                todo,
                valid,
                out,
                base,
                tmpl,
                scale,
                scale2,
                ones,
                scale2,
                ones,
                a,
                b,
                True,
                self._e,
                self._d,
                self._work,
                k.bucket_in,
                self._cum,
                self._lut,
                data,
                pos,
                pos + size,
            ):
                raise PoseError("a plane of the snapshot does not end where it must")
            pos += size
        if pos != end:
            raise PoseError("bytes after the snapshot")
        for i in range(len(ema)):
            if not 2 <= ema[i] <= core.MAX_EMA or not 0 <= w[i] <= 80:
                raise PoseError("a state out of range")
        return SetState(spec, coarse, valid, x, prev, ema, w, gains, all(there))


def _zeros(count: int) -> Any:
    return np.zeros(count, np.int64)


def _array(values: Any) -> Any:
    return np.array(values, np.int64)


def _plain_plan(marks: int, channels: int) -> list[int]:
    """Index order, no references."""
    return [v for i in range(marks) for v in (i * channels, 0, 0, 0, 0)]


def _put_drops(drops: list[int]) -> bytes:
    """Two bits each, low bits first."""
    out = bytearray((len(drops) + 3) // 4)
    for i, d in enumerate(drops):
        out[i >> 2] |= d << 2 * (i & 3)
    return bytes(out)


def _get_drops(count: int, data: bytes, pos: int, end: int) -> tuple[list[int], int]:
    size = (count + 3) // 4
    if pos + size > end:
        raise PoseError("dropped components are cut")
    return [data[pos + (i >> 2)] >> 2 * (i & 3) & 3 for i in range(count)], pos + size
