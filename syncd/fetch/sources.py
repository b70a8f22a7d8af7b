"""What the stores say to a set of mappings: their objects, and in a second stage what their queries find."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from syncd.fetch.gateway import Gateway
from syncd.fetch.reading import Reading
from syncd.model.reference import Found, Listing, Outcome, Query, RemoteRef
from syncd.model.report import NO_COST, StoreCost


class Sources:
    """One reading of everything that some mappings want. Thread-safe. Holds the values until it is dropped.

    Each distinct query is asked once, and each distinct object is read once, whether it is named, found, or both and
    by however many. Who waits for some of it is held up by no others.
    """

    def __init__(self, gateway: Gateway, refs: Iterable[RemoteRef], queries: Iterable[Query] = ()) -> None:
        """Start reading `refs` and asking `queries` (both canonical); returns at once."""
        named = tuple(dict.fromkeys(refs))
        self._gateway = gateway
        self._lock = threading.Lock()
        self._named = gateway.read(named)
        self._queries = gateway.find(queries)
        self._found: list[Reading] = []
        self._reading_of = dict.fromkeys(named, self._named)

    def found(self, queries: Iterable[Query], *, quiet: float | None = None) -> dict[Query, Found]:
        """Wait for what queries find, and start reading it; `quiet` as in `Reading.outcomes`.

        Raises KeyError for a query that was not asked.
        """
        answers = self._queries.found(queries, quiet=quiet)
        with self._lock:
            new = [ref for ref in found_refs(answers.values()) if ref not in self._reading_of]
            if new:
                reading = self._gateway.read(new)
                self._found.append(reading)
                self._reading_of.update(dict.fromkeys(new, reading))
        return answers

    def outcomes(self, refs: Iterable[RemoteRef], *, quiet: float | None = None) -> dict[RemoteRef, Outcome]:
        """Wait for objects, those that `found` gave among them. Raises KeyError for one that was not wanted."""
        asked = tuple(dict.fromkeys(refs))
        by_reading: defaultdict[Reading, list[RemoteRef]] = defaultdict(list)
        with self._lock:
            for ref in asked:
                by_reading[self._reading_of[ref]].append(ref)
        told: dict[RemoteRef, Outcome] = {}
        for reading, some in by_reading.items():
            told.update(reading.outcomes(some, quiet=quiet))
        return {ref: told[ref] for ref in asked if ref in told}

    def costs(self) -> Mapping[str, StoreCost]:
        """Count, for each store, the wire requests so far, the distinct references and queries, and the failures."""
        with self._lock:
            readings = (self._named, self._queries, *self._found)
        total: dict[str, StoreCost] = {}
        for reading in readings:
            for store, cost in reading.costs().items():
                total[store] = total.get(store, NO_COST).plus(cost)
        return total


def found_refs(answers: Iterable[Found]) -> tuple[RemoteRef, ...]:
    """Give the distinct objects that queries found, in their order."""
    return tuple(dict.fromkeys(ref for found in answers if isinstance(found, Listing) for ref in found.refs))
