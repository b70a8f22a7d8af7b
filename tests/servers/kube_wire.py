"""An API server's wire on loopback that misbehaves as ordered: for what a healthy kube-apiserver does not do."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

Json = dict[str, object]
Headers = dict[str, str]


@dataclass(frozen=True)
class Say:
    """One answer; `body` bytes go out as they are."""

    status: int
    body: Json | bytes = b""
    headers: Headers = field(default_factory=dict)
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    cut: bool = False
    """Close the connection instead of answering."""
    hang: float = 0.0
    """Seconds before the answer."""


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass
class Wire:
    """A running server: `answers` are given in their order, then `otherwise` for ever."""

    url: str
    answers: deque[Say] = field(default_factory=deque)
    otherwise: Callable[[Heard], Say] = lambda _heard: Say(500)
    heard: list[Heard] = field(default_factory=list)

    def kubeconfig(self, folder: Path, **user: object) -> Path:
        """Write a kubeconfig for it; `user` is the user's entry, by default a token."""
        path = folder / "kubeconfig"
        content = {
            "clusters": [{"name": "wire", "cluster": {"server": self.url}}],
            "users": [{"name": "wire", "user": user or {"token": "wire-token"}}],
            "contexts": [{"name": "wire", "context": {"cluster": "wire", "user": "wire"}}],
            "current-context": "wire",
        }
        path.write_text(json.dumps(content))
        return path


@contextmanager
def serve() -> Iterator[Wire]:
    """Run one for a test."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            heard = Heard(self.command, self.path, dict(self.headers), self.rfile.read(length))
            wire.heard.append(heard)
            say = wire.answers.popleft() if wire.answers else wire.otherwise(heard)
            time.sleep(say.hang)
            if say.cut:
                self.close_connection = True
                return
            body = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
            self.send_response(say.status)
            for name, value in {"Content-Length": str(len(body)), **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self._write(body, say.drip)
            except OSError:
                self.close_connection = True

        def _write(self, body: bytes, drip: float) -> None:
            for part in [body] if not drip else [body[n : n + 1] for n in range(len(body))]:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(drip)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 — the names that http.server looks for

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """Say nothing of a client that went away."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    host, port = cast("tuple[str, int]", server.server_address)
    wire = Wire(f"http://{host}:{port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def secret(namespace: str, name: str, data: dict[str, str], *, version: str = "1", uid: str = "u1") -> Json:
    """Give a Secret as the API does; `data` is base64."""
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "type": "Opaque", "data": data}


def status(
    code: int, reason: str, *, kind: str = "secrets", name: str = "app", message: str = "", **more: object
) -> Say:
    """Give the API server's own failure."""
    details = {"kind": kind, "name": name, **more}
    body: Json = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "details": details}
    return Say(code, {**body, "code": code})
