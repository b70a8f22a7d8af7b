"""What one process remembers of the leases that it looks after: when they are due, what was in doubt, and strikes.

A strike is an issue that should not have been needed, or of which it is not known what became: the next one waits
longer and longer, so that nothing (a Secret that somebody else keeps changing, an answer that is always lost) makes
syncd issue in a loop. A restart forgets all of it: what a Secret says is enough to go on.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from syncd.model.mapping import SecretKey

FIRST_WAIT: Final = 30.0
LONGEST_WAIT: Final = 3600.0
"""Seconds before the next issue after a strike, and the most that doubling makes of them; an hour without a strike
forgets the earlier ones."""


@dataclass(slots=True)
class _Strikes:
    count: int
    last: float

    def until(self) -> float:
        """Give when the next issue may be."""
        return self.last + min(FIRST_WAIT * 2.0 ** (self.count - 1), LONGEST_WAIT)


class LeaseMemory:
    """Thread-safe. Times are monotonic seconds: steps of the wall clock neither hasten nor delay what is due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Remember nothing."""
        self._clock = clock
        self._lock = threading.Lock()
        self._strikes: dict[SecretKey, _Strikes] = {}
        self._healthy: dict[SecretKey, float] = {}
        self._due: dict[tuple[SecretKey, str], tuple[float, float]] = {}
        self._postponed: dict[tuple[SecretKey, str], float] = {}
        self._doubts: dict[SecretKey, frozenset[tuple[str, str]]] = {}
        self._revoked: set[tuple[str, str]] = set()
        self._next: dict[SecretKey, float] = {}

    def wait(self, key: SecretKey) -> float:
        """Give the seconds before something may be issued for a Secret again; 0 where it may be now."""
        with self._lock:
            strikes = self._strikes.get(key)
            return 0.0 if strikes is None else max(0.0, strikes.until() - self._clock())

    def strike(self, key: SecretKey) -> None:
        """Note an issue that came to nothing, or of which it is not known what it came to."""
        with self._lock:
            self._strike(key)

    def issued(self, key: SecretKey, lasts: float) -> None:
        """Note an issue that was written; another is expected in `lasts` seconds, and a strike before."""
        with self._lock:
            now = self._clock()
            if now < self._healthy.get(key, float("-inf")):
                self._strike(key)
            else:
                self._strikes.pop(key, None)
            self._healthy[key] = now + lasts

    def is_due(self, key: SecretKey, of: str, since: float, seconds: float) -> bool:
        """Tell whether a lease is due, `seconds` being what the wall clock says is left until then.

        The first look decides: `since` tells a renewed lease from the one before.
        """
        with self._lock:
            now = self._clock()
            known = self._due.get((key, of))
            if known is None or known[0] != since:
                known = self._due[key, of] = (since, now + seconds)
            return seconds <= 0 or known[1] <= now

    def postpone(self, key: SecretKey, of: str, seconds: float) -> None:
        """Let a renewal that failed be tried again only then."""
        with self._lock:
            self._postponed[key, of] = self._clock() + seconds

    def is_postponed(self, key: SecretKey, of: str) -> bool:
        """Tell whether its time has not come yet."""
        return self.left(key, of) > 0

    def left(self, key: SecretKey, of: str) -> float:
        """Give the seconds for which a renewal is postponed."""
        with self._lock:
            return max(0.0, self._postponed.get((key, of), 0.0) - self._clock())

    def doubt(self, key: SecretKey, leases: frozenset[tuple[str, str]]) -> None:
        """Note leases (store and id) of which it is not known whether the Secret holds them."""
        with self._lock:
            self._doubts[key] = self._doubts.get(key, frozenset()) | leases

    def doubts(self, key: SecretKey) -> frozenset[tuple[str, str]]:
        """Give them, and forget them."""
        with self._lock:
            return self._doubts.pop(key, frozenset())

    def revokes(self, store: str, lease: str) -> bool:
        """Tell whether this process has not revoked that lease yet, and note that it does."""
        with self._lock:
            if (store, lease) in self._revoked:
                return False
            self._revoked.add((store, lease))
            return True

    def plan(self, key: SecretKey, seconds: float | None) -> None:
        """Note in how many seconds something is due for a Secret; None for nothing."""
        with self._lock:
            if seconds is None:
                self._next.pop(key, None)
            else:
                self._next[key] = self._clock() + seconds

    def next(self, key: SecretKey) -> float | None:
        """Give that moment."""
        with self._lock:
            return self._next.get(key)

    def _strike(self, key: SecretKey) -> None:
        now = self._clock()
        before = self._strikes.get(key)
        count = 1 if before is None or now - before.last > 2 * LONGEST_WAIT else before.count + 1
        self._strikes[key] = _Strikes(count, now)
