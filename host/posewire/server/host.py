"""The host process: services, listener, and a graceful end."""

import asyncio
import signal
from collections import Counter

from posewire.boards.folders import firmware_folder
from posewire.errors import ProviderError
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.caches import Caches
from posewire.server.event_log import EventLog
from posewire.server.file_limit import raise_file_limit
from posewire.server.host_tools import HostTools
from posewire.server.listener import Listener
from posewire.server.push.service import Push
from posewire.server.registry import ConnectionRegistry
from posewire.server.services import Services
from posewire.server.settings import Settings, check_exposure
from posewire.server.store_domains import DOMAINS
from posewire.store import MEMORY, Store
from posewire.update.service import UpdateService
from posewire.voice.assistant import Assistant

PATH = "/posewire/v1/"
_DRAIN_TIMEOUT = 5.0


class Host:
    """A host that can be started and stopped, in its own process or inside a test."""

    def __init__(self, settings: Settings) -> None:
        check_exposure(settings)
        self._settings = settings
        self._log = EventLog()
        self._services: Services | None = None
        self._listener: Listener | None = None
        self.url = ""

    @property
    def services(self) -> Services:
        """The shared services; only between start and stop."""
        assert self._services is not None
        return self._services

    async def start(self) -> None:
        """Load the voice engines and listen. ``url`` is set after that.

        Raises:
            ConfigError: the address cannot be listened on, or a setting makes no sense.
            StoreError: the store cannot be opened.
        """
        assistant = None
        if self._settings.voice is not None:
            try:
                assistant = await asyncio.to_thread(Assistant.create, self._settings.voice)
            except ProviderError as exc:
                self._log.warning("voice_off", why=str(exc))
            else:
                self._log.info("voice", **assistant.describe())
        store = await asyncio.to_thread(Store, self._settings.store.path or MEMORY, DOMAINS)
        try:
            self._services = self._make_services(assistant, store)
            self._listener = Listener(self._services)
            host, port = await self._listener.start()
        except BaseException:
            store.close()
            raise
        self._services.tools.start()
        self._services.push.start()
        scheme = "wss" if self._settings.server.certificate else "ws"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    def _make_services(self, assistant: Assistant | None, store: Store) -> Services:
        settings = self._settings
        registry, caches, counters = ConnectionRegistry(), Caches(), Counter[str]()
        push = Push(settings.push, registry, store, counters)
        return Services(
            settings,
            assistant,
            store,
            ConnectionAuthenticator(settings.token),
            UpdateService(settings.update, firmware_folder),
            registry,
            push,
            HostTools(settings.tools, counters, caches, push.tools.functions()),
            caches=caches,
            counters=counters,
        )

    async def stop(self, reason: str = "the host is shutting down") -> None:
        """Tell every peer, wait for their closing handshakes, then stop the engines."""
        if self._listener is not None:
            await self._listener.stop()
        if self._services is None:
            return
        await self._services.push.close()
        registry = self._services.registry
        for handler in registry:
            handler.say_goodbye(reason)
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                await registry.drained()
        except TimeoutError:
            self._log.warning("not_drained", left=registry.open)
        if self._listener is not None:
            await self._listener.stop_http(_DRAIN_TIMEOUT)
        await self._services.updates.close()
        await self._services.tools.close()
        if self._services.assistant is not None:
            await self._services.assistant.close()
        await asyncio.to_thread(self._services.store.close)
        self._log.info("stopped", **self._services.counters)


async def run_host(settings: Settings) -> None:
    """Run a host until SIGINT or SIGTERM; prints one line on standard output when it is ready."""
    raise_file_limit()
    host = Host(settings)
    await host.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"posewire: ready on {host.url}", flush=True)
    await stop.wait()
    await host.stop()
