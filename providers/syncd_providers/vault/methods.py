"""Every configured way to a token: a given one, and the request that each login method makes.

Paths and bodies are those of https://developer.hashicorp.com/vault/api-docs/auth, one page for each method.
"""

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path

import msgspec

from syncd.fetch.credential import Credential, CredentialUnreadable, plain_or_credential, read_credential
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import StoreSettings
from syncd.node import Text, text
from syncd.redact import SecretValue
from syncd_providers.vault.approle import RoleAndSecret
from syncd_providers.vault.auth import (
    AppRole,
    Aws,
    Azure,
    Cert,
    Jwt,
    Kubernetes,
    Ldap,
    Method,
    Userpass,
    fault_of_user,
    mount_of,
    name_of,
)
from syncd_providers.vault.login import (
    Asked,
    Builder,
    Grant,
    Login,
    RequestLogin,
    Requests,
    is_bare,
    malformed,
    sdk_missing,
    store_wide,
    unreadable,
)
from syncd_providers.vault.options import VaultOptions


class GivenToken:
    """A token that somebody else keeps alive; its file is read anew for each login."""

    described = "the login with a given token"

    def __init__(self, source: Credential, base: Path) -> None:
        """Keep where it stands."""
        self._source = source
        self._base = base

    def get(self, client: Requests, call: Call) -> Grant | Failure:  # noqa: ARG002 — no request is needed
        """Read the token."""
        try:
            secret = read_credential(self._source, self._base)
        except CredentialUnreadable as error:
            return unreadable(self.described, error)
        return Grant(secret, ours=False) if is_bare(secret) else malformed(self.described)


def login_of(options: VaultOptions, settings: StoreSettings, wall: Callable[[], float] = time.time) -> Login:
    """Make the login that the options ask for; `check` has seen that there is exactly one."""
    for method in options.auth.methods():
        mount, address = mount_of(method), text(options.address)
        described = f"the {name_of(method)} login at auth/{mount}{_whose(method)}"
        if isinstance(method, AppRole):
            namespace = text(options.namespace).strip("/")
            build: Builder = RoleAndSecret(method, settings, described, address=address, namespace=namespace)
        else:
            build = _builder(method, settings, described)
        return RequestLogin(described, mount, build, address, wall)
    return GivenToken(options.auth.token or Credential(), settings.base)


def _whose(method: Method) -> str:
    """Say as what a login is made, as the end of its name; what is kept as a credential stays out of it."""
    if isinstance(method, AppRole):
        return _named("for role id", method.role_id)
    if isinstance(method, Userpass | Ldap):
        return _named("as", method.username)
    role = text(method.name if isinstance(method, Cert) else method.role)
    return f" as role {role}" if role else ""


def _named(before: str, name: Text | Credential) -> str:
    return "" if isinstance(name, Credential) else f" {before} {text(name)}"


def _builder(
    method: Kubernetes | Jwt | Userpass | Ldap | Cert | Aws | Azure, settings: StoreSettings, described: str
) -> Builder:
    """Give what makes the request of a method, from files read anew each time."""
    base = settings.base
    match method:
        case Kubernetes():
            return lambda _client, _call: _service_account(method, base, described)
        case Jwt():
            return lambda _client, _call: _with_jwt(method.role, read_credential(method.token, base), described)
        case Userpass() | Ldap():
            return lambda _client, _call: _with_password(method, base, described)
        case Cert():
            return lambda _client, _call: Asked({"name": text(method.name)} if method.name != "" else {})
        case Aws():
            return lambda _client, call: _with_aws(method, settings, described, call)
        case Azure():
            return lambda _client, call: _with_azure(method, settings, described, call)


def _with_jwt(role: Text, token: SecretValue, described: str) -> Asked | Failure:
    if not is_bare(token):
        return malformed(described)
    return Asked({"role": text(role), "jwt": token})


def _service_account(method: Kubernetes, base: Path, described: str) -> Asked | Failure:
    token = read_credential(Credential(file=method.token_file), base)
    audience = text(method.audience)
    if audience and audience not in _audiences(token):
        message = (
            f"{described} was not tried: the token in {text(method.token_file)} is not for the audience {audience}; "
            "project one that is into the Pod (serviceAccountToken: {audience, path})"
        )
        return store_wide(FailureClass.DENIED, "token-for-another-audience", message)
    return _with_jwt(method.role, token, described)


class _Claims(msgspec.Struct, frozen=True):
    aud: str | list[str] = ""


def _audiences(token: SecretValue) -> list[str]:
    """Give whom a JWT says that it is for (RFC 7519, section 4.1.3); nobody where it is none. Nothing is verified."""
    parts = token.reveal().split(b".")
    try:
        claims = (
            msgspec.json.decode(urlsafe_b64decode(parts[1] + b"=="), type=_Claims) if len(parts) == 3 else _Claims()
        )
    except (ValueError, RecursionError):  # msgspec's errors and those of base64 are ValueErrors
        return []
    return claims.aud if isinstance(claims.aud, list) else [claims.aud]


def _with_password(method: Userpass | Ldap, base: Path, described: str) -> Asked | Failure:
    user = plain_or_credential(method.username, base)
    if fault := fault_of_user(user):
        message = f"{described} cannot be tried: the user name {fault}; correct it where it is kept"
        return store_wide(FailureClass.DENIED, "user-name-unusable", message)
    return Asked({"password": read_credential(method.password, base)}, user)


def _with_aws(method: Aws, settings: StoreSettings, described: str, call: Call) -> Asked | Failure:
    try:
        from syncd_providers.vault import aws_identity  # noqa: PLC0415 — 30 MiB that other logins do without
    except ImportError:
        return sdk_missing(described, "aws")
    return aws_identity.asked(method, settings, described, call)


def _with_azure(method: Azure, settings: StoreSettings, described: str, call: Call) -> Asked | Failure:
    try:
        from syncd_providers.vault import azure_identity  # noqa: PLC0415 — 400 ms that other logins do without
    except ImportError:
        return sdk_missing(described, "azure")
    return azure_identity.asked(method, settings, described, call)
