"""I-TWO: whoever writes beside one of us, in whatever order their calls arrive, all ends as if one had written.

Two runs of one instance, two daemons, one of each: every order of their calls with two unforced switches for one
Secret, with one for a pass that has everything to do, and drawn orders beyond. Beside them somebody else with kubectl.
"""

from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey
from syncd.model.reference import RemoteRef
from syncd.model.secret import DesiredSecret, LiveSecret, WriteOutcome
from syncd.redact import SecretValue
from syncd.target.seam import Permit
from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.program import Config, Program
from tests.faults.machine.world import SECRETS, World, chance
from tests.faults.orders import Choose, every_order
from tests.faults.other_hands import HANDS, as_wanted
from tests.faults.test_crash_points import everything_at_once, first_start, mapping

A, B, C = SECRETS[:3]
X, Y = RemoteRef("s", "x"), RemoteRef("s", "y")
INTERVAL = 300.0
Verb = str


@pytest.fixture(autouse=True)
def _one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)


def one_new_secret() -> World:
    """Give a world in which one Secret is to be made, and the key and inventory before it."""
    world = World()
    world.config = Config((mapping(A, X),))
    return world


def one_secret_to_update() -> World:
    world = one_new_secret()
    program = world.new("before")
    world.run((program, program.apply))
    world.sources.put(X, ("p", "q"))
    return world


def two_secrets_to_remove() -> World:
    """Give a world in which a source is gone, and a mapping, and both may take their Secrets along."""
    world = World()
    gone = mapping(C, Y, when_mapping_gone="delete")
    world.config = Config((mapping(A, X, when_source_gone="delete"), mapping(B, Y), gone))
    program = world.new("before")
    world.run((program, program.apply))
    world.sources.delete(X)
    world.config = Config(world.config.mappings[:2])
    return world


def new(world: World, name: str, verb: Verb) -> Program:
    return world.new(name, daemon=verb == "daemon", prune=verb == "apply", allow_deletes=100)


def job(program: Program, beside: Program | None = None) -> Callable[[], None]:
    """Give what a program does: all of an apply, or a daemon's first minutes, until what is gone was gone for long.

    An apply beside a daemon begins with the daemon's first look at a store, so that they meet.
    """

    def live() -> None:
        program.start()
        program.go_on(1000.0 if X not in program.world.sources.current else 70.0)

    def run_once() -> None:
        if beside is not None and beside.daemon:
            program.world.turns.wait(lambda: any(call.startswith("fetch") for call in beside.calls))
        program.apply()

    return live if program.daemon else run_once


def in_a_row(begin: Callable[[], World], verbs: tuple[Verb, Verb]) -> tuple[World, dict[SecretKey, int]]:
    """Let one write after the other; give the world, and how often each Secret was written."""
    world = begin()
    writes: Counter[SecretKey] = Counter()
    for verb in verbs:
        program = new(world, verb, verb)
        world.run((program, job(program)))
        world.turns.kill(program)
        writes.update(program.written)
    return world, dict(writes)


def together(begin: Callable[[], World], verbs: tuple[Verb, Verb], choose: Choose) -> tuple[World, list[Program]]:
    """Let both write at once, in the order chosen."""
    world = begin()
    one, other = (new(world, name, verb) for name, verb in zip(("left", "right"), verbs, strict=True))
    world.turns.choose = choose
    world.run((one, job(one)), (other, job(other, beside=one)))
    world.turns.choose = lambda _count: 0
    for program in (one, other):
        world.turns.kill(program)
        assert program.refused == ""
    return world, [one, other]


def judge(begin: Callable[[], World], verbs: tuple[Verb, Verb]) -> Callable[[Choose], None]:
    """Give what lets two write in one order, and demands that all is as if they had written in a row."""
    row, writes = in_a_row(begin, verbs)

    def run(choose: Choose) -> None:
        world, programs = together(begin, verbs, choose)
        told = [program.calls for program in programs]
        assert world.demands.broken == [], told
        assert world.state() == row.state(), told
        for key in writes | programs[0].written | programs[1].written:
            written = sum(program.written.get(key, 0) for program in programs)
            assert written == writes.get(key, 0), f"{key} was written {written} times: {told}"
        calls = len(world.cluster.writes()), world.home.writes()
        after = world.new("after both")
        world.run((after, after.apply))
        assert calls == (len(world.cluster.writes()), world.home.writes()), f"{after.calls} after {told}"

    return run


PAIRS = [("apply", "apply"), ("daemon", "apply"), ("daemon", "daemon")]


@pytest.mark.parametrize(
    ("begin", "verbs"),
    [(one_new_secret, PAIRS[0]), (one_secret_to_update, PAIRS[0]), (one_secret_to_update, PAIRS[1])],
)
def test_two_that_write_one_secret_end_as_one_in_every_order_of_two_switches(
    begin: Callable[[], World], verbs: tuple[Verb, Verb]
) -> None:
    """I-TWO."""
    print(every_order(judge(begin, verbs), switches=2), "orders")  # noqa: T201 — it is the figure


@pytest.mark.parametrize("verbs", PAIRS)
@pytest.mark.parametrize("begin", [first_start, everything_at_once, two_secrets_to_remove])
def test_two_with_everything_to_do_end_as_one_in_every_order_of_one_switch(
    begin: Callable[[], World], verbs: tuple[Verb, Verb]
) -> None:
    """I-TWO."""
    print(every_order(judge(begin, verbs), switches=1), "orders")  # noqa: T201 — it is the figure


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    begin=st.sampled_from([first_start, everything_at_once, two_secrets_to_remove]),
    verbs=st.sampled_from(PAIRS),
    seed=st.integers(0, 2**32),
)
def test_two_end_as_one_in_any_order(begin: Callable[[], World], verbs: tuple[Verb, Verb], seed: int) -> None:
    """I-TWO."""
    judge(begin, verbs)(chance(seed).randrange)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(1, 12), first=st.booleans(), seed=st.integers(0, 2**32))
def test_of_two_that_read_different_versions_the_newer_stays(place: int, seed: int, *, first: bool) -> None:
    """I-TWO, I-MONO: a source changes while both are under way; who read it before writes nothing over who read after.

    `demands` fails the write that would bring the older one back.
    """
    world = one_secret_to_update()
    changes = {place: lambda: world.sources.put(X, ("p", "q"))}
    one, other = world.new("left"), world.new("right", meanwhile=changes)
    with world.chosen_by(seed):
        world.run(*(((one, one.apply), (other, other.apply))[:: 1 if first else -1]))
    assert one.written.get(A, 0) + other.written.get(A, 0) <= 2
    after = world.new("after both")
    world.run((after, after.apply))
    assert as_wanted(world, world.config.mappings[0]) == ""


# Somebody else


def two_secrets_to_update() -> World:
    world = World()
    world.config = Config((mapping(A, X, Y, labels=(("env", "1"),)), mapping(B, Y)), allow_replace=True)
    program = world.new("before")
    world.run((program, program.apply))
    world.sources.put(X, ("p", "q"))
    return world


def lived(world: World, seconds: float, meanwhile: dict[int, Callable[[], None]] | None = None) -> Program:
    """Let a daemon start and live for so long."""
    daemon = world.new("daemon", daemon=True, allow_deletes=100, meanwhile=meanwhile or {})
    world.run((daemon, daemon.start))
    world.run((daemon, lambda: daemon.go_on(seconds)))
    world.turns.kill(daemon)
    return daemon


@pytest.mark.parametrize("name", sorted(HANDS))
def test_a_daemon_and_somebody_else_end_with_the_ones_work_and_the_others_word(name: str) -> None:
    """I-TWO: before each call of the daemon's first passes somebody else goes first; one pass more, and all is well."""
    hand, calls = HANDS[name], len(lived(two_secrets_to_update(), 400.0).calls)
    for place in range(1, calls + 1):
        world = two_secrets_to_update()
        stood: list[LiveSecret | None] = []

        def act(world: World = world, stood: list[LiveSecret | None] = stood) -> None:
            hand.act(world, A, B)
            stood.append(world.cluster.secrets.get(A))

        daemon = lived(world, 400.0 + INTERVAL, {place: act})
        told = f"{name} before {daemon.calls[place - 1]} ({place} of {calls})"
        assert world.demands.broken == [], told
        assert as_wanted(world, world.config.mappings[1]) == "", told
        # The new version, and what was done meanwhile: no more is to be undone, be it in two calls.
        assert daemon.written.get(A, 0) <= 3, told
        if hand.then == "left-alone":
            assert [world.cluster.secrets.get(A)] == stood, told
        else:
            assert as_wanted(world, world.config.mappings[0]) == "", told
            live = world.cluster.secrets[A]
            assert ("foreign" in live.labels) == (name == "label-added"), told
            assert ("foreign/note" in live.annotations) == (name == "annotation-added"), told


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fight_is_no_faster_than_the_interval(when: str) -> None:
    """I-TWO: somebody else changes the Secret right before or right after each write of the daemon, for two hours."""
    world, hours = two_secrets_to_update(), 2
    numbers = count()

    def fight() -> None:
        value = SecretValue(b"foreign/%d" % next(numbers))
        world.as_somebody_else(lambda: world.edit(A, data={"k0": value, "k1": value}))

    tried: list[float] = []
    update = world.cluster.update

    def fought(live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        tried.append(world.turns.now)
        if when == "before":
            fight()
        outcome = update(live, desired, permit)
        if when == "after":
            fight()
        return outcome

    world.cluster.update = fought  # type: ignore[method-assign]
    daemon = lived(world, hours * 3600.0)
    passes = hours * 3600.0 / INTERVAL
    assert daemon.logged == []
    if when == "before":
        # Three tries a pass, and pauses that double up to the interval.
        assert daemon.written == {}
        assert passes <= len(tried) <= 3 * (passes + 8)
    else:
        assert passes - 1 <= daemon.written[A] == len(tried) <= passes + 2
    assert as_wanted(world, world.config.mappings[1]) == ""
