"""A gateway over in-memory stores, on a time of its own."""

from collections.abc import Callable, Sequence

from syncd.fetch.call import CallRecord
from syncd.fetch.gateway import Gateway
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.virtual_time import VirtualTime

SEALED = Failure(FailureClass.UNAVAILABLE, "sealed", "the store is sealed", scope="store")
HICCUP = Failure(FailureClass.UNAVAILABLE, "server-error", "the store failed")
TIMEOUT = Failure(FailureClass.UNAVAILABLE, "timeout", "the store did not answer")
STALE = Failure(FailureClass.DENIED, "login-expired", "the login is stale", stale_credential=True)


def throttled(retry_after: float | None) -> Failure:
    return Failure(FailureClass.THROTTLED, "too-many-requests", "slow down", retry_after=retry_after)


class Rig:
    """Stores by name, each with keys k0, k1…, and the gateway that reads them."""

    def __init__(
        self,
        *names: str,
        keys: int = 1,
        batch_size: int = 1,
        latency: float = 0.0,
        login: bool = False,
        rate: float = 10_000.0,
        concurrency: int = 16,
        random: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Fill the stores, all alike."""
        self.time = VirtualTime()
        self.records: list[CallRecord] = []
        self.stores: dict[str, MemoryProvider] = {}
        self.keys = keys
        for name in names or ("memory",):
            provider = MemoryProvider(
                name,
                batch_size=batch_size,
                latency=latency,
                login=login,
                clock=self.time.clock,
                condition=self.time.condition,
            )
            for number in range(keys):
                provider.put(f"k{number}", f"value {number}".encode())
            self.stores[name] = provider
        self.store = next(iter(self.stores.values()))
        self.gateway = Gateway(
            {
                name: memory_store(provider, name, requests_per_second=rate, concurrency=concurrency)
                for name, provider in self.stores.items()
            },
            clock=self.time.clock,
            random=random,
            observe=self.records.append,
            condition=self.time.condition,
            spawn=self.time.spawn,
        )

    def refs(self, store: str = "memory") -> list[RemoteRef]:
        return [RemoteRef(store, f"k{number}") for number in range(self.keys)]

    def read(self, refs: Sequence[RemoteRef] | None = None, *, patience: float = 15.0) -> dict[RemoteRef, Outcome]:
        wanted = self.refs() if refs is None else refs
        return self.gateway.read(wanted, patience=patience).outcomes(wanted)

    def elapsed(self) -> float:
        return self.time.clock() - 1000.0


def reasons(outcomes: dict[RemoteRef, Outcome]) -> set[str]:
    """Give the reason of each failure, and `ok` where there is a value."""
    return {"ok" if isinstance(outcome, Fetched) else outcome.reason for outcome in outcomes.values()}


def only(outcomes: dict[RemoteRef, Outcome]) -> Outcome:
    (outcome,) = outcomes.values()
    return outcome


def failure_of(outcomes: dict[RemoteRef, Outcome]) -> Failure:
    outcome = only(outcomes)
    assert isinstance(outcome, Failure)
    return outcome
