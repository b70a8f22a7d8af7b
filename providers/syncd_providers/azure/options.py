"""How a Key Vault store is configured, and what the types alone cannot say about it."""

import re
from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from syncd.fetch.credential import Credential
from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text

Cloud = Literal["public", "usgov", "china"]

LOGIN_HOSTS: Final[dict[Cloud, tuple[str, ...]]] = {
    "public": ("login.microsoftonline.com", "login.microsoft.com", "login.windows.net"),
    "usgov": ("login.microsoftonline.us", "login.usgovcloudapi.net"),
    "china": ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
}
"""Each cloud's login, then the other names it calls itself in its own metadata. A credential travels to no other.
Source: login.microsoftonline.com/common/discovery/instance, `metadata[].aliases`."""

_TENANT: Final = re.compile(r"[0-9A-Za-z.-]+\Z")


class ClientSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """An application's client secret."""

    tenant_id: Text
    client_id: Text
    secret: Credential


class ClientCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """An application's certificate with its RSA key, as PEM or PKCS#12."""

    tenant_id: Text
    client_id: Text
    file: Text
    password: Credential | None = None
    """Of the key, where it has one."""


class ManagedIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The identity of the machine or app that syncd runs on; `clientId` picks a user-assigned one."""

    client_id: Text | None = None


class WorkloadIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A Kubernetes service account token; what is left out comes from the AZURE_* variables that AKS sets."""

    client_id: Text | None = None
    tenant_id: Text | None = None
    token_file: Text | None = None


class AzureCli(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Whoever is logged in with `az` on this machine: for a person at a terminal."""


class Default(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The SDK's own chain with all that it reads from the environment."""


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel", omit_defaults=True):
    """Exactly one login method."""

    client_secret: ClientSecret | None = None
    client_certificate: ClientCertificate | None = None
    managed_identity: ManagedIdentity | None = None
    workload_identity: WorkloadIdentity | None = None
    azure_cli: AzureCli | None = None
    default: Default | None = None


Method = ClientSecret | ClientCertificate | ManagedIdentity | WorkloadIdentity | AzureCli | Default

_METHODS: Final = {
    "clientSecret": "client_secret",
    "clientCertificate": "client_certificate",
    "managedIdentity": "managed_identity",
    "workloadIdentity": "workload_identity",
    "azureCli": "azure_cli",
    "default": "default",
}


class AzureOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The fields of a store of type `azure` beside those that every store takes."""

    vault_url: Text
    auth: Auth
    cloud: Cloud | None = None
    """Which login endpoint; public where neither this nor `authority` is given."""
    authority: Text | None = None
    """Login endpoint of a private cloud."""
    verify_challenge_resource: bool = True
    """Refuse a vault that asks for a token meant for another domain."""

    def vault(self) -> str:
        """Give the vault's address as an origin: `https://host` or `https://host:port`, in lower case."""
        return origin(text(self.vault_url))

    def logins(self) -> tuple[str, ...]:
        """Give the origins of the login endpoint, the one to be used first."""
        if self.authority is not None:
            return (origin(text(self.authority)),)
        return tuple(f"https://{host}" for host in LOGIN_HOSTS[self.cloud or "public"])

    def method(self) -> tuple[str, Method]:
        """Give the login method and its name in the file; `check` has seen to it that there is exactly one."""
        for name, attribute in _METHODS.items():
            found: Method | None = getattr(self.auth, attribute)
            if found is not None:
                return name, found
        message = "an Azure store without a login method passed the check"
        raise ValueError(message)


def origin(url: str) -> str:
    """Give scheme, host and port of `url` in one spelling: lower case, the scheme's own port left out."""
    parts = urlsplit(url)
    own = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, own) else "")


def check(options: AzureOptions, _settings: StoreSettings) -> Iterable[Problem]:
    """Give the problems of addresses and of the login."""
    yield from _address(("vaultUrl",), text(options.vault_url), "https://NAME.vault.azure.net")
    if options.authority is not None:
        yield from _address(("authority",), text(options.authority), "https://HOST, without the tenant")
        if options.cloud is not None:
            yield Problem(("authority",), "cloud and authority both name a login endpoint", "keep one of the two")
    yield from _one_method(options.auth)
    secret = options.auth.client_secret
    if secret is not None:
        yield from secret.secret.check("auth", "clientSecret", "secret")
        yield from _tenant(("auth", "clientSecret", "tenantId"), secret.tenant_id)
    certificate = options.auth.client_certificate
    if certificate is not None:
        yield from _tenant(("auth", "clientCertificate", "tenantId"), certificate.tenant_id)
        if certificate.password is not None:
            yield from certificate.password.check("auth", "clientCertificate", "password")
    workload = options.auth.workload_identity
    if workload is not None and workload.tenant_id is not None:
        yield from _tenant(("auth", "workloadIdentity", "tenantId"), workload.tenant_id)


def _one_method(auth: Auth) -> Iterable[Problem]:
    given = [name for name, attribute in _METHODS.items() if getattr(auth, attribute) is not None]
    if len(given) > 1:
        message = f"several login methods are given: {', '.join(given)}"
        yield Problem(("auth",), message, "keep exactly one; nothing falls from one method to another")
    elif not given:
        yield Problem(("auth",), "no login method is given", f"write one of {', '.join(_METHODS)}")


def _tenant(path: tuple[str, ...], value: Text) -> Iterable[Problem]:
    if not _TENANT.match(text(value)):
        yield Problem(path, "not a tenant id", "write the directory's id or its domain")


def _address(path: tuple[str, ...], url: str, example: str) -> Iterable[Problem]:
    """Refuse what a token must not be sent to. The SDK itself sends none over plain http, loopback or not."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        yield Problem(path, "not an address", f"write {example}")
        return
    if parts.scheme != "https":
        yield Problem(path, "tokens are sent over https only", f"write {example}")
    elif not parts.hostname or "\\" in url or not url.isprintable() or " " in url:
        yield Problem(path, "not an address", f"write {example}")
    elif parts.username is not None or parts.password is not None:
        yield Problem(path, "an address holds no credentials", f"write {example}")
    elif parts.path.strip("/") or parts.query or parts.fragment:
        yield Problem(path, "the address goes beyond the host", f"write {example}")
