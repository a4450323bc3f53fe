"""The certificate that TLS peers are shown, taken anew when its files change: who renews it restarts nothing."""

import asyncio
import ssl
from pathlib import Path

from posewire.errors import ConfigError
from posewire.log import EventLog

_Stamp = list[tuple[int, int, int]] | None


class Certificate:
    """A server's TLS context. ``look`` now and then: handshakes after it see what is in the files."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read the files; ``key``: empty where the certificate's file holds it. Blocks.

        Raises:
            ConfigError: they cannot be read, or do not belong together.
        """
        self._files = (certificate, key or None)
        self._log = EventLog()
        self._stamp = self._stat()
        self.context = self._load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))

    async def look(self) -> None:
        """Take the files when they have changed since the last look; while they do not fit, the old ones stay."""
        stamp = await asyncio.to_thread(self._stat)
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
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

    def _stat(self) -> _Stamp:
        try:
            stats = [Path(file).stat() for file in self._files if file]
        except OSError:
            return None  # it is being replaced: it will be back
        return [(stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats]
