"""Both wrists of whoever moves in a room as OSC, for a synthesizer: pip install 'posewire[osc]'.

What is wanted is rarely all that there is: "posewire bridge osc" sends everything, this sends what one patch needs.

usage: room_to_osc.py [HOST-URL] [OSC-PORT]
"""

import sys

from pythonosc.udp_client import SimpleUDPClient

import posewire

url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/posewire/v1/"
synthesizer = SimpleUDPClient("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 57120)
LEFT_WRIST, RIGHT_WRIST = 15, 16

with posewire.sync.connect(url) as host:
    for pose in host.join("studio").poses():
        body = pose.values.get("body33")
        if body is None:
            continue
        for name, landmark in (("left", LEFT_WRIST), ("right", RIGHT_WRIST)):
            x, y, _, seen = body[landmark]
            if seen > 0.5:
                synthesizer.send_message(f"/{name}/pan", float(2 * x - 1))
                synthesizer.send_message(f"/{name}/pitch", float(1 - y))
