"""The limits of one peer: messages a second by kind, and error messages that it is sent."""

from collections import Counter

from posewire.errors import WireError
from posewire.identity.audit import Audit
from posewire.log import LogThrottle
from posewire.server.connection.peer import Peer
from posewire.server.connection.settings import FloodSettings
from posewire.server.connection.token_bucket import TokenBucket
from posewire.wire.close_codes import POLICY_VIOLATION
from posewire.wire.messages import error_message

_ERROR_RATE, _ERROR_BURST = 10.0, 50
"""Error messages that one peer is sent in a second on average, and at once. Further ones are only counted."""


class PeerLimits:
    """Token buckets for text, audio and pose, and the answer to a peer that exceeds them or sends nonsense.

    ``counters`` get ``flood_<kind>`` and ``refused_<code>``; refusals of access are written to the audit log.
    """

    __slots__ = ("_audit", "_counters", "_errors", "audio", "frames", "pose", "text", "throttle")

    def __init__(self, settings: FloodSettings, counters: Counter[str], audit: Audit) -> None:
        self.text = TokenBucket(settings.text_rate, settings.text_burst)
        self.audio = TokenBucket(settings.audio_rate, settings.audio_burst)
        self.pose = TokenBucket(settings.pose_rate, settings.pose_burst)
        self.frames = TokenBucket(settings.text_rate, settings.text_burst, abuse=1)
        """Pings, pongs and pieces of messages: what is no whole message costs more to read than one."""

        self.throttle = LogThrottle(most=32)
        """Suppresses log lines that this peer causes again and again."""

        self._errors = TokenBucket(_ERROR_RATE, _ERROR_BURST)
        self._counters = counters
        self._audit = audit

    def flooded(self, peer: Peer, kind: str, bucket: TokenBucket) -> None:
        """Count a message beyond the limit. The peer is told once a flood; a flood that goes on is closed with 1008."""
        self._counters[f"flood_{kind}"] += 1
        if bucket.dropped == 1:
            error = WireError(f"too many {kind} messages a second: further ones are dropped", "too_many")
            self.refuse(peer, error, of_frame=kind != "text")
        elif bucket.is_abusive:
            peer.close(POLICY_VIOLATION, f"a flood of {kind} messages")

    def flooded_by_frames(self, peer: Peer) -> None:
        """Count a frame beyond the limit that is no whole message. It cannot be dropped: a flood is soon closed."""
        self._counters["flood_frames"] += 1
        if self.frames.is_abusive:
            peer.close(POLICY_VIOLATION, "a flood of pings, or of pieces of messages")

    def refuse(self, peer: Peer, error: WireError, of_frame: bool = False) -> None:
        """Count, log and send an error; a peer that causes hundreds of errors is closed with 1008."""
        self._counters[f"refused_{error.code}"] += 1
        suppressed = self.throttle.admit(error.code)
        if suppressed is not None:
            peer.log.warning("refused", code=error.code, why=str(error), suppressed=suppressed or None)
        if error.code in ("forbidden", "unauthorized"):
            self._audit.refused(
                error.code, peer.identity.principal.name, device=peer.device_id, peer=peer.peer, why=str(error)
            )
        if self._errors.try_acquire():
            peer.send(error_message(error, of_frame))
        elif self._errors.is_abusive:
            peer.close(POLICY_VIOLATION, "too many invalid messages")
