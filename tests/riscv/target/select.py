"""Enough of select for asyncio to be imported and to sleep: this machine has nothing that could be polled."""

import time

POLLIN = 1
POLLOUT = 4
POLLERR = 8
POLLHUP = 16


class poll:  # noqa: N801
    def register(self, _stream, _events=0):
        raise OSError("nothing can be polled here")

    def ipoll(self, timeout=-1, _flags=0):
        assert timeout >= 0, "nothing would ever wake this"
        time.sleep_ms(timeout)
        return ()
