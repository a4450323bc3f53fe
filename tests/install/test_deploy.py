"""Deploying to a real MicroPython behind a serial line, with the real mpremote underneath."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, firmware_folder
from posewire.cli import main
from posewire.errors import InstallError
from posewire.install.bundle import BundleFile, firmware_files, json_file
from posewire.install.deploy import BoardState, carry_out, make_plan, read_state
from posewire.install.interpreter import Interpreter, check_interpreter, chip_of, parse_interpreter
from posewire.install.repl import open_repl
from posewire.sim.interpreter import find_interpreter
from support.serial.serial_board import SerialBoard

S3 = load_board(board_folder("esp32-s3-devkitc-1"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A firmware of a few files, so that what is not about its size is quick."""
    folder = tmp_path / "firmware"
    (folder / "posewire_fw").mkdir(parents=True)
    (folder / "boot.py").write_text("")
    (folder / "main.py").write_text("import posewire_fw.mask\nprint('firmware runs')\n")
    for name in ("__init__", "mask"):
        shutil.copy(firmware_folder() / "posewire_fw" / f"{name}.py", folder / "posewire_fw")
    return folder


def deploy(board: SerialBoard, firmware: Path, *options: str) -> int:
    return main(["deploy", "--port", board.port, "--firmware", str(firmware), *options])


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    return result


def test_the_whole_firmware_arrives_compiled_and_a_second_time_nothing_is_written(
    serial_board: SerialBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["deploy", "--port", serial_board.port, "--board", "sim", "--json", "--no-reset"]
    assert main(options) == 0
    first = report(capsys)
    architecture = find_interpreter().mpy
    assert first["architecture"] == architecture
    flash = serial_board.flash
    for file in firmware_files(firmware_folder(), architecture):
        assert hashlib.sha256((flash / file.path).read_bytes()).hexdigest() == file.digest, file.path
    assert json.loads((flash / "board.json").read_text())["pins"]["button"] == 21
    assert not list(flash.rglob("*.new"))
    assert main(options) == 0
    second = report(capsys)
    assert second["written"] == []
    assert second["unchanged"] == len(first["written"])  # type: ignore[arg-type]


def test_only_what_changed_is_written_and_what_is_of_no_use_any_more_goes(
    serial_board: SerialBoard, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flash = serial_board.flash
    (flash / "user_tools.py").write_text("mine")
    assert deploy(serial_board, small, "--board", "sim", "--source") == 0
    (small / "main.py").write_text("print('new')\n")
    capsys.readouterr()
    assert deploy(serial_board, small, "--json") == 0
    done = report(capsys)
    # Source became bytecode: the .py beside it would be taken first, so it had to go.
    assert [entry["path"] for entry in done["written"]] == [  # type: ignore[attr-defined]
        "main.py", "posewire_fw/__init__.mpy", "posewire_fw/mask.mpy",
    ]  # fmt: skip
    assert done["removed"] == ["posewire_fw/__init__.py", "posewire_fw/mask.py"]
    assert (flash / "user_tools.py").read_text() == "mine"
    assert (flash / "main.py").read_text() == "print('new')\n"


def test_a_dry_run_tells_and_writes_nothing(
    serial_board: SerialBoard, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(serial_board, small, "--board", "sim", "--dry-run") == 0
    assert "would write 5 files" in capsys.readouterr().out
    assert not (serial_board.flash / "main.py").exists()


@pytest.mark.parametrize(("profile", "name"), [("voice", "user_tools.mpy"), ("full", "user_tools.py")])
def test_a_program_is_compiled_where_the_board_has_no_memory_to_do_it(
    small: Path, tmp_path: Path, profile: str, name: str
) -> None:
    program = tmp_path / "mine.py"
    program.write_text("def register(tools, board):\n    pass\n")
    options = ["--board", "sim", "--profile", profile, "--file", f"{program}:user_tools.py"]
    assert main(["deploy", "--firmware", str(small), "--folder", str(tmp_path / "out"), *options]) == 0
    assert [path.name for path in (tmp_path / "out").glob("user_tools.*")] == [name]


def test_settings_and_files_of_ones_own(serial_board: SerialBoard, small: Path, tmp_path: Path) -> None:
    config, blob = tmp_path / "my.json", tmp_path / "blob"
    config.write_text('{"pose": {"room": "studio"}}')
    blob.write_bytes(bytes(range(256)) * 20)
    options = ["--board", "sim", "--config", str(config), "--file", f"{blob}:bmi270.bin"]
    assert deploy(serial_board, small, *options) == 0
    assert json.loads((serial_board.flash / "config.json").read_text()) == {"pose": {"room": "studio"}}
    assert (serial_board.flash / "bmi270.bin").read_bytes() == blob.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--board", "esp32-s3-devkitc-2"], "no board definition"),
        (["--board", "sim", "--file", "/nowhere/x"], "cannot read /nowhere/x"),
        (["--board", "sim", "--file", f"{__file__}:posewire_fw/mask.mpy"], "is not a valid name for a file"),
        (["--board", "sim", "--config", __file__], "is not JSON"),
        ([], "name it with --board"),
    ],
)
def test_what_cannot_be_deployed_is_told_before_anything_is_written(
    serial_board: SerialBoard, small: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(serial_board, small, *options) == 2
    assert words in capsys.readouterr().err
    assert list(serial_board.flash.iterdir()) == []


def test_a_port_that_is_not_there_and_one_without_a_repl(
    tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", "--port", str(tmp_path / "no"), "--board", "sim"]) == 2
    assert "is the board plugged in?" in capsys.readouterr().err


def test_power_lost_while_writing_leaves_what_ran(serial_board: SerialBoard, small: Path) -> None:
    assert deploy(serial_board, small, "--board", "sim") == 0
    before = {path: path.read_bytes() for path in serial_board.flash.rglob("*.*py")}
    wanted = [BundleFile("main.py", b"new"), BundleFile("posewire_fw/mask.mpy", bytes(40000))]

    def cut(done: int, what: str) -> None:
        if done > 20000:
            serial_board.pull_the_plug()

    with pytest.raises(InstallError, match=r"cannot write posewire_fw/mask\.mpy"), open_repl(serial_board.port) as repl:
        state = read_state(repl)
        carry_out(repl, make_plan(wanted, state), state, cut)
    assert {path: path.read_bytes() for path in before} == before
    # What was left half written goes with the next time.
    assert list(serial_board.flash.rglob("*.new"))
    assert deploy(serial_board, small) == 0
    assert not list(serial_board.flash.rglob("*.new"))


def test_a_program_that_runs_is_interrupted(serial_board: SerialBoard, small: Path) -> None:
    (serial_board.flash / "main.py").write_text("while True: pass\n")
    serial_board.pull_the_plug()
    assert deploy(serial_board, small, "--board", "sim") == 0


# without a board


def test_sizes_are_told_without_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--dry-run", "--arch", "rv32imc", "--json"]) == 0
    told = report(capsys)
    total = told["total"]
    assert total["files"] > 40  # type: ignore[index]
    assert 0 < total["bytes"] < total["source"]  # type: ignore[index]


def test_the_architecture_is_that_of_the_board(tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["deploy", "--firmware", str(small), "--folder"]
    assert main([*options, str(tmp_path / "c3"), "--board", "xmini-c3"]) == 0
    # mpy-cross says which it is in the third byte: 11 is rv32imc.
    assert (tmp_path / "c3/posewire_fw/core.mpy").read_bytes()[2] >> 2 == 11
    capsys.readouterr()
    assert main([*options, str(tmp_path / "no"), "--board", "esp32-devkit", "--arch", "rv32imc"]) == 2
    assert "esp32-devkit has an ESP32: its --arch is xtensawin, not rv32imc" in capsys.readouterr().err
    assert main([*options, str(tmp_path / "no")]) == 2
    assert "needs the board (--board)" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["deploy", "--arch", "z80"])
    assert "invalid choice: 'z80'" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_files_for_other_tools_are_those_that_deploy_writes(tmp_path: Path, small: Path) -> None:
    folder = tmp_path / "out"
    options = ["deploy", "--firmware", str(small), "--board", "esp32-s3-devkitc-1", "--profile", "full", "--folder"]
    assert main([*options, str(folder)]) == 0
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert written == ["board.json", "boot.py", "main.py", "posewire_fw/__init__.mpy", "posewire_fw/mask.mpy"]
    assert (folder / "posewire_fw/mask.mpy").read_bytes()[:2] == b"M\x06"
    assert main([*options, str(folder)]) == 2


def test_a_full_flash_is_refused_before_writing() -> None:
    state = BoardState(parse_interpreter([1, 26, 1], 6, "x"), {}, 1000, "")
    with pytest.raises(InstallError, match="1000 bytes of free flash, and the files need 2000"):
        carry_out(None, make_plan([BundleFile("a.py", bytes(2000))], state), state)  # type: ignore[arg-type]


def test_chips_and_versions_are_checked() -> None:
    s3 = parse_interpreter([1, 26, 1, ""], 0x2B06 | 3 << 8 & 0, "Generic ESP32S3 module with ESP32S3")
    assert (s3.mpy_version, s3.architecture) == ((6, 3), "xtensawin")
    assert s3.takes_mpy
    check_interpreter(s3, S3)
    with pytest.raises(InstallError, match=r"has an ESP32, but the port has .*ESP32S3"):
        check_interpreter(s3, load_board(board_folder("esp32-devkit")))
    with pytest.raises(InstallError, match=r"the firmware needs 1\.24 or newer"):
        check_interpreter(Interpreter((1, 19, 1), "ESP32 module with ESP32", (6, 1), "xtensawin"), None)
    assert not Interpreter((1, 30, 0), "", (7, 0), "xtensawin").takes_mpy


@pytest.mark.parametrize(
    ("machine", "chip"),
    [
        ("Generic ESP32 module with ESP32", "esp32"),
        ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", "esp32s3"),
        ("LOLIN_C3_MINI with ESP32-C3FH4", "esp32c3"),
        ("ESP32C6 module with ESP32C6", "esp32c6"),
        ("linux [GCC 14.2.0] version", ""),
    ],
)
def test_the_chip_is_read_from_what_the_board_calls_itself(machine: str, chip: str) -> None:
    assert chip_of(machine) == chip


NAMES = st.sampled_from(["main.py", "main.mpy", "boot.py", "posewire_fw/a.py", "posewire_fw/a.mpy", "mine.py", "x.new"])


@given(
    wanted=st.dictionaries(NAMES, st.binary(max_size=3), max_size=5),
    there=st.dictionaries(NAMES, st.binary(max_size=3), max_size=7),
)
def test_a_plan_ends_with_what_is_wanted_and_the_owners_files(
    wanted: dict[str, bytes], there: dict[str, bytes]
) -> None:
    files = [BundleFile(path, data) for path, data in wanted.items()]
    state = BoardState(
        parse_interpreter([1, 26, 1], 6, ""), {p: BundleFile(p, d).digest for p, d in there.items()}, -1, ""
    )
    plan = make_plan(files, state)
    after = {**there, **{file.path: file.data for file in plan.write}}
    for path in plan.remove:
        del after[path]
    assert {path: after[path] for path in wanted} == wanted
    others = set(after) - set(wanted)
    assert not [path for path in others if path.startswith("posewire_fw/") or path.endswith(".new")]
    if "mine.py" in there:
        assert "mine.py" in after
    assert not [file for file in plan.write if there.get(file.path) == file.data]


def test_a_json_file_is_small_and_keeps_its_letters() -> None:
    assert json_file("config.json", {"a": "ü", "b": [1, 2]}).data == '{"a":"ü","b":[1,2]}'.encode()
