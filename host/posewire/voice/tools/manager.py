"""All sources of tools as one: it finds a tool, checks its arguments, calls it, and bounds its result."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from posewire.errors import ToolError
from posewire.voice.tools.base import ToolContext, ToolExecutor, ToolInfo, ToolOutput
from posewire.voice.tools.schema import checked_arguments

MAX_RESULT = 8000
"""Longest text of a result, in characters: a longer one would push the conversation out of a model's window."""

_log = logging.getLogger(__name__)


class ToolManager:
    """Executors in order: of two tools with one name, the first executor's is called."""

    def __init__(
        self,
        executors: Iterable[ToolExecutor],
        *,
        hidden: Iterable[str] = (),
        timeout: float = 30.0,
        counters: Counter[str] | None = None,
    ) -> None:
        self._executors = list(executors)
        self._hidden = tuple(hidden)
        self._timeout = timeout
        self._counters: Counter[str] = Counter() if counters is None else counters

    def joined(self, *first: ToolExecutor) -> "ToolManager":
        """Return a manager with more executors before these; settings and counters are shared."""
        return ToolManager(
            [*first, *self._executors], hidden=self._hidden, timeout=self._timeout, counters=self._counters
        )

    def available(self) -> Mapping[str, ToolInfo]:
        """Return all tools that are not hidden, by their real names."""
        return {name: info for name, (_, info) in self._all().items()}

    def kinds(self) -> Mapping[str, str]:
        """Return the kind of source of each tool, by name."""
        return {name: executor.kind for name, (executor, _) in self._all().items()}

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Check the arguments and call a tool.

        Raises:
            ToolError: there is no such tool, the arguments do not fit its schema, it failed, or did not answer in time.
        """
        try:
            output = await self._run(name, arguments, context)
        except ToolError:
            self._counters["tools_failed"] += 1
            raise
        self._counters["tools_called"] += 1
        return output

    async def _run(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        executor, info = self._all().get(name, (None, None))
        if executor is None or info is None:
            raise ToolError(f"there is no tool {name}")
        arguments = checked_arguments(info.schema, arguments)
        try:
            async with asyncio.timeout(self._timeout):
                output = await executor.call(name, arguments, context)
        except TimeoutError:
            raise ToolError(f"{name} did not answer within {self._timeout:.0f} s") from None
        except ToolError:
            raise
        except Exception as exc:
            # A user's function, or a library that it uses, may raise any exception: that is the tool's failure.
            _log.exception("the tool %s failed", name)
            raise ToolError(f"{name} failed: {type(exc).__name__}: {exc}"[:300]) from None
        if len(output.text) > MAX_RESULT:
            return ToolOutput(output.text[:MAX_RESULT] + " … (cut)", output.spoken)
        return output

    def _all(self) -> dict[str, tuple[ToolExecutor, ToolInfo]]:
        found: dict[str, tuple[ToolExecutor, ToolInfo]] = {}
        for executor in self._executors:
            for name, info in executor.available().items():
                if name not in found and not any(fnmatchcase(name, pattern) for pattern in self._hidden):
                    found[name] = executor, info
        return found
