"""A threaded HTTP server on loopback that can be stopped with connections open."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket


class Listening(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1; `serve_forever` answers, `stop` ends it at once."""

    daemon_threads = True
    # Pool clients open many connections at once; the default of 5 makes them retry the handshake.
    request_queue_size = 128

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        """Bind; port 0 takes a free one."""
        self.stopping = threading.Event()
        self._open: set[socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Remember the connection, so that `stop` can end it."""
        if isinstance(request, socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket | tuple[bytes, socket]) -> None:
        """Forget the connection."""
        if isinstance(request, socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that hang up or refuse a certificate are what many tests are about."""

    def stop(self) -> None:
        """Stop listening and end what is open, hanging requests included."""
        self.stopping.set()
        self.shutdown()
        for connection in list(self._open):
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:
                continue
        self.server_close()
