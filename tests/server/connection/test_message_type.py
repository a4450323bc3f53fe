"""One type of text message."""

from typing import Any

from posewire.errors import WireError
from posewire.server.connection.message_type import TextType
from posewire.server.connection.peer import Peer
from server.connection.wired import Parts


def parse(message: dict[str, Any]) -> int:
    if "steps" not in message:
        raise WireError("steps are missing")
    return int(message["steps"])


async def test_a_handler_gets_what_its_parser_returns_or_the_message_itself() -> None:
    values: list[Any] = []

    def handle(peer: Peer, value: Any) -> None:
        values.append((peer.device_id, value))

    parts = Parts(text_types={"parsed": TextType(handle, parse), "plain": TextType(handle)})
    wire = parts.greeted()
    wire.send(type="parsed", steps=3)
    wire.send(type="plain", steps=3)
    wire.send(type="parsed")
    assert values == [("board", 3), ("board", {"type": "plain", "steps": 3})]
    assert wire.codes() == ["bad_message"]
    await parts.close()


async def test_a_type_may_want_a_scope_or_come_before_hello() -> None:
    def handle(peer: Peer, value: Any) -> None:
        peer.send({"type": "done"})

    parts = Parts(text_types={"guarded": TextType(handle, scope="dance"), "early": TextType(handle, first=True)})
    wire = parts.connect()
    wire.send(type="early")
    wire.send(type="guarded")
    assert [message["type"] for message in wire.messages()] == ["done", "error"]
    wire.hello()
    wire.send(type="guarded")
    assert [message["type"] for message in wire.messages()] == ["done"]
    await parts.close()
