"""A participant of a Jitsi conference that neither hears nor sees: it carries messages for programs."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from posewire.errors import HostUnreachableError, WireError
from posewire.jitsi.address import ConferenceAddress
from posewire.jitsi.bridge_channel import BridgeChannel
from posewire.jitsi.disco import INFO, info_answer
from posewire.jitsi.focus import ask_focus
from posewire.jitsi.ice import BridgeTransport
from posewire.jitsi.jingle import JINGLE, Offer, acceptance, read_offer, termination, termination_reason
from posewire.jitsi.muc import Seen, joining, leaving, private_message, read_message, read_presence
from posewire.jitsi.stream import Way
from posewire.jitsi.xmpp import CLIENT, XmppStream, open_xmpp, stanza_error
from posewire.task_scope import TaskScope

_log = logging.getLogger(__name__)

_ENDPOINT = re.compile(r"[0-9a-f]{8}")
MAX_MEMBERS = 500
_MAX_INVITATIONS = 4
"""Invitations that wait for their answer; more than that no focus sends."""

_ADVICE = {
    "not-allowed": "rooms there are begun by somebody else: join it with a browser first",
    "not-authorized": "it wants a password, which programs do not have",
    "registration-required": "it has a lobby: a moderator has to switch that off",
    "forbidden": "this program is banned there",
    "service-unavailable": "it is full",
    "item-not-found": "nobody has begun it",
    "conflict": "somebody has this program's name: try again",
}


class Conference:
    """This participant's place in a conference; ``join`` makes it.

    ``receive`` gets who says what by which way; ``seen`` each presence of others; ``bridge_changed`` whether the bridge
    channel is open; ``ended`` the reason of the end, once, unless this side leaves.
    """

    def __init__(self, stream: XmppStream, address: ConferenceAddress) -> None:
        self.address = address
        self.members: dict[str, Seen] = {}
        """The others that are in it, by their endpoint ids."""

        node = stream.jid.partition("@")[0][:8].lower()
        # Some deployments want the name in the room to be the beginning of the address that they gave.
        self.endpoint = node if _ENDPOINT.fullmatch(node) else secrets.token_hex(4)
        self.receive: Callable[[str, Way, dict[str, Any]], None] = lambda endpoint, way, payload: None
        self.seen: Callable[[Seen], None] = lambda seen: None
        self.bridge_changed: Callable[[bool], None] = lambda is_open: None
        self.ended: Callable[[str], None] = lambda reason: None
        self.without_focus = ""
        """Why there will be no bridge channel; empty: the focus has said yes."""

        self._stream = stream
        self._tasks = TaskScope()
        self._answers = TaskScope()
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._offer: Offer | None = None
        self._transport: BridgeTransport | None = None
        self._channel: BridgeChannel | None = None
        self._answering = asyncio.Lock()

    @property
    def close_reason(self) -> str:
        """Why it has ended; empty: it has not, or this side has left."""
        return self._stream.close_reason

    # --- messages

    @property
    def bridge_is_open(self) -> bool:
        """Whether the bridge channel is open at this moment."""
        return self._channel is not None and self._channel.is_open

    async def send(self, endpoint: str, way: Way, payload: dict[str, Any]) -> None:
        """Send a message to one participant; returns when the network takes more.

        Raises:
            ConnectionError: this way is closed.
        """
        if way == "muc":
            await self._stream.send(private_message(self.address.room_jid, endpoint, payload))
        elif self._channel is None:
            raise ConnectionError("there is no bridge channel")
        else:
            await self._channel.send(endpoint, payload)

    async def leave(self) -> None:
        """Leave it, and close everything."""
        self.ended = lambda reason: None
        with suppress(ConnectionError, TimeoutError, WireError):
            async with asyncio.timeout(1.0):
                if self._offer is not None:
                    await self._tell_focus(self._offer, termination(self._offer.sid, "success"))
                await self._stream.send(leaving(self.address.room_jid, self.endpoint))
        await self._answers.close()
        await self._close_media()
        await self._tasks.close()
        await self._stream.close()

    def abort(self) -> None:
        """Leave without a word; returns at once. The server tells the others when the connection is gone."""
        self.ended = lambda reason: None
        self._stream.abort()
        self._leave_bridge()

    def status(self) -> dict[str, Any]:
        """Return what a person may want to know."""
        return {
            "room": self.address.room_jid,
            "endpoint": self.endpoint,
            "members": len(self.members.keys() - {"focus"}),
            "bridge_channel": "open" if self.bridge_is_open else self.without_focus or "not open",
            "ice": self._transport.state if self._transport is not None else None,
        }

    # --- joining

    async def enter(self, name: str, fingerprint: str, timeout_s: float) -> None:
        """Enter the room; ``fingerprint``: this participant is a host, whose certificate has it.

        Raises:
            ConnectionError: the stream is closed, or the room does not let this program in.
        """
        self._stream.begin(self._take, self._lost)
        self.without_focus = await ask_focus(self._stream, self.address)
        await self._stream.send(joining(self.address.room_jid, self.endpoint, name, fingerprint))
        async with asyncio.timeout(timeout_s):
            await self._joined

    def _lost(self, reason: str) -> None:
        if not self._joined.done():
            self._joined.set_exception(ConnectionError(reason))
            self._joined.exception()
        self._leave_bridge()
        self.ended(reason)

    # --- what comes

    def _take(self, stanza: Element) -> Element | bool:
        try:
            if stanza.tag == f"{CLIENT}presence":
                self._take_presence(stanza)
            elif stanza.tag == f"{CLIENT}message":
                said = read_message(stanza, self.address.room_jid)
                if said is not None and said[0] in self.members:
                    self.receive(said[0], "muc", said[1])
            else:
                return self._take_query(stanza)
        except WireError as error:
            _log.debug("a stanza is left aside: %s", error)
        except Exception:
            # One member must not end the conference for all that go through it.
            _log.exception("a stanza was not handled")
        return False

    def _take_presence(self, stanza: Element) -> None:
        if stanza.get("type") == "error":
            if not self._joined.done():
                error = stanza_error(stanza)
                advice = _ADVICE.get(error.condition, str(error))
                self._joined.set_exception(ConnectionError(f"the room {self.address.room} lets nobody in: {advice}"))
            return
        seen = read_presence(stanza, self.address.room_jid)
        if seen is None:
            return
        if seen.endpoint == self.endpoint:
            if not seen.here:
                self._stream.end("this program was removed from the conference")
            elif seen.own and not self._joined.done():
                self._joined.set_result(None)
            return
        if not seen.here:
            self.members.pop(seen.endpoint, None)
        elif len(self.members) < MAX_MEMBERS or seen.endpoint in self.members:
            self.members[seen.endpoint] = seen
        self.seen(seen)

    def _take_query(self, stanza: Element) -> Element | bool:
        query, jingle = stanza.find(INFO), stanza.find(JINGLE)
        if query is not None and stanza.get("type") == "get":
            return info_answer(query)
        # Members could invite, too: only the one with the name of the focus is listened to.
        if jingle is None or stanza.get("from", "").lower() != f"{self.address.room_jid}/focus":
            return False
        action = jingle.get("action")
        if action in ("session-initiate", "transport-replace"):
            if len(self._answers) < _MAX_INVITATIONS:
                self._answers.spawn(self._accept(read_offer(stanza, jingle)), "invitation")
        elif action == "session-terminate" and self._offer is not None and jingle.get("sid") == self._offer.sid:
            _log.info("the focus ends the session: %s", termination_reason(jingle))
            self._tasks.spawn(self._close_media(), "bridge")
        return True

    # --- the video bridge

    async def _accept(self, offer: Offer) -> None:
        async with self._answering:
            await self._close_media()
            transport = BridgeTransport()
            self._offer, self._transport = offer, transport
            own = await transport.own_side()
            if self._transport is not transport:
                return  # the focus has ended the session meanwhile
            transport.begin(offer.ice)
            own_scheme, own_host = urlsplit(self.address.url)[:2]
            if offer.channel.startswith("wss://" if own_scheme == "wss" else ("ws://", "wss://")):
                origin = f"{own_scheme.replace('ws', 'http', 1)}://{own_host}"
                self._channel = BridgeChannel(
                    offer.channel, origin, self._from_bridge, lambda is_open: self.bridge_changed(is_open)
                )
                self._channel.begin()
            else:
                self.without_focus = "the bridge offers no channel over WebSocket"
            try:
                await self._tell_focus(offer, acceptance(offer, f"{self.address.room_jid}/{self.endpoint}", own))
            except WireError as error:
                _log.info("the focus does not take the answer to its invitation: %s", error)
                await self._close_media()
            except ConnectionError as error:
                # It may have died meanwhile; the bridge is another program.
                _log.info("the focus says nothing to the answer to its invitation: %s", error)

    async def _tell_focus(self, offer: Offer, content: Element) -> None:
        await self._stream.ask(offer.focus, "set", content, 5.0)

    def _leave_bridge(self) -> None:
        self._answers.cancel()
        self._tasks.spawn(self._close_media(), "bridge")

    async def _close_media(self) -> None:
        channel, transport = self._channel, self._transport
        self._channel = self._transport = self._offer = None
        if channel is not None:
            await channel.close()
        if transport is not None:
            await transport.close()

    def _from_bridge(self, endpoint: str, payload: dict[str, Any]) -> None:
        if endpoint not in self.members:
            return
        try:
            self.receive(endpoint, "bridge", payload)
        except Exception:
            _log.exception("a message was not handled")


async def join(
    address: ConferenceAddress, name: str, timeout_s: float, *, token: str = "", fingerprint: str = ""
) -> Conference:
    """Join a conference within ``timeout_s`` seconds. ``token``: a JWT, where the deployment wants one.

    ``fingerprint``: this participant is a host, whose certificate has it.

    Raises:
        HostUnreachableError: that fails; the message says why.
    """
    stream = await open_xmpp(address.websocket_url(token), address.domain, timeout_s)
    conference = Conference(stream, address)
    try:
        await conference.enter(name, fingerprint, timeout_s)
    except BaseException as error:
        conference.abort()
        if isinstance(error, TimeoutError | ConnectionError):
            raise HostUnreachableError(f"the conference at {address.url}: {str(error) or 'no answer'}") from None
        raise
    return conference
