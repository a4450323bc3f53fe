"""``/api/boards``: what a page gets that has a board at its own USB port."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from posewire.identity.settings import AuthSettings
from posewire.update.settings import UpdateSettings
from support.hosts import http_url, running, settings

BOARD = "/boards/esp32-s3-devkitc-1/files"
S3 = "Generic ESP32S3 module with ESP32S3"


def state(**changes: Any) -> dict[str, Any]:
    """What an ESP32-S3 without files says of itself."""
    usual = {
        "version": [1, 26, 1],
        "mpy": 10 << 10 | 3 << 8 | 6,
        "machine": S3,
        "files": {},
        "free": -1,
        "firmware": "",
    }
    return {"state": "boot\n" + json.dumps(usual | changes)}


@pytest.fixture
def folders(tmp_path: Path) -> UpdateSettings:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "micropython.bin").write_bytes(b"\xe9image")
    (tmp_path / "secret.bin").write_bytes(b"secret")
    (tmp_path / "firmware" / "posewire_fw").mkdir(parents=True)
    (tmp_path / "firmware" / "main.py").write_text("print(1)\n")
    (tmp_path / "firmware" / "posewire_fw" / "link.py").write_text("x = 1\n")
    return UpdateSettings(micropython=str(tmp_path / "images"), firmware=str(tmp_path / "firmware"))


@pytest_asyncio.fixture
async def page(folders: UpdateSettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        running(replace(settings(), update=folders)) as host,
        httpx2.AsyncClient(base_url=http_url(host, "/api")) as client,
    ):
        yield client


async def test_boards_are_listed_with_what_flashing_needs(page: httpx2.AsyncClient) -> None:
    answer = (await page.get("/boards")).json()
    boards = {board["name"]: board for board in answer["boards"]}
    assert "sim" not in boards
    assert boards["esp32-devkit"]["offset"] == 0x1000
    assert boards["esp32-devkit"]["chip"] == "ESP32"
    assert boards["esp32-s3-devkitc-1"]["chip_id"] == 9
    assert answer["images"] == ["micropython.bin"]
    compile(answer["look"], "look", "exec")


async def test_an_image_of_the_folder_is_given_and_nothing_else(page: httpx2.AsyncClient) -> None:
    assert (await page.get("/boards/images/micropython.bin")).content == b"\xe9image"
    for name in ("other.bin", "..%2Fsecret.bin", "%2e%2e/secret.bin"):
        assert (await page.get(f"/boards/images/{name}")).status_code == 404


async def test_what_a_board_lacks_comes_as_programs_and_files(page: httpx2.AsyncClient) -> None:
    plan = (await page.post(BOARD, json=state())).json()
    written = {file["path"]: base64.b64decode(file["base64"]) for file in plan["write"]}
    assert sorted(written) == ["board.json.new", "main.py.new", "posewire_fw/link.mpy.new"]
    assert all(hashlib.sha256(written[f"{path}.new"]).hexdigest() == at for path, at in plan["digests"].items())
    assert "mkdir('posewire_fw')" in plan["before"]
    assert "os.rename('main.py.new','main.py')" in plan["after"]
    files = {path: digest for path, digest in plan["digests"].items() if path != "main.py"}
    again = (await page.post(BOARD, json=state(files=files | {"posewire_fw/old.mpy": "0"}))).json()
    assert [file["path"] for file in again["write"]] == ["main.py.new"]
    assert again["unchanged"] == 2
    assert "os.remove('posewire_fw/old.mpy')" in again["after"]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (BOARD, state(machine="M5 with ESP32C3"), 400, "the port has M5 with ESP32C3"),
        (BOARD, state(version=[1, 19]), 400, "needs 1.24 or newer"),
        (BOARD, state(free=10), 400, "10 bytes of free flash"),
        (BOARD, {"state": "Traceback"}, 400, "the board's answer is not valid: Traceback"),
        (BOARD, state() | {"profile": "x"}, 400, '"profile" must be one of'),
        ("/boards/../files", state(), 404, ""),
        ("/boards/nothing/files", state(), 404, "there is no board 'nothing'"),
    ],
)
async def test_what_does_not_fit_is_told(
    page: httpx2.AsyncClient, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    answer = await page.post(path, json=body)
    assert answer.status_code == status
    assert says in answer.json()["message"]


async def test_who_may_only_look_gets_no_files(folders: UpdateSettings) -> None:
    auth = AuthSettings(token="a-token-that-is-long-enough", pairing=True)
    async with running(replace(settings(), update=folders, auth=auth)) as host:
        token = await host.services.identities.issue("looker", "person", ["operator.read"], 1)
        looks = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=http_url(host, "/api"), headers=looks) as client:
            assert (await client.get("/boards")).status_code == 200
            assert (await client.post(BOARD, json=state())).status_code == 403
            assert (await client.get("/boards/images/micropython.bin")).status_code == 403
