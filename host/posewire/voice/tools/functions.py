"""Functions of the host as tools: decorated, typed, plain Python, from modules that the user names."""

import asyncio
import functools
import inspect
import json
import runpy
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from posewire.errors import ConfigError, ToolError
from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.schema import schema_of

ENTRY_POINTS = "posewire.tools"
"""Group of entry points under which packages offer modules of tools."""

_THREADS = 4
_MARK = "__posewire_tool__"

_F = TypeVar("_F", bound=Callable[..., Any])


def tool(name: str | None = None, description: str | None = None) -> Callable[[_F], _F]:
    """Declare a function as a tool; its docstring's first paragraph is the description, its types make the schema.

    A ``def`` runs in a thread and may block; an ``async def`` runs on the event loop and must not. A parameter of type
    ``ToolContext`` gets the caller. The function returns a text, a ``ToolOutput`` that is spoken as it is, or any other
    object, which the caller gets as JSON. It raises ``ToolError`` to fail with a reason.
    """

    def mark(function: _F) -> _F:
        text = description or inspect.getdoc(function) or ""
        setattr(function, _MARK, (name or function.__name__, " ".join(text.split("\n\n")[0].split())))
        return function

    return mark


@dataclass(frozen=True)
class _Function:
    run: Callable[..., Any]
    info: ToolInfo
    context: str
    """Name of the parameter that takes the context; empty when there is none."""


class FunctionExecutor:
    """Calls functions. Plain functions run in at most four threads, so that slow ones hold up only each other.

    Raises:
        ConfigError: two functions have one name, or a parameter has no JSON type.
    """

    kind = "server"

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._functions: dict[str, _Function] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "tool")
        for function in functions:
            name, description = getattr(function, _MARK)
            if name in self._functions:
                raise ConfigError(f"there are two tools named {name}")
            hints = inspect.get_annotations(function, eval_str=True)
            context = next((key for key, hint in hints.items() if hint is ToolContext), "")
            info = ToolInfo(description, schema_of(function, given=(ToolContext,)))
            self._functions[name] = _Function(function, info, context)

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the functions by name."""
        return {name: function.info for name, function in self._functions.items()}

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call the function behind a tool.

        Raises:
            ToolError: there is no such function, or it raised this.
        """
        function = self._functions.get(name)
        if function is None:
            raise ToolError(f"there is no tool {name}")
        given = {**arguments, function.context: context} if function.context else dict(arguments)
        if inspect.iscoroutinefunction(function.run):
            result = await function.run(**given)
        else:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._threads, functools.partial(function.run, **given))
        if isinstance(result, ToolOutput):
            return result
        if isinstance(result, str):
            return ToolOutput(result)
        return ToolOutput("done" if result is None else json.dumps(result, ensure_ascii=False, default=str))

    def close(self) -> None:
        """Stop the threads without waiting for calls that still run."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def load_functions(plugins: Iterable[str]) -> list[Callable[..., Any]]:
    """Return the tools of modules: each an entry point's name, a dotted module path, or a path to a ``.py`` file.

    Raises:
        ConfigError: a module is not found, fails to load, or has no tool; the message names it.
    """
    offered = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    found: list[Callable[..., Any]] = []
    for plugin in plugins:
        try:
            if plugin.endswith(".py"):
                path = Path(plugin).expanduser()
                # Under a name of its own, so that a file's "main" part does not run.
                members = runpy.run_path(str(path), run_name=path.stem)
            else:
                members = vars(import_module(offered.get(plugin, plugin)))
        except Exception as exc:
            # A user's module may raise any exception while it loads: the message must name the file.
            raise ConfigError(f"[tools] plugin {plugin}: {type(exc).__name__}: {exc}") from exc
        functions = [member for member in members.values() if callable(member) and hasattr(member, _MARK)]
        if not functions:
            raise ConfigError(f"[tools] plugin {plugin} has no function with @tool()")
        found += dict.fromkeys(functions)
    return found
