"""What packets decoded to, so that several receivers of the same streams decode each of them once."""

from collections.abc import Callable

from posewire.wire.pose.frame import FrameState

_CAPACITY = 64


class FrameCache:
    """Keeps what the last 64 packets decoded to.

    That depends on nothing but the packet and the frame that it was coded against. Decoders with the same cache hold
    the same frames, as objects; one that holds another decodes for itself.
    """

    def __init__(self) -> None:
        # The reference is kept, so that its id names no other one.
        self._kept: dict[tuple[bytes, int], tuple[FrameState | None, FrameState]] = {}

    def state(self, packet: bytes, reference: FrameState | None, decode: Callable[[], FrameState]) -> FrameState:
        """Return what the packet decodes to against a reference; ``decode`` finds it out where that is not known.

        Raises:
            PoseError: ``decode`` did.
        """
        key = packet, id(reference)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = reference, decode()
            if len(self._kept) > _CAPACITY:
                del self._kept[next(iter(self._kept))]
        return found[1]
