"""The stock machine module of an ESP32, as far as firmware uses it, on simulated hardware."""

import errno
import io
import time

import micropython
import simbus
import simidf
from micropython import const
from simi2s import I2S  # noqa: F401

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

_PINS = const(64)

_driven = set()


def _drive(name, more=0):
    """Allocate what a driver and its buffers take of the chip's memory."""
    try:
        return simidf.allocate_parts(simidf.cost(name) + (more if simidf.cost(name) else 0))
    except simidf.NoMemory:
        raise OSError(errno.ENOMEM, "ESP_ERR_NO_MEM")


def _drive_once(name):
    # Before the chip has its memory, the hardware gets itself ready.
    if name not in _driven and simidf.modelled():
        _drive(name)
        _driven.add(name)


# The level that the world outside puts on a pin: 0, 1, or nothing.
_OPEN = const(2)
_levels = bytearray(_PINS)
for _i in range(_PINS):
    _levels[_i] = _OPEN
_pins = {}
# A board reads a button every few milliseconds. This process may not run for longer than a press, on a machine that has
# no time: so a level that is read at all stays until it has been read this often. 255: nobody has read the pin yet.
_SEEN = const(4)
_NEVER = const(255)
_reads = bytearray(b"\xff" * _PINS)
# The level that comes then; the newest, where there are several.
_next_levels = bytearray(b"\xff" * _PINS)


def _on_pin(number, a, b, c, length):
    pin = _pins.get(number)
    if _reads[number] < _SEEN and pin is not None and pin._handler is None:
        _next_levels[number] = a
    else:
        _set_level(number, a)


def _count_read(number):
    """Count a reading of a pin; the next level comes when this one has been seen."""
    if _reads[number] == _NEVER:
        _reads[number] = _SEEN
    elif _reads[number] < _SEEN:
        _reads[number] += 1
        if _reads[number] == _SEEN and _next_levels[number] != _NEVER:
            level = _next_levels[number]
            _next_levels[number] = _NEVER
            _set_level(number, level)


def _set_level(number, a):
    before = _levels[number]
    if before != a and _reads[number] != _NEVER:
        _reads[number] = 0
    _levels[number] = a
    pin = _pins.get(number)
    if pin is not None and before != a:
        pin._changed()


simbus.on(simbus.PIN, _on_pin)


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __new__(cls, id, *args, **kwargs):
        if isinstance(id, Pin):
            return id
        if not 0 <= id < _PINS:
            raise ValueError("invalid pin")
        pin = _pins.get(id)
        if pin is None:
            pin = super().__new__(cls)
            pin.number = id
            pin._mode = Pin.IN
            pin._pull = None
            pin._out = 0
            pin._handler = None
            pin._trigger = 0
            pin._last = 0
            _pins[id] = pin
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode != -1:
            self._mode = mode
        if pull != -1:
            self._pull = pull
        if value is not None:
            self.value(value)
        self._last = self._level()

    def value(self, x=None):
        simbus.poll()
        if x is None:
            level = self._level()
            _count_read(self.number)
            return level
        x = 1 if x else 0
        if x != self._out:
            self._out = x
            simbus.send(simbus.PIN_OUT, self.number, x)
        return None

    def __call__(self, x=None):
        return self.value(x)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(1 - self._out)

    def irq(self, handler=None, trigger=3, *, wake=None, hard=False):
        self._handler = handler
        self._trigger = trigger
        self._last = self._level()
        simbus.start()

    def __repr__(self):
        return "Pin(%d)" % self.number

    def _level(self):
        if self._mode == Pin.OUT:
            return self._out
        level = _levels[self.number]
        if level == _OPEN:
            return 1 if self._pull == Pin.PULL_UP else 0
        return level

    def _changed(self):
        level = self._level()
        if level == self._last:
            return
        self._last = level
        if self._handler is not None and self._trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
            self._handler(self)


class PWM:
    def __init__(self, dest, *, freq=5000, duty=None, duty_u16=None, duty_ns=None, invert=False):
        _drive_once("pwm")
        self._pin = Pin(dest)
        self._freq = freq
        self._duty = 0x8000
        self.init(freq=freq, duty=duty, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=None, duty=None, duty_u16=None, duty_ns=None, invert=False):
        if freq is not None:
            self._freq = freq
        if duty is not None:
            self._duty = duty << 6
        if duty_u16 is not None:
            self._duty = duty_u16
        if duty_ns is not None:
            self._duty = duty_ns * self._freq * 65535 // 1000000000
        self._tell()

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._freq = value
        self._tell()
        return None

    def duty(self, value=None):
        if value is None:
            return self._duty >> 6
        self._duty = value << 6
        self._tell()
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._duty = value
        self._tell()
        return None

    def duty_ns(self, value=None):
        if value is None:
            return self._duty * 1000000000 // (self._freq * 65535)
        self._duty = value * self._freq * 65535 // 1000000000
        self._tell()
        return None

    def deinit(self):
        self._duty = 0
        self._tell()

    def _tell(self):
        simbus.send(simbus.PWM, self._pin.number, self._duty, self._freq)


def _sensor():
    """The motion sensor that the simulated board has, and its address."""
    kind = simbus.settings.get("imu", "mpu6050")
    if kind in ("mpu6050", "mpu6886"):
        from simmpu6050 import ADDRESS, Mpu6050

        return ADDRESS, Mpu6050(0x19 if kind == "mpu6886" else ADDRESS)
    from simimu import CHIPS

    return CHIPS[kind].ADDRESS, CHIPS[kind]()


_sensors = []


class I2C:
    """Both buses of the chip: the motion sensor is on each of them, and chips that only remember what they are told."""

    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        from simregisters import Registers

        if not 0 <= id < simbus.settings.get("i2c_ports", 2):
            raise ValueError("I2C(%d) doesn't exist" % id)
        _drive_once("i2c")
        if not _sensors:
            _sensors.append(_sensor())
        self._devices = dict(_sensors)
        for address in simbus.settings.get("i2c", ()):
            self._devices[address] = Registers()

    def init(self, **kwargs):
        pass

    def deinit(self):
        pass

    def scan(self):
        simbus.poll()
        return sorted([address for address in self._devices if self._devices[address].present])

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        device = self._select(addr)
        device.point(memaddr)
        device.read(buf, len(buf))

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf)
        return bytes(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        device = self._select(addr)
        device.point(memaddr)
        device.write(buf, 0)

    def readfrom_into(self, addr, buf, stop=True):
        self._select(addr).read(buf, len(buf))

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self.readfrom_into(addr, buf)
        return bytes(buf)

    def writeto(self, addr, buf, stop=True):
        device = self._select(addr)
        if len(buf):
            device.point(buf[0])
            device.write(buf, 1)
        return len(buf)

    def _select(self, addr):
        simbus.poll()
        device = self._devices.get(addr)
        if device is None or not device.present:
            raise OSError(errno.ENODEV)
        return device


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(0, scl=scl, sda=sda, freq=freq)


_uarts = {}
# What a UART has received is not in the heap on the chip: it is not taken of the firmware's part of it here.
_UART_ROOM = 8192 if simbus.settings.get("memory") else 0
_uart_rooms = [bytearray(_UART_ROOM) for _ in range(3)]


def _on_uart(number, a, b, c, length):
    uart = _uarts.get(number)
    if uart is not None:
        # What does not fit any more is lost, as in the chip's driver.
        uart._received.write(simbus.payload, 0, length)


simbus.on(simbus.UART, _on_uart)


class UART(io.IOBase):
    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, *, rxbuf=256, txbuf=256, timeout=0, **options):
        if not 0 <= id < 3:
            raise ValueError("UART(%d) doesn't exist" % id)
        before = _uarts.get(id)
        if before is not None:
            before.deinit()
        self._id = id
        self._timeout = timeout
        self._memory = _drive("uart", rxbuf + txbuf)
        self._rxbuf = rxbuf
        # The chip's own memory, not the heap's: what is larger than the room here is made when something arrives.
        self._ring = micropython.RingIO(memoryview(_uart_rooms[id])[: rxbuf + 1]) if rxbuf < _UART_ROOM else None
        self._one = bytearray(1)
        _uarts[id] = self
        simbus.send(simbus.UART_OPEN, id, baudrate)
        simbus.start()

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, **options):
        simbus.send(simbus.UART_OPEN, self._id, baudrate)

    def deinit(self):
        _uarts.pop(self._id, None)
        self._memory.free()
        simbus.send(simbus.UART_OPEN, self._id, 0)

    @property
    def _received(self):
        if self._ring is None:
            self._ring = micropython.RingIO(self._rxbuf)
        return self._ring

    def any(self):
        simbus.poll()
        return self._ring.any() if self._ring is not None else 0

    def readinto(self, buf, nbytes=-1):
        """Returns what is there, None when nothing came within the time-out."""
        if nbytes < 0 or nbytes > len(buf):
            nbytes = len(buf)
        if not self._wait():
            return None
        return self._received.readinto(buf, nbytes)

    def read(self, nbytes=-1):
        if not self._wait():
            return None
        return self._received.read(nbytes) if nbytes >= 0 else self._received.read()

    def readline(self):
        if not self._wait():
            return None
        return self._received.readline()

    def write(self, buf):
        data = memoryview(buf)
        simbus.send_bytes(simbus.UART_DATA, self._id, 0, 0, 0, data, 0, len(data))
        return len(data)

    def ioctl(self, request, argument):
        if request != 3:
            return -1
        return argument & (5 if self.any() else 4)

    def flush(self):
        pass

    def txdone(self):
        return True

    def _wait(self):
        if self.any():
            return True
        deadline = time.ticks_add(time.ticks_ms(), self._timeout)
        while time.ticks_diff(deadline, time.ticks_ms()) > 0:
            time.sleep_ms(1)
            if self.any():
                return True
        return False


class WDT:
    """Python watches: a process that hangs in a loop could not reset itself."""

    def __init__(self, id=0, timeout=5000):
        self._between = max(1, timeout // 8)
        self._fed = time.ticks_ms()
        simbus.send(simbus.WDT, id, timeout)

    def feed(self):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._fed) >= self._between:
            self._fed = now
            simbus.send(simbus.FEED)


class Timer:
    """One-shot and periodic timers, driven by the simulated hardware's turn of the event loop."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, **options):
        self._callback = None
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None):
        self._period = period if period >= 0 else 1000 // freq
        self._once = mode == Timer.ONE_SHOT
        self._callback = callback
        self._due = time.ticks_add(time.ticks_ms(), self._period)
        simbus.tick_with(self)

    def deinit(self):
        simbus.no_tick(self)

    def tick(self):
        if time.ticks_diff(time.ticks_ms(), self._due) >= 0:
            if self._once:
                simbus.no_tick(self)
            self._due = time.ticks_add(self._due, self._period)
            self._callback(self)


class RTC:
    """The clock behind time.time(); like the chip's it is lost with the power, and here at each reset, too."""

    def __init__(self, id=0):
        pass

    def datetime(self, moment=None):
        if moment is None:
            year, month, day, hour, minute, second, weekday, _ = time.gmtime()
            return (year, month, day, weekday, hour, minute, second, time.time_ns() // 1000 % 1000000)
        year, month, day, _, hour, minute, second, _ = moment
        time.set_clock(time.mktime((year, month, day, hour, minute, second)))
        return None

    def init(self, moment):
        self.datetime(moment)

    def memory(self, data):
        """Keep some bytes; only writing is there. The firmware finds where, and uses the place itself."""
        import esp32

        kept = esp32.rtc_memory()
        if kept is None or len(data) > len(kept):
            raise ValueError("buffer too long")
        kept[: len(data)] = data


def reset():
    """Start again from nothing: Python ends this process and starts another."""
    simidf.tell()
    simbus.halt(simbus.RESET, HARD_RESET)


def soft_reset():
    simidf.tell()
    simbus.halt(simbus.RESET, SOFT_RESET)


def reset_cause():
    return simbus.settings.get("reset_cause", PWRON_RESET)


def unique_id():
    return bytes.fromhex(simbus.settings.get("mac", "02:00:00:00:00:01").replace(":", ""))


def freq(hz=None):
    return 240000000 if hz is None else None


def idle():
    time.sleep_us(100)


def disable_irq():
    return 0


def enable_irq(state):
    pass
