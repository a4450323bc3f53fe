"""Two servos follow the wrists of whoever moves in the room: up when a hand goes up.

config.json: {"pose": {"room": "studio", "receive": "body33"}}; board.json: the pins servo_left and servo_right.
When nothing comes for half a second the servos stay where they are, after three seconds they let go (pose.hold_ms and
pose.relax_ms).
"""

from posewire_fw import app
from posewire_fw.servo import Servo

# Of body33.
LEFT_WRIST = 15
RIGHT_WRIST = 16
Y = 1


class Follower:
    """One servo, and the landmark that it follows."""

    def __init__(self, servo, landmark):
        self.servo = servo
        self._landmark = landmark

    def follow(self, pose):
        """y goes from 0 at the top of the picture to 1 at its bottom."""
        if pose.there(self._landmark):
            self.servo.move(1000 - pose.at(self._landmark, Y))


def register(tools, board):
    """Called by the firmware at start."""
    followers = (
        Follower(Servo(board.pin("servo_left")), LEFT_WRIST),
        # On the other side of the body: turned round.
        Follower(Servo(board.pin("servo_right"), low_us=2000, high_us=1000), RIGHT_WRIST),
    )

    def move(pose):
        for follower in followers:
            follower.follow(pose)

    def relax(pose):
        for follower in followers:
            follower.servo.relax()

    app.on("pose", move)
    app.on("pose_lost", relax)
