"""``/api/session``: a browser signs in with a token, which it keeps as a cookie, and out again."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.identity.principal import Principal
from posewire.install.bundle import can_compile
from posewire.server.http.commands import command_words
from posewire.server.http.request import client_address, client_group, json_body, limits, sender, services
from posewire.server.page_access import refuse_other_pages, sign_in_cookie
from posewire.server.services import Services
from posewire.wire.messages import error_message, get_field
from posewire.wire.opus import opus_available

_LONGEST = 30 * 86400
"""Seconds after which somebody signs in anew; sooner where the token expires."""


async def show_session(request: Request) -> JSONResponse:
    """Answer who the sender is, and what it may do; whom it does not know it tells how to get a token here."""
    try:
        principal = sender(request)
    except WireError as error:
        if error.code != "unauthorized":
            raise
        return JSONResponse({**error_message(error), "command": command_words(request)}, 401)
    return JSONResponse(await _describe(request, principal))


async def sign_in(request: Request) -> JSONResponse:
    """Sign in: ``{"token"}``. The token must be one for people or programs, not a device's."""
    here = services(request)
    refuse_other_pages(request.headers, ())
    token = get_field(await json_body(request), "token", str).strip()
    if not here.settings.auth.required:
        return JSONResponse(await _describe(request, sender(request)))
    wrong = limits(request).sign_in
    wrong.check(client_group(request))
    # Issued a moment ago, by the command line.
    await here.identities.refresh_quietly()
    try:
        principal = here.failures.attempt(client_address(request), lambda: here.authenticator.principal_of(token))
    except WireError as error:
        if error.code == "unauthorized":
            wrong.count(client_group(request))
        raise
    seconds = min(_LONGEST, int((principal.expires or time.time() + _LONGEST) - time.time()))
    answer = JSONResponse(await _describe(request, principal))
    answer.headers["Set-Cookie"] = sign_in_cookie(request.headers, token, seconds, request.url.scheme == "https")
    return answer


async def sign_out(request: Request) -> JSONResponse:
    """Take the cookie away."""
    refuse_other_pages(request.headers, ())
    answer = JSONResponse({})
    answer.headers["Set-Cookie"] = sign_in_cookie(request.headers, "", 0, request.url.scheme == "https")
    return answer


async def _describe(request: Request, principal: Principal) -> dict[str, object]:
    host = services(request)
    return {
        "authentication": host.settings.auth.required,
        "name": principal.name,
        "kind": principal.kind,
        "scopes": sorted(principal.scopes),
        "expires": principal.expires,
        "can": await asyncio.to_thread(_abilities, host),
        "command": command_words(request, principal),
    }


def _abilities(host: Services) -> list[str]:
    """Return what this host can do and others cannot: a page offers no more than that."""
    abilities = {
        "compile": can_compile(),
        "opus": opus_available(),
        "pair": host.settings.auth.required and host.settings.auth.pairing,
        "sound": host.turns.sounds.on,
        "voice": host.assistant is not None or host.settings.upstream.wanted,
    }
    return [name for name, there in abilities.items() if there]
