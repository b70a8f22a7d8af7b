"""Crash points of short-lived secrets: between issue, write, inventory and revocation nothing is left beyond its life.

A run is killed before and after each of its calls about leases, to the cluster and to the home objects, and started
again: every Secret holds leases that live, and what nobody knows of runs out by itself.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Final

import pytest

from syncd.cli.apply import Apply
from syncd.cli.compose import Parts
from syncd.config.settings import Configuration, KubernetesTarget
from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Provider
from syncd.model.lease import LeaseAnswer, LeaseCall
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import Failure, RemoteRef
from syncd.model.selection import Lease, Selection
from syncd.model.store import Store
from syncd.plan.leases import OVERLAP, all_of, book_of
from syncd.target.seam import Home, Target
from syncd.testing.home_objects import HomeObjects, ObjectsHome
from syncd.testing.memory_leases import Engine, LeaseHeld
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Cluster
from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.turns import Killed
from tests.faults.test_crash_points_of_keys import Calls, CountedTarget, When
from tests.unit.command_line import options
from tests.unit.test_renewals import HOUR, leased

RENEWABLE: Final = Lease("vault", "db/creds/renewable")
FIXED: Final = Lease("vault", "db/creds/fixed")
SLOW: Final = Lease("vault", "db/creds/slow")
START: Final = 1_800_000_000.0


class CrashingGateway(Gateway):
    """A gateway whose process may die around each call about a lease."""

    calls: Calls

    def lease(self, call: LeaseCall) -> LeaseAnswer | Failure:
        """Make it."""
        return self.calls(f"{type(call).__name__.lower()} {call}", lambda: super(CrashingGateway, self).lease(call))


class Site:
    """A store that issues, a cluster and its home objects, and runs of apply over them."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self.now = START
        self.store = MemoryProvider("vault", clock=lambda: self.now)
        self.leases = self.store.leases
        self.leases.engines |= {
            RENEWABLE.path: Engine(HOUR, keys=("login",)),
            FIXED.path: Engine(HOUR, renewable=False, keys=("user",)),
            SLOW.path: Engine(3 * HOUR, renewable=False, keys=("token",)),
        }
        self.store.put("app", b"value")
        self.cluster, self.home = Cluster(), HomeObjects()
        self.mappings: tuple[SecretMapping, ...] = ()

    def apply(self, crash: tuple[int, When] | None = None) -> Calls:
        """Run `syncd apply --yes --issue --prune`, until it ends or dies."""
        calls = Calls(crash)
        stores: dict[str, Store[Provider]] = {"vault": memory_store(self.store, "vault")}
        configuration = Configuration(
            file=Path("/etc/syncd.yaml"),
            instance="prod",
            targets={"default": KubernetesTarget("default")},
            stores=stores,
            mappings=self.mappings,
        )
        gateway = CrashingGateway(stores)
        gateway.calls = calls
        targets: dict[str, Target] = {"default": CountedTarget(self.cluster, calls)}
        home = ObjectsHome(self.home, calls, bytes)
        parts: Parts[Target, Home] = Parts(configuration, self.mappings, gateway, targets, home, "syncd")
        told = options(yes=True, issue=True, prune=True, allow_deletes=9, format="text", color=False, redact_keys=False)
        with suppress(Killed):
            Apply(parts, told, stopped=Event(), begin_writes=lambda: None, wait=lambda _: None).run()
        gateway.close()
        return calls

    def did(self) -> tuple[int, int, int]:
        """Count what was issued, renewed and written; to end a lease once more that was ended changes nothing."""
        return self.leases.count("issue"), self.leases.count("renew"), len(self.cluster.writes())

    def held(self) -> set[str]:
        """Name the leases that Secrets tell of, those that are to be revoked among them."""
        return {lease for live in self.cluster.secrets.values() for _, lease in all_of(book_of(live))}

    def lost(self) -> list[LeaseHeld]:
        """List the leases that live, and that no Secret tells of."""
        held = self.held()
        return [each for each in self.leases.live() if each.id not in held]

    def state(self) -> dict[SecretKey, tuple[str, ...]]:
        """Give the keys of each Secret; its values must be those of leases that live."""
        living = {each.id for each in self.leases.live()}
        for live in self.cluster.secrets.values():
            for record in book_of(live).leases:
                number = record.lease.rpartition("/")[2]
                assert record.lease in living, f"{live.key} holds {record.lease}, which is over"
                assert {live.data[name].reveal() for name in record.keys} == {f"{record.keys[0]}-{number}".encode()}
        return {name: tuple(sorted(live.data)) for name, live in self.cluster.secrets.items()}


@pytest.fixture(autouse=True)
def _one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Site]:
    """Make the site in which one run has everything to do: issue, renew, replace, revoke, and remove."""

    def made() -> Site:
        site = Site()
        clock = lambda: site.now  # noqa: E731 — the clock of the program, too
        monkeypatch.setattr("syncd.cli.apply.time", SimpleNamespace(time=clock, monotonic=clock, sleep=lambda _: None))
        retired, renewed, due = leased("d", SLOW), leased("c", RENEWABLE), leased("b", FIXED)
        gone = leased("e", RENEWABLE, when_mapping_gone="delete")
        for at, mappings in (
            (0.0, (retired,)),
            (1.43, (retired, renewed, due, gone)),
            (2.0, (retired, renewed, due, gone)),
        ):
            site.now, site.mappings = START + at * HOUR, mappings
            site.apply()  # at last `d` is issued anew
        site.now = START + 2.11 * HOUR
        source = ("k", Selection(RemoteRef("vault", "app")))
        site.mappings = (retired, renewed, due, leased("a", FIXED, RENEWABLE), leased("f", RENEWABLE, data=(source,)))
        return site

    return made


def test_the_reference_run_does_everything_about_leases(begin: Callable[[], Site]) -> None:
    site = begin()
    verbs = [call.partition(" ")[0] for call in site.apply().made]
    names = ("issue", "renewal", "revocation", "create", "update", "delete")
    counted = {name: verbs.count(name) for name in names}
    assert counted == {"issue": 4, "renewal": 1, "revocation": 2, "create": 2, "update": 2, "delete": 1}
    assert "patch-inventory" in verbs
    assert site.lost() == []


def test_a_run_that_dies_anywhere_leaves_no_lease_beyond_its_life(
    begin: Callable[[], Site], record_property: Callable[[str, object], None]
) -> None:
    """I-CRASH."""
    whole = begin()
    reference = whole.apply()
    wanted = whole.state()
    points: list[tuple[int, When]] = [(number + 1, "before") for number in range(len(reference.made))]
    points += [(number, "after") for number, _ in points]
    left = 0
    for number, when in points:
        site = begin()
        assert site.apply((number, when)).dead
        died = site.now
        place = f"died {when} {reference.made[number - 1]} ({number})"
        site.now += 60.0
        site.apply()
        assert site.state() == wanted, place
        lost = site.lost()
        left += bool(lost)
        assert len(lost) <= 2, place  # what one Secret has issued, or held when it went
        assert all(each.ends <= died + each.engine.ttl for each in lost), place
        did = site.did()
        site.apply()
        assert site.did() == did, place
        while site.now < died + 3 * HOUR + OVERLAP:
            site.now += HOUR / 4
            site.apply()
            assert site.state() == wanted, place
        assert site.lost() == [], place
    record_property("crash_points", len(points))
    assert 0 < left < len(points) / 2
    print(f"{len(points)} crash points, {left} leave a lease behind, which runs out")  # noqa: T201 — it is the figure


def test_what_is_lost_is_not_held_by_any_secret(begin: Callable[[], Site]) -> None:
    """The measure of the test above sees a lease that nobody knows of."""
    site = begin()
    calls = site.apply().made
    site = begin()
    before = {each.id for each in site.leases.live()}
    number = next(place for place, call in enumerate(calls, 1) if call.startswith("issue"))
    site.apply((number, "after"))
    assert [each.id in before for each in site.lost()] == [False]
    assert site.lost()[0].ends <= site.now + HOUR
