"""Deadlines, budget, pauses: what a slow or hanging store costs, and whom."""

from collections import defaultdict

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncd.model.reference import FailureClass, Fetched, RemoteRef
from tests.unit.gateway_rig import HICCUP, TIMEOUT, Rig, failure_of, reasons, throttled


def test_what_does_not_answer_is_unavailable_at_the_deadline() -> None:
    rig = Rig(keys=1)
    rig.store.hang()
    failure = failure_of(rig.read())
    assert (failure.cls, failure.reason, rig.elapsed()) == (FailureClass.UNAVAILABLE, "read-deadline", 15.0)


def test_a_caller_waits_for_the_references_it_names_alone() -> None:
    rig = Rig("slow", "fast", latency=0.5)
    rig.stores["slow"].hang()
    reading = rig.gateway.read([RemoteRef("slow", "k0"), RemoteRef("fast", "k0")])
    assert reasons(reading.outcomes([RemoteRef("fast", "k0")])) == {"ok"}
    assert rig.elapsed() == 0.5


@given(keys=st.integers(1, 40), concurrency=st.integers(1, 16), latency=st.sampled_from([0.0, 0.05, 0.5]))
@settings(max_examples=30, deadline=None)
def test_a_hanging_store_changes_nothing_for_another(keys: int, concurrency: int, latency: float) -> None:
    """I-ISO: twin runs, with and without the store that hangs."""
    moments = []
    for hangs in (False, True):
        rig = Rig("bad", "good", keys=keys, concurrency=concurrency, latency=latency)
        if hangs:
            rig.stores["bad"].hang()
        reading = rig.gateway.read([*rig.refs("bad"), *rig.refs("good")])
        assert reasons(reading.outcomes(rig.refs("good"))) == {"ok"}
        moments.append([request.at for request in rig.stores["good"].requests])
    assert moments[0] == moments[1]


def test_a_hung_reference_holds_the_others_of_a_new_store_for_a_second_only() -> None:
    rig = Rig(keys=10)
    rig.store.hang("k0")
    reading = rig.gateway.read(rig.refs())
    assert reasons(reading.outcomes(rig.refs()[1:])) == {"ok"}
    assert rig.elapsed() == 1.0


def test_hung_threads_count_against_the_store_until_they_come_back() -> None:
    rig = Rig(keys=4, concurrency=2)
    rig.store.hang()
    rig.read()
    assert len(rig.store.requests) == 2
    before = rig.elapsed()
    assert reasons(rig.read(patience=5)) == {"read-deadline"}
    assert rig.elapsed() - before < 6
    assert len(rig.store.requests) == 2
    rig.store.mend()
    assert reasons(rig.read()) == {"ok"}


def test_a_store_whose_threads_hang_answers_at_once_after_a_few_reads() -> None:
    rig = Rig(keys=16, concurrency=16)
    rig.store.hang()
    assert "read-deadline" in reasons(rig.read())
    before = rig.elapsed()
    failure = failure_of(rig.read(rig.refs()[:1]))
    assert (failure.reason, rig.elapsed()) == ("store-paused", before)
    assert "15 s" in failure.message or "0 s" in failure.message


@given(keys=st.integers(1, 200), rate=st.sampled_from([2.0, 7.5, 50.0, 400.0]), concurrency=st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_no_window_sees_more_requests_than_the_budget(keys: int, rate: float, concurrency: int) -> None:
    """I-RATE, and a large configuration is not cut off by its own budget."""
    rig = Rig(keys=keys, rate=rate, concurrency=concurrency)
    assert reasons(rig.read()) == {"ok"}
    moments = sorted(request.at for request in rig.store.requests)
    burst = max(1.0, rate / 10)
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            assert last - first + 1 <= burst + rate * (moments[last] - start) + 1e-6 * rate


def test_many_references_of_a_slow_store_are_not_cut_off() -> None:
    rig = Rig(keys=1600, latency=0.25, concurrency=16)
    assert reasons(rig.read()) == {"ok"}
    assert rig.elapsed() > 15


def test_a_small_reading_does_not_wait_behind_a_large_one() -> None:
    rig = Rig(keys=1000, latency=0.1, concurrency=2)
    rig.gateway.read(rig.refs())
    rig.time.sleep(1)
    assert reasons(rig.read(rig.refs()[990:])) == {"ok"}
    assert rig.elapsed() < 3


@given(retry_after=st.floats(-10, 3000) | st.none(), keys=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_nothing_is_asked_before_the_store_said_so(retry_after: float | None, keys: int) -> None:
    """I-RATE: after being told to slow down, the whole store rests."""
    rig = Rig(keys=keys, concurrency=1)
    rig.store.fail("k0", throttled(retry_after))
    outcomes = rig.read()
    moments = [request.at - 1000 for request in rig.store.requests]
    rest = min(max(retry_after or 1.0, 1.0), 600.0)
    deadline = 15 + (keys - 1) * 0.25
    assume(abs(rest - deadline) > 0.1)
    assert all(moment >= rest - 1e-6 for moment in moments[1:])
    if rest < deadline:
        assert reasons(outcomes) == {"ok"}
    else:
        assert moments == [0.0]
        assert reasons(outcomes) == {"too-many-requests"}
        assert rig.elapsed() == 0.0


def test_a_read_that_ends_before_the_pause_does_is_answered_at_once() -> None:
    rig = Rig(keys=2)
    rig.store.fail("k0", throttled(100))
    rig.read()
    before = rig.elapsed()
    failure = failure_of(rig.read(rig.refs()[:1]))
    assert (failure.cls, failure.reason, rig.elapsed()) == (FailureClass.THROTTLED, "store-paused", before)
    rig.time.sleep(100)
    assert reasons(rig.read()) == {"ok"}


def test_those_in_line_for_the_budget_stay_there_while_the_store_rests() -> None:
    """Fifteen threads hold a turn already when the first request is told to slow down."""
    rig = Rig(keys=30, rate=10.0, latency=0.05)
    rig.store.fail("k3", throttled(5))
    assert reasons(rig.read()) == {"ok"}
    moments = [request.at - 1000 for request in rig.store.requests]
    told = next(r.at - 1000 for r in rig.store.requests if r.refs[0].key == "k3") + 0.05
    assert not [moment for moment in moments if told < moment < told + 4.999]


def test_a_budget_too_small_for_the_read_says_so() -> None:
    rig = Rig(keys=1, rate=0.1, login=True)
    failure = failure_of(rig.read(patience=5))
    assert (failure.reason, rig.elapsed()) == ("budget-exhausted", 0.0)
    assert "requestsPerSecond" in failure.message


def test_a_late_answer_changes_nothing() -> None:
    rig = Rig(keys=1)
    rig.store.hang()
    reading = rig.gateway.read(rig.refs())
    assert reasons(reading.outcomes(rig.refs())) == {"read-deadline"}
    rig.store.mend()
    rig.time.sleep(1)
    assert reasons(reading.outcomes(rig.refs())) == {"read-deadline"}


def test_timeouts_of_single_references_are_tried_again_within_the_retry_budget() -> None:
    rig = Rig(keys=3)
    rig.store.fail("k1", TIMEOUT)
    assert reasons(rig.read()) == {"ok"}
    tries: defaultdict[str, int] = defaultdict(int)
    for ref in rig.store.reads():
        tries[ref.key] += 1
    assert dict(tries) == {"k0": 1, "k1": 2, "k2": 1}
    assert isinstance(rig.read()[rig.refs()[1]], Fetched)


def test_new_work_does_not_wait_for_a_retry_that_is_due_later() -> None:
    """The one thread that there may be is waiting for the retry."""
    rig = Rig(keys=2, concurrency=1)
    rig.store.fail("k0", HICCUP)
    rig.gateway.read(rig.refs()[:1])
    rig.time.sleep(0.5)
    assert reasons(rig.read(rig.refs()[1:])) == {"ok"}
    assert rig.elapsed() == 0.5


def test_a_hung_request_counts_once_however_it_ends() -> None:
    """Three hung and then timed out are three failures, not six; five would pause the store."""
    rig = Rig(keys=4)
    rig.read(rig.refs()[3:])
    rig.store.hang()
    reading = rig.gateway.read(rig.refs()[:3])
    assert reasons(reading.outcomes(rig.refs()[:3])) == {"read-deadline"}
    for ref in rig.refs()[:3]:
        rig.store.fail(ref.key, TIMEOUT)
    rig.store.release()
    rig.time.sleep(1)
    assert rig.gateway.paused() == {}


def test_a_reading_that_waits_behind_hung_threads_is_answered_when_the_breaker_opens() -> None:
    rig = Rig(keys=6, concurrency=5)
    rig.read(rig.refs()[5:])
    rig.store.hang()
    first = rig.gateway.read(rig.refs()[:5])
    rig.time.sleep(1)
    second = rig.gateway.read(rig.refs()[5:], patience=60)
    assert reasons(first.outcomes(rig.refs()[:5])) == {"read-deadline"}
    assert reasons(second.outcomes(rig.refs()[5:])) == {"store-paused"}
    assert rig.elapsed() == 15.0


def test_what_waits_behind_hung_threads_is_forgotten_with_its_reading() -> None:
    """Otherwise every pass would leave its references behind for as long as the store hangs."""
    rig = Rig(keys=4, concurrency=2)
    rig.store.hang()
    for _ in range(3):
        rig.read(patience=2)
    assert not rig.gateway._lanes["memory"]._queue._shares


def test_what_is_answered_is_given_once_it_has_been_quiet_for_so_long() -> None:
    rig = Rig(keys=5, latency=0.4, concurrency=1)
    rig.store.hang("k4")
    reading = rig.gateway.read(rig.refs())
    first = reading.outcomes(rig.refs(), quiet=1.0)
    assert (set(first), reasons(first)) == (set(rig.refs()[:4]), {"ok"})
    assert rig.elapsed() == pytest.approx(4 * 0.4 + 1.0)
    rig.store.mend()
    assert reasons(reading.outcomes(rig.refs(), quiet=1.0)) == {"ok"}
    assert rig.elapsed() == pytest.approx(4 * 0.4 + 1.0)


def test_quiet_ends_no_reading_that_is_overdue() -> None:
    rig = Rig(keys=2)
    rig.store.hang("k1")
    reading = rig.gateway.read(rig.refs(), patience=2.5)
    told = [len(reading.outcomes(rig.refs(), quiet=1.0)) for _ in range(3)]
    assert (told, rig.elapsed()) == ([1, 1, 2], 2.5)
    assert failure_of({rig.refs()[1]: reading.outcomes(rig.refs())[rig.refs()[1]]}).reason == "read-deadline"


@pytest.mark.parametrize("times_out", [False, True])
@pytest.mark.parametrize("stuck", ["k0", "k5", "k9"])
def test_an_object_that_hangs_at_every_reading_holds_no_other_of_its_store(stuck: str, *, times_out: bool) -> None:
    """I-ISO: nor does trying it again by itself, and the breaker stays closed."""
    rig = Rig(keys=10, latency=0.02, concurrency=50)  # what hangs here hangs for good, each time
    if times_out:
        rig.store.break_down(TIMEOUT, stuck)
    else:
        rig.store.hang(stuck)
    alone = RemoteRef("memory", stuck)
    others = [ref for ref in rig.refs() if ref != alone]
    rig.read()
    for number in range(12):
        again = rig.gateway.read([alone], patience=10.0)
        rig.time.sleep(1 + number)
        before = rig.elapsed()
        assert reasons(rig.gateway.read(rig.refs()).outcomes(others)) == {"ok"}
        assert rig.elapsed() - before < 0.1
        assert reasons(again.outcomes([alone])) == {"timeout" if times_out else "read-deadline"}
    assert rig.gateway.paused() == {}


def test_a_store_that_hangs_is_paused_though_one_of_its_objects_hung_before() -> None:
    rig = Rig(keys=10)
    rig.store.hang("k0")
    rig.read()
    rig.read()
    rig.store.hang()
    for _ in range(6):
        rig.read()
    assert "memory" in rig.gateway.paused()
    rig.store.mend()
    rig.time.sleep(400)
    assert reasons(rig.read()) == {"ok"}
    assert rig.gateway.paused() == {}
