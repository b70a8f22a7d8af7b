"""What the inventory is to say, before the writes of a plan and after its removals; and what can go unread by it."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from syncd.model.inventory import Entry, Inventory, Kind, Removal
from syncd.model.mapping import Policy, SecretKey, SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.plan.guards import TenantStore, kinds, lets_go, tenant_stores
from syncd.plan.instance import HOUR, Instance, Rules
from syncd.plan.marks import WHEN_MAPPING_GONE
from syncd.plan.orphans import LEFT

_WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})

_NO_LIMIT = Rules()


def needs_read(mapping: SecretMapping, inventory: Inventory | None, *, instance: Instance) -> bool:
    """Tell whether `apply` and the daemon must look at the Secret first; a diff always looks.

    Where the inventory holds no entry, the create itself is the read: it answers 409 where something stands. A plain
    target has no inventory, and without one nothing is known.
    """
    if mapping.suspend:
        return False
    if mapping.leases():
        return True  # what it still holds is not issued once more
    return inventory is None or mapping.key in inventory.entries or mapping.key.target in instance.plain_targets


def before_writes(
    inventory: Inventory,
    plan: Plan,
    *,
    instance: Instance,
    rules: Rules = _NO_LIMIT,
    now: float,
    gone: Collection[SecretKey] = frozenset(),
    take_over: bool = False,
) -> Inventory | None:
    """Say what to save before the plan's first write; None where it stands so already.

    It then holds every Secret that the plan will make, all that it found to be ours (so that a lost inventory is
    rebuilt), and the removals (and limited updates) that the plan is about to make. An entry that the configuration
    wants bears its name, with `take_over` its name alone; one that it leaves to others no longer does. `gone` are
    entries whose Secrets are missing: they leave with the next save that has another cause, as do those of Secrets
    that are no longer ours, where no other configuration names them.
    """
    entries = dict(inventory.entries)
    for change in plan.changes:
        entry = _entry(change, entries.get(change.key), instance, take_over=take_over)
        if entry is not None:
            entries[change.key] = entry
        elif leaves(change) and (known := entries.get(change.key)) and known.others(instance.configuration):
            _leave(entries, change.key, instance)
    recent = tuple(removal for removal in inventory.removals if removal.at > now - HOUR)
    counted = _counted(plan, instance, rules, now)
    if entries == inventory.entries and not counted and not inventory.unsaved:
        return None
    written = {change.key for change in plan.changes if change.action in _WRITES}
    lost = {c.key for c in plan.changes if c.action is Action.ORPHAN and c.ownership in ("none", "foreign")}
    for key in lost.union(gone) & entries.keys() - written:
        _leave(entries, key, instance)
    return replace(inventory, entries=entries, removals=recent + counted, unsaved=False)


def after_removals(inventory: Inventory, removed: Iterable[SecretKey]) -> Inventory | None:
    """Say what to save after these Secrets were deleted, or let go of; None where it stands so already."""
    leaving = inventory.entries.keys() & set(removed)
    if not leaving:
        return None
    entries = {key: entry for key, entry in inventory.entries.items() if key not in leaving}
    return replace(inventory, entries=entries, unsaved=False)


def leaves(change: Change) -> bool:
    """Tell whether this configuration leaves the Secret to others that name it: its name then goes from the entry."""
    return change.action is Action.ORPHAN and change.reason == LEFT


def _entry(change: Change, known: Entry | None, instance: Instance, *, take_over: bool) -> Entry | None:
    """Make the entry of a Secret that is ours or about to be; None where its entry stays as it is, or there is none."""
    orphan = change.origin is None  # no mapping of this configuration names it
    if change.key.target in instance.plain_targets or orphan or lets_go(change) or change.action is Action.CONFLICT:
        return None
    written = change.action in _WRITES and change.outcome != "held" and change.writable
    if not written and change.ownership == "none" and known is not None and known.tenant == change.tenant:
        # Not looked at, since it is suspended, or it does not answer: wanted all the same.
        return known._replace(configurations=known.configurations | {instance.configuration})
    holder = change.desired if written else change.live
    awaits = written and change.unissued is not None
    if not awaits and (holder is None or not (written or change.ownership == "proven")):
        return None
    policy = _policy(change, holder)
    names = frozenset({instance.configuration})
    if known is not None and not take_over:
        names |= known.configurations
    return Entry(change.key, change.tenant, change.mapping, policy, names)


def _policy(change: Change, holder: DesiredSecret | LiveSecret | None) -> Policy:
    """Tell what is to become of it without its mapping: by its mark, or by the one that it gets once it is issued."""
    if holder is None:
        return change.unissued.when_mapping_gone if change.unissued is not None else "keep"
    return "delete" if holder.annotations.get(WHEN_MAPPING_GONE) == "delete" else "keep"


def _leave(entries: dict[SecretKey, Entry], key: SecretKey, instance: Instance) -> None:
    """Take this configuration's name from an entry, and the entry away where no name is left."""
    entry = entries[key]
    names = entry.configurations - {instance.configuration}
    if names:
        entries[key] = entry._replace(configurations=names)
    else:
        del entries[key]


def _counted(plan: Plan, instance: Instance, rules: Rules, now: float) -> tuple[Removal, ...]:
    counted: Counter[tuple[TenantStore, Kind]] = Counter()
    for change in plan.writes():
        if change.key.target not in instance.plain_targets:
            counted.update((place, kind) for kind in kinds(change, rules) for place in tenant_stores(change))
    return tuple(
        Removal(now, tenant, store, objects, kind) for ((tenant, store), kind), objects in sorted(counted.items())
    )
