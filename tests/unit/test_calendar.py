"""Mappings on a calendar: cron's weekdays, and one call for all that share a schedule."""

import queue
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Self

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


class Wall(datetime):
    """The wall clock as APScheduler reads it, which a test may set."""

    step: ClassVar[timedelta] = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + cls.step


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> type[Wall]:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Wall)
    monkeypatch.setattr(Wall, "step", timedelta())
    return Wall


class Called:
    """What a calendar of two mappings said, one of them daily, the other of no schedule."""

    def __init__(self) -> None:
        """Start it."""
        self.runs: queue.Queue[tuple[SecretMapping, ...]] = queue.Queue()
        self.missed: queue.Queue[tuple[str, int, int]] = queue.Queue()
        self.calendar = Calendar(
            [mapping("a", "0 3 * * *"), mapping("b", None)],
            self.runs.put,
            lambda schedule, runs, mappings: self.missed.put((schedule, runs, mappings)),
        )
        self.calendar.start()


@pytest.fixture
def called(wall: type[Wall]) -> Iterator[Called]:
    assert wall.step == timedelta()
    made = Called()
    yield made
    made.calendar.stop()


def test_missed_runs_are_one_run_and_are_counted(wall: type[Wall], called: Called) -> None:
    """J10."""
    wall.step = timedelta(days=3)
    called.calendar.wake()
    assert len(called.runs.get(timeout=10)) == 1
    assert called.missed.get(timeout=10) == ("0 3 * * *", 2, 1)

    wall.step = timedelta(days=4)
    called.calendar.wake()
    assert len(called.runs.get(timeout=10)) == 1
    wall.step = timedelta(days=6)
    called.calendar.wake()
    assert len(called.runs.get(timeout=10)) == 1
    # The run on the fourth day was in time, and nothing was said of it.
    assert called.missed.get(timeout=10) == ("0 3 * * *", 1, 1)
    assert called.runs.empty()
    assert called.missed.empty()


def test_a_clock_that_is_set_back_misses_nothing(wall: type[Wall], called: Called) -> None:
    wall.step = timedelta(days=-3)
    called.calendar.wake()
    wall.step = timedelta(days=1)
    called.calendar.wake()
    assert len(called.runs.get(timeout=10)) == 1
    called.calendar.stop()
    assert called.missed.empty()


def test_a_late_run_is_never_dropped() -> None:
    calendar = Calendar([mapping("a", "0 3 * * *")], lambda _: None)
    calendar.start()
    try:
        (job,) = calendar._scheduler.get_jobs()
        assert job.misfire_grace_time is None
        assert (job.coalesce, job.max_instances) == (True, 1)
    finally:
        calendar.stop()
