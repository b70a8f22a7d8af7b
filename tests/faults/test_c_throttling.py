"""Section C of the catalogue: being told to slow down, and not asking for more than is needed."""

import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from syncd.daemon.timetable import JITTER, SPREAD, Timetable
from syncd.fetch.gateway import Gateway
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.selection import Selection
from syncd.model.store import Store
from syncd.target.bucket import Bucket
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.told import refs_of
from tests.faults.memory_site import Site, wants
from tests.faults.vault_wire import LOGIN, READ, Vault, said
from tests.integration.vault_store import Bench, ask, failed
from tests.servers.wire import Wire

# C3


def test_a_lease_quota_at_the_login_ends_the_logins_of_this_pass(tmp_path: Path) -> None:
    vault = Vault()
    vault.replies[LOGIN] = said(429, 'request path "auth/approle/login": lease count quota exceeded')
    refs = [RemoteRef("v", f"k{number}", "", "secret") for number in range(20)]
    with Wire(vault) as wire:
        provider = Bench(tmp_path, wire.address).with_approle(("role", "secret"))
        gateway = Gateway({"v": Store("v", "vault", provider, Position("f", 1, 1), 500.0, 16)})
        outcomes = gateway.read(refs).outcomes(refs)
        gateway.close()
        asked = Counter(request.target for request in wire.requests)
    assert {outcome.reason for outcome in outcomes.values() if isinstance(outcome, Failure)} == {"lease-quota-exceeded"}
    assert len(outcomes) == 20
    assert asked == {LOGIN: 1}


def test_throttling_is_looked_at_again_at_the_interval_and_not_sooner() -> None:
    """The gateway paces its own tries; the daemon adds none of its own to a store that asks for less."""
    site = Site(wants("app", interval=600.0))
    site.store.put("app", b"x")
    site.store.break_down(Failure(FailureClass.THROTTLED, "lease-quota-exceeded", "no", scope="store", transient=False))
    site.run(599)
    assert {line["reason"] for line in site.said("secret-unreadable")} == {"source-throttled"}
    assert len(site.store.requests) <= 2


# C4


def test_after_a_pause_of_the_api_server_writes_go_before_reads() -> None:
    gate, waiting = threading.Event(), threading.Semaphore(0)
    writers_left_to_go: list[int] = []

    def wait(_seconds: float) -> None:
        waiting.release()
        gate.wait()
        # Writers are slow to wake up, so that a read that does not wait for them would be seen.
        time.sleep(0.05 if threading.current_thread().name == "write" else 0.001)

    bucket = Bucket(1000.0, clock=lambda: 0.0, wait=wait)
    bucket.pause(1)

    def call() -> None:
        urgent = threading.current_thread().name == "write"
        assert bucket.take(patience=5, urgent=urgent)
        if not urgent:
            writers_left_to_go.append(bucket._urgent)

    threads = [threading.Thread(target=call, name="write" if number > 8 else "read") for number in range(12)]
    for thread in threads:
        thread.start()
    for _ in threads:
        waiting.acquire()
    gate.set()
    for thread in threads:
        thread.join()
    assert writers_left_to_go == [0] * 9


# C5


def test_moments_wobble_by_a_tenth_of_the_interval_and_two_stores_do_it_each_its_own_way() -> None:
    mapping = wants("a", interval=30.0)
    other = wants("b", interval=30.0, data=(("value", Selection(RemoteRef("other", "b"))),))
    table = Timetable([mapping, other], now=0.0, known={mapping.key, other.key})
    moments: dict[str, list[float]] = {"a": [], "b": []}
    for _ in range(400):
        due = table.next_due()
        assert due is not None
        for taken in table.take(due):
            moments[taken.key.name].append(due)
    most = min(JITTER[0] * 30, JITTER[1])
    for at in moments.values():
        gaps = [after - before for before, after in pairwise(at)]
        assert all(30 - most <= gap <= 30 + most for gap in gaps)
        assert max(gaps) - min(gaps) > most / 2
    apart = [b - a for a, b in zip(*moments.values(), strict=False)]
    assert max(apart) - min(apart) > most / 2


# C9


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_hvac_asks_once_and_leaves_repeating_to_the_gateway(tmp_path: Path, status: int) -> None:
    vault = Vault()
    vault.replies[READ] = said(status)
    with Wire(vault) as wire:
        provider = Bench(tmp_path, wire.address).with_approle(("role", "secret"))
        failed(ask(provider, "x"))
        assert [request.target for request in wire.requests].count(READ) == 1
        provider.close()


# C10


def test_what_was_never_written_is_read_before_what_is_only_refreshed() -> None:
    known = [wants(f"s{number}") for number in range(200)]
    new = wants("new")
    table = Timetable([*known, new], now=0.0, known={mapping.key for mapping in known})
    assert [mapping.key.name for mapping in table.take(0.0)] == ["new"], "at once, whatever else is planned for when"
    table = Timetable([*known, new], now=0.0, known={mapping.key for mapping in known})
    due = table.take(SPREAD)
    store = MemoryProvider()
    for mapping in due:
        store.put(mapping.key.name, b"x")
    gateway = Gateway({"memory": memory_store(store, concurrency=1)})
    gateway.read(refs_of(due)).outcomes(refs_of(due))
    gateway.close()
    assert len(due) == 201
    assert store.reads()[0].key == "new"
