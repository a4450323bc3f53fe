"""The connection to the broker: it is opened again whenever it is lost, and the broker is told what it missed."""

import asyncio
import json
import ssl
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from posewire.backoff import Backoff
from posewire.errors import ConfigError, PosewireError
from posewire.identity.audit import Audit
from posewire.identity.identities import Identities
from posewire.log import EventLog
from posewire.server.connection.peer import is_lasting
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.mqtt.device import MqttDevice
from posewire.server.mqtt.settings import MqttSettings
from posewire.server.mqtt.topics import Topics, slug
from posewire.server.push.announcer import Announcer
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.happenings import Happening, Happenings
from posewire.task_scope import TaskScope

if TYPE_CHECKING:
    import aiomqtt

_LOOK_EVERY = 1.0
"""Seconds between looks at what has changed."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_EVENTS = 200
"""Events that wait for the broker; the oldest are dropped."""

_COMMANDS = 32
"""Commands that are carried out at a time; more are refused."""

_TEXTS = frozenset({"heard", "said", "text"})
"""What of an event people have said, or were told."""

_KEEPALIVE = 20
_TIMEOUT = 10.0


class MqttService:
    """Keeps the broker informed about all devices that will come back under their id, until they are revoked.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(
        self,
        settings: MqttSettings,
        registry: ConnectionRegistry,
        identities: Identities,
        reports: BoardReports,
        happenings: Happenings,
        announcer: Announcer,
        audit: Audit,
    ) -> None:
        try:
            import aiomqtt  # noqa: F401
        except ImportError:
            raise ConfigError("[mqtt] needs its extra: pip install 'posewire[mqtt]'") from None
        self.connected = asyncio.Event()
        self._settings = settings
        self._registry = registry
        self._identities = identities
        self._reports = reports
        self._announcer = announcer
        self._audit = audit
        self._devices: dict[str, MqttDevice] = {}
        """By slug."""

        self._published: dict[str, str] = {}
        self._forgotten: set[str] = set()
        """Slugs of devices whose topics the broker is still to drop."""

        self._events: deque[tuple[str, str]] = deque(maxlen=_EVENTS)
        self._changed = asyncio.Event()
        self._commands = TaskScope()
        self._tasks = TaskScope()
        self._log = EventLog()
        happenings.listeners.append(self._note)

    def start(self) -> None:
        """Connect, and stay connected."""
        self._tasks.spawn(self._stay_connected())

    def forget(self, device: str) -> None:
        """Take a device away from the broker: it was revoked."""
        known = self._devices.pop(slug(device), None)
        if known is not None and known.device != device:
            self._devices[slug(device)] = known  # another one with the same letters
            return
        self._forgotten.add(slug(device))
        self._changed.set()

    async def close(self) -> None:
        """Tell the broker that the host is going, and disconnect."""
        await self._commands.close()
        await self._tasks.close()

    # --- the connection

    async def _stay_connected(self) -> None:
        import aiomqtt

        settings, backoff = self._settings, Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        status = f"{settings.prefix}/status"
        while True:
            try:
                async with aiomqtt.Client(
                    settings.broker,
                    settings.port,
                    username=settings.user or None,
                    password=settings.password or None,
                    identifier=f"posewire-{uuid.uuid4().hex[:12]}",
                    will=aiomqtt.Will(status, "offline", qos=1, retain=True),
                    keepalive=_KEEPALIVE,
                    timeout=_TIMEOUT,
                    tls_context=ssl.create_default_context() if settings.tls else None,
                    max_queued_incoming_messages=_EVENTS,
                ) as client:
                    backoff.reset()
                    self._published.clear()
                    self._log.info("mqtt", broker=settings.broker, port=settings.port)
                    await client.subscribe([(f"{settings.prefix}/+/+/set", 1), (f"{settings.prefix}/+/available", 1)])
                    await client.publish(status, "online", qos=1, retain=True)
                    self.connected.set()
                    try:
                        async with asyncio.TaskGroup() as group:
                            group.create_task(self._listen(client))
                            group.create_task(self._report(client))
                    except asyncio.CancelledError:
                        # The last will is for a connection that is lost; this one ends in order.
                        await client.publish(status, "offline", qos=1, retain=True)
                        raise
            except* (aiomqtt.MqttError, OSError, ValueError) as errors:
                why = "; ".join(sorted({str(error) for error in errors.exceptions}))
                self._log.warning("mqtt_lost", why=why[:300], tries=backoff.failures + 1)
            finally:
                self.connected.clear()
            await asyncio.sleep(backoff.next_pause())

    async def _listen(self, client: "aiomqtt.Client") -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            parts = str(message.topic).removeprefix(f"{self._settings.prefix}/").split("/")
            if len(parts) == 2:
                self._seen(parts[0], payload)
            elif message.retain:
                self._log.warning("mqtt_command", topic=str(message.topic)[:200], why="a command must not be retained")
            elif len(self._commands) >= _COMMANDS:
                self._log.warning("mqtt_command", topic=str(message.topic)[:200], why="too many at a time")
            else:
                self._commands.spawn(self._carry_out(parts[0], parts[1], payload))

    async def _carry_out(self, name: str, command: str, payload: bytes) -> None:
        device = self._devices.get(name)
        try:
            if device is None:
                raise ConfigError(f"there is no device {name[:64]}")
            self._audit.record(f"mqtt {command[:40]}", self._settings.broker, device=device.device)
            await device.carry_out(command, payload)
        except PosewireError as error:
            self._log.warning("mqtt_command", device=name[:64], command=command[:40], why=str(error))
        self._changed.set()

    def _seen(self, name: str, payload: bytes) -> None:
        """Look at what the broker holds of a device: it may have been revoked, or be away, without its knowing."""
        device = self._devices.get(name)
        if payload and device is None:
            if name in {slug(gone) for gone, paired in self._identities.devices.items() if paired.revoked}:
                self._forgotten.add(name)
            elif payload == b"online":
                self._events.append((f"{self._settings.prefix}/{name}/available", "offline"))
            self._changed.set()

    # --- reports

    async def _report(self, client: "aiomqtt.Client") -> None:
        prefix = self._settings.prefix
        while True:
            self._changed.clear()
            self._find_devices()
            for name in list(self._forgotten):
                for topic in Topics(prefix, self._settings.discovery, name).retained():
                    await client.publish(topic, "", qos=1, retain=True)
                    self._published.pop(topic, None)
                self._forgotten.discard(name)
            for device in list(self._devices.values()):
                wanted = device.topics_now(self._identities.name_of(device.device), self._reports.get(device.device))
                for topic, payload in wanted.items():
                    if self._published.get(topic) != payload:
                        await client.publish(topic, payload, qos=1, retain=True)
                        self._published[topic] = payload
            while self._events:
                topic, payload = self._events.popleft()
                await client.publish(topic, payload, qos=1, retain=topic.endswith("/available"))
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _find_devices(self) -> None:
        known = set(self._identities.known())
        for peer in self._registry:
            if is_lasting(peer, known):
                name = slug(peer.device_id)
                device = self._devices.get(name)
                if device is None:
                    topics = Topics(self._settings.prefix, self._settings.discovery, name)
                    device = self._devices[name] = MqttDevice(peer.device_id, topics, self._announcer)
                if device.device == peer.device_id and device.peer is not peer:
                    device.peer = peer
                    peer.spawn(self._look(device))
        for device in self._devices.values():
            if device.peer is not None and self._registry.device(device.device) is not device.peer:
                device.peer = None
            change = device.room_change()
            if change is not None:
                self._events.append((device.topics.of("room"), json.dumps(change, ensure_ascii=False)))

    async def _look(self, device: MqttDevice) -> None:
        await device.look()
        self._changed.set()

    def _note(self, happening: Happening) -> None:
        device = self._devices.get(slug(happening.device))
        if device is None or device.device != happening.device:
            return
        event: dict[str, Any] = {"event_type": happening.type, **happening.data}
        if not self._settings.texts:
            event = {name: value for name, value in event.items() if name not in _TEXTS}
        self._events.append((device.topics.of(happening.kind), json.dumps(event, ensure_ascii=False)))
        self._changed.set()
        if happening.kind == "turn" and device.peer is not None:
            device.peer.spawn(self._look(device))
