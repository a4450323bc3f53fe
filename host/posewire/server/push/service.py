"""Server push of one host: its announcer, its reminders, its devices' events."""

from collections import Counter

from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.push.announcer import Announcer
from posewire.server.push.events import DeviceEvents
from posewire.server.push.reminders import Reminders
from posewire.server.push.settings import PushSettings
from posewire.server.push.tools import PushTools
from posewire.server.state.happenings import Happenings
from posewire.store import Store


class Push:
    """Owns the parts of server push."""

    def __init__(
        self,
        settings: PushSettings,
        registry: ConnectionRegistry,
        store: Store,
        counters: Counter[str],
        happenings: Happenings,
    ) -> None:
        self.announcer = Announcer(registry, counters)
        self.reminders = Reminders(store, self.announcer)
        self.events = DeviceEvents(settings, registry, self.announcer, counters, happenings)
        self.tools = PushTools(registry, self.announcer, self.reminders)

    def start(self) -> None:
        """Start; an event loop must run."""
        self.reminders.start()

    async def close(self) -> None:
        """Stop; reminders stay in the store."""
        await self.reminders.close()
        await self.announcer.close()
