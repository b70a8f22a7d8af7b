"""What may be removed: Secrets whose source or whose mapping is gone. Nothing goes on the inventory's word alone.

| whose | its mark or mapping says | asked for and confirmed | what follows |
| --- | --- | --- | --- |
| proven, or in a plain target | delete | yes | delete; with `merge` an update that takes our keys and marks away |
| proven, or in a plain target | delete | no | kept and reported |
| proven, or in a plain target | keep | either | kept and reported |
| anything else | either | either | kept and reported |

The mapping's own `whenSourceGone` counts for a source, the mark's `when-mapping-gone` for a mapping.
"""

from collections.abc import Iterable

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, KeyChanges
from syncd.model.reference import FailureClass
from syncd.model.secret import Built, LiveSecret, Refusal
from syncd.plan.differences import released
from syncd.plan.instance import Instance
from syncd.plan.marks import SUSPEND, Mark
from syncd.plan.ownership import Verdict


def removal_candidates(wanted: Iterable[tuple[SecretMapping, Built]]) -> frozenset[SecretKey]:
    """Name the Secrets whose removal would be due for an absent source: what `--prune` reads a second time.

    A diff makes no second look and hands them to `make_plan` as confirmed right away.
    """
    return frozenset(mapping.key for mapping, built in wanted if isinstance(built, Refusal) and gone(mapping, built))


def gone(mapping: SecretMapping, refusal: Refusal) -> bool:
    """Tell whether a source is gone, nothing else failed, and the mapping lets its Secret go then."""
    return mapping.when_source_gone == "delete" and refusal.cls is FailureClass.ABSENT and bool(refusal.absent)


def removable(live: LiveSecret, verdict: Verdict, instance: Instance) -> bool:
    """Tell whether ownership is good enough to remove, and nobody asked to leave the Secret alone."""
    known = verdict.ownership == "proven" or (verdict.ours and live.key.target in instance.plain_targets)
    return known and not verdict.also and live.annotations.get(SUSPEND) != "true"


def remove(live: LiveSecret, mark: Mark, *, merge: bool, reason: str) -> Change:
    """Plan the removal of one of ours: the object, or what is ours on an object that is shared with others."""
    if not merge:
        removed = tuple(sorted(live.data))
        return Change(live.key, Action.DELETE, reason, keys=KeyChanges(removed=removed), live=live)
    ours = mark.keys & live.data.keys()
    return Change(
        live.key,
        Action.UPDATE,
        reason,
        keys=KeyChanges(removed=tuple(sorted(ours))),
        labels=tuple(sorted(mark.labels & live.labels.keys())),
        annotations=tuple(sorted(mark.annotations & live.annotations.keys())),
        message="the object is shared (merge): only what is ours leaves",
        desired=released(live, mark),
        live=live,
    )
