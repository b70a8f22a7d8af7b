"""When a Secret that could not be settled is tried again before its interval is over."""

from typing import Final

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Change

FIRST: Final = 5.0
LONGEST: Final = 300.0
"""Seconds: the first pause, and the longest; each is twice the one before."""
_REASONS: Final = ("-unavailable", "-stale")
"""How the reasons end that pass by themselves."""
_FAILURES: Final = frozenset({"unavailable", "conflict", "exists"})
"""Writes that failed for a reason that passes by itself. What a person has to mend waits for the interval."""


class Retries:
    """Keeps the pause of each Secret. Used by one thread."""

    def __init__(self) -> None:
        """Start with nothing to try again."""
        self._pauses: dict[SecretKey, float] = {}

    def pause(self, mapping: SecretMapping, change: Change | None) -> float | None:
        """Give the seconds until the next try, by what came of this one; None where the interval or calendar does.

        No change at all means that the pass broke.
        """
        if change is not None and not _passes_by_itself(change):
            self._pauses.pop(mapping.key, None)
            return None
        pause = self._pauses.get(mapping.key, FIRST)
        self._pauses[mapping.key] = min(2 * pause, LONGEST)
        return pause if mapping.schedule is not None or pause < mapping.interval else None


def _passes_by_itself(change: Change) -> bool:
    return change.reason.endswith(_REASONS) or change.failure in _FAILURES or change.outcome == "skipped"
