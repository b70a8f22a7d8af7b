"""Login answers, and the two ways to a token: one that was given, and one that an AppRole login gives."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from syncd.fetch.credential import Credential, CredentialUnreadable, plain_or_credential, read_credential
from syncd.fetch.http import Answer
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass
from syncd.node import text
from syncd.redact import SecretValue
from syncd_providers.vault.options import AppRole, VaultOptions
from syncd_providers.vault.statuses import clock_skew, is_vault, refused, says


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as it was got or prolonged."""

    secret: SecretValue
    ours: bool
    """True where syncd logged in for it: then it is renewed and, at the end, revoked."""
    seconds: float = 0.0
    """How long it lives from the moment it was asked for; 0 for without end, or not known."""
    renewable: bool = False
    index: str = ""
    """The state of the cluster that knows this login (X-Vault-Index); empty where the server does not say."""


class Logins(Protocol):
    """The requests that a login may need: a part of `VaultClient`."""

    def login_approle(self, mount: str, role_id: str, secret_id: SecretValue, remaining: float) -> Answer:
        """Log in with a role id and a secret id."""


class Login(Protocol):
    """One configured way to get a token."""

    def get(self, client: Logins, call: Call) -> Grant | Failure:
        """Get a token. Raises TransportError, CallAborted."""


class GivenToken:
    """A token that somebody else keeps alive; its file is read anew for each login."""

    def __init__(self, source: Credential, base: Path) -> None:
        """Keep where it stands."""
        self._source = source
        self._base = base

    def get(self, client: Logins, call: Call) -> Grant | Failure:  # noqa: ARG002 — no request is needed
        """Read the token."""
        try:
            secret = read_credential(self._source, self._base)
        except CredentialUnreadable as error:
            return _unreadable(error)
        if not is_token(secret.reveal()):
            message = "the given token is not one line of printable characters; write the bare token"
            return _store_wide(FailureClass.DENIED, "token-malformed", message)
        return Grant(secret, ours=False)


class AppRoleLogin:
    """A login with a role id and a secret id, both read anew for each."""

    def __init__(self, options: AppRole, base: Path, address: str, wall: Callable[[], float]) -> None:
        """Keep where they stand; `wall` gives seconds since the epoch."""
        self._options = options
        self._wall = wall
        self._base = base
        self._mount = text(options.mount).strip("/")
        self._address = address

    def get(self, client: Logins, call: Call) -> Grant | Failure:
        """Log in."""
        try:
            role_id = plain_or_credential(self._options.role_id, self._base)
            secret_id = read_credential(self._options.secret_id, self._base)
        except CredentialUnreadable as error:
            return _unreadable(error)
        call.spend()
        answer = client.login_approle(self._mount, role_id, secret_id, call.remaining())
        return judge_login(answer, self._described(), self._address, self._wall())

    def _described(self) -> str:
        """Name the login in a message; a role id that is kept as a credential stays out of it."""
        role = self._options.role_id
        whose = "" if isinstance(role, Credential) else f" for role id {text(role)}"
        return f"the appRole login at auth/{self._mount}{whose}"


def login_of(options: VaultOptions, base: Path, wall: Callable[[], float] = time.time) -> Login:
    """Make the login that the options ask for; `check` has seen that there is exactly one."""
    if options.auth.app_role is not None:
        return AppRoleLogin(options.auth.app_role, base, text(options.address), wall)
    return GivenToken(options.auth.token or Credential(), base)


class _Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: int = 0
    renewable: bool = False


class _AuthReply(msgspec.Struct, frozen=True):
    auth: _Auth


_reply = msgspec.json.Decoder(_AuthReply)
_REFUSED: Final = "was refused; look whether its credential is right, expired, used up or revoked"


def judge_login(answer: Answer, login: str, address: str, now: float | None = None) -> Grant | Failure:
    """Judge the answer to a login or a renewal, which `login` names.

    `now` is in seconds since the epoch; None where clocks have no part in it.
    """
    if answer.status == 200:
        try:
            auth = _reply.decode(answer.body).auth
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = f"{address} answered 200 to {login} without a token"
            return _store_wide(FailureClass.MALFORMED, "login-answer-malformed", message, transient=True)
        token = auth.client_token.encode("utf-8", "replace")
        if not is_token(token):
            message = f"{login} gave no usable token; does it ask for a second factor?"
            return _store_wide(FailureClass.DENIED, "login-without-token", message)
        index = answer.headers.get("x-vault-index", "")
        return Grant(
            SecretValue(token),
            ours=True,
            seconds=max(auth.lease_duration, 0),
            renewable=auth.renewable,
            index=index if is_token(index.encode("utf-8", "replace")) else "",
        )
    return _no_login(answer, login, address, now)


def _no_login(answer: Answer, login: str, address: str, now: float | None) -> Failure:
    status = answer.status
    skew = None if now is None else clock_skew(answer.headers, now)
    if status in (400, 403) and skew is not None:
        message = f"{login} was refused, and the clock of {address} is {skew:+.0f} s from the one here; set the clock"
        return _store_wide(FailureClass.DENIED, "clock", message)
    if status == 404 and is_vault(answer.body):
        message = f"{login} finds no such method; check its mount and the namespace"
        return _store_wide(FailureClass.CONFIG, "login-missing", message)
    if status == 429 and says(answer.body, "lease count"):
        message = f"{login} is stopped by a lease count quota; revoke leases that nobody uses, or raise it"
        return _store_wide(FailureClass.THROTTLED, "lease-quota-exceeded", message)
    if status == 400:
        return _store_wide(FailureClass.DENIED, "login-refused", f"{login} {_REFUSED}")
    if status == 403:
        message = f"{login} is not allowed; look whether that method is mounted there and what binds the role"
        return _store_wide(FailureClass.DENIED, "login-denied", message)
    found = refused(answer, login, address)
    return Failure(found.cls, found.reason, found.message, found.retry_after, "store", transient=found.transient)


def is_token(token: bytes) -> bool:
    """Tell whether a token can stand in a header: printable ASCII without blanks."""
    return bool(token) and all(0x21 <= byte <= 0x7E for byte in token)


def _unreadable(error: CredentialUnreadable) -> Failure:
    return _store_wide(FailureClass.DENIED, "credential-unreadable", f"cannot log in: {error}")


def _store_wide(cls: FailureClass, reason: str, message: str, *, transient: bool = False) -> Failure:
    return Failure(cls, reason, message, scope="store", transient=transient)
