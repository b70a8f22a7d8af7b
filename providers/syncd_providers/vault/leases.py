"""Short-lived secrets: what engines make, and the leases of it, on a login of its own.

A lease dies with the token that it was issued to (https://developer.hashicorp.com/vault/docs/concepts/lease#prefix-based-revocation,
"when a token is revoked, all leases created using that token are revoked"), and so at the latest when that token
expires. So leases are issued to tokens that nothing else is done with, and that are not revoked when a process ends.
Each lease remembers its token by the accessor, by which a later process renews it. Where it may not, or the token has
met its maximum, the lease ends with the token, and is replaced before.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from syncd.fetch.http import Answer
from syncd.fetch.seam import Call
from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass
from syncd.redact import SecretValue
from syncd_providers.vault import login as logins
from syncd_providers.vault.session import Session, Token
from syncd_providers.vault.statuses import is_vault, malformed, refused, says, throttled, unrouted

if TYPE_CHECKING:
    from syncd_providers.vault.client import VaultClient

_BLIND_SECONDS: Final = 3600.0
"""How long it is believed that the identity may not renew by accessor."""
_FRESH_SECONDS: Final = 60.0
"""How long a renewal by accessor serves all leases of that token."""
_NOTHING: Final = (b"null", b'""')


class _Lease(msgspec.Struct, frozen=True):
    """What every engine answers with (https://developer.hashicorp.com/vault/docs/concepts/lease)."""

    lease_id: str = ""
    lease_duration: int = 0
    renewable: bool = False
    data: dict[str, msgspec.Raw] | None = None


class _Certificate(msgspec.Struct, frozen=True):
    """When what stands for itself ends: pki tells it, of ssh the certificate does."""

    expiration: int | None = None
    signed_key: str = ""


class _Auth(msgspec.Struct, frozen=True):
    lease_duration: int


class _RenewedToken(msgspec.Struct, frozen=True):
    """The answer to a renewal by accessor, which has no token in it."""

    auth: _Auth


_renewed_token = msgspec.json.Decoder(_RenewedToken)
_lease = msgspec.json.Decoder(_Lease)
_certificate = msgspec.json.Decoder(_Certificate)


class OneAtATime:
    """A login that two sessions share."""

    def __init__(self, login: logins.Login) -> None:
        """Wrap it."""
        self._login = login
        self._lock = threading.Lock()
        self.described = login.described

    def get(self, client: logins.Requests, call: Call) -> logins.Grant | Failure:
        """Get a token; the other session waits."""
        with self._lock:
            return self._login.get(client, call)


class LeaseDesk:
    """The requests about leases. Thread-safe. Raises TransportError and CallAborted."""

    def __init__(
        self,
        client: "VaultClient",
        session: Session,
        address: str,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Keep what it needs; asks nothing. `session` outlives the process; `wall` gives seconds since the epoch."""
        self.session = session
        self._client = client
        self._address = address
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._owners: dict[str, tuple[float, float]] = {}
        """By accessor: when a token of an earlier process was renewed, and when it ends."""
        self._blind_until = float("-inf")

    def issue(self, wanted: Issue, call: Call) -> Issued | Failure:
        """Have it made, by one request that does something.

        With parameters by a write. Without, by a read, and where the engine has none there, or the token no right to
        it, by a write: Vault says both (405, 403) before it does anything.
        """
        token = self.session.prolonged(call)
        if isinstance(token, Failure):
            return token
        body = dict(wanted.parameters) if wanted.parameters else None
        call.spend()
        answer = self._client.issue(wanted.path, body, token.secret, call.remaining())
        if body is None and answer.status in (403, 405):
            call.spend()
            answer = self._client.issue(wanted.path, {}, token.secret, call.remaining())
        if answer.status != 200:
            return self._judged(_unissued(answer, wanted, self._address), token, call)
        return self._issued(answer, wanted, token)

    def renew(self, wanted: Renewal, call: Call) -> Grant | Failure:
        """Let a lease go on, and the token that it hangs on."""
        token = self.session.token(call)
        if isinstance(token, Failure):
            return token
        owner_seconds = self._owner_prolonged(wanted.owner, token, call) if wanted.owner else None
        call.spend()
        answer = self._client.renew_lease(wanted.lease, token.secret, call.remaining())
        if answer.status != 200:
            return self._judged(_unrenewed(answer, wanted, self._address), token, call)
        try:
            found = _lease.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return malformed("answer-malformed", f"{self._address} answered 200 for the lease of {wanted} without one")
        return Grant(wanted.lease, float(found.lease_duration), found.renewable, wanted.owner, owner_seconds)

    def revoke(self, wanted: Revocation, call: Call) -> Revoked | Failure:
        """End a lease."""
        token = self.session.token(call)
        if isinstance(token, Failure):
            return token
        call.spend()
        answer = self._client.revoke_lease(wanted.lease, token.secret, call.remaining())
        if answer.status in (200, 202, 204):
            return Revoked()
        if answer.status == 403:
            message = f"the lease of {wanted} may not be revoked with this token; grant update on sys/leases/revoke"
            return self._judged(_denied(answer, message), token, call)
        return refused(answer, f"the lease of {wanted}", self._address)

    def _owner_prolonged(self, owner: str, token: Token, call: Call) -> float | None:
        """Renew the token that a lease hangs on, and say how long it lives; None where that is not known."""
        if owner == token.accessor:
            prolonged = self.session.prolonged(call)
            return None if isinstance(prolonged, Failure) else _left(prolonged, self._clock())
        with self._lock:
            now = self._clock()
            known = self._owners.get(owner)
            if known is not None and now - known[0] < _FRESH_SECONDS:
                return known[1] - now
            if now < self._blind_until:
                return None
            call.spend()
            answer = self._client.renew_by_accessor(owner, token.secret, call.remaining())
            if answer.status == 403:
                self._blind_until = now + _BLIND_SECONDS
            if answer.status != 200:
                return None
            seconds = _seconds_of(answer)
            if seconds is not None:
                self._owners[owner] = (now, now + seconds)
            return seconds

    def _issued(self, answer: Answer, wanted: Issue, token: Token) -> Issued | Failure:
        try:
            found = _lease.decode(answer.body)
            data = {key: value for key, value in (found.data or {}).items() if bytes(value) not in _NOTHING}
            inside = _certificate.decode(msgspec.json.encode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = f"{self._address} answered 200 for {wanted} in a form that is not Vault's; is a proxy in between?"
            return malformed("answer-malformed", message)
        if not data:
            return malformed("no-data", f"{self._address} answered without data for {wanted}")
        seconds = float(found.lease_duration) if found.lease_id else self._lasts(inside)
        if seconds is None or seconds <= 0:
            message = (
                f"{wanted} comes without a lease and is no certificate, so nothing tells when it ends; for a secret "
                "that lasts, write `key`"
            )
            return Failure(FailureClass.CONFIG, "no-lease", message, transient=False)
        value = SecretValue(msgspec.json.encode(data))
        if not found.lease_id:
            return Issued(value, Grant("", seconds))
        left = _left(token, self._clock())
        return Issued(value, Grant(found.lease_id, seconds, found.renewable, token.accessor, left))

    def _lasts(self, found: _Certificate) -> float | None:
        """Give the seconds that a certificate is still good for; None where it is none."""
        if found.expiration is not None:
            return found.expiration - self._wall()
        if not found.signed_key:
            return None
        from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity  # noqa: PLC0415 — few mappings have one

        try:
            certificate = load_ssh_public_identity(found.signed_key.encode())
        except ValueError:
            return None
        return certificate.valid_before - self._wall() if isinstance(certificate, SSHCertificate) else None

    def _judged(self, found: Failure, token: Token, call: Call) -> Failure:
        """Tell a token that is no longer known from one that may not; Vault answers 403 to both, and does nothing."""
        if found.cls is not FailureClass.DENIED or found.reason != "permission-denied":
            return found
        if self.session.judge(token, call) != "dead":
            return found
        how = "syncd logs in anew" if token.ours else "write a new one where the store's token is read from"
        message = f"the token for leases of {self._address} is wrong, expired or revoked; {how}"
        return Failure(FailureClass.DENIED, "token-expired", message, scope="store", stale_credential=True)


def _unissued(  # noqa: PLR0911 — a return for each answer
    answer: Answer, wanted: Issue, address: str
) -> Failure:
    """Judge why nothing was issued."""
    if answer.status == 403:
        right = "update" if wanted.parameters else "read (some engines: update)"
        return _denied(answer, f"{wanted} may not be issued with this token; grant {right} on {wanted.path}")
    if answer.status == 404:
        return unrouted(answer.body, f"{wanted}", address)
    if answer.status == 405 and is_vault(answer.body):
        message = f"{wanted} takes no parameters; leave `parameters` out, and say at its role what they would say"
        return Failure(FailureClass.CONFIG, "parameters-refused", message, transient=False)
    if answer.status == 429 and says(answer.body, "lease count"):
        message = f"{address} has reached its quota of leases; revoke some that nobody uses, or raise it"
        return Failure(FailureClass.THROTTLED, "lease-quota-exceeded", message, transient=False)
    if answer.status == 429:
        return throttled(answer, address)
    if answer.status == 400:
        message = f"{address} refuses to issue {wanted}; look whether its role exists and takes these parameters"
        return Failure(FailureClass.CONFIG, "issue-refused", message, transient=False)
    return refused(answer, f"{wanted}", address)


def _unrenewed(answer: Answer, wanted: Renewal, address: str) -> Failure:
    """Judge why a lease was not renewed (texts: https://github.com/openbao/openbao, vault/expiration.go)."""
    if answer.status == 400 and says(answer.body, "not found", "expired", "invalid lease"):
        message = f"the lease of {wanted} is over; another takes its place"
        return Failure(FailureClass.UNUSABLE, "lease-gone", message, transient=False)
    if answer.status == 400:
        message = f"the lease of {wanted} cannot be renewed; another takes its place"
        return Failure(FailureClass.CONFIG, "lease-not-renewable", message, transient=False)
    if answer.status == 403:
        message = f"the lease of {wanted} may not be renewed with this token; grant update on sys/leases/renew"
        return _denied(answer, message)
    return refused(answer, f"the lease of {wanted}", address)


def _denied(answer: Answer, message: str) -> Failure:
    reason = "permission-denied" if is_vault(answer.body) else "forbidden"
    return Failure(FailureClass.DENIED, reason, message, transient=False)


def _seconds_of(answer: Answer) -> float | None:
    try:
        return float(_renewed_token.decode(answer.body).auth.lease_duration)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _left(token: Token, now: float) -> float | None:
    left = token.ends - now
    return None if left == float("inf") else left
