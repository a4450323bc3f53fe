"""How much machine code a .mpy file holds: what the chip must have room for outside MicroPython's heap."""

from posewire.errors import SimulatorError

_BYTECODE = 2
_NATIVE = 3
_ASSEMBLER = 5
_ARCHITECTURE_FLAGS = 0x40
_RELOCATED = 0x20
_TEXT_OBJECTS = (5, 6)
_NUMBER_OBJECTS = (7, 8, 9)
_TUPLE_OBJECT = 10


def native_sizes(mpy: bytes) -> list[int]:
    """The bytes of each of its functions that is machine code, in the order in which they are loaded.

    Raises:
        SimulatorError: it is not a .mpy file of format 6.
    """
    try:
        return _Reader(mpy).sizes()
    except IndexError:
        raise SimulatorError("not a complete .mpy file") from None


class _Reader:
    # The format: py/persistentcode.c of MicroPython.
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def sizes(self) -> list[int]:
        if self._data[:2] != b"M\x06":
            raise SimulatorError("not a .mpy file of format 6")
        flags = self._data[2]
        self._at = 4
        if flags & _ARCHITECTURE_FLAGS:
            self._uint()
        names, objects = self._uint(), self._uint()
        for _ in range(names):
            length = self._uint()
            if not length & 1:
                self._skip((length >> 1) + 1)
        for _ in range(objects):
            self._object()
        found: list[int] = []
        self._code(found)
        return found

    def _code(self, found: list[int]) -> None:
        head = self._uint()
        kind, length = (head & 3) + _BYTECODE, head >> 3
        self._skip(length)
        relocated = False
        if kind == _NATIVE:
            self._uint()
        elif kind != _BYTECODE:
            relocated = bool(self._uint() & _RELOCATED)
            if kind == _ASSEMBLER:
                self._uint()
                self._uint()
        if relocated:
            raise SimulatorError("a .mpy file of a C compiler")
        for _ in range(self._uint() if head & 4 else 0):
            self._code(found)
        if kind != _BYTECODE:
            found.append(length)

    def _object(self) -> None:
        kind = self._byte()
        if kind in _TEXT_OBJECTS:
            self._skip(self._uint() + 1)
        elif kind in _NUMBER_OBJECTS:
            self._skip(self._uint())
        elif kind == _TUPLE_OBJECT:
            for _ in range(self._uint()):
                self._object()

    def _uint(self) -> int:
        value = 0
        while True:
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError
