"""The motion of the simulated sensor. The registers themselves are simulated in the board's process."""

import struct
import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from posewire.errors import SimulatorError
from posewire.sim.parts.bus import Bus, Kind

# An MPU-6050 at its finest ranges.
_PER_G = 16384
_PER_DEGREE = 131

Vector = Sequence[float]


class Imu:
    """An MPU-6050; as it comes it lies flat and still."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bus: Bus | None = None
        self._values = (0, 0, _PER_G, 0, 0, 0)
        self._present = True
        self._stop = threading.Event()
        self._player: threading.Thread | None = None

    def attach(self, bus: Bus) -> None:
        """The board has been switched on."""
        with self._lock:
            self._bus = bus
            self._tell()

    def set(self, accel: Vector = (0, 0, 1), gyro: Vector = (0, 0, 0)) -> None:
        """Feel this from now on: acceleration in g, rotation in degrees per second, both x, y, z of the sensor."""
        self.stop()
        self._set(accel, gyro)

    def play(self, times: ArrayLike, accel: ArrayLike, gyro: ArrayLike) -> None:
        """Follow a motion from now on: times (N) in seconds, accel (N, 3) in g, gyro (N, 3) in degrees per second.

        Returns at once; the last values stay. Raises SimulatorError when the shapes do not fit.
        """
        moments = np.asarray(times, np.float64)
        accels = np.asarray(accel, np.float64)
        gyros = np.asarray(gyro, np.float64)
        if accels.shape != (len(moments), 3) or gyros.shape != accels.shape:
            raise SimulatorError(f"a motion needs accel (N, 3) and gyro (N, 3), not {accels.shape} and {gyros.shape}")
        self.stop()
        start = time.monotonic()

        def follow() -> None:
            for moment, a, g in zip(moments.tolist(), accels.tolist(), gyros.tolist(), strict=True):
                if self._stop.wait(max(0.0, start + moment - time.monotonic())):
                    return
                self._set(a, g)

        self._player = threading.Thread(target=follow, name="posewire-sim-imu", daemon=True)
        self._player.start()

    def stop(self) -> None:
        """End a motion that is being followed."""
        self._stop.set()
        if self._player is not None:
            self._player.join()
            self._player = None
        self._stop.clear()

    def unplug(self) -> None:
        """Take the sensor off the bus."""
        self._plug(False)

    def plug(self) -> None:
        """Put the sensor back on its bus."""
        self._plug(True)

    def _plug(self, present: bool) -> None:
        with self._lock:
            self._present = present
            self._tell()

    def _set(self, accel: Vector, gyro: Vector) -> None:
        values = [round(v * _PER_G) for v in accel] + [round(v * _PER_DEGREE) for v in gyro]
        x, y, z, p, q, r = values
        with self._lock:
            self._values = (x, y, z, p, q, r)
            self._tell()

    def _tell(self) -> None:
        if self._bus is not None:
            self._bus.send(Kind.IMU, 0, int(self._present), payload=struct.pack("<6i", *self._values))
