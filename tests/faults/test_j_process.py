"""Section J of the catalogue: the life of the process."""

import gc
from dataclasses import dataclass, field, replace

import pytest

from syncd.keys import InstanceKey
from syncd.ledger import Ledger, open_ledger
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Plan
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import ReadFailure, WriteFailure
from syncd.model.selection import Selection
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Standing, orphaned, plan, second_look, see, worth_reading
from syncd.redact import SecretValue
from syncd.target.seam import HomeFailure, Permit
from syncd.testing.memory_home import MemoryHome, Shelf
from syncd.testing.memory_target import Asked, Granted
from syncd.told import refs_of
from syncd.writing import Writer
from tests.faults.memory_site import Site, secret, wants
from tests.unit.daemon_rig import INTERVAL, DaemonRig
from tests.unit.daemon_rig import wants as rig_wants

# J2


def test_two_daemons_of_one_instance_at_once_write_what_one_would_have_written() -> None:
    mappings = [rig_wants(f"s{number}", RemoteRef("memory", f"x{number}")) for number in range(5)]
    first = DaemonRig(*mappings)
    second = DaemonRig(*mappings, cluster=first.cluster, shelf=first.shelf)

    def together(seconds: float) -> list[Asked]:
        calls = len(first.cluster.calls)
        for _ in range(int(seconds)):
            for rig in (first, second):
                rig.run(1)
        return [asked for asked in first.cluster.calls[calls:] if asked.verb != "read"]

    first.start()
    second.start()
    made = together(3 * INTERVAL)
    # Who comes second meets what the first one made, and finds it as it should be.
    assert {(asked.verb, asked.key.name) for asked in made} == {("create", f"s{number}") for number in range(5)}
    versions = {key: live.resource_version for key, live in first.cluster.secrets.items()}
    assert together(5 * INTERVAL) == []
    assert {key: live.resource_version for key, live in first.cluster.secrets.items()} == versions

    for rig in (first, second):
        rig.stores["memory"].put("x1", b"rotated")
    assert [(asked.verb, asked.key.name) for asked in together(3 * INTERVAL)] == [("update", "s1")]
    assert together(5 * INTERVAL) == []
    for rig in (first, second):
        rig.stop()
        rig.run(10)


# J4


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_a_step_of_the_wall_clock_changes_no_read_and_no_write(step: float) -> None:
    def lived(step: float) -> DaemonRig:
        rig = DaemonRig(*(rig_wants(f"s{number}", RemoteRef("memory", f"x{number}")) for number in range(3)))
        rig.start()
        rig.run(150)
        rig.step = step
        rig.stores["memory"].put("x1", b"rotated")
        rig.run(600)
        rig.stop()
        rig.run(10)
        return rig

    without, with_step = lived(0), lived(step)
    assert with_step.passes == without.passes
    assert len(with_step.passes) > 10
    assert with_step.calls == without.calls
    assert with_step.data("s1") == {"k0": b"rotated"}


# J8


@dataclass
class Computer:
    """What outlives a process: the cluster, the home objects, the store. The process is killed after some I/O."""

    site: Site
    shelf: Shelf = field(default_factory=Shelf)
    left: float = float("inf")
    """How many more calls of the running process reach anybody."""

    def alive(self) -> bool:
        """Count one call that is about to be sent."""
        self.left -= 1
        return self.left >= 0


class MortalHome(MemoryHome):
    """The home of a process that is killed."""

    def __init__(self, computer: Computer) -> None:
        """Look at the computer's shelf."""
        super().__init__(computer.shelf)
        self._alive = computer.alive

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        return super().inventory(key) if self._alive() else DEAD

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit, *, merge: bool = True) -> HomeFailure | None:
        return super().save(inventory, key, permit, merge=merge) if self._alive() else DEAD


DEAD = HomeFailure("stopped", "the process is dead")
GONE = {"when_source_gone": "delete", "when_mapping_gone": "delete"}
RULES = Rules(prune=True, allow_replace=True, allow_deletes=50)


def apply(computer: Computer, *mappings: SecretMapping) -> Plan | None:
    """Run `apply --prune` as one process, until its last call; None where it could not even begin."""
    site = computer.site

    def answer(asked: Asked) -> ReadFailure | WriteFailure | None:
        if computer.alive():
            return None
        if asked.verb == "read":
            return ReadFailure(asked.key, FailureClass.UNAVAILABLE, "dead", "the process is dead")
        return WriteFailure(asked.key, "stopped", "dead", "the process is dead")

    site.cluster.answer = answer
    home = MortalHome(computer)
    ledger = open_ledger(home)
    if not isinstance(ledger, Ledger):
        return None
    instance = Instance("prod", ledger.key, "/etc/syncd.yaml")
    standing = Standing.of(mappings, instance=instance, rules=RULES)
    seen = see(
        mappings,
        site.gateway().read(refs_of(mappings)),
        site.targets,
        look_at=worth_reading(mappings, ledger.inventory, instance=instance),
        orphans=orphaned(mappings, ledger.inventory, site.targets, instance=instance),
    )
    seen = second_look(seen, site.gateway())
    made = plan(seen, standing, inventory=ledger.inventory, target="", now=site.now)
    return Writer(site.targets, standing, Granted(), ledger).carry_out(made, seen, now=site.now)


def before() -> Computer:
    """Give a cluster as an earlier run left it, with something of everything to do."""
    computer = Computer(Site())
    store = computer.site.store
    for name in ("same", "changed", "typed", "absent", "left"):
        store.put(name, b"one")
    apply(computer, *(wants(name, **GONE) for name in ("same", "changed", "typed", "absent", "left")))
    store.put("changed", b"two")
    store.put("new", b"one")
    store.delete("absent")
    return computer


WANTED = (
    wants("same", **GONE),
    wants("changed", **GONE),
    wants("typed", **GONE, type="example.com/other"),
    wants("absent", **GONE),
    wants("new", **GONE),
)


def state(computer: Computer) -> dict[str, tuple[str, dict[str, bytes]]]:
    """Give what stands in the cluster."""
    return {
        key.name: (live.type, {part: value.reveal() for part, value in live.data.items()})
        for key, live in computer.site.cluster.secrets.items()
    }


def test_a_process_that_dies_after_any_call_is_made_good_by_the_next_run() -> None:
    """I-CRASH."""
    whole = before()
    whole.left = 1000
    apply(whole, *WANTED)
    calls = 1000 - int(whole.left)
    assert state(whole) == {
        "same": ("Opaque", {"value": b"one"}),
        "changed": ("Opaque", {"value": b"two"}),
        "typed": ("example.com/other", {"value": b"one"}),
        "new": ("Opaque", {"value": b"one"}),
    }
    assert calls > 10
    for number in range(calls):
        killed = before()
        killed.left = number
        apply(killed, *WANTED)
        assert {"same", "changed"} <= state(killed).keys(), f"killed after {number} calls"
        killed.left = float("inf")
        for _ in range(2):  # what another writer's trace keeps back waits for the run after
            apply(killed, *WANTED)
        assert state(killed) == state(whole), f"killed after {number} calls"
        assert killed.shelf.inventory is not None
        assert whole.shelf.inventory is not None
        known, needed = killed.shelf.inventory.entries.keys(), whole.shelf.inventory.entries.keys()
        # An entry too many is looked up and found missing.
        assert needed <= known <= needed | {secret("absent"), secret("left")}, f"killed after {number} calls"


# J9


def values_in_memory(content: bytes) -> int:
    """Count the values of this content that anything still holds."""
    gc.collect()
    return sum(type(each) is SecretValue and each.reveal() == content for each in gc.get_objects())


def test_a_daemon_keeps_no_value_between_its_passes() -> None:
    old, new = b"held-for-a-pass-9d21", b"held-for-a-pass-77c0"
    rig = DaemonRig(rig_wants("app", RemoteRef("memory", "x")))
    rig.stores["memory"].put("x", old)
    rig.start()
    rig.run(150)
    assert values_in_memory(old)
    rig.stores["memory"].put("x", new)
    rig.run(150)
    assert rig.data("app") == {"k0": new}
    rig.cluster.versions.clear()  # what the cluster in memory remembers is its own
    assert values_in_memory(old) == 0
    rig.cluster.secrets.clear()
    assert values_in_memory(new) == 0
    rig.stop()
    rig.run(10)


# J12


def test_a_mapping_that_brings_a_defect_up_is_tried_at_its_interval_and_no_other_is_held_up() -> None:
    rig = DaemonRig(*(rig_wants(f"s{number}", RemoteRef("memory", f"x{number}")) for number in range(3)))

    def poisoned(asked: Asked) -> None:
        if asked.key.name == "s1" and asked.verb == "create":
            raise LookupError

    rig.on_call = poisoned
    loop = rig.start()
    rig.run(600)
    assert {key.name for key in rig.cluster.secrets} == {"s0", "s2"}
    assert rig.verbs("s1").count("create") in range(10, 13)
    (told,) = rig.log.of("secret-failed")
    assert told["name"] == "s1"
    assert "a defect in syncd: LookupError" in str(told["message"])
    assert loop.alive() == ""
    rig.on_call = lambda _asked: None
    rig.run(INTERVAL + 1)
    assert rig.data("s1") == {"k0": b"value of x1"}
    rig.stop()
    rig.run(10)


X1 = RemoteRef("memory", "x1")


class Lived:
    """What a daemon of three mappings did, whose middle one may bring up a defect."""

    def __init__(self, poison: SecretMapping | None, *, rig: DaemonRig | None = None) -> None:
        """Let it live for ten intervals, in which two sources change."""
        middle = poison or rig_wants("s1", X1)
        outer = (rig_wants(name, RemoteRef("memory", f"x{name[1]}")) for name in ("s0", "s2"))
        self.rig = DaemonRig(*outer, middle, cluster=rig.cluster if rig else None, shelf=rig.shelf if rig else None)
        self.loop = self.rig.start()
        for number in range(10):
            self.rig.run(INTERVAL)
            if number in (2, 7):
                self.rig.stores["memory"].put("x0", b"rotated %d" % number)
        self.rig.stop()
        self.rig.run(10)

    def reads(self, name: str) -> list[float]:
        requests = self.rig.stores["memory"].requests
        return [request.at for request in requests for ref in request.refs if ref.key == name]

    def calls(self, name: str) -> list[tuple[float, str]]:
        return [(at, asked.verb) for at, asked in self.rig.calls if asked.key.name == name]


@pytest.mark.parametrize(
    "broken", [{"data": (("k0", Selection(X1)), ("k1", "neither a selection nor a literal"))}, {"when_mapping_gone": 5}]
)
def test_a_mapping_that_cannot_be_built_or_planned_is_left_alone_after_five_passes(broken: dict[str, object]) -> None:
    poison = replace(rig_wants("s1", X1), **broken)  # type: ignore[arg-type]
    without, poisoned = Lived(None), Lived(poison)

    for number in ("0", "2"):
        assert poisoned.reads(f"x{number}") == without.reads(f"x{number}")
        assert poisoned.calls(f"s{number}") == without.calls(f"s{number}")
        assert poisoned.rig.data(f"s{number}") == without.rig.data(f"s{number}")
    assert len(without.reads("x1")) == 11
    assert len(poisoned.reads("x1")) == 5
    assert "create" not in poisoned.rig.verbs("s1")
    first, last = poisoned.rig.log.of("secret-unreadable")
    assert (first["name"], first["reason"], last["reason"]) == ("s1", "defect", "quarantined")
    assert f"the mapping at {poison.origin}" in str(first["message"])
    assert b'syncd_secrets{state="unreadable"} 1.0' in poisoned.rig.metrics.text()
    assert poisoned.rig.log.of("pass-broken") == []
    assert poisoned.loop.behind() == ""

    mended = Lived(None, rig=poisoned.rig)
    assert mended.rig.data("s1") == {"k0": b"value of x1"}


# J14


@pytest.mark.parametrize("outage", ["hangs", "is down"])
def test_a_store_that_is_out_never_makes_the_process_look_dead(outage: str) -> None:
    rig = DaemonRig(rig_wants("app", RemoteRef("memory", "x")))
    if outage == "hangs":
        rig.stores["memory"].hang()
    else:
        rig.stores["memory"].deny("x")
    loop = rig.start()
    for _ in range(24):
        rig.run(300)
        assert loop.alive() == ""
    assert loop.behind() == ""
    rig.stores["memory"].release()
    rig.stop()
    rig.run(30)
