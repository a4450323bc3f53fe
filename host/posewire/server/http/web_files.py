"""The page and the JavaScript client: files of ``posewire/web``, as they are, compressed where that saves something."""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import posewire
from posewire.server.http.other_pages import readable

_FOLDER = Path(posewire.__file__).parent / "web"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""The files that are served: nothing else in the folder is."""

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # A newer host has newer files; the browser asks, and is told when it has them already.
    "Cache-Control": "no-cache",
}


class _File(NamedTuple):
    body: bytes
    compressed: bytes
    etag: str


def web_files(folder: str, index: str = "", for_other_pages: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for the files in a folder of ``posewire/web``; its route has ``{path:path}``, or none.

    ``index``: the file for a path that is empty or ends with a slash. ``for_other_pages``: pages of other servers may
    import the files, too.
    """
    base = _FOLDER / folder

    async def answer(request: Request) -> Response:
        path = request.path_params.get("path", "")
        if not path or path.endswith("/"):
            path += index
        file = (base / path).resolve()
        kind = _TYPES.get(file.suffix)
        if kind is None or not file.is_relative_to(base) or not file.is_file():
            raise HTTPException(404, "no such file")
        found = await asyncio.to_thread(_read, file, file.stat().st_mtime_ns)
        headers = {**_HEADERS, "ETag": found.etag, "Vary": "Accept-Encoding"}
        if for_other_pages:
            headers |= readable(request) | {"Vary": "Accept-Encoding, Origin"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        body = found.body
        if "gzip" in request.headers.get("accept-encoding", "") and len(found.compressed) < len(body):
            body, headers["Content-Encoding"] = found.compressed, "gzip"
        return Response(body, headers=headers, media_type=kind)

    return answer


@lru_cache(maxsize=128)
def _read(file: Path, _changed: int) -> _File:
    body = file.read_bytes()
    return _File(body, gzip.compress(body, 9, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:24]}"')
