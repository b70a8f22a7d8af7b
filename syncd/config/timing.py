"""When a mapping's sources are read: every so often, or by a crontab line."""

from typing import Final

from syncd.config.durations import DURATION_HINT, seconds
from syncd.config.names import nearest
from syncd.config.references import Report
from syncd.config.schedule import CRONTAB_HINT, crontab, is_time_zone, time_zones
from syncd.node import Problem, Text, text

SHORTEST: Final = 10.0
"""Seconds; anything finer is a hint's work, not a poll's."""


def interval_of(written: Text | None, default: float, report: Report) -> float:
    """Give the interval in seconds, the default where none is written."""
    if written is None:
        return default
    found = seconds(text(written))
    if found is None:
        report.append(Problem(("interval",), f"{text(written)[:40]!r} is not a duration", DURATION_HINT))
        return default
    if found < SHORTEST:
        report.append(Problem(("interval",), "shorter than 10s", "write at least 10s"))
    return found


def schedule_of(written: Text | None, zone: Text | None, interval: Text | None, report: Report) -> str | None:
    """Give the crontab line, or None."""
    if zone is not None:
        if written is None:
            report.append(Problem(("timeZone",), "a time zone goes with a schedule", "leave it out"))
        elif not is_time_zone(text(zone)):
            meant = nearest(text(zone), time_zones())
            hint = f"did you mean {meant}?" if meant else "such as Europe/Berlin"
            report.append(Problem(("timeZone",), f"there is no time zone {text(zone)[:40]!r}", hint))
    if written is None:
        return None
    if interval is not None:
        report.append(Problem(("schedule",), "interval and schedule exclude each other", "keep one of them"))
    line = text(written)
    if mistake := crontab(line):
        report.append(Problem(("schedule",), mistake, CRONTAB_HINT))
    return line
