"""Failures that are the same for many Secrets, put together, so that a cluster or store that is down is said once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from syncd.model.plan import Action, Change

FEWEST: Final = 4
"""So many that fail alike become one block."""


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


def causes(change: Change) -> tuple[str, ...]:
    """Give the distinct messages without the Secret's or a source's own name before them, the first one first."""
    names = (str(change.key), *(f"source {source.ref}" for source in change.sources))
    return tuple(dict.fromkeys(_nameless(message, names) for message in (change.message, *change.also)))


def _nameless(message: str, names: Iterable[str]) -> str:
    for name in names:
        if message.startswith((f"{name}: ", f"{name} ")):
            return message.removeprefix(name).removeprefix(":").lstrip()
    return message


def _kind(change: Change) -> object:
    """Tell what a change has in common with those it may stand together with; for most it is itself alone."""
    # What is absent is looked for in its own place, one by one.
    unreadable = change.action is Action.UNREADABLE and change.reason != "source-absent"
    if change.message and (unreadable or change.outcome in ("failed", "skipped")):
        return change.key.target, change.action, change.reason, change.outcome, causes(change)
    return id(change)
