"""The WebRTC detector, from the extra ``webrtcvad``: the smallest one, good in quiet rooms, lost in steady noise."""

from dataclasses import dataclass
from typing import Annotated, Any

from posewire.config import between, check_rules
from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.providers import ProviderContext

_PARTS = (slice(0, 160), slice(160, 320), slice(320, 480))
"""The detector processes 10 ms at a time; the last 2 ms of a frame are left out."""


@dataclass(frozen=True)
class WebrtcOptions:
    """Section ``[voice.providers.vad.webrtc]``."""

    aggressiveness: Annotated[int, between(0, 3)] = 3
    """A higher number counts more sounds as noise."""

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
    """Counts the pieces of a frame, of three, that are speech."""

    def __init__(self, make_vad: Any) -> None:
        self._make = make_vad
        self._vad = make_vad()

    def probability(self, frame: Pcm) -> float:
        """Return the part of the frame that is speech: 0, 1/3, 2/3 or 1."""
        parts = (frame[part].astype("<i2", copy=False).tobytes() for part in _PARTS)
        return sum(bool(self._vad.is_speech(part, SAMPLE_RATE)) for part in parts) / len(_PARTS)

    def reset(self) -> None:
        """Forget the stream so far."""
        self._vad = self._make()
