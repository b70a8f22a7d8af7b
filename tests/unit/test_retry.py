"""What a failure says about trying again and about its store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.fetch.retry import Sign, back_off, is_store_wide, next_try, pause, server_paced, sign
from syncd.model.reference import Failure, FailureClass, Fetched
from syncd.redact import SecretValue

REPEATABLE = (FailureClass.UNAVAILABLE, FailureClass.THROTTLED, FailureClass.MALFORMED)
CLASSES = st.sampled_from(list(FailureClass))


@given(cls=CLASSES, tries=st.integers(1, 5), chance=st.floats(0, 1, exclude_max=True), transient=st.booleans())
def test_only_what_may_pass_is_tried_again_and_three_times_at_most(
    cls: FailureClass, tries: int, chance: float, *, transient: bool
) -> None:
    wait = next_try(Failure(cls, "reason", transient=transient), tries, chance)
    assert (wait is not None) == (cls in REPEATABLE and transient and tries < 3)


@given(tries=st.integers(1, 100), chance=st.floats(0, 1, exclude_max=True))
def test_back_off_is_exponential_with_full_jitter_and_capped(tries: int, chance: float) -> None:
    assert back_off(tries, chance) == pytest.approx(chance * min(60, 2.0 ** min(tries - 1, 10)))


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(-5, 1), (0, 1), (0.2, 1), (7, 7), (600, 600), (86_400, 600), (float("inf"), 600), (float("nan"), 1)],
)
def test_an_absurd_retry_after_is_brought_into_bounds(asked: float, waited: float) -> None:
    """C8."""
    assert server_paced(asked) == waited
    assert next_try(Failure(FailureClass.THROTTLED, "slow-down", retry_after=asked), 1, 0.5) == waited


def test_being_told_to_slow_down_without_a_time_waits_a_second_at_least() -> None:
    assert next_try(Failure(FailureClass.THROTTLED, "slow-down"), 1, 0.0) == 1.0


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Failure(FailureClass.THROTTLED, "slow-down", retry_after=30), 30),
        (Failure(FailureClass.THROTTLED, "slow-down"), 2.5),
        (Failure(FailureClass.UNAVAILABLE, "busy", retry_after=30, scope="store"), 30),
        (Failure(FailureClass.UNAVAILABLE, "busy", retry_after=30), None),
        (Failure(FailureClass.UNAVAILABLE, "sealed", scope="store"), None),
    ],
    ids=["throttled-with-time", "throttled", "store-with-time", "reference-with-time", "store"],
)
def test_which_failures_let_the_whole_store_rest(failure: Failure, seconds: float | None) -> None:
    assert pause(failure, 2.5) == seconds


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Fetched(SecretValue(b"v"), "1"), Sign.ALIVE),
        (Failure(FailureClass.ABSENT, "not-found"), Sign.ALIVE),
        (Failure(FailureClass.DENIED, "denied"), Sign.ALIVE),
        (Failure(FailureClass.DENIED, "login-refused", scope="store"), Sign.NEUTRAL),
        (Failure(FailureClass.MALFORMED, "no-json"), Sign.NEUTRAL),
        (Failure(FailureClass.UNAVAILABLE, "server-error"), Sign.NEUTRAL),
        (Failure(FailureClass.UNAVAILABLE, "timeout"), Sign.TROUBLE),
        (Failure(FailureClass.UNAVAILABLE, "sealed", scope="store"), Sign.TROUBLE),
        (Failure(FailureClass.THROTTLED, "slow-down"), Sign.TROUBLE),
    ],
    ids=lambda value: value.name if isinstance(value, Sign) else getattr(value, "reason", "value"),
)
def test_what_an_outcome_says_of_its_store(outcome: Fetched | Failure, expected: Sign) -> None:
    assert sign(outcome) is expected


def test_throttling_always_means_the_whole_store() -> None:
    assert is_store_wide(Failure(FailureClass.THROTTLED, "slow-down", scope="ref"))
