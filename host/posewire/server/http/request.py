"""The parts of an endpoint: the host's services, authorisation, the JSON body, the audit log."""

from typing import Any

from starlette.requests import Request

from posewire.address_group import address_group
from posewire.errors import WireError
from posewire.identity.principal import Principal
from posewire.server.http.limits import RequestLimits
from posewire.server.page_access import PAGE_HEADER, cookie_token
from posewire.server.services import Services
from posewire.wire.json_text import parse_json

READ = "operator.read"
"""The scope to see devices, rooms and numbers."""

ACT = "operator.act"
"""The scope to call tools and to speak on devices."""

_READING = ("GET", "HEAD", "OPTIONS")


def services(request: Request) -> Services:
    """Return the services of the host that got the request."""
    found: Services = request.app.state.services
    return found


def limits(request: Request) -> RequestLimits:
    """Return the limits on requests of one kind."""
    found: RequestLimits = request.app.state.limits
    return found


def client_address(request: Request) -> str:
    """Return the address that a request comes from, empty where there is none."""
    return request.client.host if request.client is not None else ""


def client_group(request: Request) -> str:
    """Return the address that a request comes from, as it counts for limits."""
    return address_group(client_address(request))


def client_peer(request: Request) -> str:
    """Return the address and the port that a request comes from, empty where there are none."""
    return f"{request.client.host}:{request.client.port}" if request.client is not None else ""


def device_id(request: Request) -> str:
    """Return the device id in the path, as it is spelt everywhere here."""
    return str(request.path_params["device"]).lower()


def authorize(request: Request, need: str) -> Principal:
    """Return the sender of the request; operator endpoints call this first with the scope that they need.

    Raises:
        WireError: ``unauthorized``, ``forbidden`` or ``too_many``; all become HTTP answers.
    """
    principal = sender(request)
    principal.require(need)
    return principal


def sender(request: Request) -> Principal:
    """Return the sender of the request, whatever it may do.

    Raises:
        WireError: ``unauthorized``, ``forbidden`` or ``too_many``.
    """
    here = services(request)
    principal = here.failures.attempt(
        client_address(request), lambda: here.authenticator.principal(str(request.url), request.headers)
    )
    signed_in = "authorization" not in request.headers and cookie_token(request.headers)
    if signed_in and request.method not in _READING and PAGE_HEADER not in request.headers:
        raise WireError(f"a browser that has signed in must send its orders with the header {PAGE_HEADER}", "forbidden")
    return principal


async def json_body(request: Request) -> dict[str, Any]:
    """Return the body, a JSON object; an empty body is an empty object.

    Raises:
        WireError: ``bad_json``: the body is not JSON, or not an object.
    """
    data = await request.body()
    try:
        body = parse_json(data) if data else {}
    except ValueError as error:
        raise WireError(f"the body is not JSON: {error}", "bad_json") from None
    if not isinstance(body, dict):
        raise WireError("the body must be a JSON object", "bad_json")
    return body


def record_order(request: Request, who: Principal, event: str, device: str = "", **detail: str) -> None:
    """Write an operator's order to the audit log; no words and no names of people, which privacy may want erased."""
    services(request).audit.record(event, who.name, device=device[:64], peer=client_peer(request), **detail)
