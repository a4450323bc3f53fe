"""``server``: an order to the host itself: restart, or read the configuration again."""

from typing import TYPE_CHECKING

from posewire.wire.requests import ServerCommand

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler

_SCOPES = {"restart": "server.restart", "update_config": "server.config"}


async def handle_server(conn: "ConnectionHandler", command: ServerCommand) -> None:
    """Do it, and tell how it went.

    Raises:
        WireError: ``forbidden``: neither the connection's token nor the message's secret grants it; ``unauthorized``:
            the secret is none of ours; ``too_many``: there were too many such.
        ConfigError: the new configuration makes no sense; the old one stays in force.
    """
    services = conn.services
    principal = conn.identity.principal
    if command.secret and not principal.allows(_SCOPES[command.action]):
        # Managers of stock servers connect as anybody and put their secret into the message.
        principal = services.failures.attempt(conn.address, lambda: services.authenticator.principal_of(command.secret))
    principal.require(_SCOPES[command.action])
    services.audit.record(f"server {command.action}", principal.name, device=conn.device_id, peer=conn.peer)
    conn.log.info("server", action=command.action, who=principal.name)
    if command.action == "restart":
        message = "the host restarts now; sessions can be resumed"
    else:
        message = await services.control.reload()
    conn.send(
        {"type": "server", "status": "success", "message": message, "content": {"action": command.action}},
    )
    if command.action == "restart":
        services.control.restart()
