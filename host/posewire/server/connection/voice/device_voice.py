"""The voice assistant of one device: its voice session, which is made when it is first needed."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from posewire.server.connection.voice.refused_turn import RefusedTurn
from posewire.server.connection.voice.uplink import AudioUplink
from posewire.sound.pcm import Pcm
from posewire.voice.llm.history import BYTES_PER_TOKEN
from posewire.voice.session import VoiceMemory, VoiceSession, VoiceState
from posewire.wire.messages import AudioParams, ListenMode

MakeSession = Callable[[VoiceMemory | None], VoiceSession]
"""Makes a voice session that goes on with an earlier one's memory."""


class VoiceTurns(Protocol):
    """The taker of a device's turns: a ``VoiceSession`` (documented there), or a part that decides whose they are."""

    @property
    def state(self) -> VoiceState:
        """The activity, as ``VoiceState`` names it."""

    @property
    def listens(self) -> bool:
        """Whether samples that are fed now are listened to."""

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""

    def start(self, mode: ListenMode) -> None:
        """Begin to listen in a mode."""

    def feed(self, pcm: Pcm) -> None:
        """Queue 16 kHz mono samples."""

    def stop(self) -> None:
        """End the utterance."""

    def text(self, text: str, may_be_wake_word: bool = False) -> None:
        """Answer a typed text or a wake word."""

    def announce(self, text: str, emotion: str = "neutral") -> asyncio.Task[None] | None:
        """Say a text; None: there is no voice to say it."""

    async def until_idle(self) -> None:
        """Wait until no turn runs."""

    def abort(self) -> None:
        """Stop everything now."""

    async def close(self) -> None:
        """Stop everything and wait until nothing runs any more."""


class SharedTurns(VoiceTurns, Protocol):
    """Turns that the host's own pipeline may have, or somebody else."""

    @property
    def available(self) -> bool:
        """Whether somebody takes them now."""

    @property
    def dropped(self) -> int:
        """Samples that were dropped."""


class DeviceVoice:
    """Most devices are quiet most of the time, and a session takes as much memory as the rest of a connection.

    So there is none until ``get_or_create``. Without ``enable`` the device has no assistant on this host.
    """

    __slots__ = ("_make", "_shared", "_uplink", "memory", "refused", "session")

    def __init__(self) -> None:
        self.session: VoiceSession | None = None
        """The session, once it was made."""

        self.memory: VoiceMemory | None = None
        """The memory of the session, or of an earlier one that this one resumes; None: there is none yet."""

        self.refused = RefusedTurn()
        """Ends the turns that this host refuses."""

        self._make: MakeSession | None = None
        self._shared: SharedTurns | None = None
        self._uplink = AudioUplink(AudioParams())

    def set_format(self, audio: AudioParams) -> None:
        """Decode what the device sends in this format from now on."""
        self._uplink = AudioUplink(audio)

    def enable(self, make: MakeSession) -> None:
        """Make this host the device's assistant."""
        self._make = make

    def share(self, turns: SharedTurns) -> None:
        """Let somebody else have the device's turns; ``own_session`` is what it falls back on."""
        self._shared = turns

    @property
    def speaks(self) -> bool:
        """Whether this host is the device's assistant."""
        return self._make is not None

    def get_or_create(self) -> VoiceTurns | None:
        """Return what takes the device's turns; None where it has no assistant on this host."""
        if self._shared is None:
            return self.own_session()
        return self._shared if self._shared.available else None

    def own_session(self) -> VoiceSession | None:
        """Return the session, made now if there is none; None where the device has no assistant on this host."""
        if self.session is None and self._make is not None:
            self.session = self._make(self.memory)
            self.memory = self.session.memory
        return self.session

    def abort(self) -> None:
        """Stop what the session does; without a session there is nothing to stop."""
        turns = self._shared or self.session
        if turns is not None:
            turns.abort()

    @property
    def state(self) -> str:
        """The state of the session, as ``VoiceState`` names it; empty where the device has no assistant here."""
        turns = self._shared or self.session
        if turns is not None and (self._shared is None or self._shared.available):
            return turns.state.value
        return VoiceState.IDLE.value if self.speaks else ""

    @property
    def samples_dropped(self) -> int:
        """Samples that the session was too slow for."""
        turns = self._shared or self.session
        return turns.dropped if turns is not None else 0

    @property
    def held_bytes(self) -> int:
        """Bytes of the dialogue, estimated."""
        history = self.memory.history if self.memory is not None else None
        return BYTES_PER_TOKEN * history.tokens if history is not None else 0

    def feed(self, payload: bytes) -> None:
        """Decode one audio frame of the device for the session, while that listens.

        Raises:
            FrameError: the frame does not decode.
        """
        turns = self._shared or self.session
        if turns is not None and turns.listens:
            turns.feed(self._uplink.decode(payload))

    @property
    def level(self) -> float | None:
        """The loudness at the device's microphone, in dB of full scale; None while the host does not listen to it."""
        return self._uplink.level

    @property
    def decode(self) -> Callable[[bytes], Pcm]:
        """Decodes one audio frame of the device to 16 kHz mono samples; raises FrameError."""
        return self._uplink.decode

    def close(self) -> list[VoiceTurns]:
        """End the assistant; return what is to be closed."""
        ended: list[VoiceTurns] = [turns for turns in (self._shared, self.session) if turns is not None]
        self.session = self._shared = self._make = None
        return ended
