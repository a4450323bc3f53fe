"""The tools of one voice session, by their real names."""

from collections.abc import Mapping

from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.manager import ToolManager


class UnifiedToolHandler:
    """All sources of tools, called for one device; a ``ToolSet``. Made for each session."""

    def __init__(self, manager: ToolManager, context: ToolContext) -> None:
        self.manager = manager
        self._context = context

    def available(self) -> Mapping[str, ToolInfo]:
        """Return all tools by their real names."""
        return self.manager.available()

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
