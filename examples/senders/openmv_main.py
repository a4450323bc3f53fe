"""OpenMV: the largest spot of a colour, as a custom set of one landmark (x, y, size), over UART to a Posewire board.

Copy it with posewire_sender.py. Wire: the camera's TX (P4) to the board's uart_rx, GND to GND. With a pose model of
your own, send COCO17 as maixcam_main.py does.
"""

import time

import sensor
from machine import UART
from posewire_sender import CUSTOM, MISSING, frame

BAUD = 921600
# L, a, b: something red.
COLOR = [(30, 100, 30, 127, 10, 127)]

line = UART(3, BAUD)
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.skip_frames(time=500)

while True:
    picture = sensor.snapshot()
    spots = picture.find_blobs(COLOR, pixels_threshold=50, area_threshold=50, merge=True)
    values = [MISSING] * 3
    if spots:
        spot = max(spots, key=lambda found: found.pixels())
        values = [spot.cx() / picture.width(), spot.cy() / picture.height(), spot.w() / picture.width()]
    line.write(frame(CUSTOM, 1, 3, time.ticks_ms(), values))
