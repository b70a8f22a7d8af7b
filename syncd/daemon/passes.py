"""What one pass of the daemon does: a group of mappings read, planned and written, or a look at what nobody wants.

Passes run side by side; what they have in common is the configuration, the ledger, and what the stores said last.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.daemon.absences import Absences
from syncd.daemon.admission import Admission
from syncd.daemon.metrics import Metrics
from syncd.daemon.quarantine import Quarantine
from syncd.fetch.gateway import Gateway
from syncd.fetch.reading import Reading
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.report import PassReport
from syncd.plan.guards import suspect_stores
from syncd.plan.orphans import MOVED
from syncd.reconcile import Seen, Standing, orphaned, plan, refs_of, see, unanswered, worth_reading
from syncd.target.seam import Target
from syncd.writing import WORKERS, UntilStopped, Writer


@dataclass(frozen=True, slots=True)
class Work:
    """What the daemon reconciles, and with what."""

    mappings: tuple[SecretMapping, ...]
    gateway: Gateway
    targets: Mapping[str, Target]
    ledger: Ledger | None
    standing: Standing
    workers: int = WORKERS
    """Writes of one pass at a time (`daemon.workers`)."""

    def inventory(self) -> Inventory | None:
        """Give the inventory as last written; None where no target has one."""
        return None if self.ledger is None else self.ledger.inventory


class Passes:
    """Carries passes out, several at once."""

    def __init__(
        self,
        work: Work,
        *,
        metrics: Metrics,
        stopped: threading.Event,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Start with nothing read.

        `clock` is monotonic, `wall` seconds since the epoch; no write starts once `stopped` is set.
        """
        self._work, self._metrics, self._stopped, self._wall = work, metrics, stopped, wall
        self._absences = Absences(clock)
        self._lock = threading.Lock()
        self._classes: dict[RemoteRef, FailureClass | None] = {}
        self._unread = set(refs_of(work.mappings))
        self._admission = Admission()
        self._quarantine = Quarantine()

    def reconcile(self, members: Sequence[SecretMapping], reading: Reading) -> PassReport:
        """Bring these Secrets to what the stores say, as soon as the stores of all of them have answered."""
        work, instance = self._work, self._work.standing.instance
        inventory = work.inventory()
        look_at = worth_reading(members, inventory, instance=instance)
        seen = self._judged(see(members, reading, work.targets, look_at=look_at))
        seen = replace(seen, confirmed_absent=self._absences.of_sources(seen.wanted))
        made = self._quarantine.judged(self._admission.judged(self._plan(seen, inventory)))
        written = self._written(made, seen)
        self._admission.written(written.changes)
        for ref, cls in seen.classes.items():
            if cls is not None:
                self._metrics.failed(ref.store, cls.value)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def left_alone(self, members: Sequence[SecretMapping]) -> frozenset[SecretKey]:
        """Tell which of these are in quarantine: nothing is asked for them any more."""
        return self._quarantine.holds(mapping.key for mapping in members)

    def sweep(self) -> PassReport:
        """Look at what is owned and wanted by nobody: kept and reported, or removed where its mark says so."""
        work = self._work
        inventory = work.inventory()
        orphans = orphaned(work.mappings, inventory, work.targets, instance=work.standing.instance)
        seen = self._judged(see((), work.gateway.read(()), work.targets, look_at=(), orphans=orphans))
        seen = replace(seen, confirmed_gone=self._absences.of_mappings(entry.key for entry in orphans))
        made = self._plan(seen, inventory)
        if any(change.reason == MOVED for change in made.changes):
            made = self._beside_what_moved(made, seen, inventory)
        written = self._written(made, seen)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def _beside_what_moved(self, made: Plan, seen: Seen, inventory: Inventory | None) -> Plan:
        """Plan the orphans anew beside the Secrets that their mappings name now: they go once these stand.

        Those are read for it, and nothing else of the plan is carried out: their own passes do that.
        """
        work = self._work
        names = {(change.tenant, change.mapping) for change in made.changes if change.reason == MOVED}
        members = [mapping for mapping in work.mappings if (mapping.tenant, mapping.id) in names]
        reading, look_at = work.gateway.read(refs_of(members)), [mapping.key for mapping in members]
        beside = see(members, reading, work.targets, look_at=look_at)
        again = self._plan(replace(seen, wanted=beside.wanted, live={**seen.live, **beside.live}), inventory)
        return replace(again, changes=tuple(change for change in again.changes if change.key not in look_at))

    def _plan(self, seen: Seen, inventory: Inventory | None) -> Plan:
        return plan(seen, self._work.standing, inventory=inventory, target="", now=self._wall())

    def _written(self, made: Plan, seen: Seen) -> Plan:
        work = self._work
        writer = Writer(work.targets, work.standing, UntilStopped(self._stopped), work.ledger, workers=work.workers)
        return writer.carry_out(made, seen, now=self._wall())

    def _judged(self, seen: Seen) -> Seen:
        """Say on which stores' word nothing is removed, by the latest class of every source of the configuration."""
        with self._lock:
            self._classes.update(seen.classes)
            self._unread -= seen.classes.keys() - unanswered(seen.classes)
            unread = frozenset(ref.store for ref in self._unread)
            return replace(seen, suspect=suspect_stores(self._classes), unread=unread)
