"""Since when what would be removed has been gone. In memory alone: a restart only delays a removal."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.secret import Built
from syncd.plan.removal import removal_candidates

LEAST: Final = 600.0
"""Seconds that a source or a mapping must have been gone before its Secret goes."""
ANSWERS: Final = 3
"""How often in a row a store must have said so of a source."""


@dataclass(slots=True)
class _Absence:
    since: float
    answers: int = 0


class Absences:
    """Remembers, for the passes of one daemon; they share it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing gone. `clock` is monotonic: steps of the wall clock hasten nothing."""
        self._clock = clock
        self._lock = threading.Lock()
        self._sources: dict[SecretKey, _Absence] = {}
        self._mappings: dict[SecretKey, float] = {}

    def of_sources(self, wanted: Iterable[tuple[SecretMapping, Built]]) -> frozenset[SecretKey]:
        """Take in how the sources of a pass answered; give the Secrets whose source has been gone for long enough.

        Any other answer between starts the count anew: a value, and a failure that tells nothing as well.
        """
        asked = tuple(wanted)
        absent = removal_candidates(asked)
        now = self._clock()
        with self._lock:
            for mapping, _ in asked:
                if mapping.key in absent:
                    self._sources.setdefault(mapping.key, _Absence(now)).answers += 1
                else:
                    self._sources.pop(mapping.key, None)
            return frozenset(key for key in absent if self._for_long(self._sources[key], now))

    def of_mappings(self, gone: Iterable[SecretKey]) -> frozenset[SecretKey]:
        """Take in which Secrets no mapping wants; give those of which that has been so for long enough."""
        now = self._clock()
        with self._lock:
            self._mappings = {key: self._mappings.get(key, now) for key in gone}
            return frozenset(key for key, since in self._mappings.items() if now - since >= LEAST)

    @staticmethod
    def _for_long(absence: _Absence, now: float) -> bool:
        return absence.answers >= ANSWERS and now - absence.since >= LEAST
