"""The pass, up to the first write: read, look, build, plan. The same for diff, apply and the daemon.

What a pass is told comes in as arguments; what differs between the verbs is which type of target they hand in
(a diff's cannot write) and whether a Secret that the inventory does not know is looked at before its create.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from syncd.build import build
from syncd.defect import REASON, kept_for
from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources
from syncd.model.inventory import Entry, Inventory
from syncd.model.lease import Fresh, Kept
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.reference import FailureClass, RemoteRef, Wanted
from syncd.model.secret import Built, Live, LiveSecret, Refusal
from syncd.model.selection import Lease
from syncd.plan.finds import kept_whole, lost_sources
from syncd.plan.guards import TenantStore, emptied, guard, mappings_per_store, suspect_stores, taken_over
from syncd.plan.instance import Instance, Rules
from syncd.plan.inventory import needs_read
from syncd.plan.leases import Holdings
from syncd.plan.marks import Mark, read_mark
from syncd.plan.orphans import MappingName, owned_entry
from syncd.plan.planner import make_plan
from syncd.plan.removal import enough, gone_sources, removal_candidates
from syncd.target.seam import Owned, TargetReader
from syncd.told import Tells, Told, start_reading, tell

_UNANSWERED = frozenset({FailureClass.UNAVAILABLE, FailureClass.THROTTLED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Who reconciles and what holds for the whole configuration, whichever part of it a pass looks at."""

    instance: Instance
    rules: Rules
    mappings_per_store: Mapping[TenantStore, int]
    wants: Mapping[MappingName, Collection[SecretKey]] = field(default_factory=dict)
    """Which Secrets each mapping names."""

    @classmethod
    def of(cls, mappings: Iterable[SecretMapping], *, instance: Instance, rules: Rules) -> "Standing":
        """Count what the guards' shares are shares of: all mappings of the configuration."""
        every = tuple(mappings)
        wants: defaultdict[MappingName, set[SecretKey]] = defaultdict(set)
        for mapping in every:
            wants[mapping.tenant, mapping.id].add(mapping.key)
        return cls(instance, rules, mappings_per_store(every), dict(wants))

    def holdings(self, now: float) -> Holdings:
        """Judge what live Secrets hold of short-lived secrets, without asking a store."""
        return Holdings(self.instance, now, self.rules.formerly, ahead=self.rules.issue)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass saw before it planned: enough to plan again once a key is at hand, or after a lost race."""

    wanted: tuple[tuple[SecretMapping, Built], ...]
    live: Mapping[SecretKey, Live]
    """Only what was looked at."""
    orphans: tuple[tuple[Entry, Live], ...] = ()
    classes: Mapping[Wanted, FailureClass | None] = field(default_factory=dict)
    """How each source answered, and each query; None for a value. Keys that a `find` lost are absent sources."""
    found: Mapping[SecretKey, frozenset[RemoteRef]] = field(default_factory=dict)
    """What the finds of each mapping found and lost; none of a mapping whose find failed."""
    confirmed_absent: frozenset[SecretKey] = frozenset()
    """Whose source was absent in a second look as well, or in the daemon for long enough."""
    confirmed_gone: frozenset[SecretKey] | None = None
    """Orphans whose mapping has been gone for long enough; None: all."""
    suspect: frozenset[str] = frozenset()
    """Stores that answer ABSENT for too much to be believed."""
    unread: frozenset[str] = frozenset()
    """Stores that were not read in full since the start."""
    calls_again: Mapping[str, int] = field(default_factory=dict)
    """Wire requests to each store beyond the first reading's: of the second look, and of what was seen anew."""
    told: Told = field(default=Told({}, {}), repr=False)
    holdings: Holdings | None = None
    """By what the live Secrets' short-lived secrets were judged."""


def objection(
    mappings: Collection[SecretMapping],
    inventory: Inventory | None,
    *,
    instance: Instance,
    allow_no_mappings: bool,
    take_over: bool = False,
) -> str | None:
    """Say why a whole configuration may not act on what its instance owns: emptied, or another one's; None: it may."""
    if inventory is None:
        return None
    found = emptied(mappings, inventory, instance=instance, allow=allow_no_mappings)
    if found is None and not take_over:
        found = taken_over(mappings, inventory, instance=instance)
    return found


def see(
    mappings: Sequence[SecretMapping],
    reading: Tells,
    readers: Mapping[str, TargetReader],
    *,
    look_at: Collection[SecretKey],
    orphans: Sequence[Entry] = (),
    now: float = 0.0,
    holdings: Holdings | None = None,
) -> Seen:
    """Look at the live Secrets while the stores are read, then build what the mappings want.

    `look_at` are the Secrets to read; what is missing in it counts as not there (see `make_plan`). `now` is wall-clock
    time in seconds since the epoch, which certificates are held against; without it none is valid yet. `holdings`
    judges which short-lived secrets the live Secrets still hold; without it each has to be issued.
    """
    live = look(readers, [*look_at, *(entry.key for entry in orphans)])
    return seen_of(mappings, tell(mappings, reading), live, orphans=orphans, now=now, holdings=holdings)


def seen_of(
    mappings: Sequence[SecretMapping],
    told: Told,
    live: Mapping[SecretKey, Live],
    *,
    orphans: Sequence[Entry] = (),
    now: float = 0.0,
    holdings: Holdings | None = None,
) -> Seen:
    """Build what the mappings want of what their stores said, for what stands there."""
    wanted = _wanted(mappings, told, live, now, holdings)
    known = tuple((entry, live[entry.key]) for entry in orphans if entry.key in live)
    answered = ((mapping, built) for mapping, built in wanted if told.knows(mapping))
    found = {mapping.key: told.found_by(mapping) | lost_sources(built) for mapping, built in answered}
    lost = {ref: FailureClass.ABSENT for _, built in wanted for ref in lost_sources(built)}
    classes = told.classes(mappings) | lost
    unread = frozenset(one.store for one in unanswered(classes))
    return Seen(
        wanted,
        live,
        known,
        classes,
        found,
        suspect=suspect_stores(classes),
        unread=unread,
        told=told,
        holdings=holdings,
    )


def seen_anew(seen: Seen, live: Mapping[SecretKey, Live], *, now: float, holdings: Holdings) -> Seen:
    """Judge by other `holdings` what the live Secrets hold, these being written meanwhile; no store is asked again."""
    wanted = tuple(
        (mapping, _built(mapping, seen.told, live.get(mapping.key), now, holdings) if mapping.leases() else built)
        for mapping, built in seen.wanted
    )
    return replace(seen, wanted=wanted, live=live, holdings=holdings)


def with_issued(
    mapping: SecretMapping, seen: Seen, live: LiveSecret | None, issued: Mapping[Lease, Fresh], *, now: float
) -> Built:
    """Build one Secret with what was just issued for it, from what the stores said before."""
    return _built(mapping, seen.told, live, now, seen.holdings, issued)


def _wanted(
    mappings: Iterable[SecretMapping],
    told: Told,
    live: Mapping[SecretKey, Live],
    now: float,
    holdings: Holdings | None,
) -> tuple[tuple[SecretMapping, Built], ...]:
    return tuple((mapping, _built(mapping, told, live.get(mapping.key), now, holdings)) for mapping in mappings)


def _mark(live: Live | None) -> Mark | None:
    """Read the mark of what stands there, whoever wrote it: the planner judges whose it is before it acts on it."""
    return read_mark(live.annotations) if isinstance(live, LiveSecret) else None


def unanswered(classes: Mapping[Wanted, FailureClass | None]) -> frozenset[Wanted]:
    """Name the sources of which their stores said nothing, neither a value nor what is wrong with them."""
    return frozenset(one for one, cls in classes.items() if cls in _UNANSWERED)


def look(readers: Mapping[str, TargetReader], keys: Iterable[SecretKey]) -> dict[SecretKey, Live]:
    """Read Secrets by name, each target its own."""
    by_target: defaultdict[str, list[SecretKey]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        by_target[key.target].append(key)
    return {
        found.key: found
        for target, wanted in by_target.items()
        if target in readers
        for found in readers[target].read(wanted)
    }


def worth_reading(
    mappings: Iterable[SecretMapping], inventory: Inventory | None, *, instance: Instance
) -> list[SecretKey]:
    """Name the Secrets that a pass that writes must look at first; the rest are creates that answer for themselves."""
    return [mapping.key for mapping in mappings if needs_read(mapping, inventory, instance=instance)]


def orphaned(
    mappings: Iterable[SecretMapping],
    inventory: Inventory | None,
    readers: Mapping[str, TargetReader],
    *,
    instance: Instance,
) -> list[Entry]:
    """List what the instance owns and no mapping of the whole configuration wants: by the inventory, and in folders."""
    wanted = {mapping.key for mapping in mappings}
    entries = [] if inventory is None else [e for e in inventory.entries.values() if e.key not in wanted]
    for target in readers.values():
        if isinstance(target, Owned):
            names = (instance.name, *sorted(instance.former - {instance.name}))
            keys = [key for name in names for key in target.owned(name) if key not in wanted]
            for live in target.read(keys):
                entry = owned_entry(live, instance) if isinstance(live, LiveSecret) else None
                if entry is not None:
                    entries.append(entry)
    return [entry for entry in entries if entry.key.target in readers]


def plan(seen: Seen, standing: Standing, *, inventory: Inventory | None, target: str, now: float) -> Plan:
    """Decide for everything seen, then hold back what the guards do not let through.

    `target` names where it goes, for the head of a diff. `now` is wall-clock time in seconds, the clock of the
    inventory's removals.
    """
    made = make_plan(
        seen.wanted,
        seen.live,
        instance=standing.instance,
        rules=standing.rules,
        orphans=seen.orphans,
        confirmed_absent=seen.confirmed_absent,
        confirmed_gone=seen.confirmed_gone,
        wants=standing.wants,
        target=target,
    )
    return held_back(made, seen, standing, inventory=inventory, now=now)


def held_back(made: Plan, seen: Seen, standing: Standing, *, inventory: Inventory | None, now: float) -> Plan:
    """Hold back the removals that a guard stops, by what the inventory counted in the last hour; again is harmless."""
    return guard(
        made,
        rules=standing.rules,
        removals=() if inventory is None else inventory.removals,
        mappings_per_store=standing.mappings_per_store,
        suspect=seen.suspect,
        unread=seen.unread,
        now=now,
    )


def in_doubt(seen: Seen) -> tuple[SecretMapping, ...]:
    """List the mappings whose Secrets stand and would go because a source is absent: what `second_look` reads again."""
    due = removal_candidates(seen.wanted)
    return tuple(
        mapping
        for mapping, _ in seen.wanted
        if mapping.key in due and isinstance(seen.live.get(mapping.key), LiveSecret)
    )


def second_look(seen: Seen, gateway: Gateway, *, now: float = 0.0) -> Seen:
    """Read the sources of what would be removed once more: a single not-found answer is no proof.

    The caller waits between the looks. What answers otherwise this time is simply not removed in this run; both looks
    must miss the same source, and a store that is absent for too much by now is not believed.
    """
    again = in_doubt(seen)
    first = {mapping.key: built for mapping, built in seen.wanted}
    reading = start_reading(again, gateway)
    told = tell(again, reading)
    gone = gone_sources(_wanted(again, told, seen.live, now, seen.holdings))
    classes = {**seen.classes, **told.classes(again)}
    return replace(
        seen,
        classes=classes,
        confirmed_absent=frozenset(key for key, refs in gone.items() if enough(first[key], refs)),
        suspect=suspect_stores(classes),
        unread=frozenset(one.store for one in unanswered(seen.classes) & unanswered(classes)),
        calls_again=_with_calls(seen, reading),
    )


def look_again(
    seen: Seen,
    keys: Collection[SecretKey],
    gateway: Gateway,
    readers: Mapping[str, TargetReader],
    *,
    now: float = 0.0,
) -> Seen:
    """See some of the Secrets anew, from their stores on: a person has thought it over, or another run came between.

    The rest stays as it was seen. What the new look finds absent was looked at twice only if it was absent before.
    """
    part = [mapping for mapping, _ in seen.wanted if mapping.key in keys]
    reading = start_reading(part, gateway)
    holdings = None if seen.holdings is None else replace(seen.holdings, now=now)
    anew = see(part, reading, readers, look_at=[mapping.key for mapping in part], now=now, holdings=holdings)
    built = {mapping.key: built for mapping, built in anew.wanted}
    classes = {**seen.classes, **anew.classes}
    return replace(
        seen,
        wanted=tuple((mapping, built.get(mapping.key, before)) for mapping, before in seen.wanted),
        live={**seen.live, **anew.live},
        classes=classes,
        found={**seen.found, **anew.found},
        suspect=suspect_stores(classes),
        calls_again=_with_calls(seen, reading),
        told=seen.told.then(anew.told),
        holdings=holdings,
    )


def _with_calls(seen: Seen, reading: Sources) -> dict[str, int]:
    """Add up what looking again has cost so far."""
    calls = {store: cost.calls for store, cost in reading.costs().items()}
    return {store: seen.calls_again.get(store, 0) + calls.get(store, 0) for store in {**seen.calls_again, **calls}}


def _built(
    mapping: SecretMapping,
    told: Told,
    live: Live | None,
    now: float,
    holdings: Holdings | None,
    issued: Mapping[Lease, Fresh] = MappingProxyType({}),
) -> Built:
    """Build one Secret; a defect that a mapping brings up keeps that Secret as it is, and no other."""
    try:
        kept: Mapping[Lease, Kept] = {} if holdings is None else holdings.of(mapping, live)
        built = build(mapping, told.outcomes, told.found, leased={**kept, **issued}, now=now)
        return kept_whole(mapping, built, _mark(live))
    except Exception as error:  # noqa: BLE001 — its text may carry values
        message = kept_for(error, what=str(mapping.key), origin=str(mapping.origin))
        return Refusal(FailureClass.CONFIG, REASON, message)
