"""HTTP to OpenAI-compatible servers: address, key, connections, and errors that a user can act on."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from yarl import URL

from posewire.config import check_rules, more_than, read_secret
from posewire.errors import ConfigError, ProviderError
from posewire.http_client import Form, HttpAnswer, HttpClient, HttpError
from posewire.loopback import is_loopback

_log = logging.getLogger(__name__)

_MAX_MESSAGE = 300


@dataclass(frozen=True)
class OpenAiOptions:
    """The address of a server and the key to it: part of the options of each OpenAI-compatible provider."""

    base_url: str
    """The address from the server's documentation; most end in ``/v1``."""

    api_key_env: str = ""
    """Name of the environment variable that holds the key."""

    api_key_file: str = ""
    """File that holds the key."""

    timeout_s: Annotated[float, more_than(0, "seconds")] = 20.0
    """Longest silence of the server, before the answer and within it."""

    def __post_init__(self) -> None:
        check_rules(self)
        if not _is_address(self.base_url):
            raise ConfigError(f"base_url must be an address like http://127.0.0.1:8080/v1, not {self.base_url!r}")

    def key(self) -> str:
        """Read the key; empty when none is configured.

        Raises:
            ConfigError: the variable is not set, or the file cannot be read.
        """
        name = "api_key_file" if self.api_key_file else "api_key_env"
        return read_secret(name, self.api_key_file, self.api_key_env, needed=True)


class OpenAiServer:
    """HTTP to one server. Connections are kept and shared; a cancelled request closes its own at once.

    Raises:
        ConfigError: the key cannot be read.
    """

    def __init__(self, options: OpenAiOptions) -> None:
        self._base = options.base_url.rstrip("/")
        url = URL(self._base)
        key = options.key()
        if key and url.scheme == "http" and not is_loopback(url.host or ""):
            _log.warning("the key for %s goes over the network unencrypted: use https", url.host)
        self._client = HttpClient(options.timeout_s, key)

    @asynccontextmanager
    async def post(self, path: str, json: Any = None, form: Form | None = None) -> AsyncIterator[HttpAnswer]:
        """Send JSON, or the form that ``form`` makes, and give the answer, whose body is still to be read.

        Raises:
            ProviderError: the server cannot be reached, refused, broke off or was slow; also while the body is read.
        """
        where = self._base + path
        try:
            async with self._client.request("POST", where, repeatable=True, json=json, form=form) as response:
                if response.status != 200:
                    message = " ".join((await response.read()).decode(errors="replace").split())[:_MAX_MESSAGE]
                    raise ProviderError(f"{where} answers {response.status}: {message}")
                yield response
        except HttpError as error:
            raise ProviderError(f"{where} {error}") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def error_message(data: Mapping[str, Any]) -> str | None:
    """Return the message of an error that a server sent with the status of a success; None when there is none."""
    error = data.get("error")
    if not error:
        return None
    return str(error.get("message", error) if isinstance(error, Mapping) else error)[:_MAX_MESSAGE]


def _is_address(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        return False
