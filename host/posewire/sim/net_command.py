"""Put a simulated network between a host and whatever connects to it.

Boards, clients and bridges connect to the URL that this prints. A script changes the conditions: a JSON object a line,
or a CSV file with a header, for example a recorded trace of a network.

examples:
  posewire sim net --latency 50 --jitter 30 --kbit-s 200
  posewire sim net --latency 30 --loss 0.1 --reorder 0.05
  posewire sim net --url ws://pi.local:8000/posewire/v1/ --port 9000 --script walk.jsonl --seed 7

a script:
  {"at": 0, "kbit_s": 200, "latency_ms": 20}
  {"at": 10, "kbit_s": 20}
  {"at": 20, "kbit_s": 200, "do": "reset"}
"""

import argparse
import asyncio
import contextlib
from pathlib import Path

from posewire.sim.link_conditions import LinkConditions, Step, read_script
from posewire.sim.link_proxy import LinkProxy
from posewire.terminal import show

_DEFAULT_URL = "ws://127.0.0.1:8000/posewire/v1/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire sim net``."""
    parser.add_argument("--url", default=_DEFAULT_URL, help="URL of the host (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: any that is free)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="delay of every byte, each way")
    parser.add_argument("--jitter", type=float, default=0.0, metavar="MS", help="largest delay added by chance")
    parser.add_argument("--kbit-s", type=float, default=0.0, metavar="KBIT", help="bandwidth each way (0: no limit)")
    parser.add_argument("--chunk", type=int, default=0, metavar="BYTES", help="largest number of bytes in one write")
    parser.add_argument("--loss", type=float, default=0.0, metavar="SHARE", help="share of data channels' packets lost")
    parser.add_argument(
        "--reorder", type=float, default=0.0, metavar="SHARE", help="share of them that others overtake"
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="script of how the conditions change over time")
    parser.add_argument("--seed", type=int, default=0, help="seed of the jitter and the losses")


def run(args: argparse.Namespace) -> int:
    """Pass everything on until Ctrl-C."""
    conditions = LinkConditions(
        args.latency, args.jitter, args.kbit_s, chunk=args.chunk, loss=args.loss, reorder=args.reorder
    )
    steps = read_script(args.script) if args.script is not None else ()
    proxy = LinkProxy(args.url, conditions, args.seed)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(proxy, args.port, list(steps)))
    show(f"{proxy.connections} connections, {proxy.bytes_up} bytes up, {proxy.bytes_down} bytes down")
    if proxy.datagrams.passed or proxy.datagrams.lost:
        show(f"{proxy.datagrams.passed} packets of data channels, {proxy.datagrams.lost} lost")
    return 0


async def _serve(proxy: LinkProxy, port: int, steps: list[Step]) -> None:
    await proxy.start(port)
    show(f"{proxy.url} is the host behind the simulated network (Ctrl-C ends it)")
    try:
        await proxy.run(steps)
        await asyncio.Event().wait()
    finally:
        await proxy.close()
