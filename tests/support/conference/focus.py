"""A stand-in for the focus: ``python -m support.conference.focus COMPONENT_PORT BRIDGE_PORT``; prints when it is ready.

A component of the XMPP server (XEP-0114). Participants are invited when there are two; when the bridge has gone and is
back, they are invited anew, or with ``--replace`` told of its new transport.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import secrets
import sys
from typing import Any
from xml.etree.ElementTree import Element, XMLPullParser

from aioice import Candidate
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from posewire.jitsi.xml import element, write_xml

DOMAIN = "focus.meet.test"
ME = f"focus@{DOMAIN}/{secrets.token_hex(4)}"
"""Another address after each start: a room tells who is there only to somebody new."""

NS = "jabber:component:accept"
JINGLE, RTP = "{urn:xmpp:jingle:1}", "{urn:xmpp:jingle:apps:rtp:1}"
ICE = "{urn:xmpp:jingle:transports:ice-udp:1}"
DTLS = "{urn:xmpp:jingle:apps:dtls:0}fingerprint"
INFO = "{http://jabber.org/protocol/disco#info}"
CONFERENCE = "{http://jitsi.org/protocol/focus}conference"
NEEDED = {"urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle:transports:ice-udp:1"}


class Focus:
    """The focus of all rooms of one server, with one bridge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bridge: int, replace: bool) -> None:
        self._reader, self._writer = reader, writer
        self._bridge_port = bridge
        self._replace = replace
        self._bridge: ClientConnection | None = None
        self._turn = asyncio.Lock()
        self._rooms: dict[str, set[str]] = {}
        self._sessions: dict[str, str] = {}
        self._capable: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._writer.write(
            f"<stream:stream xmlns='{NS}' xmlns:stream='http://etherx.jabber.org/streams' to='{DOMAIN}'>".encode()
        )
        parser = XMLPullParser(("start", "end"))
        depth = 0
        while data := await self._reader.read(65536):
            parser.feed(data)
            for event, node in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    proof = hashlib.sha1(f"{node.get('id')}secret".encode()).hexdigest()
                    self._writer.write(f"<handshake>{proof}</handshake>".encode())
                elif event == "end" and depth == 1:
                    self._take(node)
                    node.clear()

    def _send(self, name: str, to: str, attributes: dict[str, str], *content: Element) -> None:
        stanza = element(f"{{{NS}}}{name}", {"from": ME, "to": to, **attributes}, *content)
        self._writer.write(write_xml(stanza).encode())

    def _ask(self, to: str, kind: str, content: Element) -> None:
        self._send("iq", to, {"type": kind, "id": secrets.token_hex(4)}, content)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what comes

    def _take(self, stanza: Element) -> None:
        name, kind, who = stanza.tag.rpartition("}")[2], stanza.get("type"), stanza.get("from", "")
        if name == "handshake":
            self._spawn(self._keep_bridge())
            print("ready", flush=True)
        elif name == "presence":
            self._take_presence(who, kind)
        elif name == "iq" and kind in ("get", "set"):
            answer = self._answer(stanza, who)
            asked_as = stanza.get("to", ME)  # perhaps as the one before this: the room knows that one, too
            self._send("iq", who, {"type": "result", "id": stanza.get("id", ""), "from": asked_as}, *answer)
        elif name == "iq" and kind == "result" and (info := stanza.find(f"{INFO}query")) is not None:
            if {feature.get("var") for feature in info.iter(f"{INFO}feature")} >= NEEDED:
                self._capable.add(who)
                self._spawn(self._invite(who.partition("/")[0]))
            else:
                print(f"{who} cannot what participants can", file=sys.stderr)

    def _take_presence(self, who: str, kind: str | None) -> None:
        room, _, nick = who.partition("/")
        members = self._rooms.get(room)
        if nick in ("", "focus") or members is None:
            return  # of a room that the one before this was in
        if kind == "unavailable":
            members.discard(who)
            self._capable.discard(who)
            self._sessions.pop(who, None)
            self._spawn(self._tell_bridge({"do": "expire", "endpoint": nick}))
        elif kind is None and who not in members:
            members.add(who)
            self._ask(who, "get", element(f"{INFO}query"))

    def _answer(self, stanza: Element, who: str) -> list[Element]:
        asked, jingle = stanza.find(CONFERENCE), stanza.find(f"{JINGLE}jingle")
        if asked is not None:
            room = asked.get("room", "")
            assert len(asked.get("machine-uid", "")) == 32
            if room not in self._rooms:
                self._rooms[room] = set()
                self._send("presence", f"{room}/focus", {}, element("{http://jabber.org/protocol/muc}x"))
            return [element(CONFERENCE, {"room": room, "ready": "true", "focusjid": ME.partition("/")[0]})]
        if jingle is not None and jingle.get("action") in ("session-accept", "transport-accept"):
            transport = next(jingle.iter(f"{ICE}transport"))
            assert transport.find(DTLS) is not None
            candidates = [
                Candidate(
                    each.get("foundation", ""), 1, "udp", int(each.get("priority", "")), each.get("ip", ""),
                    int(each.get("port", "")), each.get("type", ""),
                ).to_sdp()
                for each in transport.iter(f"{ICE}candidate")
            ]  # fmt: skip
            said = {"ufrag": transport.get("ufrag"), "pwd": transport.get("pwd"), "candidates": candidates}
            self._spawn(self._tell_bridge({"do": "connect", "endpoint": who.rpartition("/")[2], **said}))
        return []

    # --- invitations

    async def _invite(self, room: str) -> None:
        able = [who for who in self._rooms.get(room, ()) if who in self._capable]
        for who in able if len(able) > 1 else []:
            if who not in self._sessions:
                sid = self._sessions[who] = secrets.token_hex(6)
                await self._offer(who, "session-initiate", sid)

    async def _offer(self, who: str, action: str, sid: str) -> None:
        found = await self._tell_bridge({"do": "allocate", "endpoint": who.rpartition("/")[2]})
        if not found:
            self._sessions.pop(who, None)
            return
        candidates = [Candidate.from_sdp(each) for each in found["candidates"]]
        transport = element(
            f"{ICE}transport",
            {"ufrag": found["ufrag"], "pwd": found["pwd"]},
            element("{http://jitsi.org/protocol/colibri}web-socket", {"url": found["url"]}),
            element(f"{ICE}rtcp-mux"),
            element(DTLS, {"hash": "sha-256", "setup": "actpass"}, ":".join(["AB"] * 32)),
            *(
                element(
                    f"{ICE}candidate",
                    {
                        "component": "1", "foundation": each.foundation, "generation": "0", "id": str(number),
                        "ip": each.host, "network": "0", "port": str(each.port), "priority": str(each.priority),
                        "protocol": "udp", "type": each.type,
                    },
                )
                for number, each in enumerate(candidates)
            ),
        )  # fmt: skip
        contents = [
            element(
                f"{JINGLE}content",
                {"creator": "initiator", "name": media, "senders": "both"},
                element(
                    f"{RTP}description",
                    {"media": media},
                    element(f"{RTP}payload-type", {"id": number, "name": name, "clockrate": rate}),
                    element(f"{RTP}rtcp-mux"),
                ),
                transport,
            )
            for media, number, name, rate in (("audio", "111", "opus", "48000"), ("video", "100", "VP8", "90000"))
        ]
        group = "{urn:xmpp:jingle:apps:grouping:0}"
        bundle = element(
            f"{group}group",
            {"semantics": "BUNDLE"},
            *(element(f"{group}content", {"name": media}) for media in ("audio", "video")),
        )
        attributes = {"action": action, "initiator": ME, "sid": sid}
        self._ask(who, "set", element(f"{JINGLE}jingle", attributes, *contents, bundle))

    # --- the bridge

    async def _keep_bridge(self) -> None:
        first = True
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                async with connect(f"ws://127.0.0.1:{self._bridge_port}/control", compression=None) as bridge:
                    self._bridge = bridge
                    await self._again(first)
                    first = False
                    await bridge.wait_closed()
            self._bridge = None
            await asyncio.sleep(0.05)

    async def _again(self, first: bool) -> None:
        """Invite all that are there: the bridge is new."""
        for who, sid in [] if first else list(self._sessions.items()):
            if self._replace:
                await self._offer(who, "transport-replace", sid)
                continue
            gone = element(f"{JINGLE}reason", None, element(f"{JINGLE}gone"))
            self._ask(who, "set", element(f"{JINGLE}jingle", {"action": "session-terminate", "sid": sid}, gone))
            del self._sessions[who]
        for room in list(self._rooms):
            await self._invite(room)

    async def _tell_bridge(self, said: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            if self._bridge is None:
                return {}
            try:
                await self._bridge.send(json.dumps(said))
                found: dict[str, Any] = json.loads(await self._bridge.recv())
            except (OSError, WebSocketException):
                return {}
            return found


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("component", type=int)
    parser.add_argument("bridge", type=int)
    parser.add_argument("--replace", action="store_true")
    options = parser.parse_args()
    reader, writer = await asyncio.open_connection("127.0.0.1", options.component)
    await Focus(reader, writer, options.bridge, options.replace).run()


if __name__ == "__main__":
    asyncio.run(_main())
