"""Settings of the tools: section ``[tools]`` of the host's settings file."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posewire.config import read_options
from posewire.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class McpServerSettings:
    """An entry ``[[tools.mcp]]``: a program that speaks MCP on its standard streams, or an address.

    Raises:
        ConfigError: not one of the two, or a name that cannot stand before a tool's.
    """

    name: str
    """Its tools are called ``<name>.<tool>``."""

    command: tuple[str, ...] = ()
    url: str = ""
    pass_env: tuple[str, ...] = ()
    """Variables that the program gets besides the harmless ones (PATH, HOME, …)."""

    token_env: str = ""
    token_file: str = ""
    """Where the bearer token for ``url`` is."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"[[tools.mcp]] name is small letters, digits, - and _; it is {self.name!r}")
        if bool(self.command) == bool(self.url):
            raise ConfigError(f"[[tools.mcp]] {self.name} has either a command or a url")


@dataclass(frozen=True)
class HomeAssistantSettings:
    """Section ``[tools.home_assistant]``.

    Raises:
        ConfigError: the address is none.
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
    """What may be seen and switched; locks and alarms only when they are named here."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", self.url):
            raise ConfigError(
                f"[tools.home_assistant] url must be like http://homeassistant.local:8123, is {self.url!r}"
            )


@dataclass(frozen=True)
class ToolsSettings:
    """Section ``[tools]``."""

    plugins: tuple[str, ...] = ()
    """Modules, ``.py`` files or entry points with functions of one's own."""

    hidden: tuple[str, ...] = ()
    """Tools that nobody may call, by name or pattern: ``self.restart``, ``files.*``."""

    timeout: float = 30.0
    """Seconds that a call may take."""

    mcp: tuple[McpServerSettings, ...] = ()
    home_assistant: HomeAssistantSettings | None = None

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ConfigError(f"[tools] timeout must be more than 0, is {self.timeout}")
        names = [server.name for server in self.mcp]
        if len(set(names)) < len(names):
            raise ConfigError("[[tools.mcp]]: two servers have one name")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "ToolsSettings":
        """Check and take the values of a settings file.

        Raises:
            ConfigError: an unknown key, or a value of the wrong type; the message names it.
        """
        values = dict(values)
        servers = values.pop("mcp", [])
        home = values.pop("home_assistant", None)
        if not isinstance(servers, list):
            raise ConfigError("MCP servers are written [[tools.mcp]], one section each")
        for server in servers:
            if not isinstance(server, Mapping):
                raise ConfigError("MCP servers are written [[tools.mcp]], one section each")
        if home is not None and not isinstance(home, Mapping):
            raise ConfigError("[tools.home_assistant] must be a section")
        return replace(
            read_options(cls, values, "tools"),
            mcp=tuple(read_options(McpServerSettings, server, "[tools.mcp]") for server in servers),
            home_assistant=None if home is None else read_options(HomeAssistantSettings, home, "tools.home_assistant"),
        )


def read_secret(variable: str, file: str, what: str) -> str:
    """Return a secret from a file or an environment variable; empty when neither is named.

    Raises:
        ConfigError: it is named and not there.
    """
    if file:
        try:
            return Path(file).expanduser().read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ConfigError(f"{what}: token_file {file}: {exc.strerror}") from None
    if variable and not os.environ.get(variable):
        raise ConfigError(f"{what}: the environment variable {variable} is not set")
    return os.environ.get(variable, "") if variable else ""
