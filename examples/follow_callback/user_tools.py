"""A function of one's own for each pose: a lamp is on while both hands of whoever moves in the room are up.

config.json: {"pose": {"room": "studio", "receive": "body33"}}; board.json: the pin motor_forward, as a lamp.
"""

from posewire_fw import app

# Of body33.
NOSE = 0
LEFT_WRIST = 15
RIGHT_WRIST = 16
Y = 1


def register(tools, board):
    """Called by the firmware at start."""
    lamp = board.output_pin("motor_forward")

    def look(pose):
        if pose.there(NOSE) and pose.there(LEFT_WRIST) and pose.there(RIGHT_WRIST):
            nose = pose.at(NOSE, Y)
            lamp.value(1 if pose.at(LEFT_WRIST, Y) < nose and pose.at(RIGHT_WRIST, Y) < nose else 0)

    app.on("pose", look)
    app.on("pose_lost", lambda pose: lamp.value(0))
