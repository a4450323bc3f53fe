"""A chip behind I2C as a file of registers: the base of the simulated ones."""


class Registers:
    """write_register() and before_read() are for those that do something."""

    present = True

    def __init__(self):
        self.registers = bytearray(256)
        self._at = 0

    def write(self, buf, start):
        """Bytes from the bus: values for the present register and those after it."""
        at = start
        end = len(buf)
        while at < end:
            self.write_register(self._at, buf[at])
            self._at = self._next(self._at)
            at += 1

    def point(self, register):
        self._at = register

    def read(self, buf, size):
        """Give so many bytes from the present register on."""
        self.before_read(self._at)
        at = 0
        while at < size:
            buf[at] = self.registers[self._at]
            self._at = self._next(self._at)
            at += 1

    def write_register(self, register, value):
        self.registers[register] = value

    def before_read(self, register):
        pass

    def _next(self, register):
        return register + 1 & 0xFF
