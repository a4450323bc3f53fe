"""Requests of browsers: which pages may make them, and the cookie of somebody who has signed in.

A browser sends cookies, and everybody's requests to 127.0.0.1, whichever page makes it do so. It says which page that
was (``Origin``, ``Sec-Fetch-Site``), and under which name it looked for the host (``Host``).
"""

import base64
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from posewire.errors import WireError
from posewire.loopback import is_loopback

PAGE_HEADER = "Posewire-Page"
"""A page of the host sends it with each order: no other page can, without asking the host first (CORS preflight)."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def refuse_other_pages(headers: Mapping[str, str], allowed: Collection[str]) -> None:
    """Refuse a request that a page makes which is not the host's own; ``allowed``: origins that may all the same.

    Raises:
        WireError: ``forbidden``.
    """
    origin = header(headers, "Origin")
    if origin is None:
        # Without Origin: a program, or a page's picture or script, of which browsers say that it is another's.
        if header(headers, "Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise WireError("a page of another site may not use this host", "forbidden")
        return
    if origin not in allowed and not _is_own(origin, header(headers, "Host") or ""):
        raise WireError(
            f"a page of {origin[:80]} may not use this host, unless [auth] allowed_origins names it", "forbidden"
        )


def refuse_other_names(headers: Mapping[str, str]) -> None:
    """Refuse a request under a name that is not this machine's own: it may be a page's, bound to 127.0.0.1.

    An address of numbers is let through: nobody can bind it to another, and a tunnel or a port that is passed on to
    this machine has one.

    Raises:
        WireError: ``forbidden``.
    """
    host = header(headers, "Host")
    name = _split(f"//{host}").hostname if host is not None else "localhost"
    if name != "localhost" and not _is_address(name or ""):
        raise WireError(
            f"this host runs without authentication: use it as 127.0.0.1, not {(host or '')[:80]}", "forbidden"
        )


def cookie_token(headers: Mapping[str, str]) -> str:
    """Return the token with which the sender of a request has signed in; empty where there is none."""
    try:
        cookies = SimpleCookie(header(headers, "Cookie") or "")
        found = cookies.get(_cookie_name(headers))
        return base64.urlsafe_b64decode(found.value.encode()).decode() if found is not None else ""
    except (CookieError, ValueError):
        return ""


def sign_in_cookie(headers: Mapping[str, str], token: str, seconds: int, secure: bool) -> str:
    """Return the header ``Set-Cookie`` that keeps a token where no script gets at it; an empty one is taken away.

    ``secure``: the request came over TLS.
    """
    value = base64.urlsafe_b64encode(token.encode()).decode()
    end = "; Secure" if secure else ""
    return f"{_cookie_name(headers)}={value}; Path=/; Max-Age={seconds if token else 0}; HttpOnly; SameSite=Strict{end}"


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header, None where it is missing.

    Raises:
        WireError: ``bad_message``: it is there more than once.
    """
    try:
        return headers.get(name)
    except LookupError:  # websockets' headers refuse to choose
        raise WireError(f"the header {name} occurs more than once", "bad_message") from None


def _is_address(name: str) -> bool:
    try:
        return not ip_address(name).is_unspecified  # 0.0.0.0 leads browsers to this machine, whoever's page asks
    except ValueError:
        return False


def _cookie_name(headers: Mapping[str, str]) -> str:
    # Cookies do not tell ports apart: two hosts on one machine must not sign each other out.
    own = _split(f"//{header(headers, 'Host') or ''}")
    return f"posewire_{_port(own) or 'default'}"


def _is_own(origin: str, host: str) -> bool:
    page, own = _split(origin), _split(f"//{host}")
    default = _DEFAULT_PORTS.get(page.scheme)
    if default is None or (_port(page) or default) != (_port(own) or default):
        return False
    names = page.hostname or "", own.hostname or ""
    return names[0] == names[1] or all(map(is_loopback, names))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return -1
