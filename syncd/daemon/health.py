"""The daemon's small HTTP server: /livez, /readyz and /metrics.

Live means that the loop turns; a store or a cluster that does not answer never fails it, since a restart would not
mend that. Ready means progress: everything was looked at once, and nothing has waited for several intervals.
"""

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from syncd import __version__

Answer = tuple[int, str, bytes]
"""Status, content type and body."""
PLAIN: Final = "text/plain; charset=utf-8"


class HealthServer:
    """Serves the answers it was given, on threads of its own."""

    def __init__(self, address: tuple[str, int], routes: dict[str, Callable[[], Answer]]) -> None:
        """Listen at once; raises OSError where the address is taken."""

        class Handler(_Handler):
            answers = routes

        self._server = _Server(address, Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="syncd-health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on, which a 0 in the configuration leaves open."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        # The library would print the traceback. A client that went away is nothing to tell; the rest is a defect,
        # which the thread's own hook tells.
        if not isinstance(sys.exc_info()[1], OSError):
            raise  # noqa: PLE0704 — called from the handler's `except`


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, Callable[[], Answer]]
    timeout = 5  # seconds; a client that sends nothing holds a thread no longer
    server_version = f"syncd/{__version__}"
    sys_version = ""

    def do_GET(self) -> None:
        self._send(body=True)

    def do_HEAD(self) -> None:
        self._send(body=False)

    def _send(self, *, body: bool) -> None:
        answer = self.answers.get(self.path.partition("?")[0])
        status, kind, content = answer() if answer else (404, PLAIN, b"not found\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: probes come every few seconds."""


def parse_address(listen: str) -> tuple[str, int]:
    """Split HOST:PORT; an empty host is every address. Raises ValueError."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
