"""What a pass did: the plan with outcomes, and its cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from syncd.model.plan import Action, Plan


@dataclass(frozen=True, slots=True)
class StoreCost:
    """What one store was asked in a pass."""

    calls: int
    """Wire requests, logins and retries included."""
    sources: int
    """Distinct objects wanted."""
    failures: int
    leases: int = 0
    """Short-lived secrets that were to be issued, renewed or revoked; their requests are among the `calls`."""

    def plus(self, other: "StoreCost") -> "StoreCost":
        """Add what was asked beside it."""
        return StoreCost(
            self.calls + other.calls,
            self.sources + other.sources,
            self.failures + other.failures,
            self.leases + other.leases,
        )


NO_COST: Final = StoreCost(0, 0, 0)


@dataclass(frozen=True, slots=True)
class PassReport:
    """A plan whose changes carry outcomes, and what the pass cost."""

    plan: Plan
    stores: Mapping[str, StoreCost]
    seconds: float
    """From the first read to the last write, on the monotonic clock."""
    interrupted: bool = False
    """True where a stop came before the last write."""

    def clean(self) -> bool:
        """Tell whether all that was wanted is now so."""
        bad = (Action.CONFLICT, Action.UNREADABLE)
        return not self.interrupted and all(
            c.outcome not in ("failed", "held", "skipped") and c.action not in bad for c in self.plan.changes
        )
