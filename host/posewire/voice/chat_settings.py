"""Settings of the dialogue with a language model: the section ``[voice.chat]``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from posewire.config import check_rules, more_than
from posewire.voice.prompt_template import check_template


@dataclass(frozen=True)
class DevicePrompt:
    """Section ``[voice.chat.devices."ID"]``: the differences on one device; an empty setting is as elsewhere."""

    name: str = ""
    room: str = ""
    user: str = ""
    prompt: str = ""
    prompt_file: str = ""

    def __post_init__(self) -> None:
        check_template(self.prompt)


@dataclass(frozen=True)
class ChatSettings:
    """Section ``[voice.chat]``.

    Raises:
        ConfigError: a value is out of range, or a template has an unknown placeholder.
    """

    prompt: str = ""
    """The template of the system prompt; empty: the shipped one."""

    prompt_file: str = ""
    """A file with the template; a change takes effect within seconds."""

    user: str = ""
    """The name of the usual user, for the template."""

    commands_first: bool = True
    """The command engine answers the sentences that it knows, without the model."""

    max_turns: Annotated[int, more_than(0)] = 20
    max_tokens: Annotated[int, more_than(0)] = 3000
    """Bounds of a conversation's history; tokens are estimated."""

    max_rounds: Annotated[int, more_than(0)] = 5
    """Rounds of tool calls in one turn."""

    memory: bool = False
    """Keep a summary of each conversation in the store, for the next session."""

    memory_pause_s: Annotated[float, more_than(0, "seconds")] = 60.0
    """Silence after which the summary is written."""

    devices: Mapping[str, DevicePrompt] = field(default_factory=dict)
    """By device id."""

    def __post_init__(self) -> None:
        check_rules(self)
        check_template(self.prompt)
