"""The circuit breaker of one store: when it stops being asked, and when one request may try it again. Pure."""

from typing import Final, Literal

THRESHOLD: Final = 5
"""Failures of the whole store in a row that open it."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds from opening to the first trial, and the most that doubling makes of it."""

BreakerState = Literal["closed", "open", "trial"]
"""`trial`: open, but due for one request that decides."""


class Breaker:
    """Counts failures in a row. Not locked: the store's lane guards it."""

    __slots__ = ("_failures", "_pause", "longest", "since", "until")

    def __init__(self) -> None:
        """Start closed."""
        self._failures = 0
        self._pause = 0.0
        self.longest = LONGEST_PAUSE
        """Seconds: the most that doubling makes of the pause of this store."""
        self.since: float | None = None
        """When the first failure of the present row was seen; None while all is well."""
        self.until = 0.0
        """Where open: when a trial is due."""

    def state(self, now: float) -> BreakerState:
        """Tell whether requests may go out."""
        if not self._pause:
            return "closed"
        return "trial" if now >= self.until else "open"

    def failed(self, now: float) -> None:
        """Count a failure; where it is open already, the trial failed, and the next one waits twice as long."""
        self._failures += 1
        if self.since is None:
            self.since = now
        if self._pause:
            self._pause = min(self._pause * 2, self.longest)
        elif self._failures >= THRESHOLD:
            self._pause = FIRST_PAUSE
        self.until = now + self._pause

    def succeeded(self) -> None:
        """Close, and forget the row."""
        self._failures = 0
        self._pause = 0.0
        self.since = None
