"""Ways to log in that OpenBao has not, at a Vault on loopback that looks at what it is sent.

The identities are real as far as they can be: signatures are computed anew, tokens come from the Entra test server.
"""

import json
import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from syncd.model.store import Tls
from syncd_providers.vault.provider import VaultProvider
from tests.faults.vault_wire import TOKEN, Vault, answered, said
from tests.integration.vault_signatures import NotSigned, signer
from tests.integration.vault_store import Bench
from tests.integration.vault_ways import signed
from tests.servers.canary import canary
from tests.servers.keyvault import KeyVault
from tests.servers.wire import Reply, Request

RENEW, REVOKE = "/v1/auth/token/renew-self", "/v1/auth/token/revoke-self"
GRANT = answered({"auth": {"client_token": TOKEN, "lease_duration": 900, "renewable": True, "token_type": "service"}})
RESOURCE = "https://management.azure.com/"


@dataclass
class Checking(Vault):
    """A Vault with one login method, which grants what `accepts` of the body and refuses the rest."""

    path: str = ""
    accepts: Callable[[Mapping[str, str]], bool] = lambda _body: False
    logins: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        """Answer."""
        if request.target == RENEW:
            return GRANT
        if request.target != self.path:
            return super().__call__(request)
        self.logins.append(json.loads(request.body))
        return GRANT if self.accepts(self.logins[-1]) else said(400, "it was refused, and this is why")


class Way(Protocol):
    """One login method, set up so that it works."""

    bench: Bench
    vault: Checking
    words: tuple[str, ...]

    def store(self) -> VaultProvider:
        """Make a store that logs in this way."""

    def rotate(self) -> None:
        """Have another credential be the good one, and put it where the old one stood."""

    def spoil(self) -> tuple[str, str]:
        """Put a credential there that is refused; give it, and the reason that tells so."""


@dataclass(repr=False)
class ByDirectory:
    """ldap."""

    bench: Bench
    vault: Checking

    def __post_init__(self) -> None:
        self.words: tuple[str, ...] = ("ldap", "auth/ldap/corp", "as CORP\\syncd@x")
        self.vault.path = "/v1/auth/ldap/corp/login/CORP%5Csyncd%40x"
        self.vault.accepts = lambda body: body == {"password": self.password}
        self.rotate()

    def store(self) -> VaultProvider:
        login = {"username": "CORP\\syncd@x", "password": {"file": "password"}, "mount": "ldap/corp"}
        return self.bench.store({"ldap": login})

    def rotate(self) -> None:
        self.password = canary()
        (self.bench.folder / "password").write_text(self.password + "\n")

    def spoil(self) -> tuple[str, str]:
        wrong = canary()
        (self.bench.folder / "password").write_text(wrong)
        return wrong, "login-refused"


@dataclass(repr=False)
class ByAccessKey:
    """aws, by a key in the SDK's own file."""

    bench: Bench
    vault: Checking
    monkeypatch: pytest.MonkeyPatch
    region: str = "eu-west-1"
    server_id: str = "vault.example.com"

    def __post_init__(self) -> None:
        self.words: tuple[str, ...] = ("aws", "auth/aws", "syncd-role")
        self.vault.path = "/v1/auth/aws/login"
        self.keys: dict[str, str] = {}
        self.vault.accepts = self._accepts
        self.file = self.bench.folder / "aws-credentials"
        self.monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(self.file))
        self.monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        self.rotate()

    def _accepts(self, body: Mapping[str, str]) -> bool:
        try:
            signer(body, self.keys, region=self.region, server_id=self.server_id)
        except NotSigned:
            return False
        return body["role"] == "syncd-role"

    def store(self) -> VaultProvider:
        login = {"role": "syncd-role", "region": self.region, "serverId": self.server_id}
        return self.bench.store({"aws": {name: value for name, value in login.items() if value}})

    def rotate(self) -> None:
        self.keys = {f"AKIA{secrets.token_hex(8).upper()}": canary()}
        ((key, secret),) = self.keys.items()
        self._write(key, secret)

    def spoil(self) -> tuple[str, str]:
        wrong = canary()
        self._write(next(iter(self.keys)), wrong)
        return wrong, "login-refused"

    def _write(self, key: str, secret: str) -> None:
        self.file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")


@dataclass(repr=False)
class ByMachine:
    """azure, by the machine's managed identity."""

    bench: Bench
    vault: Checking
    monkeypatch: pytest.MonkeyPatch
    keyvault: KeyVault

    def __post_init__(self) -> None:
        self.words: tuple[str, ...] = ("azure", "auth/azure", "syncd-role")
        self.bench.tls = Tls(ca_file=Path(self.keyvault.ca_file))
        self.vault.path = "/v1/auth/azure/login"
        self.vault.accepts = self._accepts
        self.rotate()

    def _accepts(self, body: Mapping[str, str]) -> bool:
        claims = json.loads(urlsafe_b64decode(body["jwt"].split(".")[1] + "=="))
        return (body["role"], claims["aud"], claims["appid"]) == ("syncd-role", RESOURCE, self.keyvault.client_id)

    def store(self) -> VaultProvider:
        return self.bench.store({"azure": {"role": "syncd-role", "resource": RESOURCE}})

    def rotate(self) -> None:
        for name, value in self.keyvault.managed_identity().items():
            self.monkeypatch.setenv(name, value)

    def spoil(self) -> tuple[str, str]:
        wrong = canary().encode().hex()
        self.monkeypatch.setenv("IDENTITY_HEADER", wrong)
        return wrong, "identity-refused"


@dataclass(repr=False)
class ByWorkload(ByMachine):
    """azure, by the workload identity that AKS sets up."""

    def rotate(self) -> None:
        environment = {
            "AZURE_TENANT_ID": self.keyvault.tenant_id,
            "AZURE_CLIENT_ID": self.keyvault.client_id,
            "AZURE_FEDERATED_TOKEN_FILE": str(self.bench.folder / "federated"),
            "AZURE_AUTHORITY_HOST": self.keyvault.authority,
        }
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.keyvault.accept_federated_key(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())
        self._write(key)

    def spoil(self) -> tuple[str, str]:
        return self._write(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "identity-refused"

    def _write(self, key: rsa.RSAPrivateKey) -> str:
        now = int(time.time())
        claims = {"sub": "syncd", "aud": "api://AzureADTokenExchange", "iat": now, "nbf": now, "exp": now + 600}
        token = signed(key, claims)
        (self.bench.folder / "federated").write_text(token)
        return token
