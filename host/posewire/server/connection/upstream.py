"""The switch between this host's own assistant and an upstream server, for one connection."""

import asyncio
from collections import Counter

from posewire.server.bridge.bridge import UpstreamBridge
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.peer import Peer
from posewire.server.speech_encoding import SpeechEncoding


class UpstreamSwitch:
    """Holds the bridge of a device that may speak, where the host has an upstream server."""

    __slots__ = ("_counters", "_encoding", "_settings", "_task", "bridge")

    def __init__(self, settings: UpstreamSettings, encoding: SpeechEncoding, counters: Counter[str]) -> None:
        self.bridge: UpstreamBridge | None = None
        """The way to the upstream server; None: there is no such server, or the device may not speak."""

        self._settings = settings
        self._encoding = encoding
        self._counters = counters
        self._task: asyncio.Task[None] | None = None

    def update(self, peer: Peer) -> None:
        """Connect a device that may speak, and disconnect one that no longer may. Call it after hello."""
        wanted = self._settings.wanted and peer.identity.principal.allows("voice")
        if wanted and self.bridge is None and peer.hello is not None:
            counters = self._counters

            def count(name: str) -> None:
                counters[name] += 1

            identity = (peer.device_id, peer.identity.client_id)
            formats = (peer.uplink, peer.audio)
            self.bridge = UpstreamBridge(
                self._settings, peer, peer.hello, formats, identity, self._encoding, peer.log, count
            )
            self._task = peer.spawn(self.bridge.run())
        elif not wanted and self.bridge is not None:
            self.bridge.end_reply()
            self.close()

    def close(self) -> None:
        """Disconnect from the upstream server."""
        if self._task is not None:
            self._task.cancel()
        self.bridge = self._task = None
