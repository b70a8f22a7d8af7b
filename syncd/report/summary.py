"""Counts, in one line."""

from collections import Counter

from syncd.model.plan import WRITES, Action, Plan

_OTHERS = (Action.CONFLICT, Action.UNREADABLE, Action.SUSPENDED, Action.ORPHAN)
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_SEVERAL = {Action.CONFLICT: "conflicts", Action.ORPHAN: "orphans"}


def planned(plan: Plan) -> str:
    """Count what would be done: `1 to create, 2 to update, 0 to replace, 0 to delete; 3 unchanged, 1 unreadable`."""
    counts = plan.summary()
    held = sum(1 for change in plan.changes if change.outcome == "held")
    wanted = ", ".join(f"{counts[word]} to {word}" for word in _DONE)
    return f"{wanted}{f' ({held} held)' if held else ''}; {_rest(counts)}"


def done(plan: Plan) -> str:
    """Count what was done: `1 created, 2 updated, 0 replaced, 0 deleted; 3 unchanged, 1 failed`."""
    outcomes = Counter((change.action.value, change.outcome) for change in plan.changes)
    words = Counter(change.outcome for change in plan.changes if change.action in WRITES)
    made = ", ".join(f"{outcomes[word, 'done']} {participle}" for word, participle in _DONE.items())
    short = "".join(f", {words[word]} {word}" for word in ("failed", "held", "skipped") if words[word])
    return f"{made}; {_rest(plan.summary())}{short}"


def _rest(counts: dict[str, int]) -> str:
    parts = [f"{counts[Action.UNCHANGED]} unchanged"]
    for action in _OTHERS:
        number = counts[action]
        if number:
            parts.append(f"{number} {_SEVERAL.get(action, action.value) if number > 1 else action.value}")
    return ", ".join(parts)
