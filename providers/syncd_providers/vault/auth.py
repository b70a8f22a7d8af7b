"""The login methods of a Vault store as they are configured, and what their types alone cannot say.

Paths, fields and defaults are those of https://developer.hashicorp.com/vault/api-docs/auth, one page for each method.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from syncd.fetch.credential import Credential
from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text
from syncd_providers.vault.paths import fault_of_path

SERVICE_ACCOUNT_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 — a path
_REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+\Z")
_NAME: Final = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff](?:[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*)\Z")
_HEADER: Final = re.compile(r"[\x21-\x7e]+\Z")


class Shape(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A mapping of the file."""


class SecretId(Credential, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a secret id stands; with `wrapped`, a response-wrapping token that gives it once."""

    wrapped: bool = False


class AppRole(Shape, frozen=True, kw_only=True):
    """Login with a role id and a secret id."""

    role_id: Text | Credential
    secret_id: SecretId
    mount: Text = "approle"


class Kubernetes(Shape, frozen=True, kw_only=True):
    """Login with a ServiceAccount's token."""

    role: Text
    token_file: Text = SERVICE_ACCOUNT_TOKEN
    audience: Text = ""
    """Whom the token must be for; another is not sent. Empty: whatever it is for."""
    mount: Text = "kubernetes"


class Jwt(Shape, frozen=True, kw_only=True):
    """Login with a JWT of an issuer that the role trusts."""

    role: Text
    token: Credential
    mount: Text = "jwt"


class Userpass(Shape, frozen=True, kw_only=True):
    """Login with a name and a password that Vault keeps."""

    username: Text | Credential
    password: Credential
    mount: Text = "userpass"


class Ldap(Shape, frozen=True, kw_only=True):
    """Login with a name and a password of a directory."""

    username: Text | Credential
    password: Credential
    mount: Text = "ldap"


class Cert(Shape, frozen=True, kw_only=True):
    """Login with the client certificate under the store's `tls`."""

    name: Text = ""
    """The role; empty: the first that the certificate fits."""
    mount: Text = "cert"


class Aws(Shape, frozen=True, kw_only=True):
    """Login with an AWS identity: a signed sts:GetCallerIdentity that Vault sends to STS."""

    role: Text
    region: Text = "us-east-1"
    """Of the STS that Vault is configured with; us-east-1 is the global endpoint."""
    server_id: Text = ""
    """What Vault's `iam_server_id_header_value` asks for."""
    mount: Text = "aws"


class Azure(Shape, frozen=True, kw_only=True):
    """Login with an Azure identity: a token of the workload's or the machine's."""

    role: Text
    resource: Text
    """Whom the token is for: the `resource` that Vault is configured with."""
    client_id: Text = ""
    """Picks a user-assigned identity."""
    mount: Text = "azure"


Method = AppRole | Kubernetes | Jwt | Userpass | Ldap | Cert | Aws | Azure


class Auth(Shape, frozen=True, kw_only=True):
    """The login methods; exactly one is given."""

    token: Credential | None = None
    app_role: AppRole | None = None
    kubernetes: Kubernetes | None = None
    jwt: Jwt | None = None
    userpass: Userpass | None = None
    ldap: Ldap | None = None
    cert: Cert | None = None
    aws: Aws | None = None
    azure: Azure | None = None

    def methods(self) -> tuple[Method, ...]:
        """Give the methods that are given, a bare token aside."""
        every = (
            self.app_role,
            self.kubernetes,
            self.jwt,
            self.userpass,
            self.ldap,
            self.cert,
            self.aws,
            self.azure,
        )
        return tuple(method for method in every if method is not None)


def name_of(method: Method) -> str:
    """Give the method's name, as it stands in the file."""
    return "appRole" if isinstance(method, AppRole) else type(method).__name__.lower()


def mount_of(method: Method) -> str:
    """Give the path below auth/."""
    return text(method.mount).strip("/")


def check(auth: Auth, settings: StoreSettings, *, encrypted: bool) -> Iterable[Problem]:
    """Give every problem, from the store's own mapping; `encrypted` where the address is an https:// one."""
    given = auth.methods()
    names = [*(["token"] if auth.token is not None else []), *map(name_of, given)]
    if len(names) != 1:
        what = f"exactly one login method is given; here stand {', '.join(names)}" if names else "no login is given"
        every = ", ".join(auth.__struct_encode_fields__[:-1])
        yield Problem(("auth",), what, f"write one of {every} and {auth.__struct_encode_fields__[-1]}")
    if auth.token is not None:
        yield from auth.token.check("auth", "token")
    for method in given:
        for problem in _problems(method, settings, encrypted=encrypted):
            yield Problem(("auth", name_of(method), *problem.path), problem.message, problem.hint)


def _problems(method: Method, settings: StoreSettings, *, encrypted: bool) -> Iterator[Problem]:
    """Give the problems of one method, with paths from its own mapping."""
    for field in msgspec.structs.fields(method):
        value: object = getattr(method, field.name)
        if isinstance(value, Credential):
            yield from value.check(field.encode_name)
    if fault := fault_of_path(mount_of(method)):
        yield Problem(("mount",), f"the mount {fault}", f"write its path below auth/, as {name_of(method).lower()}")
    match method:
        case Userpass(username=name) | Ldap(username=name) if not isinstance(name, Credential):
            if fault := fault_of_user(text(name)):
                yield Problem(("username",), f"the user name {fault}", "write the name that the method knows")
        case Cert():
            yield from _certificate(method, settings, encrypted=encrypted)
        case Kubernetes() | Jwt() | Aws() | Azure():
            yield from _with_role(method)


def _with_role(method: Kubernetes | Jwt | Aws | Azure) -> Iterator[Problem]:
    if not _NAME.match(text(method.role)):
        yield Problem(("role",), "this is no name of a role", "write the role of that method")
    match method:
        case Kubernetes(token_file=""):
            yield Problem(("tokenFile",), "the path is empty", f"leave it out for {SERVICE_ACCOUNT_TOKEN}")
        case Aws():
            yield from _region_and_server(method)
        case Azure() if not _HEADER.match(text(method.resource)):
            hint = "write what Vault's auth/azure/config has, such as https://management.azure.com/"
            yield Problem(("resource",), "this is no resource of Entra ID", hint)


def _region_and_server(method: Aws) -> Iterator[Problem]:
    if not _REGION.match(text(method.region)):
        yield Problem(("region",), "this is no AWS region", "write it as eu-west-1, or leave it out for the global STS")
    if method.server_id != "" and not _HEADER.match(text(method.server_id)):
        yield Problem(("serverId",), "this cannot stand in a header", "write Vault's iam_server_id_header_value")


def _certificate(method: Cert, settings: StoreSettings, *, encrypted: bool) -> Iterator[Problem]:
    if text(method.name) and not _NAME.match(text(method.name)):
        yield Problem(("name",), "this is no name of a role", "write the role, or leave it out for any that fits")
    if settings.tls.cert_file is None:
        hint = "write tls: {certFile: PATH, keyFile: PATH} in the store"
        yield Problem((), "a login by certificate needs one, and the store has none", hint)
    if not encrypted:
        yield Problem((), "a certificate is shown over TLS alone", "write https:// in the store's address")


def fault_of_user(name: str) -> str:
    """Say what is wrong with a user name, as the end of a sentence; empty where nothing is. It ends a URL's path."""
    if not _NAME.match(name):
        return "is empty, begins with a blank or holds a control character"
    return "is a path" if name in (".", "..") or "/" in name else ""
