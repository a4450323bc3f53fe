"""Settings of the tools: section ``[tools]`` of the host's settings file."""

import re
from dataclasses import dataclass
from typing import Annotated

from posewire.config import check_rules, more_than
from posewire.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class McpServerSettings:
    """An entry ``[[tools.mcp]]``: a program that speaks MCP on its standard streams, or an address.

    Raises:
        ConfigError: there is not exactly one of the two, or the name is not valid.
    """

    name: str
    """Its tools are called ``<name>.<tool>``."""

    command: tuple[str, ...] = ()
    url: str = ""
    pass_env: tuple[str, ...] = ()
    """Environment variables that the program gets besides the harmless ones (PATH, HOME, …)."""

    token_env: str = ""
    token_file: str = ""
    """Variable or file that holds the bearer token for ``url``."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"name must be 1 to 32 small letters, digits, - and _, not {self.name!r}")
        if bool(self.command) == bool(self.url):
            raise ConfigError(f"{self.name} must have either a command or a url")


@dataclass(frozen=True)
class HomeAssistantSettings:
    """Section ``[tools.home_assistant]``.

    Raises:
        ConfigError: ``url`` is not a valid address.
    """

    url: str
    """For example ``http://homeassistant.local:8123``."""

    token_env: str = "HOME_ASSISTANT_TOKEN"  # noqa: S105 - the name of a variable
    token_file: str = ""
    domains: tuple[str, ...] = (
        "light",
        "switch",
        "fan",
        "cover",
        "climate",
        "media_player",
        "scene",
        "script",
        "sensor",
    )
    """Domains whose entities may be seen and switched; locks and alarms must be named here."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", self.url):
            raise ConfigError(f"url must be an address like http://homeassistant.local:8123, not {self.url!r}")


@dataclass(frozen=True)
class ToolsSettings:
    """Section ``[tools]``."""

    plugins: tuple[str, ...] = ()
    """Modules, ``.py`` files or entry points with your own functions."""

    hidden: tuple[str, ...] = ()
    """Tools that nobody may call, by name or pattern: ``self.restart``, ``files.*``."""

    timeout: Annotated[float, more_than(0, "seconds")] = 30.0
    """Longest duration of a call."""

    mcp: tuple[McpServerSettings, ...] = ()
    home_assistant: HomeAssistantSettings | None = None

    def __post_init__(self) -> None:
        check_rules(self)
        names = [server.name for server in self.mcp]
        if len(set(names)) < len(names):
            raise ConfigError("mcp must not have two servers of one name")
