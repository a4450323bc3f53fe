"""``listen``: the microphone starts or stops, or a text was typed."""

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.server.state.happenings import Happenings
from posewire.wire.messages import Listen, Message


def end_refused_turn(peer: Peer, message: Message, why: str) -> None:
    """End the turn of a stock device that may not speak here; a board of this project ends it with the error."""
    if peer.hello is not None and not peer.hello.board and message.get("state") in ("start", "detect"):
        peer.spawn(peer.voice.refused.end(peer.send, why))


def handle_listen(happenings: Happenings, peer: Peer, listen: Listen) -> None:
    """Start or stop a listening turn, or answer a text.

    Raises:
        WireError: this host runs without a voice pipeline.
    """
    voice = peer.voice.get_or_create()
    if voice is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    match listen.state:
        case "start":
            peer.log.info("listen", mode=listen.mode)
            happenings.tell(peer.device_id, "wake", "button")
            voice.start(listen.mode)
        case "stop":
            voice.stop()
        case "detect":
            peer.log.info("text", text=listen.text)
            # A board of this project does not send the words that wake it.
            stock = peer.hello is None or not peer.hello.board
            if stock:
                happenings.tell(peer.device_id, "wake", "word", text=listen.text[:100])
            voice.text(listen.text, may_be_wake_word=stock)
