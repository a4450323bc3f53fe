"""Landmark sets on the board: coding order and start values, scratch buffers, and the reference frames' states.

Everything is allocated when a set is made; nothing after that. What runs for each packet and is not small is native:
pose_encoder says why.
"""

import sys
from array import array

from micropython import const

import posewire_fw
from posewire_fw import pose_core as core
from posewire_fw.memcopy import memcopy

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
_TODO = const(9)
_VALID = const(10)
_E = const(11)
_D = const(12)
_WORK = const(15)
_CUM = const(16)
_MARKS = const(18)
_CHANNELS = const(19)
_X1 = const(24)
_DROP = const(25)
_Q4 = const(26)
_R4 = const(27)
_P4 = const(28)
_UNIT = const(29)
_CONTEXT_SIZE = const(30)
_FIRST = const(462)

CUSTOM = 0
QUAT = 7

# id: (landmarks, exponents of the steps, trained table)
NAMED = {
    1: (33, (12, 12, 10, 6), "BODY33"),
    2: (42, (12, 12, 10), "HAND21"),
    3: (468, (12, 12, 10), "FACE478"),
    4: (478, (12, 12, 10), "FACE478"),
    5: (33, (10, 10, 10, 6), "WORLD33"),
    6: (17, (12, 12, 6), "COCO17"),
    8: (2, (0, 0, 0), None),
    10: (21, (12, 12, 10), "HAND21"),
    11: (21, (12, 12, 10), "HAND21"),
}


def ints(code, n):
    return array(code, bytes(2 * n))


def _table(name, face=False):
    """A trained table. Its module is forgotten at once: nobody needs it any more when the set is made."""
    module = "pose_tables_face" if face else "pose_tables"
    path = "posewire_fw." + module
    try:
        return getattr(__import__(path, None, None, (module,)), name)
    finally:
        # What could not be read whole, for want of memory, must go as well.
        sys.modules.pop(path, None)
        if hasattr(posewire_fw, module):
            delattr(posewire_fw, module)


_cum = {}


def cumulative(group):
    """14 x 33 cumulative frequencies; group 1 is for faces."""
    if group not in _cum:
        frequencies = _table("FREQUENCIES")
        out = array("H", bytes(2 * (_FIRST + 14 * 16)))
        at = group * 14 * 32 * 2
        for t in range(14):
            total = 0
            for s in range(32):
                total += frequencies[at] | frequencies[at + 1] << 8
                at += 2
                out[t * 33 + s + 1] = total
            s = t * 33 + 1
            for h in range(16):
                while out[s] <= h << 8:
                    s += 1
                out[_FIRST + 16 * t + h] = s
        _cum[group] = out
    return _cum[group]


def check(ident, marks, bits):
    """Whether the specification allows such a set."""
    if not 1 <= len(bits) <= 8:
        return False
    for b in bits:
        if not -15 <= b <= 15:
            return False
    if ident == CUSTOM:
        return 1 <= marks <= 1000
    if ident == QUAT:
        if not 1 <= marks <= 255 or len(bits) != 4 or not 4 <= bits[0] <= 14:
            return False
        return bits[0] == bits[1] == bits[2] == bits[3]
    return ident in NAMED and len(bits) <= len(NAMED[ident][1]) and marks == NAMED[ident][0]


class SetState:
    """The state of one set in one reference frame."""

    def __init__(self, marks, wide, coded):
        self.x = ints("h", marks * wide)
        self.previous = ints("h", marks * wide)
        self.scale = ints("H", marks * coded)
        self.w = bytearray(marks * coded)
        self.valid = bytearray(marks)
        self.gains = bytearray(coded)
        self.coarse = 0
        self.full = False  # every landmark is valid
        self.there = False  # the set is part of the frame
        self.known = marks  # landmarks, in coding order, that a decoder knows which joined without a key


class PoseSet:
    """One set of a stream. ``bits``: exponents of the steps; ``parents``: of a custom set, -1 for none."""

    def __init__(self, ident, marks=0, bits=(), parents=None, set_states=2):
        self.id = ident
        named = NAMED.get(ident)
        if named:
            marks = named[0]
            bits = bits or named[1]
        elif ident == QUAT:
            bits = bits or (12, 12, 12, 12)
        if not check(ident, marks, bits):
            raise ValueError("landmark set")
        self.marks = marks
        # What codes quaternions; None for all other sets.
        self.quat = None
        if ident == QUAT:
            from posewire_fw import pose_quat

            self.quat = pose_quat
        self.wide = wide = len(bits)
        self.coded = ch = 3 if self.quat else wide
        self.bits = bytes(b & 255 for b in bits)
        self.parents = parents
        self.raw = ident == 8  # frames are arrays of 16-bit integers, not of floats
        self.missing = 0
        self.top = bits[0] - 4 if self.quat else 7
        n = marks * ch
        self.n = n
        self.size = marks * wide
        self.shape = marks << 8 | ch
        self.shape_wide = marks << 8 | wide
        self._plan(ident, named, marks, ch)
        self.template = ints("h", n)
        self.intra_scale = ints("H", n)
        self.start_scale = ints("H", n)
        self._level = -1
        self._gains = bytearray(ch)
        self._by = bytearray(ch)
        self.base = ints("h", n)
        self.todo = bytearray(marks)
        self.there = bytearray(marks)
        self.all_there = b"\x01" * marks
        self.drop = bytearray(marks)
        self.quantise: list = [None, None, None, self.there]
        # what the float conversions need: landmarks, channels, limit, exponents at the coarse level
        self.grid = bytearray(5 + wide)
        self.set_states = [SetState(marks, wide, ch) for _ in range(set_states)]
        if self.quat:
            self.x3 = ints("h", n)
            self.r3 = ints("h", n)
            self.p4 = ints("h", marks * 4)
        cx: list = [None] * _CONTEXT_SIZE
        cx[_PLAN] = self.plan
        cx[_TEMPLATE] = self.template
        cx[_INTRA_SCALE] = self.intra_scale
        cx[_START_SCALE] = self.start_scale
        cx[_START_WEIGHT] = self.start_weight
        cx[_TODO] = self.todo
        cx[_E] = ints("h", n)
        cx[_D] = ints("h", n)
        cx[_WORK] = array("i", bytes(4 * 48))
        cx[_CUM] = cumulative(1 if ident in (3, 4) else 0)
        cx[_MARKS] = marks
        cx[_CHANNELS] = ch
        cx[_DROP] = self.drop
        self.cx = cx

    def _plan(self, ident, named, marks, ch):
        name = named[2] if named else None
        # First, because reading it takes several times its size for a moment.
        t = memoryview(_table(name, name == "FACE478")) if name else None
        n = marks * ch
        plan = array("H", bytes(10 * marks))
        template = ints("h", n)
        kcode = bytearray(n)
        scode = bytearray(n)
        start_weight = bytearray(n)
        self.plan = plan
        self._template = template
        self._kcode = kcode
        self._scode = scode
        self.start_weight = start_weight
        self.table_bits = None
        if t is None:
            core.fill8(kcode, n, 58 if self.quat else 34)
            core.fill8(scode, n, 24)
            core.fill8(start_weight, n, 64)
            for i in range(marks):
                plan[5 * i] = i * ch
                p = self.parents[i] if self.parents else -1
                if p >= i:
                    raise ValueError("parents come first")
                if p >= 0:
                    plan[5 * i + 1] = 1
                    plan[5 * i + 2] = p * ch
            return
        rows = t[0] | t[1] << 8
        wide = t[2]
        self.table_bits = bytes(t[3 : 3 + wide])
        order = 3 + wide
        count = order + 2 * rows
        refs = count + rows
        tm = refs + 6 * rows
        ks = tm + 2 * rows * wide
        ss = ks + rows * wide
        ws = ss + rows * wide
        hands = 2 if ident == 2 else 1
        per = marks // hands
        at = 0
        for h in range(hands):
            add = h * per
            for j in range(rows):
                i = t[order + 2 * j] | t[order + 2 * j + 1] << 8
                if i >= per:
                    continue
                b = (i + add) * ch
                plan[at] = b
                k = t[count + j]
                plan[at + 1] = k
                for r in range(k):
                    o = refs + 6 * j + 2 * r
                    plan[at + 2 + r] = ((t[o] | t[o + 1] << 8) + add) * ch
                at += 5
                for c in range(ch):
                    s = i * wide + c
                    v = t[tm + 2 * s] | t[tm + 2 * s + 1] << 8
                    template[b + c] = v - 65536 if v & 0x8000 else v
                    kcode[b + c] = t[ks + s]
                    scode[b + c] = t[ss + s]
                    start_weight[b + c] = t[ws + s]

    def level(self, coarse, gains):
        """Start values for this coarse level and these gains."""
        same = coarse == self._level
        for c in range(self.coded):
            if gains[c] != self._gains[c]:
                same = False
        if same:
            return
        for c in range(self.coded):
            b = self.bits[c]
            if b & 0x80:
                b -= 256
            if self.quat:
                by = 12 - b
            elif self.table_bits is None:
                by = 0
            else:
                by = self.table_bits[c] - b
            self._by[c] = (by + coarse) & 255
            self._gains[c] = gains[c]
        core.start_template(self._template, self.template, self._by, self.shape)
        core.start_scales(self._kcode, self.intra_scale, self._by, self.shape)
        core.start_scales(self._scode, self.start_scale, self._by, self.shape)
        core.apply_gain(self.start_scale, self.start_scale, self._gains, self.shape)
        self._level = coarse

    def plain_scales(self, coarse, out):
        """Start scales without gains."""
        for c in range(self.coded):
            self._gains[c] = 255  # whatever is cached no longer holds
        self._level = -1
        b = self.bits[0]
        if b & 0x80:
            b -= 256
        for c in range(self.coded):
            b = self.bits[c]
            if b & 0x80:
                b -= 256
            by = 12 - b if self.quat else 0 if self.table_bits is None else self.table_bits[c] - b
            self._by[c] = (by + coarse) & 255
        core.start_scales(self._scode, out, self._by, self.shape)

    def on_grid(self, coarse):
        """The conversion table of a coarse level."""
        g = self.grid
        g[0] = self.marks & 255
        g[1] = self.marks >> 8
        g[2] = self.wide
        limit = 32767
        if self.quat:
            limit = 1 << (self.bits[0] - coarse)
        g[3] = limit & 255
        g[4] = limit >> 8
        for c in range(self.wide):
            g[5 + c] = 150 + coarse - ((self.bits[c] ^ 0x80) - 0x80)
        return g

    def bind(self, ref, new, coarse, gains):
        """Prepares ``new`` to be coded against ``ref`` (None: from nothing): references on the grid of ``coarse``.

        Afterwards new.previous is the reference, the base buffer the frame before it, new.scale and new.w the state
        to go on from.
        """
        cx = self.cx
        self.level(coarse, gains)
        if ref is None:
            core.fill8(new.valid, self.marks, 0)
            core.fill8(new.previous, 2 * self.size, 0)
            core.fill8(self.p4 if self.quat else self.base, 2 * self.size, 0)
            core.rescale_scale(self.start_scale, new.scale, self.n, 0)
            new.w[core.ALL] = self.start_weight
            new.full = False
            new.known = self.marks
        else:
            by = coarse - ref.coarse
            before = self.p4 if self.quat else self.base
            if by:
                core.rescale(ref.x, new.previous, self.size, by)
                core.rescale(ref.previous, before, self.size, by)
                core.rescale_scale(ref.scale, new.scale, self.n, by)
            else:
                new.previous[core.ALL] = ref.x
                before[core.ALL] = ref.previous
                new.scale[core.ALL] = ref.scale
            new.w[core.ALL] = ref.w
            new.valid[core.ALL] = ref.valid
            new.full = ref.full
            new.known = ref.known
        new.coarse = coarse
        memcopy(new.gains, 0, gains, 0, self.coded)
        cx[_EMA] = new.scale
        cx[_W] = new.w
        cx[_VALID] = new.valid
        if self.quat:
            cx[_X] = self.x3
            cx[_X1] = self.r3
            cx[_Q4] = new.x
            cx[_R4] = new.previous
            cx[_P4] = self.p4
            cx[_UNIT] = 1 << (self.bits[0] - coarse)
        else:
            cx[_X] = new.x
            cx[_X1] = new.previous
        cx[_BASE] = self.base
