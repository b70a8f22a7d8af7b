"""Engines of a real OpenBao that issue short-lived secrets, each with a mount and a role of its own."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.servers.kube import Kube
from tests.servers.openbao import OpenBao
from tests.servers.postgres import Postgres, binaries

HOUR: Final = 3600


@dataclass
class Ready:
    """An engine that is set up."""

    path: str
    keys: frozenset[str]
    """Some of those that it gives."""
    seconds: float
    """How long what it issues lives."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    leased: bool = True
    renewable: bool = False
    works: Callable[[Mapping[str, str]], bool] | None = None
    """Tells whether a secret of it is good; None where nobody can tell."""

    @property
    def mount(self) -> str:
        """Give its mount."""
        return self.path.split("/", 1)[0]

    def rights(self) -> dict[str, tuple[str, ...]]:
        """Give the least rights of who has something issued, and ends it."""
        issue = ("update",) if self.parameters else ("read", "update")
        return {self.path: issue, "sys/leases/revoke": ("update",)}


def pki(bao: OpenBao, *, leased: bool = False, seconds: int = HOUR, mount: str = "", namespace: str = "") -> Ready:
    """Certificates; `leased`: with a lease each."""
    mount = mount or f"pki-{secrets.token_hex(4)}"
    bao.do("POST", f"sys/mounts/{mount}", {"type": "pki"}, namespace=namespace)
    root = {"common_name": "test", "ttl": "700h"}
    bao.do("POST", f"{mount}/root/generate/internal", root, namespace=namespace)
    role = {"allow_any_name": True, "enforce_hostnames": False, "max_ttl": "100h", "generate_lease": leased}
    bao.do("POST", f"{mount}/roles/web", role, namespace=namespace)
    keys = frozenset({"certificate", "private_key", "issuing_ca", "serial_number"})
    return Ready(f"{mount}/issue/web", keys, seconds, {"common_name": "web.test", "ttl": f"{seconds}s"}, leased)


def one_time_passwords(bao: OpenBao) -> Ready:
    """Passwords of the ssh engine, which serve once."""
    mount = f"ssh-{secrets.token_hex(4)}"
    bao.do("POST", f"sys/mounts/{mount}", {"type": "ssh", "config": {"default_lease_ttl": "1h"}})
    bao.do("POST", f"{mount}/roles/otp", {"key_type": "otp", "default_user": "u", "cidr_list": "127.0.0.0/8"})
    keys = frozenset({"ip", "key", "username", "port"})
    return Ready(f"{mount}/creds/otp", keys, HOUR, {"ip": "127.0.0.1"})


def ssh_certificates(bao: OpenBao) -> Ready:
    """Keys of the ssh engine with a certificate each, which stands for itself."""
    mount = f"ssh-{secrets.token_hex(4)}"
    bao.do("POST", f"sys/mounts/{mount}", {"type": "ssh"})
    bao.do("POST", f"{mount}/config/ca", {"generate_signing_key": True, "key_type": "ed25519"})
    role = {"key_type": "ca", "allow_user_certificates": True, "default_user": "u", "allowed_users": "*", "ttl": "1h"}
    bao.do("POST", f"{mount}/roles/ca", role)
    return Ready(f"{mount}/issue/ca", frozenset({"private_key", "signed_key"}), HOUR, leased=False)


def database(bao: OpenBao, server: Postgres, *, ttl: int = HOUR, max_ttl: int = 24 * HOUR) -> Ready:
    """Logins of a real PostgreSQL."""
    mount = f"db-{secrets.token_hex(4)}"
    bao.do("POST", f"sys/mounts/{mount}", {"type": "database"})
    connection = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{server.port}/postgres?sslmode=disable",
        "allowed_roles": "*",
        "username": "postgres",
        "password": server.password,
    }
    bao.do("POST", f"{mount}/config/pg", connection)
    statement = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"
    role = {"db_name": "pg", "creation_statements": [statement], "default_ttl": f"{ttl}s", "max_ttl": f"{max_ttl}s"}
    bao.do("POST", f"{mount}/roles/app", role)
    return Ready(
        f"{mount}/creds/app",
        frozenset({"username", "password"}),
        ttl,
        renewable=True,
        works=lambda data: server.can_log_in(data["username"], data["password"]),
    )


def service_accounts(bao: OpenBao, kube: Kube) -> Ready:
    """Tokens of a ServiceAccount of a real cluster."""
    mount, namespace = f"k8s-{secrets.token_hex(4)}", kube.namespace()
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    kube.do("POST", path, {"metadata": {"name": "backup"}})
    bao.do("POST", f"sys/mounts/{mount}", {"type": "kubernetes"})
    config = {
        "kubernetes_host": kube.url,
        "kubernetes_ca_cert": Path(kube.ca_file).read_text(),
        "service_account_jwt": kube.token,
        "disable_local_ca_jwt": True,
    }
    bao.do("POST", f"{mount}/config", config)
    role = {"allowed_kubernetes_namespaces": ["*"], "service_account_name": "backup", "token_default_ttl": "1h"}
    bao.do("POST", f"{mount}/roles/backup", role)
    keys = frozenset({"service_account_token", "service_account_name", "service_account_namespace"})
    return Ready(
        f"{mount}/creds/backup",
        keys,
        HOUR,
        {"kubernetes_namespace": namespace},
        works=lambda data: kube.request("GET", f"{path}/backup", token=data["service_account_token"])[0] != 401,
    )


KINDS: Final = (
    "pki", "pki-leased", "ssh-otp", "ssh-certificate", "kubernetes",
    *(("database",) if binaries() else ()),  # the others stand for it where no PostgreSQL is
)  # fmt: skip


def set_up(kind: str, bao: OpenBao, request: pytest.FixtureRequest) -> Ready:
    """Set an engine of a kind up."""
    match kind:
        case "database":
            return database(bao, request.getfixturevalue("postgres"))
        case "kubernetes":
            return service_accounts(bao, request.getfixturevalue("kube"))
        case "ssh-otp":
            return one_time_passwords(bao)
        case "ssh-certificate":
            return ssh_certificates(bao)
    return pki(bao, leased=kind == "pki-leased")
