"""Whatever the stores do, every reading ends in time, nothing is asked too often, and no thread stays behind."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.fetch.retry import MAX_TRIES
from syncd.model.reference import Failure, FailureClass, Fetched
from tests.unit.gateway_rig import HICCUP, SEALED, STALE, TIMEOUT, Rig, throttled

KEYS = 12
FAILURES = st.sampled_from(
    [
        HICCUP,
        SEALED,
        STALE,
        TIMEOUT,
        throttled(None),
        throttled(3),
        throttled(100),
        Failure(FailureClass.MALFORMED, "no-json"),
        Failure(FailureClass.DENIED, "login-refused", scope="store", transient=False),
        Failure(FailureClass.ABSENT, "not-found", transient=False),
    ]
)
ORDERS = st.one_of(
    st.tuples(st.just("fail"), st.none() | st.integers(0, KEYS - 1), st.lists(FAILURES, min_size=1, max_size=5)),
    st.tuples(st.just("break"), st.none() | st.integers(0, KEYS - 1), st.lists(FAILURES, min_size=1, max_size=1)),
    st.tuples(st.just("hang"), st.integers(0, KEYS - 1), st.just([])),
    st.tuples(st.just("leave-out"), st.integers(0, KEYS - 1), st.just([])),
    st.tuples(st.just("explode"), st.integers(0, KEYS - 1), st.just([])),
    st.tuples(st.just("revoke"), st.none(), st.just([])),
    st.tuples(st.just("mend"), st.none(), st.just([])),
)
Order = tuple[str, int | None, list[Failure]]


def _carry_out(rig: Rig, order: Order) -> None:
    what, number, failures = order
    key = None if number is None else f"k{number}"
    match what:
        case "fail":
            rig.store.fail(key, *failures)
        case "break":
            rig.store.break_down(failures[0], key)
        case "hang":
            rig.store.hang(key)
        case "leave-out":
            rig.store.leave_out(str(key))
        case "explode":
            rig.store.explode(str(key), RuntimeError("canary"))
        case "revoke":
            rig.store.revoke()
        case _:
            rig.store.mend()


@given(
    passes=st.lists(st.tuples(st.lists(ORDERS, max_size=4), st.integers(1, KEYS), st.floats(0, 60)), max_size=6),
    batch_size=st.sampled_from([1, 1, 3]),
    concurrency=st.integers(1, 5),
    latency=st.sampled_from([0.0, 0.2, 3.0]),
)
@settings(max_examples=150, deadline=None)
def test_every_reading_ends_in_time_and_a_mended_store_is_read_again(
    passes: list[tuple[list[Order], int, float]], batch_size: int, concurrency: int, latency: float
) -> None:
    rig = Rig(keys=KEYS, batch_size=batch_size, concurrency=concurrency, latency=latency, random=lambda: 0.5)
    for orders, wanted, gap in passes:
        for order in orders:
            _carry_out(rig, order)
        refs = rig.refs()[:wanted]
        before, asked = rig.elapsed(), Counter(rig.store.reads())
        outcomes = rig.read(refs)
        assert list(outcomes) == refs
        assert rig.elapsed() - before <= 15 + KEYS * 0.25
        for ref, times in (Counter(rig.store.reads()) - asked).items():
            # One more for a new login.
            assert times <= MAX_TRIES + 1, ref
        rig.time.sleep(gap)
    rig.store.mend()
    rig.time.sleep(700)
    assert all(isinstance(outcome, Fetched) for outcome in rig.read(patience=60).values())
    rig.time.sleep(10)
    lane = rig.gateway._lanes["memory"]
    assert (lane._threads, lane._flying, lane._queue.jobs(1)) == (0, {}, 0)


@given(orders=st.lists(ORDERS, max_size=4), keys=st.integers(1, KEYS), latency=st.sampled_from([0.0, 0.05, 0.4]))
@settings(max_examples=60, deadline=None)
def test_no_fault_of_a_store_reaches_another(orders: list[Order], keys: int, latency: float) -> None:
    """I-ISO: the same reads at the same moments, whatever the first store does."""
    moments = []
    for faulty in (False, True):
        rig = Rig("bad", "good", keys=KEYS, latency=latency, concurrency=3)
        if faulty:
            for order in orders:
                _carry_out(rig, order)
        wanted = rig.refs("good")[:keys]
        reading = rig.gateway.read([*rig.refs("bad"), *wanted])
        assert all(isinstance(outcome, Fetched) for outcome in reading.outcomes(wanted).values())
        moments.append(sorted((request.at, request.refs) for request in rig.stores["good"].requests))
    assert [moment for moment, _ in moments[0]] == [moment for moment, _ in moments[1]]
    assert sorted(refs for _, refs in moments[0]) == sorted(refs for _, refs in moments[1])
