"""From what is wanted and what is there to a plan: a decision for each Secret (`syncd.plan.decision`) and each orphan.

A defect that one Secret brings up makes that one unreadable, reason `defect`, and changes nothing for the others.
"""

from collections.abc import Collection, Mapping, Sequence

from syncd.defect import REASON, described, kept_for
from syncd.model.inventory import Entry
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import (
    Built,
    Live,
    Missing,
)
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.plan.orphans import MappingName, Moved, plan_orphan

_UNPROVEN = "the instance's key is not at hand, so ownership is shown as unverified"


def make_plan(  # noqa: PLR0913 — each is one thing that only the caller knows
    wanted: Sequence[tuple[SecretMapping, Built]],
    live: Mapping[SecretKey, Live],
    *,
    instance: Instance,
    rules: Rules,
    orphans: Sequence[tuple[Entry, Live]] = (),
    confirmed_absent: Collection[SecretKey] = frozenset(),
    confirmed_gone: Collection[SecretKey] | None = None,
    wants: Mapping[MappingName, Collection[SecretKey]] | None = None,
    target: str = "",
) -> Plan:
    """Decide for every wanted Secret and every orphan; the order of the arguments does not matter.

    A key that `live` does not hold was not looked at, since the inventory does not know it: it counts as missing, and
    the create's own answer is the read. `orphans` are inventory entries of this run's scope without a mapping in the
    whole loaded configuration. `confirmed_absent`: whose source was absent in the second look too; `confirmed_gone`:
    whose mapping has been gone for long enough, None for all. `wants`: which Secrets each mapping of the whole loaded
    configuration names, so that what one named before goes once all of these stand: proven and in sync in this plan.
    """
    changes = [
        _isolated(
            mapping,
            built,
            live.get(mapping.key) or Missing(mapping.key),
            instance=instance,
            rules=rules,
            confirmed_absent=mapping.key in confirmed_absent,
        )
        for mapping, built in wanted
    ]
    in_sync = {change.key for change in changes if _stands(change, instance)}
    for entry, found in orphans:
        confirmed = confirmed_gone is None or entry.key in confirmed_gone
        names = sorted(wants.get((entry.tenant, entry.mapping), ())) if wants else ()
        moved = Moved(tuple(names), tuple(key for key in names if key not in in_sync)) if names else None
        change = _orphan_isolated(entry, found, instance=instance, rules=rules, confirmed=confirmed, moved=moved)
        if change is not None:
            changes.append(change)
    changes.sort(key=lambda change: change.key)
    notes = () if all(change.writable for change in changes) else (_UNPROVEN,)
    return Plan(tuple(changes), target, notes)


def _isolated(
    mapping: SecretMapping, built: Built, live: Live, *, instance: Instance, rules: Rules, confirmed_absent: bool
) -> Change:
    """Decide for one Secret; a defect that its mapping brings up is its own, and its text may carry values."""
    try:
        return plan_one(mapping, built, live, instance=instance, rules=rules, confirmed_absent=confirmed_absent)
    except Exception as error:  # noqa: BLE001 — what cannot be judged is kept
        message = kept_for(error, what=str(mapping.key), origin=str(mapping.origin))
        return Change(
            mapping.key,
            Action.UNREADABLE,
            REASON,
            mapping=mapping.id,
            tenant=mapping.tenant,
            message=message,
            origin=mapping.origin,
            writable=instance.may_write(mapping.key.target),
        )


def _stands(change: Change, instance: Instance) -> bool:
    """Tell whether a mapping's Secret is there, ours and as it is to be."""
    ours = change.ownership == "proven" or change.key.target in instance.plain_targets
    return change.action is Action.UNCHANGED and ours


def _orphan_isolated(
    entry: Entry, live: Live, *, instance: Instance, rules: Rules, confirmed: bool, moved: Moved | None
) -> Change | None:
    """Judge one orphan likewise."""
    try:
        return plan_orphan(entry, live, instance=instance, rules=rules, confirmed=confirmed, moved=moved)
    except Exception as error:  # noqa: BLE001 — what cannot be judged is kept
        message = f"{entry.key}: a defect in syncd: {described(error)}; it is kept, please report it"
        return Change(
            entry.key,
            Action.UNREADABLE,
            REASON,
            mapping=entry.mapping,
            tenant=entry.tenant,
            message=message,
            writable=instance.may_write(entry.key.target),
        )
