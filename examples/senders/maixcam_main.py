"""MaixCAM (MaixPy): the body that its YOLO pose model finds, over UART 0 (A16 is TX) to a board with Posewire.

Copy it with posewire_sender.py. Wire: MaixCAM's TX to the board's uart_rx, GND to GND.
"""

from maix import app, camera, nn, time, uart
from posewire_sender import COCO17, MISSING, frame

BAUD = 921600
MODEL = "/root/models/yolov8n_pose.mud"

detector = nn.YOLOv8(model=MODEL, dual_buff=True)
width = detector.input_width()
height = detector.input_height()
picture = camera.Camera(width, height, detector.input_format())
line = uart.UART("/dev/ttyS0", BAUD)

while not app.need_exit():
    bodies = detector.detect(picture.read(), conf_th=0.5, iou_th=0.45, keypoint_th=0.5)
    if not bodies:
        continue
    body = max(bodies, key=lambda found: found.w * found.h)
    values = []
    for i in range(17):
        x, y = body.points[2 * i], body.points[2 * i + 1]
        # Points that the model did not find are negative.
        values += [x / width, y / height, body.score] if x >= 0 and y >= 0 else [MISSING] * 3
    line.write(frame(COCO17, 17, 3, time.ticks_ms(), values))
