"""Tools of one's own, by example: a robot with two wheels that drives as far as it is told.

Put a file of this name on the board; register() is called once at start-up. What a tool returns is what the host hears;
a tool must not wait, so driving goes on in a task of its own.
"""

import asyncio

from machine import PWM
from posewire_fw.tools import integer, string

# How long the motors take for a metre, and how fast they turn (of 65535).
MS_A_METRE = 1500
DUTY = 40000


class Robot:
    """Two PWM pins of a motor driver: one drives forward, the other backward."""

    def __init__(self, forward, backward, tools):
        self._tools = tools
        self._pwm = {
            "forward": PWM(forward, freq=1000, duty_u16=0),
            "backward": PWM(backward, freq=1000, duty_u16=0),
        }
        self._task = None

    def drive(self, direction, meters):
        """Drive so many metres; a new order replaces the one under way."""
        self.stop()
        self._pwm[direction].duty_u16(DUTY)
        self._task = asyncio.create_task(self._stop_after(meters * MS_A_METRE))

    def stop(self):
        """Stand still."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._halt()

    def _halt(self):
        for pwm in self._pwm.values():
            pwm.duty_u16(0)

    async def _stop_after(self, milliseconds):
        await asyncio.sleep_ms(milliseconds)
        self._halt()
        self._task = None
        # The host may say something when it hears of this: [push.events.arrived] in its settings.
        self._tools.report("arrived")


def register(tools, board):
    """Called by the firmware with its tool registry and the board (board.pin(name) opens a pin of board.json)."""
    robot = Robot(board.pin("motor_forward"), board.pin("motor_backward"), tools)
    tools.tool(
        "self.robot.drive",
        "Drive forward or backward a number of metres.",
        {"direction": string(choices=("forward", "backward")), "meters": integer(1, 100)},
        robot.drive,
    )
    tools.tool("self.robot.stop", "Stop the robot.", {}, robot.stop)
