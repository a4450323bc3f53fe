"""The errors that the parts of an update share. Loaded with them."""

from micropython import const

# Bytes of a file in one message: with base64 and the JSON around it, it fits into the largest message that is taken.
PIECE = const(1536)


class UpdateError(Exception):
    """Why an update cannot go on: a code for programs and a sentence for people."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code
