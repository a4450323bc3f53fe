"""One board's way to the upstream server: its own connection there, as a stock device would have it.

Upstream hears Opus, whatever the board sends, and the board what it understands. Text, MCP and IoT messages pass
through in both directions. Stock servers close a connection on which nobody talks, so it is opened at the hello of a
board that offers audio or tools and, when it was closed since, at the next turn. One that is lost in the middle of a
turn is opened again at once.
"""

import asyncio
import json
import ssl
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from posewire.backoff import Backoff
from posewire.errors import FrameError, WireError
from posewire.hub.liveness import Liveness
from posewire.log import EventLog
from posewire.server.bridge.ota_check import OtaError, UpstreamAddress, ask_ota
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.bridge.transcoder import Downlink, Uplink
from posewire.server.speech_encoding import SpeechEncoding
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.tcp_progress import untaken_bytes
from posewire.voice.emotions import EMOJI
from posewire.wire.close_codes import INTERNAL_ERROR
from posewire.wire.messages import AudioParams, Hello, Message, dump_text, error_message, parse_text

FORWARDED_TYPES = frozenset({"listen", "abort", "mcp", "iot"})
"""Types of the board's messages that go to the upstream server."""

TURN_ENDING = frozenset({"upstream", "not_available", "forbidden", "internal"})
"""Codes of errors after which no reply comes."""

_HANDLED_HERE = frozenset({"hello", "goodbye", "pong", "server", "room", "state"})
_TIMEOUT = 10.0
_WAITING = 100
_AUDIO_WAITING_MS = 3000
_PING_AFTER, _ANSWER_WITHIN, _SWEEP = 20.0, 20.0, 2.0
"""Seconds: as towards devices, see ``ServerSettings``."""

_SIGN_EVERY = 5.0
"""Longest silence towards the board in a turn, in seconds."""

_OWED_FOR = 60.0
"""Seconds after which nobody waits any more for an upstream server that says nothing."""

_REST = 3.0
"""Seconds that the reply of a failed turn lasts for a stock device."""

_PASSING = (408, 425, 429)
"""HTTP statuses of a refusal that is true for a while only."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0


class Board(Protocol):
    """The board's connection."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a text message."""

    def send_audio(self, frame: bytes) -> None:
        """Send one audio frame in the board's format."""


class UpstreamError(WireError):
    """The upstream server cannot be reached, refuses, or is gone; the board is told."""

    code = "upstream"


class RefusedError(UpstreamError):
    """The upstream server refuses this board: to ask again at once would bring the same answer."""


class UpstreamBridge:
    """Call ``run`` as a task of the board's connection; ``forward`` and ``feed`` never wait.

    ``formats``: of the audio that the board sends, and that it takes.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        board: Board,
        hello: Hello,
        formats: tuple[AudioParams, AudioParams],
        identity: tuple[str, str],
        encoding: SpeechEncoding,
        log: EventLog,
        count: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._board = board
        self._hello = hello
        self._device_id, client_id = identity
        # Stock servers want one; the same each time, for some know a device by it.
        self._client_id = client_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"posewire:{self._device_id}"))
        self._log = log
        self._count = count
        uplink, downlink = formats
        self._opus = uplink.format == "opus"
        self._audio_up = uplink if self._opus else AudioParams("opus", SAMPLE_RATE, 1, 60)
        self._audio_limit = _AUDIO_WAITING_MS // self._audio_up.frame_duration
        self._uplink = Uplink()
        self._downlink = Downlink(downlink, encoding)
        self._waiting: deque[str | bytes] = deque()
        self._audio_waiting = 0
        self._something = asyncio.Event()
        self._wanted = asyncio.Event()
        # A peer without voice and tools, a viewer of a room for example, may never speak: it needs no connection.
        if hello.audio is not None or hello.codecs or hello.mcp:
            self._wanted.set()
        self._session = ""
        self._listening: Message | None = None
        self._speaking = False
        self._in_turn = False
        self._spoken = False
        """The utterance is over, and the board waits for the reply."""

        self._handed_over = False
        """Upstream has the whole utterance, and owes the reply."""

        self._rest: asyncio.TimerHandle | None = None
        """Ends a turn that has failed."""

        self._received = self._told = 0.0
        self._heard_of = 0.0
        """When the turn last went on: by the board, or by upstream."""

        self._sent = 0

    # --- from the board

    def forward(self, message: Message) -> None:
        """Send a text message upstream, or queue it until the connection is open.

        Raises:
            WireError: ``too_many``: too many messages wait already.
        """
        kind, state = message["type"], message.get("state")
        if kind in ("listen", "abort"):
            self._stop_resting()
            self._heard_of = time.monotonic()
        if kind == "abort":
            self._handed_over = self._spoken = False
        if kind == "listen":
            self._handed_over = False
            self._spoken = state != "start"
            self._told = time.monotonic()
            self._listening = message if state == "start" else None
            self._in_turn = True
            if state == "stop":
                for packet in self._uplink.flush():
                    self._put(packet)
            self._wanted.set()
        if len(self._waiting) - self._audio_waiting >= _WAITING:
            raise WireError("the upstream server is not connected and too many messages wait for it", "too_many")
        self._put(dump_text({**message, "session_id": self._session}))

    def feed(self, payload: bytes, decode: Callable[[bytes], Pcm]) -> None:
        """Send audio upstream: a board's Opus packet as it is, everything else encoded anew.

        ``decode`` gives 16 kHz mono.

        Raises:
            FrameError: the frame does not decode.
        """
        for packet in (payload,) if self._opus else self._uplink.feed(decode(payload)):
            if self._audio_waiting >= self._audio_limit:
                oldest = next(index for index, waiting in enumerate(self._waiting) if isinstance(waiting, bytes))
                del self._waiting[oldest]
                self._audio_waiting -= 1
                self._count("upstream_audio_dropped")
            self._put(packet)

    # --- life

    async def run(self) -> None:
        """Keep the connection open while it is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_signs_of_life())
            await self._stay_connected()

    async def _send_signs_of_life(self) -> None:
        """Show the board that its turn goes on: one of this project gives it up when nothing happens for 15 s."""
        while True:
            await asyncio.sleep(_SIGN_EVERY / 5)
            now = time.monotonic()
            # Stock servers say nothing at all when they have heard nothing.
            owed = (self._spoken or self._speaking) and now - self._heard_of < _OWED_FOR
            if owed and now - self._told >= _SIGN_EVERY:
                self._tell({"type": "llm", "emotion": "thinking", "text": EMOJI["thinking"]})

    async def _stay_connected(self) -> None:
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            await self._wanted.wait()
            try:
                async with asyncio.timeout(_TIMEOUT):
                    socket = await self._open()
            except (OSError, WebSocketException, ValueError, UpstreamError) as error:
                # ValueError: an OTA answer gave an address that is not valid, for example because of its port.
                pause = backoff.next_pause()
                self._count("upstream_failed")
                self._log.warning("upstream_failed", why=_why(error), tries=backoff.failures)
                if backoff.failures >= self._settings.tries or not self._in_turn or _final(error):
                    backoff.reset()
                    self._give_up(f"no connection to the upstream server: {_why(error)}")
                else:
                    await asyncio.sleep(pause)
                continue
            backoff.reset()
            self._log.info("upstream", session=self._session[:8])
            try:
                await self._talk(socket)
            finally:
                await socket.close()
            self._lost(socket)

    async def _open(self) -> ClientConnection:
        address = await self._address()
        headers = {"Protocol-Version": "1", "Device-Id": self._device_id, "Client-Id": self._client_id}
        if address.token:
            headers["Authorization"] = f"Bearer {address.token}"
        socket = await connect(
            address.url,
            additional_headers=headers,
            compression=None,
            user_agent_header=None,
            max_size=1 << 20,
            ping_interval=None,
        )
        try:
            await self._greet(socket)
        except BaseException:
            await socket.close()
            raise
        return socket

    async def _address(self) -> UpstreamAddress:
        settings = self._settings
        if not settings.ota_url:
            return UpstreamAddress(settings.url, settings.token)
        try:
            address = await ask_ota(settings.ota_url, self._device_id, self._client_id, self._hello.board)
        except OtaError as error:
            kind = RefusedError if error.final else UpstreamError
            raise kind(f"its OTA address {settings.ota_url} {error}") from None
        if address.code:
            self._log.warning("upstream_activation", code=address.code)
            # What a board of ours shows on its display, where it has one.
            text = f"confirm the code {address.code} at the upstream server"
            self._board.send({"type": "alert", "status": "activation", "message": text, "emotion": "neutral"})
            raise RefusedError(f"upstream does not know this board yet: {text}, then try again")
        return address

    async def _greet(self, socket: ClientConnection) -> None:
        hello = {
            "type": "hello",
            "version": 1,
            "features": {"mcp": self._hello.mcp},
            "transport": "websocket",
            "audio_params": self._audio_up.as_dict(),
        }
        with suppress(ConnectionClosed):
            # Closed already: the reason may be among what has arrived.
            await socket.send(dump_text(hello))
        while True:
            text = await socket.recv()
            if isinstance(text, bytes):
                continue
            message = _parsed(text)
            if message is None:
                # Stock servers say in plain words what is wrong, and close.
                raise RefusedError(f"upstream says: {text[:100]}")
            if message["type"] == "hello":
                self._session = str(message.get("session_id", ""))
                return
            await self._from_upstream(message)

    async def _talk(self, socket: ClientConnection) -> None:
        if self._listening is not None and not any(_is_start(waiting) for waiting in self._waiting):
            # Upstream has a new session and does not know that the board listens.
            self._waiting.appendleft(dump_text({**self._listening, "session_id": self._session}))
        sending = asyncio.create_task(self._send_all(socket))
        watching = asyncio.create_task(self._watch(socket))
        self._received = time.monotonic()
        try:
            async for message in socket:
                self._received = time.monotonic()
                if isinstance(message, bytes):
                    await self._audio_down(message)
                    continue
                parsed = _parsed(message)
                if parsed is not None:
                    await self._from_upstream(parsed)
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            watching.cancel()

    async def _watch(self, socket: ClientConnection) -> None:
        """Close a connection on which nothing moves; not every server answers pings."""

        def answered(pong: asyncio.Future[float]) -> None:
            if not pong.cancelled() and pong.exception() is None:
                self._received = time.monotonic()

        asked: Liveness | None = None
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(_SWEEP)
                now = time.monotonic()
                if now - self._received < _PING_AFTER:
                    asked = None
                    continue
                taken = self._sent - untaken_bytes(socket.transport)
                if asked is None or asked.answered(self._received):
                    asked = Liveness(now, taken)
                    pong = asyncio.ensure_future(await socket.ping())
                    pong.add_done_callback(answered)
                elif asked.gone(now, taken, _ANSWER_WITHIN):
                    await socket.close(INTERNAL_ERROR, "keepalive ping timeout")

    async def _send_all(self, socket: ClientConnection) -> None:
        try:
            while True:
                while self._waiting:
                    message = self._waiting.popleft()
                    self._audio_waiting -= isinstance(message, bytes)
                    await socket.send(message)
                    self._sent += len(message)
                    if _is_handed_over(message):
                        self._handed_over = True
                self._something.clear()
                await self._something.wait()
        except ConnectionClosed:
            return

    def end_reply(self) -> None:
        """End a running reply: a board would wait for the rest of it for ever."""
        self._stop_resting()
        if self._speaking:
            self._speaking = False
            self._downlink.reset()
            self._board.send({"type": "tts", "state": "stop"})

    def _fail_turn(self, why: str) -> None:
        """End the turn for the board, whatever it was doing: it would wait for ever, some devices with a deaf ear.

        A stock device listens again after every reply. Its reply lasts some seconds: it would ask without a pause.
        """
        if self._in_turn and not self._speaking:
            self._speaking = True
            self._board.send({"type": "tts", "state": "start"})
            self._board.send({"type": "tts", "state": "sentence_start", "text": why})
        if self._speaking and not self._hello.board:
            self._rest = asyncio.get_running_loop().call_later(_REST, self.end_reply)
        else:
            self.end_reply()
        self._listening, self._in_turn, self._handed_over, self._spoken = None, False, False, False

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    # --- from upstream

    async def _from_upstream(self, message: Message) -> None:
        kind, state = message["type"], message.get("state")
        if kind in _HANDLED_HERE:
            return
        if kind == "tts":
            if state == "start":
                self._stop_resting()
                self._speaking = self._in_turn = True
                self._downlink.reset()
            elif state == "stop":
                if self._speaking:
                    for frame in await self._downlink.flush():
                        self._board.send_audio(frame)
                self._speaking = self._in_turn = self._handed_over = self._spoken = False
        elif kind == "stt":
            self._handed_over = self._spoken = True
        self._heard_of = time.monotonic()
        self._count("upstream_text")
        self._tell(message)
        if kind == "error" and message.get("code") in TURN_ENDING and message.get("final", True):
            self._fail_turn(str(message.get("message", "")))

    async def _audio_down(self, packet: bytes) -> None:
        if not packet:
            return
        self._count("upstream_audio")
        self._told = self._heard_of = time.monotonic()
        try:
            for frame in await self._downlink.feed(packet):
                self._board.send_audio(frame)
        except FrameError as error:
            self._count("upstream_bad_audio")
            self._log.debug("upstream_bad_audio", why=str(error))

    def _lost(self, socket: ClientConnection) -> None:
        self._log.info("upstream_closed", code=socket.close_code, reason=socket.close_reason)
        if self._in_turn:
            self._count("upstream_lost")
        if not self._in_turn:
            # Nobody talks: the next turn opens it again.
            self._forget()
        elif self._handed_over and not self._speaking:
            # A new session knows nothing of what was said.
            self._give_up("the upstream server was lost before it answered")
        else:
            self.end_reply()
            why = "the upstream server was lost in the middle of a turn: connecting again"
            self._board.send({**error_message(UpstreamError(why)), "final": False})

    def _give_up(self, why: str) -> None:
        self._forget()
        self._board.send(error_message(UpstreamError(why)))
        self._fail_turn(why)

    def _tell(self, message: Mapping[str, Any]) -> None:
        self._told = time.monotonic()
        self._board.send(message)

    def _forget(self) -> None:
        self._wanted.clear()
        self._waiting.clear()
        self._audio_waiting = 0

    def _put(self, message: str | bytes) -> None:
        self._audio_waiting += isinstance(message, bytes)
        self._waiting.append(message)
        self._something.set()


def _parsed(text: str) -> Message | None:
    try:
        return parse_text(text)
    except WireError:
        return None


def _is_start(waiting: str | bytes) -> bool:
    if isinstance(waiting, bytes):
        return False
    message = json.loads(waiting)
    return bool(message.get("type") == "listen" and message.get("state") == "start")


def _is_handed_over(sent: str | bytes) -> bool:
    """Tell whether a message ends an utterance: upstream has what it needs for an answer."""
    if isinstance(sent, bytes):
        return False
    message = json.loads(sent)
    return message.get("type") == "listen" and message.get("state") in ("stop", "detect")


def _final(error: Exception) -> bool:
    """Tell whether the same question would bring the same answer."""
    if isinstance(error, InvalidStatus):
        return 400 <= error.response.status_code < 500 and error.response.status_code not in _PASSING
    return isinstance(error, RefusedError | ValueError | InvalidURI | ssl.SSLCertVerificationError)


def _why(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_TIMEOUT:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted here ({error.verify_message}): "
            "name the file of its authority's certificate in the variable SSL_CERT_FILE"
        )
    return str(error) or type(error).__name__
