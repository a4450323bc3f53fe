"""A device's tools, as the voice pipeline sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class ToolInfo:
    """What a device says about one of its tools."""

    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments."""


class DeviceTools(Protocol):
    """The tools of one device."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools that the device has now, by name."""
        ...

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: the tool failed, is not there, or did not answer in time.
        """
        ...
