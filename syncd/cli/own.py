"""`syncd own --resign`: signs marks anew after the instance's key was lost, once a person has looked at them."""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from syncd.cli.compose import Parts, opened_for_writing
from syncd.cli.signals import RunSignals
from syncd.cli.stop import USAGE, Stop, tell
from syncd.keys import InstanceKey
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import Live
from syncd.plan.resign import plan_resign
from syncd.reconcile import Seen, Standing, look
from syncd.target.seam import Home, HomeFailure, Renewable, Target
from syncd.writing import UntilStopped, Writer

T = TypeVar("T")

FAILED: Final = 1
_BEYOND_REPAIR: Final = frozenset({"inventory-forged", "inventory-unreadable"})
"""What an inventory is that was signed with a lost key: it is begun anew."""


def main(options: Namespace) -> int:
    """Look, show, ask and sign."""
    if not options.yes and not sys.stdin.isatty():
        raise Stop(USAGE, "syncd: nobody is there to ask; pass --yes once you have looked at what would be signed")
    signals = RunSignals()
    with opened_for_writing(options) as parts:
        home = parts.home
        if not isinstance(home, Renewable):
            tell("syncd: every target is a folder, which has no key: there is nothing to sign")
            return 0
        return _Resign(parts, home, options, signals).run()


class _Resign:
    """One signing anew."""

    def __init__(self, parts: Parts[Target, Home], home: Renewable, options: Namespace, signals: RunSignals) -> None:
        self._parts, self._home, self._options, self._signals = parts, home, options, signals

    def run(self) -> int:
        """Take it to its end and give the exit code."""
        key = _unless_failed(self._home.key())
        lost = key is None or self._inventory(key) is None
        live = look(self._parts.targets, [mapping.key for mapping in self._parts.mappings])
        changes = self._changes(self._standing(key), live)
        signing = [change for change in changes if change.action is Action.UPDATE]
        if not signing and not lost:
            self._show_left(changes)
            tell("syncd: every mark is signed with the instance's key: there is nothing to do")
            return _code(changes)
        self._show(changes, new_key=key is None, new_inventory=lost)
        if not self._options.yes and not self._confirmed(len(signing)):
            tell("syncd: nothing was written")
            return FAILED
        return self._signed(live)

    def _signed(self, live: Mapping[SecretKey, Live]) -> int:
        """Make the key and the inventory if they are lost, then sign one by one what was shown."""
        self._signals.begin_writes()
        permit = UntilStopped(self._signals.stopped)
        key = _unless_failed(self._home.key()) or _unless_failed(self._home.renew_key())
        inventory = self._inventory(key)
        if inventory is None:
            _unless_failed(self._home.reset_inventory(key, permit))
        standing = self._standing(key)
        writer = Writer(self._parts.targets, standing, permit, Ledger(self._home, key, inventory or Inventory()))
        plan = Plan(tuple(self._changes(standing, live)))
        written = writer.carry_out(plan, Seen((), live), now=time.time()).changes
        for change in written:
            if change.outcome in ("failed", "skipped"):
                tell(f"syncd: not signed: {change.message}")
        done = sum(change.outcome == "done" for change in written)
        tell(
            f"syncd: {done} Secret(s) signed anew. Restart a daemon of instance {standing.instance.name} that runs: it "
            "holds the key that it read when it started"
        )
        return _code(written)

    def _standing(self, key: InstanceKey | None) -> Standing:
        standing = self._parts.standing(key, None)
        # A person has seen each of them: no share of an hour holds the rest back.
        return replace(standing, rules=replace(standing.rules, max_changes_percent=None))

    def _changes(self, standing: Standing, live: Mapping[SecretKey, Live]) -> Sequence[Change]:
        planned = (
            plan_resign(mapping, live[mapping.key], instance=standing.instance, rules=standing.rules)
            for mapping in self._parts.mappings
            if mapping.key in live
        )
        return sorted((change for change in planned if change is not None), key=lambda change: change.key)

    def _inventory(self, key: InstanceKey) -> Inventory | None:
        """Read the inventory, empty where there is none yet; None where it is to be begun anew."""
        found = self._home.inventory(key)
        if isinstance(found, HomeFailure) and found.reason in _BEYOND_REPAIR:
            return None
        return _unless_failed(found) or Inventory()

    def _show(self, changes: Sequence[Change], *, new_key: bool, new_inventory: bool) -> None:
        instance = self._parts.configuration.instance
        lines = [self._parts.describe()]
        if new_key:
            lines.append(f"A new key of instance {instance} is made.")
        if new_inventory:
            lines.append("The inventory, which the lost key signed, is begun anew with what is signed here.")
        signing = [change for change in changes if change.action is Action.UPDATE]
        if signing:
            lines += [
                f"These {len(signing)} Secret(s) say that instance {instance} wrote them, and no key at hand proves",
                "it. Whoever may edit Secrets in a namespace can write such a mark by hand: look at each of them.",
                *(f"  {change.key}  mapping {change.mapping}{_writers(change)}" for change in signing),
            ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        self._show_left(changes)

    def _show_left(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.action not in (Action.UPDATE, Action.UNCHANGED):
                tell(f"syncd: {change.message}")

    def _confirmed(self, count: int) -> bool:
        sys.stderr.write(f"Sign these {count} Secret(s) anew? Only `yes` is taken as a yes: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip() == "yes"


def _unless_failed(found: T | HomeFailure) -> T:
    """Give what was found; raises Stop where the home objects did not tell or could not be written."""
    if isinstance(found, HomeFailure):
        raise Stop(FAILED, f"syncd: {found.message}")
    return found


def _writers(change: Change) -> str:
    managers = change.live.managers if change.live is not None else ()
    return f"  written by {', '.join(dict.fromkeys(managers))}" if managers else ""


def _code(changes: Sequence[Change]) -> int:
    bad = any(
        change.outcome in ("failed", "held", "skipped") or change.action in (Action.CONFLICT, Action.UNREADABLE)
        for change in changes
    )
    return FAILED if bad else 0
