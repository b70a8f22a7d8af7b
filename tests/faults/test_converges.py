"""I-CONV: once faults stop, every healthy mapping equals its source within two passes, from any state that is drawn.

A story leads to the state: Secrets that others made, edited, forged or took away, versions that went by unseen,
objects made anew, runs that died between their calls, inventories that are half written, spoiled or lost, and faults
of the stores and of the cluster all the while. What is healthy is told from what then stands there (other_hands).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import RemoteRef
from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.program import Config, Program
from tests.faults.machine.sources import FAULTS, REFS, STORES
from tests.faults.machine.world import SECRETS, World
from tests.faults.other_hands import HANDS, as_wanted, healthy
from tests.faults.test_crash_points import mapping

INTERVAL = 300.0
SPARE = 15.0
"""Seconds: what a reading may take, on top of two intervals."""
When = Literal["before", "after"]


@pytest.fixture(autouse=True)
def _one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)


@dataclass(frozen=True)
class Step:
    """Something that happens; its text is what a failing story shows."""

    told: str
    act: Callable[[World], object]

    def __repr__(self) -> str:
        return self.told


def by_hand(name: str, key: SecretKey, other: SecretKey) -> Step:
    return Step(f"{name} {key.namespace}/{key.name}", lambda world: HANDS[name].act(world, key, other))


def at_the_source(what: str, ref: RemoteRef) -> Step:
    def act(world: World) -> None:
        sources = world.sources
        match what:
            case "deleted":
                sources.delete(ref)
            case "lags":
                sources.lag(ref)
            case "made-anew":
                sources.delete(ref)
                sources.put(ref, ("p", "q"))
            case "new-versions":
                sources.put(ref, ("p", "q"))
                sources.put(ref, ("p", "q"))

    return Step(f"{what} {ref}", act)


def fault(what: str, store: str, namespace: str) -> Step:
    def act(world: World) -> None:
        match what:
            case "hanging":
                world.sources.hang(store, None)
            case "no-answer":
                world.silent.add(None)
            case "quota":
                world.cluster.quota = 1
            case "ending":
                world.cluster.terminating.add(namespace)
            case "missing":
                world.drop_namespace(namespace)
            case _:
                world.sources.break_down(store, what)

    return Step(f"{what} {store} {namespace}", act)


def inventory(what: str) -> Step:
    """Give a loss of the inventory; one that was spoiled is deleted by whoever mends (mend)."""
    return Step(what, lambda world: world.lose_inventory() if what == "lost" else world.home.spoil_inventory())


def dies(place: int, when: When) -> Step:
    def act(world: World) -> None:
        program = world.new("dies", crash=(place, when), allow_deletes=100)
        world.run((program, program.apply))

    return Step(f"dies {when} call {place}", act)


def applied(world: World) -> Program:
    program = world.new("apply", allow_deletes=100)
    world.run((program, program.apply))
    return program


APPLIES = Step("applies", applied)
KEYS = st.sampled_from(SECRETS)
ANY_FAULT = st.sampled_from([*sorted(FAULTS), "hanging", "no-answer", "quota", "ending", "missing"])
STEPS = st.one_of(
    st.builds(by_hand, st.sampled_from(sorted(HANDS)), KEYS, KEYS),
    st.builds(at_the_source, st.sampled_from(["new-versions", "made-anew", "deleted", "lags"]), st.sampled_from(REFS)),
    st.builds(fault, ANY_FAULT, st.sampled_from(STORES), st.sampled_from(["one", "two"])),
    st.builds(inventory, st.sampled_from(["lost", "spoiled"])),
    st.builds(dies, st.integers(3, 14), st.sampled_from(["before", "after"])),
    st.just(APPLIES),
)


def mappings_of(refs: tuple[RemoteRef, ...], adopts: tuple[bool, ...]) -> tuple[SecretMapping, ...]:
    """Map two objects to each Secret, one of which two Secrets have in common."""
    others = refs[1:] + refs[:1]
    return tuple(
        mapping(key, *dict.fromkeys((ref, other)), adopt=adopt, labels=(("env", "1"),))
        for key, ref, other, adopt in zip(SECRETS, refs, others, adopts, strict=True)
    )


CONFIGS = st.builds(
    mappings_of,
    st.tuples(*(st.sampled_from(REFS) for _ in SECRETS)),
    st.tuples(*(st.booleans() for _ in SECRETS)),
)


def mend(world: World) -> None:
    """End every fault, and put back what is gone from a store."""
    world.sources.mend()
    world.calm()
    for ref in {selection.ref for one in world.config.mappings for selection in one.selections()}:
        if ref not in world.sources.current:
            world.sources.put(ref, ("p", "q"))


def start_anew_where_spoiled(world: World) -> None:
    """Delete an inventory that cannot be believed: whoever meets it writes nothing until a person did so."""
    if applied(world.copy()).refused == "the inventory in memory cannot be believed":
        world.lose_inventory()


def judged(world: World, two_passes: Callable[[], object], one_more: Callable[[], object], story: object) -> None:
    """Let two passes be made and judge each Secret by what stood there before; one pass more writes nothing."""
    before = dict(world.cluster.secrets)
    well = [one for one in world.config.mappings if healthy(world, one)]
    two_passes()
    assert world.demands.broken == [], story
    for one in world.config.mappings:
        if one in well:
            assert as_wanted(world, one) == "", f"{one.key}: {story}"
        else:
            assert world.cluster.secrets.get(one.key) == before.get(one.key), f"{one.key} was changed: {story}"
    writes = len(world.cluster.writes()), world.home.writes()
    one_more()
    assert writes == (len(world.cluster.writes()), world.home.writes()), f"I-IDEM: {story}"


def lived_through(mappings: tuple[SecretMapping, ...], story: list[Step]) -> World:
    world = World()
    world.config = Config(mappings, allow_replace=True)
    for step in story:
        step.act(world)
    return world


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mappings=CONFIGS, begun=st.booleans(), story=st.lists(STEPS, max_size=9))
def test_two_applies_bring_any_state_to_what_the_sources_say(
    mappings: tuple[SecretMapping, ...], story: list[Step], *, begun: bool
) -> None:
    """I-CONV."""
    world = lived_through(mappings, [APPLIES] * begun + story)
    mend(world)
    start_anew_where_spoiled(world)
    judged(world, lambda: (applied(world), applied(world)), lambda: applied(world), story)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(mappings=CONFIGS, story=st.lists(STEPS, max_size=5), lasts=st.sampled_from([5.0, 200.0, 1500.0]), late=STEPS)
def test_a_daemon_brings_any_state_to_what_the_sources_say_within_two_intervals(
    mappings: tuple[SecretMapping, ...], story: list[Step], lasts: float, late: Step
) -> None:
    """I-CONV: it starts into a drawn state and lives with the faults for some time, and then they stop."""
    world = lived_through(tuple(replace(one, interval=INTERVAL) for one in mappings), story)
    start_anew_where_spoiled(world)
    daemon = world.new("daemon", daemon=True, allow_deletes=100)

    def live(seconds: float) -> None:
        world.run((daemon, lambda: daemon.go_on(seconds)))

    world.run((daemon, daemon.start))
    live(lasts)
    late.act(world)
    live(30.0)
    mend(world)
    start_anew_where_spoiled(world)
    judged(world, lambda: live(2 * INTERVAL + SPARE), lambda: live(INTERVAL), (story, lasts, late))
    assert daemon.logged == []
    world.turns.kill(daemon)
