"""Keeps the board connected, again after every failure. What a connection needs once is in connecting.py."""

import asyncio
import time

from micropython import const

from posewire_fw.unload import unload_modules
from posewire_fw.websocket import HandshakeError, WebSocketError

_TURN_MS = const(4)
_WIFI_CHECK_TURNS = const(64)
# The close code of a connection that broke.
_LOST = const(1006)


class Connection:
    """headers() gives those of the handshake; on_phase(name) hears what is going on (led.py knows the names).

    setup(beat) opens the board's own page and returns when it is done, pair(beat) asks the host for a token,
    give_up(text) resets the board.
    """

    def __init__(self, config, wifi, link, session, headers, on_phase, setup, pair, give_up):
        self.config = config
        self.wifi = wifi
        self.link = link
        self.session = session
        self.headers = headers
        self.on_phase = on_phase
        self.setup = setup
        self.pair = pair
        self.give_up = give_up
        self.setup_wanted = False
        # What connecting.py remembers of the attempts before.
        self.unauthorized = False
        self.clock_doubted = False
        self.fruitless = 0
        self.starved = 0
        self.wait_ms = 0
        self.beat = 0
        self.connections = 0

    def reconnects(self):
        """How many times the board came back."""
        return max(0, self.connections - 1)

    def want_setup(self):
        """Open the board's own page as soon as what is under way has ended."""
        self.setup_wanted = True

    async def run(self):
        while True:
            opened = 0
            failure = None
            try:
                await self._open()
                opened = time.ticks_ms()
                await self._serve()
            except (WebSocketError, HandshakeError, OSError, MemoryError, ValueError) as exc:
                failure = exc
            finally:
                idle = self.session.public_state() == "idle"
                self.link.drop(getattr(failure, "code", _LOST))
                self.session.lost()
            from posewire_fw import connecting

            await connecting.pause_after(self, failure, opened, idle)

    async def _open(self):
        from posewire_fw import connecting

        await connecting.prepare(self)
        # What comes next needs the memory more, each step for itself.
        del connecting
        unload_modules("connecting", "wifi_join", "credentials")
        host = self.config["host"]
        await self.link.connect(host["url"], self.headers(), host["ca"], self.tick)
        self.connections += 1
        from posewire_fw import credentials

        credentials.remember_host(self.link.host, self.link.peer)
        del credentials
        unload_modules("credentials")
        self.session.opened()

    async def _serve(self):
        turns = 0
        while True:
            self.tick()
            self.link.turn(self.session)
            turns += 1
            if turns == _WIFI_CHECK_TURNS:
                turns = 0
                if self.setup_wanted or not self.wifi.connected():
                    raise OSError("Wi-Fi is gone")
            await asyncio.sleep_ms(_TURN_MS)

    def tick(self):
        """A sign of life, for the supervisor."""
        # Kept small: above 30 bits it would be an object on the heap of a 32-bit chip.
        self.beat = (self.beat + 1) & 0xFFFFFF
