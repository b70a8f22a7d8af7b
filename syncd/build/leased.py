"""Short-lived secrets in the build of one Secret: which keys hang on which, and what would lose a value. Pure.

The values of a lease are kept in the Secret alone, so the Secret must hold each of them as it was issued.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from syncd.build.select import Answers, Fault, extract, shown
from syncd.model.lease import Fresh, Given, Kept
from syncd.model.reference import FailureClass, Fetched, RemoteRef
from syncd.model.secret import SourceVersion
from syncd.model.selection import ALL_KEYS, KeyRules, Lease, Selection

_LATEST: Final = 253_402_300_799


class Leased:
    """What the entries with short-lived secrets gave, as far as it is known."""

    __slots__ = ("_given", "_holders", "_known", "unissued")

    def __init__(self, known: Mapping[Lease, Kept | Fresh]) -> None:
        """Take what is kept and what was just issued."""
        self._known = known
        self._given: dict[Lease, frozenset[str]] = {}
        self._holders: dict[str, Lease] = {}
        self.unissued: list[Lease] = []
        """What has to be issued before there is a whole content."""

    def opened(self, lease: Lease) -> tuple[dict[str, bytes], KeyRules] | Fault | None:
        """Give the keys of an entry with the rules that are still to be applied to them; None where it is unissued."""
        known = self._known.get(lease)
        if known is None:
            self.unissued.append(lease)
            return None
        if isinstance(known, Kept):
            return {key: value.reveal() for key, value in known.data.items()}, ALL_KEYS
        found = extract(Selection(ref_of(lease)), Fetched(known.value, "", structured=True), Answers())
        return found if isinstance(found, Fault) else (found, lease.keys)

    def overridden(self, lease: Lease) -> tuple[str, ...]:
        """Give the keys of a kept one whose values are lost, since something else gives them."""
        known = self._known.get(lease)
        return known.overridden if isinstance(known, Kept) else ()

    def gave(self, lease: Lease, keys: Iterable[str]) -> None:
        """Note what an entry gave the Secret."""
        taken = tuple(keys)
        self._given[lease] = frozenset((*taken, *self.overridden(lease)))
        self._holders.update(dict.fromkeys(taken, lease))

    def taken(self, key: str) -> None:
        """Note that something else gives a key."""
        self._holders.pop(key, None)

    def settle(self, data: Mapping[str, bytes]) -> dict[Lease, Given]:
        """Say what hangs on which, once `data` and `dataFrom` are done; what lacks a lost value is unissued again."""
        found: dict[Lease, Given] = {}
        for lease, keys in self._given.items():
            held = tuple(sorted(key for key in keys if self._holders.get(key) == lease))
            if any(key not in data for key in self.overridden(lease)):
                self.unissued.append(lease)
                continue
            known = self._known[lease]
            fresh = known if isinstance(known, Fresh) else None
            found[lease] = Given(held, tuple(sorted(keys.difference(held))), fresh)
        return found

    def source(self, lease: Lease) -> SourceVersion:
        """Name it with the moment at which it was issued; empty where it was not yet."""
        known = self._known.get(lease)
        if known is None or lease in self.unissued:
            return SourceVersion(ref_of(lease), "")
        moment = int(known.issued if isinstance(known, Kept) else known.at)
        text = datetime.fromtimestamp(min(moment, _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return SourceVersion(ref_of(lease), text, float(moment))


def ref_of(lease: Lease) -> RemoteRef:
    """Name it as other sources are named."""
    return RemoteRef(lease.store, lease.path)


def lost(leases: Mapping[Lease, Given], before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Fault]:
    """Find the keys whose values a template replaces or drops."""
    for lease, given in leases.items():
        for key in given.keys:
            if after.get(key) != before[key]:
                text = (
                    f"the key {shown(key)} of {ref_of(lease)} is replaced or dropped, and its value stands nowhere "
                    "else; make another key of it"
                )
                yield Fault(FailureClass.CONFIG, "lease-key-lost", text)
