"""The orders to a running host from outside: restart, and read the configuration again."""

from collections.abc import Awaitable, Callable

from posewire.errors import WireError


class HostControl:
    """The two orders. The process that runs the host sets them; a host inside a test has neither."""

    def __init__(self) -> None:
        self.on_restart: Callable[[], None] | None = None
        self.on_reload: Callable[[], Awaitable[str]] | None = None

    def restart(self) -> None:
        """Stop gracefully and start again.

        Raises:
            WireError: ``not_available``.
        """
        if self.on_restart is None:
            raise WireError("this host cannot restart itself", "not_available")
        self.on_restart()

    async def reload(self) -> str:
        """Read the configuration again; return the changes, in words.

        Raises:
            WireError: ``not_available``.
            ConfigError: the new configuration is not valid.
        """
        if self.on_reload is None:
            raise WireError("this host has no configuration file", "not_available")
        return await self.on_reload()
