"""A store in memory, with faults to order: a real provider for tests of everything that reads through one."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import msgspec

from syncd.fetch.seam import Call, ProviderSpec
from syncd.fetch.share import MakeCondition
from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Found, Listing, Outcome, Query, RemoteRef
from syncd.model.store import Store, StoreSettings
from syncd.node import Problem
from syncd.testing.memory_leases import LeaseCounter
from syncd.testing.memory_shelf import Shelf


@dataclass(frozen=True, slots=True)
class Request:
    """One wire request that the store received."""

    at: float
    """By the store's clock."""
    refs: tuple[RemoteRef, ...]
    """Empty for a login and for a page of a listing."""
    query: Query | None = None
    """Whose page was asked for."""


class MemoryProvider:
    """A provider whose store is a dict. Thread-safe. It finds, describes and issues as well.

    The store's side (`put`, `fail`, `hang`…) is for the test; `requests` is what reached it. Versions are counted
    per key from "1"; a version that is not there is UNUSABLE, as a destroyed one is in the real stores.
    """

    def __init__(
        self,
        name: str = "memory",
        *,
        batch_size: int = 1,
        page_size: int = 100,
        latency: float = 0.0,
        login: bool = False,
        clock: Callable[[], float] = time.monotonic,
        condition: MakeCondition = threading.Condition,
    ) -> None:
        """Start empty.

        `latency` is seconds per request, `page_size` how many names a page of a listing looks at; with `login`, the
        first fetch sends one request more.
        """
        self.batch_size = batch_size
        self._page_size = page_size
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
        self._stored = Shelf(name)
        self.leases = LeaseCounter(clock)
        """What it issues: `leases.engines` is for the test to fill."""
        self._numbers = count(1)
        self._faults: dict[str | None, list[Failure]] = defaultdict(list)
        self._page_faults: dict[int, Failure] = {}
        self._standing: dict[str | None, Failure] = {}
        self._hanging: set[str | None] = set()
        self._raising: dict[str, BaseException] = {}
        self._left_out: set[str] = set()

    # The store's side

    def put(self, key: str, value: bytes) -> str:
        """Store a new version and make it current; gives its name."""
        with self._lock:
            return self._stored.put(key, value, float(next(self._numbers)))

    def tag(self, key: str, **tags: str) -> None:
        """Put tags on an object, beside those that it has."""
        with self._lock:
            self._stored[key].tags.update(tags)

    def disable(self, key: str) -> None:
        """Leave an object out of listings, and let a read of it be UNUSABLE."""
        with self._lock:
            self._stored[key].disabled = True

    def delete(self, key: str) -> None:
        """Remove the object: ABSENT."""
        with self._lock:
            del self._stored[key]

    def fail(self, key: str | None, *failures: Failure) -> None:
        """Let the next requests for `key` (None: for anything) fail, one after the other."""
        with self._lock:
            self._faults[key].extend(failures)

    def fail_page(self, page: int, failure: Failure) -> None:
        """Let that page of every listing fail until `mend`; the first one is 0."""
        with self._lock:
            self._page_faults[page] = failure

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
            for fault in (self._faults, self._page_faults, self._standing, self._raising, self._left_out):
                fault.clear()
        self.release()

    def reads(self) -> list[RemoteRef]:
        """List every reference that was asked for, as often as it was."""
        with self._lock:
            return [ref for request in self.requests for ref in request.refs]

    def pages(self) -> list[Query]:
        """List the query of every page that was asked for."""
        with self._lock:
            return [request.query for request in self.requests if request.query is not None]

    # The provider's side

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Take any name without slashes at its ends."""
        key = ref.key.strip("/")
        if not key or not key.isprintable() or ".." in key.split("/"):
            return Problem(("key",), f"{ref.key!r} names no object", "write the object's name")
        return ref._replace(key=key)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Take any path, its end being a slash."""
        path = query.path.strip("/")
        if not path.isprintable() or ".." in path.split("/"):
            return Problem(("find", "path"), f"{query.path!r} is no path", "write the beginning of the names")
        return query._replace(path=f"{path}/" if path else "")

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Answer from memory, by one request."""
        yield from self._requested(refs, call, self._stored.look_up)

    def describe(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Answer with tags and `$created`, by one request."""
        yield from self._requested(refs, call, self._stored.describe)

    def find(self, query: Query, call: Call) -> Found:
        """Look at all names, a page for each request."""
        refs: list[RemoteRef] = []
        skipped, page, after = 0, 0, ""
        while True:
            self._log_in_if_due(call)
            call.spend()
            with self._lock:
                self._receive(Request(self._clock(), (), query), call, (None,))
                fault = self._page_fault(page)
                if fault is not None:
                    return fault
                names, more = self._stored.page(after, self._page_size)
                fitting = [name for name in names if self._stored.fits(query, name)]
                usable = [name for name in fitting if not self._stored[name].disabled]
            refs += [RemoteRef(query.store, name, mount=query.mount) for name in usable]
            skipped += len(fitting) - len(usable)
            if not more:
                return Listing(tuple(refs), skipped)
            page, after = page + 1, names[-1]

    def canonical_path(self, path: str) -> str | Problem:
        """Take any path of two parts."""
        plain = path.strip("/")
        return plain if "/" in plain else Problem(("path",), f"{path!r} is no path of an engine")

    def issue(self, wanted: Issue, call: Call) -> Issued | Failure:
        """Issue from memory."""
        call.spend()
        return self.leases.issue(wanted)

    def renew_lease(self, wanted: Renewal, call: Call) -> Grant | Failure:
        """Renew in memory."""
        call.spend()
        return self.leases.renew(wanted)

    def revoke_lease(self, wanted: Revocation, call: Call) -> Revoked | Failure:
        """Revoke in memory."""
        call.spend()
        return self.leases.revoke(wanted)

    def relogin(self) -> None:
        """Log in with the next fetch."""
        with self._lock:
            self.relogins += 1
            self._needs_login = True

    def close(self) -> None:
        """Count."""
        with self._lock:
            self.closed += 1

    def _requested(
        self, refs: Sequence[RemoteRef], call: Call, look_up: Callable[[RemoteRef], Outcome]
    ) -> list[tuple[RemoteRef, Outcome]]:
        self._log_in_if_due(call)
        call.spend()
        with self._lock:
            self._receive(Request(self._clock(), tuple(refs)), call, (None, *(ref.key for ref in refs)))
            return list(self._answer(refs, look_up))

    def _receive(self, request: Request, call: Call, hung_by: Sequence[str | None]) -> None:
        """Take a request in and let it wait as it should, holding the lock."""
        self.requests.append(request)
        until = self._clock() + min(self._latency, call.remaining())
        while (left := until - self._clock()) > 0:
            self._changed.wait(left)
        while not self._hanging.isdisjoint(hung_by):
            self._changed.wait()

    def _page_fault(self, page: int) -> Failure | None:
        if not self._logged_in:
            return self._login_expired()
        if self._faults[None]:
            return self._faults[None].pop(0)
        return self._page_faults.get(page) or self._standing.get(None)

    def _log_in_if_due(self, call: Call) -> None:
        if self._needs_login:
            self._log_in(call)

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

    def _login_expired(self) -> Failure:
        message = f"the login of store {self._name} is not accepted any more"
        return Failure(FailureClass.DENIED, "login-expired", message, stale_credential=True)

    def _answer(
        self, refs: Sequence[RemoteRef], look_up: Callable[[RemoteRef], Outcome]
    ) -> Iterator[tuple[RemoteRef, Outcome]]:
        whole = self._faults[None].pop(0) if self._faults[None] else self._standing.get(None)
        for ref in refs:
            if (error := self._raising.get(ref.key)) is not None:
                raise error
            if ref.key in self._left_out:
                continue
            if whole is not None:
                yield ref, whole
            elif not self._logged_in:
                yield ref, self._login_expired()
            elif self._faults[ref.key]:
                yield ref, self._faults[ref.key].pop(0)
            else:
                yield ref, self._standing.get(ref.key) or look_up(ref)


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
