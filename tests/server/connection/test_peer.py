"""One connection, as all others see it."""

import re
from pathlib import Path

from posewire.server.connection.peer import Peer, PeerRoom
from server.connection.wired import Parts

DOCS = Path(__file__).parents[3] / "docs" / "plugins.md"


def members(protocol: type) -> set[str]:
    return {name for base in protocol.__mro__ for name in vars(base) if not name.startswith("_")}


async def test_a_connection_has_all_that_a_peer_has(parts: Parts) -> None:
    handler = parts.connect().handler
    for name in members(Peer):
        assert hasattr(handler, name), name
    for name in members(PeerRoom):
        assert hasattr(handler.room, name), name


async def test_plug_ins_find_on_a_peer_what_their_page_promises() -> None:
    promised = DOCS.read_text(encoding="utf-8").partition("Of a peer a plug-in uses")[2]
    names = re.findall(r"`(?:peer\.)?(\w+)", promised.partition(".\n")[0])
    assert len(names) >= 6
    assert set(names) <= members(Peer)
