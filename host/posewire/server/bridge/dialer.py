"""The opening of a connection to the upstream server: its address, the WebSocket, and the hello both ways."""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from posewire.errors import WireError
from posewire.server.bridge.failures import RefusedError, UpstreamError
from posewire.server.bridge.ota_check import OtaError, UpstreamAddress, ask_ota
from posewire.server.bridge.settings import UpstreamSettings
from posewire.wire.messages import AudioParams, Hello, Message, dump_text, parse_text


class Dialed(NamedTuple):
    """An open connection, and the session that the upstream server has named for it."""

    socket: ClientConnection
    session: str


class UpstreamDialer:
    """Opens connections for one board, as a stock device would.

    ``identity``: device id and client id; ``audio``: the format that the board's audio is sent in. ``on_code``: told
    the code by which the board is to be activated at the upstream server.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        hello: Hello,
        audio: AudioParams,
        identity: tuple[str, str],
        on_code: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._hello = hello
        self._audio = audio
        self._device_id, client_id = identity
        # Stock servers want one; the same each time, for some know a device by it.
        self._client_id = client_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"posewire:{self._device_id}"))
        self._on_code = on_code

    async def dial(self, on_message: Callable[[Message], Awaitable[None]]) -> Dialed:
        """Connect and say hello. ``on_message`` gets what upstream says before its own hello.

        Raises:
            OSError: nobody is there.
            WebSocketException: what is there is not a WebSocket server, or it closes the connection.
            ValueError: the address is not valid: an OTA answer may have a wrong port.
            UpstreamError: the server refuses this board, or says something else than hello.
        """
        address = await self._address()
        headers = {"Protocol-Version": "1", "Device-Id": self._device_id, "Client-Id": self._client_id}
        if address.token:
            headers["Authorization"] = f"Bearer {address.token}"
        socket = await connect(
            address.url,
            additional_headers=headers,
            compression=None,
            user_agent_header=None,
            max_size=1 << 20,
            ping_interval=None,
        )
        try:
            return Dialed(socket, await self._greet(socket, on_message))
        except BaseException:
            await socket.close()
            raise

    async def _address(self) -> UpstreamAddress:
        settings = self._settings
        if not settings.ota_url:
            return UpstreamAddress(settings.url, settings.token)
        try:
            address = await ask_ota(settings.ota_url, self._device_id, self._client_id, self._hello.board)
        except OtaError as error:
            kind = RefusedError if error.final else UpstreamError
            raise kind(f"its OTA address {settings.ota_url} {error}") from None
        if address.code:
            self._on_code(address.code)
            text = f"confirm the code {address.code} at the upstream server"
            raise RefusedError(f"upstream does not know this board yet: {text}, then try again")
        return address

    async def _greet(self, socket: ClientConnection, on_message: Callable[[Message], Awaitable[None]]) -> str:
        hello = {
            "type": "hello",
            "version": 1,
            "features": {"mcp": self._hello.mcp},
            "transport": "websocket",
            "audio_params": self._audio.as_dict(),
        }
        with suppress(ConnectionClosed):
            # Closed already: the reason may be among what has arrived.
            await socket.send(dump_text(hello))
        while True:
            text = await socket.recv()
            if isinstance(text, bytes):
                continue
            message = parse_upstream(text)
            if message is None:
                # Stock servers say in plain words what is wrong, and close.
                raise RefusedError(f"upstream says: {text[:100]}")
            if message["type"] == "hello":
                return str(message.get("session_id", ""))
            await on_message(message)


def parse_upstream(text: str) -> Message | None:
    """Return a message of the upstream server; None for a text that is not one."""
    try:
        return parse_text(text)
    except WireError:
        return None
