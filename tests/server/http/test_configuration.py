"""``/api/configuration``: what is in force, and a file that is only written when it is right."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from posewire.server.configuration.config_file import ConfigFile, describe
from posewire.server.host import Config, Host
from posewire.server.settings import Settings, load_settings
from support.hosts import http_url

TOKEN = "a-token-that-is-long-enough"
SECRET = "https://hooks.example/secret-of-the-house"
OWNER = {"Authorization": f"Bearer {TOKEN}"}
TEXT = f"""# Ours; {SECRET}
[server]
port = 0
max_connections = 50  # few

[voice]
enabled = false

[alerts]
webhook = '{SECRET}'

[store]
path = ":memory:"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "posewire.toml"
    found.write_text(TEXT)
    found.chmod(0o640)
    return found


@pytest_asyncio.fixture
async def started(path: Path) -> AsyncIterator[Host]:
    def read(file: Path) -> Settings:
        return load_settings(file, TOKEN).with_address("127.0.0.1", 0)

    host = Host(read(path), Config(lambda: read(path), path, read))
    await host.start()
    yield host
    await host.stop()


@pytest_asyncio.fixture
async def operator(started: Host) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=http_url(started, "/api"), headers=OWNER) as client:
        yield client


def content(path: Path) -> str:
    return path.read_text()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def beside(path: Path) -> list[str]:
    return [file.name for file in path.parent.iterdir()]


def setting(found: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    (table,) = [each for each in found["sections"] if each["name"] == section]
    (entry,) = [each for each in table["settings"] if each["name"] == name]
    return dict(entry)


async def test_settings_say_where_they_come_from_and_no_secret(operator: httpx2.AsyncClient) -> None:
    answer = await operator.get("/configuration")
    assert SECRET not in answer.text
    found = answer.json()
    assert found["text"].count("<hidden 1>") == 2
    assert setting(found, "server", "max_connections") == {
        "name": "max_connections", "value": 50, "source": "file", "live": True,
    }  # fmt: skip
    assert setting(found, "server", "certificate")["source"] == "default"
    assert setting(found, "server", "certificate")["live"] is False
    assert setting(found, "alerts", "webhook")["value"] == "…"
    assert [each["off"] for each in found["sections"] if each["name"] == "voice"] == [True]


def test_a_setting_comes_from_where_it_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's usual place is a default; the command line counts before the file, and is not taken for it."""
    monkeypatch.delenv("POSEWIRE_STORE", raising=False)
    path = tmp_path / "posewire.toml"
    path.write_text("[server]\nport = 9000\nmax_connections = 50\n")
    file = ConfigFile(path, lambda text: load_settings(text).with_address(None, 9001))
    found = {"sections": file.table(load_settings(path).with_address(None, 9001))}
    assert setting(found, "store", "path")["source"] == "default"
    assert setting(found, "server", "port") == {"name": "port", "value": 9001, "source": "elsewhere", "live": False}
    assert setting(found, "server", "max_connections")["source"] == "file"
    found = {"sections": describe(load_settings(None))}
    assert {each["source"] for section in found["sections"] for each in section["settings"]} == {"default"}
    monkeypatch.setenv("POSEWIRE_STORE", str(tmp_path / "other.db"))
    found = {"sections": describe(load_settings(None))}
    assert setting(found, "store", "path")["source"] == "elsewhere"


async def test_a_text_is_checked_before_it_is_written(operator: httpx2.AsyncClient, path: Path) -> None:
    found = (await operator.get("/configuration")).json()
    for broken, says in (
        ("[server", "is not valid TOML"),
        ("[server]\nprt = 1", "[server] has no setting 'prt'"),
        ("[server]\nmax_connections = -1", "must be more than 0"),
        ("[auth]\nstock_key_file = '/no/such'", "cannot read /no/such"),
    ):
        for ask in (
            operator.post("/configuration/check", json={"text": broken}),
            operator.put("/configuration", json={"text": broken, "stamp": found["stamp"]}),
        ):
            answer = await ask
            assert answer.status_code == 400
            assert says in answer.json()["message"]
            assert ".new" not in answer.text
    assert content(path) == TEXT
    assert beside(path) == [path.name]


async def test_what_is_saved_holds_at_once_or_says_that_it_waits(
    operator: httpx2.AsyncClient, path: Path, started: Host
) -> None:
    found = (await operator.get("/configuration")).json()
    text = (
        found["text"]
        .replace("max_connections = 50", "max_connections = 60")
        .replace("[store]", "[rooms]\nmax_rooms = 9\n[store]")
    )
    text += "\n[mdns]\nname = 'other'\n"
    checked = (await operator.post("/configuration/check", json={"text": text})).json()
    assert checked == {"live": ["[server] max_connections = 60", "[rooms] max_rooms = 9"], "later": ["[mdns]"]}
    assert content(path) == TEXT
    assert (await operator.put("/configuration", json={"text": text, "stamp": found["stamp"]})).json() == checked
    assert content(path) == text.replace('"<hidden 1>"', f"'{SECRET}'").replace("<hidden 1>", SECRET)
    assert mode(path) == 0o640
    assert started.services.settings.server.max_connections == 60
    assert started.services.settings.alerts.webhook == SECRET
    again = await operator.put("/configuration", json={"text": text, "stamp": found["stamp"]})
    assert again.status_code == 409


async def test_who_may_not_does_not(started: Host, operator: httpx2.AsyncClient) -> None:
    token = await started.services.identities.issue("x", "person", ["operator.read", "operator.act"], 1)
    async with httpx2.AsyncClient(base_url=http_url(started, "/api")) as client:
        assert (await client.get("/configuration")).status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        for ask in (client.get, client.put):
            assert (await ask("/configuration", headers=headers)).status_code == 403
    assert setting((await operator.get("/configuration")).json(), "auth", "token") == {
        "name": "token", "value": "…", "source": "elsewhere", "live": True,
    }  # fmt: skip


async def test_an_open_host_shows_its_file_and_lets_nobody_change_it(path: Path) -> None:
    host = Host(load_settings(path), Config(lambda: load_settings(path), path, load_settings))
    await host.start()
    try:
        async with httpx2.AsyncClient(base_url=http_url(host, "/api")) as client:
            found = (await client.get("/configuration")).json()
            assert found["editable"] is False
            answer = await client.put("/configuration", json={"text": "", "stamp": found["stamp"]})
            assert answer.status_code == 403
    finally:
        await host.stop()
    without = Host(load_settings(path))
    await without.start()
    try:
        async with httpx2.AsyncClient(base_url=http_url(without, "/api")) as client:
            assert (await client.get("/configuration")).json()["path"] is None
            assert (await client.post("/configuration/check", json={"text": ""})).status_code == 501
    finally:
        await without.stop()
