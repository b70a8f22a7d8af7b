"""Promises kept at size and over time: nothing written twice, nothing said to be fresher than it is, an end in time."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.secret import WriteFailure
from syncd.testing.memory_target import Asked
from tests.servers.keyvault import KeyVault
from tests.servers.kube import Kube
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.world import World
from tests.unit.daemon_rig import DOWN, INTERVAL, START, DaemonRig, key, wants

MANY = 10_000
EPOCH = 1e9 + START
"""What the wall clock of a rig shows at its start."""


@pytest.fixture
def world(tmp_path: Path, kube: Kube, openbao: OpenBao, moto: Moto, keyvault: KeyVault) -> World:
    return World.make(tmp_path, kube, openbao, moto, keyvault)


# I-IDEM


def test_ten_thousand_secrets_are_written_once_and_never_again_without_a_change() -> None:
    mappings = [wants(f"s{number}", RemoteRef("vault", f"x{number // 10}")) for number in range(MANY)]
    first = DaemonRig(*mappings)
    first.start()
    first.run(INTERVAL + 5)
    first.stop()
    assert len(first.stores["vault"].requests) == 2 * MANY / 10
    assert sorted(asked.key.name for asked in first.cluster.writes()) == sorted(m.key.name for m in mappings)
    assert {asked.verb for asked in first.cluster.writes()} == {"create"}
    saves = len(first.shelf.saves)

    # Another process knows nothing but what stands in the cluster.
    second = DaemonRig(*mappings, cluster=first.cluster, shelf=first.shelf)
    second.start()
    second.run(INTERVAL + 5)
    second.stop()
    assert len(second.stores["vault"].requests) >= MANY / 10
    assert len(second.cluster.writes()) == MANY
    assert len(second.shelf.saves) == saves


# I-FRESH and I-LIVE


def metric(rig: DaemonRig, name: str) -> float:
    (line,) = [line for line in rig.metrics.text().decode().splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


TROUBLE: dict[str, Callable[[DaemonRig], None]] = {
    "down": lambda rig: rig.stores["vault"].break_down(DOWN),
    "hanging": lambda rig: rig.stores["vault"].hang(),
    "throttled": lambda rig: rig.stores["vault"].break_down(
        Failure(FailureClass.THROTTLED, "throttled", "slow down", 20.0, scope="store")
    ),
    "denied": lambda rig: rig.stores["vault"].deny("a"),
    "malformed": lambda rig: rig.stores["vault"].break_down(Failure(FailureClass.MALFORMED, "not-json", "no JSON")),
    "gone": lambda rig: rig.stores["vault"].delete("a"),
    "namespace": lambda rig: setattr(rig.cluster, "answer", _refuse),
    "none": lambda _rig: None,
}


def _refuse(asked: Asked) -> WriteFailure | None:
    return None if asked.verb == "read" else WriteFailure(asked.key, "denied", "forbidden", "no right to write it")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    trouble=st.sampled_from(sorted(TROUBLE)),
    healthy_for=st.sampled_from([0.0, 2.0, 61.0, 200.0]),
    lasts=st.sampled_from([10.0, 70.0, 250.0]),
    step=st.sampled_from([0.0, -3600.0, 86400.0]),
)
def test_what_the_daemon_says_of_the_age_of_its_data_is_never_younger_than_the_truth(
    trouble: str, healthy_for: float, lasts: float, step: float
) -> None:
    """Every value is the moment at which it was put, so each Secret says how old it is at least."""
    refs = [RemoteRef("vault", "a"), RemoteRef("vault", "b"), RemoteRef("aws", "c")]
    rig = DaemonRig(*(wants(ref.key, ref) for ref in refs), latency=0.3)
    kept = list(refs)

    def live(seconds: float, *, judged: bool = True) -> None:
        """Give every object a new value each second, and judge what is said of the age."""
        for _ in range(int(seconds)):
            for ref in kept:
                rig.stores[ref.store].put(ref.key, repr(rig.now()).encode())
            rig.run(1.0)
            said = metric(rig, "syncd_oldest_success_timestamp_seconds")
            if said and judged:
                assert said - EPOCH - rig.step <= min(float(rig.data(ref.key)["k0"]) + 1.0 for ref in refs)

    for ref in refs:
        rig.stores[ref.store].put(ref.key, b"0.0")
    rig.start()
    live(healthy_for)
    rig.step = step
    TROUBLE[trouble](rig)
    if trouble == "gone":
        kept.remove(refs[0])
    live(6.0, judged=False)  # the loop turns once on the new wall clock
    live(lasts)
    late = metric(rig, "syncd_oldest_success_timestamp_seconds")
    if trouble != "none":
        assert late - EPOCH - rig.step <= healthy_for
    assert rig.loop.alive() == ""
    rig.stores["vault"].release()
    rig.stop()
    rig.run(60)
    assert rig.ended_at is not None


def test_the_age_is_young_again_once_all_is_well() -> None:
    rig = DaemonRig(wants("a", RemoteRef("vault", "x")), wants("b", RemoteRef("aws", "y")))
    rig.stores["vault"].break_down(DOWN)
    rig.start()
    rig.run(300)
    assert metric(rig, "syncd_oldest_success_timestamp_seconds") == 0.0
    rig.stores["vault"].mend()
    rig.run(2 * INTERVAL)
    assert rig.data("a")
    assert EPOCH + 300 <= metric(rig, "syncd_oldest_success_timestamp_seconds") <= EPOCH + 300 + 2 * INTERVAL
    rig.stop()


def test_what_is_overdue_is_told_as_long_as_it_waits() -> None:
    """A pass that hangs keeps the next one waiting; the metric says at least how long."""
    rig = DaemonRig(wants("a", RemoteRef("vault", "x"), interval=10.0), wants("b", RemoteRef("aws", "y")))
    rig.start()
    rig.run(1)
    rig.cluster.remove(key("a"))
    rig.on_call = lambda asked: rig.time.sleep(300) if (asked.key, asked.verb) == (key("a"), "create") else None
    while rig.verbs("a")[-1] != "create" or len(rig.verbs("a")) == 1:
        rig.run(1)
    hangs = rig.now()
    rig.run(200)
    waited = rig.now() - hangs - 10.0 - 5.0  # due an interval later, and told at the next turn of the loop
    assert metric(rig, "syncd_overdue_seconds") >= waited - 1
    assert rig.loop.behind() != ""
    rig.stop()
    rig.run(400)


# The end


def test_a_daemon_with_a_hundred_writes_queued_ends_in_time_with_nothing_partial(world: World) -> None:
    """Told to end at a random moment, it leaves each Secret whole or not made; the next run makes the rest."""
    keys = {f"k{number}": f"value-{number}" for number in range(5)}
    for number in range(100):
        world.openbao.put(world.mount, f"p{number}", {name: f"{value}-{number}" for name, value in keys.items()})
    source = {"store": "vault"}
    mappings = [{"name": f"s{number}", "dataFrom": [source | {"key": f"p{number}"}]} for number in range(100)]
    target = {"kubeconfig": "kubeconfig", "context": "syncd-test", "limits": {"requestsPerSecond": 15}}
    world.configure(mappings, target={"kubernetes": target})
    chance = random.Random()  # noqa: S311 — a moment, not a secret

    def standing() -> list[str]:
        return [f"s{number}" for number in range(100) if world.kube.secret(world.namespace, f"s{number}")]

    with world.daemon() as daemon:
        enough = chance.randint(1, 40)
        mark = world.kube.mark()
        daemon.until(lambda: sum(entry.verb == "create" for entry in world.asked(mark)) >= enough)
        assert daemon.end() < 10  # and with exit code 0
        assert "Traceback" not in daemon.log()
        assert json.loads(daemon.log().splitlines()[-1])["event"] == "stopped"
    made = standing()
    assert 0 < len(made) < 100, "it was not in the middle of its writes"
    for name in made:
        own = name.removeprefix("s")
        assert world.live(name) == {each: f"{value}-{own}".encode() for each, value in keys.items()}
    world.run("apply", "--yes")
    assert len(standing()) == 100
