"""A connection of a hub, at the other end of which nobody is."""


class NotingConnection:
    """A ``Connection`` that notes what it is told; while ``broken``, it sends no text."""

    def __init__(self, received: float = 0.0) -> None:
        self.congested = False
        self.last_received = received
        self.messages = 0
        self.delivered = 0
        self.got: list[str | bytes] = []
        self.pings = 0
        self.closed: tuple[int, str] | None = None
        self.broken = False

    def send_text(self, text: str) -> None:
        if self.broken:
            raise OSError("broken")
        self.got.append(text)

    def send_binary(self, data: bytes) -> None:
        self.got.append(data)

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
