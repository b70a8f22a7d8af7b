"""Queries and metadata through the gateway: the same lanes, budgets, retries and deadlines as values."""

from collections.abc import Sequence

import pytest

from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd.node import Problem
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.virtual_time import VirtualTime
from tests.unit.gateway_rig import HICCUP, SEALED, STALE, TIMEOUT, Rig

ALL = Query("memory")


def find(rig: Rig, query: Query = ALL) -> Found:
    return rig.gateway.find([query]).found([query])[query]


def names(found: Found) -> list[str]:
    assert isinstance(found, Listing), found
    return [ref.key for ref in found.refs]


def reason(found: Found | Outcome) -> str:
    assert isinstance(found, Failure), found
    return found.reason


def test_a_query_finds_over_all_pages() -> None:
    rig = Rig(keys=250)
    assert len(names(find(rig))) == 250
    assert len(rig.store.pages()) == 3


def test_names_and_tags_narrow_it_down() -> None:
    rig = Rig(keys=12)
    rig.store.tag("k1", team="payments")
    rig.store.tag("k11", team="payments")
    assert names(find(rig, Query("memory", tags=(("team", "payments"),)))) == ["k1", "k11"]
    assert names(find(rig, Query("memory", name="^k1.$", tags=(("team", "payments"),)))) == ["k11"]
    assert names(find(rig, Query("memory", name="^k1.$"))) == ["k10", "k11"]


def test_each_distinct_query_is_asked_once() -> None:
    rig = Rig(keys=3)
    other = Query("memory", name="1")
    rig.gateway.find([ALL, other, ALL]).found([ALL, other])
    assert sorted(rig.store.pages()) == sorted([ALL, other])


def test_queries_do_not_wait_for_each_other_in_one_batch() -> None:
    rig = Rig(keys=3, batch_size=10)
    queries = [Query("memory", name=f"{number}") for number in range(3)]
    rig.gateway.find(queries).found(queries)
    assert [record.references for record in rig.records] == [1, 1, 1]


def test_a_page_that_fails_is_no_empty_rest() -> None:
    rig = Rig(keys=250)
    rig.store.fail_page(2, Failure(FailureClass.DENIED, "permission-denied", "no", transient=False))
    assert reason(find(rig)) == "permission-denied"


def test_a_query_that_failed_is_tried_again_from_its_start() -> None:
    rig = Rig(keys=250)
    rig.store.fail(None, HICCUP)
    assert len(names(find(rig))) == 250
    assert len(rig.store.pages()) == 4


def test_a_sealed_store_is_asked_by_one_query_alone() -> None:
    rig = Rig(keys=3)
    rig.store.break_down(SEALED)
    queries = [Query("memory", name=f"{number}") for number in range(5)]
    found = rig.gateway.find(queries).found(queries)
    assert {reason(each) for each in found.values()} == {"sealed"}
    assert len(set(rig.store.pages())) == 1


def test_a_stale_login_is_renewed_for_a_query() -> None:
    rig = Rig(keys=2, login=True)
    rig.store.fail(None, STALE)
    assert names(find(rig)) == ["k0", "k1"]
    assert rig.store.relogins == 1


def test_a_budget_without_room_for_all_pages_ends_the_query() -> None:
    rig = Rig(keys=5_000, rate=1.0)
    assert reason(find(rig)) in ("budget-exhausted", "read-deadline")


def test_a_query_that_hangs_ends_at_its_deadline() -> None:
    rig = Rig()
    rig.store.hang()
    assert reason(find(rig)) == "read-deadline"
    assert rig.elapsed() == 30.0
    rig.store.release()


def test_queries_time_out_for_the_breaker_as_reads_do() -> None:
    rig = Rig()
    rig.store.break_down(TIMEOUT)
    assert reason(find(rig)) == "timeout"


def test_an_unknown_store_is_told() -> None:
    query = Query("nowhere")
    assert reason(Rig().gateway.find([query]).found([query])[query]) == "store-unknown"


def test_a_closed_gateway_finds_nothing() -> None:
    rig = Rig()
    rig.gateway.close()
    assert reason(find(rig)) == "cancelled"


def test_costs_count_pages() -> None:
    rig = Rig(keys=250)
    reading = rig.gateway.find([ALL])
    reading.found([ALL])
    assert (reading.costs()["memory"].calls, reading.costs()["memory"].sources) == (3, 1)
    assert [(record.references, record.outcomes) for record in rig.records] == [(1, {"ok": 1})]


def test_metadata_is_read_beside_values_once_for_each_object_and_part() -> None:
    rig = Rig(keys=3, batch_size=10)
    rig.store.tag("k1", team="payments")
    refs = [*rig.refs(), *(ref._replace(part="metadata") for ref in rig.refs())]
    outcomes = rig.read([*refs, *refs])
    told = outcomes[RemoteRef("memory", "k1", part="metadata")]
    assert isinstance(told, Fetched)
    assert told.value.reveal() == b'{"team":"payments","$created":"1970-01-01T00:00:02Z"}'
    assert sorted(rig.store.reads()) == sorted(refs)
    assert [len(request.refs) for request in rig.store.requests] == [3, 3]


class Plain:
    """A provider without powers of its own."""

    batch_size = 10

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        return ref

    def fetch(self, refs: Sequence[RemoteRef], _call: Call) -> list[tuple[RemoteRef, Outcome]]:
        return [(ref, Failure(FailureClass.ABSENT, "not-found", "gone")) for ref in refs]

    def relogin(self) -> None: ...

    def close(self) -> None: ...


class Careless(Plain):
    """One that finds, and keeps to none of its duties."""

    def __init__(self, found: object) -> None:
        """Answer every query with `found`."""
        self.found = found

    def canonical_query(self, query: Query) -> Query | Problem:
        return query

    def find(self, _query: Query, _call: Call) -> Found:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found  # type: ignore[return-value]  # what no adapter may give


def gateway_over(provider: Plain) -> Gateway:
    time = VirtualTime()
    store = memory_store(MemoryProvider())
    made = type(store)("memory", "plain", provider, store.origin, 10_000.0, 16)  # type: ignore[arg-type]  # a stranger's
    return Gateway({"memory": made}, clock=time.clock, condition=time.condition, spawn=time.spawn)


def test_a_store_without_the_powers_says_so_and_reads_no_value_instead() -> None:
    gateway = gateway_over(Plain())
    ref = RemoteRef("memory", "k", part="metadata")
    assert reason(gateway.read([ref]).outcomes([ref])[ref]) == "metadata-unsupported"
    assert reason(gateway.find([ALL]).found([ALL])[ALL]) == "find-unsupported"


R = RemoteRef


@pytest.mark.parametrize(
    "found",
    [
        None,
        [R("memory", "k")],
        RuntimeError("with a value in it"),
        Failure(FailureClass.ABSENT, "not-found", "a listing is never absent"),
        Listing((R("memory", "b"), R("memory", "a"))),
        Listing((R("memory", "a"), R("memory", "a"))),
        Listing((R("other", "a"),)),
        Listing((R("memory", "a", version="1"),)),
        Listing((R("memory", "a", part="metadata"),)),
        Listing((R("memory", "a", mount="elsewhere"),)),
    ],
)
def test_what_is_no_listing_of_what_was_asked_for_is_an_error_of_the_adapter(found: object) -> None:
    outcome = gateway_over(Careless(found)).find([ALL]).found([ALL])[ALL]
    assert reason(outcome) == "adapter-error"
    assert isinstance(outcome, Failure)
    assert "with a value" not in outcome.message


@pytest.mark.parametrize("key", ["below", "below/", "else/a", "below/B"])
def test_what_lies_elsewhere_is_not_believed(key: str) -> None:
    query = Query("memory", "below/", "^[a-z]+$")
    gateway = gateway_over(Careless(Listing((R("memory", key),))))
    assert reason(gateway.find([query]).found([query])[query]) == "adapter-error"
