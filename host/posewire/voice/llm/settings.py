"""Section ``[voice.chat]``: the dialogue with a language model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Annotated

from posewire.config import check_rules, more_than
from posewire.errors import ConfigError

PLACEHOLDERS = ("device", "room", "user", "date", "time", "emotions", "memory")


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
    """The template; empty: the shipped one."""

    prompt_file: str = ""
    """A file that holds it; a change is seen within seconds."""

    user: str = ""
    """Who usually speaks, for the template."""

    commands_first: bool = True
    """Sentences that the command engine knows are done by it, without the model."""

    max_turns: Annotated[int, more_than(0)] = 20
    max_tokens: Annotated[int, more_than(0)] = 3000
    """Bounds of a conversation's history; tokens are estimated."""

    max_rounds: Annotated[int, more_than(0)] = 5
    """Times in one turn that the model may call tools."""

    memory: bool = False
    """Keep a summary of what was said for the next session, in the store."""

    memory_pause_s: Annotated[float, more_than(0, "seconds")] = 60.0
    """Silence after which the summary is written."""

    devices: Mapping[str, DevicePrompt] = field(default_factory=dict)
    """By device id."""

    def __post_init__(self) -> None:
        check_rules(self)
        check_template(self.prompt)


def check_template(template: str) -> None:
    """Refuse a template that cannot be filled.

    Raises:
        ConfigError: it names what is wrong.
    """
    try:
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as exc:
        raise ConfigError(f"the prompt cannot be used: {exc}; write {{{{ for a brace") from None
    for name in names:
        if name not in PLACEHOLDERS:
            raise ConfigError(f"the prompt has no placeholder {{{name}}}; there are {', '.join(PLACEHOLDERS)}")
