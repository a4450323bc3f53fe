"""A ring of frame slots in one buffer: fixed memory, oldest frame overwritten when full, losses counted.

Producer: `at = ring.slot()`, write into ring.buffer at `at`, `ring.commit(count)`. Consumer: `at = ring.front()`, which
is -1 for nothing there, read ring.length() bytes, `ring.release()`; or all at once, `ring.move_out(target, at)`. Both
sides run in one thread, and a consumer takes a frame out of the ring before it gives up control, so the producer may
drop the oldest. Nothing is allocated after the start.
"""

from array import array

from posewire_fw.memcopy import memcopy


class Ring:
    def __init__(self, size, slot_size):
        self.buffer = bytearray(size)
        self._lengths = array("H", bytes(2 * 64))
        self.dropped = 0
        self.configure(slot_size, 1)

    def configure(self, slot_size, least):
        """Divide the buffer into slots of this size (at most 64 of them) and forget what was in it.

        A buffer without room for the least number of slots is replaced by one that has it; may raise MemoryError.
        """
        self.slot_size = (slot_size + 3) & -4
        if self.slot_size * least > len(self.buffer):
            self.buffer = bytearray(self.slot_size * least)
        self.slots = min(64, len(self.buffer) // self.slot_size)
        self.clear()

    def clear(self):
        self._first = 0
        self.count = 0

    def slot(self):
        """The offset of the slot to fill next. When the ring is full the oldest frame is dropped to make room."""
        if self.count == self.slots:
            self.dropped += 1
            self.release()
        return (self._first + self.count) % self.slots * self.slot_size

    def commit(self, length):
        self._lengths[(self._first + self.count) % self.slots] = length
        self.count += 1

    def front(self):
        """The offset of the oldest frame, -1 when there is none."""
        if not self.count:
            return -1
        return self._first * self.slot_size

    def length(self):
        return self._lengths[self._first]

    def move_out(self, target, at):
        """Move the oldest frame into a buffer at an offset; return its length. There must be one."""
        count = self.length()
        memcopy(target, at, self.buffer, self.front(), count)
        self.release()
        return count

    def release(self):
        self._first = (self._first + 1) % self.slots
        self.count -= 1
