"""XMPP over a WebSocket (RFC 7395): opened without an account, then stanzas both ways."""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from contextlib import suppress
from xml.etree.ElementTree import Element

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Origin, Subprotocol

from posewire.errors import HostUnreachableError, WireError
from posewire.jitsi.xml import MAX_STANZA, element, parse_xml, write_xml
from posewire.task_scope import TaskScope

CLIENT = "{jabber:client}"
_FRAMING = "{urn:ietf:params:xml:ns:xmpp-framing}"
_STREAMS = "{http://etherx.jabber.org/streams}"
_SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
_PING = "{urn:xmpp:ping}ping"
_STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

Receive = Callable[[Element], Element | bool]
"""Gets each stanza that is no answer. An iq gets what it returns: content, True: nothing, False: an error."""

_UNSENT = 4096
_PING_EVERY = 10.0
_ANSWER_WITHIN = 10.0
_MAX_REASON = 200


class StanzaError(WireError):
    """The other side refuses a stanza. ``condition``: RFC 6120 section 8.3.3."""

    code = "not_available"

    def __init__(self, message: str, condition: str) -> None:
        super().__init__(message)
        self.condition = condition


class XmppStream:
    """An open stream; ``begin`` says who gets what comes."""

    def __init__(self, websocket: ClientConnection, domain: str) -> None:
        self.jid = ""
        self.domain = domain
        self.close_reason = ""
        self._websocket = websocket
        self._receive: Receive = lambda stanza: False
        self._ended: Callable[[str], None] = lambda reason: None
        self._tasks = TaskScope(lambda error: self.end(f"a defect: {error!r}"))
        self._asked: dict[str, asyncio.Future[Element]] = {}

    def begin(self, receive: Receive, ended: Callable[[str], None]) -> None:
        """Receive from now on; ``ended`` is called once, with the reason, unless this side closes."""
        self._receive, self._ended = receive, ended
        self._tasks.spawn(self._read(), "xmpp reader")
        self._tasks.spawn(self._keep_alive(), "xmpp ping")

    async def send(self, stanza: Element) -> None:
        """Send a stanza; returns when the network takes more.

        Raises:
            ConnectionError: the stream is closed.
        """
        try:
            await self._websocket.send(write_xml(stanza))
        except ConnectionClosed as error:
            raise ConnectionError(self.close_reason or str(error)) from None

    async def ask(self, to: str, kind: str, content: Element, timeout_s: float | None = None) -> Element:
        """Send an iq (``kind``: ``get``, ``set``) and return its answer; ``timeout_s``: else 10.

        Raises:
            StanzaError: the other side refuses.
            ConnectionError: the stream is closed, or no answer has come in time.
        """
        number = secrets.token_hex(6)
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        attributes = {"type": kind, "id": number, **({"to": to} if to else {})}
        try:
            async with asyncio.timeout(timeout_s or _ANSWER_WITHIN):
                await self.send(element(f"{CLIENT}iq", attributes, content))
                return await answer
        except TimeoutError:
            raise ConnectionError(f"{to or self.domain} does not answer") from None
        finally:
            self._asked.pop(number, None)

    async def close(self) -> None:
        """Say goodbye, and close."""
        self._ended = lambda reason: None
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._websocket.send(write_xml(element(f"{_FRAMING}close")))
                await self._websocket.close()
        self.abort()
        await self._tasks.close()

    def abort(self) -> None:
        """Close without a word."""
        self._websocket.transport.abort()
        self._tasks.cancel()

    def end(self, reason: str) -> None:
        """Close it, and tell why: once, whatever follows."""
        if not self.close_reason:
            self.close_reason = reason
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(ConnectionError(reason))
            self._ended(reason)
            self.abort()

    # --- opening

    async def negotiate(self) -> None:
        """Open the stream, log in as nobody in particular, and bind an address.

        Raises:
            HostUnreachableError: the server does not let this program in.
        """
        features = await self._open_stream()
        offered = [entry.text for entry in features.iter(f"{_SASL}mechanism")]
        if "ANONYMOUS" not in offered:
            raise HostUnreachableError(
                f"{self.domain} lets nobody in without an account (it offers {', '.join(filter(None, offered))}): "
                "its operator has to allow guests, or to give out a token"
            )
        answer = await self._exchange(element(f"{_SASL}auth", {"mechanism": "ANONYMOUS"}))
        if answer.tag != f"{_SASL}success":
            why = next((child.text for child in answer if child.text), None) or _condition(answer) or "no reason given"
            raise HostUnreachableError(f"{self.domain} does not let this program in: {why}")
        await self._open_stream()
        bound = await self._exchange(element(f"{CLIENT}iq", {"type": "set", "id": "bind"}, element(f"{_BIND}bind")))
        self.jid = next((entry.text or "" for entry in bound.iter(f"{_BIND}jid")), "")
        if not self.jid:
            raise HostUnreachableError(f"{self.domain} gives this program no address: {_reason(bound)}")

    async def _open_stream(self) -> Element:
        answer = await self._exchange(element(f"{_FRAMING}open", {"to": self.domain, "version": "1.0"}))
        if answer.tag != f"{_FRAMING}open":
            raise HostUnreachableError(f"{self.domain} is no XMPP server: {_reason(answer)}")
        features = await self._next()
        if features.tag != f"{_STREAMS}features":
            raise HostUnreachableError(f"there is no XMPP server for {self.domain} here: {_reason(features)}")
        return features

    async def _exchange(self, stanza: Element) -> Element:
        await self.send(stanza)
        return await self._next()

    async def _next(self) -> Element:
        return parse_xml(_text(await self._websocket.recv()))

    # --- what comes

    async def _read(self) -> None:
        try:
            async for data in self._websocket:
                stanza = parse_xml(_text(data))
                if stanza.tag in (f"{_FRAMING}close", f"{_STREAMS}error"):
                    self.end(_reason(stanza))
                    return
                await self._take(stanza)
        except ConnectionClosed:
            pass
        except (WireError, ConnectionError) as error:
            self.end(str(error))
            return
        self.end("its XMPP server has gone")

    async def _take(self, stanza: Element) -> None:
        kind = stanza.get("type")
        if stanza.tag != f"{CLIENT}iq":
            self._receive(stanza)
        elif kind in ("result", "error"):
            answer = self._asked.get(stanza.get("id", ""))
            if answer is not None and not answer.done():
                if kind == "result":
                    answer.set_result(stanza)
                else:
                    answer.set_exception(stanza_error(stanza))
        else:
            pinged = stanza.find(_PING) is not None
            await self.send(_answer(stanza, pinged or self._receive(stanza)))

    async def _keep_alive(self) -> None:
        """Ask the server for a sign of life, again and again: some networks forget quiet connections."""
        while True:
            await asyncio.sleep(_PING_EVERY)
            try:
                await self.ask(self.domain, "get", element(_PING))
            except StanzaError:
                continue  # it does not know pings, but it is there
            except ConnectionError:
                self.end("its XMPP server does not answer any more")
                return


async def open_xmpp(url: str, domain: str, timeout_s: float) -> XmppStream:
    """Open a stream to a server within ``timeout_s`` seconds.

    Raises:
        HostUnreachableError: nobody is there, or it does not let this program in.
    """
    shown = url.partition("?")[0]
    try:
        async with asyncio.timeout(timeout_s):
            websocket = await connect(
                url,
                subprotocols=[Subprotocol("xmpp")],
                compression=None,
                open_timeout=timeout_s,
                close_timeout=1.0,
                ping_interval=None,
                max_size=4 * MAX_STANZA,
                write_limit=_UNSENT,
                # Some servers let only pages in, and look for where they come from.
                origin=_origin(url),
            )
            stream = XmppStream(websocket, domain)
            try:
                await stream.negotiate()
            except BaseException:
                stream.abort()
                raise
            return stream
    except InvalidURI:
        raise HostUnreachableError(f"{shown} is no address of an XMPP server") from None
    except InvalidStatus as error:
        raise HostUnreachableError(
            f"{shown} refuses with HTTP {error.response.status_code}: is there a Jitsi server, and its XMPP over "
            "WebSocket enabled? One that wants a token says so, too"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise HostUnreachableError(
            f"{shown} has a certificate that is not trusted here ({error.verify_message}): name the file of its "
            "authority's certificate in the variable SSL_CERT_FILE"
        ) from None
    except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, WireError, UnicodeError) as error:
        raise HostUnreachableError(f"no XMPP server answers at {shown}: {str(error) or 'silence'}") from None


def stanza_error(stanza: Element) -> StanzaError:
    """Return what a stanza of type ``error`` says."""
    error = next((child for child in stanza if child.tag.endswith("}error")), None)
    condition = (_condition(error) if error is not None else "") or "undefined-condition"
    said = (
        next((child.text for child in error if child.tag == f"{_STANZA_ERRORS}text"), "") if error is not None else ""
    )
    return StanzaError(f"{stanza.get('from', 'the server')}: {said or condition}"[:_MAX_REASON], condition)


def _answer(asked: Element, content: Element | bool) -> Element:
    attributes = {"id": asked.get("id", ""), **({"to": asked.get("from", "")} if asked.get("from") else {})}
    if content is False:
        error = element(f"{CLIENT}error", {"type": "cancel"}, element(f"{_STANZA_ERRORS}service-unavailable"))
        return element(f"{CLIENT}iq", {"type": "error", **attributes}, error)
    parts = [] if content is True else [content]
    return element(f"{CLIENT}iq", {"type": "result", **attributes}, *parts)


def _condition(error: Element) -> str:
    for child in error:
        name = child.tag.rpartition("}")[2]
        if name != "text":
            return name
    return ""


def _reason(stanza: Element) -> str:
    said = next((part.text for part in stanza.iter() if part.text), None) or _condition(stanza) or "it closes"
    return said[:_MAX_REASON]


def _text(data: str | bytes) -> str:
    if isinstance(data, bytes):
        raise WireError("XMPP is text")
    return data


def _origin(url: str) -> Origin:
    scheme, _, rest = url.partition("://")
    return Origin(f"{scheme.replace('ws', 'http', 1)}://{rest.partition('/')[0]}")
