"""Keeps the board connected: Wi-Fi, WebSocket, session, and again after every failure."""

import asyncio
import random
import time

from micropython import const

from posewire_fw import log
from posewire_fw.websocket import LOST, HandshakeError, WebSocketError

_TURN_MS = const(4)
_WIFI_CHECK_TURNS = const(64)
_PAUSE_MS = const(250)


class Backoff:
    """Waiting times between attempts: 0.5 s doubled up to 30 s, with jitter so that many boards do not come at once."""

    FIRST_MS = const(500)
    LAST_MS = const(30000)
    AFTER_ERROR_MS = const(1000)
    STABLE_MS = const(5000)

    def __init__(self):
        self._next = self.FIRST_MS

    def after(self, connected_ms, failed):
        """How long to wait, in ms, after a connection that lasted connected_ms (0: none came about).

        failed: it was not closed in order.
        """
        if connected_ms >= self.STABLE_MS:
            self._next = self.FIRST_MS
        wait = self._next
        self._next = min(self._next * 2, self.LAST_MS)
        wait = wait * (75 + random.getrandbits(16) * 50 // 65535) // 100
        if failed:
            wait = max(wait, self.AFTER_ERROR_MS)
        return min(wait, self.LAST_MS)


class Connection:
    def __init__(self, config, wifi, link, session, headers):
        self._host = config["host"]
        self._wifi = wifi
        self._link = link
        self._session = session
        self._headers = headers
        self._backoff = Backoff()
        self.beat = 0
        self.connections = 0

    def reconnects(self):
        """How many times the board came back."""
        return max(0, self.connections - 1)

    async def run(self):
        while True:
            started = time.ticks_ms()
            failed = True
            opened = False
            code = LOST
            try:
                if not self._wifi.connected() and not await self._wifi.join(self._tick):
                    raise OSError("no Wi-Fi")
                await self._link.connect(self._host["url"], self._headers, self._host["ca"], self._tick)
                started = time.ticks_ms()
                opened = True
                self.connections += 1
                self._session.opened()
                await self._serve()
            except WebSocketError as exc:
                code = exc.code
                failed = self._session.state != "idle"
                log.warning("connection", "%s", exc)
            except (OSError, HandshakeError, ValueError) as exc:
                log.warning("connection", "%s", exc)
            finally:
                self._link.drop(code)
                self._session.lost()
            lasted = time.ticks_diff(time.ticks_ms(), started) if opened else 0
            await self._pause(self._backoff.after(lasted, failed))

    async def _serve(self):
        turns = 0
        while True:
            self.beat += 1
            self._link.turn(self._session)
            turns += 1
            if turns == _WIFI_CHECK_TURNS:
                turns = 0
                if not self._wifi.connected():
                    raise OSError("Wi-Fi is gone")
            await asyncio.sleep_ms(_TURN_MS)

    def _tick(self):
        self.beat += 1

    async def _pause(self, milliseconds):
        end = time.ticks_add(time.ticks_ms(), milliseconds)
        while True:
            self.beat += 1
            left = time.ticks_diff(end, time.ticks_ms())
            if left <= 0:
                return
            await asyncio.sleep_ms(min(left, _PAUSE_MS))
