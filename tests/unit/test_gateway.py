"""What a read gives: each distinct reference once, in batches, whatever the provider does."""

import gc
import threading
import weakref
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.report import StoreCost
from syncd.testing.memory_provider import MemoryProvider, memory_store
from tests.unit.gateway_rig import HICCUP, Rig, failure_of, only, reasons


def test_a_value_comes_back_whole_with_its_version() -> None:
    rig = Rig()
    outcome = only(rig.read())
    assert isinstance(outcome, Fetched)
    assert (outcome.value.reveal(), outcome.version) == (b"value 0", "1")


def test_a_reference_named_twice_is_read_once() -> None:
    rig = Rig(keys=3)
    rig.read([*rig.refs(), *rig.refs()])
    assert sorted(rig.store.reads()) == rig.refs()


@given(
    wanted=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30)), max_size=60),
    batch_size=st.integers(1, 20),
    concurrency=st.integers(1, 8),
)
@settings(max_examples=60, deadline=None)
def test_each_distinct_reference_is_fetched_exactly_once(
    wanted: list[tuple[str, int]], batch_size: int, concurrency: int
) -> None:
    """I-COST."""
    rig = Rig("a", "b", keys=31, batch_size=batch_size, concurrency=concurrency)
    refs = [RemoteRef(store, f"k{number}") for store, number in wanted]
    reading = rig.gateway.read(refs)
    assert reasons(reading.outcomes(refs)) <= {"ok"}
    asked = [ref for provider in rig.stores.values() for ref in provider.reads()]
    assert sorted(asked) == sorted(set(refs))
    for store, cost in reading.costs().items():
        distinct = len({ref for ref in refs if ref.store == store})
        assert cost == StoreCost(calls=-(-distinct // batch_size), sources=distinct, failures=0)


def test_a_batch_never_carries_more_than_the_provider_takes() -> None:
    rig = Rig(keys=45, batch_size=20)
    rig.read()
    assert sorted(len(request.refs) for request in rig.store.requests) == [5, 20, 20]


def test_no_more_threads_than_the_store_allows() -> None:
    rig = Rig(keys=40, concurrency=4, latency=1.0)
    rig.read()
    starts = [request.at for request in rig.store.requests]
    assert len(starts) == 40
    assert max(starts.count(moment) for moment in starts) == 4


def test_one_thread_logs_in_before_the_others_start() -> None:
    rig = Rig(keys=40, login=True, latency=0.01)
    rig.read()
    assert [request.refs for request in rig.store.requests].count(()) == 1


def test_a_reference_left_out_of_the_answer_is_unavailable() -> None:
    rig = Rig(keys=2, batch_size=2)
    rig.store.leave_out("k1")
    outcomes = rig.read()
    assert isinstance(outcomes[rig.refs()[0]], Fetched)
    assert failure_of({rig.refs()[1]: outcomes[rig.refs()[1]]}).reason == "no-answer"


def test_what_an_adapter_raises_becomes_an_outcome_without_its_text() -> None:
    rig = Rig(keys=2)
    rig.store.explode("k0", RuntimeError("hunter2-canary"))
    outcomes = rig.read()
    failure = failure_of({rig.refs()[0]: outcomes[rig.refs()[0]]})
    assert (failure.cls, failure.reason) == (FailureClass.UNAVAILABLE, "adapter-error")
    assert "hunter2" not in failure.message
    assert "RuntimeError" in failure.message
    assert isinstance(outcomes[rig.refs()[1]], Fetched)


def test_even_a_system_exit_in_an_adapter_costs_no_worker() -> None:
    rig = Rig(keys=2, concurrency=1)
    rig.store.explode("k0", SystemExit(3))
    assert reasons(rig.read()) == {"adapter-error", "ok"}


class _Chatty(MemoryProvider):
    """Answers what it was not asked, and everything twice."""

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        yield RemoteRef("memory", "other"), HICCUP
        yield from super().fetch(refs, call)
        for ref in refs:
            yield ref, HICCUP


def test_unasked_answers_are_ignored_and_the_first_of_two_holds() -> None:
    provider = _Chatty()
    provider.put("k", b"v")
    wanted = [RemoteRef("memory", "k")]
    outcomes = Gateway({"memory": memory_store(provider)}).read(wanted).outcomes(wanted)
    assert reasons(outcomes) == {"ok"}
    assert list(outcomes) == wanted


def test_a_store_that_is_not_configured_is_a_failure_of_the_configuration() -> None:
    rig = Rig()
    failure = failure_of(rig.read([RemoteRef("elsewhere", "k0")]))
    assert (failure.cls, failure.reason) == (FailureClass.CONFIG, "store-unknown")


def test_asking_a_reading_for_what_was_not_read_is_a_mistake() -> None:
    rig = Rig()
    with pytest.raises(KeyError, match="memory:other"):
        rig.gateway.read(rig.refs()).outcomes([RemoteRef("memory", "other")])


def test_outcomes_stay_what_they_are() -> None:
    rig = Rig(keys=5)
    reading = rig.gateway.read(rig.refs())
    first = reading.outcomes(rig.refs())
    rig.store.put("k0", b"rotated")
    assert reading.outcomes(rig.refs()) == first


def test_reading_nothing_costs_nothing() -> None:
    rig = Rig()
    reading = rig.gateway.read([])
    assert (reading.outcomes([]), reading.costs()) == ({}, {})


def test_costs_count_failures_and_every_try() -> None:
    rig = Rig(keys=3)
    rig.store.fail("k1", HICCUP)
    rig.store.delete("k2")
    reading = rig.gateway.read(rig.refs())
    reading.outcomes(rig.refs())
    assert reading.costs() == {"memory": StoreCost(calls=4, sources=3, failures=1)}


def test_each_fetch_is_observed() -> None:
    rig = Rig(keys=2, latency=0.5)
    rig.store.delete("k1")
    rig.read()
    rig.time.sleep(1)
    seen = {(record.references, record.seconds, *record.outcomes) for record in rig.records}
    assert seen == {(1, 0.5, "ok"), (1, 0.5, "absent")}


def test_cancelling_answers_the_rest_at_once() -> None:
    rig = Rig(keys=20, latency=1.0, concurrency=1)
    reading = rig.gateway.read(rig.refs())
    rig.time.sleep(2.5)
    reading.cancel()
    assert reasons(reading.outcomes(rig.refs())) == {"ok", "cancelled"}
    rig.time.sleep(30)
    assert len(rig.store.requests) == 3


def test_closing_ends_readings_and_closes_each_provider_once() -> None:
    rig = Rig("a", "b")
    rig.stores["a"].hang()
    refs = [RemoteRef("a", "k0"), RemoteRef("b", "k0")]
    reading = rig.gateway.read(refs)
    rig.time.sleep(1)
    rig.gateway.close()
    rig.gateway.close()
    assert reasons(reading.outcomes(refs)) == {"cancelled", "ok"}
    assert [provider.closed for provider in rig.stores.values()] == [1, 1]
    assert reasons(rig.read(refs)) == {"cancelled"}


class _Unclosable(MemoryProvider):
    def close(self) -> None:
        message = "no"
        raise OSError(message)


class _Clinging(MemoryProvider):
    def close(self) -> None:
        with self._lock:
            while True:
                self._changed.wait()


def test_closing_takes_two_seconds_at_most_whatever_a_provider_does() -> None:
    rig = Rig("a")
    stores = {
        "a": memory_store(_Unclosable(condition=rig.time.condition), "a"),
        "b": memory_store(_Clinging(condition=rig.time.condition), "b"),
        "c": memory_store(rig.store, "c"),
    }
    gateway = Gateway(stores, clock=rig.time.clock, condition=rig.time.condition, spawn=rig.time.spawn)
    gateway.close()
    assert rig.elapsed() == 2.0
    assert rig.store.closed == 1


def test_values_live_no_longer_than_the_reading() -> None:
    rig = Rig(keys=10)
    reading = rig.gateway.read(rig.refs())
    reading.outcomes(rig.refs())
    rig.time.sleep(1)
    gone = weakref.ref(reading)
    gc.disable()
    try:
        del reading
        assert gone() is None
    finally:
        gc.enable()


def test_a_thread_that_hangs_keeps_no_reading_alive() -> None:
    rig = Rig(keys=2)
    rig.store.hang("k0")
    reading = rig.gateway.read(rig.refs())
    assert reasons(reading.outcomes(rig.refs())) == {"ok", "read-deadline"}
    gone = weakref.ref(reading)
    del reading
    gc.collect()
    assert gone() is None


def test_many_callers_each_get_their_own_references() -> None:
    """On real threads and real time."""
    provider = MemoryProvider()
    refs = [RemoteRef("memory", f"k{number}") for number in range(400)]
    for ref in refs:
        provider.put(ref.key, ref.key.encode())
    gateway = Gateway({"memory": memory_store(provider, requests_per_second=1e6)})
    reading = gateway.read(refs)
    found: list[set[str]] = []

    def look(part: list[RemoteRef]) -> None:
        found.append(reasons(reading.outcomes(part)))

    callers = [threading.Thread(target=look, args=(refs[start::8],)) for start in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [{"ok"}] * 8
    assert sorted(provider.reads()) == sorted(refs)
    gateway.close()


def test_a_failure_that_a_batch_holds_is_its_own_reference_s_alone() -> None:
    rig = Rig(keys=3, batch_size=3)
    rig.store.deny("k1")
    outcomes = rig.read()
    assert [isinstance(outcomes[ref], Failure) for ref in rig.refs()] == [False, True, False]
