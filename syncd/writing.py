"""From a plan to writes: the inventory first, then each Secret on its own, then what the removals leave.

A write that meets another writer is judged anew on what stands there now, three times at most; whatever the new
judgement would remove or replace waits for the next pass, since the guards have not seen it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Final, TypeVar

from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.plan import WRITES, Action, Change, OutcomeWord, Plan
from syncd.model.secret import DesiredSecret, Live, LiveSecret, Missing, WriteFailure, WriteOutcome, Written
from syncd.plan.inventory import after_removals, before_writes, lets_go
from syncd.plan.planner import plan_one
from syncd.reconcile import Seen, Standing, held_back, look
from syncd.target.seam import HomeFailure, Permit, Target
from syncd.workers import run_each

T = TypeVar("T", DesiredSecret, LiveSecret)

WORKERS: Final = 16
"""Writes at a time; more threads only hand the interpreter's lock around."""
_TRIES: Final = 3
_MOVED: Final = frozenset({"exists", "conflict", "gone"})

Progress = Callable[[int, int], None]
"""Called with how many writes are done, and of how many."""


class UntilStopped:
    """The permit of a run without a Lease: writes start until somebody stops it."""

    def __init__(self, stopped: Event) -> None:
        """Watch this flag."""
        self._stopped = stopped

    def granted(self) -> bool:
        """Tell whether a write may still start."""
        return not self._stopped.is_set()


@dataclass(frozen=True, slots=True)
class Writer:
    """What writing needs beside a plan."""

    targets: Mapping[str, Target]
    standing: Standing
    permit: Permit
    ledger: Ledger | None = None
    """None where no target has an inventory."""
    take_over: bool = False

    def carry_out(self, plan: Plan, seen: Seen, *, now: float, progress: Progress | None = None) -> Plan:
        """Write what the plan says and give it back with outcomes. `now`: wall-clock seconds, for the inventory."""
        plan, failure = self._record_before(plan, seen, now)
        writes = plan.writes()
        if failure is not None:
            message = f"nothing was written: {failure.message}"
            return _with_outcomes(plan, {c.key: replace(c, outcome="failed", message=message) for c in writes})
        done: dict[SecretKey, Change] = {}
        mappings = {mapping.key: (mapping, built) for mapping, built in seen.wanted}

        def again(key: SecretKey, live: Live) -> Change | None:
            known = mappings.get(key)
            if known is None:
                return None
            return plan_one(known[0], known[1], live, instance=self.standing.instance, rules=self.standing.rules)

        for change, written in run_each(
            lambda change: self._write(change, again), writes, workers=WORKERS, name="syncd-write"
        ):
            done[change.key] = written
            if progress is not None:
                progress(len(done), len(writes))
        self._record_after(tuple(done.values()))
        return _with_outcomes(plan, done)

    def _record_before(self, plan: Plan, seen: Seen, now: float) -> tuple[Plan, HomeFailure | None]:
        """Have the inventory say what is about to be; its removals of this very moment hold back what is too much."""
        if self.ledger is None:
            return plan, None
        gone = frozenset(entry.key for entry, live in seen.orphans if isinstance(live, Missing))
        instance, held = self.standing.instance, plan

        def change(inventory: Inventory) -> Inventory | None:
            nonlocal held
            held = held_back(plan, seen, self.standing, inventory=inventory, now=now)
            return before_writes(inventory, held, instance=instance, now=now, gone=gone, take_over=self.take_over)

        failure = self.ledger.record(change, self.permit)
        return held, failure

    def _record_after(self, done: Sequence[Change]) -> None:
        """Drop what was removed. A failure here is harmless: an entry too many is looked up and found missing."""
        removed = [change.key for change in done if change.outcome == "done" and lets_go(change)]
        if self.ledger is not None and removed:
            self.ledger.record(lambda inventory: after_removals(inventory, removed), self.permit)

    def _write(self, change: Change, again: Callable[[SecretKey, Live], Change | None]) -> Change:
        target = self.targets[change.key.target]
        failure: WriteFailure | None = None
        for _ in range(_TRIES):
            outcome = _attempt(target, change, self.permit)
            if isinstance(outcome, Written):
                return replace(change, outcome="done")
            failure = outcome
            if outcome.kind not in _MOVED:
                break
            anew = self._judge_anew(change, again)
            if anew is None or anew.action not in (Action.CREATE, Action.UPDATE):
                return anew if anew is not None else _gone(change, outcome)
            change = anew
        outcome_word: OutcomeWord = "skipped" if failure and failure.kind == "stopped" else "failed"
        return replace(change, outcome=outcome_word, message=failure.message if failure else "")

    def _judge_anew(self, change: Change, again: Callable[[SecretKey, Live], Change | None]) -> Change | None:
        """Look at what stands there now and decide again; a removal is not carried out on a second judgement."""
        live = look(self.targets, [change.key]).get(change.key)
        if live is None:
            return None
        anew = again(change.key, live)
        if anew is not None and anew.action in WRITES - {Action.CREATE, Action.UPDATE}:
            message = f"{change.key}: it changed while this pass ran; the next one judges it anew"
            return replace(anew, outcome="skipped", message=message)
        return anew


def _attempt(target: Target, change: Change, permit: Permit) -> WriteOutcome:
    live, desired = change.live, change.desired
    match change.action:
        case Action.CREATE:
            return target.create(_needed(desired), permit)
        case Action.UPDATE:
            return target.update(_needed(live), _needed(desired), permit)
        case Action.DELETE:
            return target.delete(_needed(live), permit)
        case Action.REPLACE:
            removed = target.delete(_needed(live), permit)
            return target.create(_needed(desired), permit) if isinstance(removed, Written) else removed
    message = f"a change that writes nothing was handed to be written: {change.action.value}"
    raise AssertionError(message)


def _needed(part: T | None) -> T:
    """Take the part that a plan gives every change of this action."""
    if part is None:
        message = "a change came without the Secret that it was judged on"
        raise AssertionError(message)
    return part


def _gone(change: Change, outcome: WriteFailure) -> Change:
    """Say what became of a removal whose object changed or vanished."""
    if outcome.kind == "gone":
        return replace(change, outcome="done")
    message = f"{change.key}: it changed while this pass ran; the next one judges it anew"
    return replace(change, outcome="skipped", message=message)


def _with_outcomes(plan: Plan, done: Mapping[SecretKey, Change]) -> Plan:
    return replace(plan, changes=tuple(done.get(change.key, change) for change in plan.changes))
