"""Secrets of ours that no mapping of the loaded configuration wants any more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change, Plan
from syncd.model.reference import RemoteRef
from syncd.model.secret import Live, LiveSecret, Missing, ReadFailure, SourceVersion
from syncd.plan.differences import resigned
from syncd.plan.guards import lets_go
from syncd.plan.instance import Instance, Rules
from syncd.plan.marks import MAPPING, SUSPEND, Mark, mapping_text, place_text
from syncd.plan.ownership import Verdict, judge
from syncd.plan.removal import removable, remove

LEFT: Final = "left-to-others"
"""The reason of an orphan that other configurations still name: this one no longer does."""
MOVED: Final = "mapping-moved"
"""The reason of an orphan whose mapping names other Secrets now, and not all of them stand yet."""
MappingName = tuple[str, str]
"""Tenant and id."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the Secrets are that an orphan's mapping names now."""

    to: tuple[SecretKey, ...]
    awaited: tuple[SecretKey, ...]
    """Those that do not stand yet."""


def owned_entry(live: LiveSecret, instance: Instance) -> Entry | None:
    """Read from the mark of a Secret in a plain target what an inventory would say of it; None where it is not ours.

    The folder itself is the list of what is owned there, so every entry counts as this configuration's own. A copy is
    none of it; a mark that does not say where it was made may be one, and is kept.
    """
    verdict = judge(live, instance, mapping=live.annotations.get(MAPPING, ""))
    if verdict.mark is None:
        return None
    tenant, _, mapping = verdict.mark.mapping.partition("/")
    return Entry(live.key, tenant, mapping, verdict.mark.when_mapping_gone, frozenset({instance.configuration}))


def judged_by(plan: Plan, inventory: Inventory, *, instance: Instance) -> Plan:
    """Take back what an older inventory said of orphans, where the newest one says otherwise.

    What another configuration has come to name stays, and what none names beside this one any more is not left.
    """
    return replace(plan, changes=tuple(_judged_by(change, inventory, instance) for change in plan.changes))


def _judged_by(change: Change, inventory: Inventory, instance: Instance) -> Change:
    removal, left = change.reason == "mapping-gone" and lets_go(change), change.reason == LEFT
    if not (removal or left) or change.origin is not None or change.key.target in instance.plain_targets:
        return change
    entry = inventory.entries.get(change.key)
    others = entry.others(instance.configuration) if entry is not None else ()
    if entry is not None and bool(others) == left and instance.configuration in entry.configurations:
        return change
    if entry is not None and others:
        reason, message = _others_want(entry, others, instance=instance, leaves=False)
    else:
        reason, message = "not-confirmed", "another run changed what the inventory says of it; judged anew next time"
    kept = Change(change.key, Action.ORPHAN, reason, mapping=change.mapping, tenant=change.tenant, live=change.live)
    return replace(
        kept,
        ownership=change.ownership,
        sources=change.sources,
        message=f"{change.key}: {message}",
        writable=change.writable,
    )


def plan_orphan(
    entry: Entry, live: Live, *, instance: Instance, rules: Rules, confirmed: bool = True, moved: Moved | None = None
) -> Change | None:
    """Judge one entry that no mapping names; None where the Secret is gone already.

    `confirmed`: that has been so for long enough (the daemon's ten minutes; in `apply` always). `moved`: what its
    mapping names instead; None where the mapping itself is gone. What stays under a name or key of before is signed
    anew, so that it is known without them.
    """
    if isinstance(live, Missing):
        return None
    if isinstance(live, ReadFailure):
        change = Change(entry.key, Action.UNREADABLE, f"target-{live.cls.value}", message=live.message)
        return replace(
            change, mapping=entry.mapping, tenant=entry.tenant, writable=instance.may_write(entry.key.target)
        )
    verdict = judge(live, instance, mapping=mapping_text(entry.tenant, entry.mapping))
    kept = _kept(entry, live, verdict, instance=instance, rules=rules, confirmed=confirmed, moved=moved)
    mark = verdict.mark
    if kept is None and mark is not None:
        change = remove(live, mark, merge=mark.merge, reason="mapping-gone")
    elif _to_be_signed(entry, live, verdict, instance):
        message = f"{entry.key}: its mapping is gone; its mark is signed anew under the present name and key"
        change = Change(entry.key, Action.UPDATE, "mark-outdated", message=message, live=live)
        change = replace(change, desired=resigned(live, instance))
    else:
        reason, message = kept or ("not-owned", "")
        change = Change(entry.key, Action.ORPHAN, reason, message=f"{entry.key}: {message}", live=live)
    return replace(
        change,
        mapping=entry.mapping,
        tenant=entry.tenant,
        ownership=verdict.ownership,
        sources=_sources(mark),
        writable=instance.may_write(entry.key.target),
    )


def _kept(  # noqa: PLR0911 — a return for each reason to keep, first match
    entry: Entry,
    live: LiveSecret,
    verdict: Verdict,
    *,
    instance: Instance,
    rules: Rules,
    confirmed: bool,
    moved: Moved | None,
) -> tuple[str, str] | None:
    """Say why it stays, as a reason code and a message; None where it may go."""
    gone = f"mapping {entry.mapping} {_whereto(moved) if moved else 'is gone'}"
    others = entry.others(instance.configuration)
    if verdict.mark is None:
        forgotten = "" if others else "; forgotten with the next write"
        return verdict.reason, f"it is ours no more: it {verdict.holder}{forgotten}"
    if not removable(live, verdict, instance):
        return _unremovable(live, verdict)
    if not _made_here(live, verdict.mark, instance):
        return (
            "not-proven",
            f"{gone}, and its mark does not say for which Secret it was made. Delete it by hand if nobody needs it",
        )
    if entry.key.namespace in rules.protected_namespaces:
        return "protected-namespace", f"nothing is removed in namespace {entry.key.namespace}"
    if others:
        return _others_want(entry, others, instance=instance, leaves=rules.prune and confirmed)
    if verdict.mark.when_mapping_gone == "keep":
        return "keep", f"{gone}; its mark says keep. Delete the Secret by hand if nobody needs it"
    if verdict.mark.merge and live.immutable:
        return "immutable", "the object is shared (merge) and immutable: our keys cannot leave it"
    return _not_yet(gone, rules=rules, confirmed=confirmed, moved=moved)


def _not_yet(gone: str, *, rules: Rules, confirmed: bool, moved: Moved | None) -> tuple[str, str] | None:
    """Say what is missing before it may go; None where nothing is."""
    if not rules.prune:
        what = "this one once that stands" if moved else "the Secret"
        return "not-pruned", f"{gone}; `syncd apply --prune` removes {what}"
    if not confirmed:
        return "not-confirmed", f"{gone} only just now; the Secret goes when it stays so"
    if moved is not None and moved.awaited:
        return MOVED, f"{gone}; this one goes once {_some(moved.awaited)} stands"
    return None


def _to_be_signed(entry: Entry, live: LiveSecret, verdict: Verdict, instance: Instance) -> bool:
    """Tell whether the mark of what stays is signed anew, and so known without names and keys of before."""
    mark = verdict.mark
    known = mark is not None and removable(live, verdict, instance) and _made_here(live, mark, instance)
    return known and verdict.outdated and instance.configuration in entry.configurations


def _made_here(live: LiveSecret, mark: Mark, instance: Instance) -> bool:
    """Tell whether a mark was made for this very Secret: by its proof, or in a plain target by its word."""
    return live.key.target not in instance.plain_targets or mark.place == place_text(live.key)


def _whereto(moved: Moved) -> str:
    return f"names {_some(moved.to)} now"


def _some(keys: Sequence[SecretKey]) -> str:
    return f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else str(keys[0])


def _others_want(entry: Entry, others: Sequence[str], *, instance: Instance, leaves: bool) -> tuple[str, str]:
    """Say that other configurations may want it, and whether this one still counts among those that do."""
    names = f"configuration {others[0]}" if len(others) == 1 else f"configurations {' and '.join(others)}"
    if instance.configuration not in entry.configurations:
        return "other-configuration", f"written by {names}, which may still want it and alone removes it"
    gone = f"mapping {entry.mapping} is gone here, and {names} names it too"
    return (LEFT, f"{gone}: left to that one") if leaves else ("other-configuration", gone)


def _unremovable(live: LiveSecret, verdict: Verdict) -> tuple[str, str]:
    if live.annotations.get(SUSPEND) == "true":
        return "suspended", f"its annotation {SUSPEND} says to leave it alone"
    if verdict.also:
        return "two-writers", f"also claimed by {verdict.also}"
    return "not-proven", "its mapping is gone; without the instance's key its mark is not proven"


def _sources(mark: Mark | None) -> tuple[SourceVersion, ...]:
    """Give what it was made from, for the guards: as recorded, else the bare stores."""
    if mark is None:
        return ()
    if mark.sources is not None:
        return mark.sources
    return tuple(SourceVersion(RemoteRef(store, ""), "") for store in sorted(mark.stores))
