"""What goes wrong between a program and a host, in plain words: one place for the client, HTTP and all commands.

Each error has a stable code (docs/commands.md); ``remedy`` says what the user of a command can do about it.
"""

import json
import os
import re
import socket
from urllib.parse import urlsplit

from posewire.errors import HostUnreachableError, PosewireError, UnauthorizedError, WireError
from posewire.host_address import URL_VARIABLE
from posewire.identity.settings import TOKEN_VARIABLE

NO_HOST = "not_a_host"
TLS = "tls"
UNTRUSTED = "untrusted"

_ON_ITS_MACHINE = "on its machine (with --config FILE, where it runs from a file of settings)"
_REMEDIES = {
    HostUnreachableError.code: f"is posewire serve running there? Another address: --url, or {URL_VARIABLE}",
    NO_HOST: f"give the address of a host with --url, or {URL_VARIABLE}",
    UnauthorizedError.code: (
        f"give one with --token, or {TOKEN_VARIABLE}; posewire tokens issue NAME {_ON_ITS_MACHINE} makes one"
    ),
}
_OTHER_SCHEME = {"ws": "wss", "wss": "ws", "http": "https", "https": "http"}
_WITHOUT_SCOPE = re.compile(r" without the scope (\S+)$")
_ERRNO = re.compile(r"\[Errno (\d+)\]")


def cannot_be_reached(url: str, error: BaseException) -> HostUnreachableError:
    """Nobody answers at an address, by what opening a connection has raised."""
    return silent(url, _why(error))


def silent(url: str, what: str) -> HostUnreachableError:
    """There is no answer; ``what`` continues after "the host at …"."""
    return HostUnreachableError(f"the host at {place(url)} {what}")


def no_host(url: str, what: str) -> HostUnreachableError:
    """Something answers, but it is no host; ``what`` it says instead."""
    return HostUnreachableError(f"what answers at {place(url)} is not a Posewire host ({what})", NO_HOST)


def not_tls(url: str) -> HostUnreachableError:
    """The address wants TLS, and whoever is there does not speak it."""
    return HostUnreachableError(f"{place(url)} does not speak TLS: write {_other_place(url)}", TLS)


def wants_tls(url: str) -> HostUnreachableError:
    """Whoever is at the address speaks TLS only."""
    return HostUnreachableError(f"{place(url)} speaks TLS: write {_other_place(url)}", TLS)


def untrusted(url: str, why: str = "") -> HostUnreachableError:
    """The certificate is not one that this machine trusts; ``why``: what is wrong with it."""
    return HostUnreachableError(
        f"the host at {place(url)} has a certificate that is not trusted here{f' ({why})' if why else ''}: "
        "name the file of its authority's certificate in the variable SSL_CERT_FILE",
        UNTRUSTED,
    )


def refused(url: str, status: int, body: bytes, with_token: bool) -> HostUnreachableError:
    """An answer in HTTP instead of what was asked for. ``with_token``: whether a token was shown."""
    try:
        data = json.loads(body)
        code, message = str(data["code"]), str(data["message"])
    except (ValueError, LookupError, TypeError):
        if status in (502, 503, 504):
            return silent(url, f"is not there: a server before it answers {status}")
        return no_host(url, f"it answers {status}")
    if code == TLS:
        return wants_tls(url)
    if status == 401 and with_token:
        return UnauthorizedError(f"the host at {place(url)} refuses the token ({message})")
    if status == 401:
        return UnauthorizedError(f"the host at {place(url)} wants a token")
    if status == 403:
        return UnauthorizedError(f"the host at {place(url)} refuses: {message}", code)
    return HostUnreachableError(f"the host at {place(url)} refuses: {message}", code)


def remedy(error: PosewireError) -> str:
    """Return what the user of a command can do about an error between it and its host; empty: the error says it."""
    if isinstance(error, HostUnreachableError):
        return _REMEDIES.get(error.code, "")
    return scope_remedy(str(error)) if isinstance(error, WireError) else ""


def scope_remedy(message: str) -> str:
    """Return what helps against a host's message that a scope is missing; empty: it is not one."""
    scope = _WITHOUT_SCOPE.search(message)
    if scope is None:
        return ""
    return (
        f"posewire tokens issue NAME --scope {scope[1]} {_ON_ITS_MACHINE} makes a token that may; "
        f"give it with --token, or {TOKEN_VARIABLE}"
    )


def place(url: str) -> str:
    """Return the part of an address that says where the host is, without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _other_place(url: str) -> str:
    scheme, _, rest = place(url).partition("://")
    return f"{_OTHER_SCHEME.get(scheme, scheme)}://{rest}"


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, socket.gaierror):
        return "cannot be reached (its name is not known)"
    number = error.errno if isinstance(error, OSError) else None
    # A name with several addresses: each has failed, and the error has them all in its text only.
    if number is None and (found := _ERRNO.search(str(error))):
        number = int(found[1])
    return f"cannot be reached ({os.strerror(number) if number else error or type(error).__name__})"
