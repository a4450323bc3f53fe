"""The certificate for TLS peers, loaded again when its files change: its renewal restarts nothing."""

import asyncio
import ssl
from pathlib import Path

from posewire.errors import ConfigError
from posewire.file_stamp import FileStamp
from posewire.log import EventLog


class Certificate:
    """A server's TLS context. Call ``refresh`` now and then: later handshakes use the files' new content."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read the files; ``key``: empty where the certificate's file holds it. Blocks.

        Raises:
            ConfigError: they cannot be read, or do not belong together.
        """
        self._files = (certificate, key or None)
        self._log = EventLog()
        self._stamp = FileStamp(*(Path(file) for file in self._files if file))
        self.context = self._load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))

    async def refresh(self) -> None:
        """Load the files when they have changed since the last call; while they do not fit, the old ones stay."""
        if not await asyncio.to_thread(self._stamp.changed):
            return
        try:
            # Tried elsewhere first: half a renewal (the certificate without its key) would leave this context with it.
            await asyncio.to_thread(self._load, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
            self._load(self.context)
        except ConfigError as error:
            self._log.warning("certificate_refused", why=str(error))
        else:
            self._log.info("certificate_renewed", file=self._files[0])

    def _load(self, context: ssl.SSLContext) -> ssl.SSLContext:
        try:
            context.load_cert_chain(*self._files)
        except OSError as error:
            raise ConfigError(f"[server] certificate {self._files[0]}: {error.strerror or error}") from None
        return context
