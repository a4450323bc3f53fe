"""The tools of one voice session, by their real names."""

from collections.abc import Mapping

from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput, ToolSet
from posewire.voice.tools.manager import ToolManager


class UnifiedToolHandler:
    """All sources of tools, called for one device; a ``ToolSet``. Made for each session."""

    def __init__(self, manager: ToolManager, context: ToolContext, device: ToolSet | None = None) -> None:
        """``device``: the device's own tools, which are among the manager's, for ``ready``."""
        self.manager = manager
        self._device = device
        self._context = context

    def available(self) -> Mapping[str, ToolInfo]:
        """Return all tools by their real names."""
        return self.manager.available()

    async def ready(self) -> None:
        """Wait until the device's tools are known, for some seconds at most."""
        if self._device is not None:
            await self._device.ready()

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool by its real name and return its text.

        Raises:
            ToolError: see ``ToolManager.call``.
        """
        return (await self.run(name, arguments)).text

    async def run(self, name: str, arguments: Mapping[str, object]) -> ToolOutput:
        """Call a tool by its real name and return its whole output.

        Raises:
            ToolError: see ``ToolManager.call``.
        """
        return await self.manager.call(name, arguments, self._context)
