"""Since when what would be removed has been gone. In memory alone: a restart only delays a removal."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import RemoteRef
from syncd.model.secret import Built
from syncd.plan.removal import enough, gone_sources

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
        self._sources: dict[SecretKey, dict[RemoteRef, _Absence]] = {}
        self._mappings: dict[SecretKey, float] = {}

    def of_sources(self, wanted: Iterable[tuple[SecretMapping, Built]], *, began: float) -> frozenset[SecretKey]:
        """Take in how the sources of a pass answered; give the Secrets whose source has been gone for long enough.

        `began` is when its reading began: however long the pass waited for others, no answer of it counts as later.
        Any other answer between starts the count anew: a value, and a failure that tells nothing as well. Each source
        is counted for itself, so that one which comes back as another goes starts no removal.
        """
        asked = tuple(wanted)
        absent = gone_sources(asked)
        now = self._clock()
        with self._lock:
            for mapping, _ in asked:
                known = self._sources.pop(mapping.key, {})
                if mapping.key in absent:
                    counted = {ref: known.get(ref) or _Absence(now) for ref in absent[mapping.key]}
                    for absence in counted.values():
                        absence.answers += 1
                    self._sources[mapping.key] = counted
            return frozenset(
                mapping.key for mapping, built in asked if enough(built, self._long_gone(mapping.key, began))
            )

    def of_mappings(self, gone: Iterable[SecretKey]) -> frozenset[SecretKey]:
        """Take in which Secrets no mapping wants; give those of which that has been so for long enough."""
        now = self._clock()
        with self._lock:
            self._mappings = {key: self._mappings.get(key, now) for key in gone}
            return frozenset(key for key, since in self._mappings.items() if now - since >= LEAST)

    def _long_gone(self, key: SecretKey, began: float) -> frozenset[RemoteRef]:
        absences = self._sources.get(key, {})
        return frozenset(ref for ref, absence in absences.items() if self._for_long(absence, began))

    @staticmethod
    def _for_long(absence: _Absence, began: float) -> bool:
        return absence.answers >= ANSWERS and began - absence.since >= LEAST
