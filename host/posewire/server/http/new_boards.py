"""``/api/boards``: what the page needs to put MicroPython and the firmware on a board at the person's own USB port."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse

from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, board_names, firmware_folder
from posewire.boards.profiles import PROFILES
from posewire.errors import WireError
from posewire.install.deploy import LOOK, parse_state
from posewire.install.image import CHIP_IDS, VERSION, image_url
from posewire.install.package_list import package_list
from posewire.server.http.request import READ, authorize, json_body, limits, record_order, services
from posewire.wire.messages import get_field

_UPDATE = "operator.update"


async def list_boards(request: Request) -> JSONResponse:
    """Answer the kinds of boards, the program that asks a board what it has, and the host's MicroPython images."""
    authorize(request, READ)
    boards = await asyncio.to_thread(_boards)
    return JSONResponse(
        {"boards": boards, "profiles": list(PROFILES), "look": LOOK, "images": sorted(_images(request))}
    )


async def plan_files(request: Request) -> JSONResponse:
    """Answer what a board lacks: ``{"state": what LOOK printed, "profile"?}``."""
    principal = authorize(request, _UPDATE)
    body = await json_body(request)
    state = parse_state(get_field(body, "state", str))
    profile = get_field(body, "profile", str, "")
    name = str(request.path_params["board"])
    if name not in board_names():
        raise WireError(f"there is no board {name[:64]!r}", "not_found")
    board = load_board(board_folder(name))
    if profile:
        if profile not in PROFILES:
            raise WireError(f'"profile" must be one of {", ".join(PROFILES)}')
        board = board.with_profile(profile)
    record_order(request, principal, "board files", board=name)
    async with limits(request).compiling:
        return JSONResponse(await asyncio.to_thread(package_list, board, _firmware(request), state))


async def give_image(request: Request) -> FileResponse:
    """Answer one of the host's MicroPython images."""
    authorize(request, _UPDATE)
    path = _images(request).get(str(request.path_params["image"]))
    if path is None:
        raise WireError("the host has no such image", "not_found")
    return FileResponse(path, media_type="application/octet-stream")


def _firmware(request: Request) -> Path:
    folder = services(request).settings.update.firmware
    return Path(folder).expanduser() if folder else firmware_folder()


def _images(request: Request) -> dict[str, Path]:
    folder = services(request).settings.update.micropython
    return {path.name: path for path in Path(folder).expanduser().glob("*.bin")} if folder else {}


@cache
def _boards() -> list[dict[str, Any]]:
    ids = {chip: number for number, chip in CHIP_IDS.items()}
    boards = [load_board(board_folder(name)) for name in board_names() if name != "sim"]
    return [
        {
            "name": board.board.name,
            "title": board.board.title,
            "chip": board.chip.esptool,
            "chip_id": ids[board.board.chip],
            "profile": board.board.profile,
            "image": f"{board.image.full_name}-{VERSION}.bin",
            "image_url": image_url(board),
            "offset": board.image.offset,
        }
        for board in boards
    ]
