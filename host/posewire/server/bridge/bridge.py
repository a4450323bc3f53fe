"""One board's way to the upstream server: its own connection there, as a stock device would have it.

Upstream hears Opus, whatever the board sends, and the board what it understands. Text, MCP and IoT messages pass
through in both directions. Stock servers close a connection on which nobody talks, so it is opened at the hello of a
board that offers audio or tools and, when it was closed since, at the next turn. One that is lost in the middle of a
turn is opened again at once.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from posewire.backoff import Backoff
from posewire.errors import FrameError
from posewire.log import EventLog
from posewire.server.bridge.dialer import UpstreamDialer, parse_upstream
from posewire.server.bridge.failures import OPENING_TIMEOUT, UpstreamError, is_final, reason_of
from posewire.server.bridge.keepalive import Keepalive
from posewire.server.bridge.outbox import UpstreamOutbox, ends_utterance
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.bridge.transcoder import Downlink, Uplink
from posewire.server.speech_encoding import SpeechEncoding
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.emotions import EMOJI
from posewire.wire.messages import AudioParams, Hello, Message, error_message

FORWARDED_TYPES = frozenset({"listen", "abort", "mcp", "iot"})
"""Types of the board's messages that go to the upstream server."""

TURN_ENDING = frozenset({"upstream", "not_available", "forbidden", "internal"})
"""Codes of errors after which no reply comes."""

_HANDLED_HERE = frozenset({"hello", "goodbye", "pong", "server", "room", "state"})
_SIGN_EVERY = 5.0
"""Longest silence towards the board in a turn, in seconds."""

_OWED_FOR = 60.0
"""Seconds after which nobody waits any more for an upstream server that says nothing."""

_REST = 3.0
"""Seconds that the reply of a failed turn lasts for a stock device."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0


class Board(Protocol):
    """The board's connection."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a text message."""

    def send_audio(self, frame: bytes) -> None:
        """Send one audio frame in the board's format."""


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
        self._log = log
        self._count = count
        uplink, downlink = formats
        self._opus = uplink.format == "opus"
        audio_up = uplink if self._opus else AudioParams("opus", SAMPLE_RATE, 1, 60)
        self._dialer = UpstreamDialer(settings, hello, audio_up, identity, self._show_code)
        self._outbox = UpstreamOutbox(audio_up.frame_duration, count)
        self._uplink = Uplink()
        self._downlink = Downlink(downlink, encoding)
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

        self._told = 0.0
        self._heard_of = 0.0
        """When the turn last went on: by the board, or by upstream."""

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
                    self._outbox.put_audio(packet, flushed=True)
            self._wanted.set()
        self._outbox.put_text({**message, "session_id": self._session})

    def feed(self, payload: bytes, decode: Callable[[bytes], Pcm]) -> None:
        """Send audio upstream: a board's Opus packet as it is, everything else encoded anew.

        ``decode`` gives 16 kHz mono.

        Raises:
            FrameError: the frame does not decode.
        """
        for packet in (payload,) if self._opus else self._uplink.feed(decode(payload)):
            self._outbox.put_audio(packet)

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
                async with asyncio.timeout(OPENING_TIMEOUT):
                    socket, self._session = await self._dialer.dial(self._from_upstream)
            except (OSError, WebSocketException, ValueError, UpstreamError) as error:
                pause = backoff.next_pause()
                self._count("upstream_failed")
                self._log.warning("upstream_failed", why=reason_of(error), tries=backoff.failures)
                if backoff.failures >= self._settings.tries or not self._in_turn or is_final(error):
                    backoff.reset()
                    self._give_up(f"no connection to the upstream server: {reason_of(error)}")
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

    def _show_code(self, code: str) -> None:
        self._log.warning("upstream_activation", code=code)
        # What a board of ours shows on its display, where it has one.
        text = f"confirm the code {code} at the upstream server"
        self._board.send({"type": "alert", "status": "activation", "message": text, "emotion": "neutral"})

    async def _talk(self, socket: ClientConnection) -> None:
        if self._listening is not None and not self._outbox.has_listen_start:
            # Upstream has a new session and does not know that the board listens.
            self._outbox.put_first({**self._listening, "session_id": self._session})
        alive = Keepalive()
        sending = asyncio.create_task(self._send_all(socket, alive))
        watching = asyncio.create_task(alive.watch(socket))
        try:
            async for message in socket:
                alive.note_received()
                if isinstance(message, bytes):
                    await self._audio_down(message)
                    continue
                parsed = parse_upstream(message)
                if parsed is not None:
                    await self._from_upstream(parsed)
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            watching.cancel()

    async def _send_all(self, socket: ClientConnection, alive: Keepalive) -> None:
        try:
            while True:
                message = await self._outbox.pop()
                await socket.send(message)
                alive.note_sent(len(message))
                if ends_utterance(message):
                    self._handed_over = True
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
        """End the turn for the board, whatever it was doing: it would wait for ever.

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
        self._outbox.clear()
