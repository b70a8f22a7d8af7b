"""Crontab lines and time zones, checked when the file is read; what follows them lives in the daemon."""

import re
from collections.abc import Iterable
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_PART: Final = re.compile(r"(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:/(\d{1,2}))?", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
CRONTAB_HINT: Final = 'five fields: minute, hour, day of month, month, day of week, such as "0 3 * * *"'


def crontab(line: str) -> str:
    """Say what is wrong with a crontab line (days of the week from 0 or 7, Sunday), or give an empty text."""
    fields = line.split()
    if len(fields) != len(_FIELDS):
        return f"not a crontab line: {len(fields)} fields"
    for written, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in written.lower().split(","):
            if not _fits(part, low, high, words):
                return f"not a crontab line: {name} cannot be {written[:40]!r}"
    return ""


def _fits(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None:
        return False
    first, last, step = found.groups()
    if step is not None and (int(step) < 1 or (first != "*" and last is None)):
        return False
    if first == "*":
        return last is None
    ends = [_number(end, low, words) for end in (first, last) if end is not None]
    return all(end is not None and low <= end <= high for end in ends) and ends == sorted(ends, key=_order)


def _order(end: int | None) -> int:
    return -1 if end is None else end


def _number(written: str, low: int, words: tuple[str, ...]) -> int | None:
    if written.isdigit():
        return int(written)
    return words.index(written) + low if written in words else None


def is_time_zone(name: str) -> bool:
    """Tell whether `name` is a zone of the IANA database that this machine knows."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 — few configurations name one

    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def time_zones() -> Iterable[str]:
    """Name the zones that this machine knows, for the hint after a typo."""
    from zoneinfo import available_timezones  # noqa: PLC0415 — as above

    return available_timezones()
