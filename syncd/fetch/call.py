"""One fetch of a provider: what it is handed, and its answers made whole."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from syncd.fetch.seam import CallAborted, Provider
from syncd.fetch.share import Share
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef

_LEAST_WAIT: Final = 0.001


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What one fetch came to, for metrics and the log. Handed to the gateway's `observe`, on a worker thread."""

    store: str
    references: int
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


def ask(provider: Provider, refs: Sequence[RemoteRef], call: StoreCall) -> dict[RemoteRef, Outcome]:
    """Fetch, and give an outcome for each reference. Raises nothing, whatever the adapter does."""
    wanted = set(refs)
    answers: dict[RemoteRef, Outcome] = {}
    missing = Failure(FailureClass.UNAVAILABLE, "no-answer", "the store's answer left this reference out")
    try:
        for ref, outcome in provider.fetch(refs, call):
            if ref in wanted and ref not in answers:
                told: object = outcome  # an adapter from elsewhere may give anything
                answers[ref] = told if isinstance(told, Fetched | Failure) else _broken(provider, told)
    except CallAborted:
        pass
    except BaseException as error:  # noqa: BLE001 — a worker thread outlives whatever an adapter or its SDK raises
        missing = _broken(provider, error)
    for ref in refs:
        if ref not in answers:
            answers[ref] = call.ending or missing
    return answers


def _broken(provider: Provider, what: object) -> Failure:
    # The type's name is code; the text of a foreign error may quote a value.
    message = f"the adapter {type(provider).__module__} failed unexpectedly ({type(what).__name__}); please report it"
    return Failure(FailureClass.UNAVAILABLE, "adapter-error", message, transient=False)


def count_outcomes(answers: Mapping[RemoteRef, Outcome]) -> Mapping[str, int]:
    """Count by class."""
    return Counter("ok" if isinstance(outcome, Fetched) else outcome.cls.value for outcome in answers.values())
