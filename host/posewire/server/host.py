"""The host process: services, listener, and a graceful end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posewire.errors import ProviderError, StoreError
from posewire.identity.identities import Identities
from posewire.identity.principal import Principal
from posewire.log import EventLog
from posewire.server.assembly import health_monitor, make_services, periodic_jobs
from posewire.server.configuration.config_file import ConfigFile
from posewire.server.http.app import HttpSide
from posewire.server.http.routes import ROUTES
from posewire.server.jitsi.service import JitsiService
from posewire.server.jitsi.websocket import ConferenceWebSocket
from posewire.server.messages.catalog import MESSAGES, text_types
from posewire.server.monitoring.file_limit import file_limit
from posewire.server.monitoring.malloc_trim import TRIM_PERIOD, malloc_trim
from posewire.server.plugins import LifeHook, Plugin, load_plugins
from posewire.server.reload import ConfigReload
from posewire.server.scheduler import Job, Scheduler
from posewire.server.services import Services
from posewire.server.settings import Settings, check_exposure
from posewire.server.state.conversation_memory import StoredMemory
from posewire.server.store_domains import DOMAINS
from posewire.server.transport.listener import Listener
from posewire.server.transport.mdns import SERVICE, Announcements
from posewire.server.transport.openings import Openings
from posewire.server.transport.websocket import CLOSING_TIMEOUT, Admit, WebSocket
from posewire.server.wiring import admission, host_parts, mqtt, satellites, session_store
from posewire.store import MEMORY, Store
from posewire.task_scope import TaskScope
from posewire.voice.assistant import Assistant
from posewire.wire.close_codes import POLICY_VIOLATION

if TYPE_CHECKING:
    from posewire.server.gateway.gateway import SocketIoGateway

PATH = "/posewire/v1/"
_DRAIN_TIMEOUT = CLOSING_TIMEOUT + 1.0
"""Seconds that stopping waits for peers; one that does not finish its closing handshake is cut before that."""

CONFIG_EVERY = 2.0
"""Seconds between checks of the configuration file."""


@dataclass(frozen=True)
class Config:
    """The source of the settings: ``load`` reads the file ``path`` and applies the command line."""

    load: Callable[[], Settings]
    path: Path | None = None
    read: Callable[[Path], Settings] | None = None
    """Reads another file as if it were that one."""


class Host:
    """A host that can be started and stopped, in its own process or inside a test."""

    def __init__(self, settings: Settings, config: "Config | None" = None) -> None:
        check_exposure(settings)
        self._config = config
        self._scheduler: Scheduler | None = None
        self._settings = settings
        self._log = EventLog()
        self._services: Services | None = None
        self._listener: Listener | None = None
        self._http: HttpSide | None = None
        self._gateway: SocketIoGateway | None = None
        self._mdns = Announcements(settings.mdns)
        self._plugins: list[Plugin] = []
        self._tasks = TaskScope()
        self.url = ""
        self.address = ""

    @property
    def services(self) -> Services:
        """The shared services; only between start and stop."""
        assert self._services is not None
        return self._services

    @property
    def conference(self) -> str:
        """The address at which programs find it in its conference; empty: it is in none."""
        return self._services.jitsi.address if self._services is not None and self._services.jitsi is not None else ""

    async def start(self) -> None:
        """Load the voice engines and listen. ``url`` is set after that.

        Raises:
            ConfigError: the host cannot listen on the address, or a setting is not valid.
            StoreError: the store cannot be opened.
        """
        server = self._settings.server
        self._plugins = load_plugins(server.plugins, list(MESSAGES))
        store = await asyncio.to_thread(Store, self._settings.store.path or MEMORY, DOMAINS)
        try:
            assistant = await self._make_assistant(store)
            identities = await asyncio.to_thread(Identities, store)
            self._services = make_services(self._settings, assistant, store, identities)
            identities.on_revoked = self._close_revoked
            await self._load_sessions()
            if self._settings.satellites.enabled:
                self._services.satellites = satellites(self._services, self._mdns)
            if self._settings.mqtt.broker:
                self._services.mqtt = mqtt(self._services)
            self._listener = self._make_listener(self._services)
            for plugin in self._plugins:
                plugin.bind(self._services)
                for hook in plugin.starting:
                    await hook(self._services)
            host, port = await self._listener.start(server.host, server.port, server.certificate, server.key)
            if self._services.satellites is not None:
                await self._services.satellites.start()
        except BaseException:
            store.close()
            raise
        if self._gateway is not None:
            self._gateway.start()
        self._services.log_tail.start()
        self._services.tools.start()
        self._services.push.start()
        if self._services.mqtt is not None:
            self._services.mqtt.start()
        if self._services.jitsi is not None:
            self._services.jitsi.start()
        self._services.health = health_monitor(self._services)
        jobs = [*self._services.health.jobs(), *periodic_jobs(self._services, self._listener, server.sweep)]
        jobs.append(Job("malloc_trim", TRIM_PERIOD, malloc_trim))
        if self._config is not None:
            reload = ConfigReload(self._services, self._config.load, self._config.path)
            self._services.control.on_reload = reload.reload
            jobs.append(Job("configuration", CONFIG_EVERY, reload.reload_if_changed))
            if self._config.path is not None and self._config.read is not None:
                self._services.config_file = ConfigFile(self._config.path, self._config.read)
        self._scheduler = Scheduler(jobs, self._services.counters)
        self._scheduler.start()
        self._tasks.spawn(self._mdns.announce(SERVICE, "", host, port, {"path": PATH}))
        scheme = "wss" if server.certificate else "ws"
        self.address = host
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    def _make_listener(self, services: Services) -> Listener:
        types = text_types(host_parts(services))
        routes = list(ROUTES)
        for plugin in self._plugins:
            types.update(plugin.text_types)
            routes.extend(plugin.routes)
        admit = admission(services, types).admit
        if services.settings.jitsi.url:
            services.jitsi = self._make_jitsi(services, admit)
        longest = 0
        http_paths: tuple[bytes, ...] = ()
        if services.settings.socketio.enabled:
            # Loaded where it is wanted: it brings the client's side of poses along.
            from posewire.server.gateway.gateway import MAX_PACKET, SocketIoGateway
            from posewire.server.gateway.gateway import PATH as SOCKETIO_PATH

            self._gateway = SocketIoGateway(services, admit)
            routes.append(self._gateway.route)
            longest, http_paths = MAX_PACKET, (SOCKETIO_PATH.encode(),)
        self._http = HttpSide(services, routes, services.settings.http, longest)

        # The limit of a message may change while the host runs: it counts for new connections.
        def websocket() -> WebSocket:
            return WebSocket(admit, services.settings.server.max_message)

        openings = Openings(lambda: services.settings.server.max_per_address, file_limit(), services.counters)
        return Listener(websocket, self._http.protocol, openings, http_paths)

    def _make_jitsi(self, services: Services, admit: Admit) -> JitsiService:
        jitsi, store = services.settings.jitsi, services.settings.store.path

        def websocket(member: str) -> ConferenceWebSocket:
            return ConferenceWebSocket(member, admit, services.settings.server.max_message)

        kept = jitsi.certificate or (str(Path(store).with_name("conference.pem")) if store not in ("", MEMORY) else "")
        return JitsiService(jitsi, Path(kept).expanduser() if kept else None, websocket, services.counters)

    async def _make_assistant(self, store: Store) -> Assistant | None:
        if self._settings.voice is None or self._settings.upstream.wanted:
            return None
        try:
            assistant = await asyncio.to_thread(Assistant.create, self._settings.voice, StoredMemory(store))
        except ProviderError as exc:
            self._log.warning("voice_off", why=str(exc))
            return None
        self._log.info("voice", **assistant.describe())
        return assistant

    def _close_revoked(self, principal: Principal) -> None:
        for peer in self.services.registry.all_connections():
            theirs = peer.identity.principal
            if (theirs.token_id, theirs.device_id) == (principal.token_id, principal.device_id):
                peer.leave_for_good()
                peer.close(POLICY_VIOLATION, "access was revoked or has expired")
        if self.services.satellites is not None and principal.device_id:
            self._tasks.spawn(self.services.satellites.forget(principal.device_id))
        if self.services.mqtt is not None and principal.device_id:
            self.services.mqtt.forget(principal.device_id)

    async def stop(self, reason: str = "the host is shutting down") -> None:
        """Tell every peer, wait for their closing handshakes, then stop the engines."""
        await self._tasks.close()
        if self._services is not None and self._services.satellites is not None:
            await self._services.satellites.close()
        await self._mdns.stop()
        if self._listener is not None:
            await self._listener.stop()
        if self._services is None:
            return
        self._services.draining = True
        if self._scheduler is not None:
            await self._scheduler.stop()
        if self._services.health is not None:
            await self._services.health.webhook.close()
        if self._services.mqtt is not None:
            await self._services.mqtt.close()
        await self._services.push.close()
        await self._services.recordings.close()
        await self._services.sim_boards.close()
        registry = self._services.registry
        for peer in registry:
            peer.say_goodbye(reason)
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                await registry.drained()
        except TimeoutError:
            self._log.warning("not_drained", left=registry.open)
        await self._save_sessions()
        if self._services.jitsi is not None:
            await self._services.jitsi.close()
        if self._gateway is not None:
            await self._gateway.stop()
        if self._http is not None:
            await self._http.stop(_DRAIN_TIMEOUT)
        await self._services.webrtc.close()
        await self._services.rooms.close()
        await self._services.updates.close()
        await self._services.tools.close()
        if self._services.assistant is not None:
            await self._services.assistant.close()
        for plugin in self._plugins:
            for hook in plugin.stopping:
                await self._stop_plugin(plugin, hook)
        await asyncio.to_thread(self._services.store.close)
        self._log.info("stopped", **self._services.counters)
        self._services.log_tail.stop()

    async def _load_sessions(self) -> None:
        try:
            count = await session_store(self.services).load(self._settings.server.resume_window)
        except StoreError as error:
            self._log.warning("sessions_lost", why=str(error))
        else:
            if count:
                self._log.info("sessions_kept", count=count)

    async def _save_sessions(self) -> None:
        try:
            await session_store(self.services).save()
        except StoreError as error:
            self._log.warning("sessions_lost", why=str(error))

    async def _stop_plugin(self, plugin: Plugin, hook: LifeHook) -> None:
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                await hook(self.services)
        except Exception:
            self._log.exception("plugin_failed", plugin=plugin.name)
