"""Short-lived secrets that live Secrets hold: which of them are still good, and what becomes of the others. Pure.

Values of a lease stand in the Secret and nowhere else. They are taken from there as long as

- the Secret is proven ours, and its mark has a record of the very entry of the mapping;
- the lease, and what it hangs on, has not run out;
- every key that has its value from it is there, with the bytes that were written (a keyed digest tells).

What is not kept is issued anew. The record of a lease that another takes the place of moves to the retired ones, and
is revoked after `OVERLAP`, so that workloads can change over; ones that end sooner are left to run out.
"""

import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

import msgspec

from syncd.keys import InstanceKey
from syncd.model.lease import Fresh, Grant, Kept
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.secret import Content, Live, LiveSecret
from syncd.model.selection import Lease
from syncd.plan.instance import Instance
from syncd.plan.lease_records import LEASES, Book, Record, Retired, read_book
from syncd.plan.marks import mapping_text
from syncd.plan.ownership import judge
from syncd.redact import SecretValue

OVERLAP: Final = 300.0
"""Seconds for which a lease goes on after another took its place: the kubelet takes a minute or two to bring the new
one to a Pod (https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-files-from-a-pod)."""
SHARE_OF_LIFE: Final = 2 / 3
JITTER: Final = 0.1
"""How much of that share it may be earlier, so that what was issued together is not renewed together."""
CUT_SHORT: Final = 0.5
"""A renewal that gives less than this share of the first life has met a maximum, and gives less and less from then."""

Ended = Collection[tuple[SecretKey, str]]
"""Leases that are to be replaced although they live, by Secret and fingerprint."""


def fingerprint(lease: Lease) -> str:
    """Tell entries apart by what they ask and how they name keys, not by their store, which may be renamed."""
    rules = lease.keys
    named = (rules.include, rules.exclude, rules.rename, rules.replace, rules.prefix, lease.overrides)
    return sha256(msgspec.json.encode((lease.path, lease.parameters, named))).hexdigest()[:16]


def end_of(record: Record) -> float:
    """Give when it is over: at its own end, or with the token that it hangs on."""
    return record.expires if record.owner_ends is None else min(record.expires, record.owner_ends)


def due_at(record: Record, key: SecretKey) -> float:
    """Give when it is to be renewed or issued anew: at two thirds of its life, or up to a tenth of them earlier."""
    early = zlib.crc32(f"{key} {record.of} {record.since:.0f}".encode()) % 1000 / 1000 * JITTER
    return record.since + (end_of(record) - record.since) * SHARE_OF_LIFE * (1 - early)


def is_renewable(record: Record) -> bool:
    """Tell whether the store can let it go on."""
    return record.renewable and bool(record.lease)


def renewed(record: Record, grant: Grant, at: float) -> Record:
    """Give the record of a lease that was renewed at `at`."""
    owner_ends = record.owner_ends if grant.owner_seconds is None else at + grant.owner_seconds
    return replace(record, since=at, expires=at + grant.seconds, owner_ends=owner_ends, renewable=grant.renewable)


def is_cut_short(record: Record) -> bool:
    """Tell whether the latest renewal gave so little that the next ones will give less and less."""
    return end_of(record) - record.since < record.life * CUT_SHORT


def is_believed(live: LiveSecret, instance: Instance) -> bool:
    """Tell whether leases may be renewed and revoked on a Secret's word: only on a proven one's."""
    return LEASES in live.annotations and judge(live, instance, mapping="").ownership == "proven"


def book_of(live: LiveSecret) -> Book:
    """Give what a Secret says of leases, whoever wrote it."""
    return read_book(live.annotations.get(LEASES, ""))


@dataclass(frozen=True, slots=True)
class Holdings:
    """Tells what live Secrets hold of the short-lived secrets that their mappings want."""

    instance: Instance
    now: float
    """Seconds since the epoch."""
    formerly: Mapping[str, str] = field(default_factory=dict)
    ended: Ended = frozenset()
    ahead: bool = False
    """Count what is due and cannot be renewed as ended: a run that may issue replaces it before it runs out.

    On a Secret that is not proven ours nothing is renewed.
    """

    def of(self, mapping: SecretMapping, live: Live | None) -> dict[Lease, Kept]:
        """Give what is kept; every other lease of the mapping has to be issued."""
        leases = mapping.leases()
        if not leases or not isinstance(live, LiveSecret) or LEASES not in live.annotations:
            return {}
        verdict = judge(live, self.instance, mapping=mapping_text(mapping.tenant, mapping.id))
        if not verdict.ours:
            return {}
        records = {(self.formerly.get(each.store, each.store), each.of): each for each in book_of(live).leases}
        kept: dict[Lease, Kept] = {}
        for lease in leases:
            record = records.get((lease.store, fingerprint(lease)))
            proven = verdict.ownership == "proven"
            if record is not None and self._is_good(record, live, proven=proven):
                data = {key: live.data[key] for key in record.keys}
                kept[lease] = Kept(data, record.issued, record.overridden)
        return kept

    def _is_good(self, record: Record, live: LiveSecret, *, proven: bool) -> bool:
        if end_of(record) <= self.now or (live.key, record.of) in self.ended:
            return False
        goes_on = proven and is_renewable(record)
        if self.ahead and not goes_on and due_at(record, live.key) <= self.now:
            return False
        if not live.data.keys() >= set(record.keys):
            return False
        key = self.instance.key
        if key is None or live.key.target in self.instance.plain_targets:
            return True
        values = {name: live.data[name] for name in record.keys}
        return any(_digest(each, record.of, values) == record.digest for each in (key, *_former(key)))


def book_for(content: Content, before: Book, *, key: InstanceKey | None, formerly: Mapping[str, str]) -> Book:
    """Make what the Secret is to say: the leases that its content has, and those whose place they took.

    `before`: what the Secret says, empty where that is not ours. `key`: None where no digest can be made.
    """
    known = {(formerly.get(each.store, each.store), each.of): each for each in before.leases}
    records = []
    for lease, given in content.leases.items():
        of = fingerprint(lease)
        earlier = known.get((lease.store, of))
        digest = earlier.digest if earlier is not None and given.fresh is None else ""
        if key is not None:
            digest = _digest(key, of, {name: content.data[name] for name in given.keys})
        if given.fresh is not None:
            record = _record(lease.store, of, given.fresh)
        elif earlier is not None:
            record = replace(earlier, store=lease.store)
        else:
            continue  # kept is only what a record tells of
        records.append(replace(record, keys=given.keys, overridden=given.overridden, digest=digest))
    present = {(each.store, each.lease) for each in records}
    gone = [each for each in before.leases if each.lease and (each.store, each.lease) not in present]
    retired = [each for each in before.retired if each.until + OVERLAP > content.at]
    retired += [_retired(each, content.at) for each in gone if each.expires > content.at]
    return Book(tuple(records), tuple(retired))


def all_of(book: Book) -> tuple[tuple[str, str], ...]:
    """Give store and id of every lease that a Secret tells of, retired ones too."""
    present = tuple((each.store, each.lease) for each in book.leases if each.lease)
    return present + tuple((each.store, each.lease) for each in book.retired)


def _record(store: str, of: str, fresh: Fresh) -> Record:
    grant, at = fresh.grant, fresh.at
    life = grant.seconds if grant.owner_seconds is None else min(grant.seconds, grant.owner_seconds)
    return Record(
        of=of,
        store=store,
        lease=grant.lease,
        issued=at,
        since=at,
        expires=at + grant.seconds,
        life=life,
        renewable=grant.renewable,
        owner=grant.owner,
        owner_ends=None if grant.owner_seconds is None else at + grant.owner_seconds,
    )


def _retired(record: Record, at: float) -> Retired:
    return Retired(record.store, record.lease, min(record.expires, at + OVERLAP), record.expires)


def _former(key: InstanceKey) -> Iterable[InstanceKey]:
    return (former for _, former in key.former)


def _digest(key: InstanceKey, of: str, values: Mapping[str, SecretValue]) -> str:
    parts = [of.encode()]
    for name in sorted(values):
        parts += (name.encode("utf-8", "surrogatepass"), values[name].reveal())
    return key.mac("digest", b"".join(b"%d:%b," % (len(part), part) for part in parts)).hex()[:32]
