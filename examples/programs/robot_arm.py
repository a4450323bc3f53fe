"""A robot arm follows the right wrist of a person: a line with the angles of its three servos, 50 times a second.

The arm has a base that turns, and two links of equal length. The wrist, seen from the shoulder, is scaled to the reach
of the arm; where nobody is seen, or the pose is old, it stays where it is. Pipe the lines to what drives the servos.

usage: robot_arm.py [HOST-URL] [SECONDS]
"""

import json
import math
import sys
import time

import posewire

SHOULDER, WRIST = 12, 16
LINK = 0.12
"""Length of a link in metres."""

REACH_OF_A_PERSON = 0.55
OLDEST_MS = 300
SMOOTH = 0.2
RATE = 50


def target(world):
    """The wrist from the shoulder in the arm's own space: x forward, y left, z up; None where it is not seen."""
    if world[SHOULDER, 3] < 0.5 or world[WRIST, 3] < 0.5:
        return None
    right, down, away = (world[WRIST, :3] - world[SHOULDER, :3]).tolist()
    # The camera looks at the person: what comes towards it is forward, what goes to the picture's left is the right.
    scale = 2 * LINK / REACH_OF_A_PERSON
    return -away * scale, right * scale, -down * scale


def angles(x, y, z):
    """Base, shoulder and elbow in degrees, so that the end of the arm is there, or as near as it gets."""
    flat = math.hypot(x, y)
    distance = min(max(math.hypot(flat, z), 0.02), 2 * LINK * 0.999)
    bend = math.acos(distance / (2 * LINK))
    lift = math.atan2(z, flat)
    return math.degrees(math.atan2(y, x)), math.degrees(lift + bend), math.degrees(-2 * bend)


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/posewire/v1/"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else math.inf
    now = [0.0, 45.0, -90.0]
    end = time.monotonic() + seconds
    with posewire.sync.connect(url) as host:
        room = host.join("studio")
        while time.monotonic() < end and room.closed is None:
            poses = [room.latest(member) for member in room.members()]
            seen = [pose for pose in poses if pose and "world33" in pose.values and pose.age_ms < OLDEST_MS]
            at = target(seen[0].values["world33"]) if seen else None
            if at is not None:
                now = [before + SMOOTH * (wanted - before) for before, wanted in zip(now, angles(*at), strict=True)]
            print(json.dumps({"servos": [round(angle, 1) for angle in now], "follows": at is not None}), flush=True)
            time.sleep(1 / RATE)


if __name__ == "__main__":
    main()
