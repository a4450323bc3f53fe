"""A chat with rooms in a Starlette application, by Posewire's connection hub and nothing else of it.

    pip install posewire uvicorn
    uvicorn starlette_hub:app

Then open ws://127.0.0.1:8000/ws/hall/ann and ws://127.0.0.1:8000/ws/hall/bob with any WebSocket client. FastAPI's
WebSocket is Starlette's: the same lines work there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from posewire.hub import ConnectionHub, Group, Limits
from posewire.hub.starlette import StarletteConnection, accepted

hub: ConnectionHub[StarletteConnection] = ConnectionHub(Limits(ping_after=0, idle_after=600))


async def talk(websocket: WebSocket) -> None:
    """Pass every message on to the others in the room."""
    room, name = websocket.path_params["room"], websocket.path_params["name"]
    async with accepted(websocket, hub, device=name, groups=[Group("room", room)]) as connection:
        hub.send_group("room", room, {"type": "joined", "name": name}, but=[connection.id])
        async for message in connection:
            content = message if isinstance(message, bytes) else {"type": "said", "name": name, "text": message}
            hub.send_group("room", room, content, but=[connection.id], droppable=isinstance(message, bytes))


async def statistics(request: Request) -> JSONResponse:
    """Tell who is there."""
    return JSONResponse(hub.statistics())


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Watch the connections as long as the application runs."""
    hub.start()
    yield
    hub.stop()


app = Starlette(routes=[WebSocketRoute("/ws/{room}/{name}", talk), Route("/statistics", statistics)], lifespan=lifespan)
