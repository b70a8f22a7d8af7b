"""A Vault on loopback that is well but for the replies that a test puts in."""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.servers.wire import Reply, Request

TOKEN = "s.of-a-test"
LOGIN = "/v1/auth/approle/login"
READ = "/v1/secret/data/x"


def answered(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})


def said(status: int, *errors: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with errors, as Vault words them."""
    return answered({"errors": list(errors)}, status, headers)


def serving(head: bytes) -> Reply:
    """Send `head`, then a byte every 50 ms."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")

    return Reply(send=drip)


def _value() -> Reply:
    metadata = {"version": 1, "created_time": "2026-11-24T22:07:51Z", "deletion_time": "", "destroyed": False}
    return answered({"data": {"data": {"k": "v"}, "metadata": metadata}})


@dataclass
class Vault:
    """The script of a `Wire`: one KV 2 mount, one object, one AppRole."""

    replies: dict[str, Reply] = field(
        default_factory=lambda: {
            LOGIN: answered({"auth": {"client_token": TOKEN, "lease_duration": 900, "renewable": True}}),
            "/v1/auth/token/lookup-self": answered({"data": {}}),
            "/v1/auth/token/revoke-self": Reply(204),
            "/v1/sys/internal/ui/mounts/secret": answered(
                {"data": {"type": "kv", "path": "secret/", "options": {"version": "2"}}}
            ),
            READ: _value(),
        }
    )

    def __call__(self, request: Request) -> Reply:
        """Answer by the path."""
        return self.replies.get(request.target.partition("?")[0], Reply(404, b'{"errors":[]}'))
