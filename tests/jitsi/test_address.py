"""The address of a host in a conference."""

import pytest

from posewire.errors import ConfigError
from posewire.jitsi.address import read_address, with_fingerprint

FINGERPRINT = "a" * 43


def test_names_are_the_usual_ones_unless_said() -> None:
    address = read_address(f"jitsi+wss://meet.example/Studio%20A?x#{FINGERPRINT}".replace("%20A?x", "A"))
    assert address.url == "wss://meet.example/xmpp-websocket"
    assert (address.room_jid, address.focus) == ("studioa@conference.meet.example", "focus.meet.example")
    assert address.fingerprint == FINGERPRINT


def test_a_deployment_behind_other_names_a_port_and_a_folder() -> None:
    address = read_address("jitsi+ws://10.0.0.7:8080/team/room?domain=meet.jitsi&muc=muc.meet.jitsi&focus=focus.x")
    assert address.url == "ws://10.0.0.7:8080/team/xmpp-websocket"
    assert (address.domain, address.room_jid, address.focus) == ("meet.jitsi", "room@muc.meet.jitsi", "focus.x")
    assert address.websocket_url("a.b.c") == "ws://10.0.0.7:8080/team/xmpp-websocket?room=room&token=a.b.c"


def test_the_address_for_programs_has_the_fingerprint() -> None:
    assert read_address(with_fingerprint("jitsi+wss://m/r", FINGERPRINT)).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://meet.example/room", "jitsi.wss"),
        ("jitsi+wss://meet.example/", "SERVER/ROOM"),
        ("jitsi+wss:///room", "SERVER/ROOM"),
        ("jitsi+wss://meet.example:port/room", "SERVER/ROOM"),
        ("jitsi+wss://[meet.example/room", "SERVER/ROOM"),
        ("jitsi+wss://meet.example/a%22b", "SERVER/ROOM"),
        ("jitsi+wss://me:secret@meet.example/room", "user name"),
        ("jitsi+wss://meet.example/room?jwt=x", "no option 'jwt'"),
        ("jitsi+wss://meet.example/room?muc=a%20b", "muc of a conference"),
        ("jitsi+wss://meet.example/room#short", "43 characters"),
    ],
)
def test_what_is_wrong_is_said(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_address(url)
