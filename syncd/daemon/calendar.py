"""What follows the calendar: mappings with a `schedule`. The one importer of APScheduler.

APScheduler drops runs that start a second late and never catches up after the wall clock steps back, so a run is
never dropped here, several missed ones are one, and `wake` is called by the daemon's loop, which keeps monotonic time.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from syncd.model.mapping import SecretMapping


class Calendar:
    """Calls back with the mappings whose hour has come."""

    def __init__(self, mappings: Iterable[SecretMapping], due: Callable[[tuple[SecretMapping, ...]], None]) -> None:
        """Plan every mapping that has a schedule; `due` is called from a thread of APScheduler's."""
        by_time: dict[tuple[str, str | None], list[SecretMapping]] = {}
        for mapping in mappings:
            if mapping.schedule is not None:
                by_time.setdefault((mapping.schedule, mapping.time_zone), []).append(mapping)
        self._jobs = len(by_time)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            daemon=True,
        )
        for (schedule, zone), members in by_time.items():
            trigger = CronTrigger.from_crontab(_weekdays_named(schedule), timezone=_zone(zone))
            self._scheduler.add_job(due, trigger, args=[tuple(members)])

    def start(self) -> None:
        """Begin, where there is anything to call back for."""
        if self._jobs:
            self._scheduler.start()

    def wake(self) -> None:
        """Have it look at the wall clock again, which may have stepped."""
        if self._scheduler.running:
            self._scheduler.wakeup()

    def stop(self) -> None:
        """End without waiting for a callback."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


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
