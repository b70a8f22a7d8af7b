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
