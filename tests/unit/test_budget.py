"""The token bucket never lets more through than its rate and burst; retries stay a small share of the calls."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.fetch.budget import RetryBudget, TokenBucket

FAR = 1e9


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(20.0)
    assert [bucket.reserve(100.0, FAR) for _ in range(4)] == [100.0, 100.0, 100.05, 100.1]


def test_the_slowest_bucket_still_lets_one_request_go() -> None:
    bucket = TokenBucket(0.5)
    assert [bucket.reserve(0.0, FAR), bucket.reserve(0.0, FAR)] == [0.0, 2.0]


def test_a_turn_past_the_deadline_takes_nothing() -> None:
    bucket = TokenBucket(1.0)
    assert bucket.reserve(0.0, 0.5) == 0.0
    assert bucket.reserve(0.0, 0.5) is None
    assert bucket.reserve(0.0, 1.0) == 1.0


def test_a_pause_holds_everybody_and_saves_nothing_up() -> None:
    bucket = TokenBucket(100.0)
    bucket.pause(7.0)
    assert [bucket.reserve(0.0, FAR) for _ in range(3)] == [7.0, 7.01, 7.02]
    bucket.pause(3.0)
    assert bucket.paused_until == 7.0


@given(
    rate=st.floats(0.1, 5000),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 20), st.none() | st.floats(0, 5)), max_size=30),
)
def test_calls_in_any_window_stay_within_the_bucket(rate: float, steps: list[tuple[float, int, float | None]]) -> None:
    """I-RATE, with requests and pauses at any moment."""
    bucket, now, moments = TokenBucket(rate), 0.0, []
    for gap, requests, pause in steps:
        now += gap
        if pause is not None:
            bucket.pause(now + pause)
        for _ in range(requests):
            moment = bucket.reserve(now, FAR)
            assert moment is not None
            assert moment >= max(now, bucket.paused_until) - 1e-9
            moments.append(moment)
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            allowed = bucket.burst + rate * (moments[last] - start)
            assert last - first + 1 <= allowed + 1e-6 * (1 + rate)


def test_six_retries_a_minute_are_always_there() -> None:
    budget = RetryBudget()
    assert [budget.take(0.0) for _ in range(7)] == [True] * 6 + [False]
    assert budget.take(59.9) is False
    assert budget.take(60.0) is True


def test_a_busy_store_has_a_tenth_of_its_calls() -> None:
    budget = RetryBudget()
    for number in range(200):
        budget.called(number / 10)
    assert sum(budget.take(20.0) for _ in range(50)) == 20


def test_calls_older_than_a_minute_allow_nothing() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.called(0.0)
    budget.called(100.0)
    assert sum(budget.take(100.0) for _ in range(50)) == 6
