"""A real Kubernetes API for tests: etcd and kube-apiserver with RBAC and an audit log, and no controllers.

Without controllers nothing happens by itself: a deleted namespace stays terminating, a quota counts what its status
says, and no ServiceAccount appears in a new namespace. Every test makes namespaces of its own.
"""

import base64
import http.client
import json
import secrets
import ssl
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Self, cast
from urllib.parse import urlsplit

from tests.servers.kube_build import binaries
from tests.servers.kube_process import (
    apiserver_command,
    await_ready,
    end,
    etcd_command,
    free_port,
    kubeconfig,
    launch,
    write_files,
)

Json = dict[str, object]
_USERS: Final = "syncd-test-users"
_DESCRIBED: Final = ("url", "ca_file", "token", "audit_log", "folder")


@dataclass(frozen=True)
class AuditEntry:
    """One request that the API server answered, as its audit log has it."""

    verb: str
    """`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`…"""
    resource: str
    """`secrets`; with a subresource `serviceaccounts/token`."""
    namespace: str
    name: str
    """Empty for a list, and for a create that the server refused before it knew the name."""
    code: int
    user: str
    user_agent: str
    uri: str


@dataclass(frozen=True)
class Rule:
    """What a limited user may do."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...] = ("secrets",)
    namespace: str | None = None
    """None: in the whole cluster."""
    names: tuple[str, ...] = ()
    """Only these objects; empty: all."""


@dataclass
class Kube:
    """A running API server, and what a test may ask of it as its administrator."""

    url: str
    ca_file: str
    token: str
    """The administrator's bearer token."""
    audit_log: str
    folder: str
    """Where kubeconfigs are written."""
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start both on free ports, their files in `directory`, and wait until the API server is ready."""
        token = f"admin-{secrets.token_hex(16)}"
        files = write_files(directory, token)
        programs = binaries()
        client, peer, secure = free_port(), free_port(), free_port()
        url = f"https://127.0.0.1:{secure}"
        server = cls(url, str(files.tls.ca), token, str(files.audit_log), str(directory))
        commands = {
            "etcd": etcd_command(programs.etcd, directory, client, peer),
            "kube-apiserver": apiserver_command(programs.apiserver, files, port=secure, etcd=client),
        }
        try:
            for name, command in commands.items():
                server._processes.insert(0, launch(command, directory / f"{name}.log"))
            await_ready(server._processes[0], directory / "kube-apiserver.log", server._ready)
            server.namespace(_USERS)
        except BaseException:
            server.stop()
            raise
        return server

    @classmethod
    def attach(cls, description: Mapping[str, str]) -> Self:
        """Use one that runs elsewhere, by what its `describe` said."""
        given = description
        return cls(given["url"], given["ca_file"], given["token"], given["audit_log"], given["folder"])

    def describe(self) -> dict[str, str]:
        """Give what `attach` needs."""
        return {name: getattr(self, name) for name in _DESCRIBED}

    def stop(self) -> None:
        """Stop both if they were started here, the API server first; an attached one goes on."""
        for process in self._processes:
            end(process)
        self._processes.clear()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        token: str | None = None,
    ) -> tuple[int, Json]:
        """Send a request, as the administrator unless `token` says otherwise; give status and parsed body."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": content_type}
        payload = None if body is None else json.dumps(body).encode()
        address = urlsplit(self.url)
        connection = http.client.HTTPSConnection(address.netloc, timeout=30, context=self._tls)
        try:
            connection.request(method, path, payload, {**headers, "User-Agent": "test"})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        plain = not response.headers.get("Content-Type", "").startswith("application/json")
        return response.status, {} if plain else cast("Json", json.loads(content))

    def do(self, method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Json:
        """Send a request that must succeed; raises AssertionError with the server's answer where it does not."""
        status, answer = self.request(method, path, body, content_type=content_type)
        assert 200 <= status < 300, f"{method} {path}: {status} {answer}"
        return answer

    # Objects

    def namespace(self, name: str | None = None) -> str:
        """Make a namespace, by default of a name that nobody has, and give its name."""
        name = name or f"t-{secrets.token_hex(6)}"
        self.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def terminate(self, namespace: str) -> None:
        """Delete a namespace: without controllers it stays terminating for good."""
        self.do("DELETE", f"/api/v1/namespaces/{namespace}")

    def secret(self, namespace: str, name: str) -> Json | None:
        """Read a Secret as the API gives it; None where there is none."""
        status, answer = self.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        assert status in (200, 404), answer
        return answer if status == 200 else None

    def data(self, namespace: str, name: str) -> dict[str, bytes]:
        """Read what a Secret holds, decoded; raises AssertionError where there is none."""
        found = self.secret(namespace, name)
        assert found is not None, f"no Secret {namespace}/{name}"
        return {key: base64.b64decode(value) for key, value in cast("dict[str, str]", found.get("data") or {}).items()}

    def put_secret(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        *,
        kind: str = "Opaque",
        immutable: bool = False,
        **metadata: object,
    ) -> Json:
        """Create a Secret or put another in its place; `metadata` may hold labels, annotations, finalizers."""
        body = {
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "type": kind,
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
            **({"immutable": True} if immutable else {}),
        }
        collection = f"/api/v1/namespaces/{namespace}/secrets"
        if self.secret(namespace, name) is None:
            return self.do("POST", collection, body)
        return self.do("PUT", f"{collection}/{name}", body)

    def delete_secret(self, namespace: str, name: str) -> None:
        """Delete a Secret."""
        self.do("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def quota(self, namespace: str, **hard: int) -> None:
        """Set a quota such as `secrets=0`, none of it used yet, as the quota controller would have written it."""
        path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        limits = {name: str(count) for name, count in hard.items()}
        made = self.do("POST", path, {"metadata": {"name": "limit"}, "spec": {"hard": limits}})
        made["status"] = {"hard": limits, "used": dict.fromkeys(limits, "0")}
        self.do("PUT", f"{path}/limit/status", made)

    # Users

    def kubeconfig(self, path: Path | None = None, *, token: str | None = None, context: str = "syncd-test") -> Path:
        """Write a kubeconfig, the administrator's unless `token` says otherwise, and give its path."""
        path = path or Path(self.folder) / f"kubeconfig-{secrets.token_hex(6)}"
        content = json.dumps(kubeconfig(self.url, Path(self.ca_file), token or self.token, name=context))
        path.touch(mode=0o600)
        path.write_text(content)
        return path

    def user(self, name: str, *rules: Rule) -> Path:
        """Make a ServiceAccount that may do what the rules say and nothing else; give its kubeconfig."""
        account = f"{name}-{secrets.token_hex(4)}"
        self.service_account(account, *rules)
        return self.kubeconfig(token=self.service_account_token(account))

    def service_account(self, name: str, *rules: Rule, namespace: str = _USERS) -> None:
        """Make a ServiceAccount with rights of its own."""
        self.do("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        for number, rule in enumerate(rules):
            prefix = f"/namespaces/{rule.namespace}" if rule.namespace else ""
            kind = "Role" if rule.namespace else "ClusterRole"
            metadata = {"name": f"{name}-{number}"}
            names = {"resourceNames": list(rule.names)} if rule.names else {}
            group = {"apiGroups": [""], "resources": list(rule.resources), "verbs": list(rule.verbs), **names}
            base = f"/apis/rbac.authorization.k8s.io/v1{prefix}"
            self.do("POST", f"{base}/{kind.lower()}s", {"metadata": metadata, "rules": [group]})
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
            binding = {"metadata": metadata, "subjects": [subject], "roleRef": reference}
            self.do("POST", f"{base}/{kind.lower()}bindings", binding)

    def service_account_token(self, name: str, *, namespace: str = _USERS, seconds: int = 3600) -> str:
        """Issue a bound token, as the kubelet asks for one."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.do("POST", path, {"spec": {"expirationSeconds": seconds}})
        return cast("dict[str, str]", answer["status"])["token"]

    def delete_service_account(self, name: str, *, namespace: str = _USERS) -> None:
        """Delete a ServiceAccount; its tokens are refused with 401 from then on."""
        self.do("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")

    # The audit log

    def mark(self) -> int:
        """Give the place in the audit log from which `audit` counts."""
        self._settle()
        return Path(self.audit_log).stat().st_size

    def audit(self, since: int, *, namespace: str | None = None) -> list[AuditEntry]:
        """Give what was answered after `mark`, whoever asked; only in `namespace` where one is named."""
        self._settle()
        with Path(self.audit_log).open("rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        entries = [_entry(event) for event in events if event["stage"] == "ResponseComplete"]
        return [
            entry
            for entry in entries
            if namespace in (None, entry.namespace) and not entry.name.startswith("audit-settled-")
        ]

    def _settle(self) -> None:
        """Wait until what was answered is written: an own request is, and the log is in order."""
        name = f"audit-settled-{secrets.token_hex(8)}"
        start = Path(self.audit_log).stat().st_size if Path(self.audit_log).exists() else 0
        self.request("GET", f"/api/v1/namespaces/default/configmaps/{name}")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with Path(self.audit_log).open("rb") as log:
                log.seek(start)
                if name.encode() in log.read():
                    return
            time.sleep(0.005)
        message = "the audit log does not grow"
        raise RuntimeError(message)

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def _entry(event: dict[str, object]) -> AuditEntry:
    target = cast("dict[str, str]", event.get("objectRef") or {})
    subresource = target.get("subresource")
    resource = target.get("resource", "")
    return AuditEntry(
        verb=str(event["verb"]),
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=cast("dict[str, int]", event["responseStatus"])["code"],
        user=cast("dict[str, str]", event["user"])["username"],
        user_agent=str(event.get("userAgent", "")),
        uri=str(event["requestURI"]),
    )
