"""A webcam as a member of a room, in twenty lines: pip install 'posewire[camera]'.

usage: camera_to_room.py [HOST-URL] [CAMERA OR VIDEO]
"""

import sys

import cv2
import mediapipe

import posewire

url = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/posewire/v1/"
source = sys.argv[2] if len(sys.argv) > 2 else "0"
camera = cv2.VideoCapture(int(source) if source.isdigit() else source)
with posewire.sync.connect(url, device="camera") as host, mediapipe.solutions.holistic.Holistic() as model:
    sender = host.join("studio", publish=["pose"], subscribe=[]).sender(fps=30)
    while True:
        there, image = camera.read()
        if not there:
            break
        results = model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        sender.send(results)
print(sender.statistics()["sent"], "poses sent")
