"""A stand-in for the video bridge: ``python -m support.conference.bridge PORT``; prints a line when it is ready.

The focus reaches it at ``/control``, participants at ``/colibri-ws/…``. Whose ICE is not up in time, or any more, is
let go.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from aioice import Candidate, Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

ICE_WITHIN = 10.0


@dataclass
class Endpoint:
    """A participant, as the bridge knows it."""

    name: str
    password: str
    ice: Connection
    socket: ServerConnection | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Bridge:
    """The participants of one conference, and what they say to each other."""

    def __init__(self, port: int, needs_ice: bool) -> None:
        self._port = port
        self._needs_ice = needs_ice
        self._endpoints: dict[str, Endpoint] = {}

    async def serve(self) -> None:
        async with serve(self._serve, "127.0.0.1", self._port, compression=None, max_size=2**17):
            print("ready", flush=True)
            await asyncio.Event().wait()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        with contextlib.suppress(ConnectionClosed):
            if path == "/control":
                async for text in socket:
                    await socket.send(json.dumps(await self._control(json.loads(text))))
            else:
                await self._relay(socket, path)

    async def _control(self, said: dict[str, Any]) -> dict[str, Any]:
        name = said["endpoint"]
        if said["do"] == "allocate":
            await self._expire(name)
            ice = Connection(ice_controlling=True, stun_server=None)
            await ice.gather_candidates()
            made = self._endpoints[name] = Endpoint(name, secrets.token_hex(8), ice)
            return {
                "ufrag": ice.local_username, "pwd": ice.local_password,
                "candidates": [each.to_sdp() for each in ice.local_candidates],
                "url": f"ws://127.0.0.1:{self._port}/colibri-ws/default-id/conference/{name}?pwd={made.password}",
            }  # fmt: skip
        endpoint = self._endpoints.get(name)
        if said["do"] == "connect" and endpoint is not None:
            endpoint.tasks.append(asyncio.ensure_future(self._connect(endpoint, said)))
        elif said["do"] == "expire":
            await self._expire(name)
        return {}

    async def _connect(self, endpoint: Endpoint, said: dict[str, Any]) -> None:
        ice = endpoint.ice
        ice.remote_username, ice.remote_password = said["ufrag"], said["pwd"]
        for candidate in said["candidates"]:
            await ice.add_remote_candidate(Candidate.from_sdp(candidate))
        await ice.add_remote_candidate(None)
        try:
            async with asyncio.timeout(ICE_WITHIN):
                await ice.connect()
            while True:
                await ice.recv()
        except (TimeoutError, ConnectionError):
            if self._needs_ice and endpoint.socket is not None:
                await endpoint.socket.close(1001, "the transport is not up")

    async def _expire(self, name: str) -> None:
        endpoint = self._endpoints.pop(name, None)
        if endpoint is not None:
            for task in endpoint.tasks:
                task.cancel()
            if endpoint.socket is not None:
                await endpoint.socket.close(1001)
            await endpoint.ice.close()

    async def _relay(self, socket: ServerConnection, path: str) -> None:
        name, _, query = path.rpartition("/")[2].partition("?")
        endpoint = self._endpoints.get(name)
        if endpoint is None or query != f"pwd={endpoint.password}" or "Origin" not in socket.request.headers:  # type: ignore[union-attr]
            await socket.close(1008)
            return
        endpoint.socket = socket
        await socket.send(json.dumps({"colibriClass": "ServerHello", "version": "2.3"}))
        await socket.send(
            json.dumps({"colibriClass": "DominantSpeakerEndpointChangeEvent", "dominantSpeakerEndpoint": ""})
        )
        try:
            async for text in socket:
                said = json.loads(text)
                if said["colibriClass"] != "EndpointMessage":
                    continue
                said["from"] = name
                targets = [said["to"]] if said["to"] else [other for other in self._endpoints if other != name]
                for target in targets:
                    other = self._endpoints.get(target)
                    if other is not None and other.socket is not None:
                        with contextlib.suppress(ConnectionClosed):
                            await other.socket.send(json.dumps(said))
        finally:
            if endpoint.socket is socket:
                endpoint.socket = None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--without-ice", action="store_true")
    options = parser.parse_args()
    asyncio.run(Bridge(options.port, not options.without_ice).serve())
