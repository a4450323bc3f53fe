"""A web server with the firmware folder, from which MicroPython's mip installs a package."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRMWARE = Path(__file__).parents[3] / "firmware"


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves packages with whole URLs: relative ones are for mip 0.4 (MicroPython 1.26) and newer."""

    def do_GET(self) -> None:
        if not self.path.endswith("package.json"):
            return super().do_GET()
        package = json.loads((FIRMWARE / self.path.lstrip("/")).read_text())
        host, port = self.connection.getsockname()[:2]
        package["urls"] = [[target, f"http://{host}:{port}/{source}"] for target, source in package["urls"]]
        body = json.dumps(package).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def package_server() -> Iterator[str]:
    """Serve the firmware folder; yields the server's address."""
    handler = functools.partial(_Handler, directory=str(FIRMWARE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
