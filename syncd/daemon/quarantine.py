"""Mappings that bring a defect up at every pass: left alone after some of them, so that nothing is asked for them.

In memory alone. The daemon reads its configuration at the start, so what mends the mapping, or syncd, lifts it.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from syncd.defect import REASON
from syncd.model.mapping import SecretKey
from syncd.model.plan import Change, Plan

QUARANTINED: Final = "quarantined"
"""The reason code from then on."""
DEFECTS: Final = 5
"""In a row, in as many passes, that put a mapping there."""


class Quarantine:
    """Counts the defects of each mapping. Thread-safe."""

    def __init__(self) -> None:
        """Start with nobody in it."""
        self._lock = threading.Lock()
        self._defects: dict[SecretKey, int] = {}

    def judged(self, plan: Plan) -> Plan:
        """Take in the plan of a pass; what is left alone from now on says so, and how it comes back."""
        with self._lock:
            changes = tuple(_told(change) if self._full(change) else change for change in plan.changes)
        return replace(plan, changes=changes)

    def holds(self, keys: Iterable[SecretKey]) -> frozenset[SecretKey]:
        """Tell which of these are in it."""
        with self._lock:
            return frozenset(key for key in keys if self._defects.get(key, 0) >= DEFECTS)

    def _full(self, change: Change) -> bool:
        """Count this pass; anything else than a defect begins the count anew."""
        if change.reason != REASON:
            self._defects.pop(change.key, None)
            return False
        self._defects[change.key] = self._defects.get(change.key, 0) + 1
        return self._defects[change.key] >= DEFECTS


def _told(change: Change) -> Change:
    message = (
        f"{change.message}. It is the {DEFECTS}th defect in a row, so the mapping is left alone until the daemon is "
        "started anew, with another mapping or another version of syncd"
    )
    return replace(change, reason=QUARANTINED, message=message)
