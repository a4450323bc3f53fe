"""Stand-ins for a recogniser, a language model and a voice behind real HTTP, that answer at once.

``python -m posewire.bench.talk_backends SLOW_SHARE SLOW_SECONDS DISTINCT`` listens on a free port of 127.0.0.1 and
prints it. A share of the transcriptions takes its time, and says "slow": what one board waits for must not delay
another. With DISTINCT (1) each sentence has a number of its own, so that none was synthesized or encoded before.
"""

import asyncio
import itertools
import json
import random
import socket
import sys
from collections.abc import AsyncIterator

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

RATE = 24000
TONE = 440
"""The tone that every voice here speaks with, in Hz."""

_SENTENCE_S = 2.5
_ANSWER = (
    "This is the first sentence of the answer{}, ",
    "and it is followed by a second one{}. ",
    "Here it is, at last{}.",
)


def make_app(slow_share: float, slow_s: float, distinct: bool) -> Starlette:
    """Build the three endpoints of the OpenAI API."""
    steps = np.arange(round(_SENTENCE_S * RATE))
    tone = (6000 * np.sin(2 * np.pi * TONE / RATE * steps)).astype("<i2").tobytes()
    chance = random.Random(7)
    numbers = itertools.count(1)

    async def transcribe(request: Request) -> JSONResponse:
        await request.body()
        if chance.random() < slow_share:
            await asyncio.sleep(slow_s)
            return JSONResponse({"text": "slow"})
        return JSONResponse({"text": "quick"})

    async def chat(request: Request) -> StreamingResponse:
        await request.body()

        async def events() -> AsyncIterator[str]:
            for part in _ANSWER:
                text = part.format(f" {next(numbers)}" if distinct else "")
                yield f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n"
            yield f"data: {json.dumps({'choices': [{'delta': {}, 'finish_reason': 'stop'}]})}\n\ndata: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    async def speak(request: Request) -> Response:
        await request.body()
        return Response(tone, media_type="audio/pcm")

    return Starlette(
        routes=[
            Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/audio/speech", speak, methods=["POST"]),
        ]
    )


def main() -> None:
    """Serve."""
    app = make_app(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "1")
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - for the process that started this one
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
