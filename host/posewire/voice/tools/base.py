"""The interfaces of tools, which a turn can call: a device's, the host's, other servers' (MCP, Home Assistant)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class ToolInfo:
    """The description of a tool."""

    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments."""


class ToolSet(Protocol):
    """The tools that a turn can call, by their real names."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools available now, by name."""
        ...

    async def ready(self) -> None:
        """Wait until the tools of a device that has just connected are known, for some seconds at most."""
        ...

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: the tool failed, is not available, or did not answer in time.
        """
        ...


@dataclass(frozen=True)
class ToolContext:
    """The caller of a tool. A function of the host gets it when it has a parameter of this type."""

    device: str = ""
    """Id of the device whose session calls; empty when there is none (the shell, another program)."""

    session: str = ""
    """Id of the connection's session; empty when there is none."""


@dataclass(frozen=True)
class ToolOutput:
    """The result of a tool."""

    text: str
    spoken: bool = False
    """The text is the reply: it is spoken as it is, without the model."""


class ToolExecutor(Protocol):
    """One source of tools."""

    kind: str
    """The source in lists and logs: ``device``, ``server``, ``mcp`` or ``home-assistant``."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools available now, by name; it must be cheap, because it is called in every turn."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call a tool. Cancelling abandons the call.

        Raises:
            ToolError: it failed, or is not available; the message tells a person or a model why.
        """
        ...
