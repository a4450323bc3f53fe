"""Decodes one pose stream on the board: key, delta, repeat, restart and snapshot packets. Never shows a wrong pose.

Sets are made when a packet first declares them (and given to the constructor where a board wants no allocation later);
after that nothing is allocated: what runs for each packet and is not small is native (pose_encoder says why).
"""

from array import array

import micropython
from micropython import const

from posewire_fw import pose_core as core
from posewire_fw import pose_unpack as unpack
from posewire_fw.memcopy import memcopy
from posewire_fw.pose_sets import CUSTOM, NAMED, QUAT, PoseSet, check

# Places in the list of buffers, as in pose_core: where it is a module's own, a constant costs no memory.
_PLAN = const(0)
_X = const(1)
_BASE = const(2)
_TEMPLATE = const(3)
_INTRA_SCALE = const(4)
_START_SCALE = const(5)
_EMA = const(6)
_W = const(7)
_START_WEIGHT = const(8)
_E = const(11)
_D = const(12)
_BUF = const(17)
_CHANNELS = const(19)
_INTRA = const(20)
_STOP = const(21)
_POS = const(22)
_END = const(23)
_X1 = const(24)

KEY = 0
DELTA = 1
REPEAT = 2
SNAPSHOT = 3
RESTART = 4

# Results of ``decode``
FRAME = 1  # a new pose
NOTHING = 0  # unknown kind or version, control, or a join in progress
LATE = -1  # older than what was decoded already
DAMAGED = -2  # the check does not hold, or the packet is malformed
MISSING = -3  # coded against a frame that is not held


class PoseDecoder:
    """``sets``: the PoseSet objects to decode into (others are made as packets declare them).

    After ``FRAME``: ``present(k)`` says whether set ``k`` of ``sets`` is in the pose, ``integers(k)`` and
    ``values`` give it.
    """

    def __init__(self, sets=(), stream=-1):
        self.sets = list(sets)
        self.stream = stream
        self.needs_key = False
        self.sequence = -1
        # Times are two halves of 16 bits: 32 bits at once are an object on the heap of a chip.
        self._high = 0
        self._low = 0
        self.arrived = 0
        self._used = [False, False]
        self._state_seq = [0, 0]
        self._state_high = [0, 0]
        self._state_low = [0, 0]
        self._check = [array("I", [0]), array("I", [0])]
        self._zero = array("I", [0])
        self._run = array("I", [0])
        self._gains = bytearray(8)
        self._shown = -1
        self._at = 0
        for s in self.sets:
            self._prepare(s)

    @property
    def time_ms(self):
        """The time of the pose shown, 32 bits."""
        return self._high << 16 | self._low

    def _prepare(self, s):
        # a third state shows frames that are not references
        while len(s.set_states) < 3:
            from posewire_fw.pose_sets import SetState

            s.set_states.append(SetState(s.marks, s.wide, s.coded))
        s.block = 0
        s.flags = 0
        s.stop = 0
        s.named = False

    def present(self, k):
        """Whether set ``k`` is part of the pose that is shown."""
        return self._shown >= 0 and self.sets[k].set_states[self._shown].there

    def integers(self, k):
        """The integers of set ``k``, ``array('h')``; valid until the next ``decode``."""
        return self.sets[k].set_states[self._shown].x

    def shown(self, s):
        """The state of one of ``sets`` in the pose that is shown: ``x``, ``coarse``, ``valid``, ``there``; or None."""
        return s.set_states[self._shown] if self._shown >= 0 else None

    def values(self, k, out):
        """Set ``k`` as float32 into ``array('f')`` ``out``; NaN where a landmark is missing."""
        s = self.sets[k]
        state = s.set_states[self._shown]
        unpack.dequantise(state.x, out, s.on_grid(state.coarse), state.valid)

    def key_request(self, buf, off=0):
        """Writes the control packet that asks for a key; returns its length."""
        return self._control(buf, off, 1, self.sequence if self.sequence >= 0 else 0)

    def ack(self, buf, off=0):
        """Writes the acknowledgement of the newest reference frame; 0 when there is none."""
        newest = self._newest_state()
        return 0 if newest < 0 else self._control(buf, off, 2, self._state_seq[newest])

    def _control(self, buf, off, what, seq):
        buf[off] = 1 << 5 | 7 << 2
        buf[off + 1] = self.stream if self.stream > 0 else 0
        buf[off + 2] = seq >> 8
        buf[off + 3] = seq & 255
        buf[off + 4] = what
        self._run[0] = 0
        core.crc32(buf, off, off + 5, self._run)
        core.put_crc(self._run, buf, off + 5)
        return 9

    def _newest_state(self):
        a, b = self._used[0], self._used[1]
        if a and b:
            return 0 if (self._state_seq[0] - self._state_seq[1]) & 0x8000 == 0 else 1
        return 0 if a else 1 if b else -1

    def _find(self, seq):
        if self._used[0] and self._state_seq[0] == seq:
            return 0
        if self._used[1] and self._state_seq[1] == seq:
            return 1
        return -1

    @micropython.native
    def decode(self, buf, off, end, now_ms=0):
        """Takes the packet ``buf[off:end]``; see the results above. A refused packet leaves the pose as it was."""
        size = end - off
        if size < 8:
            return DAMAGED
        kind = buf[off] >> 2 & 7
        if buf[off] >> 5 != 1 or kind > RESTART:
            return NOTHING
        if self.stream >= 0 and buf[off + 1] != self.stream:
            return NOTHING
        layer = buf[off] & 3
        seq = buf[off + 2] << 8 | buf[off + 3]
        pos = off + (8 if kind == KEY else 12 if kind == SNAPSHOT else 13 if kind == RESTART else 7)
        last = end - 4
        if pos > last:
            return DAMAGED
        late = self.sequence >= 0 and (self.sequence - seq) & 0xFFFF < (
            256 if kind == KEY or kind == SNAPSHOT else 0x8000
        )
        ref = -1
        if kind == DELTA or kind == REPEAT:
            if late:
                return LATE
            distance = buf[off + 6]
            ref = self._find((seq - distance) & 0xFFFF) if distance else -1
            if ref < 0:
                self.needs_key = True
                return MISSING
            memcopy(self._run, 0, self._check[ref], 0, 4)
        else:
            self._run[0] = 0
        core.crc32(buf, off, last, self._run)
        if not core.same_crc(self._run, buf, last):
            if ref >= 0 and layer == 0:
                self.needs_key = True
            return DAMAGED
        if late:
            return LATE
        if kind == DELTA or kind == REPEAT:
            high = self._state_high[ref]
            low = buf[off + 4] << 8 | buf[off + 5]
            if low < self._state_low[ref]:
                high = (high + 1) & 0xFFFF
        else:
            high = buf[off + 4] << 8 | buf[off + 5]
            low = buf[off + 6] << 8 | buf[off + 7]
        if kind == REPEAT:
            if pos != last:
                return DAMAGED
            if not self._complete(ref):
                return NOTHING
            return self._show(ref, seq, high, low, now_ms)
        cold = False
        if kind == RESTART:
            ref = self._find((seq - buf[off + 8]) & 0xFFFF)
            if ref >= 0 and not (core.same_crc(self._check[ref], buf, off + 9) and self._complete(ref)):
                ref = -1
            cold = ref < 0
        # a new reference takes the state that it is not coded against; other frames take the third
        index = 2 if layer else 1 if ref == 0 else 0
        if layer == 0:
            self._used[index] = False
        if self._shown == index:
            self._shown = -1
        if not self._blocks(buf, pos, last, kind, ref, index, cold):
            return DAMAGED
        if layer == 0:
            self._used[index] = True
            self._state_seq[index] = seq
            self._state_high[index] = high
            self._state_low[index] = low
            memcopy(self._check[index], 0, self._run, 0, 4)
            if kind == SNAPSHOT:
                unpack.get_crc(self._check[index], buf, off + 8)
            if ref < 0:
                self._used[1 - index] = False
        if kind == KEY or kind == SNAPSHOT:
            self.needs_key = False
        if not self._complete(index):
            return NOTHING
        return self._show(index, seq, high, low, now_ms)

    def _complete(self, index):
        for s in self.sets:
            if s.set_states[index].there and s.set_states[index].known < s.marks:
                return False
        return True

    def _show(self, index, seq, high, low, now_ms):
        self._shown = index
        self.sequence = seq
        self._high = high
        self._low = low
        self.arrived = now_ms
        self.needs_key = False
        return FRAME

    def _varint(self, buf, pos, end):
        """A varint, the position after it in ``_at``; -1 when it is cut."""
        value = 0
        shift = 0
        while shift < 21:
            if pos >= end:
                return -1
            b = buf[pos]
            pos += 1
            value |= (b & 127) << shift
            if b < 128:
                self._at = pos
                return value
            shift += 7
        return -1

    @micropython.native
    def _blocks(self, buf, pos, last, kind, ref, index, cold):
        for s in self.sets:
            s.set_states[index].there = False
            s.named = False
        while pos < last:
            if pos + 2 > last:
                return False
            ident = buf[pos]
            flags = buf[pos + 1]
            size = self._varint(buf, pos + 2, last)
            if size < 0 or self._at + size > last:
                return False
            pos = self._at
            if ident in NAMED or ident == QUAT or ident == CUSTOM:
                if not self._set(buf, pos, pos + size, ident, flags, kind, ref, index, cold):
                    return False
            pos += size
        return True

    def _held(self, ident):
        for s in self.sets:
            if s.id == ident:
                return s
        return None

    @micropython.native
    def _declared(self, buf, pos, end, ident):
        """The set that a descriptor at ``pos`` declares, made anew where it differs; None when it is malformed."""
        if pos >= end or not 1 <= buf[pos] <= 8 or pos + 1 + buf[pos] > end:
            return None
        wide = buf[pos]
        at = pos + 1
        s = self._held(ident)
        same = s is not None and s.wide == wide
        if same:
            for c in range(wide):
                if s.bits[c] != buf[at + c]:  # pyright: ignore[reportOptionalMemberAccess]
                    same = False
        at += wide
        marks = NAMED[ident][0] if ident in NAMED else 0
        if ident == QUAT:
            if at >= end:
                return None
            marks = buf[at]
            at += 1
        elif ident == CUSTOM:
            marks = self._varint(buf, at, end)
            if not 1 <= marks <= 1000:
                return None
            at = self._at
        tree = at
        if same and s.marks != marks:  # pyright: ignore[reportOptionalMemberAccess]
            same = False
        if ident == CUSTOM:
            for i in range(marks):
                back = self._varint(buf, at, end)
                if back < 0 or back > i:
                    return None
                at = self._at
                if same and (s.parents[i] if s.parents else -1) != (i - back if back else -1):  # pyright: ignore[reportOptionalMemberAccess]
                    same = False
        if not same:
            bits = tuple((b ^ 128) - 128 for b in bytes(buf[pos + 1 : pos + 1 + wide]))
            if not check(ident, marks, bits):
                return None
            parents = None
            if ident == CUSTOM:
                parents = []
                for i in range(marks):
                    back = self._varint(buf, tree, end)
                    tree = self._at
                    parents.append(i - back if back else -1)
            made = PoseSet(ident, marks, bits, parents, set_states=3)
            self._prepare(made)
            if s is None:
                self.sets.append(made)
            else:
                self.sets[self.sets.index(s)] = made
            s = made
        if at + s.coded > end:  # pyright: ignore[reportOptionalMemberAccess]
            return None
        for c in range(s.coded):  # pyright: ignore[reportOptionalMemberAccess]
            if buf[at + c] > 47:
                return None
            self._gains[c] = buf[at + c]
        self._at = at + s.coded  # pyright: ignore[reportOptionalMemberAccess]
        return s

    @micropython.native
    def _set(self, buf, pos, end, ident, flags, kind, ref, index, cold):
        fresh = flags & 3 == 3
        if (kind == KEY and not fresh) or (fresh and flags & 0x40):
            return False
        held = self._held(ident)
        declared = fresh or kind == RESTART or kind == SNAPSHOT
        if declared:
            s = self._declared(buf, pos, end, ident)
            referred = held is not None and ref >= 0 and held.set_states[ref].there
            if s is None or (s is not held and not fresh and referred):
                return False
            pos = self._at
        else:
            s = held
            if s is None:
                return False
        if s.named:  # pyright: ignore[reportAttributeAccessIssue]
            return False
        s.named = True  # pyright: ignore[reportAttributeAccessIssue]
        new = s.set_states[index]
        old = s.set_states[ref] if ref >= 0 and not fresh and s.set_states[ref].there else None
        if old is None and not (fresh or cold or kind == SNAPSHOT):
            return False
        coarse = flags >> 2 & 7
        if coarse > s.top:
            return False
        gains = self._gains if declared else old.gains  # pyright: ignore[reportOptionalMemberAccess]
        if kind == SNAPSHOT:
            return self._planes(s, new, buf, pos, end, coarse)
        s.bind(old, new, coarse, gains)
        if old is None and cold and not fresh:
            new.known = 0
        cx = s.cx
        s.there[core.ALL] = s.all_there
        mask = (s.marks + 7) >> 3
        if pos + (mask if flags & 0x20 else 0) + (mask if flags & 0x80 else 0) > end:
            return False
        if flags & 0x20:
            pos = unpack.get_mask(s.there, s.marks, buf, pos)
        first = count = 0
        if flags & 0x40:
            first = self._varint(buf, pos, end)
            if first < 0:
                return False
            count = self._varint(buf, self._at, end)
            if count < 0 or first + count > s.marks:
                return False
            pos = self._at
        stop = s.marks
        if new.known < s.marks:
            if count and first == new.known:
                new.known += count
            stop = new.known
        todo = 0
        if new.full and not flags & 0x60:
            s.todo[core.ALL] = s.all_there
        else:
            todo = core.plan_todo(cx, s.there, first, count)
        if flags & 0x80:
            if pos + mask > end:
                return False
            pos = unpack.get_jumps(cx, buf, pos)
            todo |= 1
        if s.quat:
            if stop < s.marks or pos + unpack.count_intra(cx) > end:
                return False
            pos = unpack.get_drops(cx, buf, pos)
            unpack.quat_reference(cx)
        mode = flags & 3
        if mode == 1 or mode == 2:
            core.extrapolate(cx[_X1], s.base, s.n, mode)
        else:
            cx[_BASE] = cx[_X1]
        cx[_INTRA] = todo & 1
        cx[_BUF] = buf
        cx[_POS] = pos
        cx[_END] = end
        cx[_STOP] = stop
        if not unpack.unpack(0, 0, 0, cx):
            return False
        if s.quat:
            s.quat.quat_restore(cx)
        if stop < s.marks:
            unpack.forget(cx, stop)
            todo |= 2
        if todo:
            new.full = core.settle(cx, new.x, new.previous, s.shape_wide) == 1
        new.there = True
        return True

    def _planes(self, s, new, buf, pos, end, coarse):
        """A snapshot: the whole state of a set, four planes."""
        cx = s.cx
        s.bind(None, new, coarse, self._gains)
        if pos + ((s.marks + 7) >> 3) > end:
            return False
        pos = unpack.get_mask(new.valid, s.marks, buf, pos)
        unpack.intra_where(new.valid, s.todo, s.marks)
        new.full = True
        for i in range(s.marks):
            if not new.valid[i]:
                new.full = False
        plan = cx[_PLAN]
        own = array("H", bytes(10 * s.marks))
        wide = array("H", bytes(10 * s.marks)) if s.quat else plan
        for i in range(s.marks):
            own[5 * i] = i * s.coded
            if s.quat:
                wide[5 * i] = i * 4
        big = s.marks * s.wide
        ones = bytearray(big)
        core.fill8(ones, big, 64)
        # what the state arrays of a plane start from and are thrown away in
        ema = array("H", bytes(2 * big))
        w = bytearray(big)
        template = array("h", bytes(2 * big))
        near = array("H", bytes(2 * big))
        scale = array("H", bytes(2 * big))
        e = array("h", bytes(2 * big))
        d = array("h", bytes(2 * big))
        kept = (cx[_E], cx[_D], cx[_START_WEIGHT], cx[_START_SCALE], cx[_TEMPLATE], cx[_INTRA_SCALE])
        cx[_E] = e
        cx[_D] = d
        cx[_START_WEIGHT] = ones
        cx[_INTRA] = 1
        cx[_BUF] = buf
        cx[_STOP] = s.marks
        values = array("h", bytes(2 * s.n))
        for plane in range(4):
            size = self._varint(buf, pos, end)
            if size < 0 or self._at + size > end:
                break
            pos = self._at
            ch = s.wide if plane < 2 else s.coded
            n = s.marks * ch
            if plane < 2:
                for q in range(n):
                    template[q] = 0 if s.quat else s.template[q]
                    scale[q] = s.intra_scale[0] if s.quat else s.intra_scale[q]
                    near[q] = s.start_scale[0] if s.quat else s.start_scale[q]
            else:
                for q in range(n):
                    template[q] = s.start_scale[q] if plane == 2 else s.start_weight[q]
                    scale[q] = min(s.start_scale[q] * 8, 32767) if plane == 2 else 128
            cx[_PLAN] = wide if plane < 2 else own
            cx[_CHANNELS] = ch
            cx[_TEMPLATE] = template
            cx[_INTRA_SCALE] = scale
            start = near if plane == 1 else scale
            cx[_START_SCALE] = start
            core.rescale_scale(start, ema, n, 0)
            core.fill8(w, n, 64)
            cx[_EMA] = ema
            cx[_W] = w
            if plane == 1:
                unpack.delta_where(new.valid, s.todo, s.marks)
            else:
                unpack.intra_where(new.valid, s.todo, s.marks)
            out = new.x if plane == 0 else new.previous if plane == 1 else values
            cx[_X] = out
            cx[_BASE] = new.x
            cx[_POS] = pos
            cx[_END] = pos + size
            if not unpack.unpack(0, 0, 0, cx):
                break
            pos += size
            if plane >= 2:
                ok = True
                for i in range(s.marks):
                    for c in range(ch):
                        q = i * ch + c
                        if new.valid[i]:
                            v = values[q]
                            if plane == 2:
                                ok = ok and 2 <= v
                                new.scale[q] = v & 0xFFFF
                            else:
                                ok = ok and 0 <= v <= 80
                                new.w[q] = v & 255
                if not ok:
                    break
        else:
            new.there = pos == end
        cx[_PLAN] = plan
        cx[_CHANNELS] = s.coded
        cx[_E], cx[_D], cx[_START_WEIGHT], cx[_START_SCALE], cx[_TEMPLATE], cx[_INTRA_SCALE] = kept
        return new.there
