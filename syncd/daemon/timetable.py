"""When which mapping is due: one heap of monotonic times, a lane for each (group of stores, interval). Pure.

Stores that share a mapping form a group, since what they give stands in one Secret. All mappings of a group with
one interval are one lane and fall due together, so that a source they share is read once. The lanes of a group keep
one phase: where one interval is a multiple of another, both fall due at the same moment. Where it is not,
a lane is taken early with a finer one that reads the same sources, so these are read on the finer interval alone.

A mapping that was never written yet is due at once. The others of a group start at a phase of their own within the
shorter of their interval and a minute, so that a restart does not ask every store at the same moment. Later moments
are early by a jitter that a group's lanes share, so that what once fell together (replicas, stores) drifts apart.
"""

import heapq
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import Wanted

SPREAD: Final = 60.0
"""Seconds over which the first reads after a start are spread at most."""
JITTER: Final = (0.1, 3.0)
"""How much earlier than planned a moment may be: a share of the group's finest interval, and seconds at the most.

A gap between two reads is so longer than the interval by no more than that.
"""
_SLACK: Final = 0.001
"""Seconds by which two times may differ and still be one moment: sums of floats drift apart."""


@dataclass(slots=True)
class Lane:
    """Mappings that fall due together."""

    interval: float
    mappings: tuple[SecretMapping, ...]
    planned: float
    """Monotonic seconds, without jitter."""
    refs: frozenset[Wanted]
    """And queries; what these find is not known here."""
    group: str
    wobble: float
    """Seconds of jitter at the most."""
    due: float
    """Monotonic seconds."""
    coarser: tuple[int, ...] = ()
    """Numbers of the lanes with longer intervals that read some of the same sources."""


class Timetable:
    """The due times of one configuration. Used by one thread."""

    def __init__(self, mappings: Sequence[SecretMapping], *, now: float, known: Collection[SecretKey] = ()) -> None:
        """Plan from `now` on; `known` are the Secrets that were written before."""
        periodic = [mapping for mapping in mappings if mapping.schedule is None]
        self._lanes = _lanes(periodic, now)
        self._heap = [(lane.due, number) for number, lane in enumerate(self._lanes)]
        heapq.heapify(self._heap)
        self._extra: list[tuple[float, int, SecretMapping]] = []
        self._counter = 0
        for mapping in mappings:
            if mapping.key not in known:
                self.add(mapping, at=now)

    def add(self, mapping: SecretMapping, *, at: float) -> None:
        """Have `mapping` due once more at `at`: never written, called by the calendar, or to be tried again."""
        self._counter += 1
        heapq.heappush(self._extra, (at, self._counter, mapping))

    def next_due(self) -> float | None:
        """Give the next moment at which something is due; None where there is nothing."""
        extra = self._extra[0][0] if self._extra else None
        return min((time for time in (self._head(), extra) if time is not None), default=None)

    def overdue(self, now: float) -> float:
        """Give how many seconds the most late mapping waits; 0 where nothing is late."""
        due = self.next_due()
        return 0.0 if due is None else max(0.0, now - due)

    def take(self, now: float) -> tuple[SecretMapping, ...]:
        """Give everything that is due at `now`, what was never written first, and set the next times."""
        taken: dict[SecretKey, SecretMapping] = {}
        while self._extra and self._extra[0][0] <= now:
            mapping = heapq.heappop(self._extra)[2]
            taken[mapping.key] = mapping
        finer: list[Lane] = []
        while (head := self._head()) is not None and head <= now + _SLACK:
            number = heapq.heappop(self._heap)[1]
            self._take_lane(number, now, taken)
            finer.append(self._lanes[number])
        for lane in finer:
            for number in lane.coarser:
                if self._lanes[number].planned < lane.planned - _SLACK:
                    self._take_lane(number, now, taken)
        return tuple(taken.values())

    def _head(self) -> float | None:
        """Give the earliest time of a lane, dropping what lanes taken early have left in the heap."""
        while self._heap and self._heap[0][0] != self._lanes[self._heap[0][1]].due:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _take_lane(self, number: int, now: float, taken: dict[SecretKey, SecretMapping]) -> None:
        lane = self._lanes[number]
        for mapping in lane.mappings:
            taken.setdefault(mapping.key, mapping)
        if lane.due > now + _SLACK:
            # Taken early, it counts its interval from now, so that no gap between two reads is ever longer than it.
            lane.planned = now + lane.interval
        else:
            lane.planned += max(1.0, (now + _SLACK - lane.planned) // lane.interval + 1) * lane.interval
        lane.due = lane.planned - _share(f"{lane.group} {lane.planned:.2f}") * lane.wobble
        heapq.heappush(self._heap, (lane.due, number))


def stores_of(mapping: SecretMapping) -> frozenset[str]:
    """Name the stores that a mapping reads; empty for one of literals alone."""
    return mapping.stores()


def finest_intervals(mappings: Iterable[SecretMapping]) -> dict[str, float]:
    """Give the shortest interval, in seconds, at which each store is read; no store of the calendar's alone."""
    finest: dict[str, float] = {}
    for mapping in mappings:
        for store in stores_of(mapping) if mapping.schedule is None else ():
            finest[store] = min(mapping.interval, finest.get(store, mapping.interval))
    return finest


def _lanes(mappings: Iterable[SecretMapping], now: float) -> list[Lane]:
    mappings = list(mappings)
    group_of = _groups(stores_of(mapping) for mapping in mappings)
    by_lane: defaultdict[tuple[str, float], list[SecretMapping]] = defaultdict(list)
    for mapping in mappings:
        group = group_of[min(stores_of(mapping), default="")]
        by_lane[group, mapping.interval].append(mapping)
    finest: dict[str, float] = {}
    for group, interval in by_lane:
        finest[group] = min(interval, finest.get(group, interval))
    lanes: list[Lane] = []
    for (group, interval), members in sorted(by_lane.items(), key=lambda item: item[0]):
        start = now + _share(group) * min(finest[group], SPREAD)
        wobble = min(JITTER[0] * finest[group], JITTER[1])
        refs = frozenset(selection.ref for mapping in members for selection in mapping.selections())
        queries = frozenset(query for mapping in members for query in mapping.queries())
        lanes.append(Lane(interval, tuple(members), start, refs | queries, group, wobble, start))
    for lane in lanes:
        lane.coarser = tuple(
            number
            for number, other in enumerate(lanes)
            if other.interval > lane.interval and not other.refs.isdisjoint(lane.refs)
        )
    return lanes


def _groups(sets: Iterable[frozenset[str]]) -> dict[str, str]:
    """Give each store the name of its group: the stores that some mapping uses together (union-find)."""
    parent: dict[str, str] = {"": ""}

    def root(store: str) -> str:
        while parent.setdefault(store, store) != store:
            store = parent[store]
        return store

    for stores in sets:
        roots = sorted({root(store) for store in stores})
        for other in roots[1:]:
            parent[other] = roots[0]
    return {store: root(store) for store in list(parent)}


def _share(of: str) -> float:
    """Give a share, from 0 to below 1, that depends on `of` alone: a group's phase, or its jitter at a moment."""
    return (zlib.crc32(of.encode()) % 1000) / 1000
