"""XMPP over WebSocket: with a real Prosody, and with servers that answer otherwise."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from posewire.errors import HostUnreachableError
from posewire.jitsi import xmpp as module
from posewire.jitsi.address import read_address
from posewire.jitsi.xml import element
from posewire.jitsi.xmpp import CLIENT, StanzaError, XmppStream, open_xmpp
from support.conference.prosody import Prosody
from support.programs.debian_packages import find

_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
_OPEN = f'<open xmlns="{_FRAMING}" from="meet.test" id="1" version="1.0"/>'
_FEATURES = (
    '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms '
    'xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>'
)
_NO_GUESTS = _FEATURES.replace("ANONYMOUS", "SCRAM-SHA-1")
_FAILURE = '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/><text>Token is expired</text></failure>'


async def opened(prosody: Prosody) -> XmppStream:
    address = read_address(prosody.address())
    return await open_xmpp(address.websocket_url(), address.domain, 10)


async def test_a_guest_gets_an_address_and_may_ask(prosody: Prosody) -> None:
    stream = await opened(prosody)
    stream.begin(lambda stanza: False, lambda reason: None)
    assert stream.jid.partition("@")[2].startswith("meet.test/")
    ping = element("{urn:xmpp:ping}ping")
    assert (await stream.ask("meet.test", "get", ping)).get("type") == "result"
    with pytest.raises(StanzaError, match="meet") as refused:
        await stream.ask("meet.test", "get", element("{urn:nobody:knows}this"))
    assert refused.value.condition == "service-unavailable"
    await stream.close()


async def test_what_others_ask_is_answered(prosody: Prosody) -> None:
    one, other = await opened(prosody), await opened(prosody)
    asked = element("{urn:test}question")
    one.begin(lambda stanza: element("{urn:test}answer", None, "42"), lambda reason: None)
    other.begin(lambda stanza: False, lambda reason: None)
    answer = await other.ask(one.jid, "get", asked)
    assert answer.findtext("{urn:test}answer") == "42"
    assert (await other.ask(one.jid, "get", element("{urn:xmpp:ping}ping"))).get("type") == "result"
    with pytest.raises(StanzaError):
        await one.ask(other.jid, "get", asked)
    await one.close()
    await other.close()


async def test_the_end_of_the_server_is_told_once(tmp_path: Path) -> None:
    if find("prosody") is None:
        pytest.skip("Prosody is not installed")
    with Prosody(tmp_path) as prosody:
        stream, reasons = await opened(prosody), asyncio.Queue[str]()
        stream.begin(lambda stanza: False, reasons.put_nowait)
        waiting = asyncio.ensure_future(stream.ask("meet.test", "get", element("{urn:xmpp:ping}ping")))
        prosody.kill()
        assert await reasons.get() == "its XMPP server has gone"
        await asyncio.wait([waiting])
        with pytest.raises(ConnectionError):
            await stream.send(element(f"{CLIENT}presence"))
        assert reasons.empty()
        await stream.close()


@asynccontextmanager
async def scripted(answers: Sequence[str | bytes]) -> AsyncIterator[str]:
    """A server that gives these answers, one for each thing that it hears (``open``: its features, too)."""

    async def talk(websocket: ServerConnection) -> None:
        left = iter(answers)
        async for _ in websocket:
            answer = next(left, None)
            if answer is None:
                continue
            await websocket.send(answer)
            if answer == _OPEN and (features := next(left, None)) is not None:
                await websocket.send(features)

    async with serve(talk, "127.0.0.1", 0, subprotocols=["xmpp"], max_size=None) as server:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/xmpp-websocket?token=secret"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([_OPEN, _NO_GUESTS], "lets nobody in without an account.*SCRAM-SHA-1"),
        ([_OPEN, _FEATURES, _FAILURE], "does not let this program in: Token is expired"),
        ([f'<close xmlns="{_FRAMING}"/>'], "no XMPP server"),
        (["<!DOCTYPE a><a/>"], "document types"),
        (["not XML"], "well-formed"),
        ([b"\x00"], "XMPP is text"),
        ([_OPEN, "<other/>"], "no XMPP server for meet.test"),
        ([_OPEN, "<x>" + "y" * 600_000 + "</x>"], "no XMPP server answers"),
        ([], "silence|time"),
    ],
)
async def test_servers_that_are_none(answers: list[str | bytes], message: str) -> None:
    async with scripted(answers) as url:
        with pytest.raises(HostUnreachableError, match=message) as refused:
            await open_xmpp(url, "meet.test", 0.5 if not answers else 10)
        assert "secret" not in str(refused.value)


async def test_a_server_that_does_not_answer_pings_any_more_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PING_EVERY", 0.01)
    monkeypatch.setattr(module, "_ANSWER_WITHIN", 0.1)
    success = '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>'
    bound = (
        '<iq xmlns="jabber:client" type="result" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">'
        "<jid>a@meet.test/b</jid></bind></iq>"
    )
    async with scripted([_OPEN, _FEATURES, success, _OPEN, _FEATURES, bound]) as url:
        stream, reasons = await open_xmpp(url, "meet.test", 10), asyncio.Queue[str]()
        stream.begin(lambda stanza: False, reasons.put_nowait)
        assert await reasons.get() == "its XMPP server does not answer any more"
        await stream.close()


async def test_nobody_there() -> None:
    with pytest.raises(HostUnreachableError, match=r"no XMPP server answers at ws://127\.0\.0\.1:9/x:"):
        await open_xmpp("ws://127.0.0.1:9/x?token=secret", "meet.test", 5)
