"""What each answer of a Key Vault means: pure functions from status, headers and body to a value or a failure class.

Bodies hold values and the service's sentences hold names of others, so no text of an answer is passed on: only
what is compared here, and reason codes. What is not listed is UNAVAILABLE, never ABSENT.
Error codes: learn.microsoft.com/azure/key-vault/general/rest-error-codes and the type KeyVaultError of
learn.microsoft.com/rest/api/keyvault; `innererror` stands in lower case on the wire, in camel case in some clients.
"""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.redact import SecretValue
from syncd_providers.azure.headers import clock_skew, retry_after
from syncd_providers.azure.reference import SecretId

NOT_FOUND: Final = "not-found"
"""What `read` says of a name that is not live: whether it is gone or only deleted, `deleted` tells."""


class _Inner(msgspec.Struct):
    code: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    lower: _Inner | None = msgspec.field(default=None, name="innererror")
    camel: _Inner | None = msgspec.field(default=None, name="innerError")


class _ErrorBody(msgspec.Struct):
    error: _Error


class _Attributes(msgspec.Struct):
    enabled: bool = True
    nbf: int | None = None
    exp: int | None = None
    created: int | None = None


class _Bundle(msgspec.Struct):
    id: str
    value: str | None = None
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Deleted(msgspec.Struct):
    id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, to be held against the answer."""

    ref: RemoteRef
    """Canonical."""
    vault: str
    """Origin."""


def codes(body: bytes) -> tuple[str, str]:
    """Give the error code and the inner code of a Key Vault error body, empty where there is none."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    inner = error.lower or error.camel or _Inner()
    return error.code or "", inner.code or ""


_CREATE: Final = "create it, or correct `key` in the mapping"


def read(answer: Answer, asked: Asked, now: float) -> Fetched | Failure | Literal["not-found"]:
    """Judge the answer to `GET /secrets/NAME[/VERSION]`; `now` is wall-clock time in seconds since the epoch."""
    if answer.status == 200:
        return _value(answer.body, asked, now)
    if answer.status == 404:
        if codes(answer.body)[0] == "SecretNotFound":
            return NOT_FOUND
        message = f"a 404 that is not Key Vault's own stands in for {asked.ref}; check vaultUrl and what is between"
        return Failure(FailureClass.UNAVAILABLE, "foreign-not-found", message)
    if answer.status == 403 and codes(answer.body)[1] == "SecretDisabled":
        return _disabled(asked)
    return refused(answer, asked, now)


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
    return refused(answer, asked, now)


def refused(answer: Answer, asked: Asked, now: float) -> Failure:
    """Judge every answer that is neither a value nor a matter of this name's existence."""
    status, vault = answer.status, asked.vault
    if status == 401:
        return _not_known(answer, asked, now)
    if status == 403:
        return _forbidden(codes(answer.body)[1], asked)
    if status == 429 or status >= 500:
        return _later(answer, asked, now)
    if status <= 299:
        message = f"{vault} answered {asked.ref} with status {status} instead of a secret; is something in between?"
        return Failure(FailureClass.MALFORMED, "answer-malformed", message)
    if status <= 399:
        message = f"{vault} redirects elsewhere (status {status}), which is not followed; check vaultUrl"
        return Failure(FailureClass.UNAVAILABLE, "redirected", message)
    message = f"{vault} answered {asked.ref} with status {status}, which is not Key Vault's; is something in between?"
    return Failure(FailureClass.UNAVAILABLE, "unexpected-status", message)


def _later(answer: Answer, asked: Asked, now: float) -> Failure:
    wait = retry_after(answer.headers, now)
    if answer.status == 429:
        message = f"{asked.vault} asks for fewer requests; lower limits.requestsPerSecond if it goes on"
        return Failure(FailureClass.THROTTLED, "throttled", message, retry_after=wait, scope="store")
    message = f"{asked.vault} failed with status {answer.status}; try again later"
    return Failure(FailureClass.UNAVAILABLE, "server-error", message, retry_after=wait)


def _value(body: bytes, asked: Asked, now: float) -> Fetched | Failure:
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        message = f"{asked.vault} answered {asked.ref} with a body that is not a secret's; check what is between"
        return Failure(FailureClass.MALFORMED, "answer-malformed", message)
    found = SecretId.parse(bundle.id)
    wanted = asked.ref
    if (
        found is None
        or (found.vault, found.name) != (asked.vault, wanted.key)
        or not found.version
        or wanted.version not in ("", found.version)
    ):
        return _foreign(asked)
    if bundle.value is None:
        message = f"{asked.vault} answered {wanted} without a value; is something in between?"
        return Failure(FailureClass.MALFORMED, "value-missing", message)
    if not bundle.attributes.enabled:
        return _disabled(asked)
    outside = _outside(bundle.attributes, asked, now)
    if outside is not None:
        return outside
    created = bundle.attributes.created
    value = SecretValue(bundle.value.encode())
    return Fetched(value, found.version, created=None if created is None else float(created))


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


def _not_known(answer: Answer, asked: Asked, now: float) -> Failure:
    skew = clock_skew(answer.headers, now)
    if skew is not None:
        message = f"{asked.vault} refuses the token, and its clock is {skew:+.0f} s from the one here; set the clock"
        return Failure(FailureClass.DENIED, "clock-skew", message, scope="store", stale_credential=True)
    message = f"{asked.vault} refuses the token; check that it belongs to the login's tenant"
    return Failure(FailureClass.DENIED, "token-refused", message, scope="store", stale_credential=True)


def _forbidden(inner: str, asked: Asked) -> Failure:
    if inner == "ForbiddenByFirewall":
        message = f"the firewall of {asked.vault} refuses this machine; allow its network or use a private endpoint"
        return Failure(FailureClass.DENIED, "firewall-denied", message, scope="store", transient=False)
    way = {
        "ForbiddenByRbac": "assign the role Key Vault Secrets User",
        "ForbiddenByPolicy": "add the secret permission Get to the access policy",
    }.get(inner, "allow secrets/get")
    message = f"{asked.ref} may not be read in {asked.vault} with this login; {way}"
    return Failure(FailureClass.DENIED, "permission-denied", message, transient=False)
