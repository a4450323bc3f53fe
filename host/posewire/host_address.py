"""The address of a host as a user writes it: the option ``--url``, or the variable ``POSEWIRE_URL``."""

import argparse
import os
from urllib.parse import urlsplit, urlunsplit

from posewire.errors import ConfigError
from posewire.identity.settings import TOKEN_VARIABLE

URL_VARIABLE = "POSEWIRE_URL"
DEFAULT_URL = "ws://127.0.0.1:8000/posewire/v1/"
PATH = "/posewire/v1/"

_ENDPOINTS = (PATH, "/xiaozhi/v1/")
_HTTP = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
_WEBSOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a host and prove who asks."""
    parser.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE) or DEFAULT_URL,
        help=f"address of the host, ws://… or http://… (default: {URL_VARIABLE}, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"token for the host (default: {TOKEN_VARIABLE})"
    )


def websocket_url(url: str) -> str:
    """Return the address for a WebSocket; one without a path gets the host's.

    Raises:
        ConfigError: it is not an address of a host.
    """
    scheme, place, path = _parts(url)
    return f"{_WEBSOCKET[scheme]}://{place}{path or PATH}"


def http_url(url: str) -> str:
    """Return the address of the HTTP interface, without a slash at its end.

    Raises:
        ConfigError: it is not an address of a host.
    """
    scheme, place, path = _parts(url)
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint).removesuffix(endpoint.rstrip("/"))
    return f"{_HTTP[scheme]}://{place}{path.rstrip('/')}"


def _parts(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme.startswith("jitsi+"):
        raise ConfigError(
            f"{url!r} leads through a conference, which programs can join (posewire.connect) and commands cannot: "
            f"write the address like {DEFAULT_URL}"
        )
    if parts.scheme not in _HTTP or not host:
        raise ConfigError(f"{url!r} is not the address of a host: write it like {DEFAULT_URL}")
    path = urlunsplit(("", "", parts.path if parts.path != "/" else "", parts.query, ""))
    return parts.scheme, parts.netloc, path
