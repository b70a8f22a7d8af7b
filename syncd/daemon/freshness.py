"""How old the data of the most neglected Secret is (I-FRESH): told always, and never younger than it is."""

from collections.abc import Iterable

from syncd.model.mapping import SecretKey
from syncd.model.plan import Action
from syncd.model.report import PassReport

_AS_WANTED = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE, Action.UNCHANGED})
_NOT_SO = frozenset({"failed", "held", "skipped"})


class Freshness:
    """When each Secret was last brought to what its sources said. Used by one thread; times are monotonic seconds."""

    def __init__(self, keys: Iterable[SecretKey]) -> None:
        """Know of nothing yet."""
        self._good: dict[SecretKey, float | None] = dict.fromkeys(keys)

    def take(self, report: PassReport, *, began: float) -> None:
        """Take in a pass. What it read is as old as its beginning, whenever it was written."""
        if report.interrupted:
            return
        for change in report.plan.changes:
            if change.action is Action.SUSPENDED:
                # A person said so: it is nobody's neglect.
                self._good.pop(change.key, None)
            elif change.action in _AS_WANTED and change.outcome not in _NOT_SO:
                self._good[change.key] = began

    def oldest(self) -> float | None:
        """Give the moment for the Secret that has waited longest; None where one was never brought to it.

        Where nothing is wanted, nothing is old: infinitely late.
        """
        moments = self._good.values()
        return None if None in moments else min((at for at in moments if at is not None), default=float("inf"))
