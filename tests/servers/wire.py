"""A loopback HTTP server that answers what a test tells it to: the misbehaviour that no real server shows on demand."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

_REASONS: Final = {200: "OK", 204: "No Content", 307: "Temporary Redirect"}


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    target: str
    """Path and query, as they stood on the wire."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes out. Content-Length is added unless the headers frame the body themselves."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    send: Callable[[socket.socket], None] | None = None
    """Writes to the socket itself instead; the connection is closed after it."""


Script = Callable[[Request], Reply]


class Wire:
    """Serves a script, from threads; remembers every request."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port."""
        self.requests: list[Request] = []
        self.script = script
        wire = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                connection: socket.socket = self.request
                try:
                    if tls is not None:
                        connection = tls.wrap_socket(connection, server_side=True)
                    while wire._serve_one(connection):
                        pass
                except OSError:
                    pass  # the client went away, as several tests want it to
                finally:
                    connection.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve_one(self, connection: socket.socket) -> bool:
        request = _received(connection)
        if request is None:
            return False
        self.requests.append(request)
        reply = self.script(request)
        if reply.send is not None:
            reply.send(connection)
            return False
        headers = dict(reply.headers)
        if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
            headers["Content-Length"] = str(len(reply.body))
        head = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Said')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(head.encode() + b"\r\n" + reply.body)
        return True


def _received(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(65_536)):
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Request(method, target, headers, body)
