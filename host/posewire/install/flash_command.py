"""Put MicroPython itself on a board: find the chip, choose the image and the offset, erase, write, verify.

All content of the board is erased, also its settings, unless --keep is given. Next: posewire deploy --board NAME.
"""

import argparse
import contextlib
import sys
from pathlib import Path

from posewire.errors import InstallError
from posewire.install.deploy_command import find_board
from posewire.install.esptool import check_detected, detect_command, parse_detected, run_esptool, write_command
from posewire.install.image import VERSION, check_image, find_image, image_url
from posewire.install.serial_ports import choose_port
from posewire.progress import meanwhile
from posewire.terminal import show, show_json, show_output

_BAUD = 460800


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire flash``."""
    parser.add_argument("--board", required=True, help="name of a board definition, or a folder with a board.toml")
    parser.add_argument("--port", help="serial port (default: the only one)")
    parser.add_argument("--image", help="file or URL (default: the board's, from micropython.org)")
    parser.add_argument(
        "--version", default=VERSION, help="version of MicroPython, as in file names (default %(default)s)"
    )
    parser.add_argument(
        "--baud", type=int, default=_BAUD, help="speed of the port (default %(default)s); lower it when writing fails"
    )
    parser.add_argument("--keep", action="store_true", help="do not erase: files and settings stay, if they fit")
    parser.add_argument("--yes", action="store_true", help="erase without asking")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and change nothing")
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON, without questions; needs --yes or --keep"
    )


def run(args: argparse.Namespace) -> int:
    """Flash; the status is 0 when the image is on the board and verified."""
    board = find_board(args.board)
    source = args.image or image_url(board, args.version)
    if args.dry_run:
        return _dry_run(args, source)
    if not (args.yes or args.keep) and (args.json or not sys.stdin.isatty()):
        raise InstallError("this erases everything on the board: add --yes, or --keep to keep files and settings")
    port = choose_port(args.port)
    image = find_image(source)
    check_image(image, board)
    with meanwhile("looking at the board"):
        detected = parse_detected(run_esptool(detect_command(port)))
    for warning in check_detected(detected, board):
        show(f"note: {warning}", style="yellow", out=sys.stderr)
    if not (args.yes or args.keep):
        show(f"{detected.name}, {detected.flash} flash, on {port}. Everything on it will be erased.")
        if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            show("nothing was changed")
            return 1
    on_text = (lambda text: None) if args.json else show_output
    offset = board.image.offset
    write = write_command(port, board.board.chip, args.baud, offset, image, not args.keep)
    # Without --json esptool shows a bar of its own.
    with meanwhile("writing the image") if args.json else contextlib.nullcontext():
        output = run_esptool(write, on_text)
    if "Hash of data verified" not in output:
        raise InstallError("esptool did not verify the image: try again with --baud 115200")
    result = {"board": board.board.name, "chip": detected.chip, "image": image.name, "offset": offset}
    then = f"{image.name} is on the board. Next: posewire deploy --board {args.board}"
    if args.json:
        show_json(result)
    else:
        show(then)
    return 0


def _dry_run(args: argparse.Namespace, source: str) -> int:
    board = find_board(args.board)
    port = args.port or "PORT"
    local = Path(source)
    if local.is_file():
        check_image(local, board)
    elif args.image is None or "://" in source:
        local = Path(source.rpartition("/")[2])  # what it is once it has been downloaded
    else:
        raise InstallError(f"there is no image {source}")
    commands = [
        detect_command(port),
        write_command(port, board.board.chip, args.baud, board.image.offset, local, not args.keep),
    ]
    if args.json:
        show_json({"board": board.board.name, "image": source, "dry_run": True, "esptool": commands})
        return 0
    show(f"image: {source}")
    for command in commands:
        show("esptool " + " ".join(command))
    return 0
