"""What pages of other servers may read: the JavaScript client, and why the host would not let them in.

Both say nothing of who is here. Still only a host that wants tokens, or one whose ``[auth] allowed_origins`` names the
page, shows them: without authentication a host on this machine is not to be found by whatever page is open.
"""

from starlette.requests import Request

from posewire.server.http.request import services
from posewire.server.page_access import header


def readable(request: Request) -> dict[str, str]:
    """Return the headers that let the page which asks read the answer (CORS); none where it may not."""
    settings = services(request).settings.auth
    if settings.required:
        return {"Access-Control-Allow-Origin": "*"}
    origin = header(request.headers, "Origin")
    if origin is None or origin not in settings.allowed_origins:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
