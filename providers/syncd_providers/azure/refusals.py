"""Every answer of a Key Vault that is neither content nor a matter of one name's existence. Pure.

The service's sentences hold names of others, so none is passed on: only what is compared here, and reason codes.
What is not listed is UNAVAILABLE, never ABSENT.
Error codes: learn.microsoft.com/azure/key-vault/general/rest-error-codes and the type KeyVaultError of
learn.microsoft.com/rest/api/keyvault; `innererror` stands in lower case on the wire, in camel case in some clients.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass
from syncd_providers.azure.headers import clock_skew, retry_after


class _Inner(msgspec.Struct):
    code: str | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    lower: _Inner | None = msgspec.field(default=None, name="innererror")
    camel: _Inner | None = msgspec.field(default=None, name="innerError")


class _ErrorBody(msgspec.Struct):
    error: _Error


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of a vault, in words that may be shown."""

    what: str
    """Names the object: `kv:db`, `the secrets of kv`."""
    vault: str
    """Origin."""
    verb: str
    """What may be refused: `read`, `listed`."""
    permission: str
    """The permission of an access policy that allows it."""


def codes(body: bytes) -> tuple[str, str]:
    """Give the error code and the inner code of a Key Vault error body, empty where there is none."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    inner = error.lower or error.camel or _Inner()
    return error.code or "", inner.code or ""


_ROLE: Final = "assign the role Key Vault Secrets User"
"""It holds getSecret and readMetadata, which is what a listing needs.
Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles/security, Key Vault Secrets User."""


def refused(answer: Answer, request: Request, now: float) -> Failure:
    """Judge the answer; `now` is wall-clock time in seconds since the epoch."""
    status, what, vault = answer.status, request.what, request.vault
    if status == 401:
        return _not_known(answer, vault, now)
    if status == 403:
        return _forbidden(codes(answer.body)[1], request)
    if status == 429 or status >= 500:
        return _later(answer, vault, now)
    if status <= 299:
        message = f"{vault} answered {what} with status {status} and nothing of it; is something in between?"
        return Failure(FailureClass.MALFORMED, "answer-malformed", message)
    if status <= 399:
        message = f"{vault} redirects elsewhere (status {status}), which is not followed; check vaultUrl"
        return Failure(FailureClass.UNAVAILABLE, "redirected", message)
    message = f"{vault} answered {what} with status {status}, which is not Key Vault's; is something in between?"
    return Failure(FailureClass.UNAVAILABLE, "unexpected-status", message)


def not_the_vaults(request: Request) -> Failure:
    """Judge a 404 that does not speak of a secret."""
    message = f"a 404 that is not Key Vault's own stands in for {request.what}; check vaultUrl and what is between"
    return Failure(FailureClass.UNAVAILABLE, "foreign-not-found", message)


def _later(answer: Answer, vault: str, now: float) -> Failure:
    wait = retry_after(answer.headers, now)
    if answer.status == 429:
        message = f"{vault} asks for fewer requests; lower limits.requestsPerSecond if it goes on"
        return Failure(FailureClass.THROTTLED, "throttled", message, retry_after=wait, scope="store")
    message = f"{vault} failed with status {answer.status}; try again later"
    return Failure(FailureClass.UNAVAILABLE, "server-error", message, retry_after=wait)


def _not_known(answer: Answer, vault: str, now: float) -> Failure:
    skew = clock_skew(answer.headers, now)
    if skew is not None:
        message = f"{vault} refuses the token, and its clock is {skew:+.0f} s from the one here; set the clock"
        return Failure(FailureClass.DENIED, "clock-skew", message, scope="store", stale_credential=True)
    message = f"{vault} refuses the token; check that it belongs to the login's tenant"
    return Failure(FailureClass.DENIED, "token-refused", message, scope="store", stale_credential=True)


def _forbidden(inner: str, request: Request) -> Failure:
    vault = request.vault
    if inner == "ForbiddenByFirewall":
        message = f"the firewall of {vault} refuses this machine; allow its network or use a private endpoint"
        return Failure(FailureClass.DENIED, "firewall-denied", message, scope="store", transient=False)
    way = {
        "ForbiddenByRbac": _ROLE,
        "ForbiddenByPolicy": f"add the secret permission {request.permission} to the access policy",
    }.get(inner, f"allow secrets/{request.permission.lower()}")
    message = f"{request.what} may not be {request.verb} in {vault} with this login; {way}"
    return Failure(FailureClass.DENIED, "permission-denied", message, transient=False)
