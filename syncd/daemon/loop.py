"""The daemon's loop: what is due is read together, and each group of mappings that use the same stores goes on alone.

The loop thread keeps the time on the monotonic clock, starts passes and takes in their reports; it never reads or
writes anything itself, so nothing that hangs can stop it. Passes run on daemon threads: a stop never waits for one
that hangs.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from syncd.daemon.calendar import Calendar
from syncd.daemon.log import Log
from syncd.daemon.metrics import Metrics
from syncd.daemon.standing_report import StandingReport
from syncd.daemon.timetable import Timetable, stores_of
from syncd.fetch.gateway import Gateway
from syncd.fetch.reading import Reading
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.report import PassReport
from syncd.plan.guards import suspect_stores
from syncd.reconcile import Standing, orphaned, plan, refs_of, see, worth_reading
from syncd.target.seam import Target
from syncd.writing import UntilStopped, Writer

BEAT: Final = 5.0
"""Seconds after which the loop turns at the latest."""
SWEEP: Final = 3600.0
"""Seconds between two looks at what is owned and wanted by nobody."""
_FIRST_RETRY, _LAST_RETRY = 5.0, 300.0
"""Seconds until a mapping whose store or target did not answer is tried again: doubled each time, between these."""
_SOON: Final = ("-unavailable", "-stale")
"""How the reasons end that pass by themselves."""
_FAREWELL: Final = 5.0
"""Seconds that the passes under way are given at the end."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the daemon reconciles, and with what."""

    mappings: tuple[SecretMapping, ...]
    gateway: Gateway
    targets: Mapping[str, Target]
    ledger: Ledger | None
    standing: Standing

    def inventory(self) -> Inventory | None:
        """Give the inventory as last written; None where no target has one."""
        return None if self.ledger is None else self.ledger.inventory


@dataclass(slots=True)
class _Progress:
    """What the health endpoints ask."""

    beat: float
    ended: float
    """When a pass last ended."""
    running: dict[int, tuple[float, frozenset[SecretKey]]] = field(default_factory=dict)
    """By number: when the pass began, and its Secrets."""


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
        spawn: Callable[[Callable[[], None], str], None] | None = None,
    ) -> None:
        """Plan every mapping.

        `clock` is monotonic, `wall` seconds since the epoch, `wait` waits for an event, `spawn` starts a pass's
        thread by a name.
        """
        self._work, self._metrics, self._stopped = work, metrics, stopped
        self._clock, self._wall, self._wait, self._spawn = clock, wall, wait, spawn or _start_daemon
        now = clock()
        inventory = work.inventory()
        self._table = Timetable(work.mappings, now=now, known=inventory.entries if inventory else ())
        self._calendar = Calendar(work.mappings, self._called)
        self._report = StandingReport(log)
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._arrived: deque[tuple[int, Sequence[SecretMapping], PassReport]] = deque()
        self._due: deque[SecretMapping] = deque()
        self._again: dict[SecretKey, SecretMapping] = {}
        self._retries: dict[SecretKey, float] = {}
        self._existing: set[SecretKey] = set()
        self._classes: dict[RemoteRef, FailureClass | None] = {}
        self._unread = set(refs_of(work.mappings))
        self._progress = _Progress(now, now)
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
            until = time.monotonic() + _FAREWELL
            while self._progress.running and time.monotonic() < until:
                self._wake.wait(0.05)
                self._wake.clear()
                self._take_reports()

    def stop(self) -> None:
        """End the loop; safe in a signal handler."""
        self._stopped.set()
        self._wake.set()

    def alive(self) -> str:
        """Say what is wrong with the loop itself; empty where it turns."""
        age = self._clock() - self._progress.beat
        return f"the loop has not turned for {age:.0f} s\n" if age > 3 * BEAT + 45 else ""

    def behind(self) -> str:
        """Say what keeps the daemon from being ready; empty where it makes progress."""
        missing = len(self._work.mappings) - self._report.seen()
        if missing > 0:
            return f"{missing} of {len(self._work.mappings)} mapping(s) have not been looked at yet\n"
        now = self._clock()
        longest = max((now - began for began, _ in tuple(self._progress.running.values())), default=0.0)
        if longest > 120:
            return f"a pass has been running for {longest:.0f} s\n"
        late = self._table.overdue(now)
        return f"the next pass is {late:.0f} s late\n" if late > 60 else ""

    def _turn(self) -> None:
        now = self._progress.beat = self._clock()
        self._take_reports()
        self._calendar.wake()
        while self._due:
            self._table.add(self._due.popleft(), at=now)
        busy = {key for _, keys in self._progress.running.values() for key in keys}
        taken = self._table.take(now)
        # No overlap: what is still running is taken up again as soon as it has ended.
        self._again.update((mapping.key, mapping) for mapping in taken if mapping.key in busy)
        ready = [mapping for mapping in taken if mapping.key not in busy]
        if ready:
            self._start(ready)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            self._begin((), self._sweep)
        self._metrics.state(self._report.latest(), overdue=self._table.overdue(now))
        due = self._table.next_due()
        until = now + BEAT if due is None else min(due, now + BEAT)
        self._wait(self._wake, max(0.0, until - self._clock()))
        self._wake.clear()

    def _called(self, mappings: tuple[SecretMapping, ...]) -> None:
        self._due.extend(mappings)
        self._wake.set()

    def _start(self, mappings: Sequence[SecretMapping]) -> None:
        """Read all that is due together; let each set of stores plan and write as soon as its own values are there."""
        reading = self._work.gateway.read(refs_of(mappings))
        groups: dict[frozenset[str], list[SecretMapping]] = {}
        for mapping in mappings:
            groups.setdefault(stores_of(mapping), []).append(mapping)
        for group in groups.values():
            members = tuple(group)
            self._begin(members, lambda members=members: self._pass(members, reading))  # type: ignore[misc]

    def _begin(self, members: Sequence[SecretMapping], work: Callable[[], PassReport]) -> None:
        self._numbers += 1
        number, began = self._numbers, self._clock()
        self._progress.running[number] = (began, frozenset(mapping.key for mapping in members))

        def run() -> None:
            report = self._guarded(work, began)
            self._arrived.append((number, members, report))
            self._wake.set()

        self._spawn(run, f"syncd-pass-{number}")

    def _guarded(self, work: Callable[[], PassReport], began: float) -> PassReport:
        try:
            report = work()
        except Exception as error:  # noqa: BLE001 — a defect must not end the daemon; its text may carry values
            self._report.broken(error)
            return PassReport(Plan(()), {}, self._clock() - began, interrupted=True)
        return replace(report, seconds=self._clock() - began)

    def _pass(self, members: tuple[SecretMapping, ...], reading: Reading) -> PassReport:
        work = self._work
        inventory, instance = work.inventory(), work.standing.instance
        look_at = set(worth_reading(members, inventory, instance=instance))
        # What was there without being ours is looked at, not tried to be made anew at every interval.
        look_at |= {mapping.key for mapping in members if mapping.key in self._existing}
        seen = see(members, reading, work.targets, look_at=sorted(look_at))
        seen = replace(seen, suspect=self._suspect(seen.classes))
        made = plan(seen, work.standing, inventory=inventory, target="", now=self._wall())
        writer = Writer(work.targets, work.standing, UntilStopped(self._stopped), work.ledger)
        written = writer.carry_out(made, seen, now=self._wall())
        self._existing.update(change.key for change in written.changes if change.live is not None)
        for ref, cls in seen.classes.items():
            if cls is not None:
                self._metrics.failed(ref.store, cls.value)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def _suspect(self, classes: Mapping[RemoteRef, FailureClass | None]) -> frozenset[str]:
        """Name the stores on whose word nothing is removed: too much absent, or not read in full since the start."""
        with self._lock:
            self._classes.update(classes)
            self._unread -= classes.keys()
            return suspect_stores(self._classes) | {ref.store for ref in self._unread}

    def _sweep(self) -> PassReport:
        """Look at what is owned and wanted by nobody; it is kept and reported."""
        work = self._work
        inventory, instance = work.inventory(), work.standing.instance
        orphans = orphaned(work.mappings, inventory, work.targets, instance=instance)
        seen = see((), work.gateway.read(()), work.targets, look_at=(), orphans=orphans)
        return PassReport(plan(seen, work.standing, inventory=inventory, target="", now=self._wall()), {}, 0.0)

    def _take_reports(self) -> None:
        while self._arrived:
            number, members, report = self._arrived.popleft()
            self._progress.running.pop(number, None)
            self._progress.ended = now = self._clock()
            self._metrics.flapped(self._report.take(report, now=now))
            self._metrics.passed(report, now=self._wall())
            self._plan_retries(members, report, now)
            for mapping in members:
                if self._again.pop(mapping.key, None) is not None:
                    self._table.add(mapping, at=now)

    def _plan_retries(self, members: Sequence[SecretMapping], report: PassReport, now: float) -> None:
        """Try again soon what a store or a target did not answer for; everything else waits for its interval."""
        changes = {change.key: change for change in report.plan.changes}
        for mapping in members:
            change = changes.get(mapping.key)
            unanswered = change is None or change.reason.endswith(_SOON) or change.outcome == "failed"
            if not unanswered or self._stopped.is_set():
                self._retries.pop(mapping.key, None)
                continue
            pause = self._retries.get(mapping.key, _FIRST_RETRY)
            self._retries[mapping.key] = min(2 * pause, _LAST_RETRY)
            if mapping.schedule is not None or pause < mapping.interval:
                self._table.add(mapping, at=now + pause)


def _start_daemon(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()
