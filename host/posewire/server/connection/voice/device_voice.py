"""The voice assistant of one device: its voice session, which is made when it is first needed."""

from collections.abc import Callable

from posewire.server.connection.voice.refused_turn import RefusedTurn
from posewire.server.connection.voice.uplink import AudioUplink
from posewire.sound.pcm import Pcm
from posewire.voice.llm.history import BYTES_PER_TOKEN
from posewire.voice.session import VoiceMemory, VoiceSession, VoiceState
from posewire.wire.messages import AudioParams

MakeSession = Callable[[VoiceMemory | None], VoiceSession]
"""Makes a voice session that goes on with an earlier one's memory."""


class DeviceVoice:
    """Most devices are quiet most of the time, and a session takes as much memory as the rest of a connection.

    So there is none until ``get_or_create``. Without ``enable`` the device has no assistant on this host.
    """

    __slots__ = ("_make", "_uplink", "memory", "refused", "session")

    def __init__(self) -> None:
        self.session: VoiceSession | None = None
        """The session, once it was made."""

        self.memory: VoiceMemory | None = None
        """The memory of the session, or of an earlier one that this one resumes; None: there is none yet."""

        self.refused = RefusedTurn()
        """Ends the turns that this host refuses."""

        self._make: MakeSession | None = None
        self._uplink = AudioUplink(AudioParams())

    def set_format(self, audio: AudioParams) -> None:
        """Decode what the device sends in this format from now on."""
        self._uplink = AudioUplink(audio)

    def enable(self, make: MakeSession) -> None:
        """Make this host the device's assistant."""
        self._make = make

    @property
    def speaks(self) -> bool:
        """Whether this host is the device's assistant."""
        return self._make is not None

    def get_or_create(self) -> VoiceSession | None:
        """Return the session, made now if there is none; None where the device has no assistant on this host."""
        if self.session is None and self._make is not None:
            self.session = self._make(self.memory)
            self.memory = self.session.memory
        return self.session

    def abort(self) -> None:
        """Stop what the session does; without a session there is nothing to stop."""
        if self.session is not None:
            self.session.abort()

    @property
    def state(self) -> str:
        """The state of the session, as ``VoiceState`` names it; empty where the device has no assistant here."""
        if self.session is not None:
            return self.session.state.value
        return VoiceState.IDLE.value if self.speaks else ""

    @property
    def samples_dropped(self) -> int:
        """Samples that the session was too slow for."""
        return self.session.dropped if self.session is not None else 0

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
        session = self.session
        if session is not None and session.listens:
            session.feed(self._uplink.decode(payload))

    @property
    def decode(self) -> Callable[[bytes], Pcm]:
        """Decodes one audio frame of the device to 16 kHz mono samples; raises FrameError."""
        return self._uplink.decode

    def close(self) -> VoiceSession | None:
        """End the assistant; return the session that is to be closed, if there is one."""
        session, self.session, self._make = self.session, None, None
        return session
