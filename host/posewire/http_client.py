"""HTTP requests to other servers, over connections that are kept, with one kind of error."""

import asyncio
import functools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from yarl import URL

from posewire import __version__
from posewire.loopback import is_loopback

_CONNECT_TIMEOUT = 5.0
_KEEP = 30.0
"""Seconds for which an idle connection is kept: people pause between sentences, and a TLS handshake is slow."""

_LINGER = 0.02
"""Seconds to read the rest of an answer that its reader does not need; then the connection is closed instead."""

_LONGEST_LINE = 256 * 1024
MAX_BODY = 16 * 1024 * 1024
"""Longest body that is read whole, where nobody says less: a list of all states of a large home is a few megabytes."""

Form = Callable[[], aiohttp.FormData]
"""Makes a new form for each attempt: a sent form cannot be sent again."""

T = TypeVar("T")


class HttpError(Exception):
    """There is no answer, or only part of one. The message continues after the server's name, and holds no secret."""


class UntrustedError(HttpError):
    """The server's certificate is not trusted here."""


class NotTlsError(HttpError):
    """The server does not speak TLS, which its address asks for."""


class HttpAnswer:
    """An answer whose body is still unread; each piece of the body must arrive within the client's time-out.

    All methods that read raise ``HttpError``.
    """

    def __init__(self, response: aiohttp.ClientResponse, timeout: float) -> None:
        self.status = response.status
        self.content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        """The content type without parameters; empty where the server sends none."""

        self._content = response.content
        self._timeout = timeout

    @property
    def ok(self) -> bool:
        """Whether the server succeeded (2xx). Redirects are not followed."""
        return 200 <= self.status < 300

    async def read(self, most: int = MAX_BODY) -> bytes:
        """Return the whole body, of at most ``most`` bytes."""
        parts, size = [], 0
        while piece := await self.piece():
            parts.append(piece)
            size += len(piece)
            if size > most:
                raise HttpError("sends too much")
        return b"".join(parts)

    async def piece(self) -> bytes:
        """Return the next bytes of the body, at least one; empty at its end."""
        return await self._wait(self._content.readany())

    async def line(self) -> bytes:
        """Return the next line of the body with its end; empty at the body's end."""
        return await self._wait(self._content.readline())

    async def finish(self) -> None:
        """Read the rest for a moment, so that the connection can be used again."""
        try:
            async with asyncio.timeout(_LINGER):
                while not self._content.is_eof() and await self._content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, HttpProcessingError):
            pass

    async def _wait(self, reading: Awaitable[T]) -> T:
        # The library has a time-out of its own, but forgets it when a chunk's header makes no sense.
        try:
            async with asyncio.timeout(self._timeout):
                return await reading
        except TimeoutError:
            raise HttpError("does not answer in time") from None
        except (LineTooLong, ValueError):
            raise HttpError("sends a line that does not end") from None
        except (aiohttp.ClientError, HttpProcessingError) as error:
            raise _failure(error) from None


class HttpClient:
    """Sends requests with one time-out and one token. Connections are opened when needed, kept, and shared.

    The environment's proxies are used, but not between two programs of one machine.

    Args:
        timeout: longest silence of a server in seconds, before and within its answer; also the limit of the upload.
    """

    def __init__(self, timeout: float, token: str = "") -> None:
        self._timeout = timeout
        self._headers = {"User-Agent": f"posewire/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._proxies: dict[str, str] | None = None
        self._made: aiohttp.ClientSession | None = None
        self._closed = False

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, repeatable: bool = False, form: Form | None = None, **content: Any
    ) -> AsyncIterator[HttpAnswer]:
        """Send a request and yield its answer. A cancelled request closes its connection.

        Args:
            repeatable: whether it may be sent once more when the server hangs up without an answer: a kept connection
                may turn out to be dead.
            content: ``json=``, ``data=``, ``headers=`` as in aiohttp.

        Raises:
            HttpError: the server cannot be reached, broke off or is too slow, here or while the body is read.
        """
        response = await self._open(method, url, repeatable, form, content)
        try:
            answer = HttpAnswer(response, self._timeout)
            yield answer
            await answer.finish()
        finally:
            response.close()  # a connection whose answer was read to its end is kept all the same

    async def close(self) -> None:
        """Close the connections; later requests are refused."""
        self._closed = True
        if self._made is not None:
            await self._made.close()

    async def _open(
        self, method: str, url: str, repeatable: bool, form: Form | None, content: dict[str, Any]
    ) -> aiohttp.ClientResponse:
        try:
            address = URL(url)
            options = {**content, "proxy": self._proxy(address), "allow_redirects": False}
            if address.scheme == "https":
                options["ssl"] = _tls()
            for last in (not repeatable, True):
                if form is not None:
                    options["data"] = form()
                try:
                    # The library's own limit begins when the request is sent: it misses servers that read nothing.
                    async with asyncio.timeout(_CONNECT_TIMEOUT + 2 * self._timeout):
                        return await self._session().request(method, address, **options)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if last or isinstance(error, aiohttp.ClientConnectorError):
                        raise
        except TimeoutError:
            raise HttpError("does not answer in time") from None
        except aiohttp.ClientError as error:
            raise _failure(error) from None
        except ValueError:
            raise HttpError("has an address, a token or a proxy that cannot be used") from None
        raise AssertionError

    def _proxy(self, address: URL) -> str | None:
        host = address.host or ""
        if is_loopback(host):
            return None
        # Not the library's way: that reads passwords for hosts from ~/.netrc, too.
        if self._proxies is None:
            self._proxies = getproxies()
        proxy = self._proxies.get(address.scheme) or self._proxies.get("all")
        if not proxy or proxy_bypass(host):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _session(self) -> aiohttp.ClientSession:
        """Return the library's client, made late because it needs a running event loop."""
        if self._closed:
            raise HttpError("cannot be asked: this client is closed")
        if self._made is None:
            self._made = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_TIMEOUT, sock_read=self._timeout),
                # Without a bound: nobody must wait for another's request.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_LONGEST_LINE,
            )
        return self._made


def _failure(error: Exception) -> HttpError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return UntrustedError(_phrase(error))
        case aiohttp.ClientConnectorSSLError():
            return NotTlsError(_phrase(error))
    return HttpError(_phrase(error))


def _phrase(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "does not answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return "has a certificate that is not trusted here"
        case aiohttp.ClientConnectorDNSError():
            return "cannot be reached (its name is not known)"
        case aiohttp.ClientConnectorSSLError():
            return "cannot be reached (it does not speak TLS)"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return f"cannot be reached ({os.strerror(number) if number else type(error.os_error).__name__})"
        case aiohttp.ClientHttpProxyError():
            return f"cannot be reached (the proxy answers {error.status})"
        case ValueError():
            return "does not have a valid address"
    return f"broke off ({type(error).__name__})"


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return a context with the system's certificate authorities and Mozilla's: some systems have none for Python."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
