"""From a plan to writes: the inventory first, then each Secret on its own, then what the removals leave.

A write that meets another writer is judged anew on what stands there now, three times at most. Whatever the new
judgement would remove or replace waits for the next pass, since the guards have not seen it; so does a Secret that
another run of ours wrote meanwhile, since what that one read may be newer.

| the write | was answered | what follows |
| --- | --- | --- |
| create | `exists`, or `quota` (which hides it) | look and judge anew; with nothing there a quota's word stands |
| update | `conflict`, `gone` | look and judge anew |
| replace | `conflict`, `gone`; `exists` for its second half | look and judge anew |
| delete, letting go | `gone` | done |
| delete, letting go | `conflict` | skipped |
| any | `stopped` | skipped |
| any | anything else | failed |
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Final, TypeVar

from syncd.defect import described
from syncd.leases import Leasing
from syncd.ledger import Ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import Built, DesiredSecret, Live, LiveSecret, Missing, WriteFailure, WriteOutcome, Written
from syncd.plan.decision import plan_one
from syncd.plan.differences import overtaken
from syncd.plan.guards import kinds, lets_go
from syncd.plan.inventory import after_removals, before_writes, leaves
from syncd.plan.orphans import judged_by
from syncd.reconcile import Seen, Standing, held_back, look
from syncd.target.seam import HomeFailure, Permit, Target
from syncd.workers import run_each

T = TypeVar("T", DesiredSecret, LiveSecret, Leasing)

WORKERS: Final = 16
"""Writes at a time; more threads only hand the interpreter's lock around."""
_TRIES: Final = 3
_MOVED: Final[Mapping[Action, frozenset[str]]] = {
    Action.CREATE: frozenset({"exists", "quota"}),
    Action.UPDATE: frozenset({"conflict", "gone"}),
    Action.REPLACE: frozenset({"conflict", "gone", "exists"}),
    Action.DELETE: frozenset({"conflict"}),
}
"""The failures by which something else stands there than was judged."""

Progress = Callable[[int, int], None]
"""Called with how many writes are done, and of how many."""
_Wanted = Mapping[SecretKey, tuple[SecretMapping, Built]]


class UntilStopped:
    """The permit of a run without a Lease: writes start until somebody stops it."""

    def __init__(self, stopped: Event) -> None:
        """Watch this flag."""
        self._stopped = stopped

    def granted(self) -> bool:
        """Tell whether a write may still start."""
        return not self._stopped.is_set()


class _Begun:
    """The permit of the second half of a write: what was taken away is put back, whatever happens meanwhile."""

    def granted(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Writer:
    """What writing needs beside a plan."""

    targets: Mapping[str, Target]
    standing: Standing
    permit: Permit
    ledger: Ledger | None = None
    """None where no target has an inventory."""
    workers: int = WORKERS
    """Writes at a time."""
    leasing: Leasing | None = None
    """Issues and revokes; None where the plan has nothing to issue."""
    take_over: bool = False
    """Make every proven entry of the inventory this configuration's own (`--take-over`)."""

    def carry_out(self, plan: Plan, seen: Seen, *, now: float, progress: Progress | None = None) -> Plan:
        """Write what the plan says and give it back with outcomes. `now`: wall-clock seconds, for the inventory."""
        plan, failure = self._record_before(plan, seen, now)
        writes = plan.writes()
        if failure is not None:
            return _with_outcomes(plan, {change.key: _unwritten(change, failure) for change in writes})
        wanted = {mapping.key: (mapping, built) for mapping, built in seen.wanted}
        done: dict[SecretKey, Change] = {}
        for change, written in run_each(
            lambda change: self._isolated(change, wanted, seen), writes, workers=self.workers, name="syncd-write"
        ):
            done[change.key] = written
            if progress is not None:
                progress(len(done), len(writes))
        self._record_after(tuple(done.values()))
        if self.leasing is not None:
            self.leasing.released(done.values())
        return _with_outcomes(plan, done)

    def _record_before(self, plan: Plan, seen: Seen, now: float) -> tuple[Plan, HomeFailure | None]:
        """Have the inventory say what is about to be.

        Its removals of this very moment hold back what is too much, and what another configuration has come to name
        stays: the inventory that the plan was made with may be as old as the process.
        """
        if self.ledger is None:
            return plan, None
        gone = frozenset(entry.key for entry, live in seen.orphans if isinstance(live, Missing))
        instance, held = self.standing.instance, plan

        def change(inventory: Inventory) -> Inventory | None:
            nonlocal held
            ours = judged_by(plan, inventory, instance=instance)
            held = held_back(ours, seen, self.standing, inventory=inventory, now=now)
            rules, over = self.standing.rules, self.take_over
            return before_writes(inventory, held, instance=instance, rules=rules, now=now, gone=gone, take_over=over)

        counted = any(kinds(change, self.standing.rules) for change in plan.writes())
        left = any(leaves(change) for change in plan.changes)
        failure = self.ledger.record(change, self.permit, fresh=counted or left)
        return held, failure

    def _record_after(self, done: Sequence[Change]) -> None:
        """Drop what was removed. A failure here is harmless: an entry too many is looked up and found missing."""
        removed = [change.key for change in done if change.outcome == "done" and lets_go(change)]
        if self.ledger is not None and removed:
            self.ledger.record(lambda inventory: after_removals(inventory, removed), self.permit)

    def _isolated(self, change: Change, wanted: _Wanted, seen: Seen) -> Change:
        """Write one; a defect that it brings up is its own, and stops no other write."""
        try:
            if change.unissued is not None:
                return self._issue(change, wanted, seen)
            return self._write(change, wanted, _TRIES)
        except Exception as error:  # noqa: BLE001 — its text may carry values
            message = f"{change.key}: a defect in syncd: {described(error)}; please report it"
            return replace(change, outcome="failed", message=message)

    def _issue(self, change: Change, wanted: _Wanted, seen: Seen) -> Change:
        """Issue what a change needs and write it. Where another writer came first, the next pass judges anew.

        Once it is issued no stop comes between: what the Secret holds is known to whoever comes next.
        """
        leasing = _needed(self.leasing)
        issuance = leasing.issued(change, wanted[change.key][0], seen)
        if not issuance.writes:
            return issuance.change
        written = replace(issuance.change, outcome="failed")
        try:
            begun: Writer = replace(self, permit=_Begun())
            written = begun._write(issuance.change, wanted, _TRIES)
        finally:
            leasing.written(written, issuance)
        return written

    def _write(self, change: Change, wanted: _Wanted, tries: int) -> Change:
        outcome = self._attempt(change)
        if isinstance(outcome, Written):
            return replace(change, outcome="done", confirmed=outcome.resource_version)
        if outcome.kind == "gone" and lets_go(change):
            return replace(change, outcome="done")
        if outcome.kind not in _MOVED[change.action] or tries == 1:
            return _failed(change, outcome)
        anew = self._judged_anew(change, outcome, wanted)
        if anew.outcome or anew.action not in (Action.CREATE, Action.UPDATE):
            return anew
        return self._write(anew, wanted, tries - 1)

    def _judged_anew(self, change: Change, outcome: WriteFailure, wanted: _Wanted) -> Change:
        """Look at what stands there now and decide again; what the guards have not counted waits for the next pass."""
        if lets_go(change) or change.key not in wanted:
            return _skipped(change)
        live = look(self.targets, [change.key])[change.key]
        if isinstance(live, Missing) and outcome.kind == "quota":
            return _failed(change, outcome)
        mapping, built = wanted[change.key]
        if mapping.leases():
            return _skipped(change)  # its values were taken from a Secret that is another one by now
        standing = self.standing
        anew = plan_one(mapping, built, live, instance=standing.instance, rules=standing.rules)
        uncounted = not set(kinds(anew, standing.rules)) <= set(kinds(change, standing.rules))
        if uncounted or anew.action in (Action.REPLACE, Action.DELETE) or _older(anew, change.live, live):
            return _skipped(anew)
        return anew

    def _attempt(self, change: Change) -> WriteOutcome:
        target, live, desired = self.targets[change.key.target], change.live, change.desired
        match change.action:
            case Action.CREATE:
                return target.create(_needed(desired), self.permit)
            case Action.UPDATE:
                return target.update(_needed(live), _needed(desired), self.permit)
            case Action.DELETE:
                return target.delete(_needed(live), self.permit)
            case Action.REPLACE:
                return self._replace(target, _needed(live), _needed(desired))
        message = f"a change that writes nothing was handed to be written: {change.action.value}"
        raise AssertionError(message)

    def _replace(self, target: Target, live: LiveSecret, desired: DesiredSecret) -> WriteOutcome:
        """Delete and make anew; once it is gone, no stop comes between the two."""
        removed = target.delete(live, self.permit)
        if isinstance(removed, WriteFailure):
            return removed
        made = target.create(desired, _Begun())
        if isinstance(made, Written) or made.kind == "exists":
            return made
        message = (
            f"{made.message}. It was deleted to be made anew, so the Secret is gone until a pass can make it: the "
            "daemon tries soon, `syncd apply` right away"
        )
        return replace(made, kind="unavailable", message=message)


def _needed(part: T | None) -> T:
    """Take the part that a plan gives every change of this action."""
    if part is None:
        message = "a change came without the Secret that it was judged on"
        raise AssertionError(message)
    return part


def _failed(change: Change, outcome: WriteFailure) -> Change:
    if outcome.kind == "stopped":
        return replace(change, outcome="skipped", message=outcome.message)
    return replace(change, outcome="failed", failure=outcome.kind, message=outcome.message)


def _unwritten(change: Change, failure: HomeFailure) -> Change:
    """Say that nothing was written since the inventory could not be."""
    message = f"{change.key}: not written: {failure.message}"
    if failure.reason == "stopped":
        return replace(change, outcome="skipped", message=message)
    return replace(change, outcome="failed", failure="unavailable", message=message)


def _older(anew: Change, before: LiveSecret | None, live: Live) -> bool:
    """Tell whether what we have at hand may be older than what another run of ours put there meanwhile."""
    ours = anew.action is Action.UPDATE and anew.ownership in ("proven", "unverified")
    return ours and isinstance(live, LiveSecret) and overtaken(before, live, anew.sources)


def _skipped(change: Change) -> Change:
    message = f"{change.key}: it is not as this pass had seen it; the next one judges it anew"
    return replace(change, outcome="skipped", message=message)


def _with_outcomes(plan: Plan, done: Mapping[SecretKey, Change]) -> Plan:
    return replace(plan, changes=tuple(done.get(change.key, change) for change in plan.changes))
