"""What the headers of an answer say about time: how long to wait, and whether the clocks agree."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

CLOCK_TOLERANCE: Final = 300.0
"""Seconds that Entra forgives between two clocks.
Source: learn.microsoft.com/entra/identity-platform/access-tokens, validating the lifetime."""
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds that `Retry-After` asks to wait, as a number or as a date (RFC 9110, 10.2.3).

    None where it is missing or no such thing; a date in the past gives a negative number.
    """
    said = headers.get("retry-after", "").strip()
    if _SECONDS.match(said):
        return float(said)
    moment = _moment(said)
    return None if moment is None else moment - now


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Give how far the sender's clock is ahead of ours, in seconds; None within tolerance or without `Date`."""
    moment = _moment(headers.get("date", ""))
    if moment is None or abs(moment - now) <= CLOCK_TOLERANCE:
        return None
    return moment - now


def _moment(said: str) -> float | None:
    try:
        return parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
