"""What a peer says in its offer (SDP, RFC 8866): one data channel, and no addresses that this host would send to."""

from posewire.errors import WireError

_NEEDED = ("a=fingerprint:", "a=ice-ufrag:", "a=ice-pwd:")
_ADDRESSES = ("a=candidate:", "a=end-of-candidates", "a=remote-candidates:")


def read_offer(sdp: str) -> str:
    """Return an offer without the addresses in it: the host answers at those from which it is reached.

    So nobody can make it send packets to others; and pages that hide their addresses are reached all the same.

    Raises:
        WireError: it is no offer of a data channel alone.
    """
    lines = sdp.replace("\r\n", "\n").split("\n")
    media = [line for line in lines if line.startswith("m=")]
    if len(media) != 1 or not media[0].startswith("m=application ") or "webrtc-datachannel" not in media[0]:
        raise WireError("an offer has one section: m=application … webrtc-datachannel, neither audio nor video")
    for needed in _NEEDED:
        if not any(line.startswith(needed) for line in lines):
            raise WireError(f"an offer has a line {needed}…")
    kept = [line for line in lines if line and not line.startswith(_ADDRESSES)]
    return "\r\n".join(kept) + "\r\n"
