"""A ring of frames in one buffer: fixed memory, oldest frame overwritten when full, losses counted.

Producer: `at = ring.back()`, write into ring.buffer at `at`, `ring.commit(count)`. Consumer: `at = ring.front()`, which
is -1 for nothing there, read ring.length() bytes, `ring.release()`; or all at once, `ring.move_out(target, at)`. Both
sides run in one thread, and a consumer takes a frame out of the ring before it gives up control, so the producer may
drop the oldest. Nothing is allocated after the start.
"""

from array import array

from posewire_fw.memcopy import memcopy


class Ring:
    def __init__(self, size, frame_size):
        self.buffer = bytearray(size)
        self._lengths = array("H", bytes(2 * 64))
        self.dropped = 0
        self.configure(frame_size, 1)

    def configure(self, frame_size, least):
        """Divide the buffer into places of this size for a frame each (at most 64) and forget what was in it.

        A buffer without room for the least number of frames is replaced by one that has it; may raise MemoryError.
        """
        self.frame_size = (frame_size + 3) & -4
        if self.frame_size * least > len(self.buffer):
            self.buffer = bytearray(self.frame_size * least)
        self.capacity = min(64, len(self.buffer) // self.frame_size)
        self.clear()

    def clear(self):
        self._first = 0
        self.count = 0

    def back(self):
        """The offset of the place to fill next. When the ring is full the oldest frame is dropped to make room."""
        if self.count == self.capacity:
            self.dropped += 1
            self.release()
        return (self._first + self.count) % self.capacity * self.frame_size

    def commit(self, length):
        self._lengths[(self._first + self.count) % self.capacity] = length
        self.count += 1

    def front(self):
        """The offset of the oldest frame, -1 when there is none."""
        if not self.count:
            return -1
        return self._first * self.frame_size

    def length(self):
        return self._lengths[self._first]

    def move_out(self, target, at):
        """Move the oldest frame into a buffer at an offset; return its length. There must be one."""
        count = self.length()
        memcopy(target, at, self.buffer, self.front(), count)
        self.release()
        return count

    def release(self):
        self._first = (self._first + 1) % self.capacity
        self.count -= 1
