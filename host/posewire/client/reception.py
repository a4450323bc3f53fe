"""What the host says, given to whom it is for: the heartbeat, the data channel, the room, a request, the program."""

from posewire.client.exchange import Exchange
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.pose_channel import PoseChannel
from posewire.client.link.requests import Requests
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.listeners import Listeners
from posewire.client.room.place import RoomPlace
from posewire.errors import WireError
from posewire.wire.frames import Frame, FrameType
from posewire.wire.messages import Message


class Reception:
    """Takes each message of the host, in the order in which they come."""

    def __init__(
        self,
        heartbeat: Heartbeat,
        channel: PoseChannel,
        place: RoomPlace,
        requests: Requests,
        exchange: Exchange,
        statistics: ConnectionStatistics,
        listeners: Listeners,
    ) -> None:
        self._heartbeat = heartbeat
        self._channel = channel
        self._place = place
        self._requests = requests
        self._exchange = exchange
        self._statistics = statistics
        self._listeners = listeners

    def on_text(self, message: Message) -> None:
        """Take a text message."""
        kind = message.get("type")
        error: WireError | None = None
        match kind:
            case "pong":
                self._heartbeat.on_pong(message)
                if self._place.room is not None:
                    self._place.room.check_version(message.get("room_version"))
            case "webrtc":
                self._channel.receive(message)
            case "room":
                self._place.receive(message)
            case "error":
                error = WireError(str(message.get("message", "refused")), str(message.get("code", "internal")))
                self._statistics.errors[error.code] += 1
                if message.get("of") != "frame":
                    self._requests.refused(error)
        if not self._exchange.take_greeting(message) and error is not None:
            self._listeners.emit("error", error)
        if isinstance(kind, str) and error is None:
            self._listeners.emit(kind, message)

    def on_frame(self, frame: Frame) -> None:
        """Take a binary frame."""
        if frame.type == FrameType.AUDIO and not frame.member_id:
            self._listeners.emit("audio", frame.payload)
        elif self._place.room is not None:
            self._place.room.receive_frame(frame)

    def on_failure(self, error: BaseException, where: str) -> None:
        """Take what went wrong with a message: one that is none, in place of the host's hello, means no host."""
        if not (isinstance(error, WireError) and self._exchange.take_misread()):
            self._listeners.failed(error, where)
