"""The daemon's loop: what is due is read together, and each group of mappings that use the same stores goes on alone.

The loop thread keeps the time on the monotonic clock, starts passes and takes in their reports; it never reads or
writes anything itself, so nothing that hangs can stop it. Passes run on daemon threads: a stop never waits for one
that hangs.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from syncd.daemon.calendar import Calendar
from syncd.daemon.freshness import Freshness
from syncd.daemon.log import Log
from syncd.daemon.metrics import Metrics
from syncd.daemon.passes import Group, Passes, Work
from syncd.daemon.renewals import Renewals
from syncd.daemon.retries import Retries
from syncd.daemon.standing_report import StandingReport
from syncd.daemon.timetable import Timetable, finest_intervals, stores_of
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.told import start_reading
from syncd.workers import start_daemon

__all__ = ["Loop", "Work"]

BEAT: Final = 5.0
"""Seconds after which the loop turns at the latest."""
SWEEP: Final = 600.0
"""Seconds between two looks at what is owned and wanted by nobody."""
_FAREWELL: Final = 5.0
"""Seconds that the passes under way are given at the end."""
_STUCK: Final = 60.0
"""Seconds without a turn of the loop after which the process is better started anew."""
_LONG: Final = 120.0
"""Seconds that a pass may take before the daemon no longer counts as making progress."""
_LATE: Final = 60.0
"""Seconds that something due may wait before it no longer does."""


_Work = Callable[[], tuple[PassReport, Group | None]]
"""Carries a pass out; gives what of its group is left, which waits for its stores."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """One that is under way."""

    began: float
    members: tuple[SecretMapping, ...]
    """Empty for a sweep."""
    keys: frozenset[SecretKey]


@dataclass(slots=True)
class _Progress:
    """What the health endpoints ask, from their own threads."""

    beat: float
    """When the loop last turned."""
    unseen: set[SecretKey]
    """Wanted, and not looked at by any pass yet."""
    running: dict[int, _Pass] = field(default_factory=dict)
    pending: dict[SecretKey, tuple[float, SecretMapping]] = field(default_factory=dict)
    """Due since when, and not started because an earlier pass of it is still under way."""

    def longest(self, now: float) -> float:
        """Give how long the longest pass has been under way."""
        return max((now - each.began for each in tuple(self.running.values())), default=0.0)

    def waiting(self, now: float) -> float:
        """Give how long the longest has waited for its own earlier pass."""
        return max((now - since for since, _ in tuple(self.pending.values())), default=0.0)


class Loop:
    """Runs until it is stopped."""

    def __init__(
        self,
        work: Work,
        *,
        metrics: Metrics,
        log: Log,
        stopped: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
        spawn: Callable[[Callable[[], None], str], None] = start_daemon,
    ) -> None:
        """Plan every mapping.

        `clock` is monotonic, `wall` seconds since the epoch, `wait` waits for an event, `spawn` starts a pass's
        thread by a name.
        """
        self._work, self._metrics, self._stopped = work, metrics, stopped
        self._clock, self._wall, self._wait, self._spawn = clock, wall, wait, spawn
        now = clock()
        inventory = work.inventory()
        self._table = Timetable(work.mappings, now=now, known=inventory.entries if inventory else ())
        work.gateway.read_every(finest_intervals(work.mappings))
        self._calendar = Calendar(work.mappings, self._called, self._missed)
        self._renewals = Renewals(clock, metrics=metrics, log=log)
        self._passes = Passes(work, metrics=metrics, stopped=stopped, clock=clock, wall=wall, renewals=self._renewals)
        self._report = StandingReport(log)
        self._retries = Retries()
        self._freshness = Freshness(mapping.key for mapping in work.mappings)
        self._wake = threading.Event()
        self._arrived: deque[tuple[int, PassReport, Group | None]] = deque()
        self._due: deque[SecretMapping] = deque()
        self._progress = _Progress(now, {mapping.key for mapping in work.mappings})
        self._numbers = 0
        self._next_sweep = now

    def run(self) -> None:
        """Turn until stopped, then give the passes under way a moment."""
        self._calendar.start()
        try:
            while not self._stopped.is_set():
                self._turn()
        finally:
            self._calendar.stop()
            self._work.gateway.close()
            self._say_farewell()

    def stop(self) -> None:
        """End the loop; from any thread, but not from a signal handler, which may hold the same lock."""
        self._stopped.set()
        self._wake.set()

    def alive(self) -> str:
        """Say what is wrong with the loop itself; empty where it turns."""
        age = self._clock() - self._progress.beat
        return f"the loop has not turned for {age:.0f} s\n" if age > _STUCK else ""

    def behind(self) -> str:
        """Say what keeps the daemon from being ready; empty where it makes progress."""
        unseen, wanted = len(self._progress.unseen), len(self._work.mappings)
        if unseen:
            return f"{unseen} of {wanted} mapping(s) have not been looked at yet\n"
        now = self._clock()
        longest = self._progress.longest(now)
        if longest > _LONG:
            return f"a pass has been running for {longest:.0f} s\n"
        late = self._overdue(now)
        return f"the next pass is {late:.0f} s late\n" if late > _LATE else ""

    def _overdue(self, now: float) -> float:
        """Give how long the most late mapping waits, be it for the loop or for its own earlier pass."""
        return max(self._table.overdue(now), self._progress.waiting(now))

    def _turn(self) -> None:
        now = self._progress.beat = self._clock()
        self._take_reports()
        self._calendar.wake()
        while self._due:
            self._table.add(self._due.popleft(), at=now)
        self._start_due(now)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            self._begin((), self._passes.sweep, now)
        self._metrics.state(self._report.latest(), overdue=self._overdue(now))
        oldest = self._freshness.oldest()
        self._metrics.fresh(None if oldest is None else self._wall() - max(0.0, now - oldest))
        due = self._table.next_due()
        until = now + BEAT if due is None else min(due, now + BEAT)
        self._wait(self._wake, max(0.0, until - self._clock()))
        self._wake.clear()

    def _called(self, mappings: tuple[SecretMapping, ...]) -> None:
        """Take in what the calendar calls for; on its thread."""
        self._due.extend(mappings)
        self._wake.set()

    def _missed(self, schedule: str, runs: int, mappings: int) -> None:
        """Tell and count runs of the calendar that a later one stands for; on its thread."""
        self._metrics.missed(runs)
        self._report.missed(schedule, runs=runs, mappings=mappings)

    def _start_due(self, now: float) -> None:
        """Read all that is due together; let each set of stores plan and write as soon as its own values are there."""
        taken = self._table.take(now)
        alone = self._passes.left_alone(taken)
        taken = tuple(mapping for mapping in taken if mapping.key not in alone)
        if not taken:
            return
        busy = {key for each in self._progress.running.values() for key in each.keys}
        ready = [mapping for mapping in taken if mapping.key not in busy]
        # No overlap: what is still running is taken up again as soon as it has ended.
        for mapping in taken:
            if mapping.key in busy:
                self._progress.pending.setdefault(mapping.key, (now, mapping))
        groups: dict[frozenset[str], list[SecretMapping]] = {}
        for mapping in ready:
            groups.setdefault(stores_of(mapping), []).append(mapping)
        if not groups:
            return
        try:
            reading = start_reading(ready, self._work.gateway)
        except RuntimeError as error:  # no more threads
            self._plan_again(ready, self._broken(error, now), now)
            return
        for members in groups.values():
            self._begin_group(Group(tuple(members), reading), now)

    def _begin_group(self, group: Group, began: float) -> None:
        """Start a pass of it, whose reading began at `began`."""
        self._begin(group.members, partial(self._passes.reconcile, group), began)

    def _begin(self, members: tuple[SecretMapping, ...], work: _Work, began: float) -> None:
        self._numbers += 1
        number = self._numbers
        keys = frozenset(mapping.key for mapping in members)
        self._progress.running[number] = _Pass(began, members, keys)

        def run() -> None:
            self._end(number, *self._guarded(work, began))

        try:
            self._spawn(run, f"syncd-pass-{number}")
        except RuntimeError as error:  # no more threads: it is tried again like a pass that broke
            self._end(number, self._broken(error, began))

    def _end(self, number: int, report: PassReport, left: Group | None = None) -> None:
        self._arrived.append((number, report, left))
        self._wake.set()

    def _guarded(self, work: _Work, began: float) -> tuple[PassReport, Group | None]:
        try:
            report, left = work()
        except Exception as error:  # noqa: BLE001 — a defect must not end the daemon; its text may carry values
            return self._broken(error, began), None
        return replace(report, seconds=self._clock() - began), left

    def _broken(self, error: Exception, began: float) -> PassReport:
        self._report.broken(error)
        return PassReport(Plan(()), {}, self._clock() - began, interrupted=True)

    def _take_reports(self) -> None:
        while self._arrived:
            number, report, left = self._arrived.popleft()
            ended, now = self._progress.running.pop(number), self._clock()
            if ended.members:
                self._progress.unseen.difference_update(change.key for change in report.plan.changes)
                self._metrics.flapped(self._report.take(report, now=now))
                self._metrics.passed(report, now=self._wall())
                self._freshness.take(report, began=ended.began)
                waiting = frozenset(mapping.key for mapping in left.members) if left else frozenset()
                self._plan_again([each for each in ended.members if each.key not in waiting], report, now)
                if left is not None and not self._stopped.is_set():
                    self._begin_group(left, ended.began)
            else:
                self._report.take_sweep(report)

    def _plan_again(self, members: Sequence[SecretMapping], report: PassReport, now: float) -> None:
        """Have what fell due meanwhile started at once, and what was not answered for tried again soon."""
        changes = {change.key: change for change in report.plan.changes}
        for mapping in members:
            pause = self._retries.pause(mapping, changes.get(mapping.key))
            if self._progress.pending.pop(mapping.key, None) is not None:
                self._table.add(mapping, at=now)
            elif pause is not None:
                self._table.add(mapping, at=now + pause)
            if (due := self._renewals.due(mapping.key)) is not None:
                self._table.add(mapping, at=due)

    def _say_farewell(self) -> None:
        """Take in what ends within a moment: what was written is told, and what hangs is left behind."""
        until = self._clock() + _FAREWELL
        self._take_reports()
        while self._progress.running and (left := until - self._clock()) > 0:
            self._wait(self._wake, left)
            self._wake.clear()
            self._take_reports()
