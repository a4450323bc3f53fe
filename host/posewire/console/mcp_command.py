"""Offer the tools of all connected boards to any MCP client, on top of a running host.

Without --listen it speaks on its standard streams, as desktop programs expect. With --listen it serves streamable HTTP
at /mcp; on an address that is not loopback it needs a token of its own, from the variable POSEWIRE_MCP_TOKEN.

examples:
  posewire mcp
  posewire mcp --url https://posewire.example:8443 --listen 127.0.0.1:8765
in a client's settings:
  {"mcpServers": {"boards": {"command": "posewire", "args": ["mcp"]}}}
"""

import argparse
import asyncio
import contextlib
import os
import socket

from posewire.console.host_client import HostClient
from posewire.errors import ConfigError, ProviderError
from posewire.host_address import add_host_arguments
from posewire.loopback import is_loopback
from posewire.terminal import show, show_json

TOKEN_VARIABLE = "POSEWIRE_MCP_TOKEN"  # noqa: S105 - the name of a variable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire mcp``."""
    parser.add_argument(
        "--listen", metavar="ADDRESS:PORT", help="serve streamable HTTP at this address; port 0 picks a free port"
    )
    parser.add_argument("--json", action="store_true", help="with --listen: print the address as JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the client closes its end, or Ctrl-C."""
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise ProviderError("posewire mcp needs the extra mcp: pip install 'posewire[mcp]'") from None
    if args.json and not args.listen:
        raise ConfigError("--json goes with --listen: without it, standard output is the protocol's own")
    # Ctrl-C is how it ends; the server raises it once more when it has closed its connections.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_http(args) if args.listen else _stdio(args))
    return 0


async def _stdio(args: argparse.Namespace) -> None:
    from mcp.server.stdio import stdio_server

    from posewire.console.boards_mcp import BoardsServer

    async with HostClient(args.url, args.token) as host, stdio_server() as (incoming, outgoing):
        server = BoardsServer(host).server
        await server.run(incoming, outgoing, server.create_initialization_options())


async def _http(args: argparse.Namespace) -> None:
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    from posewire.console.boards_mcp import BoardsServer, TokenGate

    address, _, port = args.listen.rpartition(":")
    address = address.strip("[]")
    if not address or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"--listen must be an address and a port like 127.0.0.1:8765, not {args.listen!r}")
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and not is_loopback(address):
        raise ConfigError(f"listening on {address} needs a token: set {TOKEN_VARIABLE}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.create_server((address, int(port)), family=family)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {args.listen}: {exc.strerror or exc}") from None
    async with HostClient(args.url, args.token) as host:
        # Behind a token a page of another site can do nothing; without one only local names are answered.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False) if token else None
        app = BoardsServer(host).server.streamable_http_app(host=address, transport_security=security)
        config = uvicorn.Config(TokenGate(app, token) if token else app, log_level="warning", lifespan="on")
        with sock:
            real = sock.getsockname()[1]
            url = f"http://{f'[{address}]' if ':' in address else address}:{real}/mcp"
            if args.json:
                show_json({"url": url})
            else:
                show(f"posewire: MCP at {url}")
            await uvicorn.Server(config).serve(sockets=[sock])
