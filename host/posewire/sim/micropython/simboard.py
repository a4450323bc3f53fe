"""Power on: the line to Python first, then what a board does: boot.py, then main.py."""

import gc

# What the hardware leaves of itself in the heap is to lie close together.
gc.threshold(8192)

import sys  # noqa: E402
import time  # noqa: E402

import simbus  # noqa: E402

# Machine code needs a compiler for this processor. Without one the viper decorators have been replaced.
if simbus.settings.get("bytecode"):
    import simviper  # noqa: F401

# All of the hardware is there before the firmware: what it takes of the heap is not the firmware's.
import socket  # noqa: E402, F401

import esp32  # noqa: E402, F401
import machine  # noqa: E402, F401
import neopixel  # noqa: E402, F401
import network  # noqa: E402, F401
import simfiles  # noqa: E402
import simgc  # noqa: E402
import simheap  # noqa: E402
import simidf  # noqa: E402
import simtls  # noqa: E402

machine.I2C(0)  # its chips as well
if not simbus.settings.get("clock_set", True):
    time.set_clock(0)

_EVENTS = ("state", "stt", "tool", "emotion", "sentence", "connected", "disconnected", "alert", "pairing")


class _Listener:
    """Waits for the application; then tells Python what happens in it and, when asked, its counters.

    All that it needs is made before the firmware: it is not to take of its heap.
    """

    def __init__(self):
        self._app = None
        self._wanted = False
        self._forwards = [(name, self._forward(name)) for name in _EVENTS]
        simbus.on(simbus.SNAPSHOT, self._ask)
        simbus.on(simbus.OFF, self._leave)
        simbus.tick_with(self)

    def tick(self):
        if self._app is None:
            self._attach()
        elif self._wanted:
            self._wanted = False
            # What is free when everything that nobody needs is gone.
            gc.collect()
            simidf.tell()
            free = simheap.free()
            status = self._app.snapshot()
            status["heap_free"] = free
            simbus.send_json(simbus.STATUS, status)
            # Leave the heap as it was found: the firmware measures what it allocates.
            gc.collect()

    def _attach(self):
        app = sys.modules.get("posewire_fw.app")
        if app is None and "posewire_fw.core" in sys.modules:
            # Merged modules, as deploy makes them for boards with little memory; what is public is passed on.
            from posewire_fw import app, events  # noqa: F401
        # Another program than this firmware has none.
        if app is not None and hasattr(app, "current"):
            self._app = app
            events = getattr(sys.modules.get("posewire_fw.events"), "board", app)
            for name, forward in self._forwards:
                events.on(name, forward)

    def _forward(self, name):
        return lambda value: simbus.send_json(simbus.EVENT, [name, value])

    def _ask(self, port, a, b, c, length):
        self._wanted = True

    def _leave(self, port, a, b, c, length):
        if self._app is not None:
            self._app.current().session.leave()


_Listener()
simidf.Watch()
simbus.start()
gc.collect()
simfiles.mount()
sys.modules["tls"] = simtls
gc.threshold(-1)
modelled = simidf.begin()
if modelled:
    sys.modules["gc"] = simgc
else:
    import esp32

    del esp32.idf_heap_info
if not modelled or not simheap.grows():
    # A large heap from the start would be strewn with garbage, and small things that stay, from end to end.
    gc.threshold(65536 if sys.maxsize < 2**32 else 131072)
simbus.send(simbus.READY, 0, int(modelled), time.ticks_us(), time.ticks_add(0, -1) + 1)
simbus.wait_for_parts()
try:
    import boot  # noqa: E402, F401
except ImportError:
    pass
try:
    import main  # noqa: F401
finally:
    simidf.tell()
