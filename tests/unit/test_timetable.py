"""When mappings fall due: together where they share a store and an interval, never later than their interval."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.daemon.timetable import JITTER, SPREAD, Timetable, finest_intervals
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.selection import Selection


def mapping(name: str, *refs: str, interval: float = 60.0, schedule: str | None = None) -> SecretMapping:
    named = (ref.split("/") for ref in refs)
    data = tuple((f"k{i}", Selection(RemoteRef(store, key))) for i, (store, key) in enumerate(named))
    return SecretMapping(
        id=f"ns/{name}",
        key=SecretKey("default", "ns", name),
        origin=Position("f.yaml", 1, 1),
        type="Opaque",
        data=data,
        interval=interval,
        schedule=schedule,
    )


def names(taken: tuple[SecretMapping, ...]) -> list[str]:
    return sorted(m.key.name for m in taken)


def next_due(table: Timetable) -> float:
    due = table.next_due()
    assert due is not None
    return due


def test_what_was_never_written_is_due_at_once() -> None:
    table = Timetable([mapping("a", "s/x"), mapping("b", "s/y")], now=100.0)
    assert next_due(table) == 100.0
    assert names(table.take(100.0)) == ["a", "b"]


def test_what_was_written_before_starts_within_its_interval_and_a_minute() -> None:
    mappings = [mapping(f"m{i}", f"s{i}/x", interval=3600.0) for i in range(50)]
    table = Timetable(mappings, now=0.0, known={m.key for m in mappings})
    assert len(table.take(0.0)) < 5
    table = Timetable(mappings, now=0.0, known={m.key for m in mappings})
    assert names(table.take(SPREAD)) == sorted(m.key.name for m in mappings)


def test_mappings_of_one_store_and_interval_fall_due_together() -> None:
    table = Timetable([mapping(f"m{i}", "s/x") for i in range(20)], now=0.0)
    table.take(0.0)
    assert len(table.take(next_due(table))) == 20


def test_two_stores_that_share_a_mapping_share_their_phase() -> None:
    table = Timetable([mapping("a", "s/x"), mapping("b", "t/y"), mapping("ab", "s/x", "t/y")], now=0.0)
    table.take(0.0)
    assert names(table.take(next_due(table))) == ["a", "ab", "b"]


def test_a_source_wanted_at_two_intervals_is_read_on_the_finer_one() -> None:
    fine, coarse = mapping("fine", "s/x", interval=60.0), mapping("coarse", "s/x", interval=90.0)
    table = Timetable([fine, coarse], now=0.0, known={fine.key, coarse.key})
    taken = [names(table.take(next_due(table))) for _ in range(50)]
    assert ["coarse"] not in taken
    assert sum("coarse" in t for t in taken) >= 30


def test_a_multiple_of_the_finer_interval_is_not_read_more_often() -> None:
    fine, coarse = mapping("fine", "s/x", interval=60.0), mapping("coarse", "s/x", interval=300.0)
    table = Timetable([fine, coarse], now=0.0, known={fine.key, coarse.key})
    taken = [names(table.take(next_due(table))) for _ in range(20)]
    assert sum("coarse" in t for t in taken) == 4
    assert all("fine" in t for t in taken)


def test_a_late_loop_takes_each_mapping_once() -> None:
    table = Timetable([mapping("a", "s/x", interval=10.0)], now=0.0)
    table.take(0.0)
    assert names(table.take(1000.0)) == ["a"]
    assert table.take(1000.0) == ()
    assert 1000.0 < next_due(table) <= 1010.0


def test_a_mapping_on_a_calendar_has_no_interval() -> None:
    m = mapping("nightly", "s/x", schedule="0 3 * * *")
    table = Timetable([m], now=0.0, known={m.key})
    assert table.next_due() is None
    table.add(m, at=5.0)
    assert names(table.take(5.0)) == ["nightly"]


def test_overdue_tells_how_late_the_loop_is() -> None:
    table = Timetable([mapping("a", "s/x")], now=0.0)
    assert table.overdue(7.5) == 7.5
    table.take(7.5)
    assert table.overdue(7.5) == 0.0


@given(
    intervals=st.lists(st.sampled_from([10.0, 15.0, 60.0, 70.0, 300.0]), min_size=1, max_size=6),
    refs=st.lists(st.sampled_from(["s/x", "s/y", "t/x", "u/z"]), min_size=6, max_size=6),
)
def test_no_gap_between_two_reads_is_longer_than_the_interval_and_its_jitter(
    intervals: list[float], refs: list[str]
) -> None:
    mappings = [mapping(f"m{i}", refs[i], interval=interval) for i, interval in enumerate(intervals)]
    table = Timetable(mappings, now=0.0)
    last: dict[str, float] = {}
    now = 0.0
    while now < 1000.0:
        for taken in table.take(now):
            jitter = min(JITTER[0] * taken.interval, JITTER[1])
            assert now - last.get(taken.key.name, 0.0) <= taken.interval + jitter + 1e-6
            last[taken.key.name] = now
        now = next_due(table)
    assert set(last) == {m.key.name for m in mappings}


def test_the_finest_interval_of_a_store_leaves_the_calendar_out() -> None:
    mappings = [
        mapping("a", "vault/x", interval=60.0),
        mapping("b", "vault/y", "aws/z", interval=20.0),
        mapping("c", "azure/w", interval=10.0, schedule="0 3 * * *"),
    ]
    assert finest_intervals(mappings) == {"vault": 20.0, "aws": 20.0}
