"""`syncd apply`: one pass, then stop. Asks before it writes on a terminal, needs `--yes` elsewhere."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
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
from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.reconcile import Seen, Standing, in_doubt, plan, second_look, see, start_reading, worth_reading
from syncd.report import exit_code_for_apply, render_apply, render_diff
from syncd.target.seam import Home, HomeFailure, Target
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
            if not self._confirmed(preview):
                tell("syncd: nothing was written")
                return FAILED
            # While the person read, another run may have written: the inventory is read again, and judged again.
            ledger = self._opened_ledger()
            standing, inventory = self._known(ledger)
            seen = self._leasing(standing).tended(seen)
            made = self._plan(seen, standing, inventory)
        return self._reported(self._written(made, seen, standing, ledger))

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
            seen = second_look(seen, parts.gateway, now=time.time())
        return seen

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
        report = PassReport(written, self._reading.costs(), seconds, interrupted=cut_off)
        options = self._options
        sys.stdout.write(
            render_apply(report, form=options.format, color=options.color, redact_keys=options.redact_keys)
        )
        return exit_code_for_apply(report)


def _with_a_key(made: Plan) -> Plan:
    """Give the plan as it will be once the instance has its key, which is made after a person said yes."""
    return replace(made, changes=tuple(replace(change, writable=True) for change in made.changes), notes=())


def _unwritable(failure: HomeFailure) -> Stop:
    return Stop(FAILED, f"syncd: nothing was written: {failure.message}")
