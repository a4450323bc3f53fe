"""Timers that somebody has set through Home Assistant on a device: their names, and the sound with which they end."""

from collections import OrderedDict

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.protocols.wyoming import Event
from posewire.wire.json_shape import as_text

_TIMERS = 50
_NAME_MAX, _ID_MAX = 100, 64
_BEEPS, _BEEP, _PAUSE, _PITCH, _LEVEL = 3, 0.25, 0.2, 880.0, 12_000


class SatelliteTimers:
    """Home Assistant counts; here are only the names of the newest timers, by id."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()

    def started(self, event: Event) -> None:
        """Note a timer's name."""
        self._names[_id(event)] = as_text(event.data.get("name"))[:_NAME_MAX]
        while len(self._names) > _TIMERS:
            self._names.popitem(last=False)

    def over(self, event: Event) -> str:
        """Forget a timer that has finished, or was cancelled; return its name."""
        return self._names.pop(_id(event), "")

    def clear(self) -> None:
        """Forget all."""
        self._names.clear()


def beeps() -> Pcm:
    """Return the sound of a timer that has finished: three tones of a quarter of a second."""
    times = np.arange(int(_BEEP * SAMPLE_RATE)) / SAMPLE_RATE
    beep = np.sin(2 * np.pi * _PITCH * times) * np.sin(np.pi * times / _BEEP) * _LEVEL
    return np.tile(np.concatenate([beep, np.zeros(int(_PAUSE * SAMPLE_RATE))]), _BEEPS).astype(np.int16)


def _id(event: Event) -> str:
    return as_text(event.data.get("id"))[:_ID_MAX]
