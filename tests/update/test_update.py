"""Boards get new firmware over their connection: real host, real command, the real firmware in a simulated board."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from posewire.boards.folders import firmware_folder
from posewire.cli import main
from posewire.errors import InstallError, UpdateError
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.soak_command import SETTINGS, stream
from posewire.update.bundle import Bundle, build_app, firmware_version, pack_app, read_image
from posewire.update.service import UpdateService
from posewire.update.settings import UpdateSettings
from support.waiting import eventually

NEW = "9.9.0"


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """The firmware of this project with another version number."""
    folder = tmp_path / "firmware"
    shutil.copytree(firmware_folder(), folder)
    (folder / "posewire_fw" / "_version.py").write_text(f'__version__ = "{NEW}"\n')
    return folder


@pytest.fixture
def host(firmware: Path, tmp_path: Path) -> Iterator[HostProcess]:
    config = tmp_path / "posewire.toml"
    config.write_text(
        f'[update]\nfirmware = "{firmware}"\n[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n'
    )
    with HostProcess("--config", str(config)) as process:
        yield process


def http(host: HostProcess) -> str:
    return host.url.replace("ws://", "http://").split("/posewire")[0]


def test_a_board_is_updated_and_keeps_the_new_version(
    host: HostProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as board:
        board.wait_connected(30)
        assert main(["update", "--url", http(host)]) == 0
        assert "0.1.0" in capsys.readouterr().out
        assert main(["update", "--url", http(host), board.device_id]) == 0
        assert f"done: the board runs {NEW}" in capsys.readouterr().out
        assert board.resets == 1
        assert main(["audit", "--json", "--store", str(tmp_path / "store.db")]) == 0
        assert '"event": "device update", "who": "local"' in capsys.readouterr().out
        assert (board.flash / "slots/a/manifest").read_text().split()[2] == NEW
        board.restart()
        board.wait(lambda: sum(event.name == "connected" for event in board.events) == 3, 30, "the third connection")
        assert sum(f"posewire {NEW}" in line for line in board.log) == 2
        assert board.errors == []
        # Once more: nothing changed, so nothing but the manifest is sent, into the other slot.
        assert main(["update", "--url", http(host), "--all"]) == 0
        assert (board.flash / "slots/b/manifest").is_file()


def test_a_version_that_does_not_start_is_rolled_back(
    host: HostProcess, firmware: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (firmware / "posewire_fw" / "supervisor.py").write_text("raise RuntimeError('out of order')\n")
    with SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as board:
        board.wait_connected(30)
        assert main(["update", "--url", http(host), "--all"]) == 1
        assert "rolled_back: " in capsys.readouterr().out
        assert sum("boot: slots/a on trial" in line for line in board.log) == 3
        assert board.connected


def test_a_board_that_streams_motion_is_updated_and_moves_again(
    host: HostProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    with stream(SimBoard(host.url, chip=ROOMY_CHIP, heap=208_000, room="studio", config=SETTINGS)) as board:
        board.wait(lambda: board.snapshot()["sent"]["pose"] > 50, 30, "motion")
        assert main(["update", "--url", http(host), "--all"]) == 0
        assert f"done: the board runs {NEW}" in capsys.readouterr().out
        board.wait(lambda: board.snapshot()["sent"]["pose"] > 50, 30, "motion again")


async def test_a_small_board_with_its_code_in_flash_is_not_sent_files() -> None:
    sent: list[Mapping[str, Any]] = []
    service = UpdateService(UpdateSettings(), firmware_folder)
    update = service.start("kitchen", sent.append)
    state = {"event": "state", "version": "0.1.0", "arch": "xtensawin", "mpy": 6, "code": "frozen", "heap": 112 * 1024}
    service.on_message("kitchen", sent.append, state)
    assert (update.stage, update.code) == ("failed", "needs_image")
    assert [message["action"] for message in sent] == ["query"]
    # With enough memory it may have it.
    roomy = service.start("kitchen", sent.append)
    service.on_message("kitchen", sent.append, {**state, "heap": 4 * 2**20})
    assert roomy.stage == "building"
    await service.close()


async def test_a_board_that_says_its_state_again_and_again_begins_one_build(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    go_on = threading.Event()

    def build(firmware: Path, arch: str, mpy: int, mpy_sub: int, profile: str) -> Bundle:
        built.append(arch)
        assert go_on.wait(10)
        return pack_app(NEW, arch, mpy, {"main.mpy": b"x"})

    monkeypatch.setattr("posewire.update.service.build_app", build)
    first: list[Mapping[str, Any]] = []
    second: list[Mapping[str, Any]] = []
    service = UpdateService(UpdateSettings(), firmware_folder)
    update = service.start("kitchen", first.append)
    state = {"event": "state", "version": "0.1.0", "arch": "xtensawin", "mpy": 6}
    for number in range(20):
        service.on_message("kitchen", first.append, {**state, "arch": f"arch{number}" if number else "xtensawin"})
    # It comes back on another connection while the one build goes on.
    service.greeted("kitchen", second.append, "0.1.0")
    service.on_message("kitchen", second.append, state)
    go_on.set()
    await eventually(lambda: update.stage == "sending")
    service.on_message("kitchen", second.append, state)
    assert built == ["xtensawin"]
    assert [message["action"] for message in first] == ["query"]
    assert [message["action"] for message in second] == ["begin"]
    await service.close()


def test_the_plug_is_pulled_while_files_arrive(host: HostProcess, capsys: pytest.CaptureFixture[str]) -> None:
    with SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as board:
        board.wait_connected(30)
        result: list[int] = []
        worker = threading.Thread(target=lambda: result.append(main(["update", "--url", http(host), "--all"])))
        worker.start()
        slot = board.flash / "slots/a/posewire_fw"
        for count in (5, 15):
            board.wait(lambda count=count: slot.is_dir() and len(list(slot.iterdir())) > count, 60, "some files")
            board.restart()
        worker.join(90)
        assert result == [0]
        assert f"done: the board runs {NEW}" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(host: HostProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["update", "--url", http(host), "02:00:00:00:00:99"]) == 1
    assert "02:00:00:00:00:99 is not connected" in capsys.readouterr().err
    assert main(["update", "--url", "http://127.0.0.1:1"]) == 2
    assert "cannot be reached" in capsys.readouterr().err


def test_what_cannot_be_built_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posewire_fw").mkdir()
    (tmp_path / "posewire_fw" / "_version.py").write_text('__version__ = "1"\n')
    for arch, mpy, sub, code in (("z80", 6, 3, "wrong_architecture"), ("xtensawin", 5, 0, "wrong_version")):
        with pytest.raises(UpdateError) as error:
            build_app(tmp_path, arch, mpy, sub)
        assert error.value.code == code
    (tmp_path / "posewire_fw" / "broken.py").write_text("def f(:\n")
    with pytest.raises(InstallError, match="broken"):
        build_app(tmp_path, "xtensawin", 6, 3)
    image = tmp_path / "x.app-bin"
    image.write_bytes(b"<html>")
    with pytest.raises(UpdateError, match="not an application image"):
        read_image(image)


def test_an_image_is_held_only_while_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "x.app-bin").write_bytes(b"\xe9" + bytes(999))
    service = UpdateService(UpdateSettings(images=str(tmp_path)), firmware_folder)
    update = service.start("board", lambda message: None, "image", "x.app-bin")
    assert update.bundle is not None
    service.on_message("board", lambda message: None, {"type": "update", "event": "failed", "code": "no_room"})
    assert (update.stage, update.code, update.bundle) == ("failed", "no_room", None)


def test_pieces_make_up_the_files() -> None:
    data = bytes(range(256)) * 20
    bundle = pack_app("1", "any", 6, {"posewire_fw/a.py": data})
    assert b"".join(bundle.piece("posewire_fw/a.py", at, 1536) for at in range(0, len(data), 1536)) == data
    for name, offset, count in (
        ("posewire_fw/b.py", 0, 9),
        ("posewire_fw/a.py", len(data), 9),
        ("posewire_fw/a.py", 0, 0),
    ):
        with pytest.raises(UpdateError):
            bundle.piece(name, offset, count)


def test_this_projects_firmware_builds_for_a_board() -> None:
    bundle = build_app(firmware_folder(), "xtensawin", 6, 3)
    assert bundle.version == firmware_version(firmware_folder())
    assert len(bundle.files) > 40
    assert all(len(data) > 20 for data in bundle.files.values())


def test_an_update_of_a_small_board_knows_what_chooses_the_slot_by_its_names() -> None:
    files = build_app(firmware_folder(), "xtensawin", 6, 3, "motion").files
    assert not any("posewire_slots" in path for path in files)
    # What the modules of the update call in the file that stays as it is.
    called = {"crash": ["folder", "load_state"], "trial": ["commit"], "updater": ["target", "install"]}
    for module, names in called.items():
        for name in names:
            assert name.encode() in files[f"posewire_fw/{module}.mpy"], (module, name)
