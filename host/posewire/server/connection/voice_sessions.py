"""Voice sessions for the connections of a host."""

from collections.abc import Callable

from posewire.server.connection.peer import Peer
from posewire.server.connection.voice.downlink import AudioDownlink
from posewire.server.connection.voice.voice_output import ConnectionVoiceOut
from posewire.server.speech_encoding import SpeechEncoding
from posewire.server.state.turn_log import NotedTools, TurnLog
from posewire.voice.assistant import Assistant
from posewire.voice.output import TurnReport
from posewire.voice.session import VoiceMemory, VoiceSession
from posewire.voice.voiceprint.identify import VoiceIdentifier
from posewire.wire.close_codes import NORMAL
from posewire.wire.messages import Message

NoteTurn = Callable[[TurnReport, str, str], None]
"""Records the report of a turn of a device (id) in a session (id)."""


class VoiceOutputs:
    """Makes the output of a voice for a peer.

    ``burst``: as ``AudioDownlink``. ``turns``: where what is heard, done and said is kept for the page.
    """

    def __init__(self, note_turn: NoteTurn, encoding: SpeechEncoding, burst: int, turns: TurnLog) -> None:
        self.turns = turns
        self._note_turn = note_turn
        self._encoding = encoding
        self._burst = burst

    def make(self, peer: Peer) -> ConnectionVoiceOut:
        """Make an output that speaks to a peer."""
        note_turn, turns = self._note_turn, self.turns

        def send(message: Message) -> None:
            turns.note_sent(peer.device_id, message)
            peer.send(message)

        def send_audio(frame: bytes) -> None:
            turns.note_frame(peer.device_id, peer.audio, frame)
            peer.send_audio(frame)

        def end_conversation() -> None:
            # A stock device would listen again after each reply: only the end of its connection stops it. A board with
            # this project's firmware stops by itself, and stays for its room.
            if peer.hello is not None and not peer.hello.board:
                peer.close(NORMAL, "the conversation is over")

        return ConnectionVoiceOut(
            send,
            AudioDownlink(peer.audio, send_audio, self._encoding, self._burst),
            peer.log,
            end_conversation,
            lambda report: note_turn(report, peer.device_id, peer.session_id),
            lambda: turns.keep_heard(peer.device_id),
        )


class VoiceSessions:
    """Makes the voice session of a peer.

    ``identifier`` tells the dialogue who speaks; None: it is not told.
    """

    def __init__(self, assistant: Assistant, identifier: VoiceIdentifier | None, outputs: VoiceOutputs) -> None:
        self._assistant = assistant
        self._identifier = identifier
        self._outputs = outputs

    def prepare(self) -> None:
        """Prepare what the first speaker would have to wait for."""
        self._assistant.prepare()

    def make(self, peer: Peer, memory: VoiceMemory | None) -> VoiceSession:
        """Make a session that speaks to a peer and goes on with an earlier session's memory."""
        return self._assistant.session(
            self._outputs.make(peer),
            NotedTools(peer.all_tools, self._outputs.turns, peer.device_id),
            device_name=peer.device_id,
            identifier=self._identifier,
            memory=memory,
            memorable=not peer.identity.anonymous,
        )
