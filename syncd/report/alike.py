"""Failures that are the same for many Secrets, put together, so that a cluster or store that is down is said once."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from syncd.model.plan import Action, Change

FEWEST: Final = 4
"""So many that fail alike become one block."""
_MORE: Final = re.compile(r" \(and [0-9]+ more of this Secret\)$")


def blocks(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    """Give the changes in their order, each alone or, where its first is, a group that failed for one cause."""
    kinds: defaultdict[object, list[Change]] = defaultdict(list)
    for change in changes:
        kinds[_kind(change)].append(change)
    for change in changes:
        alike = kinds[_kind(change)]
        if len(alike) < FEWEST:
            yield (change,)
        elif alike[0] is change:
            yield tuple(alike)


def cause(change: Change) -> str:
    """Give the message without the Secret's or the source's own name before it."""
    message = _MORE.sub("", change.message)
    for name in (str(change.key), *(f"source {source.ref}" for source in change.sources)):
        if message.startswith((f"{name}: ", f"{name} ")):
            return message.removeprefix(name).removeprefix(":").lstrip()
    return message


def _kind(change: Change) -> object:
    """Tell what a change has in common with those it may stand together with; for most it is itself alone."""
    # What is absent is looked for in its own place, one by one.
    unreadable = change.action is Action.UNREADABLE and change.reason != "source-absent"
    if change.message and (unreadable or change.outcome in ("failed", "skipped")):
        return change.key.target, change.action, change.reason, change.outcome, cause(change)
    return id(change)
