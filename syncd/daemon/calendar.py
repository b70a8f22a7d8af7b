"""What follows the calendar: mappings with a `schedule`. The one importer of APScheduler.

APScheduler drops runs that start a second late and never catches up after the wall clock steps back, so a run is
never dropped here, several missed ones are one, and `wake` is called by the daemon's loop, which keeps monotonic time.
APScheduler tells only the last of several missed runs, so the others are counted here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from syncd.model.mapping import SecretMapping

_MOST: Final = 10_000
"""Missed runs that are counted at a time."""

Due = Callable[[tuple[SecretMapping, ...]], None]
Missed = Callable[[str, int, int], None]
"""Told a schedule, how many of its runs went into a later one, and how many mappings follow it."""


@dataclass(slots=True)
class _Runs:
    """The runs of one schedule."""

    schedule: str
    trigger: CronTrigger
    members: tuple[SecretMapping, ...]
    next_at: datetime | None = None


class Calendar:
    """Calls back with the mappings whose hour has come."""

    def __init__(
        self, mappings: Iterable[SecretMapping], due: Due, missed: Missed = lambda _schedule, _runs, _mappings: None
    ) -> None:
        """Plan every mapping that has a schedule; `due` and `missed` are called from threads of APScheduler's."""
        self._missed = missed
        by_time: dict[tuple[str, str | None], list[SecretMapping]] = {}
        for mapping in mappings:
            if mapping.schedule is not None:
                by_time.setdefault((mapping.schedule, mapping.time_zone), []).append(mapping)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            daemon=True,
        )
        self._runs: dict[str, _Runs] = {}
        for (schedule, zone), members in by_time.items():
            trigger = CronTrigger.from_crontab(_weekdays_named(schedule), timezone=_zone(zone))
            job = self._scheduler.add_job(due, trigger, args=[tuple(members)])
            self._runs[job.id] = _Runs(schedule, trigger, tuple(members))
        self._scheduler.add_listener(self._count, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Begin, where there is anything to call back for."""
        if not self._runs:
            return
        self._scheduler.start(paused=True)
        for job in self._scheduler.get_jobs():
            self._runs[job.id].next_at = job.next_run_time
        self._scheduler.resume()

    def wake(self) -> None:
        """Have it look at the wall clock again, which may have stepped."""
        if self._scheduler.running:
            self._scheduler.wakeup()

    def stop(self) -> None:
        """End without waiting for a callback."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _count(self, event: JobSubmissionEvent) -> None:
        """Count the runs that this one stands for, but itself."""
        runs, last = self._runs[event.job_id], event.scheduled_run_times[-1]
        missed, at = 0 if event.code == EVENT_JOB_SUBMITTED else 1, runs.next_at
        while at is not None and at < last and missed < _MOST:
            missed, at = missed + 1, runs.trigger.get_next_fire_time(at, at)
        runs.next_at = runs.trigger.get_next_fire_time(last, last)
        if missed:
            self._missed(runs.schedule, missed, len(runs.members))


def _zone(name: str | None) -> tzinfo:
    return UTC if name is None else ZoneInfo(name)


_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def _weekdays_named(schedule: str) -> str:
    """Spell the weekdays of a crontab line out: cron's 0 and 7 are Sunday, APScheduler's 0 is Monday."""
    *fields, weekdays = schedule.split()
    if weekdays == "*":
        return schedule
    return " ".join((*fields, ",".join(_day_names(part) for part in weekdays.split(","))))


def _day_names(part: str) -> str:
    span, _, step = part.partition("/")
    if not any(character.isdigit() for character in span) and span != "*":
        return part
    first, _, last = ("0", "", "6") if span == "*" else span.partition("-")
    end = int(last) if last else (6 if step else int(first))
    return ",".join(_DAYS[day % 7] for day in range(int(first), end + 1, int(step or 1)))
