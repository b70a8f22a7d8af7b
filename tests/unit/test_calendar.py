"""Mappings on a calendar: cron's weekdays, and one call for all that share a schedule."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.daemon.calendar import Calendar, _weekdays_named
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position


def mapping(name: str, schedule: str | None, zone: str | None = None) -> SecretMapping:
    key = SecretKey("default", "ns", name)
    return SecretMapping(id=name, key=key, origin=Position("f", 1, 1), type="Opaque", schedule=schedule, time_zone=zone)


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("0 3 * * 0", "0 3 * * sun"),
        ("0 3 * * 7", "0 3 * * sun"),
        ("0 3 * * 1-5", "0 3 * * mon,tue,wed,thu,fri"),
        ("0 3 * * 5-7", "0 3 * * fri,sat,sun"),
        ("0 3 * * 1,3", "0 3 * * mon,wed"),
        ("0 3 * * */2", "0 3 * * sun,tue,thu,sat"),
        ("0 3 * * mon-fri", "0 3 * * mon-fri"),
    ],
)
def test_weekdays_are_those_of_cron(written: str, named: str) -> None:
    assert _weekdays_named(written) == named


@given(day=st.integers(0, 7), hour=st.integers(0, 23))
def test_every_weekday_makes_a_trigger(day: int, hour: int) -> None:
    Calendar([mapping("a", f"0 {hour} * * {day}")], lambda _: None).stop()


def test_mappings_of_one_schedule_are_called_together() -> None:
    called: list[list[str]] = []
    done = threading.Event()

    def due(members: tuple[SecretMapping, ...]) -> None:
        called.append(sorted(member.id for member in members))
        done.set()

    calendar = Calendar([mapping("a", "0 3 * * *"), mapping("b", "0 3 * * *"), mapping("c", None)], due)
    calendar.start()
    try:
        # The wall clock cannot be moved here, so the job's hour is: it is made due now.
        (job,) = calendar._scheduler.get_jobs()
        job.modify(next_run_time=job.next_run_time.replace(year=2001))
        calendar.wake()
        assert done.wait(10)
    finally:
        calendar.stop()
    assert called == [["a", "b"]]


def test_without_schedules_nothing_is_started() -> None:
    calendar = Calendar([mapping("a", None)], lambda _: None)
    calendar.start()
    calendar.wake()
    calendar.stop()
    assert not calendar._scheduler.running


def test_a_late_run_is_never_dropped() -> None:
    calendar = Calendar([mapping("a", "0 3 * * *")], lambda _: None)
    calendar.start()
    try:
        (job,) = calendar._scheduler.get_jobs()
        assert job.misfire_grace_time is None
        assert (job.coalesce, job.max_instances) == (True, 1)
    finally:
        calendar.stop()
