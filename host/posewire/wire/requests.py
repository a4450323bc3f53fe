"""Text messages of a peer besides hello, voice and rooms, typed and validated (``docs/wire.md`` section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from posewire.errors import WireError
from posewire.wire.messages import Message, get_field

_MAX_ID = 64
_MAX_THINGS = 64
_MAX_METHODS = 64


@dataclass(frozen=True)
class Abort:
    """``abort``: stop speaking."""

    reason: str = ""


def parse_abort(message: Message) -> Abort:
    """Read an ``abort``."""
    return Abort(get_field(message, "reason", str, "")[:40])


@dataclass(frozen=True)
class Ping:
    """``ping``: the id comes back in the ``pong``."""

    id: str | int | None = None


def parse_ping(message: Message) -> Ping:
    """Read a ``ping`` message of a peer.

    Raises:
        WireError: the id is no number and no string of at most 64 characters.
    """
    given = message.get("id")
    if given is None:
        return Ping()
    if isinstance(given, bool) or not isinstance(given, (str, int)) or len(str(given)) > _MAX_ID:
        raise WireError(f'the "id" of a ping must be an integer or a string of at most {_MAX_ID} characters')
    return Ping(given)


@dataclass(frozen=True)
class DeviceError:
    """``error``: the device refused something."""

    code: str
    message: str


def parse_device_error(message: Message) -> DeviceError:
    """Read an ``error``."""
    return DeviceError(get_field(message, "code", str, "")[:40], get_field(message, "message", str, "")[:200])


@dataclass(frozen=True)
class Mcp:
    """``mcp``: a JSON-RPC 2.0 object."""

    payload: Mapping[str, Any]


def parse_mcp(message: Message) -> Mcp:
    """Read an ``mcp`` message of a device.

    Raises:
        WireError: the payload has neither a method nor an integer id.
    """
    payload = get_field(message, "payload", dict)
    if not isinstance(payload.get("method"), str):
        number = payload.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise WireError('an "mcp" payload needs a "method" or an integer "id"')
    return Mcp(payload)


@dataclass(frozen=True)
class IotMethod:
    """One method of a thing; ``parameters`` are JSON schemas by name."""

    thing: str
    method: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Iot:
    """``iot``: what a device's things can do, and the state they are in, by name of the thing."""

    methods: tuple[IotMethod, ...] = ()
    states: Mapping[str, Mapping[str, Any]] | None = None


def parse_iot(message: Message) -> Iot:
    """Read an ``iot`` message.

    Raises:
        WireError: neither descriptors nor states, a thing without a name, a part of the wrong type, too many parts.
    """
    if message.get("descriptors") is None and message.get("states") is None:
        raise WireError('"iot" needs "descriptors" or "states"')
    methods: list[IotMethod] = []
    for thing, descriptor in _things(message, "descriptors"):
        offered = get_field(descriptor, "methods", dict, {})
        if len(offered) > _MAX_METHODS:
            raise WireError(f"a thing may have at most {_MAX_METHODS} methods")
        for name, spec in offered.items():
            spec = spec if isinstance(spec, dict) else {}
            parameters = spec.get("parameters")
            methods.append(
                IotMethod(
                    thing, name, str(spec.get("description", "")), parameters if isinstance(parameters, dict) else {}
                )
            )
    states = None
    if message.get("states") is not None:
        states = {thing: get_field(entry, "state", dict, {}) for thing, entry in _things(message, "states")}
    return Iot(tuple(methods), states)


def _things(message: Message, name: str) -> list[tuple[str, Message]]:
    entries = get_field(message, name, list, [])
    if len(entries) > _MAX_THINGS:
        raise WireError(f'"{name}" may list at most {_MAX_THINGS} things')
    things = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise WireError(f'"{name}" must be a list of objects')
        things.append((get_field(entry, "name", str)[:_MAX_ID], entry))
    return things


@dataclass(frozen=True)
class ServerCommand:
    """``server``: an order to the host. ``secret``: a token that grants it, where the connection's own does not."""

    action: Literal["restart", "update_config"]
    secret: str = ""


def parse_server(message: Message) -> ServerCommand:
    """Read a ``server`` message.

    Raises:
        WireError: the action is neither ``restart`` nor ``update_config``.
    """
    secret = get_field(get_field(message, "content", dict, {}), "secret", str, "")
    match get_field(message, "action", str):
        case "restart":
            return ServerCommand("restart", secret)
        case "update_config":
            return ServerCommand("update_config", secret)
        case other:
            raise WireError(f'"server" action must be restart or update_config; got "{other[:40]}"')


@dataclass(frozen=True)
class StateRequest:
    """``state`` from a peer: follow a shared state (from the version held), stop, get the whole, or change it."""

    action: Literal["subscribe", "unsubscribe", "get", "patch"]
    name: str
    version: int | None = None
    base: int | None = None
    patch_id: str = ""
    changes: Mapping[str, Any] | None = None


def parse_state(message: Message) -> StateRequest:
    """Read a ``state`` message.

    Raises:
        WireError: unknown action, a name that is empty or too long, a patch without changes.
    """
    name = get_field(message, "name", str)
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise WireError("the name of a state must have 1 to 100 printable characters")
    version = get_field(message, "version", int, -1)
    match get_field(message, "action", str):
        case "subscribe":
            return StateRequest("subscribe", name, version if version >= 0 else None)
        case "unsubscribe":
            return StateRequest("unsubscribe", name)
        case "get":
            return StateRequest("get", name)
        case "patch":
            return StateRequest(
                "patch",
                name,
                base=get_field(message, "base", int) if message.get("base") is not None else None,
                patch_id=get_field(message, "patch", str, "")[:_MAX_ID],
                changes=get_field(message, "changes", dict),
            )
        case other:
            raise WireError(f'"state" action must be subscribe, unsubscribe, get or patch; got "{other[:40]}"')


MAX_SDP = 8 * 1024


@dataclass(frozen=True)
class WebRtcRequest:
    """``webrtc``: open a data channel, or close it. ``number``: of the offer; the answer has it, too."""

    action: Literal["offer", "close"]
    number: int = 0
    sdp: str = ""


def parse_webrtc(message: Message) -> WebRtcRequest:
    """Read a ``webrtc`` message.

    Raises:
        WireError: unknown action, an offer without number or description, or one of more than 8 KiB.
    """
    match get_field(message, "action", str):
        case "offer":
            sdp = get_field(message, "sdp", str)
            if len(sdp) > MAX_SDP:
                raise WireError(f"an offer has at most {MAX_SDP} characters")
            return WebRtcRequest("offer", get_field(message, "number", int), sdp)
        case "close":
            return WebRtcRequest("close")
        case other:
            raise WireError(f'"webrtc" action must be offer or close; got "{other[:40]}"')
