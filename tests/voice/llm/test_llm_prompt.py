"""The system prompt, from templates and files."""

from datetime import datetime
from pathlib import Path

import pytest

from posewire.config import read_table
from posewire.errors import ConfigError
from posewire.voice.chat_settings import ChatSettings
from posewire.voice.llm.prompt import PromptManager
from posewire.voice.prompt_template import check_template


def test_a_prompt_file_is_read_again_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("You are {device} at {time}. {memory}")
    prompts = PromptManager(ChatSettings(prompt_file=str(file)), clock=lambda: datetime(2026, 1, 2, 3, 4))
    assert prompts.system_prompt("x", "Ada.") == "You are x at 03:04. From earlier conversations you remember: Ada."
    file.write_text("Now {room}!")
    prompts.cache.clear()
    assert prompts.system_prompt("x") == "Now !"
    for bad in ("{nothing}", "{", "{device.name}", "{device!r:>9}{0}"):
        with pytest.raises(ConfigError, match="prompt"):
            check_template(bad)
        with pytest.raises(ConfigError):
            ChatSettings(prompt=bad)
    with pytest.raises(ConfigError, match="gone"):
        PromptManager(ChatSettings(prompt_file="gone.txt"))
    with pytest.raises(ConfigError, match=r'\[voice\.chat\.devices\."x y"\] has no setting '):
        read_table(ChatSettings, {"devices": {"x y": {"nonsense": 1}}}, "voice.chat")
    with pytest.raises(ConfigError, match="max_turns"):
        read_table(ChatSettings, {"max_turns": 0}, "voice.chat")
