"""Put the firmware, a board's definition and settings on a board that has MicroPython; only new files are written.

Files of your own (user_tools.py, recordings) stay. Without --config the board keeps its config.json; Wi-Fi comes from
`posewire provision`. The old files stay in use until all is written: a cable pulled out in between does no harm.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from posewire.boards.board_file import load_board
from posewire.boards.budgets import device_tables
from posewire.boards.definition import BoardDefinition
from posewire.boards.folders import board_folder, firmware_folder
from posewire.boards.profiles import PROFILES
from posewire.errors import InstallError
from posewire.install.bundle import ARCHITECTURES, BundleFile, compile_programs, firmware_files, json_file
from posewire.install.compact.merge import MERGED
from posewire.install.deploy import BoardState, Plan, carry_out, make_plan, read_state, refuse, verify
from posewire.install.interpreter import check_interpreter
from posewire.install.repl import BoardRepl, open_repl
from posewire.install.serial_ports import choose_port
from posewire.progress import Progress, meanwhile
from posewire.terminal import show, show_json

_NAME_MAX = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire deploy``."""
    parser.add_argument("--board", help="name of a board definition, or a folder with a board.toml")
    parser.add_argument(
        "--profile", choices=PROFILES, help="what the board is for; without it, as it was or as its definition says"
    )
    parser.add_argument("--port", help="serial port (default: the only one)")
    parser.add_argument("--config", type=Path, help="config.json to put there (default: the board keeps its own)")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE[:NAME]",
        help="another file to put on the board (may be repeated)",
    )
    parser.add_argument("--source", action="store_true", help="write .py instead of .mpy: larger and slower to start")
    parser.add_argument("--firmware", type=Path, help="folder of the firmware (default: the one of this package)")
    parser.add_argument("--no-reset", action="store_true", help="leave the board at its REPL")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the files that would be written, and write nothing"
    )
    parser.add_argument("--arch", choices=ARCHITECTURES, help="without a board: print the sizes for this architecture")
    parser.add_argument(
        "--folder", type=Path, help="with --arch or --board: write the files to this folder, for other tools"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Deploy; the status is 0 when the board has all files."""
    board = find_board(args.board) if args.board else None
    firmware = args.firmware or firmware_folder()
    if board is not None and args.profile:
        board = board.with_profile(args.profile)
    extras = _extras(args, board)
    if args.arch or args.folder is not None:
        if board is not None:
            refuse(board, _read_config(args.config) if args.config is not None else {})
        profile = board.board.profile if board is not None else args.profile or "full"
        architecture = "" if args.source else _architecture(args, board)
        with meanwhile("compiling the firmware"):
            files = firmware_files(firmware, architecture, profile)
        if args.folder is not None and not args.dry_run:
            write_folder(args.folder, [*files, *_fit_programs(extras, architecture, profile)])
        _tell_sizes(files, firmware, args.json)
        return 0
    with open_repl(choose_port(args.port)) as repl:
        with meanwhile("looking at the board"):
            state = read_state(repl)
        check_interpreter(state.interpreter, board)
        if board is None and "board.json" not in state.files:
            raise InstallError("the board has no definition yet: name it with --board (docs/boards)")
        _say(args, state.interpreter.describe())
        if not args.source and not state.interpreter.takes_mpy:
            _say(args, "the board does not take this mpy-cross's .mpy files: source is deployed")
        architecture = "" if args.source or not state.interpreter.takes_mpy else state.interpreter.architecture
        if board is not None:
            refuse(board, _settings(args, repl, state))
        tables = device_tables(board) if board is not None else _tables_of(repl)
        if board is None and args.profile:
            tables["board"]["profile"] = args.profile
            extras.append(json_file("board.json", tables))
        profile = _profile_of(tables)
        with meanwhile("compiling the firmware"):
            wanted = [*firmware_files(firmware, architecture, profile), *_fit_programs(extras, architecture, profile)]
        plan = make_plan(wanted, state)
        if not args.dry_run:
            if plan.write or plan.remove:
                with Progress("deploy", plan.bytes, args.json) as progress:
                    carry_out(repl, plan, state, progress.show)
                with meanwhile("comparing what is on the board"):
                    verify(repl, wanted)
            if not args.no_reset:
                repl.reset()
    _tell(args, plan, state)
    return 0


def _settings(args: argparse.Namespace, repl: BoardRepl, state: BoardState) -> dict[str, Any]:
    """Return the settings that the board will have; none where they cannot be read."""
    if args.config is not None:
        return _read_config(args.config)
    if "config.json" not in state.files:
        return {}
    try:
        found = json.loads(repl.read("config.json"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _tables_of(repl: BoardRepl) -> dict[str, Any]:
    """The board.json that is on a board. Raises InstallError."""
    try:
        tables = json.loads(repl.read("board.json"))
        tables["board"]["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise InstallError("the board's board.json is not valid: name the board with --board") from error
    return dict(tables)


def _profile_of(tables: dict[str, Any]) -> str:
    profile = tables["board"].get("profile")
    return profile if profile in PROFILES else "full"


def _architecture(args: argparse.Namespace, board: BoardDefinition | None) -> str:
    if board is None:
        if args.arch is None:
            raise InstallError("--folder needs the board (--board) or the architecture (--arch)")
        return str(args.arch)
    of_chip = board.chip.mpy
    if args.arch not in (None, of_chip):
        raise InstallError(f"{args.board} has an {board.chip.esptool}: its --arch is {of_chip}, not {args.arch}")
    return of_chip


def write_folder(folder: Path, files: list[BundleFile]) -> None:
    """Write the files under a folder, which must be new or empty. Raises InstallError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InstallError(f"{folder} is not empty")
        for file in files:
            target = folder / file.path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.data)
    except OSError as error:
        raise InstallError(f"cannot write to {folder}: {error.strerror}") from error


def find_board(name: str) -> BoardDefinition:
    """Return a board by the name of its definition or by its folder. Raises BoardError."""
    folder = Path(name)
    return load_board(folder if (folder / "board.toml").is_file() else board_folder(name))


def _extras(args: argparse.Namespace, board: BoardDefinition | None) -> list[BundleFile]:
    files = [json_file("board.json", device_tables(board))] if board is not None else []
    if args.config is not None:
        files.append(json_file("config.json", _read_config(args.config)))
    for item in args.file:
        source, _, name = item.partition(":")
        path = Path(source)
        target = name or path.name
        if not target or len(target) > _NAME_MAX or "\\" in target or target.startswith(("/", "posewire_fw/")):
            raise InstallError(f"--file {item}: {target!r} is not a valid name for a file beside the firmware")
        try:
            files.append(BundleFile(target, path.read_bytes()))
        except OSError as error:
            raise InstallError(f"cannot read {source}: {error.strerror}") from error
    return files


def _fit_programs(extras: list[BundleFile], architecture: str, profile: str) -> list[BundleFile]:
    """Compile the user's programs for a profile of a board with little memory: to compile there takes too much."""
    return compile_programs(extras, architecture) if architecture and profile != "full" else extras


def _read_config(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InstallError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InstallError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InstallError(f"{path} must hold a JSON object")
    return data


def _say(args: argparse.Namespace, line: str) -> None:
    if not args.json:
        show(line, out=sys.stderr)


def _tell(args: argparse.Namespace, plan: Plan, state: BoardState) -> None:
    if args.json:
        report = {
            "interpreter": state.interpreter.describe(),
            "architecture": state.interpreter.architecture,
            "dry_run": args.dry_run,
            "written": [{"path": file.path, "bytes": len(file.data)} for file in plan.write],
            "removed": plan.remove,
            "unchanged": plan.same,
            "bytes": plan.bytes,
        }
        show_json(report)
        return
    verb = "would write" if args.dry_run else "wrote"
    for file in plan.write:
        show(f"{len(file.data):8} {file.path}")
    for path in plan.remove:
        show(f" removed {path}")
    show(f"{verb} {len(plan.write)} files, {plan.bytes} bytes; {plan.same} are unchanged")


def _source_bytes(firmware: Path, path: str) -> int:
    source = (firmware / path).with_suffix(".py")
    # What several modules are merged into has no source of its own.
    modules = MERGED.get(source.stem, ()) if not source.is_file() else (source.stem,)
    files = [source.with_name(f"{module}.py") for module in modules]
    return sum(file.stat().st_size for file in files if file.is_file())


def _tell_sizes(files: list[BundleFile], firmware: Path, as_json: bool) -> None:
    sizes = [(_source_bytes(firmware, file.path), len(file.data), file.path) for file in files]
    source, there = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    if as_json:
        listed = [{"path": path, "source": before, "bytes": after} for before, after, path in sizes]
        show_json({"files": listed, "total": {"files": len(sizes), "source": source, "bytes": there}})
        return
    show(f"{'.py':>8} {'on board':>9}")
    for before, after, path in sizes:
        show(f"{before:8} {after:9} {path}")
    show(f"{source:8} {there:9} in {len(sizes)} files")
