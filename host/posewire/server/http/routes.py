"""The table of HTTP routes: a line for each."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from posewire.server.http.configuration import check_configuration, save_configuration, show_configuration
from posewire.server.http.devices.listing import list_devices, rename_device, show_device
from posewire.server.http.devices.pairing import list_waiting, pair_device, refuse_pairing, revoke_pairing
from posewire.server.http.devices.settings import change_device_setting, show_device_settings
from posewire.server.http.devices.speech import ask, say
from posewire.server.http.devices.tools import call_tool, list_tools
from posewire.server.http.devices.turns import forget_turns, give_sound, list_turns
from posewire.server.http.devices.updates import list_images, show_update, start_update
from posewire.server.http.devices.voiceprints import enrol_next, enrol_recording, erase_voiceprint, list_voiceprints
from posewire.server.http.new_boards import give_image, list_boards, plan_files
from posewire.server.http.ota import activate, allow_pages, check_version
from posewire.server.http.other_pages import readable
from posewire.server.http.qr import make_qr
from posewire.server.http.recordings import (
    delete_recording,
    give_recording,
    list_recordings,
    play_recording,
    start_recording,
    stop_player,
    stop_recording,
)
from posewire.server.http.request import sender
from posewire.server.http.room_links import make_room_link
from posewire.server.http.rooms import list_rooms, show_room
from posewire.server.http.sign_in import show_session, sign_in, sign_out
from posewire.server.http.sim_boards import list_sim_boards, start_sim_board, stop_sim_board
from posewire.server.http.status import alerts, history, log_tail, metrics, ready, statistics
from posewire.server.http.web_files import web_files


async def health(request: Request) -> PlainTextResponse:
    """Answer that the process lives: nothing else is looked at."""
    return PlainTextResponse("ok\n")


async def websocket_here(request: Request) -> PlainTextResponse:
    """Tell somebody with a browser where they are (RFC 9110 section 15.5.22), or that a token would be refused.

    Browsers do not tell a page why its WebSocket was not opened: the JavaScript client asks here.
    """
    headers = request.state.headers = readable(request)  # a refusal has them, too
    sender(request)
    text = "this is a Posewire host: connect with WebSocket\n"
    return PlainTextResponse(text, 426, {"Upgrade": "websocket", **headers})


ROUTES: tuple[BaseRoute, ...] = (
    Route("/", web_files("page", index="index.html")),
    Route("/page/{path:path}", web_files("page")),
    Route("/vendor/{path:path}", web_files("vendor")),
    Route("/examples/{path:path}", web_files("examples", index="index.html")),
    Route("/posewire/v1/", websocket_here),
    Route("/xiaozhi/v1/", websocket_here),
    Route("/posewire/v1/client/{path:path}", web_files("client", for_other_pages=True)),
    Route("/favicon.ico", web_files("page", index="icon.svg")),
    Route("/healthz", health),
    Route("/readyz", ready),
    Route("/metrics", metrics),
    Route("/alerts", alerts),
    Route("/xiaozhi/ota/", check_version, methods=["GET", "POST"]),
    Route("/xiaozhi/ota/", allow_pages, methods=["OPTIONS"]),
    Route("/xiaozhi/ota/activate", activate, methods=["POST"]),
    Route("/xiaozhi/ota/activate", allow_pages, methods=["OPTIONS"]),
    Route("/api/session", show_session),
    Route("/api/session", sign_in, methods=["POST"]),
    Route("/api/session", sign_out, methods=["DELETE"]),
    Route("/api/rooms", list_rooms),
    Route("/api/rooms/{room:path}/links", make_room_link, methods=["POST"]),
    Route("/api/rooms/{room:path}", show_room),
    Route("/api/statistics", statistics),
    Route("/api/history", history),
    Route("/api/log", log_tail),
    Route("/api/configuration", show_configuration),
    Route("/api/configuration", save_configuration, methods=["PUT"]),
    Route("/api/configuration/check", check_configuration, methods=["POST"]),
    Route("/api/qr", make_qr, methods=["POST"]),
    Route("/api/recordings", list_recordings),
    Route("/api/recordings", start_recording, methods=["POST"]),
    Route("/api/recordings/{number:int}", delete_recording, methods=["DELETE"]),
    Route("/api/recordings/{number:int}/file", give_recording),
    Route("/api/recordings/{number:int}/stop", stop_recording, methods=["POST"]),
    Route("/api/recordings/{number:int}/play", play_recording, methods=["POST"]),
    Route("/api/players/{number:int}", stop_player, methods=["DELETE"]),
    Route("/api/sim-boards", list_sim_boards),
    Route("/api/sim-boards", start_sim_board, methods=["POST"]),
    Route("/api/sim-boards/{number:int}", stop_sim_board, methods=["DELETE"]),
    Route("/api/images", list_images),
    Route("/api/boards", list_boards),
    Route("/api/boards/{board}/files", plan_files, methods=["POST"]),
    Route("/api/boards/images/{image}", give_image),
    Route("/api/devices", list_devices),
    Route("/api/devices", pair_device, methods=["POST"]),
    Route("/api/pairings", list_waiting),
    Route("/api/pairings/{code}", refuse_pairing, methods=["DELETE"]),
    Route("/api/devices/{device:path}/settings", show_device_settings),
    Route("/api/devices/{device:path}/settings", change_device_setting, methods=["PATCH"]),
    Route("/api/devices/{device:path}/pairing", revoke_pairing, methods=["DELETE"]),
    Route("/api/devices/{device:path}/update", show_update),
    Route("/api/devices/{device:path}/update", start_update, methods=["POST"]),
    Route("/api/devices/{device:path}/tools", list_tools),
    Route("/api/devices/{device:path}/tools/{tool}", call_tool, methods=["POST"]),
    Route("/api/devices/{device:path}/say", say, methods=["POST"]),
    Route("/api/devices/{device:path}/ask", ask, methods=["POST"]),
    Route("/api/devices/{device:path}/turns", list_turns),
    Route("/api/devices/{device:path}/turns", forget_turns, methods=["DELETE"]),
    Route("/api/devices/{device:path}/turns/{turn}/{part}.wav", give_sound),
    Route("/api/devices/{device:path}/enrol", enrol_next, methods=["POST"]),
    # After those that begin alike: ids of devices, as names of rooms, may have a slash.
    Route("/api/devices/{device:path}", show_device),
    Route("/api/devices/{device:path}", rename_device, methods=["PATCH"]),
    Route("/api/voiceprints", list_voiceprints),
    Route("/api/voiceprints/{name}", enrol_recording, methods=["POST"]),
    Route("/api/voiceprints/{name}", erase_voiceprint, methods=["DELETE"]),
)
