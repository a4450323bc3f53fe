"""``room`` messages of a peer: typed and validated (``docs/wire.md`` section 2.2)."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from posewire.errors import WireError
from posewire.wire.messages import Message, dump_text, get_field, in_range

RoomKind = Literal["pose", "audio"]

MAX_REPLAY = 100
"""Frames of each member that a room keeps for ``replay``."""

MAX_MEMBER_MESSAGE = 16 * 1024
"""Bytes of a message from one member to others: of the JSON in UTF-8, or of the bytes before base64."""

_LARGEST = 2**53 - 1
"""The largest integer that every JSON parser reads exactly."""

_MAX_TROUBLES = 255
_MAX_SINGLES = 64


@dataclass(frozen=True)
class Subscription:
    """The subscription of a member: kinds from everybody, and kinds from single members (by id, or by device)."""

    all: frozenset[RoomKind] = frozenset()
    some: frozenset[tuple[RoomKind, int | str]] = frozenset()

    @property
    def kinds(self) -> frozenset[RoomKind]:
        """Every kind that it mentions."""
        return self.all | {kind for kind, _ in self.some}

    def wants(self, kind: RoomKind, member_id: int, device: str) -> bool:
        """Tell whether frames of a kind from that member are wanted."""
        return kind in self.all or (bool(self.some) and ((kind, member_id) in self.some or (kind, device) in self.some))


RoomVerb = Literal[
    "create", "join", "leave", "subscribe", "lock", "unlock", "kick", "role", "replay", "list", "info", "report",
    "send", "catch_up",
]  # fmt: skip
_VERBS: frozenset[str] = frozenset(get_args(RoomVerb))


@dataclass(frozen=True)
class MemberMessage:
    """A message from one member to others. ``to``: the id of the only receiver; 0: all. ``content``: what is passed
    on, ``{"data": …}`` or ``{"bytes": base64}``, of ``size`` bytes. ``number``: the sender's, ascending.
    """

    number: int
    to: int
    content: Mapping[str, Any]
    size: int


@dataclass(frozen=True)
class RoomAction:
    """``room`` from a peer.

    ``echo``: the member also gets its own frames, to measure the way to the host and back. ``open``: joining creates
    the room when it is not there. ``member_id``: whom ``kick``, ``role`` and ``replay`` are about. ``frames``: how
    many of its last frames ``replay`` wants (1 … 100). ``messages``: whether the member takes part in messages.
    ``message``: of ``send``. ``after``: the number of the last message that the member has, of ``catch_up``. ``watch``:
    the host lets the peer watch only; no message says it. ``reports``: whether the member takes part in reports.
    ``troubles``: of ``report``, by publisher and stream: loss, age in ms, poses that wait.
    """

    action: RoomVerb
    room: str = ""
    publish: frozenset[RoomKind] = frozenset()
    subscribe: Subscription = Subscription()
    echo: bool = False
    open: bool = True
    member_id: int = 0
    reason: str = ""
    frames: int = 0
    messages: bool = False
    message: MemberMessage | None = None
    after: int = 0
    watch: bool = False
    reports: bool = False
    troubles: Mapping[tuple[int, int], tuple[float, float, int]] = field(default_factory=dict)


def parse_room(message: Message) -> RoomAction:
    """Read a ``room`` message of a peer.

    Raises:
        WireError: unknown action, a room name that is empty or longer than 64, an unknown kind, an id out of range.
    """
    action = get_field(message, "action", str)
    if action not in _VERBS:
        raise WireError(f'"room" action must be one of {", ".join(sorted(_VERBS))}; got "{action[:40]}"')
    verb = cast(RoomVerb, action)
    match verb:
        case "create" | "join":
            room = get_field(message, "room", str)
            if not 1 <= len(room) <= 64 or not room.isprintable():
                raise WireError("a room name must have 1 to 64 printable characters")
            return RoomAction(
                verb,
                room,
                _kinds(get_field(message, "publish", list, []), "publish"),
                _subscription(get_field(message, "subscribe", list, [])),
                get_field(message, "echo", bool, False),
                get_field(message, "create", bool, True),
                messages=get_field(message, "messages", bool, False),
                reports=get_field(message, "reports", bool, False),
            )
        case "send":
            return RoomAction(verb, get_field(message, "room", str, ""), message=_member_message(message))
        case "report":
            return RoomAction(verb, troubles=_troubles(get_field(message, "streams", list)))
        case "catch_up":
            return RoomAction(verb, after=in_range(get_field(message, "after", int), 0, _LARGEST, "after"))
        case "subscribe":
            return RoomAction(verb, subscribe=_subscription(get_field(message, "subscribe", list)))
        case "kick":
            return RoomAction(verb, member_id=_member_id(message), reason=get_field(message, "reason", str, "")[:80])
        case "role":
            if get_field(message, "role", str, "owner") != "owner":
                raise WireError('"role" passes on the role "owner"; no other role can be given')
            return RoomAction(verb, member_id=_member_id(message))
        case "replay":
            frames = in_range(get_field(message, "frames", int, MAX_REPLAY), 1, MAX_REPLAY, "frames")
            return RoomAction(verb, member_id=_member_id(message), frames=frames)
        case _:
            return RoomAction(verb)


def _troubles(entries: Sequence[Any]) -> Mapping[tuple[int, int], tuple[float, float, int]]:
    if len(entries) > _MAX_TROUBLES:
        raise WireError(f'"report" may name at most {_MAX_TROUBLES} streams', "too_many")
    found: dict[tuple[int, int], tuple[float, float, int]] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise WireError('"report" must list objects')
        stream = in_range(get_field(entry, "stream", int, 0), 0, 255, "stream")
        loss, age = entry.get("loss", 0), entry.get("age_ms", 0)
        for value in (loss, age):
            # A NaN is between nothing.
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
                raise WireError('"report" must have "loss" and "age_ms" as numbers of 0 or more')
        buffer = in_range(get_field(entry, "buffer", int, 0), 0, _LARGEST, "buffer")
        found[_member_id(entry), stream] = min(1.0, float(loss)), float(age), buffer
    return found


def _member_message(message: Message) -> MemberMessage:
    number = in_range(get_field(message, "number", int), 0, _LARGEST, "number")
    to = _member_id(message, "to") if message.get("to") is not None else 0
    if ("data" in message) == ("bytes" in message):
        raise WireError('"send" needs "data" or "bytes"')
    if "bytes" in message:
        encoded = get_field(message, "bytes", str)
        try:
            size = len(base64.b64decode(encoded, validate=True))
        except ValueError:
            raise WireError('"bytes" is not base64') from None
        content = {"bytes": encoded}
    else:
        content = {"data": message["data"]}
        size = len(dump_text(content).encode()) - len('{"data":}')
    if size > MAX_MEMBER_MESSAGE:
        raise WireError(f"a message must have at most {MAX_MEMBER_MESSAGE} bytes, not {size}", "too_many")
    return MemberMessage(number, to, content, size)


def _member_id(message: Message, name: str = "member_id") -> int:
    return in_range(get_field(message, name, int), 1, 255, name)


def _subscription(entries: Sequence[Any]) -> Subscription:
    everybody = [entry for entry in entries if not isinstance(entry, dict)]
    some: set[tuple[RoomKind, int | str]] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        (kind,) = _kinds([entry.get("kind")], "subscribe")
        member_id, device = entry.get("member_id"), entry.get("device")
        if isinstance(member_id, int) and not isinstance(member_id, bool) and device is None:
            some.add((kind, in_range(member_id, 1, 255, "member_id")))
        elif isinstance(device, str) and member_id is None:
            some.add((kind, device.lower()[:64]))
        else:
            raise WireError('"subscribe" must name a single member by "member_id" (a number) or by "device" (a string)')
    if len(some) > _MAX_SINGLES:
        raise WireError(f'"subscribe" may name at most {_MAX_SINGLES} single members', "too_many")
    return Subscription(_kinds(everybody, "subscribe"), frozenset(some))


def _kinds(names: Sequence[Any], where: str) -> frozenset[RoomKind]:
    kinds: set[RoomKind] = set()
    for name in names:
        if name == "pose":
            kinds.add("pose")
        elif name == "audio":
            kinds.add("audio")
        else:
            raise WireError(f'"{where}" must list the kinds "pose" and "audio"; got {json.dumps(name)[:40]}')
    return frozenset(kinds)
