"""Turns that the host begins, seen from the device's side of the wire; and the operator's HTTP interface to them."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import pytest_asyncio

from posewire.config import read_table
from posewire.errors import ConfigError, StoreError, WireError
from posewire.identity.audit import read_entries
from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.server.http.prometheus import exposition
from posewire.server.push.announcer import QUEUED, Announcement
from posewire.server.push.reminders import Reminder, spoken
from posewire.server.push.settings import PushSettings
from posewire.server.push.tools import duration_text
from posewire.store import StoreSettings
from posewire.ttl_cache import TtlCache
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.settings import ToolsSettings
from support.hosts import settings
from support.mcp_device import answer
from support.peers import Peer, Peers

DEVICE, OTHER = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"
EVENTS = {
    "doorbell": {"say": "Somebody rings at {where}.", "to": ["all"], "urgent": True},
    "button": {"ask": "who are you", "pause": 60.0},
}


def with_voice(store: Path | None = None, token: str = "", sentences: tuple[str, ...] = ()) -> Host:
    return Host(
        dataclasses.replace(
            settings(),
            voice=VoiceSettings(tts="none", sentences=sentences),
            store=StoreSettings(str(store) if store else ""),
            push=read_table(PushSettings, {"events": EVENTS}, "push"),
            tools=ToolsSettings(hidden=("self.hidden",)),
            auth=AuthSettings(token=token),
        )
    )


@pytest_asyncio.fixture
async def voiced() -> AsyncIterator[Host]:
    running = with_voice()
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def devices(voiced: Host) -> AsyncIterator[Peers]:
    opened = Peers(voiced.url)
    yield opened
    await opened.close()


async def says(peer: Peer) -> str:
    """The next reply's text, once the device has been told that it is over."""
    text = (await peer.receive("tts", state="sentence_start"))["text"]
    await peer.receive("tts", state="stop")
    return str(text)


def api(host: Host, token: str = "") -> httpx2.AsyncClient:
    base = host.url.replace("ws://", "http://").removesuffix("posewire/v1/")
    return httpx2.AsyncClient(base_url=base + "api/", headers={"Authorization": f"Bearer {token}"} if token else {})


async def test_an_idle_device_is_told(voiced: Host, devices: Peers) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello()
    async with api(voiced) as operator:
        said = asyncio.create_task(
            operator.post(f"devices/{DEVICE}/say", json={"text": "Dinner is ready.", "wait": True, "emotion": "happy"})
        )
        await peer.receive("tts", state="start")
        assert (await peer.receive("llm"))["emotion"] == "happy"
        assert await says(peer) == "Dinner is ready."
        assert (await said).json() == {"devices": {DEVICE: "spoken"}}
    assert voiced.services.push.announcer.waiting() == 0


async def test_a_listening_device_is_not_interrupted_unless_it_is_urgent(voiced: Host, devices: Peers) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello()
    await peer.send(type="listen", state="start", mode="manual")
    await peer.echo()
    announcer = voiced.services.push.announcer
    later, now = Announcement("Later."), Announcement("Now.", urgent=True)
    announcer.announce(DEVICE, later)
    await peer.echo()
    assert not later.outcome.done()
    announcer.announce(DEVICE, now)
    assert await says(peer) == "Now."
    assert await says(peer) == "Later."
    assert (await now.outcome, await later.outcome) == ("spoken", "spoken")


async def test_what_waits_is_bounded_and_expires(voiced: Host, devices: Peers) -> None:
    announcer = voiced.services.push.announcer
    waiting = [Announcement(f"Number {number}.", keep=30) for number in range(QUEUED)]
    for announcement in waiting:
        announcer.announce(DEVICE, announcement)
    with pytest.raises(WireError, match="wait for") as refused:
        announcer.announce(DEVICE, Announcement("One more."))
    assert refused.value.code == "too_many"
    announcer.announce(DEVICE, Announcement("Fire!", urgent=True))
    assert await waiting[0].outcome == "displaced"
    announcer.withdraw(DEVICE, waiting[1])
    assert await waiting[1].outcome == "stopped"
    hasty = Announcement("Too late.", keep=0)
    announcer.announce(OTHER, hasty)
    assert await hasty.outcome == "expired"
    patient, behind = Announcement("Still there?", keep=30), Announcement("Too late, too.", keep=0.05)
    announcer.announce(OTHER, patient)
    announcer.announce(OTHER, behind)
    assert await behind.outcome == "expired"
    assert not patient.outcome.done()
    peer = await devices.connect(DEVICE)
    await peer.hello()
    assert [await says(peer) for _ in range(3)] == ["Fire!", "Number 2.", "Number 3."]


async def test_an_announcement_survives_the_connection_but_not_the_user(voiced: Host, devices: Peers) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello()
    announcer = voiced.services.push.announcer
    announcement = Announcement("One. " * 20)
    announcer.announce(DEVICE, announcement)
    await peer.receive("tts", state="start")
    await announcement.outcome
    stubborn = Announcement("Again.")
    peer.socket.transport.abort()
    announcer.announce(DEVICE, stubborn)
    again = await devices.connect(DEVICE)
    await again.hello()
    assert await says(again) == "Again."


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 2000}, {"text": "x", "keep": -1}, {"text": 5}, [1]])
async def test_nonsense_is_refused(voiced: Host, body: Any) -> None:
    async with api(voiced) as operator:
        assert (await operator.post(f"devices/{DEVICE}/say", json=body)).status_code == 400
        assert (await operator.post("devices/all/say", json=body)).status_code == 400
        assert (await operator.post(f"devices/{DEVICE}/say", content=b"{")).status_code == 400
        assert (await operator.get(f"devices/{DEVICE}/tools")).status_code == 404


async def test_the_operator_needs_the_token() -> None:
    host = with_voice(token="the-token")
    await host.start()
    try:
        for path, method in (("devices", "GET"), (f"devices/{DEVICE}/say", "POST"), (f"devices/{DEVICE}/ask", "POST")):
            async with api(host) as nobody:
                assert (await nobody.request(method, path)).status_code == 401
        async with api(host, "the-token") as operator:
            assert (await operator.get("devices")).json() == {"devices": []}
    finally:
        await host.stop()


async def test_the_operator_sees_and_uses_devices(voiced: Host, devices: Peers) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello(features={"mcp": True}, device={"board": "sim", "firmware": "1"})
    device = asyncio.create_task(answer(peer, [["self.a", "self.fails", "self.hidden"]]))
    async with api(voiced) as operator:
        async with asyncio.timeout(5):
            while len((await operator.get(f"devices/{DEVICE}/tools")).json()["tools"]) < 3:
                await asyncio.sleep(0.01)
        (entry,) = (await operator.get("devices")).json()["devices"]
        session = entry["session"]
        assert (entry["device"], session["board"], session["voice"], session["tools"]) == (DEVICE, "sim", "idle", 3)
        everything = (await operator.get(f"devices/{DEVICE}/tools?all=1")).json()["tools"]
        kinds = {tool["name"]: tool["kind"] for tool in everything}
        assert kinds["self.a"] == "device"
        assert kinds["calculate"] == kinds["set_timer"] == "server"
        assert "self.hidden" not in kinds

        async def call(name: str, **arguments: Any) -> tuple[str, bool]:
            found = await operator.post(f"devices/{DEVICE}/tools/{name}", json={"arguments": arguments})
            return found.json()["text"], found.json()["failed"]

        assert await call("self.a") == ("done", False)
        assert await call("self.fails") == ("done", True)
        assert (await call("self.hidden"))[1]
        assert await call("calculate", expression="6*7") == ("42", False)
        assert (await call("calculate"))[1]
        device.cancel()
        assert (await operator.post(f"devices/{DEVICE}/ask", json={"text": "who are you"})).status_code == 202
        assert "Posewire" in await says(peer)
        assert (await operator.post(f"devices/{DEVICE}/say", json={"text": "a secret"})).status_code == 202
    entries = await voiced.services.store.run(lambda c: read_entries(c, 20))
    orders = [(entry.event, entry.who, entry.device, entry.detail.get("tool")) for entry in entries]
    assert orders[0] == ("device tool", "local", DEVICE, "self.a")
    assert orders[-2:] == [("device ask", "local", DEVICE, None), ("device say", "local", DEVICE, None)]
    assert "a secret" not in str(entries)


async def test_a_timer_rings_also_after_a_restart(tmp_path: Path) -> None:
    host = with_voice(tmp_path / "store.db")
    await host.start()
    devices = Peers(host.url)
    peer = await devices.connect(DEVICE)
    await peer.hello()
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    tools = handler.all_tools
    assert await tools.call("set_timer", {"seconds": 1, "label": "tea"}) == "The timer for tea is set for 1 second."
    assert "1 hour and 30 minutes" in await tools.call("set_timer", {"minutes": 90, "label": "cake"})
    assert "for cake" in await tools.call("list_timers", {})
    assert await says(peer) == "Reminder: tea."
    # It is forgotten when it has been said, a moment after the device was told so.
    while "tea" in await tools.call("list_timers", {}):
        await asyncio.sleep(0.01)
    await tools.call("set_timer", {"minutes": 2})
    await devices.close()
    await host.stop()
    with closing(sqlite3.connect(tmp_path / "store.db")) as store, store:
        # As much time passes while the host is away.
        store.execute("UPDATE reminders SET due = due - 120")
    again = with_voice(tmp_path / "store.db")
    await again.start()
    devices = Peers(again.url)
    peer = await devices.connect(DEVICE)
    await peer.hello()
    assert await says(peer) == "Your time is up."
    handler = again.services.registry.device(DEVICE)
    assert handler is not None
    async with asyncio.timeout(5):
        while len(await again.services.push.reminders.of(DEVICE)) > 1:
            await asyncio.sleep(0.01)
    assert await handler.all_tools.call("cancel_timers", {}) == "The timer is cancelled."
    assert await handler.all_tools.call("list_timers", {}) == "No timer is set."
    await devices.close()
    await again.stop()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [({}, "at least a second"), ({"hours": 99999}, "at most a year"), ({"seconds": "soon"}, "seconds: 'soon'")],
)
async def test_timers_that_make_no_sense_are_refused(
    voiced: Host, devices: Peers, arguments: dict[str, Any], complaint: str
) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello()
    async with api(voiced) as operator:
        found = await operator.post(f"devices/{DEVICE}/tools/set_timer", json={"arguments": arguments})
        assert complaint in found.json()["text"]
        alarm = await operator.post(f"devices/{DEVICE}/tools/set_alarm", json={"arguments": {"at": "25:00"}})
        assert "not a time" in alarm.json()["text"]


def test_what_rings_late_says_so() -> None:
    assert spoken(Reminder(1, DEVICE, 0.0, "tea"), 300) == "Reminder: tea. This was 5 minutes ago."
    assert duration_text(90061) == "1 day, 1 hour, 1 minute and 1 second"


async def test_a_device_calls_another_and_reports_events(voiced: Host, devices: Peers) -> None:
    kitchen, hall = await devices.connect(DEVICE), await devices.connect(OTHER)
    await kitchen.hello()
    await hall.hello()
    handler = voiced.services.registry.device(DEVICE)
    assert handler is not None
    assert await handler.all_tools.call("tell_device", {"device": OTHER, "message": "Come down."}) == "I said it there."
    assert await says(hall) == "Come down."
    await hall.send(type="event", name="doorbell", data={"where": "the gate", "device": "forged", "more": [1]})
    assert await says(hall) == await says(kitchen) == "Somebody rings at the gate."
    await hall.send(type="event", name="button")
    await hall.send(type="event", name="button")
    assert "Posewire" in await says(hall)
    await hall.send(type="mcp", payload={"jsonrpc": "2.0", "method": "notifications/event", "params": {"name": "else"}})
    await hall.send(type="event", name="", data={})
    assert (await hall.receive("error"))["code"] == "bad_message"
    counters = voiced.services.counters
    assert (counters["events"], counters["events_dropped"], counters["events_ignored"]) == (2, 1, 1)


async def test_the_log_says_what_a_board_has_left_out(
    voiced: Host, devices: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    board = await devices.connect(DEVICE)
    await board.hello()
    with caplog.at_level("WARNING"):
        await board.send(type="event", name="left_out", data={"part": "motion", "reason": "it needs 12 KB"})
        await board.echo()
    (told,) = [vars(record)["fields"] for record in caplog.records if record.message == "left_out"]
    assert (told["part"], told["why"]) == ("motion", "it needs 12 KB")


@pytest.mark.parametrize(
    "table",
    [{"x": {}}, {"x": {"say": "a", "ask": "b"}}, {"x": {"say": "{"}}, {"x": {"say": "{a.b}"}}, {"x": 3}],
)
def test_rules_for_events_are_checked(table: Any) -> None:
    with pytest.raises(ConfigError, match="push"):
        read_table(PushSettings, {"events": table}, "push")


async def test_sound_and_writing_that_were_dropped_are_seen_in_the_metrics(voiced: Host, devices: Peers) -> None:
    peer = await devices.connect(DEVICE)
    await peer.hello()
    await peer.send(type="listen", state="start", mode="manual")
    await peer.echo()
    handler = voiced.services.registry.device(DEVICE)
    assert handler is not None
    voice = handler.voice.get_or_create()
    assert voice is not None
    for _ in range(12):  # seconds, more at once than may wait
        voice.feed(np.zeros(16000, np.int16))
    dropped = voice.dropped
    assert dropped >= 16000
    voiced.services.store.post(lambda connection: connection.execute("nonsense"))
    with pytest.raises(StoreError):
        await voiced.services.store.run(lambda connection: connection.execute("nonsense"))
    # Also after the connection is gone.
    for _ in range(2):
        metrics = exposition(voiced.services).decode()
        assert f"posewire_voice_samples_dropped_total {float(dropped)}" in metrics
        assert "posewire_store_dropped_total 1.0" in metrics
        await peer.socket.close()
        while voiced.services.registry.device(DEVICE) is not None:
            await asyncio.sleep(0.01)


async def test_caches_are_seen_in_the_metrics(voiced: Host) -> None:
    cache = TtlCache[str, int](4, 60)
    voiced.services.caches.add("test", cache)
    cache.put("a", 1)
    cache.get("a")
    shown = exposition(voiced.services).decode()
    assert "posewire_cache_test_hits_total 1.0" in shown
    assert "posewire_cache_test_entries 1.0" in shown


async def test_the_sentences_of_the_page_about_timers_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "push.md").read_text()
    file = tmp_path / "timers.yaml"
    file.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    host = with_voice(sentences=(str(file),))
    await host.start()
    devices = Peers(host.url)
    peer = await devices.connect(DEVICE)
    await peer.hello()
    for typed, answered in (
        ("Set a timer for 20 minutes.", "The timer is set for 20 minutes."),
        ("cancel the timer", "The timer is cancelled."),
    ):
        await peer.send(type="listen", state="detect", text=typed)
        assert await says(peer) == answered
    await devices.close()
    await host.stop()
