"""The data channels of a host: how many there are, and how often one may ask."""

from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec

from posewire.errors import ConfigError, WireError
from posewire.server.connection.datagram_way import PeerDatagrams
from posewire.server.webrtc.settings import WebRtcSettings
from posewire.task_scope import TaskScope


class WebRtcService:
    """Opens data channels for connections. ``settings`` returns the settings of this moment."""

    def __init__(self, settings: Callable[[], WebRtcSettings], counters: Counter[str]) -> None:
        """Prepare the service.

        Raises:
            ConfigError: it is switched on, and aiortc is not installed.
        """
        self.enabled = settings().enabled
        """Whether this host offers data channels; a change needs a restart."""

        if self.enabled and find_spec("aiortc") is None:
            raise ConfigError("[webrtc] needs aiortc: pip install 'posewire[webrtc]'")
        self.open = 0
        """How many there are."""

        self._settings = settings
        self._counters = counters
        self._tasks = TaskScope()

    async def answer(self, datagrams: PeerDatagrams, offer: str) -> str:
        """Open a data channel for a connection, in place of the one before; returns the answer to its offer.

        Raises:
            WireError: ``too_many``: the host has as many as it may; ``bad_message``: it is no offer.
        """
        datagrams.use(None)
        if self.open >= self._settings().max_channels:
            raise WireError(f"this host has at most {self._settings().max_channels} data channels", "too_many")
        # Loaded where it is wanted: aiortc brings codecs for audio and video along.
        from posewire.server.webrtc.channel import DataChannel

        self.open += 1
        channel = DataChannel(datagrams.receive, self._ended, self._tasks)
        try:
            answer = await channel.answer(offer)
        except BaseException:
            channel.end()
            raise
        datagrams.use(channel)
        self._counters["data_channels"] += 1
        return answer

    async def close(self) -> None:
        """Wait until all that were closed are gone."""
        await self._tasks.join()

    def _ended(self) -> None:
        self.open -= 1
