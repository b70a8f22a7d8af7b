"""What a Secret says of its short-lived secrets: ids and times, in an annotation that the proof covers.

Lease ids are no secrets, but who may revoke leases could end one by its id; they stand nowhere else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

LEASES: Final = "syncd.dev/leases"
_MOST_RETIRED: Final = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One short-lived secret that the Secret holds. Times are whole seconds since the epoch."""

    of: str
    """Fingerprint of the mapping's entry that it was issued for (`syncd.plan.leases.fingerprint`)."""
    store: str
    lease: str
    """The store's id; empty where it keeps none."""
    issued: float
    since: float
    """When it was issued or last renewed."""
    expires: float
    life: float
    """Seconds that it had when it was issued: what a renewal is measured against."""
    renewable: bool = False
    owner: str = ""
    """Accessor of the token that it dies with; empty where that is not known."""
    owner_ends: float | None = None
    keys: tuple[str, ...] = ()
    """Keys of the Secret that have their value from it."""
    overridden: tuple[str, ...] = ()
    """Keys that it gave as well, and that something else gave the Secret."""
    digest: str = ""
    """Keyed digest of the values of `keys`; empty without the instance's key."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A lease that another took the place of; it lives on for a while, so that whoever uses it can change over."""

    store: str
    lease: str
    until: float
    """When it is to be revoked."""
    expires: float


@dataclass(frozen=True, slots=True)
class Book:
    """All that a Secret says of leases."""

    leases: tuple[Record, ...] = ()
    retired: tuple[Retired, ...] = ()


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    of: str
    store: str
    issued: datetime
    renewed: datetime
    expires: datetime
    seconds: int
    lease: str = ""
    renewable: bool = False
    token: str = ""
    token_expires: datetime | None = None
    keys: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    digest: str = ""


class _Retired(msgspec.Struct, frozen=True):
    store: str
    lease: str
    until: datetime
    expires: datetime


class _Book(msgspec.Struct, frozen=True, omit_defaults=True):
    leases: tuple[_Record, ...] = ()
    retired: tuple[_Retired, ...] = ()


EMPTY: Final = Book()


def book_text(book: Book) -> str | None:
    """Write it as compact JSON, times in RFC 3339; None where there is nothing to say."""
    if not book.leases and not book.retired:
        return None
    leases = tuple(
        _Record(
            of=each.of,
            store=each.store,
            issued=_moment(each.issued),
            renewed=_moment(each.since),
            expires=_moment(each.expires),
            seconds=int(each.life),
            lease=each.lease,
            renewable=each.renewable,
            token=each.owner,
            token_expires=None if each.owner_ends is None else _moment(each.owner_ends),
            keys=each.keys,
            overridden=each.overridden,
            digest=each.digest,
        )
        for each in book.leases
    )
    retired = tuple(
        _Retired(each.store, each.lease, _moment(each.until), _moment(each.expires))
        for each in book.retired[-_MOST_RETIRED:]
    )
    return msgspec.json.encode(_Book(leases, retired)).decode()


def read_book(text: str) -> Book:
    """Read it, believed or not: what cannot be read says nothing."""
    if not text:
        return EMPTY
    try:
        found = msgspec.json.decode(text, type=_Book)
        return Book(
            tuple(_record(each) for each in found.leases),
            tuple(
                Retired(each.store, each.lease, each.until.timestamp(), each.expires.timestamp())
                for each in found.retired
            ),
        )
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError, ValueError):
        return EMPTY


def _record(found: _Record) -> Record:
    return Record(
        of=found.of,
        store=found.store,
        lease=found.lease,
        issued=found.issued.timestamp(),
        since=found.renewed.timestamp(),
        expires=found.expires.timestamp(),
        life=float(found.seconds),
        renewable=found.renewable,
        owner=found.token,
        owner_ends=None if found.token_expires is None else found.token_expires.timestamp(),
        keys=found.keys,
        overridden=found.overridden,
        digest=found.digest,
    )


def _moment(seconds: float) -> datetime:
    # The calendar ends in the year 9999, and a store may say that something lives for longer.
    return datetime.fromtimestamp(min(int(seconds), 253_402_300_799), UTC)
