"""Two boards mirror each other: the servo of each leans as the other board is leant. Both have this file.

config.json of both: {"pose": {"room": "studio", "receive": "imu6"}}; board.json: the pin servo_left. Where more than
two boards are in the room, "from" in config.json names the one to follow.
"""

from posewire_fw import app
from posewire_fw.servo import Servo

# Of imu6: the accelerometer is its first row, in counts.
ACCELEROMETER = 0
Y = 1
COUNTS_PER_G = 4096


def register(tools, board):
    """Called by the firmware at start."""
    servo = Servo(board.pin("servo_left"))

    def lean(pose):
        """Upright is the middle; on its left or right side, 1 g, is the end."""
        counts = min(max(pose.at(ACCELEROMETER, Y, 1), -COUNTS_PER_G), COUNTS_PER_G)
        servo.move(500 + 500 * counts // COUNTS_PER_G)

    app.on("pose", lean)
    app.on("pose_lost", lambda pose: servo.relax())
