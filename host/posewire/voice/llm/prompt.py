"""The system prompt: the user's template or the shipped one, filled for a device."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from posewire.errors import ConfigError
from posewire.ttl_cache import TtlCache
from posewire.voice.chat_settings import ChatSettings, DevicePrompt
from posewire.voice.emotions import EMOJI
from posewire.voice.prompt_template import DEFAULT_TEMPLATE, check_template

_FILE_TTL = 5.0
_MAX_PROMPT = 20_000


class PromptManager:
    """Fills templates; shared by all voice sessions.

    Raises:
        ConfigError: a prompt file cannot be read, or cannot be filled.
    """

    def __init__(
        self, settings: ChatSettings, clock: Callable[[], datetime] = lambda: datetime.now().astimezone()
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._devices = {device.lower(): own for device, own in settings.devices.items()}
        self.cache = TtlCache[str, str](64, _FILE_TTL)
        """The texts of prompt files, by path."""
        for path in {settings.prompt_file, *(device.prompt_file for device in self._devices.values())} - {""}:
            self._file(path)

    def system_prompt(self, device_id: str, memory: str = "", person: str = "") -> str:
        """Return the system prompt for a device.

        ``memory``: a summary of earlier sessions; ``person``: the enrolled person whose voice it is, if known.

        Raises:
            ConfigError: the prompt file has become unreadable or wrong.
        """
        own = self._devices.get(device_id.lower(), DevicePrompt())
        now = self._clock()
        values = {
            "device": own.name or device_id,
            "room": f" in the {own.room}" if own.room else "",
            "user": person or own.user or self._settings.user or "a person nearby",
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
        return self._file(path) if path else self._settings.prompt or DEFAULT_TEMPLATE

    def _file(self, path: str) -> str:
        text = self.cache.get(path)
        if text is None:
            try:
                text = Path(path).expanduser().read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as exc:
                raise ConfigError(f"[voice.chat] prompt_file {path}: {exc}") from None
            if len(text) > _MAX_PROMPT:
                raise ConfigError(f"[voice.chat] prompt_file {path} must have at most {_MAX_PROMPT} characters")
            check_template(text)
            self.cache.put(path, text)
        return text
