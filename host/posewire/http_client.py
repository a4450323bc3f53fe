"""Requests to other servers, from the host and its commands: connections that are kept, and one kind of error."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import certifi
from yarl import URL

from posewire import __version__

_CONNECT_TIMEOUT = 5.0
_KEEP = 30.0
"""Seconds for which an idle connection is kept: people pause between two sentences, and a TLS handshake is slow."""

_LINGER = 0.1
"""Seconds that the rest of an answer may take whose reader is content, before its connection is given up for it."""

_LONGEST_LINE = 256 * 1024


class HttpError(Exception):
    """No answer, or half of one. The message goes on where the server's name ends, and has no address in it."""


class HttpClient:
    """Requests with one time-out and one token. Connections are made when needed, kept, and shared.

    Args:
        timeout: longest silence of a server in seconds, before the answer and within it; also for the request's upload.
        trust_env: whether the proxies of the environment are used.
    """

    def __init__(self, timeout: float, token: str = "", trust_env: bool = True) -> None:
        self._timeout = timeout
        self._headers = {"User-Agent": f"posewire/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._trust_env = trust_env
        self._made: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        repeatable: bool = False,
        form: Callable[[], aiohttp.FormData] | None = None,
        **content: Any,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its answer, whose body is still to be read. A cancelled one closes its connection.

        Args:
            url: with everything in it quoted that has to be.
            repeatable: whether it may be sent once more, when a kept connection turns out to be dead.
            form: makes the form to be sent.
            content: ``json=``, ``data=``, ``headers=`` as in aiohttp.

        Raises:
            HttpError: not reachable, broken off or too slow, here or while the body is read.
        """
        try:
            response = await self._open(method, url, repeatable, form, content)
            try:
                yield response
                await _finish(response)
            finally:
                response.close()  # a connection whose answer was read to its end is kept all the same
        except aiohttp.ClientError as error:
            raise HttpError(_phrase(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.close()

    async def _open(
        self,
        method: str,
        url: str,
        repeatable: bool,
        form: Callable[[], aiohttp.FormData] | None,
        content: dict[str, Any],
    ) -> aiohttp.ClientResponse:
        address = URL(url, encoded=True)
        if address.scheme == "https":
            content = {**content, "ssl": _tls()}
        for last in (not repeatable, True):
            if form is not None:
                content = {**content, "data": form()}
            try:
                # The library's own limit begins when the request is sent: a server that does not read it is not met.
                async with asyncio.timeout(_CONNECT_TIMEOUT + 2 * self._timeout):
                    return await self._session().request(method, address, allow_redirects=False, **content)
            except TimeoutError:
                raise HttpError("does not answer in time") from None
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if last or isinstance(error, aiohttp.ClientConnectorError):
                    raise
        raise AssertionError

    def _session(self) -> aiohttp.ClientSession:
        """The library's client, made late: it wants a running event loop."""
        if self._made is None:
            self._made = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_TIMEOUT, sock_read=self._timeout),
                # Without a bound: nobody must wait for another's request.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._trust_env,
                read_bufsize=_LONGEST_LINE,
            )
        return self._made


async def _finish(response: aiohttp.ClientResponse) -> None:
    """Read what is left of an answer, so that its connection can be used again; not for long."""
    if not response.content.is_eof():
        try:
            async with asyncio.timeout(_LINGER):
                async for _ in response.content.iter_any():
                    pass
        except (TimeoutError, aiohttp.ClientError):
            pass


def _phrase(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ServerTimeoutError):
        return "does not answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "has a certificate that is not trusted here"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot be reached ({error.os_error.strerror or type(error.os_error).__name__})"
    if isinstance(error, aiohttp.InvalidURL):
        return "has an address that is none"
    return f"broke off ({type(error).__name__})"


@functools.cache
def _tls() -> ssl.SSLContext:
    """The system's certificate authorities and Mozilla's: some systems have none where Python looks for them."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
