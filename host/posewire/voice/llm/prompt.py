"""The system prompt: a template of the user's or the shipped one, filled for a device."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any

from posewire.config import read_options
from posewire.errors import ConfigError
from posewire.voice.cache import TtlCache
from posewire.voice.llm.emotions import EMOJI

PLACEHOLDERS = ("device", "room", "user", "date", "time", "emotions", "memory")

DEFAULT = """\
You are the voice of {device}, a small device with a microphone and a speaker{room}. You are speaking with {user}.
Your answers are spoken aloud: one to three short sentences, plain text, no lists, no markup.
Begin each answer with how you feel, one of these words in square brackets: {emotions}.
When a tool can do what is asked, call it instead of saying that you did. When a tool fails, say so.
Today is {date}.
{memory}"""

_FILE_TTL = 5.0
_MAX_PROMPT = 20_000


@dataclass(frozen=True)
class DevicePrompt:
    """Section ``[voice.chat.devices."ID"]``: what is different on one device; what is empty is as elsewhere."""

    name: str = ""
    room: str = ""
    user: str = ""
    prompt: str = ""
    prompt_file: str = ""


@dataclass(frozen=True)
class ChatSettings:
    """Section ``[voice.chat]``: the dialogue with a language model.

    Raises:
        ConfigError: a value is out of range, or a template has a placeholder that there is not.
    """

    prompt: str = ""
    """The template; empty: the shipped one."""

    prompt_file: str = ""
    """A file that holds it; a change is seen within seconds."""

    user: str = ""
    """Who usually speaks, for the template."""

    commands_first: bool = True
    """Sentences that the command engine knows are done by it, without the model."""

    max_turns: int = 20
    max_tokens: int = 3000
    """What is remembered of a conversation, at most; tokens are estimated."""

    max_rounds: int = 5
    """Times in one turn that the model may call tools."""

    memory: bool = False
    """Keep a summary of what was said for the next session, in the store."""

    memory_pause_s: float = 60.0
    """Silence after which the summary is written."""

    devices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("max_turns", "max_tokens", "max_rounds", "memory_pause_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be more than 0, is {getattr(self, name)}")
        check_template(self.prompt)


def check_template(template: str) -> None:
    """Refuse a template that cannot be filled.

    Raises:
        ConfigError: it names what is wrong.
    """
    try:
        fields = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as exc:
        raise ConfigError(f"the prompt: {exc}; write {{{{ for a brace") from None
    for name in fields:
        if name not in PLACEHOLDERS:
            raise ConfigError(f"the prompt has no placeholder {{{name}}}; there are {', '.join(PLACEHOLDERS)}")


class PromptManager:
    """Fills templates; shared by all sessions.

    Raises:
        ConfigError: a device's section is wrong, or a prompt file cannot be read.
    """

    def __init__(
        self, settings: ChatSettings, clock: Callable[[], datetime] = lambda: datetime.now().astimezone()
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._devices = {}
        for device, table in settings.devices.items():
            section = f'voice.chat.devices."{device}"'
            if not isinstance(table, Mapping):
                raise ConfigError(f"[{section}] must be a section")
            self._devices[device.lower()] = read_options(DevicePrompt, table, section)
            check_template(self._devices[device.lower()].prompt)
        self.cache = TtlCache[str, str](64, _FILE_TTL)
        """Prompt files."""
        for path in {settings.prompt_file, *(device.prompt_file for device in self._devices.values())} - {""}:
            self._file(path)

    def of(self, device_id: str, memory: str = "", speaker: str = "") -> str:
        """Return the system prompt for a device.

        ``memory``: what is known from earlier sessions; ``speaker``: whose voice it is, as far as that is told.

        Raises:
            ConfigError: the prompt file has become unreadable or wrong.
        """
        own = self._devices.get(device_id.lower(), DevicePrompt())
        now = self._clock()
        values = {
            "device": own.name or device_id,
            "room": f" in the {own.room}" if own.room else "",
            "user": speaker or own.user or self._settings.user or "a person nearby",
            "date": f"{now:%A, %d %B %Y}",
            "time": f"{now:%H:%M}",
            "emotions": ", ".join(EMOJI),
            "memory": f"From earlier conversations you remember: {memory}" if memory else "",
        }
        return self._template(own).format(**values).strip()

    def _template(self, own: DevicePrompt) -> str:
        if own.prompt:
            return own.prompt
        path = own.prompt_file or self._settings.prompt_file
        return self._file(path) if path else self._settings.prompt or DEFAULT

    def _file(self, path: str) -> str:
        text = self.cache.get(path)
        if text is None:
            try:
                text = Path(path).expanduser().read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as exc:
                raise ConfigError(f"[voice.chat] prompt_file {path}: {exc}") from None
            if len(text) > _MAX_PROMPT:
                raise ConfigError(f"[voice.chat] prompt_file {path} has over {_MAX_PROMPT} characters")
            check_template(text)
            self.cache.put(path, text)
        return text
