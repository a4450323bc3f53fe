"""Measure the firmware's WebSocket client on MicroPython's unix port, beside micropython-lib's aiohttp.

Against a ``websockets`` server on this machine: "send" sends without waiting, "echo" waits for each message to return.
CPU is the client's own, so the server's speed does not matter. Rounds alternate between the clients, and medians are
shown: on a machine that does other things, trust the ratios.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import tempfile
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from posewire.boards.folders import firmware_folder
from posewire.child_process import run_program
from posewire.errors import SimulatorError
from posewire.progress import Progress, meanwhile
from posewire.sim.interpreter import find_micropython
from posewire.terminal import show, show_json

_SCRIPT = Path(__file__).parent / "micropython" / "websocket_speed.py"
_NAMES = {"link": "posewire_fw.link", "client": "posewire_fw.websocket_client", "aiohttp": "micropython-lib aiohttp"}
_MODES = ("send", "echo")
_SECONDS = 300
_MAX_OUTPUT = 1_000_000

_EPILOG = """\
aiohttp is not part of this project: give the folder that holds it, or let mip fetch it (needs the network):
  posewire bench client --aiohttp ~/micropython-lib/python-ecosys/aiohttp
  posewire bench client --fetch
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``posewire bench client``."""
    parser.epilog = _EPILOG
    parser.add_argument("--aiohttp", type=Path, metavar="FOLDER", help="the folder that holds the package aiohttp")
    parser.add_argument("--fetch", action="store_true", help="install aiohttp with mip into a temporary folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 320, 1024, 1920], metavar="BYTES")
    parser.add_argument("--count", type=int, default=1000, help="messages a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, alternating (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print a table. Raises SimulatorError when a client fails."""
    with tempfile.TemporaryDirectory() as folder:
        aiohttp = args.aiohttp
        if args.fetch:
            asyncio.run(_micropython("-c", f"import mip; mip.install('aiohttp', target={folder!r})"))
            aiohttp = Path(folder)
        if aiohttp is not None and not (aiohttp / "aiohttp").is_dir():
            raise SimulatorError(f"there is no package aiohttp in {aiohttp}")
        clients = ["link", "client", *(["aiohttp"] if aiohttp is not None else [])]
        with meanwhile("client", len(_MODES) * len(args.sizes) * args.rounds * len(clients)) as progress:
            rows = asyncio.run(_measure(clients, args.sizes, args.count, args.rounds, aiohttp, progress))
    if args.json:
        show_json(rows)
    else:
        _print_table(rows)
    return 0


Row = dict[str, float | str | int]


async def _measure(
    clients: list[str], sizes: list[int], count: int, rounds: int, aiohttp: Path | None, progress: Progress
) -> list[Row]:
    rows: list[Row] = []
    done = 0
    async with serve(_serve, "127.0.0.1", 0, compression=None, max_size=None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        for mode, size in itertools.product(_MODES, sizes):
            results: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
            for _, client in itertools.product(range(rounds), clients):
                progress.show(done, f"{mode}, {size} bytes, {client}")
                done += 1
                output = await _micropython(
                    str(_SCRIPT), client, mode, f"{url}/{mode}", str(size), str(count), folder=aiohttp
                )
                results[client].append(json.loads(output.splitlines()[-1]))
            middle = {
                client: {name: statistics.median(one[name] for one in found) for name in found[0]}
                for client, found in results.items()
            }
            for client, figures in middle.items():
                row: Row = {"client": client, "mode": mode, "size": size, **figures}
                if "aiohttp" in middle:
                    row["ratio"] = middle["aiohttp"]["cpu_us"] / figures["cpu_us"]
                rows.append(row)
    return rows


async def _serve(connection: ServerConnection) -> None:
    echoing = connection.request is not None and connection.request.path == "/echo"
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            if echoing:
                await connection.send(message)


async def _micropython(*arguments: str, folder: Path | None = None) -> str:
    # No collection within a round: what a client throws away is counted, and must fit.
    path = ":".join([str(firmware_folder()), *([str(folder)] if folder else []), ".frozen"])
    try:
        done = await run_program(
            *find_micropython(),
            "-X",
            "heapsize=512m",
            *arguments,
            within=_SECONDS,
            max_output=_MAX_OUTPUT,
            environment={**os.environ, "MICROPYPATH": path},
        )
    except TimeoutError:
        raise SimulatorError(f"the measurement failed: it took over {_SECONDS} seconds") from None
    if done.returncode:
        raise SimulatorError(f"the measurement failed: {(done.stderr or done.stdout).decode().strip()}")
    return done.stdout.decode()


def _print_table(rows: list[Row]) -> None:
    show("| mode | bytes | client | CPU us/message | heap bytes/message | aiohttp's CPU is |")
    show("|---|---|---|---|---|---|")
    for row in rows:
        ratio = f"{row['ratio']:.1f} times" if "ratio" in row else ""
        name = _NAMES[str(row["client"])]
        show(f"| {row['mode']} | {row['size']} | {name} | {row['cpu_us']:.1f} | {row['heap']:.0f} | {ratio} |")
