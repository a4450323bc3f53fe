"""A connection as the hub sees it: it passes on to its socket, and keeps nothing of its own."""

from posewire.hub import Connection
from posewire.server.connection.socket_side import SocketSide
from server.connection.wired import Parts


async def test_what_is_asked_of_a_connection_is_asked_of_its_socket(parts: Parts) -> None:
    wire = parts.connect()
    handler, socket = wire.handler, wire.handler.websocket
    hub_side: Connection = handler
    assert (handler.peer, handler.address) == (socket.peer, socket.address) == ("192.0.2.1:1", "192.0.2.1")
    assert hub_side.last_received == socket.last_received
    assert (handler.queued_bytes, hub_side.congested) == (0, False)
    socket.congested = True
    assert hub_side.congested


async def test_texts_and_bytes_leave_as_they_are(parts: Parts) -> None:
    wire = parts.connect()
    SocketSide.send_text(wire.handler, '{"type":"x"}')
    SocketSide.send_binary(wire.handler, b"abc")
    assert wire.received() == [{"type": "x"}, b"abc"]
    wire.handler.close(1001, "bye")
    before = wire.handler.delivered
    wire.handler.send_text("too late")
    assert wire.handler.delivered == before
