"""How a command of the host is typed on its machine, for a page that shows commands to copy."""

from urllib.parse import urlsplit

from starlette.requests import Request

from posewire.identity.principal import Principal
from posewire.loopback import is_loopback
from posewire.own_command import config_option, own_command
from posewire.server.http.request import READ, client_address, services


def command_words(request: Request, who: Principal | None = None) -> dict[str, str]:
    """Return what a command begins with (``start``), and ends with where it uses the host's settings (``config``).

    Both have paths of the host's machine in them. Who may not look at the host, and is not on that machine, gets the
    command's name, and the word FILE in place of the file.
    """
    file = services(request).config_file
    if (who is not None and who.allows(READ)) or _is_here(request):
        return {"start": own_command(), "config": config_option(None if file is None else file.path)}
    return {"start": "posewire", "config": "" if file is None else " --config FILE"}


def _is_here(request: Request) -> bool:
    """Tell whether a browser on the host's own machine asks. A proxy there asks for others, under the host's name."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return is_loopback(client_address(request)) and is_loopback(name or "")
