"""What holds a plan back: limits on removals in a rolling hour, stores not to be believed, emptied configurations.

Removals are deletions, replacements and updates that take a key away, each Secret counted once for each of its
(tenant, store). Updates are limited likewise where `max_changes_percent` says so; creates never are. Only what passes
a limit is held; the rest goes on. Whoever runs it says `--allow-deletes N` or `--allow-changes N`.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from syncd.model.inventory import Inventory, Kind, Removal
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.reference import FailureClass, Wanted
from syncd.plan.instance import HOUR, Instance, Rules
from syncd.plan.marks import MAPPING

W = TypeVar("W", bound=Wanted)
TenantStore = tuple[str, str]
"""Tenant and store; an empty store for a Secret that is made of literals alone, or whose mark does not tell."""
_Limit = tuple[Kind, str, str]
"""What is limited, of which tenant and store."""

_ENOUGH_SOURCES = 10
_ABSENT_SHARE = 0.3
"""Over this share of a store's sources absent at once: the store, not the sources, is what is gone."""
_ABSENT_SHARE_OF_FEW = 0.5


def mappings_per_store(mappings: Iterable[SecretMapping]) -> dict[TenantStore, int]:
    """Count the mappings of each tenant and store in the whole loaded configuration: what a share is a share of."""
    counted: Counter[TenantStore] = Counter()
    for mapping in mappings:
        stores = mapping.stores() or {""}
        counted.update((mapping.tenant, store) for store in stores)
    return dict(counted)


def suspect_stores(latest: Mapping[W, FailureClass | None]) -> frozenset[str]:
    """Name the stores that answer ABSENT for too much to be believed, by the latest class of every source (None: OK).

    A store with one source can so remove nothing by itself.
    """
    sources = Counter(ref.store for ref in latest)
    absent = Counter(ref.store for ref, cls in latest.items() if cls is FailureClass.ABSENT)
    return frozenset(
        store
        for store, count in sources.items()
        if absent[store] > count * (_ABSENT_SHARE if count >= _ENOUGH_SOURCES else _ABSENT_SHARE_OF_FEW)
    )


def removes(change: Change) -> bool:
    """Tell whether a change counts as a removal."""
    return change.action in (Action.DELETE, Action.REPLACE) or (
        change.action is Action.UPDATE and bool(change.keys.removed)
    )


def lets_go(change: Change) -> bool:
    """Tell whether the Secret is no longer ours once this change is done: it goes, or our keys and marks leave it."""
    released = (
        change.action is Action.UPDATE and change.desired is not None and MAPPING not in change.desired.annotations
    )
    return change.action is Action.DELETE or released


def kinds(change: Change, rules: Rules) -> tuple[Kind, ...]:
    """Tell as what a change counts: as a removal, as an update where those are limited, as both, or as nothing."""
    updates = change.action is Action.UPDATE and rules.max_changes_percent is not None
    return (*(("removal",) if removes(change) else ()), *(("update",) if updates else ()))


def tenant_stores(change: Change) -> frozenset[TenantStore]:
    """Tell which limits a change counts against."""
    return frozenset((change.tenant, source.ref.store) for source in change.sources) or frozenset({(change.tenant, "")})


def guard(
    plan: Plan,
    *,
    rules: Rules,
    removals: Iterable[Removal],
    mappings_per_store: Mapping[TenantStore, int],
    suspect: Collection[str],
    now: float,
    unread: Collection[str] = frozenset(),
) -> Plan:
    """Hold back the changes that pass a limit, in the plan's order, each with the numbers and the way out.

    `removals` are those that the inventory recorded, and updates likewise; `now` is on their clock (seconds since the
    epoch); one that seems to lie in the future counts. With `allow_deletes` so many removals pass in this run whatever
    the limits say, with `allow_changes` so many updates. `suspect` are the stores that answer ABSENT for too much,
    `unread` those not read in full since the start.
    """
    due = Counter(kind for change in plan.changes if change.outcome != "held" for kind in kinds(change, rules))
    if not due:
        return plan
    used = Counter[_Limit]()
    for removal in removals:
        if removal.at > now - HOUR:
            used[removal.kind, removal.tenant, removal.store] += removal.objects
    allowed: dict[Kind, int] = {"removal": rules.allow_deletes or 0, "update": rules.allow_changes or 0}
    passed = Counter[Kind]()
    changes = []
    for change in plan.changes:
        counting = () if change.outcome == "held" else kinds(change, rules)
        stores = tenant_stores(change) if counting else frozenset[TenantStore]()
        held = ""
        for kind in counting:
            message = _objection(
                kind, stores, used=used, rules=rules, mappings=mappings_per_store, suspect=suspect, unread=unread
            )
            if message and passed[kind] >= allowed[kind]:
                held = f"{change.key}: held, {message}; {_way_out(change, kind, due[kind])}"
                break
        if held:
            changes.append(replace(change, outcome="held", message=held))
            continue
        passed.update(counting)
        used.update((kind, tenant, store) for kind in counting for tenant, store in stores)
        changes.append(change)
    return replace(plan, changes=tuple(changes))


def emptied(
    mappings: Collection[SecretMapping], inventory: Inventory, *, instance: Instance, allow: bool
) -> str | None:
    """Object to a configuration without mappings where it had some (`guards.allowNoMappings` allows it)."""
    had = sum(instance.configuration in entry.configurations for entry in inventory.entries.values())
    if mappings or allow or not had:
        return None
    return (
        f"configuration {instance.configuration} has no mappings, but instance {instance.name} owns {had} Secret(s) "
        "that it wrote; nothing is done. If that is meant, set `guards.allowNoMappings: true`"
    )


def taken_over(mappings: Collection[SecretMapping], inventory: Inventory, *, instance: Instance) -> str | None:
    """Object to a configuration that knows nothing of what its instance owns (`--take-over` accepts)."""
    others = sorted({name for e in inventory.entries.values() for name in e.others(instance.configuration)})
    if not others or not mappings:
        return None
    keys = {mapping.key for mapping in mappings}
    names = {(mapping.tenant, mapping.id) for mapping in mappings}
    if any(entry.key in keys or (entry.tenant, entry.mapping) in names for entry in inventory.entries.values()):
        return None
    return (
        f"instance {instance.name} owns {len(inventory.entries)} Secret(s) written by {', '.join(others)}, and "
        f"configuration {instance.configuration} knows none of them; nothing is done. Give it an `instance` of its "
        "own, or accept what is owned with `syncd apply --take-over`"
    )


def _way_out(change: Change, kind: Kind, due: int) -> str:
    """Name the whole command: what is due for its absence goes by `--prune` alone, a replacement by its own word."""
    words = ["syncd apply"]
    if lets_go(change):
        words.append("--prune")
    if change.action is Action.REPLACE:
        words.append("--allow-replace")
    words.append(f"--allow-deletes {due}" if kind == "removal" else f"--allow-changes {due}")
    return f"`{' '.join(words)}` lets this run's {due} {kind}(s) through once"


def _objection(
    kind: Kind,
    stores: Collection[TenantStore],
    *,
    used: Mapping[_Limit, int],
    rules: Rules,
    mappings: Mapping[TenantStore, int],
    suspect: Collection[str],
    unread: Collection[str],
) -> str:
    """Say what stands against one more removal or update from these stores; empty where nothing does."""
    for tenant, store in sorted(stores):
        whose = f"store {store or '(none)'}" + (f" of tenant {tenant}" if tenant else "")
        if kind == "removal" and store in suspect:
            return f"{whose} answers absent for so many of its sources that it is not believed"
        if kind == "removal" and store in unread:
            return f"{whose} has not been read in full since the start"
        count = mappings.get((tenant, store), 0)
        limit, share = _limit(kind, count, rules)
        already = used.get((kind, tenant, store), 0)
        if already >= limit:
            return f"{whose} has {already} {kind}(s) in this hour and the limit is {limit} ({share})"
    return ""


def _limit(kind: Kind, mappings: int, rules: Rules) -> tuple[int, str]:
    """Give the limit, at least one, and where it comes from in words."""
    if kind == "update":
        percent = rules.max_changes_percent or 0.0
        return max(1, _share(percent, mappings)), f"{percent:g} % of {mappings} mapping(s)"
    percent, most = rules.max_deletes_percent, rules.max_deletes_count
    words = f"{percent:g} % of {mappings} mapping(s), at most {most}"
    return max(1, min(most, _share(percent, mappings))), words


def _share(percent: float, mappings: int) -> int:
    # The tiny addend: 5 % of 20 is one, whatever binary fractions make of it.
    return math.floor(mappings * percent / 100 + 1e-9)
