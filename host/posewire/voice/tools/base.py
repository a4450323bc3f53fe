"""Tools: what a turn can call. A device's own, functions of the host, other servers' (MCP, Home Assistant)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class ToolInfo:
    """What is known of a tool."""

    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments."""


class DeviceTools(Protocol):
    """The tools that a session can call, by their real names."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools that there are now, by name."""
        ...

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: the tool failed, is not there, or did not answer in time.
        """
        ...


@dataclass(frozen=True)
class ToolContext:
    """For whom a tool is called. A function of the host gets it when it has a parameter of this type."""

    device: str = ""
    """Id of the device in whose session this happens; empty when there is none (the shell, another program)."""

    session: str = ""


@dataclass(frozen=True)
class ToolOutput:
    """What a tool returned."""

    text: str
    spoken: bool = False
    """The text is the reply: it is said as it is, no model puts it into other words."""


class ToolExecutor(Protocol):
    """One source of tools."""

    kind: str
    """Where they come from, for lists and logs: ``device``, ``server``, ``mcp`` or ``home-assistant``."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools that there are now, by name; cheap, asked for before every turn."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call a tool. Cancelling gives up on it.

        Raises:
            ToolError: it failed, or is not there; the message says why, to a person or a model.
        """
        ...
