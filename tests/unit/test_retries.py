"""What is tried again before its interval is over, and after how long."""

import pytest

from syncd.daemon.retries import LONGEST, Retries
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, OutcomeWord
from syncd.model.position import Position
from syncd.model.secret import WriteFailureKind

KEY = SecretKey("default", "team", "a")


def mapping(interval: float = 3600.0, schedule: str | None = None) -> SecretMapping:
    return SecretMapping("team/a", KEY, Position("f", 1, 1), "Opaque", interval=interval, schedule=schedule)


def unreadable(reason: str) -> Change:
    return Change(KEY, Action.UNREADABLE, reason)


def write(outcome: OutcomeWord, failure: WriteFailureKind | None = None) -> Change:
    return Change(KEY, Action.UPDATE, "source-changed", outcome=outcome, failure=failure)


def test_pauses_double_up_to_five_minutes() -> None:
    retries = Retries()

    pauses = [retries.pause(mapping(), unreadable("source-unavailable")) for _ in range(9)]

    assert pauses == [5, 10, 20, 40, 80, 160, LONGEST, LONGEST, LONGEST]


@pytest.mark.parametrize("change", [None, unreadable("target-unavailable"), unreadable("source-stale")])
def test_what_passes_by_itself_is_tried_again(change: Change | None) -> None:
    assert Retries().pause(mapping(), change) == 5


@pytest.mark.parametrize("cls", ["absent", "unusable", "denied", "throttled", "malformed", "config"])
def test_what_a_person_or_the_stores_own_word_decides_waits_for_its_time(cls: str) -> None:
    """R2, R4."""
    assert Retries().pause(mapping(), unreadable(f"source-{cls}")) is None


@pytest.mark.parametrize("kind", ["unavailable", "conflict", "exists"])
def test_writes_that_failed_by_the_moment_are_tried_again(kind: WriteFailureKind) -> None:
    assert Retries().pause(mapping(), write("failed", kind)) == 5


@pytest.mark.parametrize("kind", ["denied", "quota", "invalid", "gone", None])
def test_writes_that_were_refused_wait_for_their_time(kind: WriteFailureKind | None) -> None:
    """H2, H4, H5, H10."""
    assert Retries().pause(mapping(), write("failed", kind)) is None


def test_what_was_skipped_is_tried_again_and_what_is_held_is_not() -> None:
    assert Retries().pause(mapping(), write("skipped")) == 5
    assert Retries().pause(mapping(), write("held")) is None


def test_a_success_starts_the_pauses_anew() -> None:
    retries = Retries()
    for _ in range(4):
        retries.pause(mapping(), None)

    assert retries.pause(mapping(), write("done")) is None
    assert retries.pause(mapping(), None) == 5


def test_an_interval_that_comes_sooner_is_enough() -> None:
    retries = Retries()

    assert [retries.pause(mapping(interval=30.0), None) for _ in range(4)] == [5, 10, 20, None]


def test_a_calendar_is_never_soon_enough() -> None:
    retries = Retries()

    assert [retries.pause(mapping(interval=10.0, schedule="0 3 * * *"), None) for _ in range(3)] == [5, 10, 20]
