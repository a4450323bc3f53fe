"""Asking an upstream server's OTA address for the WebSocket and the token of one device, as a stock device does."""

from dataclasses import dataclass
from typing import Any

import httpx

from posewire import __version__

_TIMEOUT = 8.0
_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True)
class UpstreamAddress:
    """Where a device connects, and with what. ``code``: what a person has to confirm there first; empty: nothing."""

    url: str
    token: str
    code: str = ""


class OtaError(Exception):
    """The OTA address does not answer as it should."""


async def ask_ota(ota_url: str, device_id: str, client_id: str, board: str) -> UpstreamAddress:
    """Ask for a device's address.

    Raises:
        OtaError: no answer, or one without a WebSocket address.
    """
    headers = {"Device-Id": device_id, "Client-Id": client_id, "Activation-Version": "1"}
    info = {
        "version": 2,
        "mac_address": device_id,
        "uuid": client_id,
        "application": {"name": "posewire", "version": __version__},
        "board": {"type": board or "posewire", "name": board or "posewire", "mac": device_id},
    }
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            answer = await client.post(ota_url, headers=headers, json=info)
        if answer.status_code != httpx.codes.OK:
            raise OtaError(f"HTTP {answer.status_code}")
        said: Any = answer.json() if len(answer.content) <= _MAX_ANSWER else None
    except httpx.HTTPError as error:
        raise OtaError(str(error) or type(error).__name__) from None
    except ValueError:
        raise OtaError("the answer is not JSON") from None
    websocket = said.get("websocket") if isinstance(said, dict) else None
    if not isinstance(websocket, dict):
        raise OtaError("the answer has no WebSocket address")
    url = websocket.get("url")
    if not isinstance(url, str) or not url.startswith(("ws://", "wss://")):
        raise OtaError("the answer has no WebSocket address")
    token = websocket.get("token")
    activation = said.get("activation")
    code = activation.get("code") if isinstance(activation, dict) else ""
    return UpstreamAddress(url, token if isinstance(token, str) else "", str(code or ""))
