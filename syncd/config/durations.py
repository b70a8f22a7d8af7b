"""Durations as people write them (`30s`, `1h30m`, `7d`), and the numbers that are not integers."""

import re
from typing import Final

_DURATION: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_SECONDS: Final = (86_400.0, 3_600.0, 60.0, 1.0)
LONGEST: Final = 366 * 86_400.0
DURATION_HINT: Final = "write it as 30s, 5m, 1h30m or 7d"


def seconds(written: str) -> float | None:
    """Give the seconds of a duration, or None where `written` is none or longer than a year."""
    found = _DURATION.fullmatch(written)
    if not written or found is None:
        return None
    total = sum(int(count) * unit for count, unit in zip(found.groups(default="0"), _SECONDS, strict=True))
    return total if total <= LONGEST else None


def number(written: str) -> float | None:
    """Give a non-negative decimal number, or None where `written` is none."""
    return float(written) if _NUMBER.fullmatch(written) else None
