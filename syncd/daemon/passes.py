"""What one pass of the daemon does: a group of mappings read, planned and written, or a look at what nobody wants.

Passes run side by side; what they have in common is the configuration, the ledger, and what the stores said last.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.daemon.absences import Absences
from syncd.daemon.admission import Admission
from syncd.daemon.latest import Latest
from syncd.daemon.metrics import Metrics
from syncd.daemon.renewals import Renewals
from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources
from syncd.leases import Leasing
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.reconcile import Seen, Standing, orphaned, plan, see, start_reading, worth_reading
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
        renewals: Renewals,
    ) -> None:
        """Start with nothing read.

        `clock` is monotonic, `wall` seconds since the epoch; no write starts once `stopped` is set.
        """
        self._work, self._metrics, self._stopped, self._wall = work, metrics, stopped, wall
        self._leasing = Leasing(
            work.gateway,
            work.targets,
            work.standing,
            UntilStopped(stopped),
            renewals.memory,
            wall=wall,
            observe=renewals.observe,
            workers=work.workers,
        )
        self._absences = Absences(clock)
        self._latest = Latest(work.mappings)
        self._admission = Admission()

    def reconcile(self, members: Sequence[SecretMapping], reading: Sources) -> PassReport:
        """Bring these Secrets to what the stores say, as soon as the stores of all of them have answered."""
        work, instance = self._work, self._work.standing.instance
        inventory = work.inventory()
        look_at = worth_reading(members, inventory, instance=instance)
        now = self._wall()
        holdings = work.standing.holdings(now)
        seen = self._latest.judged(see(members, reading, work.targets, look_at=look_at, now=now, holdings=holdings))
        seen = self._leasing.tended(seen)
        seen = replace(seen, confirmed_absent=self._absences.of_sources(seen.wanted))
        written = self._written(self._admission.judged(self._plan(seen, inventory)), seen)
        self._admission.written(written.changes)
        self._leasing.tidied(seen, written.changes)
        for ref, cls in seen.classes.items():
            if cls is not None:
                self._metrics.failed(ref.store, cls.value)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def sweep(self) -> PassReport:
        """Look at what is owned and wanted by nobody: kept and reported, or removed where its mark says so."""
        work = self._work
        inventory = work.inventory()
        orphans = orphaned(work.mappings, inventory, work.targets, instance=work.standing.instance)
        seen = self._latest.judged(see((), start_reading((), work.gateway), work.targets, look_at=(), orphans=orphans))
        seen = replace(seen, confirmed_gone=self._absences.of_mappings(entry.key for entry in orphans))
        written = self._written(self._plan(seen, inventory), seen)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def _plan(self, seen: Seen, inventory: Inventory | None) -> Plan:
        return plan(seen, self._work.standing, inventory=inventory, target="", now=self._wall())

    def _written(self, made: Plan, seen: Seen) -> Plan:
        work = self._work
        permit = UntilStopped(self._stopped)
        writer = Writer(work.targets, work.standing, permit, work.ledger, workers=work.workers, leasing=self._leasing)
        return writer.carry_out(made, seen, now=self._wall())
