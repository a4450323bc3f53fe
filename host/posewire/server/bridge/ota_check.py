"""Asking an upstream server's OTA address for the WebSocket and the token of one device, as a stock device does."""

from dataclasses import dataclass
from typing import Any

from posewire import __version__
from posewire.http_client import HttpClient, HttpError
from posewire.wire.json_text import parse_json

_TIMEOUT = 8.0
_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True)
class UpstreamAddress:
    """Where a device connects, and with what. ``code``: what a person has to confirm there first; empty: nothing."""

    url: str
    token: str
    code: str = ""


class OtaError(Exception):
    """The OTA address does not answer as it should. The message goes on where the address ends.

    ``final``: to ask again at once would bring the same answer.
    """

    def __init__(self, message: str, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


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
    client = HttpClient(_TIMEOUT)
    try:
        async with client.request("POST", ota_url, headers=headers, json=info) as answer:
            if answer.status != 200:
                raise OtaError(f"answers {answer.status}", final=400 <= answer.status < 500)
            said: Any = parse_json(await answer.read(_MAX_ANSWER))
    except HttpError as error:
        raise OtaError(str(error), final=False) from None
    except ValueError:
        raise OtaError("does not send JSON") from None
    finally:
        await client.close()
    websocket = said.get("websocket") if isinstance(said, dict) else None
    if not isinstance(websocket, dict):
        raise OtaError("sends no WebSocket address")
    url = websocket.get("url")
    if not isinstance(url, str) or not url.startswith(("ws://", "wss://")):
        raise OtaError("sends no WebSocket address")
    token = websocket.get("token")
    activation = said.get("activation")
    code = activation.get("code") if isinstance(activation, dict) else ""
    return UpstreamAddress(url, token if isinstance(token, str) else "", str(code or ""))
