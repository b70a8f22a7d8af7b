"""The calls about leases: short-lived secrets are renewed before a plan, issued right before a write, revoked after.

| when | what is called | what follows where that fails |
| --- | --- | --- |
| the Secret was looked at, a lease is due | renew; its new times are written on the Secret | told, tried again |
| the same, and the store knows it no more, cuts it short or will not renew | nothing: the plan issues another | |
| right before a write that needs something issued | issue, once | the Secret is kept; what was issued is revoked |
| that write did not happen | revoke what was issued | it runs out |
| it is not known whether it did | nothing, until the Secret was looked at again | it runs out |
| a lease's place was taken, and `OVERLAP` is over | revoke | it runs out |
| the Secret was removed | revoke all that it held | they run out |

What a process that was killed has issued and not written runs out by itself: nobody knows its id.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from syncd.defect import described
from syncd.fetch.gateway import Gateway
from syncd.lease_memory import LeaseMemory
from syncd.model.lease import Fresh, Grant, Issue, Issued, Renewal, Revocation
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import WRITES, Action, Change
from syncd.model.reference import Failure, FailureClass
from syncd.model.secret import LiveSecret, Missing, Written
from syncd.model.selection import Lease
from syncd.plan.decision import plan_one
from syncd.plan.differences import resigned
from syncd.plan.guards import kinds, lets_go
from syncd.plan.lease_records import LEASES, Book, Record, read_book
from syncd.plan.leases import (
    all_of,
    book_of,
    due_at,
    end_of,
    fingerprint,
    is_believed,
    is_cut_short,
    is_renewable,
    renewed,
)
from syncd.plan.marks import SUSPEND
from syncd.reconcile import Seen, Standing, seen_anew, with_issued
from syncd.target.seam import Permit, Target
from syncd.workers import run_each

_SAYS_NOTHING: Final = frozenset({FailureClass.UNAVAILABLE, FailureClass.THROTTLED, FailureClass.MALFORMED})
"""Failures after which it is not known what became of a call."""
_LEAST_PAUSE: Final = 5.0

LeaseEventKind = Literal["issued", "renewed", "revoked", "not-issued", "not-renewed", "not-revoked"]


@dataclass(frozen=True, slots=True)
class LeaseEvent:
    """One call about a lease, for the log and the metrics."""

    kind: LeaseEventKind
    store: str
    key: SecretKey
    message: str = ""
    """Of what went wrong."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What came of issuing for one change."""

    change: Change
    """What is to be written, or why nothing is: then without `unissued`, or with an outcome."""
    issued: tuple[tuple[str, Grant], ...] = ()
    """Stores and grants of what was issued and stands in no Secret yet."""

    @property
    def writes(self) -> bool:
        """Tell whether there is something to write."""
        return self.change.action in WRITES and not self.change.outcome and self.change.unissued is None


class Leasing:
    """Does what the table above says. Thread-safe, as far as each Secret is handled by one thread at a time."""

    def __init__(
        self,
        gateway: Gateway,
        targets: Mapping[str, Target],
        standing: Standing,
        permit: Permit,
        memory: LeaseMemory,
        *,
        wall: Callable[[], float],
        observe: Callable[[LeaseEvent], None] = lambda _event: None,
        workers: int = 16,
    ) -> None:
        """Take what it needs; `wall` gives seconds since the epoch."""
        self._gateway, self._targets, self._standing, self._permit = gateway, targets, standing, permit
        self._memory, self._wall, self._observe, self._workers = memory, wall, observe, workers

    # Before a plan

    def tended(self, seen: Seen) -> Seen:
        """Renew what is due on the Secrets of a pass, write that, and judge anew what has to be issued.

        A run that may not issue renews nothing.
        """
        if not any(mapping.leases() for mapping, _ in seen.wanted):
            return seen
        issues = self._standing.rules.issue
        tended = [(mapping, live) for mapping, live in self._held(seen) if mapping.leases() and issues]
        live, ended = dict(seen.live), set[tuple[SecretKey, str]]()
        work = run_each(lambda one: self._tended(*one), tended, workers=self._workers, name="syncd-lease")
        for (mapping, _), (secret, over) in work:
            live[mapping.key] = secret
            ended.update((mapping.key, of) for of in over)
        for key, found in live.items():
            if isinstance(found, LiveSecret):
                self._resolve_doubts(key, book_of(found))
            elif isinstance(found, Missing):
                self._resolve_doubts(key, Book())
        now = self._wall()
        holdings = replace(self._standing.holdings(now), ended=frozenset(ended))
        return seen_anew(seen, live, now=now, holdings=holdings)

    def _held(self, seen: Seen) -> Iterable[tuple[SecretMapping, LiveSecret]]:
        """Give the Secrets whose word about leases is believed, and that nobody asked to leave alone."""
        for mapping, _ in seen.wanted:
            live = seen.live.get(mapping.key)
            if not isinstance(live, LiveSecret) or LEASES not in live.annotations or mapping.suspend:
                continue
            if live.annotations.get(SUSPEND) != "true" and is_believed(live, self._standing.instance):
                yield mapping, live

    def _tended(self, mapping: SecretMapping, live: LiveSecret) -> tuple[LiveSecret, list[str]]:
        """Look after one Secret; a defect that it brings up is its own."""
        try:
            return self._tend(mapping, live)
        except Exception as error:  # noqa: BLE001 — its text may carry values
            self._observe(LeaseEvent("not-renewed", mapping.leases()[0].store, live.key, _defect(live.key, error)))
            return live, []

    def _tend(self, mapping: SecretMapping, live: LiveSecret) -> tuple[LiveSecret, list[str]]:
        """Renew what is due on one Secret; give it as it then is, and the fingerprints of what is over or ends soon."""
        wanted = {(lease.store, fingerprint(lease)) for lease in mapping.leases()}
        book, over, records = book_of(live), list[str](), list[Record]()
        for record in book.leases:
            after = record
            if (self._store(record.store), record.of) in wanted and self._is_due(live.key, record):
                if not is_renewable(record):
                    over.append(record.of)
                elif not self._memory.is_postponed(live.key, record.of):
                    after = self._renew(live.key, record)
                    put_off = after is record and self._memory.is_postponed(live.key, record.of)
                    if (after is record and not put_off) or is_cut_short(after):
                        over.append(record.of)
            records.append(after)
        if tuple(records) != book.leases:
            live = self._noted(live, Book(tuple(records), book.retired))
        return live, over

    def _is_due(self, key: SecretKey, record: Record) -> bool:
        return self._memory.is_due(key, record.of, record.since, due_at(record, key) - self._wall())

    def _renew(self, key: SecretKey, record: Record) -> Record:
        """Renew one; the same where that failed: it is put off then, or the lease is to be replaced."""
        store, at = self._store(record.store), self._wall()
        answer = self._gateway.lease(Renewal(store, record.lease, record.owner))
        if isinstance(answer, Grant):
            self._observe(LeaseEvent("renewed", store, key))
            return renewed(record, answer, at)
        message = answer.message if isinstance(answer, Failure) else ""
        self._observe(LeaseEvent("not-renewed", store, key, message))
        if isinstance(answer, Failure) and answer.cls in _SAYS_NOTHING and end_of(record) > at:
            self._memory.postpone(key, record.of, max(_LEAST_PAUSE, (end_of(record) - at) / 4))
        return record

    def _noted(self, live: LiveSecret, book: Book) -> LiveSecret:
        """Write the new times on the Secret; where that fails they are told by the next renewal."""
        desired = resigned(live, self._standing.instance, book=book)
        outcome = self._targets[live.key.target].update(live, desired, self._permit)
        if not isinstance(outcome, Written):
            return live
        return replace(
            live,
            resource_version=outcome.resource_version,
            labels=dict(desired.labels),
            annotations=dict(desired.annotations),
        )

    def _resolve_doubts(self, key: SecretKey, book: Book) -> None:
        held = set(all_of(book))
        for store, lease in self._memory.doubts(key):
            if (store, lease) not in held:
                self._revoke(key, store, lease)

    # Around a write

    def issued(self, change: Change, mapping: SecretMapping, seen: Seen) -> Issuance:
        """Issue what a change needs, and judge it anew with that. What is not to be written is given back."""
        wait = self._memory.wait(change.key)
        if wait > 0:
            message = (
                f"{change.key}: held, short-lived secrets were issued for it too often, or nobody knows what came of "
                f"it; the next one may be in {wait:.0f} s. Look who else writes to the Secret, and at the store"
            )
            return Issuance(replace(change, outcome="held", message=message))
        fresh: dict[Lease, Fresh] = {}
        for lease in change.unissued.leases if change.unissued else ():
            if not self._permit.granted():
                self._give_back(change.key, _grants(fresh))
                return Issuance(replace(change, outcome="skipped", message=f"{change.key}: the run is ending"))
            at = self._wall()
            answer = self._gateway.lease(Issue(lease.store, lease.path, lease.parameters))
            if not isinstance(answer, Issued):
                self._give_back(change.key, _grants(fresh))
                return Issuance(self._unissued(change, lease, answer if isinstance(answer, Failure) else None))
            self._observe(LeaseEvent("issued", lease.store, change.key))
            fresh[lease] = Fresh(answer.value, answer.grant, at)
        issuance: Issuance | None = None
        try:
            issuance = self._judged(change, mapping, seen, fresh)
        finally:
            if issuance is None or not issuance.writes:
                self._give_back(change.key, _grants(fresh))
                self._memory.strike(change.key)
        return issuance

    def _judged(self, change: Change, mapping: SecretMapping, seen: Seen, fresh: Mapping[Lease, Fresh]) -> Issuance:
        built = with_issued(mapping, seen, change.live, fresh, now=self._wall())
        rules = self._standing.rules
        anew = plan_one(
            mapping,
            built,
            change.live or Missing(change.key),
            instance=self._standing.instance,
            rules=rules,
            confirmed_absent=change.key in seen.confirmed_absent,
        )
        counted = set(kinds(anew, rules)) <= set(kinds(change, rules))
        if anew.action in WRITES and (anew.unissued is not None or not counted):
            message = f"{change.key}: what was issued has other keys than were counted; the next pass judges it anew"
            anew = replace(change, outcome="skipped", message=message)
        return Issuance(anew, _grants(fresh))

    def _unissued(self, change: Change, lease: Lease, failure: Failure | None) -> Change:
        cls = FailureClass.UNAVAILABLE if failure is None else failure.cls
        if cls in _SAYS_NOTHING and cls is not FailureClass.THROTTLED:
            self._memory.strike(change.key)
        message = f"{lease.store}:{lease.path} was not issued: {failure.message if failure else 'no answer'}"
        self._observe(LeaseEvent("not-issued", lease.store, change.key, message))
        return replace(change, action=Action.UNREADABLE, reason=f"source-{cls.value}", message=message, unissued=None)

    def written(self, change: Change, issuance: Issuance) -> None:
        """Take in how the write of an issuance ended: keep, give back, or wait for the next look."""
        if change.outcome == "done":
            self._memory.issued(change.key, self._shortest(change))
        elif change.failure in (None, "unavailable") and change.outcome == "failed":
            self._memory.strike(change.key)
            told = ((store, grant.lease) for store, grant in issuance.issued if grant.lease)
            self._memory.doubt(change.key, frozenset(told))
        else:
            self._memory.strike(change.key)
            self._give_back(change.key, issuance.issued)

    def _shortest(self, change: Change) -> float:
        records = read_book(change.desired.annotations.get(LEASES, "")).leases if change.desired else ()
        soonest = min((due_at(each, change.key) - self._wall() for each in records), default=0.0)
        return soonest * 0.9 - 1  # the clocks of the two moments are not the same

    # After the writes

    def released(self, changes: Iterable[Change]) -> None:
        """Revoke what removed Secrets held."""
        for change in changes:
            live = change.live if change.outcome == "done" and lets_go(change) else None
            if live is not None and is_believed(live, self._standing.instance):
                for store, lease in all_of(book_of(live)):
                    self._revoke(change.key, store, lease)

    def tidied(self, seen: Seen, changes: Sequence[Change]) -> None:
        """Revoke the leases whose place was taken long enough ago, and note when the next thing is due.

        A run that may not issue does neither.
        """
        if not self._standing.rules.issue:
            return
        now = self._wall()
        done = {change.key: change for change in changes}
        held = {mapping.key: live for mapping, live in self._held(seen)}
        for mapping, _ in seen.wanted:
            change, live = done.get(mapping.key), held.get(mapping.key)
            book = Book()
            if change is not None and change.outcome == "done" and change.desired is not None:
                book = read_book(change.desired.annotations.get(LEASES, ""))
            elif live is not None:
                book = book_of(live)
            for each in book.retired:
                if each.until <= now < each.expires:
                    self._revoke(mapping.key, each.store, each.lease)
            if mapping.leases() or book.leases or book.retired:
                self._memory.plan(mapping.key, self._next(mapping.key, book, now))

    def _next(self, key: SecretKey, book: Book, now: float) -> float | None:
        moments = [max(due_at(each, key) - now, self._memory.left(key, each.of)) for each in book.leases]
        moments += [each.until - now for each in book.retired if now < each.until < each.expires]
        wait = self._memory.wait(key)
        moments += [wait] if wait else []
        ahead = [seconds for seconds in moments if seconds > 0]
        return min(ahead, default=None)

    def _give_back(self, key: SecretKey, issued: Iterable[tuple[str, Grant]]) -> None:
        for store, grant in issued:
            if grant.lease:
                self._revoke(key, store, grant.lease)

    def _revoke(self, key: SecretKey, store: str, lease: str) -> None:
        store = self._store(store)
        if not self._memory.revokes(store, lease):
            return
        answer = self._gateway.lease(Revocation(store, lease))
        failed = isinstance(answer, Failure)
        message = answer.message if isinstance(answer, Failure) else ""
        self._observe(LeaseEvent("not-revoked" if failed else "revoked", store, key, message))

    def _store(self, name: str) -> str:
        """Give the present name of a store."""
        return self._standing.rules.formerly.get(name, name)


def _defect(key: SecretKey, error: Exception) -> str:
    return f"{key}: a defect in syncd: {described(error)}; please report it"


def _grants(fresh: Mapping[Lease, Fresh]) -> tuple[tuple[str, Grant], ...]:
    return tuple((lease.store, each.grant) for lease, each in fresh.items())
