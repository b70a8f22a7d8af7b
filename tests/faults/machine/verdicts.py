"""What must hold of whole runs: judged on the world after them, or on twins of it that differ in one thing."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.secret import LiveSecret
from syncd.report import render_diff
from syncd.told import refs_of
from tests.faults.machine.demands import HOUR, claimed, disbelieved, managed
from tests.faults.machine.program import Program
from tests.faults.machine.sources import expected
from tests.faults.machine.world import World, chance

_RUN: Final = 60.0
"""Seconds within which a run ends, whatever the stores do: twice the read deadline, the pause between, and retries."""
_VALUE: Final = re.compile(r"\b[st]/[xyz]/\d+/[pqr]\b|foreign/(planted|edited|added)")
_SUSPEND: Final = "syncd.dev/suspend"


def ended(program: Program) -> None:
    """Demand that a run ended in time (I-LIVE), read nothing twice for nothing (I-COST) and shows no value."""
    world = program.world
    assert world.turns.now - program.started <= _RUN, f"I-LIVE: {program.name} took too long"
    looks = 2 if program.prune else 1
    for ref, answers in program.answers.items():
        values = sum(cls is None for _, cls in answers)
        assert values <= looks, f"I-COST: {ref} was read {values} times"
    if program.plan is not None:
        shown = render_diff(program.plan, form="json", color=False, redact_keys=False)
        assert not _VALUE.search(shown), f"I-LEAK: {shown}"
    assert world.demands.broken == [], world.demands.broken


def daemon_is_well(daemon: Program) -> None:
    """Demand that no defect ended a pass, and that the loop turned (I-LIVE)."""
    assert daemon.logged == [], f"I-LIVE: {daemon.logged}"
    assert daemon.loop is not None
    assert not daemon.loop._progress.running, "I-LIVE: a pass does not end"
    assert daemon.world.demands.broken == [], daemon.world.demands.broken


def dry_run_tells_what_apply_does(world: World, *, prune: bool) -> None:
    """Demand that a diff writes nothing, and that apply then does what it said (I-DRY)."""
    dry = world.copy()
    one = dry.new("diff", prune=prune)
    dry.run((one, one.diff))
    assert dry.cluster.writes() == [], "I-DRY: a diff wrote a Secret"
    assert dry.home.writes() == 0, "I-DRY: a diff wrote a home object"
    assert dry.state() == world.state()
    ended(one)
    near_the_hour = _near_the_hour(world)  # the apply may forget what is an hour old by then
    other = world.new("apply after diff", prune=prune)
    world.run((other, other.apply))
    ended(other)
    if other.plan is None or one.plan is None:
        return
    told, did = _by_key(one.plan), _by_key(other.plan)
    # Where the inventory knows of nothing, a create is the look: there a diff knows more, and its guards count more.
    unread = [key for key, change in did.items() if change.action is Action.UNREADABLE]
    unseen = {key for key in unread if f"read {key}" not in other.calls}
    guards_agree = not near_the_hour and not any(told[key].keys.removed for key in unseen & told.keys())
    for key in told.keys() & did.keys():
        if key in world.silent or None in world.silent or key in unseen or key.namespace in world.cluster.terminating:
            continue
        assert told[key].action is did[key].action, f"I-DRY: diff said {_said(told[key])}, apply did {_said(did[key])}"
        if guards_agree and did[key].outcome != "skipped":
            held = told[key].outcome == "held", did[key].outcome == "held"
            assert held[0] == held[1], f"I-DRY: diff said {_said(told[key])}, apply did {_said(did[key])}"
    assert told.keys() == did.keys(), f"I-DRY: diff spoke of {sorted(told)}, apply of {sorted(did)}"


def two_at_once_are_as_one(world: World, seed: int, *, prune: bool) -> None:
    """Demand that two runs at once end where two in a row do, without undoing each other (I-TWO)."""
    if _near_the_hour(world):
        return
    twin = world.copy()
    for name in ("first", "second", "third"):
        run = twin.new(name, prune=prune)
        twin.run((run, run.apply))
    one, other = world.new("left", prune=prune), world.new("right", prune=prune)
    with world.chosen_by(seed):
        world.run((one, one.apply), (other, other.apply))
    ended(one)
    ended(other)
    for key in one.written.keys() | other.written.keys():
        writes = one.written.get(key, 0) + other.written.get(key, 0)
        assert writes <= 2, f"I-TWO: {key} was written {writes} times"
    last = world.new("after both", prune=prune)
    world.run((last, last.apply))
    ended(last)
    assert last.refused or world.state() == twin.state(), f"I-TWO: {_differing(world, twin)}"


def order_does_not_matter(world: World, seed: int) -> None:
    """Demand that neither the order of mappings nor that of threads and answers changes the result (I-ORDER)."""
    if _near_the_hour(world):
        return
    one, other = world.copy(), world.copy()
    shuffled = list(world.config.mappings)
    chance(seed).shuffle(shuffled)
    other.config = replace(world.config, mappings=tuple(shuffled))
    first, second = one.new("in order"), other.new("in another order")
    one.run((first, first.apply))
    with other.chosen_by(seed):
        other.run((second, second.apply))
    assert one.state() == other.state(), f"I-ORDER: {_differing(one, other)}"


def stores_are_isolated(world: World, store: str, fault: str, *, daemon: bool) -> None:
    """Demand that a store in trouble changes no call and no write of those that do not use it (I-ISO)."""
    if _near_the_hour(world):
        return
    well, ill = world.copy(), world.copy()
    if fault == "hang":
        ill.sources.hang(store, None)
    else:
        ill.sources.break_down(store, fault)
    programs = [twin.new("twin", daemon=daemon) for twin in (well, ill)]
    for twin, program in zip((well, ill), programs, strict=True):
        twin.run((program, program.start if daemon else program.apply))
        if daemon:
            twin.run((program, lambda program=program: program.go_on(70.0)))  # type: ignore[misc]
    # A pass that waits for the store in trouble ends later: the other twin lives as long.
    last = max(twin.turns.now for twin in (well, ill))
    for twin, program in zip((well, ill), programs, strict=True):
        if daemon and program.loop is not None:
            if twin.turns.now < last:
                twin.run((program, lambda program=program, left=last - twin.turns.now: program.go_on(left)))  # type: ignore[misc]
            daemon_is_well(program)
        twin.turns.kill(program)
    until = min(twin.turns.now for twin in (well, ill)) if daemon else math.inf
    others = [m for m in world.config.mappings if all(s.ref.store != store for s in m.selections())]
    for mapping in others:
        states = well.state().get(mapping.key), ill.state().get(mapping.key)
        assert states[0] == states[1], f"I-ISO: {mapping.key} differs where {store} is in trouble"
        writes = [program.written.get(mapping.key, 0) for program in programs]
        assert writes[0] == writes[1], f"I-ISO: {mapping.key} was written {writes} times"
    touched = {s.ref for m in world.config.mappings if m not in others for s in m.selections()}
    for ref in {s.ref for m in others for s in m.selections()} - touched:
        reads = [sum(moment < until for moment, _ in program.answers.get(ref, ())) for program in programs]
        assert reads[0] == reads[1], f"I-ISO: {ref} was read {reads} times"


def wall_clock_does_not_matter(world: World, seconds: float) -> None:
    """Demand that a step of the wall clock changes no result (I-TIME); what an hour counted is on that clock."""
    if world.inventory().removals:
        return
    one, other = world.copy(), world.copy()
    other.offset += seconds
    for twin in (one, other):
        program = twin.new("twin")
        twin.run((program, program.apply))
        ended(program)
    assert one.state() == other.state(), f"I-TIME: {_differing(one, other)}"


def converges(world: World) -> None:
    """Demand that once nothing is wrong any more, two runs make all as it should be and a third writes nothing."""
    world.sources.mend()
    world.calm()
    before = dict(world.cluster.secrets)
    runs = [world.new(f"calm {number}", allow_deletes=100) for number in range(4)]
    for run in runs[:2]:
        world.run((run, run.apply))
        ended(run)
    if runs[1].refused == "the inventory in memory cannot be believed":
        world.lose_inventory()
        for run in runs[:2]:
            world.run((run, run.apply))
    if runs[1].refused:
        assert world.cluster.secrets == before, "a refused run wrote"
        return
    for mapping in world.config.mappings:
        _as_it_should_be(world, mapping, before.get(mapping.key))
    calls = len(world.cluster.writes()), world.home.writes()
    for run in runs[2:]:
        world.run((run, run.apply))
        ended(run)
    assert calls == (len(world.cluster.writes()), world.home.writes()), f"I-IDEM: {runs[2].calls} {runs[3].calls}"
    shown = _shown(runs[2]), _shown(runs[3])
    assert shown[0] == shown[1], f"I-IDEM: the plans differ: {shown}"


def daemon_converges(world: World) -> None:
    """Demand that once nothing is wrong any more, a daemon makes all as it should be, and is then quiet.

    It is given some hours: what takes keys away is let through once an hour for each store.
    """
    world.sources.mend()
    world.calm()
    world.set_clock_right()
    before = dict(world.cluster.secrets)
    daemon = world.new("calm daemon", daemon=True)
    world.run((daemon, daemon.start))
    if daemon.loop is None:
        assert world.cluster.secrets == before, "a refused daemon wrote"
        return
    for _ in range(5):
        world.run((daemon, lambda: daemon.go_on(3700.0)))
        daemon_is_well(daemon)
    for mapping in world.config.mappings:
        absent = [selection for selection in mapping.selections() if selection.ref not in world.sources.current]
        the_guards_decide = absent and (mapping.when_source_gone == "delete" or absent[0].optional)
        if not the_guards_decide and not _held_for_good(world, mapping, before.get(mapping.key)):
            _as_it_should_be(world, mapping, before.get(mapping.key))
    calls = len(world.cluster.writes()), world.home.writes()
    world.run((daemon, lambda: daemon.go_on(1300.0)))
    assert calls == (len(world.cluster.writes()), world.home.writes()), f"I-IDEM: {daemon.calls[-20:]}"
    world.turns.kill(daemon)


def _held_for_good(world: World, mapping: SecretMapping, before: LiveSecret | None) -> bool:
    """Tell whether a Secret stays as it is, since bringing it up to date takes away what a store in doubt gave."""
    if before is None or world.cluster.secrets.get(mapping.key) != before:
        return False
    sources = refs_of(world.config.mappings)
    doubtful = disbelieved(sources, [ref for ref in sources if ref not in world.sources.current])
    wanted = expected(mapping, world.sources.current.get) or {}
    takes = before.data.keys() - wanted.keys() or before.type != mapping.type or before.immutable
    return bool(takes) and any(selection.ref.store in doubtful for selection in mapping.selections())


def _as_it_should_be(world: World, mapping: SecretMapping, before: LiveSecret | None) -> None:
    key, live = mapping.key, world.cluster.secrets.get(mapping.key)
    paused = mapping.suspend or (live is not None and live.annotations.get(_SUSPEND) == "true")
    wanted = expected(mapping, world.sources.current.get)
    ours = live is not None and world.demands.proven(live)
    adoptable = live is not None and mapping.adopt and not claimed(live)
    if paused or wanted is None or (live is not None and not ours and not adoptable):
        assert live == before, f"I-GOOD: {key} changed, though it was to be left alone"
        return
    assert live is not None, f"I-CONV: {key} is not there"
    replaced = live.type != mapping.type or (live.immutable and not _holds(live, wanted, mapping))
    if "meta.helm.sh/release-name" in live.annotations and not mapping.merge:
        assert live == before
        return
    if replaced:
        assert not ours or not world.config.allow_replace, f"I-CONV: {key} was not replaced"
        return
    assert ours, f"I-CONV: {key} was not taken over"
    assert _holds(live, wanted, mapping), f"I-CONV: {key} holds {sorted(live.data)} of other versions than {wanted}"
    assert dict(mapping.labels).items() <= live.labels.items(), f"I-CONV: {key} has the labels {live.labels}"
    assert managed(live).merge == mapping.merge, f"I-CONV: {key} bears {live.annotations}"


def _holds(live: LiveSecret, wanted: Mapping[str, str], mapping: SecretMapping) -> bool:
    values = {name: value.reveal().decode() for name, value in live.data.items()}
    more = values.keys() - wanted.keys()
    theirs = mapping.merge and more.isdisjoint(managed(live).keys)
    return wanted.items() <= values.items() and (theirs or not more)


def _near_the_hour(world: World) -> bool:
    """Tell whether a removal is about to be an hour old, so that a moment more or less decides what the guards say."""
    now = world.wall()
    return any(abs(now - removal.at - HOUR) < 2 * _RUN for removal in world.inventory().removals)


def _by_key(made: Plan) -> dict[SecretKey, Change]:
    return {change.key: change for change in made.changes}


def _said(change: Change) -> str:
    return f"{change.key} {change.action.value} {change.reason} {change.outcome}"


def _shown(program: Program) -> str:
    assert program.plan is not None
    return render_diff(program.plan, form="json", color=False, redact_keys=False)


def _differing(one: World, other: World) -> object:
    left, right = one.state(), other.state()
    return {
        str(key): (left.get(key), right.get(key))
        for key in left.keys() | right.keys()
        if left.get(key) != right.get(key)
    }
