"""How often a store may be asked: a token bucket for its wire requests, and a budget for the repeated ones.

Both are plain arithmetic over the seconds they are given. Neither waits nor locks: the store's lane does.
"""

from collections import deque
from typing import Final

BURST_SECONDS: Final = 0.1
"""How much unused budget is saved up, so that no second sees more than 1.1 times the rate."""
RETRY_WINDOW: Final = 60.0
RETRY_SHARE: Final = 0.1
"""Retries may be this share of the calls of the last minute…"""
RETRY_FLOOR: Final = 6
"""…and at least so many a minute, since small stores make few calls."""


class TokenBucket:
    """The generic cell rate algorithm: each request reserves its moment, so waiting threads wake once, in turn."""

    __slots__ = ("_interval", "_next", "_tolerance", "burst", "paused_until")

    def __init__(self, rate: float) -> None:
        """Start full. `rate` is in requests per second, above zero."""
        self._interval = 1.0 / rate
        self.burst = max(1.0, rate * BURST_SECONDS)
        """How many requests may start at one moment."""
        self._tolerance = (self.burst - 1.0) * self._interval
        self._next = float("-inf")
        self.paused_until = float("-inf")
        """No request starts before this moment."""

    def reserve(self, now: float, latest: float) -> float | None:
        """Give the moment at which one request may start, `now` or later; None, and nothing taken, if past `latest`.

        Who waits for its moment asks again if `paused_until` has moved past it meanwhile.
        """
        moment = max(now, self.paused_until, self._next - self._tolerance)
        if moment > latest:
            return None
        self._next = max(self._next, moment) + self._interval
        return moment

    def pause(self, until: float) -> None:
        """Let nothing start before `until`, and nothing saved up be spent at once afterwards."""
        self.paused_until = max(self.paused_until, until)
        self._next = max(self._next, until + self._tolerance)


class RetryBudget:
    """Keeps retries from multiplying the load on a store that is in trouble."""

    __slots__ = ("_calls", "_retries", "_total")

    def __init__(self) -> None:
        """Start with nothing called."""
        self._calls: deque[list[int]] = deque()
        self._total = 0
        self._retries: deque[float] = deque()

    def called(self, now: float) -> None:
        """Count one wire request."""
        second = int(now)
        if self._calls and self._calls[-1][0] == second:
            self._calls[-1][1] += 1
        else:
            self._drop_old(now)
            self._calls.append([second, 1])
        self._total += 1

    def take(self, now: float) -> bool:
        """Take one retry if there is one."""
        self._drop_old(now)
        if len(self._retries) >= max(RETRY_FLOOR, int(self._total * RETRY_SHARE)):
            return False
        self._retries.append(now)
        return True

    def _drop_old(self, now: float) -> None:
        while self._calls and self._calls[0][0] < now - RETRY_WINDOW:
            self._total -= self._calls.popleft()[1]
        while self._retries and self._retries[0] <= now - RETRY_WINDOW:
            self._retries.popleft()
