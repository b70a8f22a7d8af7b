"""Failures: what is tried again, when, how often, and what one failure of a whole store costs."""

import pytest

from syncd.model.reference import Failure, FailureClass, RemoteRef
from tests.unit.gateway_rig import HICCUP, SEALED, STALE, TIMEOUT, Rig, failure_of, reasons, throttled


def test_a_hiccup_is_tried_again_with_full_jitter() -> None:
    """R1: base 1 s, doubling, the chance deciding how much of it."""
    chances = iter([0.5, 0.25, 0.0])
    rig = Rig(random=lambda: next(chances))
    rig.store.fail("k0", HICCUP, HICCUP)
    assert reasons(rig.read()) == {"ok"}
    assert [request.at - 1000 for request in rig.store.requests] == [0.0, 0.5, 1.0]


def test_three_tries_are_all() -> None:
    rig = Rig()
    rig.store.break_down(HICCUP)
    assert reasons(rig.read()) == {"server-error"}
    assert len(rig.store.requests) == 3


def test_no_try_starts_that_the_deadline_would_cut() -> None:
    rig = Rig()
    rig.store.break_down(HICCUP)
    assert reasons(rig.read(patience=0.5)) == {"server-error"}
    assert (len(rig.store.requests), rig.elapsed()) == (1, 0.0)


@pytest.mark.parametrize(
    "cls", [FailureClass.ABSENT, FailureClass.UNUSABLE, FailureClass.DENIED, FailureClass.CONFIG], ids=str
)
def test_what_asking_again_cannot_change_is_asked_once(cls: FailureClass) -> None:
    """R4."""
    rig = Rig()
    rig.store.break_down(Failure(cls, "so-it-is"), "k0")
    assert reasons(rig.read()) == {"so-it-is"}
    assert len(rig.store.requests) == 1


def test_a_failure_that_says_so_is_not_tried_again() -> None:
    rig = Rig()
    rig.store.break_down(Failure(FailureClass.UNAVAILABLE, "certificate-expired", transient=False))
    rig.read()
    assert len(rig.store.requests) == 1


def test_retries_are_a_tenth_of_the_calls_and_six_at_least() -> None:
    """200 references that all fail, one by one: 200 calls, and 20 more or few."""
    rig = Rig(keys=200)
    for ref in rig.refs():
        rig.store.break_down(HICCUP, ref.key)
    assert reasons(rig.read()) == {"server-error"}
    assert 200 + 6 <= len(rig.store.requests) <= 200 + 22


def test_a_stale_login_is_renewed_once_and_all_go_again() -> None:
    """R3, single-flight."""
    rig = Rig(keys=40, login=True, latency=0.1)
    rig.read()
    rig.store.revoke()
    rig.time.sleep(10)
    assert reasons(rig.read()) == {"ok"}
    assert rig.store.relogins == 1
    assert [request.refs for request in rig.store.requests].count(()) == 2


def test_a_login_that_stays_stale_is_tried_anew_once_only() -> None:
    rig = Rig(keys=20)
    for ref in rig.refs():
        rig.store.break_down(STALE, ref.key)
    assert reasons(rig.read()) == {"login-expired"}
    assert rig.store.relogins == 1


def test_a_sealed_store_sees_one_probe_not_every_reference() -> None:
    """A4, on a store that was never read: one request, and its two retries, for a hundred references."""
    rig = Rig(keys=100)
    rig.store.break_down(SEALED)
    outcomes = rig.read()
    assert reasons(outcomes) == {"sealed"}
    assert len(outcomes) == 100
    assert len(rig.store.requests) == 3


def test_a_store_sealed_while_it_is_read_sees_no_more_than_was_on_the_way() -> None:
    rig = Rig(keys=100, latency=0.1, concurrency=4)
    rig.read(rig.refs()[:1])
    rig.store.break_down(SEALED)
    assert reasons(rig.read()) == {"sealed"}
    assert len(rig.store.requests) == 1 + 4 + 2


def test_a_store_sealed_between_two_readings_sees_one_probe() -> None:
    rig = Rig(keys=100, latency=0.1)
    rig.read()
    rig.time.sleep(10)
    rig.store.break_down(SEALED)
    assert reasons(rig.read()) == {"sealed"}
    assert len(rig.store.requests) == 100 + 3


def test_all_goes_on_when_the_probe_finds_the_store_well() -> None:
    rig = Rig(keys=100, latency=0.1, concurrency=4)
    rig.read(rig.refs()[:1])
    rig.store.fail(None, SEALED, SEALED, SEALED, SEALED)
    assert reasons(rig.read()) == {"ok"}
    assert len(rig.store.requests) == 1 + 4 + 100


def test_a_login_refused_for_the_whole_store_is_tried_once() -> None:
    """Not sixteen times at once: that is how accounts get locked."""
    rig = Rig(keys=50)
    rig.store.break_down(Failure(FailureClass.DENIED, "login-refused", scope="store", transient=False))
    for _ in range(3):
        assert reasons(rig.read()) == {"login-refused"}
    assert len(rig.store.requests) == 3


def test_a_store_wide_failure_answers_other_readings_that_wait_for_it_too() -> None:
    rig = Rig(keys=10)
    rig.store.break_down(SEALED)
    first, second = rig.gateway.read(rig.refs()), rig.gateway.read(rig.refs())
    assert reasons(first.outcomes(rig.refs())) == reasons(second.outcomes(rig.refs())) == {"sealed"}
    assert len(rig.store.requests) == 3


def test_a_reading_that_ends_first_takes_its_own_with_it_alone() -> None:
    """The short one cannot wait for the next try; the long one can."""
    rig = Rig(keys=4)
    rig.store.fail(None, SEALED)
    short = rig.gateway.read(rig.refs()[:2], patience=0.5)
    long = rig.gateway.read(rig.refs()[2:])
    assert reasons(short.outcomes(rig.refs()[:2])) == {"sealed"}
    assert reasons(long.outcomes(rig.refs()[2:])) == {"ok"}


def test_the_breaker_opens_after_five_failures_of_the_store_in_a_row() -> None:
    rig = Rig(keys=10)
    rig.store.break_down(SEALED)
    rig.read()
    rig.read()
    assert len(rig.store.requests) == 5
    before = rig.elapsed()
    failure = failure_of(rig.read(rig.refs()[:1]))
    assert (failure.cls, failure.reason) == (FailureClass.UNAVAILABLE, "store-paused")
    assert f"has not answered for {before:.0f} s" in failure.message
    assert (len(rig.store.requests), rig.elapsed()) == (5, before)
    assert rig.gateway.paused() == {"memory": before}


def test_an_open_breaker_lets_one_probe_through_after_a_pause_that_doubles() -> None:
    rig = Rig(keys=10)
    rig.store.break_down(SEALED)
    rig.read()
    rig.read()
    for pause in (5, 10, 20, 40, 80, 160, 300, 300):
        asked = len(rig.store.requests)
        rig.time.sleep(pause - 0.01)
        assert reasons(rig.read()) == {"store-paused"}
        assert len(rig.store.requests) == asked
        rig.time.sleep(0.02)
        assert reasons(rig.read()) == {"sealed"}
        assert len(rig.store.requests) == asked + 1


def test_the_breaker_closes_on_the_first_success() -> None:
    rig = Rig(keys=10)
    rig.store.break_down(SEALED)
    rig.read()
    rig.read()
    rig.time.sleep(5)
    rig.store.mend()
    assert reasons(rig.read()) == {"ok"}
    assert rig.gateway.paused() == {}


def test_timeouts_of_any_references_open_the_breaker() -> None:
    """Sixteen were on the way; the threads of the first four had gone on when the fifth opened it."""
    rig = Rig(keys=100, latency=0.1)
    rig.read()
    rig.time.sleep(60)
    asked = len(rig.store.requests)
    rig.store.break_down(TIMEOUT)
    assert reasons(rig.read()) == {"timeout", "store-paused"}
    assert len(rig.store.requests) - asked <= 16 + 4


def test_failures_of_single_references_do_not_pause_the_store_for_others() -> None:
    rig = Rig(keys=20)
    for ref in rig.refs()[:10]:
        rig.store.break_down(HICCUP, ref.key)
    rig.read(rig.refs()[:10])
    assert reasons(rig.read(rig.refs()[10:])) == {"ok"}


def test_a_store_that_throttles_for_long_is_hardly_asked() -> None:
    """Ten minutes of refusals, read every ten seconds: under 2 % of what it sees in good times."""
    rig = Rig(keys=100)
    rig.store.break_down(throttled(None))
    for _ in range(60):
        rig.read()
        rig.time.sleep(10)
    assert len(rig.store.requests) < 0.02 * 60 * 100
    rig.store.mend()
    rig.time.sleep(300)
    assert reasons(rig.read()) == {"ok"}


def test_trouble_of_one_store_is_not_another_s() -> None:
    rig = Rig("bad", "good", keys=10)
    rig.stores["bad"].break_down(SEALED)
    for _ in range(5):
        reading = rig.gateway.read([*rig.refs("bad"), *rig.refs("good")])
        before = rig.elapsed()
        assert reasons(reading.outcomes(rig.refs("good"))) == {"ok"}
        assert rig.elapsed() == before
        reading.outcomes([RemoteRef("bad", "k0")])
