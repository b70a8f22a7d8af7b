"""One fetch of a provider: what it is handed, and its answers made whole."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from syncd.fetch import discovery
from syncd.fetch.seam import CallAborted, Describes, Discovers, Leases, Provider
from syncd.fetch.share import Share
from syncd.model.lease import Grant, Issue, Issued, LeaseCall, Renewal, Revocation, Revoked
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

_LEAST_WAIT: Final = 0.001


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What one fetch came to, for metrics and the log. Handed to the gateway's `observe`, on a worker thread."""

    store: str
    references: int
    """References and queries."""
    requests: int
    """Wire requests, logins included."""
    seconds: float
    tries: int
    """1 for a first try."""
    outcomes: Mapping[str, int]
    """How many references by class, `ok` for a value."""


class StoreCall:
    """The `Call` that a fetch is handed."""

    __slots__ = ("_clock", "_take", "cancelled", "deadline", "ending", "login", "requests", "share", "waiting")

    def __init__(
        self, share: Share, login: int, take: Callable[["StoreCall"], None], clock: Callable[[], float]
    ) -> None:
        """Spend through `take`; `login` numbers the credential that was in use when it began."""
        self.share = share
        self.login = login
        self.deadline = share.deadline
        self.cancelled = share.cancelled
        self.requests = 0
        self.waiting = False
        """True while it waits for its turn in the budget."""
        self.ending: Failure | None = None
        """Why `spend` ended the call."""
        self._take = take
        self._clock = clock

    def spend(self) -> None:
        """Take one wire request from the store's budget, waiting for it. Raises CallAborted."""
        self._take(self)

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0.001."""
        return max(_LEAST_WAIT, self.deadline - self._clock())

    def on_wire(self) -> bool:
        """Tell whether it is the store that keeps us waiting."""
        return self.requests > 0 and not self.waiting


def ask(provider: Provider, wanted: Sequence[Wanted], call: StoreCall) -> dict[Wanted, Answer]:
    """Fetch, describe and find, and give an answer for each. Raises nothing, whatever the adapter does."""
    answers: dict[Wanted, Answer] = {}
    missing = Failure(FailureClass.UNAVAILABLE, "no-answer", "the store's answer left this reference out")
    if any(isinstance(one, Issue | Renewal | Revocation) for one in wanted):
        missing = replace(missing, transient=False)
    try:
        for one, answer in _answered(provider, wanted, call):
            if one not in answers:
                answers[one] = answer
    except CallAborted:
        pass
    except BaseException as error:  # noqa: BLE001 — a worker thread outlives whatever an adapter or its SDK raises
        missing = _broken(provider, type(error).__name__)
    for one in wanted:
        if one not in answers:
            answers[one] = call.ending or missing
    return answers


def _answered(provider: Provider, wanted: Sequence[Wanted], call: StoreCall) -> Iterator[tuple[Wanted, Answer]]:
    """Ask for each kind of what is wanted in the way that there is for it."""
    refs = [one for one in wanted if isinstance(one, RemoteRef)]
    values = [ref for ref in refs if not ref.part]
    if values:
        yield from _fetched(provider, values, provider.fetch(values, call))
    parts = [ref for ref in refs if ref.part]
    if parts and isinstance(provider, Describes):
        yield from _fetched(provider, parts, provider.describe(parts, call))
    elif parts:
        message = "a store of this type keeps no metadata; leave `metadata` out"
        yield from ((ref, _unsupported("metadata-unsupported", f"{ref}: {message}")) for ref in parts)
    for query in wanted:
        if isinstance(query, Query):
            yield query, _found(provider, query, call)
        elif not isinstance(query, RemoteRef):
            yield query, _leased(provider, query, call)


def _fetched(
    provider: Provider, refs: Sequence[RemoteRef], outcomes: Iterable[tuple[RemoteRef, Outcome]]
) -> Iterator[tuple[RemoteRef, Outcome]]:
    asked = frozenset(refs)
    for ref, outcome in outcomes:
        if ref in asked:
            told: object = outcome  # an adapter from elsewhere may give anything
            yield ref, told if isinstance(told, Fetched | Failure) else _broken(provider, type(told).__name__)


def _found(provider: Provider, query: Query, call: StoreCall) -> Found:
    if not isinstance(provider, Discovers):
        return _unsupported("find-unsupported", f"{query}: a store of this type cannot be searched; name each `key`")
    found: object = provider.find(query, call)  # an adapter from elsewhere may give anything
    if isinstance(found, Failure):
        if found.cls is FailureClass.ABSENT:
            return _broken(provider, "a listing that is absent")
        return found
    if not isinstance(found, Listing):
        return _broken(provider, type(found).__name__)
    flaw = discovery.flaw(query, found)
    return _broken(provider, flaw) if flaw else found


def _leased(provider: Provider, wanted: LeaseCall, call: StoreCall) -> Answer:
    """Ask about a lease once: only a credential that the store does not know lets the same be asked again."""
    if not isinstance(provider, Leases):
        return _unsupported("leases-unsupported", f"{wanted}: a store of this type issues no short-lived secrets")
    answer: object  # an adapter from elsewhere may give anything
    right: type[Issued | Grant | Revoked]
    if isinstance(wanted, Issue):
        answer, right = provider.issue(wanted, call), Issued
    elif isinstance(wanted, Renewal):
        answer, right = provider.renew_lease(wanted, call), Grant
    else:
        answer, right = provider.revoke_lease(wanted, call), Revoked
    if isinstance(answer, Failure):
        gone = answer.cls is FailureClass.ABSENT  # of which nothing here may ever be read
        return replace(answer, transient=False, cls=FailureClass.CONFIG if gone else answer.cls)
    return answer if isinstance(answer, right) else _broken(provider, type(answer).__name__)


def _unsupported(reason: str, message: str) -> Failure:
    return Failure(FailureClass.CONFIG, reason, message, transient=False)


def _broken(provider: Provider, what: str) -> Failure:
    # The type's name is code; the text of a foreign error may quote a value.
    message = f"the adapter {type(provider).__module__} failed unexpectedly ({what}); please report it"
    return Failure(FailureClass.UNAVAILABLE, "adapter-error", message, transient=False)


def count_outcomes(answers: Mapping[Wanted, Answer]) -> Mapping[str, int]:
    """Count by class."""
    return Counter(answer.cls.value if isinstance(answer, Failure) else "ok" for answer in answers.values())
