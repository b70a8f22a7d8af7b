"""What a plan and a pass say to a script."""

from syncd.model.plan import WRITES, Action, Plan
from syncd.model.report import PassReport

_UNTOLD = frozenset({Action.CONFLICT, Action.UNREADABLE})


def exit_code_for_diff(plan: Plan) -> int:
    """Give 0 for no difference, 1 for differences (held ones too), 2 where something could not be told."""
    actions = {change.action for change in plan.changes}
    if actions & _UNTOLD:
        return 2
    return 1 if actions & WRITES else 0


def exit_code_for_apply(report: PassReport) -> int:
    """Give 0 where all that was wanted is now so, else 1."""
    return 0 if report.clean() else 1
