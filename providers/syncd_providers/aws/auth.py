"""How a store of type `aws` logs in: the methods, the roles taken on after them, and what their types alone cannot say.

Limits of STS:
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from syncd.fetch.credential import Credential
from syncd.node import Path, Problem, Text, text

MOST_ROLES: Final = 5
"""Roles in a chain; each costs a request, and none of AWS's own set-ups takes more than two."""
MOST_TAGS: Final = 50
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?:[\x21-\x7e]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}\Z")
_SESSION: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}\Z")
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}\Z")
_TAG: Final = re.compile(r"[\w \N{NO-BREAK SPACE}.:/=+@-]*\Z")
"""Letters, digits and spaces of all scripts, and some signs."""


class Default(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The SDK's own chain: web identity (IRSA), Pod Identity, environment, profile, instance."""


class Static(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """An access key. Nothing else is looked at: no environment, no file of the SDK, no instance."""

    access_key_id: Text | Credential
    secret_access_key: Credential
    session_token: Credential | None = None


class WebIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A role taken on with a token that stands in a file, which is read anew for each login.

    What is left out comes from the environment that EKS gives a Pod of a ServiceAccount with a role (IRSA):
    https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
    """

    role_arn: Text | None = None
    """None: AWS_ROLE_ARN."""
    token_file: Text | None = None
    """None: AWS_WEB_IDENTITY_TOKEN_FILE."""
    session_name: Text | None = None
    """None: AWS_ROLE_SESSION_NAME, or a name of syncd's own."""


class AssumeRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """One role of a chain, taken on with what came before it."""

    role_arn: Text
    external_id: Text | None = None
    session_name: Text | None = None
    """None: a name of syncd's own."""
    tags: Mapping[str, Text] = {}
    """Session tags."""


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Exactly one way to log in, and the roles to take on from there. Nothing falls back from one to another."""

    default: Default | None = None
    static: Static | None = None
    profile: Text | None = None
    """A profile of the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, by default those in ~/.aws."""
    web_identity: WebIdentity | None = None
    assume_role: tuple[AssumeRole, ...] | None = None

    def method(self) -> str:
        """Name the way to log in, in the spelling of the file."""
        ways = {"static": self.static, "profile": self.profile, "webIdentity": self.web_identity}
        return next((name for name, way in ways.items() if way is not None), "default")


def mistakes(auth: Auth) -> Iterable[Problem]:
    """Give what is wrong with a store's `auth`."""
    methods = [auth.default, auth.static, auth.profile, auth.web_identity]
    given = sum(method is not None for method in methods)
    if given != 1:
        found = "no login method" if given == 0 else "more than one login method"
        yield Problem(("auth",), found, "give exactly one of default, static, profile and webIdentity")
    if auth.profile is not None and not text(auth.profile).strip():
        yield Problem(("auth", "profile"), "the profile has no name", "write a name of the SDK's configuration file")
    if auth.static is not None:
        if isinstance(auth.static.access_key_id, Credential):
            yield from auth.static.access_key_id.check("auth", "static", "accessKeyId")
        yield from auth.static.secret_access_key.check("auth", "static", "secretAccessKey")
        if auth.static.session_token is not None:
            yield from auth.static.session_token.check("auth", "static", "sessionToken")
    if auth.web_identity is not None:
        yield from _web_identity(auth.web_identity)
    if auth.assume_role is not None:
        yield from _chain(auth.assume_role)


def is_role(arn: str) -> bool:
    """Tell whether this is the ARN of an IAM role."""
    return bool(_ROLE.match(arn))


def is_session_name(name: str) -> bool:
    """Tell whether STS takes this as the name of a session."""
    return bool(_SESSION.match(name))


def _web_identity(login: WebIdentity) -> Iterable[Problem]:
    place: Path = ("auth", "webIdentity")
    if login.role_arn is not None:
        yield from _role(login.role_arn, place)
    if login.token_file is not None and not text(login.token_file).strip():
        yield Problem((*place, "tokenFile"), "the token file has no name", "write its path, or leave tokenFile out")
    yield from _session(login.session_name, place)


def _chain(roles: tuple[AssumeRole, ...]) -> Iterable[Problem]:
    if not 1 <= len(roles) <= MOST_ROLES:
        yield Problem(("auth", "assumeRole"), f"a chain has 1 to {MOST_ROLES} roles", "write [{roleArn: ARN}]")
    for number, role in enumerate(roles):
        place: Path = ("auth", "assumeRole", number)
        yield from _role(role.role_arn, place)
        yield from _session(role.session_name, place)
        if role.external_id is not None and not _EXTERNAL_ID.match(text(role.external_id)):
            allowed = "letters, digits and _+=,.@:/-, 2 to 1224 of them"
            yield Problem((*place, "externalId"), "this can be no external id", f"one consists of {allowed}")
        yield from _tags(role.tags, place)


def _role(arn: Text, place: Path) -> Iterable[Problem]:
    if not is_role(text(arn)):
        yield Problem((*place, "roleArn"), "this is not the ARN of a role", "write arn:aws:iam::ACCOUNT:role/NAME")


def _session(name: Text | None, place: Path) -> Iterable[Problem]:
    if name is not None and not is_session_name(text(name)):
        allowed = "letters, digits and _+=,.@-, 2 to 64 of them"
        yield Problem((*place, "sessionName"), "this can be no session's name", f"one consists of {allowed}")


def _tags(tags: Mapping[str, Text], place: Path) -> Iterable[Problem]:
    if len(tags) > MOST_TAGS:
        yield Problem((*place, "tags"), f"a session has at most {MOST_TAGS} tags", "leave some out")
    seen: set[str] = set()
    for tag, value in tags.items():
        if not 1 <= len(tag) <= 128 or not _TAG.match(tag) or tag.lower().startswith("aws:"):
            allowed = "letters, digits, spaces and _.:/=+-@, 1 to 128 of them, and does not begin with aws:"
            yield Problem((*place, "tags", tag), "this can be no tag's name", f"one consists of {allowed}")
        elif tag.casefold() in seen:
            message = "this tag is there twice: STS does not tell capitals from small letters"
            yield Problem((*place, "tags", tag), message, "leave one of them out")
        elif len(text(value)) > 256 or not _TAG.match(text(value)):
            allowed = "letters, digits, spaces and _.:/=+-@, at most 256 of them"
            yield Problem((*place, "tags", tag), "this can be no tag's value", f"one consists of {allowed}")
        seen.add(tag.casefold())
