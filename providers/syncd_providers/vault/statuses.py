"""What Vault says when it does not serve a request: status, its own error texts, headers. Pure.

The table is the one of the safety page; what is not in it is UNAVAILABLE. Error texts are looked into for fixed words
and go no further.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Scope

_STATUS: Final[Mapping[int, tuple[str, str]]] = {
    # https://developer.hashicorp.com/vault/api-docs/system/health, and /docs/enterprise/consistency for 412
    412: ("index-not-reached", "the node has not caught up with the last write; try again later"),
    472: ("disaster-recovery-secondary", "the node is a disaster recovery secondary and serves no reads; name another"),
    473: ("performance-standby", "the node is a performance standby that cannot serve this; name the active one"),
    474: ("standby-unreachable", "the node is a standby that cannot reach the active one; look at the cluster"),
    501: ("not-initialised", "the server is not initialised; is that its address?"),
    530: ("node-removed", "the node was removed from its cluster; name another"),
}
SKEW: Final = 150.0
"""Seconds by which Vault's JWT logins let clocks differ
(https://developer.hashicorp.com/vault/api-docs/auth/jwt, `clock_skew_leeway`, `not_before_leeway`: 60 and 150)."""
_STORE_WIDE: Final = frozenset({472, 474, 501, 530})


class _Reply(msgspec.Struct, frozen=True):
    """The envelope of every answer of Vault."""

    errors: list[str] | None = None
    warnings: list[str] | None = None


_reply = msgspec.json.Decoder(_Reply)


def refused(answer: Answer, what: str, address: str) -> Failure:
    """Judge any other answer than 200 and 404 to a request for `what`."""
    status = answer.status
    if status >= 500 or status in _STATUS:
        return _broken(answer, what, address)
    if status == 400:
        return _invalid(answer.body, what, address)
    if status == 403:
        message = f"{what} may not be read with this token; grant it read there (with KV 2 on MOUNT/data/KEY)"
        reason = "permission-denied" if is_vault(answer.body) else "forbidden"
        return Failure(FailureClass.DENIED, reason, message, transient=False)
    if status == 429:
        return throttled(answer, address)
    if 200 <= status < 300:
        return malformed("no-data", f"{address} answered {status} for {what}, without the object")
    redirected = 300 <= status < 400
    reason = "redirected" if redirected else "unexpected-status"
    message = f"{address} answered status {status} for {what}"
    if redirected:
        message += "; redirects are not followed: name the active server as the address"
    return Failure(FailureClass.UNAVAILABLE, reason, message, scope="store" if redirected else "ref")


def _broken(answer: Answer, what: str, address: str) -> Failure:
    status = answer.status
    wait = retry_after(answer.headers)
    if status == 503 and says(answer.body, "sealed"):
        return Failure(FailureClass.UNAVAILABLE, "sealed", f"{address} is sealed; unseal it", wait, scope="store")
    reason, words = _STATUS.get(status, ("server-error", f"it failed with status {status} on {what}; look at its log"))
    scope: Scope = "store" if status in _STORE_WIDE else "ref"
    return Failure(FailureClass.UNAVAILABLE, reason, f"{address}: {words}", wait, scope=scope)


def _invalid(body: bytes, what: str, address: str) -> Failure:
    if says(body, "upgrading from non-versioned"):
        # What a fresh KV 2 mount answers while it prepares itself.
        return Failure(
            FailureClass.UNAVAILABLE, "mount-upgrading", f"the mount of {what} is being upgraded; try again later"
        )
    message = f"{address} refuses the request for {what} as invalid; check mount, path and kvVersion"
    return Failure(FailureClass.CONFIG, "request-invalid", message, transient=False)


def throttled(answer: Answer, address: str) -> Failure:
    """Say that the store wants us to wait."""
    wait = retry_after(answer.headers)
    message = f"{address} limits the rate of requests (429); lower limits.requestsPerSecond or raise its quota"
    return Failure(FailureClass.THROTTLED, "rate-limited", message, retry_after=wait, scope="store")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds that a Retry-After asks for; a date counts from the answer's own Date."""
    given = headers.get("retry-after", "").strip()
    if given.removeprefix("-").isascii() and given.removeprefix("-").isdigit() and len(given) <= 12:
        return float(given)
    try:
        return (parsedate_to_datetime(given) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds by which the server's clock is ahead of `now`; None within what logins put up with."""
    try:
        skew = parsedate_to_datetime(headers.get("date", "")).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return skew if abs(skew) > SKEW else None


def is_vault(body: bytes) -> bool:
    """Tell whether an error body is in Vault's own form."""
    reply = envelope(body)
    return reply is not None and reply.errors is not None


def unrouted(body: bytes, what: str, address: str) -> Failure:
    """Judge a 404 that does not say that an object is missing."""
    if says(body, "no handler for route", "unsupported path"):
        message = f"nothing is mounted for {what} at {address}; check mount and namespace"
        return Failure(FailureClass.CONFIG, "mount-missing", message, transient=False)
    if says(body, "namespace not found"):
        message = f"{address} has no such namespace for {what}; check namespace"
        return Failure(FailureClass.CONFIG, "namespace-missing", message, transient=False)
    if says(body, "versioned k/v"):
        message = f"{what} stands in a KV 2 mount; set kvVersion: 2 or leave it out"
        return Failure(FailureClass.CONFIG, "wrong-kv-version", message, transient=False)
    return not_the_store(address)


def not_the_store(address: str) -> Failure:
    """Say that a 404 came from something else than the store."""
    message = f"{address} answered 404 in a form that is not Vault's; is a proxy in between?"
    return Failure(FailureClass.UNAVAILABLE, "not-found-elsewhere", message)


def malformed(reason: str, message: str) -> Failure:
    """Say that a success was not one."""
    return Failure(FailureClass.MALFORMED, reason, message)


def envelope(body: bytes) -> _Reply | None:
    """Give the outer form of an answer; None where it is not Vault's JSON."""
    try:
        return _reply.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def says(body: bytes, *words: str) -> bool:
    """Tell whether Vault's own errors or warnings hold one of these words. Their text goes no further."""
    reply = envelope(body)
    if reply is None:
        return False
    said = " ".join((reply.errors or []) + (reply.warnings or [])).lower()
    return any(word in said for word in words)
