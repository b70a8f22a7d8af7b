"""What each answer of a Key Vault means: pure functions from status, headers and body to a value or a failure class.

Bodies hold values, so no text of an answer is passed on. What stands here is about one secret: its value, what is
kept beside it, and whether it exists; everything else an answer can say is in `refusals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.azure.reference import SecretId
from syncd_providers.azure.refusals import Request, codes, not_the_vaults, refused

NOT_FOUND: Final = "not-found"
"""What `read` says of a name that is not live: whether it is gone or only deleted, `deleted` tells."""


class _Attributes(msgspec.Struct):
    enabled: bool = True
    nbf: int | None = None
    exp: int | None = None
    created: int | None = None
    updated: int | None = None


class _Bundle(msgspec.Struct):
    id: str
    value: str | None = None
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Described(msgspec.Struct, rename="camel"):
    """A bundle without its value, which is dropped unread."""

    id: str
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    content_type: str | None = None
    tags: dict[str, str] | None = None


class _Deleted(msgspec.Struct):
    id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, to be held against the answer."""

    ref: RemoteRef
    """Canonical."""
    vault: str
    """Origin."""

    def request(self) -> Request:
        """Give it in words."""
        return Request(f"{self.ref}", self.vault, "read", "Get")


_CREATE: Final = "create it, or correct `key` in the mapping"


def read(answer: Answer, asked: Asked, now: float) -> Fetched | Failure | Literal["not-found"]:
    """Judge the answer to `GET /secrets/NAME[/VERSION]`; `now` is wall-clock time in seconds since the epoch."""
    return _value(answer.body, asked, now) if answer.status == 200 else _without(answer, asked, now)


def described(answer: Answer, asked: Asked, now: float) -> Fetched | Failure | Literal["not-found"]:
    """Judge the same answer as the metadata of the secret."""
    return _metadata(answer.body, asked) if answer.status == 200 else _without(answer, asked, now)


def _without(answer: Answer, asked: Asked, now: float) -> Failure | Literal["not-found"]:
    if answer.status == 404:
        return NOT_FOUND if codes(answer.body)[0] == "SecretNotFound" else not_the_vaults(asked.request())
    if answer.status == 403 and codes(answer.body)[1] == "SecretDisabled":
        return _disabled(asked)
    return refused(answer, asked.request(), now)


def deleted(answer: Answer, asked: Asked, now: float) -> Failure:
    """Judge the answer to `GET /deletedsecrets/NAME`, asked after a live secret of that name was not found."""
    ref = asked.ref
    if answer.status == 404 and codes(answer.body)[0] == "SecretNotFound":
        return Failure(
            FailureClass.ABSENT, NOT_FOUND, f"{ref} does not exist in {asked.vault}; {_CREATE}", transient=False
        )
    if answer.status == 200:
        if not _names(answer.body, asked):
            return _foreign(asked)
        message = f"{ref} is deleted but can be recovered in {asked.vault}; recover or purge it"
        return Failure(FailureClass.UNUSABLE, "soft-deleted", message, transient=False)
    if answer.status == 403:
        message = (
            f"{ref} does not exist in {asked.vault}, and whether it is only soft-deleted may not be looked up: "
            "allow secrets/get on deleted secrets (role action deletedSecrets/read or the policy's Get)"
        )
        return Failure(FailureClass.UNUSABLE, "absence-unproven", message, transient=False)
    return refused(answer, asked.request(), now)


def _value(body: bytes, asked: Asked, now: float) -> Fetched | Failure:
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _not_a_secret(asked)
    version = _version(bundle.id, asked)
    if isinstance(version, Failure):
        return version
    if bundle.value is None:
        message = f"{asked.vault} answered {asked.ref} without a value; is something in between?"
        return Failure(FailureClass.MALFORMED, "value-missing", message)
    if not bundle.attributes.enabled:
        return _disabled(asked)
    outside = _outside(bundle.attributes, asked, now)
    if outside is not None:
        return outside
    created = bundle.attributes.created
    value = SecretValue(bundle.value.encode())
    return Fetched(value, version, created=None if created is None else float(created))


def _metadata(body: bytes, asked: Asked) -> Fetched | Failure:
    """Give the tags, and what the service keeps with `$` in front; outside its window too, so that `$expires` tells."""
    try:
        bundle = msgspec.json.decode(body, type=_Described)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _not_a_secret(asked)
    version = _version(bundle.id, asked)
    if isinstance(version, Failure):
        return version
    if not bundle.attributes.enabled:
        return _disabled(asked)
    told = {**(bundle.tags or {}), **_times(bundle.attributes)}
    if bundle.content_type:
        told["$contentType"] = bundle.content_type
    return Fetched(SecretValue(msgspec.json.encode(told, order="sorted")), "", structured=True)


def _times(attributes: _Attributes) -> Mapping[str, str]:
    kept = {
        "$created": attributes.created,
        "$updated": attributes.updated,
        "$expires": attributes.exp,
        "$notBefore": attributes.nbf,
    }
    return {name: told for name, seconds in kept.items() if seconds is not None and (told := _moment(seconds))}


def _moment(seconds: int) -> str:
    """Give a moment in UTC to the second; empty for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""


def _not_a_secret(asked: Asked) -> Failure:
    message = f"{asked.vault} answered {asked.ref} with a body that is not a secret's; check what is between"
    return Failure(FailureClass.MALFORMED, "answer-malformed", message)


def _version(told: str, asked: Asked) -> str | Failure:
    """Give the version that an answer names, if it is one of the secret that was asked for."""
    found, wanted = SecretId.parse(told), asked.ref
    if (
        found is None
        or (found.vault, found.name) != (asked.vault, wanted.key)
        or not found.version
        or wanted.version not in ("", found.version)
    ):
        return _foreign(asked)
    return found.version


def _outside(attributes: _Attributes, asked: Asked, now: float) -> Failure | None:
    # The service serves a secret outside its window too: exp and nbf are information for the reader.
    # Source: learn.microsoft.com/azure/key-vault/secrets/about-secrets, secret attributes.
    if attributes.exp is not None and now >= attributes.exp:
        message = f"{asked.ref} has expired in {asked.vault}; write a new version or move its expiry date"
        return Failure(FailureClass.UNUSABLE, "expired", message, transient=False)
    if attributes.nbf is not None and now < attributes.nbf:
        message = f"{asked.ref} is not valid yet in {asked.vault}; move its activation date, or pin an older version"
        return Failure(FailureClass.UNUSABLE, "not-yet-valid", message, transient=False)
    return None


def _names(body: bytes, asked: Asked) -> bool:
    try:
        found = SecretId.parse(msgspec.json.decode(body, type=_Deleted).id)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return found is not None and (found.vault, found.name) == (asked.vault, asked.ref.key)


def _foreign(asked: Asked) -> Failure:
    message = (
        f"the answer for {asked.ref} does not name this secret of {asked.vault}; "
        "check that vaultUrl is the vault's own address and that nothing in between answers for it"
    )
    return Failure(FailureClass.MALFORMED, "answer-for-another-secret", message)


def _disabled(asked: Asked) -> Failure:
    message = f"{asked.ref} is disabled in {asked.vault}; enable it, or pin a version that is enabled"
    return Failure(FailureClass.UNUSABLE, "disabled", message, transient=False)
