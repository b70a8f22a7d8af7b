"""What may be removed: Secrets whose source or whose mapping is gone. Nothing goes on the inventory's word alone.

| whose | its mark or mapping says | asked for and confirmed | what follows |
| --- | --- | --- | --- |
| proven, or in a plain target | delete | yes | delete; with `merge` an update that takes our keys and marks away |
| proven, or in a plain target | delete | no | kept and reported |
| proven, or in a plain target | keep | either | kept and reported |
| anything else | either | either | kept and reported |

Where a `find` shrank, only its keys leave, and that by an update (`syncd.plan.finds`).

The mapping's own `whenSourceGone` counts for a source, the mark's `when-mapping-gone` for a mapping.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, KeyChanges
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import Built, LiveSecret, Refusal
from syncd.plan.differences import released
from syncd.plan.instance import Instance
from syncd.plan.marks import SUSPEND, Mark
from syncd.plan.ownership import Verdict


def removal_candidates(wanted: Iterable[tuple[SecretMapping, Built]]) -> frozenset[SecretKey]:
    """Name the Secrets whose removal would be due for an absent source: what `--prune` reads a second time.

    A diff makes no second look and hands them to `make_plan` as confirmed right away.
    """
    return frozenset(gone_sources(wanted))


def gone_sources(wanted: Iterable[tuple[SecretMapping, Built]]) -> dict[SecretKey, frozenset[RemoteRef]]:
    """Tell which sources those are, of each such Secret: one that is absent says nothing about another."""
    return {
        mapping.key: frozenset(built.absent)
        for mapping, built in wanted
        if isinstance(built, Refusal) and gone(mapping, built)
    }


def enough(built: Built, confirmed: AbstractSet[RemoteRef]) -> bool:
    """Tell whether the removal that absent sources lead to may be, `confirmed` being those that are gone for good.

    One source is enough for a Secret to go; of keys that a find gives no more, none goes before all of them may.
    """
    if not isinstance(built, Refusal):
        return False
    if built.otherwise is not None:
        return confirmed >= set(built.absent)
    return not confirmed.isdisjoint(built.absent)


def gone(mapping: SecretMapping, refusal: Refusal) -> bool:
    """Tell whether a source is gone, nothing else failed, and the mapping lets its Secret go then."""
    return mapping.when_source_gone == "delete" and refusal.cls is FailureClass.ABSENT and bool(refusal.absent)


def removable(live: LiveSecret, verdict: Verdict, instance: Instance) -> bool:
    """Tell whether ownership is good enough to remove, and nobody asked to leave the Secret alone."""
    known = verdict.ownership == "proven" or (verdict.ours and live.key.target in instance.plain_targets)
    return known and not verdict.also and live.annotations.get(SUSPEND) != "true"


def why_kept(mapping: SecretMapping, refusal: Refusal, verdict: Verdict, *, obstacle: str, prune: bool) -> str:
    """Say why a Secret whose source is absent is still there, and how it goes; empty where no source is absent.

    `obstacle`: what forbids its removal, whoever asks for it; empty for nothing.
    """
    if refusal.cls is not FailureClass.ABSENT or not refusal.absent:
        return ""
    if mapping.when_source_gone == "keep":
        return "the Secret stays, since the mapping's `whenSourceGone` is `keep`" if prune else ""
    if obstacle:
        return f"the Secret stays: {obstacle}"
    if prune:
        return "the Secret stays until its source was found absent often enough: twice by `apply`, ten minutes by `run`"
    if refusal.otherwise is not None:
        return "`syncd apply --prune` takes these keys off the Secret"
    shared = mapping.merge or (verdict.mark is not None and verdict.mark.merge)
    return f"`syncd apply --prune` {'takes what is ours off the Secret' if shared else 'removes the Secret'}"


def obstacle(live: LiveSecret, verdict: Verdict, instance: Instance, conflict: tuple[str, str] | None) -> str:
    """Name what forbids a removal, a conflict's own message first; empty where nothing does."""
    if conflict is not None:
        return conflict[1]
    if not verdict.ours:
        return "it does not bear this instance's mark"
    if verdict.also:
        return f"it also belongs to {verdict.also}"
    return "" if removable(live, verdict, instance) else "without the instance's key its mark is not proven"


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
