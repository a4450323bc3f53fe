"""Give a board its Wi-Fi and its host over USB (Improv), while its firmware runs.

The password is typed, or read from POSEWIRE_WIFI_PASSWORD or a file; others could see it in an option.
"""

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

from posewire.errors import InstallError
from posewire.install.repl import open_patiently
from posewire.install.serial_ports import choose_port, missing_extra
from posewire.printable import printable
from posewire.progress import meanwhile
from posewire.provision.improv_client import ImprovClient
from posewire.terminal import show, show_json

PASSWORD_VARIABLE = "POSEWIRE_WIFI_PASSWORD"  # noqa: S105 - the name of a variable, not a secret
_BAUD = 115200
_READ_SECONDS = 0.1
_WRITE_SECONDS = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire provision``."""
    parser.add_argument("--port", help="serial port (default: the only one)")
    parser.add_argument("--ssid", help="name of the network (default: asked for, among those that the board hears)")
    parser.add_argument("--password-file", type=Path, help="file with the network's password")
    parser.add_argument("--open", action="store_true", help="the network has no password")
    parser.add_argument("--url", default="", help="address of the host: ws://… or wss://… (default: unchanged)")
    parser.add_argument("--token-file", type=Path, help="file with the host's token")
    parser.add_argument("--scan", action="store_true", help="only list the networks that the board hears")
    parser.add_argument("--identify", action="store_true", help="only make the board blink")
    parser.add_argument("--info", action="store_true", help="only print the board's description")
    parser.add_argument("--dry-run", action="store_true", help="print the settings, and change nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, without questions")


def run(args: argparse.Namespace) -> int:
    """Provision; the status is 0 when the board has joined the network."""
    if args.url and not args.url.startswith(("ws://", "wss://")):
        raise InstallError(f"the host's address must begin with ws:// or wss://, not {args.url!r}")
    token = _read_secret(args.token_file) if args.token_file else ""
    if args.dry_run:
        host = args.url or "as it is"
        show(f"network: {args.ssid or 'asked for'}; host: {host}; token: {'given' if token else 'as it is'}")
        return 0
    with open_line(choose_port(args.port)) as line:
        client = ImprovClient(line)
        with meanwhile("looking for the board"):
            client.connect()
        result = _talk(args, client, token)
    if args.json:
        show_json(result)
    return 0


def open_line(port: str) -> Any:
    """Open a serial port for Improv. Raises InstallError."""
    try:
        import serial
    except ImportError:
        raise missing_extra("pyserial") from None
    return open_patiently(port, lambda: serial.Serial(port, _BAUD, timeout=_READ_SECONDS, write_timeout=_WRITE_SECONDS))


def _talk(args: argparse.Namespace, client: ImprovClient, token: str) -> dict[str, Any]:
    info = client.info()
    result: dict[str, Any] = {"firmware": info.firmware, "version": info.version, "board": info.name}
    _say(args, f"{info.name}: {info.firmware} {info.version} on {info.hardware}")
    if args.info:
        return result
    if args.identify:
        client.identify()
        return result
    if args.scan:
        with meanwhile("the board looks for networks"):
            networks = client.scan()
        for network in networks:
            _say(args, f"{network.rssi:5} dBm  {'locked' if network.secured else 'open  '}  {network.ssid}")
        result["networks"] = [network.ssid for network in networks]
        return result
    if args.url or token:
        result["host"] = client.set_host(args.url, token)
        _say(args, f"host: {result['host']}")
    ssid = args.ssid or _ask_network(args, client)
    password = _password(args, ssid)
    _say(args, f"joining {ssid} …")
    result["ssid"] = ssid
    with meanwhile("joining"):
        result["urls"] = list(client.set_wifi(ssid, password))
    _say(args, f"{info.name} is on {ssid}" + (f": {result['urls'][0]}" if result["urls"] else ""))
    return result


def _ask_network(args: argparse.Namespace, client: ImprovClient) -> str:
    if args.json or not sys.stdin.isatty():
        raise InstallError("name the network with --ssid NAME (--scan lists those that the board hears)")
    _say(args, "the board looks for networks …")
    with meanwhile("looking"):
        networks = client.scan()
    if not networks:
        raise InstallError("the board hears no network: it needs one on 2.4 GHz that is near enough")
    for number, network in enumerate(networks, 1):
        show(f"{number:3}  {network.rssi} dBm  {network.ssid}")
    choice = input("which one? ").strip()
    if not choice.isdigit() or not 1 <= int(choice) <= len(networks):
        raise InstallError(f"{choice!r} is not in the list")
    return networks[int(choice) - 1].ssid


def _password(args: argparse.Namespace, ssid: str) -> str:
    if args.open:
        return ""
    if args.password_file:
        return _read_secret(args.password_file)
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if args.json or not sys.stdin.isatty():
        raise InstallError(f"no password was given: set {PASSWORD_VARIABLE}, or use --password-file or --open")
    return getpass.getpass(f"password of {printable(ssid)}: ")


def _read_secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"cannot read {path}: {error}") from error


def _say(args: argparse.Namespace, line: str) -> None:
    if not args.json:
        show(line)
