"""The errors of Posewire: one small tree with stable codes.

The codes go over the wire (``{"type":"error","code":...}``) and are listed in ``docs/wire.md`` section 2.1.
"""


class PosewireError(Exception):
    """Base of all errors raised on purpose. ``code`` is stable; the message names the remedy."""

    code = "internal"


class ConfigError(PosewireError):
    """A setting is missing, unknown or out of range; the message names it."""

    code = "bad_config"


class SystemRefusalError(PosewireError):
    """The system does not do what is asked: a disk is full, a file may not be written; the message names it."""

    code = "system"


class BoardError(PosewireError):
    """A board definition is missing or not valid; the message names the change to make."""

    code = "bad_board"


class InstallError(PosewireError):
    """A step between this machine and a board's serial port failed; the message names the remedy."""

    code = "install"


class WireError(PosewireError):
    """A peer's message or request is refused. The peer gets ``code`` and the message."""

    code = "bad_message"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class PairingPendingError(WireError):
    """A device's token is genuine, but nobody has confirmed its pairing code yet."""

    code = "unauthorized"


class FrameError(WireError):
    """A binary message does not parse."""

    code = "bad_frame"


class PoseError(WireError):
    """A pose packet does not parse, or does not decode against the decoder's references."""

    code = "bad_pose"


class RoomError(WireError):
    """A room operation is not possible; ``code`` names the reason."""

    code = "room_denied"


class HostUnreachableError(PosewireError):
    """The host is not there, or what is there is none; ``code`` and the message say why."""

    code = "not_available"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class UnauthorizedError(HostUnreachableError):
    """The host does not let this program in: its token is missing, wrong, expired or revoked."""

    code = "unauthorized"


class NotConnectedError(PosewireError):
    """There is no connection to the host, and there will be none: it was closed, or its attempts were given up."""

    code = "not_connected"


class QueueFullError(PosewireError):
    """Too much waits to be sent. ``capacity``: how much may wait; ``retry_after``: seconds after which to try again."""

    code = "queue_full"

    def __init__(self, message: str, *, capacity: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.capacity = capacity
        self.retry_after = retry_after


class NotDeliveredError(PosewireError):
    """Messages did not reach the host. ``count``: how many."""

    code = "not_delivered"

    def __init__(self, message: str, *, count: int = 1) -> None:
        super().__init__(message)
        self.count = count


class AnswerTimeoutError(PosewireError):
    """The host did not answer in time. ``threshold``: the seconds that it had."""

    code = "timeout"

    def __init__(self, message: str, *, threshold: float) -> None:
        super().__init__(message)
        self.threshold = threshold


class ToolError(PosewireError):
    """A device tool failed or did not answer in time."""

    code = "tool_failed"


class ProviderError(PosewireError):
    """A voice engine is not installed, not configured, or failed."""

    code = "not_available"


class StoreError(PosewireError):
    """The embedded store cannot be opened, is overloaded, or the disk failed."""

    code = "store"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class SimulatorError(PosewireError):
    """The simulated board could not be started, or stopped answering."""

    code = "simulator"


class ProvisioningError(PosewireError):
    """A board could not be given its settings; the message names the remedy."""

    code = "provisioning"


class UpdateError(PosewireError):
    """A board's firmware could not be updated; ``code`` names the reason."""

    code = "update_failed"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
