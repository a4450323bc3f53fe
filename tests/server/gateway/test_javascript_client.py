"""The real JavaScript client from npm, in Node, as a member of a room."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posewire
from posewire.server.host import Host
from support.hosts import http_url
from support.programs.node import find_node
from support.programs.npm import npm_package

PROGRAM = Path(__file__).parent / "client.mjs"


@pytest.mark.parametrize("transport", ["websocket", "polling", "polling,websocket"])
async def test_a_page_takes_part_in_a_room(host: Host, transport: str) -> None:
    modules = await asyncio.to_thread(npm_package, "socket.io-client", "4.8.1")
    async with posewire.connect(host.url, device="arm") as connection:
        room = await connection.join("studio", publish=["pose"])
        poses, messages = room.poses(), room.messages()
        left: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        room.on("left", left.set_result)
        process = await asyncio.create_subprocess_exec(
            find_node(), str(PROGRAM), str(modules), http_url(host, "/"), transport, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None

        async def said() -> tuple[str, Any]:
            assert process.stdout is not None
            line = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
            return line["what"], line["data"]

        try:
            assert await said() == ("join", {"ok": True, "members": ["arm", "page"]})
            body = np.full((33, 4), 0.25)
            body[1] = np.nan
            sender = room.sender()
            sender.send(body=body)
            what, seen = await said()
            assert (what, seen["device"], seen["rows"]) == ("pose", "arm", 33)
            assert seen["first"] == pytest.approx([0.25] * 4, abs=1e-3)
            assert seen["second"] == [None] * 4
            pose = await asyncio.wait_for(anext(poses), 10)
            assert pose.device == "page"
            assert np.asarray(pose.values["body33"])[20] == pytest.approx([0.2, 0.5, 0, 1], abs=1e-3)
            assert await room.send("stop") == 1
            assert await said() == ("message", {"device": "arm", "data": "stop"})
            assert await said() == ("sent", {"ok": True, "delivered": 1})
            assert await said() == ("bytes", {"ok": True, "delivered": 1})
            what, error = await said()
            assert (what, error["code"]) == ("nonsense", "bad_pose")
            assert "body33 has 33 x 4 values" in error["message"]
            assert await said() == ("disconnect", "io client disconnect")
            assert (await anext(messages)).data == {"from": "page"}
            assert (await anext(messages)).data == b"\x01\x02\x03"
            assert (await asyncio.wait_for(left, 10))["reason"] == "left"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
