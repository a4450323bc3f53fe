"""``server``: an order to the host itself: restart, or read the configuration again."""

from collections.abc import Callable

from posewire.identity.audit import Audit
from posewire.identity.principal import Principal
from posewire.server.connection.peer import Peer
from posewire.server.control import HostControl
from posewire.wire.requests import ServerCommand

_SCOPES = {"restart": "server.restart", "update_config": "server.config"}

LogIn = Callable[[str, str], Principal]
"""Returns the owner of a token that came from an address; raises WireError."""


async def handle_server(control: HostControl, audit: Audit, log_in: LogIn, peer: Peer, command: ServerCommand) -> None:
    """Carry out the order and report the result.

    Raises:
        WireError: ``forbidden``: neither the connection's token nor the message's secret grants it; ``unauthorized``:
            the secret is not valid; ``too_many``: too many secrets from this address were not valid.
        ConfigError: the new configuration is not valid; the old one stays in force.
    """
    principal = peer.identity.principal
    if command.secret and not principal.allows(_SCOPES[command.action]):
        # Managers of stock servers connect without a token and put their secret into the message.
        principal = log_in(command.secret, peer.address)
    principal.require(_SCOPES[command.action])
    audit.record(f"server {command.action}", principal.name, device=peer.device_id, peer=peer.peer)
    peer.log.info("server", action=command.action, who=principal.name)
    if command.action == "restart":
        message = "the host restarts now; sessions can be resumed"
    else:
        message = await control.reload()
    peer.send(
        {"type": "server", "status": "success", "message": message, "content": {"action": command.action}},
    )
    if command.action == "restart":
        control.restart()
