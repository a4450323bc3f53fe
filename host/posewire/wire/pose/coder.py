"""One landmark set, one packet: integers and a reference in, a block's body and the next state out, and back.

States are never changed in place: a packet that turns out damaged, or a trial at another step, leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose import core, grid, packet
from posewire.wire.pose.sets import (
    LandmarkSet,
    Plan,
    buckets,
    cumulative,
    plan_of,
    symbol_lookup,
    symbol_tables,
)


class PlainKernel:
    """The core on Python lists: the reference."""

    name = "plain"

    def __init__(self) -> None:
        self.f: Any = core
        self.bucket: Any = buckets()
        self.cum: Any = [cumulative(0), cumulative(1)]
        self.lut: Any = [symbol_lookup(0), symbol_lookup(1)]

    def quantise(self, values: Any, spec: LandmarkSet, coarse: int) -> tuple[Any, list[bool] | None]:
        """See ``grid.quantise``."""
        return grid.quantise(values, spec, coarse)

    def zeros(self, count: int) -> Any:
        return [0] * count

    def array(self, values: Any) -> Any:
        return values.tolist() if isinstance(values, np.ndarray) else list(values)

    def table(self, rows: int, columns: int) -> Any:
        return [[0] * columns for _ in range(rows)]

    def bytes_in(self, data: bytes) -> Any:
        return data

    def bytes_out(self, size: int) -> Any:
        return bytearray(size)

    def take(self, out: Any, start: int, end: int) -> bytes:
        return bytes(out[start:end])


class CompiledKernel:
    """The core on int64 arrays, compiled. Raises ``ImportError`` where numba is not installed (extra ``fast``)."""

    name = "compiled"

    def __init__(self) -> None:
        from posewire.wire.pose import compiled

        self.f: Any = compiled
        self.bucket: Any = np.frombuffer(buckets(), np.uint8).astype(np.int64)
        self.cum: Any = [np.array(cumulative(g), np.int64) for g in (0, 1)]
        self.lut: Any = [np.frombuffer(symbol_lookup(g), np.uint8).astype(np.int64) for g in (0, 1)]

    def quantise(self, values: Any, spec: LandmarkSet, coarse: int) -> tuple[Any, list[bool] | None]:
        """See ``grid.quantise``: the usual case in one pass, anything else there."""
        v = np.asarray(values, np.float32)
        if v.size != spec.size:
            return grid.quantise(values, spec, coarse)
        out = np.empty(spec.size, np.int64)
        limit = float(1 << (spec.bits[0] - coarse)) if spec.is_quaternion else 32767.0
        flat = np.ascontiguousarray(v).reshape(-1)
        if self.f.quantise(flat, grid.scale(spec.bits, coarse), limit, out):
            return out, None
        return grid.quantise(v, spec, coarse)

    def zeros(self, count: int) -> Any:
        return np.zeros(count, np.int64)

    def array(self, values: Any) -> Any:
        return np.array(values, np.int64)

    def table(self, rows: int, columns: int) -> Any:
        return np.zeros((rows, columns), np.int64)

    def bytes_in(self, data: bytes) -> Any:
        return np.frombuffer(data, np.uint8)

    def bytes_out(self, size: int) -> Any:
        return np.zeros(size, np.uint8)

    def take(self, out: Any, start: int, end: int) -> bytes:
        return bytes(out[start:end].tobytes())


Kernel = PlainKernel | CompiledKernel


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
    tmpl: Any
    kema: Any
    pema: Any
    pw: Any


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
    _cum: Any = None
    _lut: Any = None

    def __post_init__(self) -> None:
        k = self.kernel
        n = self.spec.size
        self._e, self._d, self._res, self._ctx = k.zeros(n), k.zeros(n), k.zeros(n), k.zeros(n)
        self._work = k.table(6, 8)
        self._cum, self._lut = k.cum[symbol_tables(self.spec)], k.lut[symbol_tables(self.spec)]
        self._sums = k.zeros(9)
        self._size = 6 * n + 16
        self._all_delta = k.array([core.DELTA] * self.spec.landmarks)
        self._out = k.bytes_out(self._size)

    @property
    def unit_gains(self) -> tuple[int, ...]:
        """Gains of a stream that knows nothing of its scales yet."""
        return (packet.UNIT_GAIN,) * self.spec.coded_channels

    def residuals(self) -> tuple[list[int], list[int]]:
        """Residuals and context buckets of the last ``encode``, in coding order."""
        return [int(v) for v in self._res[: self.symbols]], [int(v) for v in self._ctx[: self.symbols]]

    def level(self, coarse: int, gains: tuple[int, ...]) -> _Level:
        """Start values at a coarse level with these gains."""
        found = self._levels.get((coarse, gains))
        if found is None:
            p: Plan = plan_of(self.spec, coarse)
            a = self.kernel.array
            pema = a(p.pema)
            if gains != self.unit_gains:
                self.kernel.f.apply_gain(a(p.pema), gains, self.spec.landmarks, self.spec.coded_channels, pema)
            if len(self._levels) >= 8:
                self._levels.clear()
            found = _Level(a(p.plan), a(p.tmpl), a(p.kema), pema, a(p.pw))
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
        k, spec, lv = self.kernel, self.spec, self.level(coarse, gains)
        zeros = k.zeros(spec.size)
        return SetState(spec, coarse, k.zeros(spec.landmarks), zeros, zeros, lv.pema, lv.pw, gains)

    def at_level(self, state: SetState, coarse: int) -> SetState:
        """A reference on the grid of another coarse level."""
        if state.coarse == coarse:
            return state
        k, f, by = self.kernel, self.kernel.f, coarse - state.coarse
        n, nc = self.spec.size, self.spec.coded_size
        x, prev, ema = k.zeros(n), k.zeros(n), k.zeros(nc)
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
            xc, x1, x2, drop = k.zeros(n), k.zeros(n), k.zeros(n), k.zeros(marks)
            before = [int(v) for v in todo]
            unit = 1 << (spec.bits[0] - coarse)
            if f.quat_prepare(marks, unit, todo, x, ref.x, ref.prev, xc, x1, x2, drop):
                any_intra = True
                explicit = [int(b) != int(a) for a, b in zip(before, todo, strict=True)]
        mode, base = 0, x1
        if not fresh:
            mode = int(f.pick_mode(lv.plan, marks, ch, todo, xc, x1, x2, self._sums))
            if mode:
                base = k.zeros(n)
                f.extrapolate(x1, x2, mode, n, base)
        ema2, w2 = k.zeros(n), k.zeros(n)
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
        body += k.take(self._out, start, self._size)
        new_x = x
        if spec.is_quaternion:
            new_x = k.zeros(spec.size)
            f.quat_restore(marks, unit, todo, xc, drop, ref.x, new_x)
        return (
            flags,
            body,
            self._after(ref, coarse, use, todo, new_x, ema2, w2, any_intra or present is not None),
        )

    def _plan_landmarks(
        self, lv: _Level, present: list[bool] | None, ref: SetState, fresh: bool, refresh: tuple[int, int]
    ) -> tuple[Any, bool]:
        """What to do with each landmark; whether any of them is intra."""
        k, marks, ch = self.kernel, self.spec.landmarks, self.spec.coded_channels
        if fresh and present is None:
            return k.array([core.INTRA] * marks), True
        todo = k.array(self._all_delta)
        if ref.complete and present is None and not refresh[1]:
            return todo, False
        any_intra = False
        for i in range(marks):
            if not ref.valid[i]:
                todo[i] = core.INTRA
                any_intra = True
        for j in range(refresh[0], min(refresh[0] + refresh[1], marks)):
            todo[lv.plan[5 * j] // ch] = core.INTRA
            any_intra = True
        if present is not None:
            for i, there in enumerate(present):
                if not there:
                    todo[i] = core.SKIP
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
        k, wide = self.kernel, self.spec.channels
        valid, prev, x = k.zeros(self.spec.landmarks), k.array(ref.x), k.array(x)
        for i in range(self.spec.landmarks):
            do = todo[i]
            b = i * wide
            if do == core.SKIP:
                for q in range(b, b + wide):
                    x[q] = ref.x[q]
            else:
                valid[i] = 1
                if do == core.INTRA:
                    for q in range(b, b + wide):
                        prev[q] = x[q]
        return SetState(self.spec, coarse, valid, x, prev, ema, w, gains, all(valid), ref.known)

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
        k, f, spec = self.kernel, self.kernel.f, self.spec
        marks, ch, n = spec.landmarks, spec.coded_channels, spec.coded_size
        mode, coarse = flags & 3, (flags >> 2) & 7
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
            for i, yes in enumerate(explicit):
                if yes and todo[i] == core.DELTA:
                    todo[i] = core.INTRA
                    any_intra = True
        xc, x1, x2, drop = k.array(ref.x), ref.x, ref.prev, None
        if spec.is_quaternion:
            if stop < marks:
                raise PoseError("quaternions are not refreshed")
            xc, x1, x2, drop = k.zeros(n), k.zeros(n), k.zeros(n), k.zeros(marks)
            intra = [i for i in range(marks) if todo[i] == core.INTRA]
            drops, pos = _get_drops(len(intra), data, pos, end)
            for i, v in zip(intra, drops, strict=True):
                drop[i] = v
            f.quat_reference(marks, todo, ref.x, ref.prev, x1, x2, drop)
        base = x1
        if mode in (1, 2):
            base = k.zeros(n)
            f.extrapolate(x1, x2, mode, n, base)
        ema2, w2 = k.array(lv.pema), k.array(lv.pw)
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
            k.bucket,
            self._cum,
            self._lut,
            k.bytes_in(data),
            pos,
            end,
        ):
            raise PoseError("the entropy-coded part does not end where it must")
        if spec.is_quaternion:
            x4 = k.zeros(spec.size)
            f.quat_restore(marks, 1 << (spec.bits[0] - coarse), todo, xc, drop, ref.x, x4)
            xc = x4
        if stop < marks:
            for j in range(stop, marks):
                todo[lv.plan[5 * j] // ch] = core.SKIP
        state = self._after(ref, coarse, use, todo, xc, ema2, w2, any_intra or present is not None or stop < marks)
        state.known = known
        return state

    # Snapshots: four planes of integers, each a stream of its own.

    def _planes(self, lv: _Level, valid: Any) -> tuple[Any, Any, Any, Any]:
        """Plans (with and without references) and what to do per landmark, for values and for adaptive state."""
        spec, k = self.spec, self.kernel
        flat = [v for i in range(spec.landmarks) for v in (i * spec.channels, 0, 0, 0, 0)]
        plan = k.array(flat) if spec.is_quaternion else lv.plan
        own = k.array([v for i in range(spec.landmarks) for v in (i * spec.coded_channels, 0, 0, 0, 0)])
        todo = k.array([core.INTRA if v else core.SKIP for v in valid])
        return plan, own, todo, k.array([core.DELTA if v else core.SKIP for v in valid])

    def _starts(self, lv: _Level) -> tuple[list[Any], Any]:
        """(template, intra scale) of the planes x, ema and w; scale of the plane prev."""
        k, spec = self.kernel, self.spec
        n, nc = spec.size, spec.coded_size
        wide = lv.kema if not spec.is_quaternion else k.array([lv.kema[0]] * n)
        tmpl = lv.tmpl if not spec.is_quaternion else k.zeros(n)
        near = lv.pema if not spec.is_quaternion else k.array([lv.pema[0]] * n)
        half = k.array([min(int(v) * 8, core.MAX_EMA) for v in lv.pema])
        return [(tmpl, wide), (lv.pema, half), (lv.pw, k.array([128] * nc))], near

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
            ones, a, b = k.array([64] * n), k.zeros(n), k.zeros(n)
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
            body += packet.put_varint(self._size - start) + k.take(self._out, start, self._size)
        return state.coarse << 2 | packet.MODE_INTRA | packet.HAS_MASK, body

    def from_snapshot(self, data: bytes, flags: int, pos: int, end: int, gains: tuple[int, ...]) -> SetState:
        """The inverse; ``pos`` is after the descriptor and its ``gains``."""
        k, f, spec = self.kernel, self.kernel.f, self.spec
        coarse, marks = (flags >> 2) & 7, spec.landmarks
        if spec.is_quaternion and coarse > spec.bits[0] - 4:
            raise PoseError("coarser than this set can be")
        there, pos = packet.get_mask(marks, data, pos, end)
        valid = k.array([int(v) for v in there])
        lv = self.level(coarse, gains)
        plan, own, intra, delta = self._planes(lv, valid)
        (x_start, ema_start, w_start), near = self._starts(lv)
        x, prev, ema, w = k.zeros(spec.size), k.zeros(spec.size), k.array(lv.pema), k.array(lv.pw)
        for out, use, todo, ch, (tmpl, scale), base in (
            (x, plan, intra, spec.channels, x_start, x),
            (prev, plan, delta, spec.channels, x_start, x),
            (ema, own, intra, spec.coded_channels, ema_start, ema),
            (w, own, intra, spec.coded_channels, w_start, w),
        ):
            n = marks * ch
            size, pos = packet.get_varint(data, pos, end)
            ones, a, b = k.array([64] * n), k.zeros(n), k.zeros(n)
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
                k.bucket,
                self._cum,
                self._lut,
                k.bytes_in(data),
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
