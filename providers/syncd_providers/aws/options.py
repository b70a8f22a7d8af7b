"""How a store of type `aws` is configured, and what its types alone cannot say."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final

import msgspec

from syncd.fetch.credential import Credential
from syncd.model.store import StoreSettings
from syncd.node import Problem, Text, text

_REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}\Z")
_ADDRESS: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?/?\Z")
BATCH_CEILING: Final = 100
"""BatchGetSecretValue calls a second that a region takes from one account, not adjustable:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""


class Default(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The SDK's own chain: web identity (IRSA), Pod Identity, environment, profile, instance."""


class Static(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """An access key. Nothing else is looked at: no environment, no file of the SDK, no instance."""

    access_key_id: Text | Credential
    secret_access_key: Credential
    session_token: Credential | None = None


class WebIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A role taken on with a token file. Known, so that its mistakes have positions; refused by `check`."""

    role_arn: Text | None = None
    token_file: Text | None = None
    session_name: Text | None = None


class AssumeRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """One link of a chain of roles. Known and refused, as WebIdentity is."""

    role_arn: Text
    external_id: Text | None = None
    session_name: Text | None = None
    tags: Mapping[str, Text] = {}


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Exactly one way to log in. There is no falling back from one to another."""

    default: Default | None = None
    static: Static | None = None
    profile: Text | None = None
    """A profile of the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, by default those in ~/.aws."""
    web_identity: WebIdentity | None = None
    assume_role: tuple[AssumeRole, ...] | None = None


class AwsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The fields of a store of type `aws` beside those that every store takes."""

    region: Text
    auth: Auth
    endpoint: Text | None = None
    """Address of Secrets Manager, for a VPC endpoint or a test server. None: the region's public one."""
    sts_endpoint: Text | None = None
    """Address of STS, for web identities and for roles in a profile. None: the region's public one."""
    batches_per_second: int = 20
    """BatchGetSecretValue calls, each for up to 20 secrets; the store's other requests have `requestsPerSecond`.
    The default leaves four fifths of what a region takes to everybody else in the account."""


def check(options: AwsOptions, settings: StoreSettings) -> Iterable[Problem]:
    """Give what the types cannot say: login methods, region, addresses."""
    if not _REGION.match(text(options.region)):
        yield Problem(("region",), f"{text(options.region)!r} is not a region's name", "write one such as eu-west-1")
    if not 1 <= options.batches_per_second <= BATCH_CEILING:
        limit = f"AWS takes at most {BATCH_CEILING} batches a second from one account in a region"
        yield Problem(("batchesPerSecond",), limit, f"write a number from 1 to {BATCH_CEILING}")
    for field, address in (("endpoint", options.endpoint), ("stsEndpoint", options.sts_endpoint)):
        if address is not None:
            yield from _address(field, text(address), plaintext=settings.plaintext)
    yield from _login(options.auth)


def _login(auth: Auth) -> Iterable[Problem]:
    for field, later in (("webIdentity", auth.web_identity), ("assumeRole", auth.assume_role)):
        if later is not None:
            hint = "use default (which follows AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE) or a profile with role_arn"
            yield Problem(("auth", field), f"{field} is not supported yet", hint)
    methods = [auth.default, auth.static, auth.profile, auth.web_identity]
    given = sum(method is not None for method in methods)
    if given != 1:
        found = "no login method" if given == 0 else "more than one login method"
        yield Problem(("auth",), found, "give exactly one of default, static and profile")
    if auth.profile is not None and not text(auth.profile).strip():
        yield Problem(("auth", "profile"), "the profile has no name", "write a name of the SDK's configuration file")
    if auth.static is not None:
        if isinstance(auth.static.access_key_id, Credential):
            yield from auth.static.access_key_id.check("auth", "static", "accessKeyId")
        yield from auth.static.secret_access_key.check("auth", "static", "secretAccessKey")
        if auth.static.session_token is not None:
            yield from auth.static.session_token.check("auth", "static", "sessionToken")


def _address(field: str, address: str, *, plaintext: bool) -> Iterable[Problem]:
    found = _ADDRESS.match(address)
    if found is None:
        yield Problem((field,), "this is not the address of a service", "write https://HOST or https://HOST:PORT")
    elif found["scheme"] == "http" and not plaintext and not _loopback(found["host"]):
        message = "secrets would cross the network unencrypted"
        yield Problem((field,), message, "write https://, or `plaintext: mesh` where a mesh encrypts")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
