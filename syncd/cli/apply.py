"""`syncd apply`: one pass, then stop. Asks before it writes on a terminal, needs `--yes` elsewhere."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event
from typing import Final

from syncd.cli.compose import Parts, opened_for_writing
from syncd.cli.events import observer
from syncd.cli.progress import counter
from syncd.cli.signals import RunSignals
from syncd.cli.stop import USAGE, Stop, tell
from syncd.lease_memory import LeaseMemory
from syncd.leases import Leasing
from syncd.ledger import Ledger, look_up, open_ledger
from syncd.model.inventory import Inventory
from syncd.model.plan import Change, Plan
from syncd.model.report import NO_COST, PassReport, StoreCost
from syncd.plan.guards import lets_go
from syncd.reconcile import Seen, Standing, in_doubt, look_again, plan, second_look, see, worth_reading
from syncd.redact import SecretValue
from syncd.report import exit_code_for_apply, render_apply, render_diff
from syncd.target.seam import Home, HomeFailure, Target
from syncd.told import start_reading
from syncd.writing import UntilStopped, Writer

FAILED: Final = 1
SECOND_LOOK: Final = 5.0
"""Seconds between the two looks at an absent source (safety.md, what may be removed and when)."""


def main(options: Namespace) -> int:
    """Read, plan, ask, write and report."""
    if not options.yes and not sys.stdin.isatty():
        raise Stop(USAGE, "syncd: nobody is there to ask; pass --yes to apply, or look first with `syncd diff`")
    signals = RunSignals()
    with opened_for_writing(options, observe=observer(options)) as parts:
        return Apply(parts, options, stopped=signals.stopped, begin_writes=signals.begin_writes).run()


class Apply:
    """One apply, from its first read to its report."""

    def __init__(
        self,
        parts: Parts[Target, Home],
        options: Namespace,
        *,
        stopped: Event,
        begin_writes: Callable[[], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start reading. No write starts once `stopped` is set; `begin_writes` is called before the first."""
        self._parts = parts
        self._options = options
        self._stopped = stopped
        self._begin_writes = begin_writes
        self._wait = wait
        self._started = time.monotonic()
        self._memory = LeaseMemory(time.monotonic)
        self._reading = start_reading(parts.mappings, parts.gateway)
        self._calls_again: Mapping[str, int] = {}

    def run(self) -> int:
        """Take the pass to its end and give the exit code."""
        ledger = self._opened_ledger() if self._options.yes else None
        standing, inventory = self._known(ledger)
        seen = self._see(standing, inventory)
        made = self._plan(seen, standing, inventory)
        if not self._options.yes:
            preview = _with_a_key(made)
            if not preview.writes() and not self._options.take_over:
                return self._reported(made)
            agreed = self._agreed(preview, seen)
            if agreed is None:
                tell("syncd: nothing was written")
                return FAILED
            ledger, standing, made, seen = agreed
        written = self._written(made, seen, standing, ledger)
        if self._options.yes:
            written = self._once_more(written, seen, standing, ledger)
        return self._reported(written)

    def _agreed(self, preview: Plan, seen: Seen) -> tuple[Ledger | None, Standing, Plan, Seen] | None:
        """Ask until the person has said yes to what is so by then; None after a no.

        While somebody reads, a source may change and another run may write: what is to be written is seen anew, from
        its store on, and asked for again where that makes a difference.
        """
        while self._confirmed(preview):
            ledger = self._opened_ledger()
            standing, inventory = self._known(ledger)
            keys = frozenset(change.key for change in preview.writes())
            seen = self._counted(look_again(seen, keys, self._parts.gateway, self._parts.targets, now=time.time()))
            seen = self._leasing(standing).tended(seen)
            made = self._plan(seen, standing, inventory)
            if _was_shown(made, preview):
                return ledger, standing, made, seen
            tell("syncd: what is to be written has changed meanwhile; this is how it is now")
            preview = _with_a_key(made)
        return None

    def _once_more(self, written: Plan, seen: Seen, standing: Standing, ledger: Ledger | None) -> Plan:
        """Judge and write once more what another writer came between, or was not looked at; removals wait."""
        late = [c.key for c in written.changes if c.outcome == "skipped" and not lets_go(c)]
        if not late or self._stopped.is_set():
            return written
        anew = self._counted(look_again(seen, late, self._parts.gateway, self._parts.targets, now=time.time()))
        part = replace(anew, wanted=tuple(each for each in anew.wanted if each[0].key in late), orphans=())
        inventory = None if ledger is None else ledger.inventory
        again = self._written(self._plan(part, standing, inventory), part, standing, ledger)
        judged = {change.key: change for change in again.changes}
        return replace(written, changes=tuple(judged.get(change.key, change) for change in written.changes))

    def _opened_ledger(self) -> Ledger | None:
        if self._parts.home is None:
            return None
        opened = open_ledger(self._parts.home)
        if isinstance(opened, HomeFailure):
            raise _unwritable(opened)
        return opened

    def _known(self, ledger: Ledger | None) -> tuple[Standing, Inventory | None]:
        """Give who plans and what is owned, by the ledger or, before it is opened, without making a key.

        Raises Stop where the home objects cannot be read, or say that this configuration is not the one that owns.
        """
        key, inventory = (ledger.key, ledger.inventory) if ledger else (None, None)
        if ledger is None and self._parts.home is not None:
            found = look_up(self._parts.home)
            if found.failure is not None:
                raise _unwritable(found.failure)
            key, inventory = found.key, found.inventory
        standing = self._parts.standing(key, self._options)
        objection = self._parts.objection(standing, inventory, take_over=self._options.take_over)
        if objection is not None:
            raise Stop(FAILED, f"syncd: {objection}")
        return standing, inventory

    def _see(self, standing: Standing, inventory: Inventory | None) -> Seen:
        parts, options = self._parts, self._options
        orphans = parts.orphans(standing, inventory, options)
        look_at = [mapping.key for mapping in parts.mappings]
        if options.yes:
            look_at = worth_reading(parts.mappings, inventory, instance=standing.instance)
        now = time.time()
        holdings = standing.holdings(now)
        seen = see(
            parts.mappings, self._reading, parts.targets, look_at=look_at, orphans=orphans, now=now, holdings=holdings
        )
        if options.yes:
            seen = self._leasing(standing).tended(seen)
        if options.prune and in_doubt(seen):
            tell(f"syncd: some sources are absent; looking again in {SECOND_LOOK:.0f} s before anything is removed")
            self._wait(SECOND_LOOK)
            seen = self._counted(second_look(seen, parts.gateway, now=time.time()))
        return seen

    def _counted(self, seen: Seen) -> Seen:
        """Note what looking again has cost by now, for the report."""
        self._calls_again = seen.calls_again
        return seen

    def _costs(self) -> dict[str, StoreCost]:
        """Give what the stores were asked in all; what was asked again is no further source."""
        read, leases = self._reading.costs(), self._parts.gateway.lease_costs()
        again = {store: replace(NO_COST, calls=calls) for store, calls in self._calls_again.items()}
        return {
            store: read.get(store, NO_COST).plus(again.get(store, NO_COST)).plus(leases.get(store, NO_COST))
            for store in {**read, **leases}
        }

    def _plan(self, seen: Seen, standing: Standing, inventory: Inventory | None) -> Plan:
        return plan(seen, standing, inventory=inventory, target=self._parts.describe(), now=time.time())

    def _confirmed(self, preview: Plan) -> bool:
        options = self._options
        # The answer to a script is the report alone; what a person decides on belongs where they look.
        to_person = sys.stdout.isatty() and options.format == "text"
        shown = render_diff(preview, form="text", color=options.color and to_person, redact_keys=options.redact_keys)
        (sys.stdout if to_person else sys.stderr).write(shown)
        sys.stdout.flush()
        sys.stderr.write("Apply these changes? Only `yes` is taken as a yes: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip() == "yes"

    def _written(self, made: Plan, seen: Seen, standing: Standing, ledger: Ledger | None) -> Plan:
        self._begin_writes()
        permit, take_over = UntilStopped(self._stopped), self._options.take_over
        leasing = self._leasing(standing)
        writer = Writer(self._parts.targets, standing, permit, ledger, take_over=take_over, leasing=leasing)
        written = writer.carry_out(made, seen, now=time.time(), progress=counter(sys.stderr))
        leasing.tidied(seen, written.changes)
        return written

    def _leasing(self, standing: Standing) -> Leasing:
        permit = UntilStopped(self._stopped)
        return Leasing(self._parts.gateway, self._parts.targets, standing, permit, self._memory, wall=time.time)

    def _reported(self, written: Plan) -> int:
        cut_off = self._stopped.is_set() and any(change.outcome == "skipped" for change in written.changes)
        seconds = time.monotonic() - self._started
        report = PassReport(written, self._costs(), seconds, interrupted=cut_off)
        options = self._options
        sys.stdout.write(
            render_apply(report, form=options.format, color=options.color, redact_keys=options.redact_keys)
        )
        return exit_code_for_apply(report)


def _with_a_key(made: Plan) -> Plan:
    """Give the plan as it will be once the instance has its key, which is made after a person said yes."""
    return replace(made, changes=tuple(replace(change, writable=True) for change in made.changes), notes=())


def _was_shown(made: Plan, preview: Plan) -> bool:
    """Tell whether a person has seen each write as it is now: how a Secret is written, and with which bytes."""
    shown = {change.key: change for change in preview.writes()}
    return all(_alike(change, shown.get(change.key)) for change in made.writes())


def _alike(change: Change, shown: Change | None) -> bool:
    if shown is None or (change.action, change.keys) != (shown.action, shown.keys):
        return False
    return _data(change) == _data(shown)


def _data(change: Change) -> dict[str, SecretValue]:
    return {} if change.desired is None else dict(change.desired.data)


def _unwritable(failure: HomeFailure) -> Stop:
    return Stop(FAILED, f"syncd: nothing was written: {failure.message}")
