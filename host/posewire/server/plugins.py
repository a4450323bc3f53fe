"""Plug-ins: a user's own Python module that adds message types and HTTP paths to the host.

The module has a function ``register(plugin)``; ``docs/plugins.md`` shows one. It is trusted code: it runs inside the
host.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posewire.errors import ConfigError
from posewire.server.connection.message_type import Handle, Parse, TextType
from posewire.server.http.request import authorize
from posewire.server.services import Services

GROUP = "posewire.plugins"
"""Entry point group of installed plug-ins; each is loaded only where the configuration names it."""

Endpoint = Callable[[Request], Awaitable[Response]]
LifeHook = Callable[[Services], Awaitable[None]]


class Plugin:
    """The argument of a plug-in's ``register``: its methods add to the host."""

    def __init__(self, name: str, known_types: set[str]) -> None:
        self.name = name
        self.text_types: dict[str, TextType] = {}
        self.routes: list[BaseRoute] = []
        self.starting: list[LifeHook] = []
        self.stopping: list[LifeHook] = []
        self._known_types = known_types
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """The shared services of the host: its hub, rooms, registry, store and so on.

        Raises:
            ConfigError: the host has not started: use them in handlers and hooks, not in ``register``.
        """
        if self._services is None:
            raise ConfigError(f"plug-in {self.name}: the host's services exist only after the host has started")
        return self._services

    def bind(self, services: Services) -> None:
        """Give the plug-in the services of the host that starts."""
        self._services = services

    def text(self, kind: str, handle: Handle, parse: Parse | None = None, scope: str = "") -> None:
        """Handle text messages of a new ``type``: ``handle(peer, value)`` gets what ``parse(message)`` returns.

        Raises:
            ConfigError: the type exists already.
        """
        if kind in self._known_types:
            raise ConfigError(f'plug-in {self.name}: the message type "{kind}" exists already')
        self._known_types.add(kind)
        self.text_types[kind] = TextType(handle, parse, scope)

    def http(self, path: str, endpoint: Endpoint, scope: str, methods: Sequence[str] = ("GET",)) -> None:
        """Serve a path. ``scope``: the scope that a request's token must grant; empty: none."""

        async def guarded(request: Request) -> Response:
            if scope:
                authorize(request, scope)
            return await endpoint(request)

        self.routes.append(Route(path, guarded, methods=list(methods)))

    def on_start(self, hook: LifeHook) -> None:
        """Await ``hook(services)`` when the host has started."""
        self.starting.append(hook)

    def on_stop(self, hook: LifeHook) -> None:
        """Await ``hook(services)`` before the host closes its store."""
        self.stopping.append(hook)


def load_plugins(names: Sequence[str], known_types: Sequence[str]) -> list[Plugin]:
    """Load plug-ins by entry point, by path of a ``.py`` file, or by module name.

    Raises:
        ConfigError: a plug-in does not exist, fails, or has no ``register``; the message names it.
    """
    all_types = set(known_types)
    loaded = []
    for name in names:
        plugin = Plugin(name, all_types)
        try:
            register: Any = _find(name)
            register(plugin)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"plug-in {name}: {type(error).__name__}: {error}") from error
        loaded.append(plugin)
    return loaded


def _find(name: str) -> Any:
    for entry in entry_points(group=GROUP, name=name):
        found = entry.load()
        return found if not inspect.ismodule(found) else _register_of(found, name)
    module = _from_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    return _register_of(module, name)


def _register_of(module: ModuleType, name: str) -> Any:
    register = getattr(module, "register", None)
    if not callable(register):
        raise ConfigError(f"plug-in {name} has no function register(plugin)")
    return register


def _from_file(path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ConfigError(f"plug-in {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"posewire_plugin_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
