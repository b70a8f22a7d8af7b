"""What a failed login means: from what was seen on the wire to a failure. Pure."""

from dataclasses import dataclass

import msgspec

from syncd.fetch.http import Answer, TransportError
from syncd.model.reference import Failure, FailureClass
from syncd_providers.azure.headers import clock_skew, retry_after

_REFUSALS = (400, 401, 403)
_LARGEST_NUMBER = 10_000_000


class _OAuthError(msgspec.Struct):
    """Source: learn.microsoft.com/entra/identity-platform/reference-error-codes, handling error codes."""

    error_codes: list[int] = []


@dataclass(frozen=True, slots=True)
class Who:
    """Which login, in words that may be shown."""

    method: str
    """As in the file: `clientSecret`."""
    client_id: str = ""
    """Empty where the configuration names none."""
    tenant_id: str = ""
    """Likewise."""

    def __str__(self) -> str:
        """Give the method and, where known, the client and the tenant."""
        client = f" of client {self.client_id}" if self.client_id else ""
        tenant = f" in tenant {self.tenant_id}" if self.tenant_id else ""
        return f"login {self.method}{client}{tenant}"


class LoginFailed(Exception):  # noqa: N818 — carries an outcome out through the SDK's pipeline
    """There is no token. Holds the failure; its text is the reason code."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        super().__init__(failure.reason)
        self.failure = failure


def failed(who: Who, address: str, answer: Answer | None, error: TransportError | None, now: float) -> Failure:
    """Judge a login that gave no token by the latest wire request to `address`; all of it concerns the whole store.

    `now` is wall-clock time. Without any request the method itself cannot be used here.
    """
    if error is not None:
        seen = error.failure(address)
        message = f"{who}: {seen.message}"
        return Failure(FailureClass.UNAVAILABLE, seen.reason, message, scope="store")
    if answer is None:
        message = f"{who} cannot be used here; check the method and what it needs on this machine"
        return Failure(FailureClass.DENIED, "login-unavailable", message, scope="store")
    wait = retry_after(answer.headers, now)
    if answer.status == 429:
        message = f"{who}: {address} asks for fewer logins; try again later"
        return Failure(FailureClass.THROTTLED, "login-throttled", message, retry_after=wait, scope="store")
    if answer.status in _REFUSALS and (numbers := _error_numbers(answer.body)) is not None:
        return _refused(who, address, answer, numbers, now)
    message = f"{who}: {address} answered with status {answer.status} and no token; try again later"
    return Failure(FailureClass.UNAVAILABLE, "login-failed", message, retry_after=wait, scope="store")


def _refused(who: Who, address: str, answer: Answer, numbers: list[int], now: float) -> Failure:
    skew = clock_skew(answer.headers, now)
    if skew is not None:
        message = f"{who}: refused, and the clock of {address} is {skew:+.0f} s from the one here; set the clock"
        return Failure(FailureClass.DENIED, "clock-skew", message, scope="store")
    told = "".join(f" AADSTS{number}" for number in numbers[:1])
    message = f"{who}: refused by {address}{told}; check the credential and the client's rights in the tenant"
    return Failure(FailureClass.DENIED, "login-refused", message, scope="store")


def _error_numbers(body: bytes) -> list[int] | None:
    """Give Entra's error numbers, which are fit to be shown; None for a body that is no JSON object."""
    try:
        said = msgspec.json.decode(body, type=_OAuthError)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            return [] if isinstance(msgspec.json.decode(body), dict) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
    return [number for number in said.error_codes if 0 < number < _LARGEST_NUMBER]
