"""Ten minutes of 429 from one store of three: what the daemon asks it, what the others lose, what follows."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from syncd.daemon.timetable import JITTER
from syncd.fetch.breaker import THRESHOLD
from syncd.model.reference import Failure, FailureClass, RemoteRef
from tests.unit.daemon_rig import START, DaemonRig, wants

SOURCES = 100
"""Of the store that meets the storm, and so the requests of one interval."""
OTHERS = 10
TEN_MINUTES = 600.0
LATENCY = 0.05


@dataclass
class Storm:
    """A daemon before, in and after ten minutes of 429; times are seconds since its start."""

    interval: float
    retry_after: float | None
    sources: int = SOURCES
    rig: DaemonRig = field(init=False)

    def __post_init__(self) -> None:
        """Map every object of the three stores to a Secret, and one more that needs two stores."""
        names = [("vault", self.sources), ("aws", OTHERS), ("azure", OTHERS)]
        refs = [RemoteRef(store, f"{store}-{number}") for store, count in names for number in range(count)]
        both = wants("both", refs[0], refs[self.sources], interval=self.interval)
        self.rig = DaemonRig(both, *(wants(ref.key, ref, interval=self.interval) for ref in refs), latency=LATENCY)
        self.rig.start()
        self.rig.run(2 * self.interval + 30)

    def begin(self) -> None:
        failure = Failure(FailureClass.THROTTLED, "throttled", "slow down", self.retry_after, scope="store")
        self.rig.stores["vault"].break_down(failure)

    def end(self) -> None:
        self.rig.stores["vault"].mend()

    def calls(self, since: float, until: float, store: str = "vault") -> list[float]:
        """Give when the store was asked."""
        times = [request.at - START for request in self.rig.stores[store].requests]
        return [at for at in times if since <= at < until]

    def gaps(self, since: float, until: float, store: str) -> list[float]:
        """Give the seconds between two reads of the same object, for every object of a store."""
        reads: dict[RemoteRef, list[float]] = {}
        for request in self.rig.stores[store].requests:
            if since <= request.at - START < until:
                reads.setdefault(request.refs[0], []).append(request.at)
        assert len(reads) == OTHERS
        return [later - earlier for times in reads.values() for earlier, later in pairwise([since + START, *times])]

    def rotate(self, store: str, count: int, value: bytes) -> None:
        for number in range(count):
            self.rig.stores[store].put(f"{store}-{number}", value)

    def holds(self, store: str, count: int, value: bytes) -> bool:
        """Tell whether every Secret of a store has that value."""
        return all(self.rig.data(f"{store}-{number}") == {"k0": value} for number in range(count))

    def late(self) -> float:
        """Give the seconds that a value of an undisturbed store takes at most: an interval, and its jitter."""
        return self.interval + min(JITTER[0] * self.interval, JITTER[1]) + self.over()

    def over(self) -> float:
        """Give the seconds from the moment a pass begins until all of it stands in the cluster, and a little."""
        return LATENCY * (self.sources / 16 + 2) + 0.5


@pytest.mark.parametrize(("interval", "sources"), [(10.0, SOURCES), (60.0, SOURCES), (300.0, 500)])
@pytest.mark.parametrize("retry_after", [None, 1.0, 30.0], ids=["no-retry-after", "1s", "30s"])
def test_ten_minutes_of_429_from_one_store(interval: float, sources: int, retry_after: float | None) -> None:
    storm = Storm(interval, retry_after, sources)
    rig = storm.rig
    rig.run(TEN_MINUTES)
    began = rig.now()
    normal = len(storm.calls(began - TEN_MINUTES, began))
    assert normal == pytest.approx(sources * TEN_MINUTES / interval, rel=0.11)
    writes = len(rig.cluster.writes())

    storm.begin()
    rig.run(1.0)
    storm.rotate("vault", sources, b"rotated in the storm")
    rotations = 0
    while rig.now() + storm.late() < began + TEN_MINUTES:
        rotations += 1
        for store in ("aws", "azure"):
            storm.rotate(store, OTHERS, b"%d" % rotations)
        rig.run(storm.late())
        for store in ("aws", "azure"):
            assert storm.holds(store, OTHERS, b"%d" % rotations), f"{store} lost an interval"
    rig.run(began + TEN_MINUTES - rig.now())
    ended = rig.now()

    asked = storm.calls(began, ended)
    assert len(asked) < 0.02 * normal
    assert min((later - earlier for earlier, later in pairwise(asked)), default=0.0) >= (retry_after or 0.0)
    for store in ("aws", "azure"):
        assert max(storm.gaps(began, ended, store)) <= storm.late()
    assert len(rig.cluster.writes()) == writes + 2 * OTHERS * rotations, "what the store did not say stays as it is"
    assert all(rig.data(f"vault-{n}") == {"k0": b"value of vault-%d" % n} for n in range(sources))
    assert rig.data("both") == {"k0": b"value of vault-0", "k1": b"value of aws-0"}

    storm.end()
    # What the store asked for with its last 429 holds beyond the storm.
    allowed = max(ended, asked[-1] + (retry_after or 0.0)) + 2 * interval
    rig.run(allowed - rig.now())
    assert storm.holds("vault", sources, b"rotated in the storm"), "not well again two intervals after the storm"
    assert rig.data("both") == {"k0": b"rotated in the storm", "k1": b"%d" % rotations}
    assert rig.loop.behind() == ""
    rig.run(TEN_MINUTES)
    after = len(storm.calls(rig.now() - TEN_MINUTES, rig.now()))
    assert after == pytest.approx(normal, abs=sources)
    rig.stop()


@pytest.mark.parametrize("retry_after", [None, 1.0], ids=["no-retry-after", "1s"])
def test_a_storm_is_asked_a_few_times_and_then_once_a_reading_whatever_the_interval(retry_after: float | None) -> None:
    """The share of normal calls follows: at the default interval, under 2 % from 400 sources on."""
    storm = Storm(300.0, retry_after)
    storm.begin()
    began = storm.rig.now()
    storm.rig.run(7 * storm.interval)
    asked = storm.calls(began, storm.rig.now())
    first = [at for at in asked if at < asked[0] + storm.interval / 2]
    assert len(first) <= THRESHOLD
    assert len(asked) - len(first) <= 7
    storm.rig.stop()


@pytest.mark.parametrize("length", [37.0, 120.0, 451.0, 1103.0])
def test_whatever_its_length_a_storm_costs_two_intervals_more_at_most(length: float) -> None:
    """The pauses between tries grow with the storm, but never beyond what the readings ask for."""
    storm = Storm(10.0, None)
    storm.begin()
    storm.rotate("vault", SOURCES, b"rotated in the storm")
    storm.rig.run(length)
    storm.end()
    storm.rig.run(2 * storm.interval)
    assert storm.holds("vault", SOURCES, b"rotated in the storm")
    storm.rig.stop()


def test_a_storm_that_begins_in_the_middle_of_a_reading_is_met_by_what_is_on_the_way_alone() -> None:
    storm = Storm(60.0, None)
    rig = storm.rig
    asked = len(rig.stores["vault"].requests)
    while len(rig.stores["vault"].requests) < asked + 30:
        rig.run(0.01)
    began = rig.now()
    storm.begin()
    rig.run(30.0)
    assert len(storm.calls(began, rig.now())) <= 16 + 3
    rig.stop()
