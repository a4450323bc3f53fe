"""A recorder for months: the poses of a room as lines of JSON, a file an hour; hosts may come and go meanwhile.

"posewire record" keeps everything, to be played back; this keeps what somebody wants to count later.

usage: recorder.py [HOST-URL] [FOLDER]
"""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

import posewire
from posewire.client.recovery import PATIENT_RECOVERY


async def main(url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    # It waits for a host, comes back by itself, and asks for its room again, for as long as it takes.
    host = posewire.connect(url, device="recorder", wait=True, recovery=PATIENT_RECOVERY)
    host.on("changed", lambda old, new: print(new.value, flush=True))
    async with host:
        room = await host.join("studio")
        async for pose in room.poses():
            line = {"at": round(time.time(), 3), "device": pose.device, "age_ms": round(pose.age_ms, 1)}
            line["sets"] = {name: values.round(4).tolist() for name, values in pose.values.items()}
            with (folder / time.strftime("%Y-%m-%d_%H.jsonl")).open("a") as file:
                file.write(json.dumps(line) + "\n")
        print(f"no longer in the room: {room.closed}", flush=True)


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/posewire/v1/"
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(url, Path(sys.argv[2] if len(sys.argv) > 2 else "recordings")))
