"""Whether somebody has begun to speak: the loudness of 20 ms pieces against a floor that follows the room.

Whole numbers only, and nothing allocated. It need not be clever: the host listens again, with a better detector.
"""

from micropython import const

# Mean absolute sample. Below this nothing is speech, however quiet the room.
_LEAST = const(120)
# Speech is so many times the floor.
_FACTOR = const(3)
# So many of the last pieces must be loud: a click or a step is over sooner.
_LOUD_PIECES = const(4)
# The floor falls fast (1/4 of the way a piece) and rises slowly (1/64), in 1/16 of a sample's unit.
_FALL = const(2)
_RISE = const(6)


class VoiceStart:
    """feed() the loudness of each piece; it is true when a voice has begun."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget what was heard; the floor of the room stays a first guess."""
        self._floor = _LEAST << 3
        self._loud = 0

    def feed(self, loudness):
        """Take one piece's mean absolute sample."""
        level = loudness << 4
        floor = self._floor
        if loudness > _LEAST and level > floor * _FACTOR:
            self._loud += 1
        elif self._loud:
            self._loud -= 1
        if level < floor:
            self._floor = floor - ((floor - level) >> _FALL)
        else:
            self._floor = floor + ((level - floor) >> _RISE)
        if self._loud < _LOUD_PIECES:
            return False
        self._loud = 0
        return True
