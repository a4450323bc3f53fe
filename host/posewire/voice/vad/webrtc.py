"""The WebRTC detector, from the extra ``webrtcvad``: the smallest one, good in quiet rooms, lost in steady noise."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from posewire.config import between, check_rules
from posewire.errors import ProviderError
from posewire.voice.providers import ProviderContext
from posewire.voice.vad.base import SAMPLE_RATE

_PARTS = (slice(0, 160), slice(160, 320), slice(320, 480))
"""The detector takes 10 ms; the last 2 ms of a frame are not looked at."""


@dataclass(frozen=True)
class WebrtcOptions:
    """Section ``[voice.providers.vad.webrtc]``."""

    aggressiveness: Annotated[int, between(0, 3)] = 3
    """How readily sound is taken for noise."""

    def __post_init__(self) -> None:
        check_rules(self)


def make(context: ProviderContext) -> "WebrtcEngine":
    """Make the engine from its options."""
    return WebrtcEngine(context.options(WebrtcOptions).aggressiveness)


class WebrtcEngine:
    """Makes detectors.

    Raises:
        ProviderError: the package is not installed.
    """

    name = "webrtc"

    def __init__(self, aggressiveness: int) -> None:
        try:
            import webrtcvad
        except ImportError:
            raise ProviderError('webrtcvad is not installed: pip install "posewire[webrtcvad]"') from None
        self._make = webrtcvad.Vad
        self._aggressiveness = aggressiveness

    def detector(self) -> "WebrtcDetector":
        """Return a fresh detector for one stream."""
        return WebrtcDetector(lambda: self._make(self._aggressiveness))


class WebrtcDetector:
    """Says which part of a frame's three pieces is speech: 0, 1/3, 2/3 or 1."""

    def __init__(self, make_vad: Any) -> None:
        self._make = make_vad
        self._vad = make_vad()

    def probability(self, frame: NDArray[np.int16]) -> float:
        """Return how much of the frame is speech."""
        parts = (frame[part].astype("<i2", copy=False).tobytes() for part in _PARTS)
        return sum(bool(self._vad.is_speech(part, SAMPLE_RATE)) for part in parts) / len(_PARTS)

    def reset(self) -> None:
        """Forget the stream so far."""
        self._vad = self._make()
