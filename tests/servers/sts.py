"""An STS on loopback that checks what moto believes: who asks, for which role, with which external id and tags.

It runs in the test's own process: `with Sts.running() as sts: ...`.
"""

import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import parse_qs

from tests.servers.canary import watch
from tests.servers.listening import Listening

WORDS = "canary-words-of-sts-77b1e0"
"""Stand in the text of each error."""


@dataclass
class Trust:
    """Whom a role trusts, and what its keys are like."""

    keys: set[str] = field(default_factory=set)
    """Access key ids that may take it on; with a role's ARN instead, the keys that were granted for that."""
    token: str = ""
    """The web identity that may."""
    external_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    life: float = 3600.0
    """Seconds that its keys last."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    operation: str
    role: str
    session: str
    access_key_id: str
    """Empty for an unsigned request."""
    answer: str
    """The access key id that was granted, or an error code."""


class Sts(Listening):
    """Knows roles, and hands out keys."""

    def __init__(self) -> None:
        """Bind a free port."""
        super().__init__(0, _Handler)
        self.roles: dict[str, Trust] = {}
        self.asked: list[Asked] = []
        self.failing: tuple[str, int] | None = None
        """Code and status of the answer to everything."""
        self.mangled = ""
        """A member of Credentials that is left out."""
        self.granted: dict[str, tuple[str, str]] = {}
        """Role and session token by the access key id."""
        self.lock = threading.Lock()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Run one."""
        server = cls()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.stop()

    @property
    def address(self) -> str:
        """For `stsEndpoint`."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, form: Mapping[str, str], access_key_id: str, session_token: str) -> tuple[int, str]:
        """Judge a request and give status and body."""
        role = form.get("RoleArn", "")
        found = self.failing or self._refusal(form, access_key_id, session_token)
        key_id = f"ASIA{secrets.token_hex(8).upper()}"
        told = Asked(
            form["Action"], role, form.get("RoleSessionName", ""), access_key_id, found[0] if found else key_id
        )
        with self.lock:
            self.asked.append(told)
            if found:
                return found[
                    1
                ], f"<ErrorResponse><Error><Code>{found[0]}</Code><Message>{WORDS}</Message></Error></ErrorResponse>"
            token = watch(secrets.token_urlsafe(30))
            self.granted[key_id] = (role, token)
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.roles[role].life))
        members = {
            "AccessKeyId": key_id,
            "SecretAccessKey": watch(secrets.token_urlsafe(30)),
            "SessionToken": token,
            "Expiration": ends,
        }
        inner = "".join(f"<{name}>{text}</{name}>" for name, text in members.items() if name != self.mangled)
        result = f"{form['Action']}Result"
        return 200, f"<R><{result}><Credentials>{inner}</Credentials></{result}></R>"

    def _refusal(self, form: Mapping[str, str], access_key_id: str, session_token: str) -> tuple[str, int] | None:
        trust = self.roles.get(form.get("RoleArn", ""))
        denied = ("AccessDenied", 403)
        if trust is None:
            return denied
        if form["Action"] == "AssumeRoleWithWebIdentity":
            fits = form.get("WebIdentityToken") == trust.token and trust.token and not access_key_id
            return None if fits else ("InvalidIdentityToken", 400)
        before, token = self.granted.get(access_key_id, ("", ""))
        if session_token != token or not trust.keys & {access_key_id, before}:
            return denied
        numbered = [key for key in form if key.startswith("Tags.member.") and key.endswith(".Key")]
        tags = {form[key]: form[f"{key.removesuffix('Key')}Value"] for key in numbered}
        return None if (form.get("ExternalId", ""), tags) == (trust.external_id, trust.tags) else denied


class _Handler(BaseHTTPRequestHandler):
    server: Sts
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/sts/", self.headers.get("Authorization", ""))
        token = self.headers.get("X-Amz-Security-Token", "")
        status, text = self.server.answer(form, signed[1] if signed else "", token)
        self.send_response_only(status)
        self.send_header("Date", formatdate(time.time(), usegmt=True))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
        """Write nothing."""
