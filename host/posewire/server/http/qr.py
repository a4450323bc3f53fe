"""``/api/qr``: a text as a QR code, for telephones that are to open what is on a screen."""

import io

import segno
from starlette.requests import Request
from starlette.responses import Response

from posewire.errors import WireError
from posewire.server.http.request import json_body, sender
from posewire.wire.messages import get_field

_MOST = 1000


async def make_qr(request: Request) -> Response:
    """Answer the code as a drawing (SVG): ``{"text"}``. The text is in the body, since a link may hold a token."""
    sender(request)
    text = get_field(await json_body(request), "text", str)
    if not 0 < len(text.encode("utf-8", "replace")) <= _MOST:
        raise WireError(f"a QR code holds a text of 1 to {_MOST} bytes here")
    drawing = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawing, kind="svg", scale=4, border=3, light="#fff", xmldecl=False)
    return Response(drawing.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
