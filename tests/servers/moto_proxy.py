"""The loopback listener in front of moto: it logs each request, injects faults, and keeps limits that moto does not.

moto runs in this process as a WSGI application, so that a request costs one hop.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client

from tests.servers.listening import Listening
from tests.servers.moto_faults import WIRE, Fault, Faults

CONTROL_PATH = "/-/orders"
BATCH_LIMIT = 20
"""SecretIdList: "Maximum number of 20 items" in the API reference; moto takes more."""
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/")
_HTML = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"


class Logged(NamedTuple):
    """One request that reached the server, in the order of arrival."""

    operation: str
    """From X-Amz-Target, such as GetSecretValue; the Action of a query-protocol request such as STS's."""
    ids: tuple[str, ...]
    """The secret ids asked for, as they were asked."""
    version: str
    """VersionId or VersionStage, empty where none was asked for."""
    access_key_id: str
    """Empty for an unsigned request."""
    user_agent: str


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, object]:
        """Give the JSON object in the body."""
        found: dict[str, object] = json.loads(self.body)
        return found


def error(code: str, status: int, text: str = "", *, headers: Mapping[str, str] | None = None) -> Reply:
    """Give an error in the form of the AWS JSON protocol, version 1.1."""
    content = {"__type": code, "message": text, "Message": text}
    return Reply(status, json.dumps(content).encode(), {"x-amzn-RequestId": "0" * 32, **(headers or {})})


class Service:
    """moto, its log and the faults in waiting."""

    def __init__(self) -> None:
        """Load moto; it keeps everything in memory."""
        self._moto = Client(DomainDispatcherApplication(create_backend_app), use_cookies=False)
        self._lock = threading.Lock()
        self._log: list[Logged] = []
        self.faults = Faults()

    def log(self, entry: Logged) -> None:
        """Remember a request."""
        with self._lock:
            self._log.append(entry)

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Let moto answer."""
        answer = self._moto.open(path, method=method, headers=dict(headers), data=body)
        dropped = ("content-length", "connection", "date", "server")
        return Reply(
            answer.status_code,
            answer.get_data(),
            {name: value for name, value in answer.headers.items() if name.lower() not in dropped},
        )

    def call(self, operation: str, parameters: Mapping[str, object], region: str) -> Reply:
        """Ask moto's Secrets Manager directly, past log and faults."""
        credential = f"AWS4-HMAC-SHA256 Credential=setup/20260101/{region}/secretsmanager/aws4_request"
        headers = {
            "X-Amz-Target": f"secretsmanager.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": credential,
            "Host": f"secretsmanager.{region}.amazonaws.com",
        }
        return self.forward("POST", "/", headers, json.dumps(parameters).encode())

    def carry_out(self, order: str, arguments: Mapping[str, object]) -> object:
        """Do what a test orders."""
        if order == "fault":
            self.faults.add(Fault(**arguments))  # type: ignore[arg-type]  # the constructor checks the names
            return None
        if order == "clear":
            self.faults.clear(name=str(arguments["name"]), access_key_id=str(arguments["access_key_id"]))
            return None
        if order == "call":
            parameters = arguments["parameters"]
            assert isinstance(parameters, dict)
            reply = self.call(str(arguments["operation"]), parameters, str(arguments["region"]))
            return {"status": reply.status, "content": reply.content()}
        with self._lock:
            return len(self._log) if order == "mark" else [tuple(e) for e in self._log[int(str(arguments["since"])) :]]


class Listener(Listening):
    """Listens on a free port of 127.0.0.1."""

    def __init__(self, service: Service, control_key: str) -> None:
        """Bind; `serve_forever` answers."""
        self.service = service
        self.control_key = control_key
        super().__init__(0, Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = 300
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for head and body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
        """Write nothing; tests read `requests()`."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == CONTROL_PATH:
            self._send(self._control(body))
            return
        entry, parameters = self._read(body)
        self.server.service.log(entry)
        faults = self.server.service.faults.take(entry.operation, entry.access_key_id, entry.ids)
        wire = next((fault for fault in faults if fault.kind in WIRE), None)
        if wire is not None and wire.kind == "hang":
            self.server.stopping.wait(wire.seconds)
        self._deliver(self._answer(body, entry, parameters, faults), wire)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 — names the base class looks for

    def _read(self, body: bytes) -> tuple[Logged, dict[str, object]]:
        signed = _CREDENTIAL.search(self.headers.get("Authorization", ""))
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        parameters: dict[str, object] = json.loads(body) if target and body else {}
        if not target and (action := re.search(rb"(?:^|&)Action=(\w+)", body)):
            target = action[1].decode()
        listed = parameters.get("SecretIdList")
        ids = tuple(map(str, listed)) if isinstance(listed, list) else ()
        if "SecretId" in parameters:
            ids = (str(parameters["SecretId"]),)
        version = str(parameters.get("VersionId") or parameters.get("VersionStage") or "")
        agent = self.headers.get("User-Agent", "")
        return Logged(target, ids, version, signed[1] if signed else "", agent), parameters

    def _answer(self, body: bytes, entry: Logged, parameters: Mapping[str, object], faults: Sequence[Fault]) -> Reply:
        batch = entry.operation == "BatchGetSecretValue"
        if batch and len(entry.ids) > BATCH_LIMIT:
            return error("InvalidParameterException", 400, "SecretIdList has more than 20 members")
        described = entry.operation == "DescribeSecret"
        for fault in faults:
            answered = (described and fault.kind == "pending-deletion") or (batch and fault.name)
            if (found := fault.error()) and not answered:
                return _error_of(fault, found)
        if batch:
            signed = re.search(r"/([a-z0-9-]+)/secretsmanager/", self.headers.get("Authorization", ""))
            return self._batch(entry.ids, faults, signed[1] if signed else "us-east-1")
        reply = self.server.service.forward(self.command, self.path, dict(self.headers.items()), body)
        edits = [fault.kind for fault in faults if fault.error() is None or fault.kind == "pending-deletion"]
        if reply.status != 200 or not edits or "SecretId" not in parameters:
            return reply
        return replace(reply, body=json.dumps(_edited(reply.content(), edits)).encode())

    def _batch(self, ids: Sequence[str], faults: Sequence[Fault], region: str) -> Reply:
        values: list[dict[str, object]] = []
        errors: list[object] = []
        asked: list[str] = []
        for secret_id in dict.fromkeys(ids):
            mine = [fault for fault in faults if fault.name and fault.names(secret_id)]
            failed = next(((found, fault.message) for fault in mine if (found := fault.error())), None)
            if failed is not None:
                errors.append({"SecretId": secret_id, "ErrorCode": failed[0][0], "Message": failed[1]})
            elif not any(fault.kind == "omitted" for fault in mine):
                asked.append(secret_id)
        whole = self.server.service.call("BatchGetSecretValue", {"SecretIdList": asked}, region)
        # moto lets one secret without a value fail a whole batch, so that then each is asked for by itself.
        replies = [whole] if whole.status == 200 else [self._batch_of_one(secret_id, region) for secret_id in asked]
        for reply in replies:
            content = reply.content()
            values += content["SecretValues"]  # type: ignore[arg-type]  # lists, in moto's answer and in ours
            errors += content["Errors"]  # type: ignore[arg-type]
        edited = [_edited(v, [f.kind for f in faults if f.name and f.names(str(v["Name"]))]) for v in values]
        body = json.dumps({"SecretValues": edited, "Errors": errors}).encode()
        return Reply(200, body, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "0" * 32})

    def _batch_of_one(self, secret_id: str, region: str) -> Reply:
        reply = self.server.service.call("GetSecretValue", {"SecretId": secret_id}, region)
        content = reply.content()
        found: dict[str, list[object]] = {"SecretValues": [content], "Errors": []}
        if reply.status != 200:
            error = {"SecretId": secret_id, "ErrorCode": content["__type"], "Message": content.get("message", "")}
            found = {"SecretValues": [], "Errors": [error]}
        return replace(reply, status=200, body=json.dumps(found).encode())

    def _control(self, body: bytes) -> Reply:
        if self.headers.get("X-Control-Key", "") != self.server.control_key:
            return Reply(403, b"{}")
        order = json.loads(body)
        try:
            result = self.server.service.carry_out(order["order"], order["arguments"])
        except Exception as failure:  # noqa: BLE001 — the test on the other side must hear of it, whatever it is
            return Reply(400, json.dumps({"error": f"{type(failure).__name__}: {failure}"}).encode())
        return Reply(200, json.dumps({"result": result}).encode())

    def _deliver(self, reply: Reply, wire: Fault | None) -> None:
        kind = wire.kind if wire else ""
        if kind == "reset":
            self.close_connection = True
            return
        if wire is not None and kind == "html":
            reply = Reply(wire.status, _HTML, {"Content-Type": "text/html"})
        if kind == "huge":
            reply = Reply(200, json.dumps({"SecretString": "x" * 3_000_000}).encode())
        self._send(reply, cut=kind == "cut")

    def _send(self, reply: Reply, *, cut: bool = False) -> None:
        self.send_response_only(reply.status)
        headers = {"Date": formatdate(time.time(), usegmt=True), "Content-Type": "application/json", **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut


def _error_of(fault: Fault, found: tuple[str, int]) -> Reply:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    headers["Date"] = formatdate(time.time() + fault.date_offset, usegmt=True)
    return error(*found, fault.message, headers=headers)


def _edited(content: dict[str, object], kinds: Sequence[str]) -> dict[str, object]:
    """Make an answer about one secret wrong in the ways that were ordered."""
    edited = dict(content)
    if "wrong-secret" in kinds:
        arn = str(content["ARN"]).rpartition(":")[0]
        edited |= {"ARN": f"{arn}:somebody-elses-aBcDeF", "Name": "somebody-elses"}
    if "empty" in kinds:
        edited.pop("SecretString", None)
        edited.pop("SecretBinary", None)
    if "pending-deletion" in kinds:
        edited["DeletedDate"] = time.time()
    return edited


def content_of(value: str | bytes) -> dict[str, object]:
    """Give the parameter that carries a value: text as SecretString, bytes as SecretBinary."""
    if isinstance(value, str):
        return {"SecretString": value}
    return {"SecretBinary": base64.b64encode(value).decode()}
