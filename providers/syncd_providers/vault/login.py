"""What a login is, and what its answer means: a token, or why there is none."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from syncd.fetch.credential import CredentialUnreadable
from syncd.fetch.http import Answer
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass
from syncd.redact import SecretValue
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
    batch: bool = False
    """True for a batch token, which can be neither renewed nor revoked
    (https://developer.hashicorp.com/vault/docs/concepts/tokens#token-type-comparison)."""
    accessor: str = ""
    """What it can be renewed by, but not used; empty for a batch token and a given one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One login request: its body, and what follows `login` in its path."""

    body: Mapping[str, str | SecretValue]
    user: str = ""


class Requests(Protocol):
    """The requests that a login may need: a part of `VaultClient`. Each raises TransportError."""

    def login(self, mount: str, asked: Asked, remaining: float) -> Answer:
        """Log in at the method that is mounted below auth/."""

    def wrapping_lookup(self, wrapped: SecretValue, remaining: float) -> Answer:
        """Ask what a wrapping token was made by; it stays good."""

    def unwrap(self, wrapped: SecretValue, remaining: float) -> Answer:
        """Take what a wrapping token holds; that works once."""


class Login(Protocol):
    """One configured way to get a token. Called by one thread at a time."""

    @property
    def described(self) -> str:
        """Name it in a message: method, mount and role or user; never a credential."""

    def get(self, client: Requests, call: Call) -> Grant | Failure:
        """Get a token, from files read anew. Raises TransportError, CallAborted."""


Builder = Callable[[Requests, Call], Asked | Failure]
"""Reads the credential and makes the request of it. Raises CredentialUnreadable, TransportError, CallAborted."""


class RequestLogin:
    """A login by one request."""

    def __init__(
        self, described: str, mount: str, build: Builder, address: str, wall: Callable[[], float] = time.time
    ) -> None:
        """Keep what makes the request; `wall` gives seconds since the epoch."""
        self.described = described
        self._mount = mount
        self._build = build
        self._address = address
        self._wall = wall

    def get(self, client: Requests, call: Call) -> Grant | Failure:
        """Log in."""
        try:
            asked = self._build(client, call)
        except CredentialUnreadable as error:
            return unreadable(self.described, error)
        if isinstance(asked, Failure):
            return asked
        call.spend()
        answer = client.login(self._mount, asked, call.remaining())
        return judge_login(answer, self.described, self._address, self._wall())


class _Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: int = 0
    renewable: bool = False
    token_type: str = ""
    accessor: str = ""


class _AuthReply(msgspec.Struct, frozen=True):
    auth: _Auth


_reply = msgspec.json.Decoder(_AuthReply)
_MISSING: Final = "finds no such method; check its mount and the namespace"
_QUOTA: Final = "is stopped by a lease count quota; revoke leases that nobody uses, or raise it"
_ROLE_MISSING: Final = "finds no such role there; check its name, or make it"
_NOT_ALLOWED: Final = "is not allowed; look whether that method is mounted there and what binds the role"
_REFUSED: Final = "was refused; look whether its credential is right, expired, used up or revoked"
_NO_ROLE: Final = ("invalid role name", "could not be found", "entry for role")
"""How the methods say that there is no such role
(https://github.com/hashicorp/vault, builtin/credential; the plugins vault-plugin-auth-jwt, -kubernetes and -azure)."""


def judge_login(answer: Answer, login: str, address: str, now: float | None = None) -> Grant | Failure:
    """Judge the answer to a login or a renewal, which `login` names.

    `now` is in seconds since the epoch; None where clocks have no part in it.
    """
    if answer.status == 200:
        try:
            auth = _reply.decode(answer.body).auth
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = f"{address} answered 200 to {login} without a token"
            return store_wide(FailureClass.MALFORMED, "login-answer-malformed", message, transient=True)
        token = auth.client_token.encode("utf-8", "replace")
        if not is_token(token):
            message = f"{login} gave no usable token; does it ask for a second factor?"
            return store_wide(FailureClass.DENIED, "login-without-token", message)
        index = answer.headers.get("x-vault-index", "")
        batch = auth.token_type == "batch"  # noqa: S105 — a kind of token
        return Grant(
            SecretValue(token),
            ours=True,
            seconds=max(auth.lease_duration, 0),
            renewable=auth.renewable and not batch,
            index=index if is_token(index.encode("utf-8", "replace")) else "",
            batch=batch,
            accessor="" if batch else auth.accessor,
        )
    return _no_login(answer, login, address, now)


def _no_login(answer: Answer, login: str, address: str, now: float | None) -> Failure:
    status, body = answer.status, answer.body
    skew = None if now is None else clock_skew(answer.headers, now)
    if status in (400, 403) and skew is not None:
        message = f"{login} was refused, and the clock of {address} is {skew:+.0f} s from the one here; set the clock"
        return store_wide(FailureClass.DENIED, "clock", message)
    for fits, cls, reason, what in (
        (status == 404 and is_vault(body), FailureClass.CONFIG, "login-missing", _MISSING),
        (status == 429 and says(body, "lease count"), FailureClass.THROTTLED, "lease-quota-exceeded", _QUOTA),
        (status == 400 and says(body, *_NO_ROLE), FailureClass.CONFIG, "login-role-missing", _ROLE_MISSING),
        (status == 400, FailureClass.DENIED, "login-refused", _REFUSED),
        (status == 403, FailureClass.DENIED, "login-denied", _NOT_ALLOWED),
    ):
        if fits:
            return store_wide(cls, reason, f"{login} {what}")
    return widened(refused(answer, login, address))


def is_token(token: bytes) -> bool:
    """Tell whether a token can stand in a header: printable ASCII without blanks."""
    return bool(token) and all(0x21 <= byte <= 0x7E for byte in token)


def is_bare(secret: SecretValue) -> bool:
    """Tell whether a credential that should be a token can be one."""
    return is_token(secret.reveal())


def unreadable(login: str, error: CredentialUnreadable) -> Failure:
    """Say that a login cannot be tried."""
    return store_wide(FailureClass.DENIED, "credential-unreadable", f"{login} cannot be tried: {error}")


def malformed(login: str) -> Failure:
    """Say that what stands for a token is none."""
    message = f"{login} cannot be tried: its token is not one line of printable characters; write the bare token"
    return store_wide(FailureClass.DENIED, "token-malformed", message)


def sdk_missing(login: str, extra: str) -> Failure:
    """Say that a login needs a package that came not with syncd's."""
    message = f"{login} cannot be tried: the SDK that it needs is not installed; install syncd[{extra}] beside it"
    return store_wide(FailureClass.CONFIG, "sdk-missing", message)


def store_wide(cls: FailureClass, reason: str, message: str, *, transient: bool = False) -> Failure:
    """Say what keeps the whole store from being read."""
    return Failure(cls, reason, message, scope="store", transient=transient)


def widened(found: Failure, login: str = "") -> Failure:
    """Give a failure that was judged for one object as one of the whole store, said of `login` where it is named."""
    message = f"{login}: {found.message}" if login else found.message
    return Failure(found.cls, found.reason, message, found.retry_after, "store", transient=found.transient)
