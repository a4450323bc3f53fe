"""Encodes one pose stream on the board: the same packets, byte for byte, as posewire.wire.pose.PoseEncoder.

Everything is allocated by the constructor; ``encode`` allocates nothing. Its larger functions are compiled to machine
code (``native``): their frames then lie on the C stack, where bytecode would take them from the heap at every call.
"""

from array import array

from micropython import const

from posewire_fw import pose_core as core
from posewire_fw import pose_pack as pack
from posewire_fw.memcopy import memcopy

# Places in the list of buffers, as in pose_core: where it is a module's own, a constant costs no memory.
_BASE = const(2)
_RES = const(13)
_CTX = const(14)
_BUF = const(17)
_INTRA = const(20)
_POS = const(22)
_END = const(23)
_X1 = const(24)

_KEY = const(0)
_DELTA = const(1)
_REPEAT = const(2)
_RESTART = const(4)
_VERSION = const(1 << 5)
_FINER_AFTER = const(8)
_CANDIDATE_LIFE = const(32)


class PoseEncoder:
    """``sets``: PoseSet objects made with ``set_states=STATES`` (3 if acknowledged), in the order in which they travel.

    The options are those of the host's encoder; ``budget`` 0 means none.
    """

    STATES = 2
    STATES_ACKNOWLEDGED = 3

    def __init__(
        self,
        sets,
        stream=0,
        key_every=0,
        refresh=0,
        layers=1,
        acknowledged=False,
        budget=0,
        coarse=0,
        sequence=0,
    ):
        self.sets = sets
        self.stream = stream
        self.key_every = key_every
        self.refresh = refresh
        self.layers = layers
        self.acknowledged = acknowledged
        self.budget = budget
        self.coarse = coarse
        self._floor = coarse
        self._top = 7
        states = 3 if acknowledged else 2
        room = 64
        for s in sets:
            if len(s.set_states) < states or (refresh and s.quat):
                raise ValueError("states")
            s.cx[_RES] = array("h", bytes(2 * s.n))
            s.cx[_CTX] = bytearray(s.n)
            if s.top < self._top:
                self._top = s.top
            room += 32 + 3 * (s.marks // 8 + 1) + s.marks // 4 + 1 + 4 * s.n + (2 * s.marks if s.id == 0 else 0)
        self.room = room  # bytes that ``encode`` needs behind ``off``
        self._unit = bytes([32] * 8)
        self._gains = bytearray(8)
        self.sequence = sequence & 0xFFFF  # of the next packet
        self._states = states
        self._state_seq = [0] * states
        self._state_time = [bytearray(4) for _ in range(states)]
        self._check = [array("I", [0]) for _ in range(states)]
        self._zero = array("I", [0])
        self._run = array("I", [0])
        self._base = -1
        self._candidate = -1
        self._since_key = 0
        self._since_restart = 0
        self._steady = 0
        self._want_key = False
        self._layer = 0
        self._repeat = False

    def request_key(self):
        """The next packet will be a key."""
        self._want_key = True

    def control(self, buf, off, end):
        """Obeys a control packet; True when it was one of this stream, undamaged."""
        if end - off < 9 or buf[off] >> 2 != (_VERSION >> 2 | 7) or buf[off + 1] != self.stream:
            return False
        self._run[0] = 0
        core.crc32(buf, off, end - 4, self._run)
        if not core.same_crc(self._run, buf, end - 4):
            return False
        what = buf[off + 4]
        if what == 1:
            self._want_key = True
        elif what == 2:
            if self._candidate >= 0 and (buf[off + 2] << 8 | buf[off + 3]) == self._state_seq[self._candidate]:
                self._base = self._candidate
                self._candidate = -1
        elif what == 3 and end - off == 11:
            self.budget = buf[off + 5] << 8 | buf[off + 6]
        return True

    def encode(self, values, time, buf, off=0):
        """Writes the packet of one instant into ``buf`` at ``off`` and returns its length.

        ``values``: for each set an ``array('f')`` (NaN = missing landmark), for raw sets an ``array('h')``, or None.
        ``buf`` needs ``room`` bytes behind ``off``. ``time``: 4 bytes, big-endian ms, not running backwards. (A number
        of 32 bits would be an object on the heap of a chip.)
        """
        if len(buf) - off < self.room:
            raise ValueError("buffer")
        base = self._base
        if base >= 0:
            if (
                self._want_key
                or (self.key_every and self._since_key >= self.key_every)
                or (self.sequence - self._state_seq[base]) & 0xFFFF > 255
                or self._too_late(base, time)
            ):
                base = -1
        level = self._floor
        if self.budget:
            if self.coarse > level:
                level = self.coarse
            if level > self._floor and self._steady >= _FINER_AFTER:
                level -= 1
        trial = 0
        while trial == self._base or trial == self._candidate:
            trial += 1
        while True:
            size = self._encode_at(values, base, trial, time, level, buf, off)
            if not self.budget or size <= self.budget or level >= self._top:
                break
            level += 1
        self._steady = self._steady + 1 if level == self.coarse else 0
        self.coarse = level
        self._commit(trial, base < 0, time)
        self.sequence = (self.sequence + 1) & 0xFFFF
        return size

    def _too_late(self, base, time):
        """Whether the low 16 bits of time do not say how long after that reference frame it is."""
        was = self._state_time[base]
        high = ((time[0] << 8 | time[1]) - (was[0] << 8 | was[1])) & 0xFFFF
        low = (time[2] << 8 | time[3]) - (was[2] << 8 | was[3])
        return low < 0 if high == 0 else high > 1 or low >= 0

    def _commit(self, trial, key, time):
        if key:
            self._since_key = 0
            self._since_restart = 0
            self._want_key = False
            self._candidate = -1
        self._since_key += 1
        if self._repeat or self._layer:
            return
        if self.refresh and not key:
            self._since_restart += 1
            if self._since_restart == 2 * self.refresh:
                self._since_restart = self.refresh
        self._state_seq[trial] = self.sequence
        memcopy(self._state_time[trial], 0, time, 0, 4)
        if self.acknowledged and not key:
            self._candidate = trial
        else:
            self._base = trial

    def _layer_now(self):
        if self.acknowledged:
            c = self._candidate
            return 1 if c >= 0 and (self.sequence - self._state_seq[c]) & 0xFFFF < _CANDIDATE_LIFE else 0
        return 1 if self.layers == 2 and self._since_key & 1 else 0

    def _quantise(self, s, values, state, level):
        """The set's integers at a level; False when the set is missing."""
        if values is None:
            state.there = False
            return False
        if s.raw:
            pack.quantise16(values, state.x, s.size, level)
            s.there[core.ALL] = s.all_there
            s.missing = 0
        else:
            q = s.quantise
            q[0] = values
            q[1] = state.x
            q[2] = s.on_grid(level)
            s.missing = pack.quantise(0, 0, 0, q)
            if s.quat:
                s.missing += s.quat.unit_length(0, 0, q)
        state.there = s.missing < s.marks
        return state.there

    def _same(self, trial, base, level):
        """Whether this frame is the reference's pose again."""
        k = 0
        while k < len(self.sets):
            s = self.sets[k]
            a = s.set_states[trial]
            b = s.set_states[base]
            k += 1
            if a.there != b.there:
                return False
            if not a.there:
                continue
            if b.coarse != level or s.quat or b.full == (s.missing > 0):
                return False
            if s.missing and not pack.equal8(s.there, b.valid, s.marks):
                return False
            if not pack.same_present(a.x, b.x, s.there, s.shape_wide):
                return False
        return True

    def _encode_at(self, values, base, trial, time, level, buf, off):
        k = 0
        while k < len(self.sets):
            s = self.sets[k]
            self._quantise(s, values[k], s.set_states[trial], level)
            k += 1
        self._layer = 0 if base < 0 else self._layer_now()
        segment = -1
        if self.refresh and base >= 0 and self._layer == 0:
            segment = self._since_restart - self.refresh
        distance = (self.sequence - self._state_seq[base]) & 0xFFFF
        self._repeat = base >= 0 and segment < 0 and self._same(trial, base, level)
        kind = _KEY if base < 0 else _REPEAT if self._repeat else _RESTART if segment == 0 else _DELTA
        if self._repeat:
            self._layer = 1
        buf[off] = _VERSION | kind << 2 | self._layer
        buf[off + 1] = self.stream
        buf[off + 2] = self.sequence >> 8
        buf[off + 3] = self.sequence & 255
        pos = off + 4
        if kind == _KEY or kind == _RESTART:
            buf[pos] = time[0]
            buf[pos + 1] = time[1]
            pos += 2
        buf[pos] = time[2]
        buf[pos + 1] = time[3]
        pos += 2
        if kind != _KEY:
            buf[pos] = distance
            pos += 1
        if kind == _RESTART:
            core.put_crc(self._check[base], buf, pos)
            pos += 4
        if not self._repeat:
            k = 0
            while k < len(self.sets):
                s = self.sets[k]
                if s.set_states[trial].there:
                    pos = self._block(s, base, trial, level, segment, buf, pos)
                k += 1
        seed = self._check[base] if kind == _DELTA or kind == _REPEAT else self._zero
        run = self._run if self._repeat else self._check[trial]
        memcopy(run, 0, seed, 0, 4)
        core.crc32(buf, off, pos, run)
        core.put_crc(run, buf, pos)
        return pos + 4 - off

    def _block(self, s, base, trial, level, segment, buf, pos):
        """One set: writes its block at ``pos`` and returns the position after it."""
        cx = s.cx
        new = s.set_states[trial]
        ref = s.set_states[base] if base >= 0 and s.set_states[base].there else None
        gains = self._gains
        declare = ref is None or segment == 0
        if not declare:
            memcopy(gains, 0, ref.gains, 0, s.coded)  # pyright: ignore[reportOptionalMemberAccess]
        else:
            past = s.set_states[self._base] if self._base >= 0 else None
            if past is None or not past.there:
                memcopy(gains, 0, self._unit, 0, s.coded)
            else:
                s.plain_scales(past.coarse, s.start_scale)
                c = 0
                while c < s.coded:
                    gains[c] = pack.gain_of(past.scale, s.start_scale, s.shape, c)
                    c += 1
        s.bind(ref, new, level, gains)
        first = 0
        count = 0
        if segment >= 0 and ref is not None:
            step = (s.marks + self.refresh - 1) // self.refresh
            if step < 4:
                step = 4
            first = segment * step
            if first < s.marks:
                count = step if step < s.marks - first else s.marks - first
            else:
                first = 0
        todo = 0
        if ref is not None and new.full and not s.missing and not count:
            s.todo[core.ALL] = s.all_there
        else:
            todo = core.plan_todo(cx, s.there, first, count)
        jumps = 0
        if s.quat:
            jumps = s.quat.quat_prepare(cx)
        cx[_INTRA] = 1 if todo & 1 or jumps else 0
        mode = 0
        if ref is not None:
            mode = pack.pick_mode(cx)
        if mode:
            core.extrapolate(cx[_X1], s.base, s.n, mode)
        else:
            cx[_BASE] = cx[_X1]
        cx[_BUF] = buf
        end = len(buf)
        cx[_POS] = pack.model(0, 0, 0, cx)
        cx[_END] = end
        start = pack.rans(0, 0, 0, cx)
        flags = (3 if ref is None else mode) | level << 2
        at = pos + 5  # room for the longest length
        if declare:
            buf[at] = s.wide
            at += 1
            memcopy(buf, at, s.bits, 0, s.wide)
            at += s.wide
            if s.quat:
                buf[at] = s.marks
                at += 1
            elif s.id == 0:
                at = put_varint(buf, at, s.marks)
                i = 0
                while i < s.marks:
                    p = s.parents[i] if s.parents else -1
                    at = put_varint(buf, at, 0 if p < 0 else i - p)
                    i += 1
            memcopy(buf, at, gains, 0, s.coded)
            at += s.coded
        if s.missing:
            flags |= 0x20
            at = pack.put_mask(s.there, s.marks, buf, at)
        if count:
            flags |= 0x40
            at = put_varint(buf, at, first)
            at = put_varint(buf, at, count)
        if jumps:
            flags |= 0x80
            at = s.quat.put_jumps(cx, buf, at)
        if s.quat:
            at = s.quat.put_drops(cx, buf, at)
        body = at - (pos + 5) + end - start
        buf[pos] = s.id
        buf[pos + 1] = flags
        to = put_varint(buf, pos + 2, body)
        memcopy(buf, to, buf, pos + 5, at - (pos + 5))
        to += at - (pos + 5)
        memcopy(buf, to, buf, start, end - start)
        if s.quat:
            s.quat.quat_restore(cx)
        if cx[_INTRA] or todo & 2:
            new.full = core.settle(cx, new.x, new.previous, s.shape_wide) == 1
        return to + end - start


def put_varint(buf, at, value):
    while value > 127:
        buf[at] = value & 127 | 128
        value >>= 7
        at += 1
    buf[at] = value
    return at + 1
