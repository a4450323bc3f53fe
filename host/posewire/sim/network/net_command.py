"""Put a simulated network between a host and whatever connects to it.

Boards, clients and bridges connect to the URL that this prints. A script changes the conditions: a JSON object a line,
or a CSV file with a header. A recorded trace of Mahimahi's kind does, too: each of its lines is when, in milliseconds,
the network took a packet of 1500 bytes.

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
import os
from pathlib import Path

from posewire.errors import ConfigError
from posewire.host_address import DEFAULT_URL, URL_VARIABLE, websocket_url
from posewire.sim.network.link_conditions import LinkConditions, Step, read_script
from posewire.sim.network.link_proxy import LinkProxy
from posewire.terminal import show, show_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire sim net``."""
    parser.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE) or DEFAULT_URL,
        help=f"address of the host (default: {URL_VARIABLE}, or {DEFAULT_URL})",
    )
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
    parser.add_argument("--json", action="store_true", help="print the address, and at the end the counts, as JSON")


def run(args: argparse.Namespace) -> int:
    """Pass everything on until Ctrl-C."""
    conditions = LinkConditions(
        args.latency, args.jitter, args.kbit_s, chunk=args.chunk, loss=args.loss, reorder=args.reorder
    )
    steps = read_script(args.script) if args.script is not None else ()
    proxy = LinkProxy(websocket_url(args.url), conditions, args.seed)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(proxy, args.port, list(steps), args.json))
    if args.json:
        packets = {"passed": proxy.datagrams.passed, "lost": proxy.datagrams.lost}
        counts = {"connections": proxy.connections, "bytes_up": proxy.bytes_up, "bytes_down": proxy.bytes_down}
        show_json({**counts, "packets": packets})
        return 0
    show(f"{proxy.connections} connections, {proxy.bytes_up} bytes up, {proxy.bytes_down} bytes down")
    if proxy.datagrams.passed or proxy.datagrams.lost:
        show(f"{proxy.datagrams.passed} packets of data channels, {proxy.datagrams.lost} lost")
    return 0


async def _serve(proxy: LinkProxy, port: int, steps: list[Step], as_json: bool) -> None:
    try:
        await proxy.start(port)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}") from None
    if as_json:
        show_json({"url": proxy.url})
    else:
        show(f"{proxy.url} is the host behind the simulated network (Ctrl-C ends it)")
    try:
        await proxy.run(steps)
        await asyncio.Event().wait()
    finally:
        await proxy.close()
