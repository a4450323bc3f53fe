"""Keeps the board connected: Wi-Fi, clock, WebSocket, session, and again after every failure."""

import asyncio
import gc
import random
import time

from micropython import const

from posewire_fw import credentials, log
from posewire_fw.unload import unload_modules
from posewire_fw.websocket import LOST, HandshakeError, WebSocketError

_TURN_MS = const(4)
_WIFI_CHECK_TURNS = const(64)
_PAUSE_MS = const(250)
_BAD_CERTIFICATE = const(-0x2700)
# So many attempts in a row (some minutes) that lead nowhere, and the Wi-Fi itself is doubted: it may be up and dead.
_FRUITLESS_MAX = const(10)


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
    """headers() gives those of the handshake; on_phase(name) hears what is going on (led.py knows the names).

    setup(beat) opens the board's own page and returns when it is done, pair(beat) asks the host for a token.
    """

    def __init__(self, config, wifi, link, session, headers, on_phase, setup, pair):
        self._config = config
        self._host = config["host"]
        self._on_phase = on_phase
        self._setup = setup
        self._pair = pair
        self._setup_wanted = False
        self._unauthorized = False
        self._clock_doubted = False
        self._fruitless = 0
        link.recall = _last_address
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

    def want_setup(self):
        """Open the board's own page as soon as what is under way has ended."""
        self._setup_wanted = True

    async def run(self):
        while True:
            started = time.ticks_ms()
            failed = True
            opened = False
            code = LOST
            try:
                await self._prepare()
                await self._link.connect(self._host["url"], self._headers(), self._host["ca"], self._tick)
                started = time.ticks_ms()
                opened = True
                self.connections += 1
                self._remember_address()
                self._session.opened()
                await self._serve()
            except WebSocketError as exc:
                code = exc.code
                failed = self._session.public_state() != "idle"
                log.warning("connection", "%s", exc)
            except OSError as exc:
                log.warning("connection", "%s", _words(exc))
                self._clock_doubted = exc.errno == _BAD_CERTIFICATE
            except MemoryError as exc:
                # What a failed attempt leaves behind may be all that was missing.
                log.warning("connection", "no memory for a connection: %s", exc)
                gc.collect()
            except (HandshakeError, ValueError) as exc:
                # TLS says what is wrong with a certificate on a line of its own.
                text = str(exc).strip()
                log.warning("connection", "%s", text)
                self._unauthorized = getattr(exc, "status", 0) == 401
                self._clock_doubted = "certificate" in text
            finally:
                self._link.drop(code)
                self._session.lost()
            self._count_fruitless(opened or self._unauthorized)
            # Its absolute value: the difference turns negative for a connection that lasted a week.
            lasted = abs(time.ticks_diff(time.ticks_ms(), started)) if opened else 0
            await self._pause(self._backoff.after(lasted, failed))

    async def _prepare(self):
        """What must be before a connection: a network, a clock where certificates are checked, a token where asked."""
        wifi = self._wifi
        if self._setup_wanted or not wifi.known():
            self._setup_wanted = False
            self._on_phase("setup")
            await self._setup(self._tick)
        if not wifi.connected():
            self._on_phase("trouble" if wifi.problem else "joining")
            if not await wifi.join(self._tick):
                raise OSError("no Wi-Fi")
        self._on_phase("trouble" if self._config["errors"] else "offline")
        self._warn_of_tls()
        if self._host["ca"] and self._host["url"].startswith("wss:"):
            from posewire_fw import ntp

            await ntp.set_clock(self._config["ntp"], self._tick, self._clock_doubted)
            self._clock_doubted = False
        if self._unauthorized:
            self._unauthorized = False
            self._on_phase("pairing")
            await self._pair(self._tick)

    def _count_fruitless(self, reached):
        self._fruitless = 0 if reached else self._fruitless + 1
        if self._fruitless == _FRUITLESS_MAX:
            self._fruitless = 0
            if self._wifi.connected():
                self._wifi.leave()

    def _remember_address(self):
        host = self._link.host
        address = self._link.peer
        if isinstance(address, str) and address != host:
            credentials.put(credentials.LAST_HOST, "%s %s" % (host, address))

    def _warn_of_tls(self):
        if not self.connections and not self._host["ca"] and self._host["url"].startswith("wss:"):
            log.warning("connection", "TLS without host.ca: the host's certificate is not checked")

    async def _serve(self):
        turns = 0
        while True:
            self._tick()
            self._link.turn(self._session)
            turns += 1
            if turns == _WIFI_CHECK_TURNS:
                turns = 0
                if self._setup_wanted or not self._wifi.connected():
                    raise OSError("Wi-Fi is gone")
            await asyncio.sleep_ms(_TURN_MS)

    def _tick(self):
        # Kept small: above 30 bits it would be an object on the heap of a 32-bit chip.
        self.beat = (self.beat + 1) & 0xFFFFFF

    async def _pause(self, milliseconds):
        end = time.ticks_add(time.ticks_ms(), milliseconds)
        while True:
            self._tick()
            left = time.ticks_diff(end, time.ticks_ms())
            if left <= 0 or self._wifi.offered() or self._setup_wanted:
                return
            await asyncio.sleep_ms(min(left, _PAUSE_MS))


def _last_address(host):
    """The address that this host had when the board last reached it, None when that is not known."""
    known, _, address = credentials.get(credentials.LAST_HOST).partition(" ")
    if known != host:
        return None
    log.warning("connection", "%s does not resolve: trying %s, where it was", host, address)
    return address


def _words(exc):
    # Rarely needed: its memory is given back.
    from posewire_fw.net_errors import explain

    text = explain(exc)
    unload_modules("net_errors")
    return text
