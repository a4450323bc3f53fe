"""The section [voice] of the settings file."""

import pytest

from posewire.config import read_table
from posewire.errors import ConfigError
from posewire.voice.settings import VoiceSettings


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"vda": "silero"}, "no setting 'vda'"),
        ({"providers": {"sst": {}}}, "providers can have the tables vad, asr, llm, tts"),
        ({"providers": {"llm": {"openai": 1}}}, "providers.llm must have a table for each provider"),
        ({"end_silence_ms": "long"}, "end_silence_ms must be a whole number"),
        ({"end_silence_ms": True}, "end_silence_ms must be a whole number"),
        ({"asr_threshold": 1}, "asr_threshold must be between -100 and 0, not 1"),
        ({"tts_rate": 9}, "tts_rate must be between 0.5 and 2, not 9"),
        ({"sentences": ["/no/such/file.yaml"]}, "sentences must be files that exist"),
        ({"sentences": [3]}, "sentences must be a string or a list of strings"),
        ({"chat": {"memery": True}}, r"\[voice.chat\] has no setting 'memery'"),
        ({"chat": {"memory": "yes"}}, r"\[voice.chat\] memory must be true or false"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_table(VoiceSettings, values, "voice")


def test_settings_are_read() -> None:
    assert read_table(VoiceSettings, {"tts_rate": 1, "vad": "energy", "end_silence_ms": 700}, "voice") == VoiceSettings(
        tts_rate=1.0, vad="energy", end_silence_ms=700
    )
