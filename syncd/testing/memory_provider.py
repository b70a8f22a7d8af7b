"""A store in memory, with faults to order: a real provider for tests of everything that reads through one."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec

from syncd.fetch.seam import Call, ProviderSpec
from syncd.fetch.share import MakeCondition
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import Store, StoreSettings
from syncd.node import Problem
from syncd.redact import SecretValue


@dataclass(frozen=True, slots=True)
class Request:
    """One wire request that the store received."""

    at: float
    """By the store's clock."""
    refs: tuple[RemoteRef, ...]
    """Empty for a login."""


@dataclass(slots=True)
class _Stored:
    versions: dict[str, bytes] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    current: str = ""


class MemoryProvider:
    """A provider whose store is a dict. Thread-safe.

    The store's side (`put`, `fail`, `hang`…) is for the test; `requests` is what reached it. Versions are counted
    per key from "1"; a version that is not there is UNUSABLE, as a destroyed one is in the real stores.
    """

    def __init__(
        self,
        name: str = "memory",
        *,
        batch_size: int = 1,
        latency: float = 0.0,
        login: bool = False,
        clock: Callable[[], float] = time.monotonic,
        condition: MakeCondition = threading.Condition,
    ) -> None:
        """Start empty. `latency` is seconds per request; with `login`, the first fetch sends one request more."""
        self.batch_size = batch_size
        self.requests: list[Request] = []
        self.relogins = 0
        self.closed = 0
        self._name = name
        self._latency = latency
        self._needs_login = login
        self._logged_in = not login
        self._clock = clock
        self._lock = threading.Lock()
        self._logging_in = False
        self._changed = condition(self._lock)
        self._stored: dict[str, _Stored] = {}
        self._faults: dict[str | None, list[Failure]] = defaultdict(list)
        self._standing: dict[str | None, Failure] = {}
        self._hanging: set[str | None] = set()
        self._raising: dict[str, BaseException] = {}
        self._left_out: set[str] = set()
        self._numbers = count(1)

    # The store's side

    def put(self, key: str, value: bytes) -> str:
        """Store a new version and make it current; gives its name."""
        with self._lock:
            stored = self._stored.setdefault(key, _Stored())
            version = str(len(stored.versions) + 1)
            stored.versions[version] = value
            stored.created[version] = float(next(self._numbers))
            stored.current = version
            return version

    def delete(self, key: str) -> None:
        """Remove the object: ABSENT."""
        with self._lock:
            del self._stored[key]

    def fail(self, key: str | None, *failures: Failure) -> None:
        """Let the next requests for `key` (None: for anything) fail, one after the other."""
        with self._lock:
            self._faults[key].extend(failures)

    def break_down(self, failure: Failure, key: str | None = None) -> None:
        """Let every request for `key` (None: for anything) fail until `mend`."""
        with self._lock:
            self._standing[key] = failure

    def deny(self, key: str) -> None:
        """Take the right to read `key` away."""
        message = f"store {self._name} does not let syncd read {key}; give its identity the right"
        self.break_down(Failure(FailureClass.DENIED, "permission-denied", message, transient=False), key)

    def hang(self, key: str | None = None) -> None:
        """Let every request for `key` (None: for anything) wait until `mend`, whatever its deadline."""
        with self._lock:
            self._hanging.add(key)

    def leave_out(self, key: str) -> None:
        """Answer requests without a word about `key`."""
        with self._lock:
            self._left_out.add(key)

    def explode(self, key: str, error: BaseException) -> None:
        """Raise, as no provider may."""
        with self._lock:
            self._raising[key] = error

    def revoke(self) -> None:
        """Make the login stale: every fetch fails so until the next login."""
        with self._lock:
            self._logged_in = False
            self._needs_login = False

    def release(self) -> None:
        """Let go what hangs."""
        with self._lock:
            self._hanging.clear()
            self._changed.notify_all()

    def mend(self) -> None:
        """End every fault, and let go what hangs."""
        with self._lock:
            for fault in (self._faults, self._standing, self._raising, self._left_out):
                fault.clear()
        self.release()

    def reads(self) -> list[RemoteRef]:
        """List every reference that was asked for, as often as it was."""
        with self._lock:
            return [ref for request in self.requests for ref in request.refs]

    # The provider's side

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Take any name without slashes at its ends."""
        key = ref.key.strip("/")
        if not key or not key.isprintable() or ".." in key.split("/"):
            return Problem(("key",), f"{ref.key!r} names no object", "write the object's name")
        return ref._replace(key=key)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Answer from memory, by one request."""
        if self._needs_login:
            self._log_in(call)
        call.spend()
        with self._lock:
            self.requests.append(Request(self._clock(), tuple(refs)))
            until = self._clock() + min(self._latency, call.remaining())
            while (left := until - self._clock()) > 0:
                self._changed.wait(left)
            while not self._hanging.isdisjoint((None, *(ref.key for ref in refs))):
                self._changed.wait()
            answers = list(self._answer(refs))
        yield from answers

    def relogin(self) -> None:
        """Log in with the next fetch."""
        with self._lock:
            self.relogins += 1
            self._needs_login = True

    def close(self) -> None:
        """Count."""
        with self._lock:
            self.closed += 1

    def _log_in(self, call: Call) -> None:
        with self._lock:
            while self._logging_in:
                self._changed.wait()
            if not self._needs_login:
                return
            self._logging_in = True
        try:
            call.spend()
            with self._lock:
                self.requests.append(Request(self._clock(), ()))
                self._logged_in, self._needs_login = True, False
        finally:
            with self._lock:
                self._logging_in = False
                self._changed.notify_all()

    def _answer(self, refs: Sequence[RemoteRef]) -> Iterator[tuple[RemoteRef, Outcome]]:
        whole = self._faults[None].pop(0) if self._faults[None] else self._standing.get(None)
        for ref in refs:
            if (error := self._raising.get(ref.key)) is not None:
                raise error
            if ref.key in self._left_out:
                continue
            if whole is not None:
                yield ref, whole
            elif not self._logged_in:
                message = f"the login of store {self._name} is not accepted any more"
                yield ref, Failure(FailureClass.DENIED, "login-expired", message, stale_credential=True)
            elif self._faults[ref.key]:
                yield ref, self._faults[ref.key].pop(0)
            else:
                yield ref, self._standing.get(ref.key) or self._look_up(ref)

    def _look_up(self, ref: RemoteRef) -> Outcome:
        stored = self._stored.get(ref.key)
        if stored is None:
            message = f"store {self._name} has no object {ref.key}; create it or correct the mapping"
            return Failure(FailureClass.ABSENT, "not-found", message, transient=False)
        version = ref.version or stored.current
        if version not in stored.versions:
            message = f"store {self._name} has no version {version} of {ref.key}; name one that exists"
            return Failure(FailureClass.UNUSABLE, "version-not-found", message, transient=False)
        return Fetched(SecretValue(stored.versions[version]), version, stored.created[version])


def memory_store(
    provider: MemoryProvider, name: str = "memory", *, requests_per_second: float = 10_000.0, concurrency: int = 16
) -> Store[MemoryProvider]:
    """Make the store of a configuration that `provider` serves."""
    return Store(name, "memory", provider, Position("syncd.yaml", 1, 1), requests_per_second, concurrency)


class MemoryOptions(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a store of type `memory` takes."""

    batch_size: int = 1


def _create(options: MemoryOptions, settings: StoreSettings) -> MemoryProvider:
    return MemoryProvider(settings.name, batch_size=options.batch_size)


SPEC = ProviderSpec("memory", MemoryOptions, _create)
"""Not an entry point: tests hand it to what takes specs."""
