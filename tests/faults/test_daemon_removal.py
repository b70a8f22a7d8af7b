"""What the daemon removes and when: hours of its time on a clock that the test moves (I-DEL, I-CAP)."""

from dataclasses import replace

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.plan.instance import Rules
from tests.unit.daemon_rig import INTERVAL, START, DaemonRig, key, wants

RULES = Rules(prune=True)
HOUR = 3600.0


def going(name: str, store: str = "s", interval: float = INTERVAL) -> SecretMapping:
    mapping = wants(name, RemoteRef(store, name), interval=interval)
    return replace(mapping, when_source_gone="delete", when_mapping_gone="delete")


def names(rig: DaemonRig) -> set[str]:
    return {stands.name for stands in rig.cluster.secrets}


def deletions(rig: DaemonRig) -> list[tuple[float, str]]:
    return [(at, asked.key.name) for at, asked in rig.calls if asked.verb == "delete"]


def test_a_source_that_stays_gone_takes_its_secret_along_after_ten_minutes() -> None:
    rig = DaemonRig(*(going(f"m{number}") for number in range(4)))
    rig.start(rules=RULES)
    rig.run(1)
    rig.stores["s"].delete("m0")
    began = rig.now()
    rig.run(HOUR)
    rig.stop()
    ((at, name),) = deletions(rig)
    assert name == "m0"
    # First seen gone within an interval, and gone for ten minutes from then on.
    assert 600 <= at - began <= 600 + 3 * INTERVAL
    assert names(rig) == {"m1", "m2", "m3"}


def test_ten_minutes_are_not_enough_without_three_answers() -> None:
    rig = DaemonRig(*(going(f"m{number}", interval=1000.0) for number in range(4)))
    rig.start(rules=RULES)
    rig.run(1)
    rig.stores["s"].delete("m0")
    began = rig.now()
    rig.run(2 * HOUR)
    rig.stop()
    ((at, _),) = deletions(rig)
    assert at - began >= 2000 - 20


def test_what_a_pass_waits_for_others_does_not_count() -> None:
    """Three answers just short of ten minutes, and another object of the store that keeps the pass of the last one."""
    mappings = [going(f"m{number}", interval=296.0) for number in range(4)]
    rig = DaemonRig(*mappings)
    rig.start(rules=RULES)
    rig.run(1)
    store = rig.stores["s"]
    store.delete("m0")
    before = len(store.requests)
    rig.run(2 * 296 - 30)
    store.hang("m1")
    rig.run(HOUR)
    rig.stop()
    ((at, _),) = deletions(rig)
    times = [each.at - START for each in store.requests[before:] if each.refs[0].key == "m0"]
    asked = [moment for moment in times if moment <= at]
    assert asked[2] - asked[0] < 600, "the third answer was to be too early"
    assert asked[-1] - asked[0] >= 600


@pytest.mark.parametrize("cls", [FailureClass.DENIED, FailureClass.UNUSABLE, FailureClass.MALFORMED])
def test_any_other_answer_between_starts_the_count_anew(cls: FailureClass) -> None:
    rig = DaemonRig(*(going(f"m{number}") for number in range(4)))
    rig.start(rules=RULES)
    rig.run(1)
    store = rig.stores["s"]
    store.delete("m0")
    for _ in range(12):  # two hours, and never ten minutes in a row
        rig.run(500)
        store.break_down(Failure(cls, "other", transient=False), "m0")
        rig.run(100)
        store.mend()
    rig.stop()
    assert deletions(rig) == []


def test_what_comes_back_stays() -> None:
    rig = DaemonRig(*(going(f"m{number}") for number in range(4)))
    rig.start(rules=RULES)
    rig.run(1)
    rig.stores["s"].delete("m0")
    rig.run(500)
    rig.stores["s"].put("m0", b"back")
    rig.run(HOUR)
    rig.stop()
    assert deletions(rig) == []
    assert rig.data("m0") == {"k0": b"back"}


@pytest.mark.parametrize("count", [1, 3, 50])
def test_a_wiped_store_removes_nothing_in_six_hours(count: int) -> None:
    rig = DaemonRig(*(going(f"m{number}", interval=300.0) for number in range(count)))
    rig.start(rules=RULES)
    rig.run(1)
    assert len(names(rig)) == count
    for number in range(count):
        rig.stores["s"].delete(f"m{number}")
    rig.run(6 * HOUR)
    rig.stop()
    assert len(names(rig)) == count
    assert deletions(rig) == []


def test_a_wiped_store_removes_nothing_after_a_restart_either() -> None:
    mappings = [going(f"m{number}", interval=300.0) for number in range(20)]
    first = DaemonRig(*mappings)
    first.start(rules=RULES)
    first.run(1)
    first.stop()
    second = DaemonRig(*mappings, cluster=first.cluster, shelf=first.shelf)
    for number in range(20):
        second.stores["s"].delete(f"m{number}")
    second.start(rules=RULES)
    second.run(6 * HOUR)
    second.stop()
    assert len(names(second)) == 20


def test_no_rolling_hour_sees_more_removals_than_the_guards_allow() -> None:
    rig = DaemonRig(*(going(f"m{number}", interval=300.0) for number in range(60)))
    rig.start(rules=RULES)
    rig.run(1)
    for number in range(12):  # a fifth of the store: believed, and still limited to 5 % an hour
        rig.stores["s"].delete(f"m{number}")
    rig.run(6 * HOUR)
    rig.stop()
    times = [at for at, _ in deletions(rig)]
    assert len(times) == 12
    assert max(sum(at <= other < at + HOUR for other in times) for at in times) == 3


def test_a_mapping_that_is_gone_takes_its_secret_along_after_ten_minutes_where_its_mark_says_so() -> None:
    kept = replace(going("kept"), when_mapping_gone="keep")
    first = DaemonRig(going("m0"), going("m1"), kept)
    first.start(rules=RULES)
    first.run(1)
    first.stop()
    second = DaemonRig(going("m1"), cluster=first.cluster, shelf=first.shelf)
    second.start(rules=RULES)
    second.run(550)
    assert names(second) == {"m0", "m1", "kept"}
    second.run(HOUR)
    second.stop()
    assert names(second) == {"m1", "kept"}
    assert [name for _, name in deletions(second)] == ["m0"]
    assert key("m0") not in second.ledger.inventory.entries


def test_the_wall_clock_hastens_nothing() -> None:
    rig = DaemonRig(*(going(f"m{number}") for number in range(4)))
    rig.start(rules=RULES)
    rig.run(1)
    rig.stores["s"].delete("m0")
    rig.run(200)
    rig.step = 7 * 24 * HOUR
    rig.run(200)
    rig.stop()
    assert deletions(rig) == []


@pytest.mark.parametrize("step", [-90_000.0, 90_000.0])
def test_the_wall_clock_moves_no_pass(step: float) -> None:
    """I-TIME: the same moments of every read and write, whether or not the wall clock is set meanwhile."""

    def lived(by: float) -> tuple[list[float], list[tuple[float, str]]]:
        rig = DaemonRig(*(going(f"m{number}") for number in range(4)))
        rig.start(rules=RULES)
        rig.run(130)
        rig.step = by
        rig.run(70)
        rig.stores["s"].put("m1", b"new")
        rig.run(400)
        rig.stop()
        rig.run(10)
        return [request.at for request in rig.stores["s"].requests], [(at, asked.verb) for at, asked in rig.calls]

    assert lived(step) == lived(0.0)
