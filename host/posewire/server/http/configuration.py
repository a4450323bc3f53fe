"""``/api/configuration``: the host's settings and their sources; its file, checked before it is written."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import ConfigError, WireError
from posewire.server.configuration.config_file import Change, ConfigFile, describe
from posewire.server.http.request import authorize, json_body, record_order, services
from posewire.wire.messages import get_field

_ADMIN = "server.config"


async def show_configuration(request: Request) -> JSONResponse:
    """Answer the settings in force, and the file where there is one."""
    authorize(request, _ADMIN)
    here = services(request)
    if here.config_file is None:
        return JSONResponse({"path": None, "sections": describe(here.settings)})
    file = here.config_file
    sections = await asyncio.to_thread(file.table, here.settings)
    try:
        text, stamp = await asyncio.to_thread(file.text)
    except (ConfigError, WireError) as error:
        return JSONResponse({"path": str(file.path), "why": str(error), "code": error.code, "sections": sections})
    answer = {"path": str(file.path), "text": text, "stamp": stamp, "sections": sections}
    return JSONResponse({**answer, "editable": here.settings.auth.required})


async def check_configuration(request: Request) -> JSONResponse:
    """Answer what a text would change: ``{"text"}``; nothing is written."""
    authorize(request, _ADMIN)
    file, text = _file(request), get_field(await json_body(request), "text", str)
    try:
        return _told(await asyncio.to_thread(file.check, text, services(request).settings))
    except ConfigError as error:
        raise WireError(str(error), error.code) from None


async def save_configuration(request: Request) -> JSONResponse:
    """Check a text, write it, and have the host read it: ``{"text","stamp"}``."""
    principal = authorize(request, _ADMIN)
    here, file, body = services(request), _file(request), await json_body(request)
    if not here.settings.auth.required:
        # The file can name programs to run, and a user of this machine need not be the one who runs the host.
        raise WireError(
            "a host without authentication lets nobody change its file: edit it on its machine", "forbidden"
        )
    text, stamp = get_field(body, "text", str), get_field(body, "stamp", str)
    record_order(request, principal, "configuration")
    try:
        change = await asyncio.to_thread(file.save, text, stamp, here.settings)
        await here.control.reload()
    except ConfigError as error:
        raise WireError(str(error), error.code) from None
    return _told(change)


def _file(request: Request) -> ConfigFile:
    file = services(request).config_file
    if file is None:
        raise WireError("this host has no configuration file", "not_available")
    return file


def _told(change: Change) -> JSONResponse:
    return JSONResponse({"live": change.live, "later": change.later})
