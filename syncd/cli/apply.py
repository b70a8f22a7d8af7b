"""`syncd apply`: one pass, then stop. Asks before it writes on a terminal, needs `--yes` elsewhere."""

import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

from syncd.cli.compose import Parts, opened_for_writing, rules
from syncd.cli.events import observer
from syncd.cli.stop import USAGE, Stop, tell
from syncd.ledger import Ledger, look_up, open_ledger
from syncd.model.inventory import Inventory
from syncd.model.plan import Plan
from syncd.model.report import PassReport
from syncd.plan.guards import emptied, taken_over
from syncd.plan.instance import Instance
from syncd.plan.removal import removal_candidates
from syncd.reconcile import Seen, Standing, orphaned, plan, refs_of, second_look, see, worth_reading
from syncd.report import exit_code_for_apply, render_apply, render_diff
from syncd.target.seam import Home, HomeFailure, Target
from syncd.writing import UntilStopped, Writer

_SHOWN_EVERY = 0.1
"""Seconds between two lines of progress."""
SECOND_LOOK = 5.0
"""Seconds between the two looks at an absent source (safety.md, what may be removed and when)."""


def main(options: Namespace) -> int:
    """Read, plan, ask, write and report."""
    if not options.yes and not sys.stdin.isatty():
        raise Stop(USAGE, "syncd: nobody is there to ask; pass --yes to apply, or look first with `syncd diff`")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    with opened_for_writing(options, observe=observer(options)) as parts:
        return _Run(parts, options, stopped).run()


class _Run:
    """One apply."""

    def __init__(self, parts: Parts[Target, Home], options: Namespace, stopped: threading.Event) -> None:
        self._parts = parts
        self._options = options
        self._stopped = stopped
        self._started = time.monotonic()
        self._rules = rules(parts.configuration, options, home_namespace=parts.home_namespace)
        self._reading = parts.gateway.read(refs_of(parts.mappings))

    def run(self) -> int:
        """Take the pass to its end and give the exit code."""
        ledger = self._open_ledger() if self._options.yes else None
        instance, inventory = self._known(ledger)
        self._refuse_strangers(instance, inventory)
        seen = self._see(instance, inventory)
        made = self._plan(seen, instance, inventory)
        if not self._options.yes:
            if not self._confirmed(made):
                return 1
            ledger = self._open_ledger()
            instance, inventory = self._known(ledger)
            made = self._plan(seen, instance, inventory)
        written = self._write(made, seen, instance, ledger)
        report = PassReport(
            written, self._reading.costs(), time.monotonic() - self._started, interrupted=self._stopped.is_set()
        )
        options = self._options
        sys.stdout.write(
            render_apply(report, form=options.format, color=options.color, redact_keys=options.redact_keys)
        )
        return exit_code_for_apply(report)

    def _open_ledger(self) -> Ledger | None:
        if self._parts.home is None:
            return None
        opened = open_ledger(self._parts.home)
        if isinstance(opened, HomeFailure):
            raise Stop(1, f"syncd: nothing was written: {opened.message}")
        return opened

    def _known(self, ledger: Ledger | None) -> tuple[Instance, Inventory | None]:
        """Give who plans and what is owned: surely where the ledger is open, else as far as can be seen."""
        if ledger is not None:
            return self._parts.instance(ledger.key), ledger.inventory
        if self._parts.home is None:
            return self._parts.instance(None), None
        key, inventory, unproved = look_up(self._parts.home)
        if unproved:
            tell(f"syncd: {unproved}")
        return self._parts.instance(key), inventory

    def _refuse_strangers(self, instance: Instance, inventory: Inventory | None) -> None:
        mappings = self._parts.configuration.mappings
        if inventory is None:
            return
        allow = self._parts.configuration.guards.allow_no_mappings
        objection = emptied(mappings, inventory, instance=instance, allow=allow)
        if objection is None and not self._options.take_over:
            objection = taken_over(mappings, inventory, instance=instance)
        if objection is not None:
            raise Stop(1, f"syncd: {objection}")

    def _see(self, instance: Instance, inventory: Inventory | None) -> Seen:
        parts = self._parts
        orphans = (
            []
            if self._options.select
            else orphaned(parts.configuration.mappings, inventory, parts.targets, instance=instance)
        )
        look_at = (
            worth_reading(parts.mappings, inventory, instance=instance)
            if self._options.yes
            else [mapping.key for mapping in parts.mappings]
        )
        seen = see(parts.mappings, self._reading, parts.targets, look_at=look_at, orphans=orphans)
        if self._options.prune and removal_candidates(seen.wanted):
            tell(f"syncd: some sources are absent; looking again in {SECOND_LOOK:.0f} s before anything is removed")
            self._stopped.wait(SECOND_LOOK)
            seen = second_look(seen, parts.gateway)
        return seen

    def _plan(self, seen: Seen, instance: Instance, inventory: Inventory | None) -> Plan:
        standing = self._standing(instance)
        return plan(seen, standing, inventory=inventory, target=self._parts.describe(), now=time.time())

    def _standing(self, instance: Instance) -> Standing:
        return Standing.of(self._parts.configuration.mappings, instance=instance, rules=self._rules)

    def _confirmed(self, made: Plan) -> bool:
        options = self._options
        sys.stdout.write(render_diff(made, form="text", color=options.color, redact_keys=options.redact_keys))
        # Without the key everything is shown as not writable; it is made once a person says yes.
        if not any(change.outcome != "held" for change in _writable(made).writes()):
            return True
        sys.stderr.write("Apply these changes? Only `yes` is taken for one: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() == "yes":
            return True
        tell("syncd: nothing was written")
        return False

    def _stop_gently(self) -> None:
        """Let the first Ctrl-C end the run after the writes under way, and the second at once."""

        def stop(_number: int, _frame: object) -> None:
            self._stopped.set()
            signal.signal(signal.SIGINT, signal.default_int_handler)

        signal.signal(signal.SIGINT, stop)

    def _write(self, made: Plan, seen: Seen, instance: Instance, ledger: Ledger | None) -> Plan:
        self._stop_gently()
        writer = Writer(
            self._parts.targets,
            self._standing(instance),
            UntilStopped(self._stopped),
            ledger,
            take_over=self._options.take_over,
        )
        return writer.carry_out(made, seen, now=time.time(), progress=_progress())


def _writable(made: Plan) -> Plan:
    """Give the plan as it will be once the instance has its key."""
    return replace(made, changes=tuple(replace(change, writable=True) for change in made.changes))


def _progress() -> Callable[[int, int], None] | None:
    """Give what counts the writes on a terminal, ten times a second at most; None elsewhere."""
    if not sys.stderr.isatty():
        return None
    shown = 0.0

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if done == total:
            sys.stderr.write("\r\x1b[K")
        elif now - shown > _SHOWN_EVERY:
            shown = now
            sys.stderr.write(f"\rwriting {done} of {total}\x1b[K")
        sys.stderr.flush()

    return show
