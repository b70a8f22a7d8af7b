"""Short-lived secrets: what is asked of a store about one, what it answers, and what a Secret holds of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from syncd.redact import SecretValue


class Issue(NamedTuple):
    """Make a new short-lived secret. Asked once: what became of a call that was lost is not known."""

    store: str
    path: str
    """Of the engine's endpoint, its mount included, canonical."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Sorted by name; no secrets, since they stand in the file."""

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.store}:{self.path}"


class Renewal(NamedTuple):
    """Let a lease go on, and what it hangs on."""

    store: str
    lease: str
    """The store's id of the lease."""
    owner: str
    """What the lease dies with: the accessor of the token that it was issued to; empty where that is not known."""

    def __str__(self) -> str:
        """Name it in a message, without the id."""
        return f"{self.store}:{self.lease.rpartition('/')[0]}"


class Revocation(NamedTuple):
    """End a lease."""

    store: str
    lease: str

    def __str__(self) -> str:
        """Name it in a message, without the id."""
        return f"{self.store}:{self.lease.rpartition('/')[0]}"


LeaseCall = Issue | Renewal | Revocation


@dataclass(frozen=True, slots=True)
class Grant:
    """How long a short-lived secret lives. Seconds count from the moment it was asked for."""

    lease: str
    """The store's id; empty where it keeps none: such a secret is neither renewed nor revoked."""
    seconds: float
    renewable: bool = False
    owner: str = ""
    """See `Renewal.owner`."""
    owner_seconds: float | None = None
    """How long the owner lives; None where that is not known, or nothing hangs on it."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new short-lived secret."""

    value: SecretValue
    """Its keys as one JSON object, without those that are null or empty."""
    grant: Grant


@dataclass(frozen=True, slots=True)
class Revoked:
    """The lease is ended, or was before."""


LeaseAnswer = Issued | Grant | Revoked


@dataclass(frozen=True, slots=True)
class Kept:
    """What a Secret still holds of a short-lived secret that lives on."""

    data: Mapping[str, SecretValue]
    """By the keys of the Secret."""
    issued: float
    """Seconds since the epoch."""
    overridden: tuple[str, ...] = ()
    """Keys that it gave as well, and that something else gave the Secret: their values are lost."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A short-lived secret that was just issued and stands in no Secret yet."""

    value: SecretValue
    """A JSON object."""
    grant: Grant
    at: float
    """When it was asked for, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an entry of `dataFrom` made of a short-lived secret."""

    keys: tuple[str, ...]
    """Keys of the Secret that have their value from it, sorted."""
    overridden: tuple[str, ...] = ()
    """See `Kept`."""
    fresh: Fresh | None = None
    """None where it is the one that the Secret holds already."""
