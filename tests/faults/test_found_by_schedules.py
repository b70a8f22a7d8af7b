"""What schedules of the machine once found, as the shortest story that shows it."""

import pytest

from syncd.model.mapping import SecretKey, SecretMapping, Selection
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
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
