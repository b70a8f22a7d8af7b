"""How every source answered last: on which stores' word nothing is removed. In memory alone."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import FailureClass, RemoteRef, Wanted
from syncd.plan.guards import suspect_stores
from syncd.reconcile import Seen, unanswered
from syncd.told import queries_of, refs_of


class Latest:
    """Remembers, for the passes of one daemon; they share it."""

    def __init__(self, mappings: Sequence[SecretMapping]) -> None:
        """Start with nothing read."""
        self._lock = threading.Lock()
        self._unread: set[Wanted] = {*refs_of(mappings), *queries_of(mappings)}
        self._wanted = frozenset(self._unread)
        self._classes: dict[Wanted, FailureClass | None] = {}
        self._found: dict[SecretKey, dict[RemoteRef, FailureClass | None]] = {}
        """What finds found and lost last, since that changes: what is let go there no longer counts."""

    def judged(self, seen: Seen) -> Seen:
        """Take in how the sources of a pass answered, and say which stores are suspect and which were not read yet."""
        with self._lock:
            self._classes.update((one, cls) for one, cls in seen.classes.items() if one in self._wanted)
            for key, refs in seen.found.items():
                self._found[key] = {ref: seen.classes[ref] for ref in refs}
            self._unread -= seen.classes.keys() - unanswered(seen.classes)
            latest = dict(self._classes)
            latest.update(each for finds in self._found.values() for each in finds.items())
            unread = frozenset(one.store for one in self._unread)
            return replace(seen, suspect=suspect_stores(latest), unread=unread)
