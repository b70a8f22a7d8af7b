"""Ways to log in at a real OpenBao, each with a mount of its own, its credential in files, and what can befall it."""

import datetime as dt
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from syncd.model.store import Tls
from syncd_providers.vault.provider import VaultProvider
from tests.integration.vault_store import Bench
from tests.servers.canary import canary, watch
from tests.servers.kube import Kube
from tests.servers.openbao import OpenBao

RBAC = "rbac.authorization.k8s.io"
TOKEN = {"token_ttl": "900s", "token_max_ttl": "24h"}


class Way(Protocol):
    """One login method, set up so that it works."""

    server: OpenBao
    bench: Bench
    mount: str
    """Below auth/."""
    words: tuple[str, ...]
    """What the message of a refused login names."""

    def store(self) -> VaultProvider:
        """Make a store that logs in this way."""

    def rotate(self) -> None:
        """Have the server take another credential and no longer the old one, and put it where the old one stood."""

    def spoil(self) -> tuple[str, str]:
        """Put a credential there that the server refuses; give it, and the reason that tells so."""


def set_up(server: OpenBao, kind: str) -> str:
    """Mount an auth method of a kind under a name of its own."""
    name = f"{kind}-{secrets.token_hex(4)}"
    server.do("POST", f"sys/auth/{name}", {"type": kind})
    return name


@dataclass(repr=False)
class ByPassword:
    """userpass: a user of the server's own."""

    server: OpenBao
    bench: Bench
    policy: str

    def __post_init__(self) -> None:
        """Make the user."""
        self.mount = set_up(self.server, "userpass")
        self.words: tuple[str, ...] = ("userpass", f"auth/{self.mount}", "syncd-user")
        self.rotate()

    def store(self) -> VaultProvider:
        login = {"username": "syncd-user", "password": {"file": "password"}, "mount": self.mount}
        return self.bench.store({"userpass": login})

    def rotate(self) -> None:
        password = canary()
        body = {"password": password, "token_policies": [self.policy], **TOKEN}
        self.server.do("POST", f"auth/{self.mount}/users/syncd-user", body)
        (self.bench.folder / "password").write_text(password + "\n")

    def spoil(self) -> tuple[str, str]:
        wrong = canary()
        (self.bench.folder / "password").write_text(wrong)
        return wrong, "login-refused"


@dataclass(repr=False)
class ByJwt:
    """jwt: tokens of an issuer whose public key the server knows."""

    server: OpenBao
    bench: Bench
    policy: str

    def __post_init__(self) -> None:
        """Make the role."""
        self.mount = set_up(self.server, "jwt")
        self.words: tuple[str, ...] = ("jwt", f"auth/{self.mount}", "syncd-role")
        role = {"role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub", "token_policies": [self.policy]}
        self.server.do("POST", f"auth/{self.mount}/role/syncd-role", {**role, **TOKEN})
        self.rotate()

    def store(self) -> VaultProvider:
        return self.bench.store({"jwt": {"role": "syncd-role", "token": {"file": "jwt"}, "mount": self.mount}})

    def rotate(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.server.do("POST", f"auth/{self.mount}/config", {"jwt_validation_pubkeys": [public.decode()]})
        (self.bench.folder / "jwt").write_text(signed(key, self.claims()) + "\n")

    def spoil(self) -> tuple[str, str]:
        token = signed(rsa.generate_private_key(public_exponent=65537, key_size=2048), self.claims())
        (self.bench.folder / "jwt").write_text(token)
        return token, "login-refused"

    def claims(self) -> dict[str, object]:
        """Give what a good token says."""
        now = int(time.time())
        return {"sub": f"syncd-{secrets.token_hex(4)}", "aud": "vault", "iat": now, "nbf": now, "exp": now + 3600}


def signed(key: rsa.RSAPrivateKey, claims: Mapping[str, object]) -> str:
    """Make a JWT, and watch for it."""

    def part(content: bytes) -> bytes:
        return urlsafe_b64encode(content).rstrip(b"=")

    head = part(b'{"alg":"RS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    signature = part(key.sign(head, padding.PKCS1v15(), hashes.SHA256())).decode()
    watch(signature)
    return f"{head.decode()}.{signature}"


@dataclass(repr=False)
class ByServiceAccount:
    """kubernetes: a ServiceAccount's token, which the server has reviewed by the real API server."""

    server: OpenBao
    bench: Bench
    policy: str
    kube: Kube

    def __post_init__(self) -> None:
        """Make the account, one that may review tokens, and the role."""
        self.mount = set_up(self.server, "kubernetes")
        self.words: tuple[str, ...] = ("kubernetes", f"auth/{self.mount}", "syncd-role")
        self.namespace = self.kube.namespace()
        config = {
            "kubernetes_host": self.kube.url,
            "kubernetes_ca_cert": Path(self.kube.ca_file).read_text(),
            "token_reviewer_jwt": self._reviewer(),
        }
        self.server.do("POST", f"auth/{self.mount}/config", config)
        self.rotate()

    def _reviewer(self) -> str:
        """Make an account that may review tokens; give its token, once the API server lets it."""
        name = f"reviewer-{secrets.token_hex(4)}"
        self.kube.service_account(name, namespace=self.namespace)
        # https://kubernetes.io/docs/reference/access-authn-authz/rbac/#other-component-roles
        binding = {
            "metadata": {"name": f"{self.namespace}-reviewer"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }
        self.kube.do("POST", f"/apis/{RBAC}/v1/clusterrolebindings", binding)
        token = self.kube.service_account_token(name, namespace=self.namespace)
        path, deadline = "/apis/authentication.k8s.io/v1/tokenreviews", time.monotonic() + 20
        while self.kube.request("POST", path, {"spec": {"token": "t"}}, token=token)[0] != 201:
            assert time.monotonic() < deadline, "the reviewer has no rights yet"
            time.sleep(0.02)
        return token

    def store(self, **fields: object) -> VaultProvider:
        login = {"role": "syncd-role", "tokenFile": "sa-token", "audience": "vault", "mount": self.mount}
        return self.bench.store({"kubernetes": {**login, **fields}})

    def account(self) -> str:
        """Make an account of a name that none had before: the API server has nothing of it in a cache."""
        name = f"syncd-{secrets.token_hex(4)}"
        self.kube.service_account(name, namespace=self.namespace)
        return name

    def write(self, account: str, audience: str = "vault") -> str:
        """Project a token into the Pod."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        answer = self.kube.do("POST", path, {"spec": {"audiences": [audience], "expirationSeconds": 3600}})
        status = answer["status"]
        assert isinstance(status, dict)
        token = str(status["token"])
        watch(token.rpartition(".")[2])
        (self.bench.folder / "sa-token").write_text(token)
        return token

    def rotate(self) -> None:
        account = self.account()
        role = {
            "bound_service_account_names": [account],
            "bound_service_account_namespaces": [self.namespace],
            "audience": "vault",
            "token_policies": [self.policy],
        }
        self.server.do("POST", f"auth/{self.mount}/role/syncd-role", {**role, **TOKEN})
        self.write(account)

    def spoil(self) -> tuple[str, str]:
        return self.write(self.account()), "login-denied"


def client_pem(common_name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Name]) -> bytes:
    """Make a client certificate with its key, as one PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = _certificate(common_name, issuer[1], key).add_extension(usage, critical=False)
    return _pem(key) + certificate.sign(issuer[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_authority() -> tuple[bytes, tuple[ec.EllipticCurvePrivateKey, x509.Name]]:
    """Make an authority for client certificates: its own certificate, and what signs."""
    key, name = ec.generate_private_key(ec.SECP256R1()), f"clients {secrets.token_hex(4)}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    certificate = _certificate(name, subject, key).add_extension(constraints, critical=True).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), (key, subject)


def _certificate(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(repr=False)
class ByCertificate:
    """cert: a client certificate, on a server that listens with TLS."""

    server: OpenBao
    bench: Bench
    policy: str
    ca_file: Path

    def __post_init__(self) -> None:
        """Make the role."""
        self.mount = set_up(self.server, "cert")
        self.words: tuple[str, ...] = ("cert", f"auth/{self.mount}", "syncd-role")
        self.file = self.bench.folder / "client.pem"
        self.bench.address = self.server.tls_address
        own_ca = self.bench.folder / "ca.pem"
        own_ca.write_bytes(self.ca_file.read_bytes())
        self.bench.tls = Tls(ca_file=own_ca, cert_file=self.file, key_file=self.file)
        self.rotate()

    def store(self) -> VaultProvider:
        return self.bench.store({"cert": {"name": "syncd-role", "mount": self.mount}})

    def rotate(self) -> None:
        pem, issuer = new_authority()
        role = {"certificate": pem.decode(), "token_policies": [self.policy], **TOKEN}
        self.server.do("POST", f"auth/{self.mount}/certs/syncd-role", role)
        self.file.write_bytes(client_pem("syncd", issuer))

    def spoil(self) -> tuple[str, str]:
        pem = client_pem("syncd", new_authority()[1])
        self.file.write_bytes(pem)
        return pem.decode().split("\n")[1], "login-refused"
