"""The list of the providers, and the making of the configured ones. No other provider is imported.

A plug-in is an entry point of the group ``posewire.providers``: its name is ``kind.name`` (``tts.mine``), its object a
function that takes a ``ProviderContext`` and returns the provider of that kind: an engine as in ``vad/base.py``,
``asr/base.py``, ``llm/base.py``, ``tts/base.py`` or ``voiceprint/base.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal, TypeVar

from posewire.config import read_table
from posewire.errors import ConfigError, ProviderError
from posewire.voice.commands.sentences import Sentences
from posewire.voice.settings import VoiceSettings

GROUP = "posewire.providers"
Kind = Literal["vad", "asr", "llm", "tts", "voiceprint"]
_T = TypeVar("_T")

_BUILT_IN: Mapping[str, str] = {
    "vad.silero": "posewire.voice.vad.silero:make",
    "vad.energy": "posewire.voice.vad.energy:make",
    "asr.pocketsphinx": "posewire.voice.asr.pocketsphinx:make",
    "vad.webrtc": "posewire.voice.vad.webrtc:make",
    "vad.silero-onnx": "posewire.voice.vad.silero_onnx:make",
    "asr.vosk": "posewire.voice.asr.vosk:make",
    "asr.sherpa-onnx": "posewire.voice.asr.sherpa:make",
    "asr.openai": "posewire.voice.asr.openai:make",
    "asr.wyoming": "posewire.voice.asr.wyoming:make",
    "llm.openai": "posewire.voice.llm.openai:make",
    "tts.openai": "posewire.voice.tts.openai:make",
    "tts.wyoming": "posewire.voice.tts.wyoming:make",
    "voiceprint.spectral": "posewire.voice.voiceprint.spectral:make",
    "voiceprint.http": "posewire.voice.voiceprint.http:make",
    "tts.flite": "posewire.voice.tts.flite:make",
    "tts.espeak-ng": "posewire.voice.tts.espeak:make",
    "tts.espeak-lib": "posewire.voice.tts.espeak_lib:make",
}


@dataclass(frozen=True)
class ProviderContext:
    """The input of a provider's factory."""

    kind: Kind
    name: str
    settings: VoiceSettings
    sentences: Sentences

    def options(self, options: type[_T]) -> _T:
        """Read the table ``[voice.providers.KIND.NAME]`` into a frozen dataclass.

        Raises:
            ConfigError: as ``read_table``.
        """
        table = self.settings.providers.get(self.kind, {}).get(self.name, {})
        return read_table(options, table, self.section)

    @property
    def section(self) -> str:
        """The name of the provider's table in the settings file."""
        return f"voice.providers.{self.kind}.{self.name}"


Factory = Callable[[ProviderContext], Any]


def provider_names(kind: Kind) -> list[str]:
    """Return the names of all providers of a kind, shipped and plugged in."""
    plugged = [point.name for point in entry_points(group=GROUP)]
    return [name.partition(".")[2] for name in [*_BUILT_IN, *plugged] if name.startswith(f"{kind}.")]


def load_provider(kind: Kind, name: str, settings: VoiceSettings, sentences: Sentences) -> Any:
    """Make the provider of a kind that has this name.

    Raises:
        ConfigError: there is no provider of that name, or its options are wrong.
        ProviderError: a package or program is missing; the message says what to install.
    """
    return _factory(kind, name)(ProviderContext(kind, name, settings, sentences))


def _factory(kind: Kind, name: str) -> Factory:
    key = f"{kind}.{name}"
    if key in _BUILT_IN:
        module, _, function = _BUILT_IN[key].partition(":")
        factory: Factory = getattr(import_module(module), function)
        return factory
    for point in entry_points(group=GROUP):
        if point.name == key:
            try:
                plugged: Factory = point.load()
            except Exception as exc:
                raise ProviderError(f"the plug-in {key} ({point.value}) does not load: {exc}") from exc
            return plugged
    raise ConfigError(f"[voice] {kind}: there is no {name!r}; there are {', '.join(provider_names(kind))}")


OFFLINE_TTS = ("flite", "espeak-ng", "espeak-lib")
NO_SYNTHESIZER = "no speech synthesizer is here: install espeak-ng or flite, or pip install 'posewire[espeak]'"


def load_synthesizer(settings: VoiceSettings, sentences: Sentences) -> Any:
    """Make the synthesizer that the settings name. ``auto``: the first offline one installed, None without one.

    Raises:
        ConfigError: as ``load_provider``.
        ProviderError: as ``load_provider``.
    """
    if settings.tts == "none":
        return None
    if settings.tts != "auto":
        return load_provider("tts", settings.tts, settings, sentences)
    for name in OFFLINE_TTS:
        try:
            return load_provider("tts", name, settings, sentences)
        except ProviderError:
            continue
    return None
