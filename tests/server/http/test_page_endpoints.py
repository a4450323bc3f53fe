"""The page's requests to the host: rooms, turns, the last hour, the log, simulated boards."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import httpx2
import pytest
import pytest_asyncio

import posewire
from posewire.child_process import ChildProcess
from posewire.identity.settings import AuthSettings
from posewire.identity.stored import issue_token
from posewire.log import EventLog
from posewire.server.host import Host
from posewire.server.monitoring.history import History
from posewire.server.programs.sim_boards import _SimBoard
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.turn_log import NotedTools, TurnLog
from posewire.voice.output import TurnReport
from support.board import Board
from support.hosts import http_url, running, settings

DEVICE = "aa:bb:cc:00:00:01"


@pytest_asyncio.fixture
async def operator(host: Host) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=http_url(host, "/api")) as client:
        yield client


async def test_rooms_say_who_publishes_what(host: Host, operator: httpx2.AsyncClient) -> None:
    assert (await operator.get("/rooms")).json() == {"rooms": []}
    async with posewire.connect(host.url, device="ann") as ann, posewire.connect(host.url, device="bob") as bob:
        room = await ann.join("studio", publish=["pose"])
        watching = await bob.join("studio")
        sender = room.sender(fps=200)
        poses = watching.poses()
        for _ in range(3):
            sender.send(coco=[[0.5, 0.5, 1.0]] * 17)
            await anext(poses)
        await room.lock()
        (found,) = (await operator.get("/rooms")).json()["rooms"]
    assert (found["room"], found["locked"]) == ("studio", True)
    publisher, watcher = found["members"]
    assert (publisher["device"], publisher["role"], watcher["device"]) == ("ann", "owner", "bob")
    assert publisher["rates"]["pose"]["fps"] == 1.5
    assert publisher["rates"]["pose"]["kbit_s"] > 0
    assert watcher["dropped"] == {"pose": 0, "audio": 0}


async def test_names_may_have_any_character(host: Host, operator: httpx2.AsyncClient) -> None:
    async with posewire.connect(host.url, device="stage/left 100%") as left:
        await left.join("class 3/b?", publish=["pose"])
        device, room = "/devices/stage%2Fleft100%25", "/rooms/class%203%2Fb%3F"
        assert (await operator.patch(device, json={"name": "Left"})).json()["name"] == "Left"
        assert (await operator.get(device)).json()["device"] == "stage/left100%"
        assert (await operator.get(f"{device}/turns")).json()["turns"] == []
        assert (await operator.get(f"{device}/tools")).json()["tools"] == []
        found = (await operator.get(room)).json()
        assert [(member["device"], member["name"]) for member in found["members"]] == [("stage/left100%", "Left")]
        # A link to it cannot be followed on a host that only this machine reaches: that is what is refused.
        assert (await operator.post(f"{room}/links", json={})).json()["code"] == "not_available"


async def test_a_text_becomes_a_code_for_telephones(operator: httpx2.AsyncClient) -> None:
    drawn = await operator.post("/qr", json={"text": "http://10.0.0.7:8000/"})
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg")
    assert (await operator.post("/qr", json={"text": ""})).status_code == 400
    assert (await operator.post("/qr", json={"text": "x" * 1001})).status_code == 400


async def test_the_log_and_the_last_hour_can_be_read_on(host: Host, operator: httpx2.AsyncClient) -> None:
    EventLog(device=DEVICE).warning("something", text="a\x1b[31mb", count=3)
    (line,) = [line for line in (await operator.get("/log")).json()["lines"] if line["event"] == "something"]
    assert line["level"] == "warning"
    assert line["fields"] == {"device": DEVICE, "text": "a\\x1b[31mb", "count": 3}
    assert (await operator.get("/log", params={"after": line["number"]})).json()["lines"] == []
    assert (await operator.get("/log", params={"after": "x"})).status_code == 200
    assert host.services.health is not None
    host.services.health.check()
    history = (await operator.get("/history")).json()
    assert {"cpu", "memory_mb", "pose_in", "connections"} <= set(history["names"])
    at, *values = history["samples"][-1]
    assert len(values) == len(history["names"])
    assert (await operator.get("/history", params={"after": at})).json()["samples"] == []


def test_what_a_board_says_at_its_start_stays_with_its_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = BoardReports()
    first = {"started": True, "ssid": "home", "reset_cause": "power on", "uptime_ms": 900}
    reports.record(DEVICE, {**first, "type": "telemetry"})
    later = reports.record(DEVICE, {"type": "telemetry", "uptime_ms": 30_900})
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5)
    told = later.as_dict()
    assert (told["ssid"], told["reset_cause"], told["uptime_ms"]) == ("home", "power on", 30_900)
    assert 5 <= told["age_s"] < 35
    # Its next start is another one.
    told = reports.record(DEVICE, {"type": "telemetry", "started": True, "uptime_ms": 700}).as_dict()
    assert "ssid" not in told
    assert "reset_cause" not in told


def test_the_history_keeps_the_largest_of_some_seconds() -> None:
    history = History()
    for second, value in ((100, 1.0), (102, 5.0), (104, 2.0), (106, 3.0)):
        history.add(second, {"cpu": value})
    history.add(108, {"cpu": 1.0, "late": 7.0})
    assert history.since(0) == {"names": ["cpu", "late"], "samples": [[100, 5.0, None], [106, 3.0, 7.0]]}
    for second in range(200, 20_000, 6):
        history.add(second, {"cpu": 0.0})
    assert len(history.since(0)["samples"]) == 600


async def test_turns_are_what_was_heard_done_and_said() -> None:
    log = TurnLog()
    tools = NotedTools(Board("self.led.turn_on"), log, DEVICE)
    log.note_sent(DEVICE, {"type": "stt", "text": "turn on the light"})
    await tools.call("self.led.turn_on", {"red": 1})
    log.note_sent(DEVICE, {"type": "tts", "state": "start"})
    log.note_sent(DEVICE, {"type": "tts", "state": "sentence_start", "text": "It is on."})
    log.note_end(DEVICE, TurnReport("answered", {"asr": 12.34, "total": 50.0}))
    log.note_sent(DEVICE, {"type": "tts", "state": "sentence_start", "text": "Dinner."})
    broken = NotedTools(Board("self.led.turn_on", broken=True), log, DEVICE)
    with pytest.raises(Exception, match="no power"):
        await broken.call("self.led.turn_on", {})
    turn, announcement = log.of(DEVICE)
    assert (turn["heard"], turn["said"], turn["outcome"]) == ("turn on the light", ["It is on."], "answered")
    assert turn["stages"] == {"asr": 12.3, "total": 50.0}
    assert turn["calls"][0]["tool"] == "self.led.turn_on"
    assert turn["calls"][0]["result"].startswith("{")
    assert (announcement["heard"], announcement["said"]) == (None, ["Dinner."])
    assert announcement["calls"][0]["failed"]
    for number in range(600):
        log.note_sent(f"device {number}", {"type": "stt", "text": "x" * 1000})
    assert log.of(DEVICE) == []
    assert len(log.of("device 599")[0]["heard"]) == 500


async def test_words_are_for_those_who_may_act() -> None:
    token = "a-token-that-is-long-enough"
    async with running(replace(settings(), auth=AuthSettings(token=token, pairing=True))) as host:
        host.services.turns.note_sent(DEVICE, {"type": "stt", "text": "a secret"})
        looker = await host.services.store.run(lambda c: issue_token(c, "x", "person", ["operator.read"]))
        await host.services.identities.refresh(force=True)
        path = http_url(host, f"/api/devices/{DEVICE}/turns")
        async with httpx2.AsyncClient() as client:
            for bearer, heard in ((token, "a secret"), (looker, None)):
                answer = await client.get(path, headers={"Authorization": f"Bearer {bearer}"})
                assert answer.json()["turns"][0]["heard"] == heard
            log = await client.get(http_url(host, "/api/log"), headers={"Authorization": f"Bearer {looker}"})
            assert log.status_code == 403
            sims = http_url(host, "/api/sim-boards")
            started = await client.post(sims, json={}, headers={"Authorization": f"Bearer {token}"})
            assert started.status_code == 403, "a host that others reach starts no processes for them"


async def test_a_simulated_board_keeps_its_address_however_much_it_writes() -> None:
    stdout = asyncio.StreamReader()
    stdout.feed_data(b"the board is 02:00:00:00:00:07\n" + b"a line\n" * 100)
    stdout.feed_eof()
    stderr = asyncio.StreamReader()
    stderr.feed_eof()
    board = _SimBoard(1, cast(ChildProcess, SimpleNamespace(stdout=stdout, stderr=stderr, returncode=None)))
    await board.read()
    assert board.describe()["device"] == "02:00:00:00:00:07"


async def test_a_simulated_board_that_is_not_there(operator: httpx2.AsyncClient) -> None:
    assert (await operator.get("/sim-boards")).json() == {"available": True, "boards": []}
    assert (await operator.delete("/sim-boards/7")).status_code == 404
    assert (await operator.post("/sim-boards", json={"room": 7})).status_code == 400
