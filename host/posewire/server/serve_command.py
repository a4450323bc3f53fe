"""Start the host.

On 127.0.0.1 (the default) everybody on this machine may connect. On any other address the host starts only with a
token, which devices send as "Authorization: Bearer <token>". It prints one line when it is ready; logs go to standard
error. Stop it with Ctrl-C or SIGTERM: it tells its peers, which may come back later.

examples:
  posewire serve
  posewire serve --try
  POSEWIRE_TOKEN="$(cat token.txt)" posewire serve --host 0.0.0.0 --port 8000
  posewire serve --upstream wss://voice.example.org/xiaozhi/v1/
  posewire serve --config posewire.toml --log json
"""

import argparse
import asyncio
import os
import sys
import webbrowser
from pathlib import Path

from posewire.errors import ConfigError
from posewire.log import configure_logging
from posewire.server.settings import Settings, load_settings
from posewire.terminal import is_live


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire serve``."""
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="N", help="port to listen on; 0 picks a free one (default 8000)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML (docs/configuration.md)")
    parser.add_argument(
        "--token",
        help="the shared token; others on this machine can see it here, so prefer POSEWIRE_TOKEN or a file",
    )
    parser.add_argument(
        "--upstream", metavar="URL", help="a stock xiaozhi server (ws:// or wss://) that is the assistant of all boards"
    )
    parser.add_argument(
        "--try",
        dest="with_board",
        action="store_true",
        help="start a simulated board, too, and open the page in the browser: a first look without a board",
    )
    parser.add_argument(
        "--qr",
        action=argparse.BooleanOptionalAction,
        help="show the page's address as a QR code (default: on a terminal, where a phone can reach it)",
    )
    parser.add_argument("--json", action="store_true", help="print its addresses as JSON when it is ready")
    parser.add_argument("--log", choices=("text", "json"), default="text", help="format of the log (default text)")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning"), default="info", help="least level to log (default info)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    # One core's worth of linear algebra is all there is; with threads, BLAS waits for them by turning in circles, which
    # on a busy machine makes it ten times slower. It reads this when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imported here: the voice engines take a while, and `posewire --help` should not.
    from posewire.server.host import Config, Host
    from posewire.server.ready import show_addresses
    from posewire.server.run import run_host

    configure_logging(args.log, args.log_level)

    def read(path: Path | None) -> Settings:
        settings = load_settings(path, args.token).with_address(args.host, args.port)
        return settings.with_upstream(args.upstream) if args.upstream else settings

    async def ready(host: Host) -> None:
        page = show_addresses(host.url, host.address, args.qr, args.json, host.conference)
        if not args.with_board:
            return
        await host.services.sim_boards.start(host.url, "demo", talking=True)
        if is_live(sys.stdout):
            await asyncio.to_thread(webbrowser.open, page)

    if args.with_board and read(args.config).auth.required:
        raise ConfigError("--try is for a host without authentication, on this machine only")
    config = Config(lambda: read(args.config), args.config, read)
    if asyncio.run(run_host(config, ready)):
        # In the same process, so that a supervisor that watches it sees no end.
        os.execv(sys.executable, [sys.executable, "-m", "posewire", *sys.argv[1:]])  # noqa: S606 - our own command again
    return 0
