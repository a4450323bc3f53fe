"""``webrtc``: a peer wants a data channel for its poses, or wants none any more."""

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.server.webrtc.service import WebRtcService
from posewire.wire.requests import WebRtcRequest


async def handle_webrtc(service: WebRtcService, peer: Peer, request: WebRtcRequest) -> None:
    """Answer an offer, or close the channel. A refusal names the offer: the peer goes on without."""
    datagrams = peer.datagrams
    if request.action == "close":
        if datagrams is not None:
            datagrams.use(None)
        return
    try:
        if datagrams is None:
            raise WireError("the two hellos have not agreed on webrtc", "not_available")  # noqa: TRY301
        datagrams.admit_offer()
        answer = await service.answer(datagrams, request.sdp)
    except WireError as error:
        refusal = {"number": request.number, "code": error.code, "message": str(error)}
        peer.send({"type": "webrtc", "event": "refused", **refusal})
        return
    peer.send({"type": "webrtc", "event": "answer", "number": request.number, "sdp": answer})
