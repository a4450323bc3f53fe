"""The limits of one peer."""

from dataclasses import replace

from posewire.errors import WireError
from posewire.identity.audit import read_entries
from posewire.server.connection.limits import PeerLimits
from posewire.server.connection.settings import FloodSettings
from posewire.server.connection.token_bucket import ABUSE
from server.connection.wired import Parts, Wire


def limited(parts: Parts) -> tuple[PeerLimits, Wire]:
    wire = parts.greeted()
    return PeerLimits(FloodSettings(text_rate=0.001, text_burst=2), parts.counters, parts.audit), wire


async def test_a_flood_is_told_once_then_only_counted_then_closed(parts: Parts) -> None:
    limits, wire = limited(parts)
    for _ in range(10):
        if not limits.text.try_acquire():
            limits.flooded(wire.handler, "text", limits.text)
    assert wire.codes() == ["too_many"]
    assert parts.counters["flood_text"] == 8
    assert wire.close_code is None
    for _ in range(2 * ABUSE):
        if not limits.text.try_acquire():
            limits.flooded(wire.handler, "text", limits.text)
    assert wire.codes() == []
    assert wire.close_code == 1008


async def test_errors_are_answered_up_to_a_limit_and_counted_beyond_it(parts: Parts) -> None:
    limits, wire = limited(parts)
    for _ in range(80):
        limits.refuse(wire.handler, WireError("it is wrong"))
    answered = wire.codes()
    assert 50 <= len(answered) < 60
    assert parts.counters["refused_bad_message"] == 80
    for _ in range(2000):
        limits.refuse(wire.handler, WireError("it is wrong"))
    assert wire.close_code == 1008


async def test_refused_access_is_written_to_the_audit_log(parts: Parts) -> None:
    limits, wire = limited(parts)
    limits.refuse(wire.handler, WireError("not yours", "forbidden"))
    limits.refuse(wire.handler, WireError("not a message"))
    entries = await parts.store.run(lambda connection: read_entries(connection, 10))
    assert [(entry.event, entry.device, entry.peer) for entry in entries] == [
        ("refused forbidden", "board", "192.0.2.1:1")
    ]


async def test_the_settings_of_now_count_for_a_new_connection(parts: Parts) -> None:
    parts.settings = replace(parts.settings, flood=FloodSettings(text_rate=0.001, text_burst=1))
    wire = parts.greeted()
    wire.send(type="ping", id=1)
    assert wire.codes() == ["too_many"]
