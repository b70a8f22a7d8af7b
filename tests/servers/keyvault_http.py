"""The HTTPS face of the Key Vault stand-in: connections, routes, the request log and the faults of the wire."""

import json
import ssl
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers import keyvault_answers as answers
from tests.servers.keyvault_answers import Answer, document
from tests.servers.keyvault_faults import Fault, twisted
from tests.servers.keyvault_tokens import TokenError
from tests.servers.listening import Listening

if TYPE_CHECKING:
    from tests.servers.keyvault_service import Service

CONTROL_PATH = "/control"
CONTROL_HEADER = "X-Control-Key"
IMDS_PATH = "/metadata/identity/oauth2/token"
APP_SERVICE_PATH = "/msi/token"


@dataclass(frozen=True)
class Logged:
    """One request as the log keeps it: no body, no token, no value."""

    number: int
    at: float
    method: str
    path: str
    query: str
    host: str
    """What the client took us for."""
    identity: str
    """Whose token it was; empty when none was sent or it was refused."""
    token_sent: bool
    """An `Authorization` header came along, good or not."""
    status: int
    """The status answered; 0 when the connection was broken instead."""


class Listener(Listening):
    """A threaded TLS server that can be stopped with connections open."""

    def __init__(self, service: "Service", port: int, certificate: Path) -> None:
        """Listen on loopback; port 0 takes a free one."""
        self.service = service
        super().__init__(port, Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake belongs to the connection's thread: a client that never speaks must not block the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def origin(self) -> str:
        """The address clients are given."""
        return f"https://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = 300
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for head and body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Write nothing; tests read `requests()`."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        if path == CONTROL_PATH:
            self._send(self._control(body))
            return
        service = self.server.service
        identity, refusal = self._identify(path)
        # Only a request that got past the door uses a fault or a throttle up; logins have no door.
        ours = _is_data_plane(path)
        fault = service.faults.take(self.command, path, urlsplit(self.path).query) if identity or not ours else None
        elsewhere = f"https://localhost:{self.server.server_port}{self.path}"
        answer = twisted(refusal or self._answer(path, body), fault, elsewhere=elsewhere)
        broken = fault is not None and fault.kind in ("reset", "cut")
        url = urlsplit(self.path)
        service.log(
            at=time.time(),
            method=self.command,
            path=path,
            query=url.query,
            host=self.headers.get("Host", ""),
            identity=identity,
            token_sent="Authorization" in self.headers,
            status=0 if broken else answer.status,
        )
        self._deliver(answer, fault)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = _serve  # noqa: N815 (names the base class looks for)

    def _identify(self, path: str) -> tuple[str, Answer | None]:
        """Return who calls the vault, or the challenge; everything else is open."""
        if not _is_data_plane(path):
            return "", None
        service = self.server.service
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        message = "AKV10000: Request is missing a Bearer or PoP token."
        if scheme.lower() == "bearer":
            try:
                return service.entra.mint.identify(token.strip(), audience=service.resource), None
            except TokenError as error:
                # AKV10022 is the service's number for a wrong audience; the others are not documented.
                message = f"AKV10022: {error}"
        return "", answers.challenge(message, authority=service.challenge_authority, resource=service.resource)

    def _answer(self, path: str, body: bytes) -> Answer:
        service, parts = self.server.service, [part for part in path.split("/") if part]
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if _is_data_plane(path):
            return service.take_throttle() or service.secrets.answer(self.command, parts, query, body)
        if path in (IMDS_PATH, APP_SERVICE_PATH):
            headers = {name.title(): value for name, value in self.headers.items()}
            headers["X-IDENTITY-HEADER"] = self.headers.get("X-IDENTITY-HEADER", "")
            return service.entra.managed_identity(query, headers, app_service=path == APP_SERVICE_PATH)
        if parts[1:] == ["v2.0", ".well-known", "openid-configuration"]:
            return service.entra.metadata(parts[0])
        if parts[1:] == ["oauth2", "v2.0", "token"] and self.command == "POST":
            return service.entra.token(parts[0], body)
        # A path of nobody's is a plain 404 without a code, as a front end would answer it.
        return Answer(404)

    def _control(self, body: bytes) -> Answer:
        try:
            result = self.server.service.control(self.headers.get(CONTROL_HEADER, ""), json.loads(body))
        except PermissionError:
            return Answer(403)
        except Exception as error:  # noqa: BLE001 (the test on the other side must hear of it, whatever it is)
            return document({"error": f"{type(error).__name__}: {error}"}, status=400)
        return document({"result": result})

    def _deliver(self, answer: Answer, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if fault and kind == "hang":
            self.server.stopping.wait(fault.seconds)
        if kind == "reset":
            self.close_connection = True
            return
        if fault and kind == "drip":
            self._drip(answer, fault.seconds)
            return
        self._send(answer, cut=kind == "cut")

    def _head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.body:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self._head(answer)
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut

    def _drip(self, answer: Answer, seconds: float) -> None:
        self._head(answer)
        for position in range(len(answer.body)):
            self.wfile.write(answer.body[position : position + 1])
            self.wfile.flush()
            if self.server.stopping.wait(seconds):
                return


def _is_data_plane(path: str) -> bool:
    return path.strip("/").partition("/")[0] in ("secrets", "deletedsecrets")


def as_dict(entry: Logged) -> dict[str, object]:
    """Return a log entry as it crosses the control endpoint."""
    return asdict(entry)
