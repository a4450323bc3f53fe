"""The loop of a game, sixty times a second and without asyncio: an own figure out, those of the others in.

The game is catching: whose hand is at the ball has caught it; the score is a state that all players share. Once a
second a line says what a screen would show.

usage: game_loop.py [HOST-URL] [NAME] [SECONDS]
"""

import json
import math
import sys
import time

import numpy as np

import posewire

RATE = 60
HAND = 16
REACH = 0.15
OLDEST_MS = 500


def figure(now):
    """This player's body: it stands, and its right hand goes round."""
    body = np.full((33, 4), 0.5)
    body[HAND, :2] = 0.5 + 0.3 * math.cos(now), 0.5 + 0.3 * math.sin(now)
    body[:, 3] = 1
    return body


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/posewire/v1/"
    name = sys.argv[2] if len(sys.argv) > 2 else "player"
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else math.inf
    with posewire.sync.connect(url, device=name, wait=True) as host, host.monitor() as monitor:
        room = host.join("arena", publish=["pose"])
        sender, score, caught = room.sender(fps=30), room.shared_state(), []
        room.on("message", lambda message: caught.append(message.data["caught_by"]))  # in the connection's thread
        began = shown = time.monotonic()
        while room.closed is None and time.monotonic() - began < seconds:
            now = time.monotonic()
            body = figure(now - began)
            sender.send(body=body)
            ball = 0.5 + 0.3 * math.cos(now / 3), 0.5 + 0.3 * math.sin(now / 3)
            if math.dist(body[HAND, :2], ball) < REACH and score.get("last") != name:
                score.update({"last": name, name: score.get(name, 0) + 1})
                room.post({"caught_by": name})
            poses = {member.device: room.latest(number) for number, member in room.members().items()}
            others = [device for device, pose in poses.items() if pose and pose.age_ms < OLDEST_MS]
            if now - shown >= 1:
                shown = now
                fps = monitor.latest().get("receive_fps", 0)
                print(json.dumps({"others": others, "score": dict(score), "caught": caught, "fps": fps}), flush=True)
                caught.clear()
            time.sleep(max(0.0, now + 1 / RATE - time.monotonic()))


if __name__ == "__main__":
    main()
