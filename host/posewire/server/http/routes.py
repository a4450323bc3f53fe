"""The table of HTTP routes: a line for each."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from posewire.server.http import devices as operator_api
from posewire.server.http import speakers as speakers_api
from posewire.server.http import status as http_status
from posewire.server.http.boards import list_boards, show_update, start_update
from posewire.server.http.ota import activate, check_version
from posewire.server.http.pairing import list_paired, pair_device, revoke_device


async def health(request: Request) -> PlainTextResponse:
    """Answer that the process lives: nothing else is looked at."""
    return PlainTextResponse("ok\n")


async def websocket_here(request: Request) -> PlainTextResponse:
    """Tell somebody with a browser where they are (RFC 9110 section 15.5.22)."""
    return PlainTextResponse("this is a Posewire host: connect with WebSocket\n", 426, {"Upgrade": "websocket"})


ROUTES: tuple[BaseRoute, ...] = (
    Route("/", websocket_here),
    Route("/posewire/v1/", websocket_here),
    Route("/xiaozhi/v1/", websocket_here),
    Route("/healthz", health),
    Route("/xiaozhi/ota/", check_version, methods=["GET", "POST"]),
    Route("/xiaozhi/ota/activate", activate, methods=["POST"]),
    Route("/api/paired", list_paired),
    Route("/api/paired", pair_device, methods=["POST"]),
    Route("/api/paired/{device}", revoke_device, methods=["DELETE"]),
    Route("/api/boards", list_boards),
    Route("/api/boards/{device}/update", start_update, methods=["POST"]),
    Route("/api/boards/{device}/update", show_update),
    *http_status.ROUTES,
    *operator_api.ROUTES,
    *speakers_api.ROUTES,
)
