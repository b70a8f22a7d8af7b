"""What schedules of the machine once found, as the shortest story that shows it."""

import pytest

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.selection import Selection
from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.program import Config, Program
from tests.faults.machine.world import SECRETS, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    one_at_a_time(monkeypatch)
    return World()


def applied(world: World, **told: object) -> Program:
    program = world.new("apply", **told)
    world.run((program, program.apply))
    assert program.plan is not None, program.refused
    return program


def pair(key: SecretKey, **fields: object) -> SecretMapping:
    """Give a mapping of a key of one store, and of an optional one of another."""
    data = (
        ("user", Selection(RemoteRef("s", "x"), "p")),
        ("word", Selection(RemoteRef("t", "x"), "q", optional=True)),
    )
    return SecretMapping(str(key), key, Position("f", 1, 1), "Opaque", data=data, **fields)  # type: ignore[arg-type]


def test_a_wiped_store_takes_no_optional_key_away(world: World) -> None:
    """I-CAP: nothing leaves on the word of a store that is suspect, not even one key an hour."""
    world.config = Config(tuple(pair(key) for key in SECRETS))
    applied(world)
    world.sources.break_down("t", "wiped")
    for _ in range(6):
        program = applied(world)
        assert program.plan is not None
        assert {change.outcome for change in program.plan.changes} == {"held"}
        assert all("store t answers absent" in change.message for change in program.plan.changes)
        world.turns.now += 3700
    assert all("word" in live.data for live in world.cluster.secrets.values())


def test_a_store_that_lags_takes_no_secret_back_to_an_older_version(world: World) -> None:
    """I-MONO: chance rarely writes a second version, and then has the store answer with the first."""
    key, ref = SECRETS[0], RemoteRef("s", "x")
    data = (("user", Selection(ref, "p")),)
    world.config = Config((SecretMapping(str(key), key, Position("f", 1, 1), "Opaque", data=data),))
    applied(world)
    world.sources.put(ref, ("p", "q"))
    applied(world)
    newest = world.state()
    world.sources.lag(ref)
    (change,) = applied(world).plan.changes  # type: ignore[union-attr]
    assert (change.action.value, change.reason) == ("unreadable", "source-stale")
    assert world.state() == newest
    assert world.demands.broken == []
    world.sources.delete(ref)
    world.sources.put(ref, ("p", "q"))
    applied(world)
    assert world.state() != newest, "an object made anew is taken, though its count began anew"


def swap(world: World, gone: RemoteRef, back: RemoteRef) -> None:
    """Let one source go in the moment in which another comes back."""
    world.sources.put(back, ("p", "q"))
    world.sources.delete(gone)


def two_sources(world: World) -> tuple[RemoteRef, RemoteRef]:
    """Write Secrets of which one has two sources, the second of them gone by now, in a store that is believed."""
    x, y = RemoteRef("s", "x"), RemoteRef("s", "y")
    data = (("user", Selection(x, "p")), ("word", Selection(y, "q")))
    fields = {"origin": Position("f", 1, 1), "type": "Opaque", "when_source_gone": "delete"}
    both = SecretMapping("a", SECRETS[0], data=data, **fields)  # type: ignore[arg-type]
    world.config = Config((both, pair(SECRETS[1])))
    applied(world)
    world.sources.delete(y)
    return x, y


def test_a_source_that_went_just_now_does_not_inherit_the_absence_of_another(world: World) -> None:
    """I-DEL, in the daemon: three answers in a row are about one source."""
    x, y = two_sources(world)
    daemon = world.new("daemon", daemon=True)
    world.run((daemon, daemon.start))
    world.run((daemon, lambda: daemon.go_on(590.0)))
    swap(world, gone=x, back=y)
    world.run((daemon, lambda: daemon.go_on(320.0)))
    assert SECRETS[0] in world.cluster.secrets
    world.run((daemon, lambda: daemon.go_on(700.0)))
    world.turns.kill(daemon)
    assert SECRETS[0] not in world.cluster.secrets
    assert world.demands.broken == []


def test_both_looks_of_a_pruning_apply_must_miss_the_same_source(world: World) -> None:
    """I-DEL."""
    x, y = two_sources(world)
    first_run = applied(world, prune=False)
    second_look = len(first_run.calls) + 1
    applied(world, prune=True, meanwhile={second_look: lambda: swap(world, gone=x, back=y)})
    assert SECRETS[0] in world.cluster.secrets
    applied(world, prune=True)
    assert SECRETS[0] not in world.cluster.secrets
    assert world.demands.broken == []


def outcome_of(program: Program, key: SecretKey) -> tuple[str, str]:
    """Give what a run did with a Secret, and what it said of it."""
    assert program.plan is not None
    (change,) = (change for change in program.plan.changes if change.key == key)
    return change.outcome, change.message


def test_a_pruning_apply_takes_nothing_on_the_word_of_a_store_that_answered_in_part(world: World) -> None:
    """I-DEL: a run of apply is a start as well, and nothing goes before every source of the store was read."""
    two_sources(world)
    third = SecretMapping(
        "c", SECRETS[2], Position("f", 1, 1), "Opaque", data=(("z", Selection(RemoteRef("s", "z"), "p")),)
    )
    world.config = Config((*world.config.mappings, third))
    world.sources.break_down("s", "unavailable", "z")
    outcome, message = outcome_of(applied(world, prune=True), SECRETS[0])
    assert outcome == "held"
    assert "store s has not been read in full since the start" in message
    world.sources.mend()
    assert outcome_of(applied(world, prune=True), SECRETS[0]) == ("done", "")
    assert SECRETS[0] not in world.cluster.secrets


def test_a_store_that_is_suspect_by_the_second_look_is_not_believed(world: World) -> None:
    """I-CAP: what the first look found believable may be wiped by the second."""
    x, _ = two_sources(world)
    second_look = len(applied(world, prune=False).calls) + 1
    program = applied(world, prune=True, meanwhile={second_look: lambda: world.sources.delete(x)})
    outcome, message = outcome_of(program, SECRETS[0])
    assert outcome == "held"
    assert "store s answers absent for so many of its sources" in message
    assert SECRETS[0] in world.cluster.secrets
    assert world.demands.broken == []
