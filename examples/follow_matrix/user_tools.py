"""A matrix of WS2812 LEDs shows the body in the room as dots: hands green, feet blue, all else white.

config.json: {"pose": {"room": "studio", "receive": "body33"}}; board.json: the pin matrix. A pose that is held is
dimmed, one that is lost leaves the matrix dark.
"""

import neopixel
from posewire_fw import app

WIDTH = 5
HEIGHT = 5

WHITE = (12, 12, 12)
GREEN = (0, 40, 0)
BLUE = (0, 0, 40)
# Of body33: wrists to thumbs, ankles to toes.
HANDS = range(15, 23)
FEET = range(27, 33)
X = 0
Y = 1


class Matrix:
    """Draws into the LEDs' own buffer: nothing is allocated for a pose."""

    def __init__(self, pin):
        self._pixels = neopixel.NeoPixel(pin, WIDTH * HEIGHT)

    def draw(self, pose):
        self._clear()
        for landmark in range(pose.landmarks):
            if pose.there(landmark):
                color = GREEN if landmark in HANDS else BLUE if landmark in FEET else WHITE
                self._dot(pose.at(landmark, X, WIDTH), pose.at(landmark, Y, HEIGHT), color)
        self._pixels.write()

    def dim(self, pose):
        buf = self._pixels.buf
        for i in range(len(buf)):
            buf[i] >>= 2
        self._pixels.write()

    def dark(self, pose):
        self._clear()
        self._pixels.write()

    def _dot(self, column, row, color):
        if 0 <= column < WIDTH and 0 <= row < HEIGHT:
            self._pixels[row * WIDTH + column] = color

    def _clear(self):
        buf = self._pixels.buf
        for i in range(len(buf)):
            buf[i] = 0


def register(tools, board):
    """Called by the firmware at start."""
    matrix = Matrix(board.pin("matrix"))
    app.on("pose", matrix.draw)
    app.on("pose_held", matrix.dim)
    app.on("pose_lost", matrix.dark)
