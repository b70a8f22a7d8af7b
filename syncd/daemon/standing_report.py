"""What the daemon says of its passes: a line when something is written or changes its state, and silence otherwise."""

import secrets
import threading
from collections.abc import Iterable
from typing import Final

from syncd.daemon.flaps import THRESHOLD, Flaps
from syncd.daemon.log import Log
from syncd.defect import described
from syncd.model.mapping import SecretKey
from syncd.model.plan import WRITES, Action, Change
from syncd.model.report import PassReport

_QUIET: Final = frozenset({Action.UNCHANGED})
_WORRYING: Final = frozenset({Action.UNREADABLE, Action.CONFLICT})
_BAD: Final = frozenset({"failed", "held"})


class StandingReport:
    """The latest state of every Secret, and the log lines that follow from its changes. Safe from several threads."""

    def __init__(self, log: Log, flaps: Flaps | None = None) -> None:
        """Speak to `log`."""
        self._log = log
        self._flaps = flaps or Flaps(secrets.token_bytes(32))
        self._latest: dict[SecretKey, Change] = {}
        self._told: dict[SecretKey, tuple[str, str, str]] = {}
        self._swept: frozenset[SecretKey] = frozenset()
        self._lock = threading.Lock()

    def latest(self) -> Iterable[Change]:
        """Give the latest change of each Secret."""
        with self._lock:
            return tuple(self._latest.values())

    def take(self, report: PassReport, *, now: float) -> int:
        """Take in a pass that ended at `now`, in monotonic seconds, and tell what is new about it.

        Gives how many of its writes brought back a content that an earlier write had replaced. Of a pass that was
        cut off, what it wrote is told, and nothing else: what was not answered any more says nothing.
        """
        returns = 0
        written = sum(change.outcome == "done" for change in report.plan.changes)
        tell = self._log.info if written else self._log.debug
        tell("pass", secrets=len(report.plan.changes), written=written, seconds=round(report.seconds, 3))
        for change in report.plan.changes:
            if report.interrupted and change.outcome != "done":
                continue
            self._keep(change)
            self._say(change)
            returns += self._returned(change, now)
        return returns

    def take_sweep(self, report: PassReport) -> None:
        """Take in a look at what nobody wants, and forget what an earlier one found there and this one did not."""
        if report.interrupted:
            return
        found = frozenset(change.key for change in report.plan.changes)
        with self._lock:
            for key in self._swept - found:
                self._latest.pop(key, None)
                self._told.pop(key, None)
        self._swept = found
        for change in report.plan.changes:
            self._keep(change)
            self._say(change)

    def _keep(self, change: Change) -> None:
        with self._lock:
            # What is kept lives as long as the daemon: no values.
            self._latest[change.key] = _without_values(change)

    def _returned(self, change: Change, now: float) -> bool:
        if change.outcome != "done" or change.desired is None:
            return False
        times = self._flaps.written(change.key, change.desired.data, now)
        if times >= THRESHOLD:
            self._log.warning(
                "secret-flapping",
                namespace=change.key.namespace,
                name=change.key.name,
                times=times,
                message=f"{change.key} went back to an earlier content {times} times within an hour; look who else "
                "writes to its sources",
            )
        return times > 0

    def broken(self, error: Exception) -> None:
        """Tell of a pass that a defect ended."""
        self._log.error("pass-broken", error=described(error))

    def missed(self, schedule: str, *, runs: int, mappings: int) -> None:
        """Tell that runs of a schedule were not made in their time, and that one stands for all of them."""
        self._log.warning(
            "runs-missed",
            schedule=schedule,
            runs=runs,
            mappings=mappings,
            message=f"{runs} run(s) of schedule `{schedule}` were missed: the process stood still or the clock was set "
            "forward; the latest run stands for them all",
        )

    def _say(self, change: Change) -> None:
        state = (change.action.value, change.reason, change.outcome)
        before = self._told.get(change.key)
        wrote = change.action in WRITES and change.outcome == "done"
        if not wrote and state == before:
            return
        self._told[change.key] = state
        fields: dict[str, object] = {
            "namespace": change.key.namespace,
            "name": change.key.name,
            "reason": change.reason,
        }
        if change.also:
            fields["also"] = change.also
        if wrote:
            keys = change.keys
            fields |= {"added": keys.added, "changed": keys.changed, "removed": keys.removed}
            if change.message:
                fields["message"] = change.message
            self._log.info(f"secret-{change.action.value}d", **fields)
        elif change.action in _WORRYING or change.outcome in _BAD:
            event = f"secret-{change.outcome or change.action.value}"
            if change.origin is not None:
                fields["position"] = str(change.origin)
            self._log.warning(event, message=change.message, **fields)
        elif change.action in _QUIET:
            if before is not None and (before[0] in _WORRYING or before[2] in _BAD):
                self._log.info("secret-recovered", **fields)
        else:
            self._log.info(f"secret-{change.outcome or change.action.value}", message=change.message, **fields)


def _without_values(change: Change) -> Change:
    return Change(
        change.key, change.action, change.reason, mapping=change.mapping, tenant=change.tenant, outcome=change.outcome
    )
