"""The one shape of an HTTP error: ``{"type":"error","code":…,"message":…}``, as on the WebSocket."""

import http

from starlette.responses import JSONResponse

from posewire.errors import InstallError, PosewireError, UpdateError, WireError

STATUS = {
    "unauthorized": http.HTTPStatus.UNAUTHORIZED,
    "forbidden": http.HTTPStatus.FORBIDDEN,
    "refused": http.HTTPStatus.FORBIDDEN,
    "bad_board": http.HTTPStatus.NOT_FOUND,
    "not_found": http.HTTPStatus.NOT_FOUND,
    "not_available": http.HTTPStatus.NOT_IMPLEMENTED,
    "bad_message": http.HTTPStatus.BAD_REQUEST,
    "no_answer": http.HTTPStatus.GATEWAY_TIMEOUT,
    "busy": http.HTTPStatus.CONFLICT,
    "too_many": http.HTTPStatus.TOO_MANY_REQUESTS,
}
"""The HTTP status of an error's code, also for the opening request of a WebSocket."""


def status_of(error: PosewireError) -> int:
    """Return the HTTP status of an error: 400 for a request that is refused, 500 for a fault of the host."""
    return STATUS.get(error.code, 400 if isinstance(error, InstallError | UpdateError | WireError) else 500)


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """Return the response that tells an error."""
    return JSONResponse({"type": "error", "code": code, "message": message}, status)
