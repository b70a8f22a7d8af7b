"""What one pass of the daemon does: a group of mappings read, planned and written, or a look at what nobody wants.

Passes run side by side; what they have in common is the configuration, the ledger, and what the stores said last.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from syncd.daemon.absences import Absences
from syncd.daemon.admission import Admission
from syncd.daemon.latest import Latest
from syncd.daemon.metrics import Metrics
from syncd.daemon.quarantine import Quarantine
from syncd.daemon.renewals import Renewals
from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources
from syncd.leases import Leasing
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.model.secret import Content, Live
from syncd.plan.guards import kinds
from syncd.plan.orphans import MOVED
from syncd.reconcile import Seen, Standing, look, orphaned, plan, see, seen_of, worth_reading
from syncd.target.seam import Target
from syncd.told import Told, start_reading, tell
from syncd.writing import WORKERS, UntilStopped, Writer

QUIET: Final = 1.0
"""Seconds without an answer after which what is complete goes ahead of what is not."""


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


@dataclass(frozen=True, slots=True)
class Group:
    """Mappings with the same stores, on their way through a pass."""

    members: tuple[SecretMapping, ...]
    reading: Sources
    live: Mapping[SecretKey, Live] | None = None
    """What stands there, once it was looked at."""
    waiting: frozenset[SecretKey] = frozenset()
    """Whose own sources are in, and who wait for those of the others."""

    def ready(self, told: Told) -> tuple[SecretMapping, ...]:
        """List whose sources have all answered, and who do not wait for the others'."""
        return tuple(m for m in self.members if m.key not in self.waiting and told.whole(m))

    def without(self, done: Collection[SecretKey], *, waiting: Iterable[SecretMapping]) -> "Group":
        """Give what is left; of `waiting` what is not done waits for the others."""
        left = tuple(mapping for mapping in self.members if mapping.key not in done)
        return replace(self, members=left, waiting=self.waiting.union(mapping.key for mapping in waiting))


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
        self._quarantine = Quarantine()

    def reconcile(self, group: Group) -> tuple[PassReport, Group | None]:
        """Bring these Secrets to what the stores say; give what is left, which waits for the same reading.

        All of them at once where everything was answered. Where the answers pause, those whose own sources are in go
        ahead, but for what would remove something: that is judged when all is in.
        """
        inventory = self._work.inventory()
        live = group.live
        if live is None:
            keys = worth_reading(group.members, inventory, instance=self._work.standing.instance)
            live = look(self._work.targets, keys)
        group = replace(group, live=live)
        while not all(map((told := tell(group.members, group.reading, quiet=QUIET)).whole, group.members)):
            ready = group.ready(told)
            if not ready:
                continue
            seen = self._seen(ready, told, live)
            live = {**live, **seen.live}
            group = replace(group, live=live)
            made = self._plan(seen, inventory)
            ahead = self._ahead(seen, made)
            if ahead:
                wanted = tuple(each for each in seen.wanted if each[0].key in ahead)
                asked = told.classes(mapping for mapping, _ in wanted)
                seen = replace(seen, wanted=wanted, classes={one: seen.classes[one] for one in asked})
                self._absences.of_sources(wanted)  # a value starts the count anew
                made = replace(made, changes=tuple(change for change in made.changes if change.key in ahead))
                return self._carried_out(made, seen), group.without(ahead, waiting=ready)
            group = group.without((), waiting=ready)
        seen = self._seen(group.members, told, live)
        seen = replace(seen, confirmed_absent=self._absences.of_sources(seen.wanted))
        return self._carried_out(self._plan(seen, inventory), seen), None

    def _seen(self, members: Sequence[SecretMapping], told: Told, live: Mapping[SecretKey, Live]) -> Seen:
        """Build what they want, once the leases that their Secrets hold are looked after."""
        now = self._wall()
        seen = seen_of(members, told, live, now=now, holdings=self._work.standing.holdings(now))
        return self._leasing.tended(self._latest.judged(seen))

    def _ahead(self, seen: Seen, made: Plan) -> frozenset[SecretKey]:
        """Name those whose Secret may be brought to its sources before the others' are known."""
        complete = {mapping.key for mapping, built in seen.wanted if isinstance(built, Content)}
        rules = self._work.standing.rules
        return frozenset(c.key for c in made.changes if c.key in complete and "removal" not in kinds(c, rules))

    def _carried_out(self, made: Plan, seen: Seen) -> PassReport:
        """Write, and remember what is remembered between passes."""
        written = self._written(self._quarantine.judged(self._admission.judged(made)), seen)
        self._admission.written(written.changes)
        self._leasing.tidied(seen, written.changes)
        for ref, cls in seen.classes.items():
            if cls is not None:
                self._metrics.failed(ref.store, cls.value)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set())

    def left_alone(self, members: Sequence[SecretMapping]) -> frozenset[SecretKey]:
        """Tell which of these are in quarantine: nothing is asked for them any more."""
        return self._quarantine.holds(mapping.key for mapping in members)

    def sweep(self) -> tuple[PassReport, None]:
        """Look at what is owned and wanted by nobody: kept and reported, or removed where its mark says so."""
        work = self._work
        inventory = work.inventory()
        orphans = orphaned(work.mappings, inventory, work.targets, instance=work.standing.instance)
        seen = self._latest.judged(see((), start_reading((), work.gateway), work.targets, look_at=(), orphans=orphans))
        seen = replace(seen, confirmed_gone=self._absences.of_mappings(entry.key for entry in orphans))
        made = self._plan(seen, inventory)
        if any(change.reason == MOVED for change in made.changes):
            made = self._beside_what_moved(made, seen, inventory)
        written = self._written(made, seen)
        return PassReport(written, {}, 0.0, interrupted=self._stopped.is_set()), None

    def _beside_what_moved(self, made: Plan, seen: Seen, inventory: Inventory | None) -> Plan:
        """Plan the orphans anew beside the Secrets that their mappings name now: they go once these stand.

        Those are read for it, and nothing else of the plan is carried out: their own passes do that.
        """
        work = self._work
        names = {(change.tenant, change.mapping) for change in made.changes if change.reason == MOVED}
        members = [mapping for mapping in work.mappings if (mapping.tenant, mapping.id) in names]
        reading, look_at = start_reading(members, work.gateway), [mapping.key for mapping in members]
        now = self._wall()
        holdings = work.standing.holdings(now)
        beside = see(members, reading, work.targets, look_at=look_at, now=now, holdings=holdings)
        again = self._plan(replace(seen, wanted=beside.wanted, live={**seen.live, **beside.live}), inventory)
        return replace(again, changes=tuple(change for change in again.changes if change.key not in look_at))

    def _plan(self, seen: Seen, inventory: Inventory | None) -> Plan:
        return plan(seen, self._work.standing, inventory=inventory, target="", now=self._wall())

    def _written(self, made: Plan, seen: Seen) -> Plan:
        work = self._work
        permit = UntilStopped(self._stopped)
        writer = Writer(work.targets, work.standing, permit, work.ledger, workers=work.workers, leasing=self._leasing)
        return writer.carry_out(made, seen, now=self._wall())
