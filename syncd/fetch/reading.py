"""The answers of one reading, as they come in: who waits for some of them is held up by no others."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from syncd.fetch.retry import Ending, given_up
from syncd.fetch.share import Answers, MakeCondition, Share
from syncd.model.reference import (
    Answer,
    Failure,
    FailureClass,
    Fetched,
    Found,
    Listing,
    Outcome,
    Query,
    RemoteRef,
    Wanted,
)
from syncd.model.report import StoreCost

FOREVER: Final = float("inf")
W = TypeVar("W", bound=Wanted)


class ShareKeeper(Protocol):
    """What a reading needs of a store's lane."""

    def end(self, share: Share, *, overdue: bool) -> None:
        """Stop working for a share."""


class _Waiter:
    """A thread in `outcomes`: woken once, when the last of its references is answered."""

    __slots__ = ("answered", "heard", "missing")

    def __init__(self, missing: int, heard: float, answered: threading.Condition) -> None:
        self.missing = missing
        self.heard = heard
        self.answered = answered


class Reading:
    """What `Gateway.read` and `find` give: each distinct reference or query once. Thread-safe. Holds the values."""

    def __init__(self, clock: Callable[[], float], condition: MakeCondition) -> None:
        """Start with nothing wanted; the gateway adds the shares."""
        self._clock = clock
        self._condition = condition
        self._lock = threading.Lock()
        self._done: dict[Wanted, Answer] = {}
        self._waiters: dict[Wanted, list[_Waiter]] = {}
        self._wanted: dict[str, dict[Wanted, None]] = {}
        self._left: dict[str, int] = {}
        self._shares: dict[str, Share] = {}
        self._lanes: dict[str, ShareKeeper] = {}

    def want(
        self, store: str, refs: dict[Wanted, None], lane: ShareKeeper | None, deadline: float, *, one_by_one: bool
    ) -> Share:
        """Note what is wanted of a store, in order; without a lane, the configuration knows no such store."""
        share = Share(tuple(refs), deadline, self._deliver, self._condition, one_by_one=one_by_one)
        self._wanted[store], self._left[store], self._shares[store] = refs, len(refs), share
        if lane is None:
            unknown = f"the configuration has no store {store}"
            failure = Failure(FailureClass.CONFIG, "store-unknown", unknown, scope="store", transient=False)
            self._deliver(dict.fromkeys(refs, failure))
        else:
            self._lanes[store] = lane
        return share

    def outcomes(self, refs: Iterable[RemoteRef], *, quiet: float | None = None) -> dict[RemoteRef, Outcome]:
        """Wait until each of `refs` is answered, or its store's deadline has passed (UNAVAILABLE, `read-deadline`).

        With `quiet`, also until none of them was answered for so many seconds: what is not answered then is left out.
        An outcome stays what it is once given. Raises KeyError for a reference that was not asked for.
        """
        answers = self._answers(refs, quiet)
        return {ref: answer for ref, answer in answers if isinstance(answer, Fetched | Failure)}

    def found(self, queries: Iterable[Query], *, quiet: float | None = None) -> dict[Query, Found]:
        """Wait for what queries find, as `outcomes` does for references."""
        answers = self._answers(queries, quiet)
        return {query: answer for query, answer in answers if isinstance(answer, Listing | Failure)}

    def answer(self, wanted: Wanted) -> Answer:
        """Wait for one answer of any kind, as `outcomes` does for references."""
        ((_, answer),) = self._answers((wanted,), None)
        return answer

    def costs(self) -> Mapping[str, StoreCost]:
        """Count, for each store, the wire requests so far, the distinct references wanted, and the failures."""
        with self._lock:
            return {
                store: StoreCost(
                    calls=self._shares[store].calls,
                    sources=len(refs),
                    failures=sum(isinstance(self._done.get(ref), Failure) for ref in refs),
                )
                for store, refs in self._wanted.items()
            }

    def cancel(self) -> None:
        """Give up what is not answered yet (UNAVAILABLE, `cancelled`). Waits for nobody."""
        self._finish(tuple(self._lanes), "cancelled")

    def _answers(self, wanted: Iterable[W], quiet: float | None) -> list[tuple[W, Answer]]:
        asked = tuple(dict.fromkeys(wanted))
        while True:
            with self._lock:
                overdue = self._wait(asked, quiet)
                if not overdue:
                    return [(one, self._done[one]) for one in asked if one in self._done]
            self._finish(overdue, "read-deadline")

    def _wait(self, asked: Sequence[Wanted], quiet: float | None) -> tuple[str, ...]:
        """Wait, holding the lock; give the stores that are overdue, if any keeps `asked` waiting."""
        missing = [ref for ref in asked if ref not in self._done]
        if not missing:
            return ()
        for ref in missing:
            if ref not in self._wanted.get(ref.store, ()):
                raise KeyError(str(ref))
        ends = {store: self._shares[store].deadline for store in {ref.store for ref in missing}}
        waiter = _Waiter(len(missing), self._clock(), self._condition(self._lock))
        for ref in missing:
            self._waiters.setdefault(ref, []).append(waiter)
        while waiter.missing:
            now = self._clock()
            overdue = tuple(store for store, end in ends.items() if end <= now and self._has_open(store, missing))
            if overdue:
                self._forget(waiter, missing)
                return overdue
            until = FOREVER if quiet is None else waiter.heard + quiet
            if now >= until:
                self._forget(waiter, missing)
                return ()
            waiter.answered.wait(max(0.0, min(until, *(end for end in ends.values() if end > now)) - now))
        return ()

    def _has_open(self, store: str, missing: Iterable[Wanted]) -> bool:
        return any(ref.store == store and ref not in self._done for ref in missing)

    def _forget(self, waiter: _Waiter, missing: Iterable[Wanted]) -> None:
        for ref in missing:
            waiters = self._waiters.get(ref)
            if waiters is not None:
                waiters.remove(waiter)

    def _deliver(self, answers: Answers) -> None:
        now = self._clock()
        with self._lock:
            for ref, outcome in answers.items():
                if ref in self._done:
                    continue
                self._done[ref] = outcome
                self._left[ref.store] -= 1
                if not self._left[ref.store]:
                    # Nothing more is to come, and without this the two would keep each other, and the values, alive.
                    self._shares[ref.store].finish()
                for waiter in self._waiters.pop(ref, ()):
                    waiter.missing, waiter.heard = waiter.missing - 1, now
                    if not waiter.missing:
                        waiter.answered.notify_all()

    def _finish(self, stores: Iterable[str], why: Ending) -> None:
        for store in stores:
            self._lanes[store].end(self._shares[store], overdue=why == "read-deadline")
            with self._lock:
                left = [ref for ref in self._wanted[store] if ref not in self._done]
            self._deliver(dict.fromkeys(left, given_up(store, why)))
