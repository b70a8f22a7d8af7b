"""The breaker opens on failures in a row, tries again after a pause that doubles, and closes on success."""

from syncd.fetch.breaker import Breaker


def _open_at(now: float) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(now)
    return breaker


def test_four_failures_leave_it_closed_and_five_open_it() -> None:
    breaker = Breaker()
    states = []
    for _ in range(5):
        breaker.failed(10.0)
        states.append(breaker.state(10.0))
    assert states == ["closed"] * 4 + ["open"]


def test_a_success_between_breaks_the_row() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(1.0)
    breaker.succeeded()
    for _ in range(4):
        breaker.failed(2.0)
    assert (breaker.state(2.0), breaker.since) == ("closed", 2.0)


def test_a_trial_is_due_after_five_seconds() -> None:
    breaker = _open_at(10.0)
    assert [breaker.state(14.9), breaker.state(15.0)] == ["open", "trial"]


def test_each_failed_trial_doubles_the_pause_up_to_five_minutes() -> None:
    breaker = _open_at(0.0)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.until)
        breaker.failed(breaker.until)
        pauses[-1] = breaker.until - pauses[-1]
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


def test_a_trial_that_succeeds_forgets_all() -> None:
    breaker = _open_at(0.0)
    breaker.failed(5.0)
    breaker.succeeded()
    assert (breaker.state(5.0), breaker.since) == ("closed", None)
    for _ in range(5):
        breaker.failed(100.0)
    assert breaker.until == 105.0


def test_a_store_that_is_read_often_has_shorter_pauses() -> None:
    breaker = _open_at(0.0)
    breaker.longest = 12.0
    pauses = []
    for _ in range(3):
        breaker.failed(0.0)
        pauses.append(breaker.until)
    assert pauses == [10.0, 12.0, 12.0]
