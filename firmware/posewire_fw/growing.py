"""Shares a small chip's memory out at the start: how far the heap grows, and what is held back. Unloaded after it."""

from micropython import const

from posewire_fw import memory

try:
    import esp32
except ImportError:
    esp32 = None

# Heap and internal memory together, with Wi-Fi active: an ESP32 has 150 000 bytes.
_SMALL = const(200000)
# What is left where nothing is to be grown by.
_MARGIN = const(1024)
# For the machine code of what is loaded before release(), where that goes into the same memory.
_CODE = const(16384)
# The slow memory of an ESP32, and what machine.RTC().memory() takes of it.
_SLOW = const(8192)
_RTC = const(2048)
# What fills the heap, so that it grows; the last one becomes the buffer of received messages.
_FILL = const(2560)

# A UART of its own, for the sake of its receive buffer: that is memory of the chip, of any size that is asked for.
_held = None
_held_by = 0
# The last one of what has filled the heap: it lives in what that has grown by.
_keeper = None
# Where lasting_buffer() takes from.
_places = None


def is_small():
    """Whether this is a chip that has to be economical, without PSRAM. Where nothing is known, it is not."""
    found = memory.idf()
    return found is not None and memory.growth() > 0 and found[0] + memory.heap_free() < _SMALL


def grow(keep, pins=None):
    """Let the heap grow now, by what the chip's own memory has beyond `keep` bytes, and hold the rest until release().

    The heap takes the largest block that there is, up to its own size, once it is full; and gives back what it has
    grown by when nothing lives there. So it is filled, and what no longer fitted into the old part stays: keeper().
    """
    global _keeper
    found = memory.idf()
    if found is None:
        return
    count = found[0] - keep
    if count < _FILL:
        hold(found[1] - _MARGIN, pins)
        return
    before = memory.growth()
    hold(before - count, pins)
    before = min(before, memory.growth())
    kept = []
    try:
        while memory.growth() >= before:
            kept.append(bytearray(_FILL))
        _keeper = kept.pop()
    except MemoryError:
        pass
    kept = None
    if not _code_apart():
        # Machine code is loaded before the release.
        count = memory.held - _CODE
        release()
        hold(count, pins)


def _code_apart():
    """Whether there is memory for machine code that nothing else can use."""
    data = [region[0] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]  # pyright: ignore
    for region in esp32.idf_heap_info(esp32.HEAP_EXEC):  # pyright: ignore
        if region[0] not in data:
            return True
    return False


def keeper(count):
    """A buffer of at least so many bytes: the one that holds what the heap has grown by, where there is one."""
    global _keeper
    kept, _keeper = _keeper, None
    return kept if kept is not None and len(kept) >= count else bytearray(count)


def lasting_buffer(count):
    """A buffer for the life of the board: of memory that nothing else uses, while there is some, else of the heap."""
    global _places
    if _places is None:
        _places = _find_places()
    for place in _places:
        if place[1] >= count:
            import uctypes

            at = place[0]
            place[0] += count + 3 & -4
            place[1] -= count + 3 & -4
            return uctypes.bytearray_at(at, count)
    return bytearray(count)


def _find_places():
    """[address, bytes] of what a plain ESP32 keeps, and this firmware has no use for.

    For programs of its slow second processor (ULP), at the beginning of the slow memory, and, somewhere behind, for
    machine.RTC().memory().
    """
    count = getattr(getattr(esp32, "ULP", None), "RESERVE_MEM", 0)
    if not count:
        return ()
    import os

    import machine
    import uctypes

    start = int.from_bytes(b"\x50\x00\x00\x00", "big")
    places = [[start, count]]
    mark = os.urandom(16)
    try:
        machine.RTC().memory(mark + bytes(_RTC - len(mark)))
        at = bytes(uctypes.bytearray_at(start, _SLOW)).find(mark)
        if at >= count:
            places.append([start + (at + 3 & -4), _RTC - 4])
    except (AttributeError, ValueError):
        pass
    return places


def hold(count, pins=None):
    """Take so many bytes of the chip's own memory, until release(). pins: the board's, for a chip with two UARTs."""
    global _held, _held_by
    import machine

    if count <= 0:
        return
    pins = pins or {}
    # Of two UARTs one is the console's, and the other one's usual pins may be anything's: take what is an output and
    # an input anyway.
    tx = pins.get("uart_tx", pins.get("led"))
    rx = pins.get("uart_rx", pins.get("button"))
    for number in (2, 1):
        try:
            if number == 1 and tx is not None and rx is not None:
                _held = machine.UART(1, 115200, tx=tx, rx=rx, rxbuf=count)
            else:
                _held = machine.UART(number, 115200, rxbuf=count)
            memory.held = count
            _held_by = number
            return
        except ValueError:
            continue
        except (OSError, MemoryError) as exc:
            print("start: cannot hold %d bytes back: %s" % (count, exc))
            return


def release(but=0):
    """Give back what hold() has taken, where it can be all but so many bytes: those for the network, until the end.

    A part that then finds no memory is left out, instead of a heap that grows by what the network needs.
    """
    global _held
    if _held is not None:
        _held.deinit()
        _held = None
        memory.held = 0
        if _held_by == 2:
            hold(but)
