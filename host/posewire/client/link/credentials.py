"""The token that a program shows to the host: given, read from a file, or asked of a function."""

import asyncio
import base64
import inspect
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from posewire.errors import ConfigError

TokenSource = str | Path | Callable[[], str | Awaitable[str]] | None

RENEW_BEFORE = 30.0
"""Seconds before a JWT expires at which a new one is asked for."""


class Credentials:
    """Gives the token for the next attempt. A file is read, a function called, whenever a token is needed anew."""

    def __init__(self, source: TokenSource = None) -> None:
        self._source = source
        self._token: str | None = None

    @property
    def renewable(self) -> bool:
        """Whether asking again may bring another token."""
        return self._source is not None and not isinstance(self._source, str)

    async def token(self, refused: bool = False) -> str:
        """Return the token, empty for none. ``refused``: the host did not take the last one.

        Raises:
            ConfigError: the file cannot be read, the function failed, or what they gave is no token.
        """
        left = self.seconds_left()
        if self._token is None or refused or (left is not None and left < RENEW_BEFORE):
            self._token = _checked(await self._ask())
        return self._token

    def seconds_left(self) -> float | None:
        """Return the seconds until the present token expires; None: it is no JWT, or one without end."""
        expires = _expiry(self._token or "")
        return None if expires is None else expires - time.time()

    async def _ask(self) -> str:
        source = self._source
        if source is None or isinstance(source, str):
            return source or ""
        if isinstance(source, Path):
            try:
                return (await asyncio.to_thread(source.read_text)).strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"the token file {source} cannot be read: {error}") from None
        try:
            found = source()
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            raise ConfigError(f"the function that gives the token failed: {error!r}") from error


def _checked(token: object) -> str:
    if not isinstance(token, str):
        raise ConfigError(f"a token must be a text, not {type(token).__name__}")
    if any(not "!" <= character <= "~" for character in token):
        raise ConfigError("a token must not have blanks, line breaks or other characters than those of ASCII")
    return token


def _expiry(token: str) -> float | None:
    """Return the ``exp`` of a JWT (RFC 7519 section 4.1.4), unverified: the host verifies it."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None
