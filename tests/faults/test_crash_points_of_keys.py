"""Crash points of what is done about keys: signing anew after one was lost, a name and a key of before.

The verbs are the command line's own, over the home objects as the cluster has them, each call of which is a point: a
process dies before and after every one, and is started again.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Literal, TypeVar, cast

import pytest

from syncd.cli.apply import Apply
from syncd.cli.compose import Parts
from syncd.cli.own import _Resign
from syncd.config.settings import Configuration, Guards, KubernetesTarget, PreviousHome
from syncd.config.settings import Home as HomeSettings
from syncd.fetch.gateway import Gateway
from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.secret import DesiredSecret, Live, LiveSecret, WriteOutcome
from syncd.plan.ownership import judge
from syncd.target.home import KubernetesHome, PreviousKey
from syncd.target.kube_answer import Answer
from syncd.target.kube_api import Api, Place
from syncd.target.seam import Home, Permit, Target
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Cluster, MemoryTarget
from tests.faults.machine.patches import one_at_a_time
from tests.faults.machine.turns import Killed
from tests.unit.command_line import options
from tests.unit.test_apply import wants

When = Literal["before", "after"]
Object = dict[str, object]
T = TypeVar("T")
HOME = "syncd"


@pytest.fixture(autouse=True)
def _one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)


class Calls:
    """The I/O of one process, which may die at one of them."""

    def __init__(self, crash: tuple[int, When] | None = None) -> None:
        """Start with none made."""
        self.made: list[str] = []
        self.dead = False
        self._crash = crash

    def __call__(self, what: str, call: Callable[[], T]) -> T:
        """Make one call."""
        self.made.append(what)
        self._die(len(self.made), "before")
        answer = call()
        self._die(len(self.made), "after")
        return answer

    def _die(self, number: int, when: When) -> None:
        self.dead = self.dead or self._crash == (number, when)
        if self.dead:
            raise Killed


class Objects:
    """The home namespace as the API server holds it."""

    def __init__(self) -> None:
        """Start empty."""
        self.held: dict[Place, Object] = {}
        self._version = 0

    def store(self, place: Place, body: Object, *, over: Object | None = None) -> Answer:
        """Keep a body, with the fields that the server sets; of a ConfigMap what is given is merged into `over`."""
        self._version += 1
        told = cast("Mapping[str, object]", body["metadata"])
        before = cast("Mapping[str, object]", over["metadata"]) if over else {"uid": f"uid-{self._version}"}
        self.held[place] = {
            **(over or {}),
            **body,
            "metadata": {**before, **told, "resourceVersion": f"{self._version}"},
        }
        return Answer(200 if over else 201, json.dumps(self.held[place]).encode())


class MemoryApi(Api):
    """An API server that holds the home objects of one namespace, as one process calls it."""

    def __init__(self, objects: Objects, calls: Calls) -> None:
        """Open no connection."""
        self._objects, self._calls = objects, calls

    def get(self, place: Place) -> Answer:
        """Give what stands there."""
        return self._calls(f"get {place.name}", lambda: self._got(place))

    def create(self, place: Place, body: bytes, permit: Permit | None) -> Answer:  # noqa: ARG002 — never withdrawn
        """Make what is not there."""
        held = self._objects.held
        said = cast("Object", json.loads(body))
        taken = Answer(409, b'{"kind": "Status", "reason": "AlreadyExists"}')
        return self._calls(f"post {place.name}", lambda: taken if place in held else self._objects.store(place, said))

    def patch(self, place: Place, body: bytes, permit: Permit | None) -> Answer:  # noqa: ARG002 — as above
        """Change what stands there as it was read."""
        return self._calls(f"patch {place.name}", lambda: self._patched(place, cast("Object", json.loads(body))))

    def _got(self, place: Place) -> Answer:
        found = self._objects.held.get(place)
        return _missing(place) if found is None else Answer(200, json.dumps(found).encode())

    def _patched(self, place: Place, said: Object) -> Answer:
        found = self._objects.held.get(place)
        if found is None:
            return _missing(place)
        if not cast("Object", said["metadata"]).items() <= cast("Object", found["metadata"]).items():
            return Answer(409, b'{"kind": "Status", "reason": "Conflict"}')
        return self._objects.store(place, said, over=found)


def _missing(place: Place) -> Answer:
    details = {"kind": place.resource, "name": place.name}
    return Answer(404, json.dumps({"kind": "Status", "reason": "NotFound", "details": details}).encode())


class CountedTarget(MemoryTarget):
    """A cluster in memory whose calls are counted."""

    def __init__(self, cluster: Cluster, calls: Calls) -> None:
        """Call `cluster`."""
        super().__init__(cluster)
        self._calls = calls

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        """Look at each."""
        return [self._calls(f"read {each}", lambda each=each: self.cluster.read(each)) for each in keys]  # type: ignore[misc]

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Make it."""
        return self._calls(f"create {desired.key}", lambda: super(CountedTarget, self).create(desired, permit))

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Change it."""
        return self._calls(f"update {live.key}", lambda: super(CountedTarget, self).update(live, desired, permit))

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove it."""
        return self._calls(f"delete {live.key}", lambda: super(CountedTarget, self).delete(live, permit))


class Site:
    """A cluster with its home objects, a store, and what the configuration says."""

    def __init__(self, *mappings: SecretMapping) -> None:
        """Write them all as instance `former`."""
        self.mappings, self.objects, self.cluster = mappings, Objects(), Cluster()
        self.store = MemoryProvider()
        for name in ("a", "b", "c", "d"):
            self.store.put(name, f"value of {name}".encode())
        self.instance, self.previous = "former", tuple[PreviousHome, ...]()
        self._keys = 0
        assert self.apply().dead is False

    def apply(self, crash: tuple[int, When] | None = None, **said: object) -> Calls:
        """Run `syncd apply --yes`."""
        return self._run(crash, lambda parts: _applied(parts, **said))

    def resign(self, crash: tuple[int, When] | None = None) -> Calls:
        """Run `syncd own --resign --yes`."""
        return self._run(crash, _signed)

    def home(self, calls: Calls) -> KubernetesHome:
        """Give the home as a process of this configuration has it."""
        previous = [PreviousKey(each.instance, each.secret) for each in self.previous]
        return KubernetesHome(
            MemoryApi(self.objects, calls),
            instance=self.instance,
            namespace=HOME,
            previous=previous,
            random_bytes=self._random,
        )

    def standing(self) -> tuple[dict[SecretKey, object], Inventory]:
        """Give what stands, of each Secret whether it is proven and under which key; and what the inventory says."""
        home = self.home(Calls())
        signer = home.key()
        assert isinstance(signer, InstanceKey)
        parts = self._parts(Calls())
        state: dict[SecretKey, object] = {}
        for where, live in self.cluster.secrets.items():
            verdict = judge(live, parts.instance(signer), mapping=live.annotations.get("syncd.dev/mapping", ""))
            marks = {name: text for name, text in live.annotations.items() if name != "syncd.dev/owner"}
            data = {name: value.reveal() for name, value in live.data.items()}
            state[where] = (data, live.labels, marks, verdict.ownership, verdict.outdated, live.uid)
        inventory = home.inventory(signer)
        assert isinstance(inventory, Inventory)
        return state, inventory

    def writes(self) -> int:
        """Count what was written so far, home objects too."""
        return len(self.cluster.writes()) + self.objects._version

    def rename(self, place: str, name: str) -> None:
        """Have a Secret of the home namespace stand under another name."""
        body = self.objects.held.pop(Place(HOME, "secrets", place))
        cast("Object", body["metadata"])["name"] = name
        self.objects.held[Place(HOME, "secrets", name)] = body

    def lose(self, place: str) -> None:
        """Delete a Secret of the home namespace."""
        del self.objects.held[Place(HOME, "secrets", place)]

    def _random(self, count: int) -> bytes:
        self._keys += 1
        return bytes([self._keys]) * count

    def _run(self, crash: tuple[int, When] | None, verb: Callable[[Parts[Target, Home]], int]) -> Calls:
        calls = Calls(crash)
        parts = self._parts(calls)
        with suppress(Killed):
            assert verb(parts) == 0
        parts.gateway.close()
        return calls

    def _parts(self, calls: Calls) -> Parts[Target, Home]:
        stores = {"memory": memory_store(self.store)}
        configuration = Configuration(
            file=Path("/etc/syncd.yaml"),
            instance=self.instance,
            targets={"default": KubernetesTarget("default")},
            stores=stores,
            mappings=self.mappings,
            guards=Guards(),
            home=HomeSettings(previous=self.previous),
        )
        targets = {"default": CountedTarget(self.cluster, calls)}
        gateway = Gateway(stores)
        return Parts(configuration, self.mappings, gateway, targets, self.home(calls), HOME)


def _applied(parts: Parts[Target, Home], **said: object) -> int:
    told = options(yes=True, format="text", color=False, redact_keys=False, **said)
    return Apply(parts, told, stopped=Event(), begin_writes=lambda: None, wait=lambda _: None).run()


def _signed(parts: Parts[Target, Home]) -> int:
    signals = SimpleNamespace(stopped=Event(), begin_writes=lambda: None)
    assert isinstance(parts.home, KubernetesHome)
    return _Resign(parts, parts.home, options(yes=True), signals).run()  # type: ignore[arg-type]


MAPPINGS = (wants("a"), wants("b", merge=True), wants("c", when_mapping_gone="delete"))
LEFT = wants("d")


def key_lost() -> Site:
    site = Site(*MAPPINGS)
    site.lose("syncd-former")
    return site


def another_key() -> Site:
    """Give one whose key was lost and made anew, so that it fits neither marks nor inventory."""
    site = key_lost()
    home = Site().objects.held[Place(HOME, "secrets", "syncd-former")]
    site.objects.held[Place(HOME, "secrets", "syncd-former")] = {**home, "data": {"key": b64encode(bytes(32)).decode()}}
    return site


def key_renewed() -> Site:
    site = Site(*MAPPINGS, LEFT)
    site.mappings = MAPPINGS
    site.rename("syncd-former", "syncd-old")
    site.previous = (PreviousHome("former", "syncd-old"),)
    return site


def instance_renamed() -> Site:
    site = Site(*MAPPINGS, LEFT)
    site.mappings = MAPPINGS
    site.instance = "present"
    site.previous = (PreviousHome("former", "syncd-former"),)
    return site


@pytest.mark.parametrize(
    ("begin", "verb"),
    [
        (key_lost, "resign"),
        (another_key, "resign"),
        (key_renewed, "apply"),
        (instance_renamed, "apply"),
        (instance_renamed, "apply --prune"),
    ],
)
def test_a_run_that_dies_anywhere_is_mended_by_the_next(
    begin: Callable[[], Site], verb: str, record_property: Callable[[str, object], None]
) -> None:
    """I-CRASH, J8."""

    def run(site: Site, crash: tuple[int, When] | None = None) -> Calls:
        if verb == "resign":
            return site.resign(crash)
        return site.apply(crash, prune=verb.endswith("prune"), allow_deletes=9)

    whole = begin()
    uids = {where: live.uid for where, live in whole.cluster.secrets.items()}
    reference = run(whole)
    wanted, owned = whole.standing()
    assert {state[3:5] for state in cast("Mapping[SecretKey, tuple[object, ...]]", wanted).values()} == {
        ("proven", False)
    }
    assert (owned.entries.keys(), owned.unsaved) == (wanted.keys(), False)
    assert {where: live.uid for where, live in whole.cluster.secrets.items()} == uids
    points: list[tuple[int, When]] = [(number + 1, "before") for number in range(len(reference.made))]
    points += [(number, "after") for number, _ in points]
    for number, when in points:
        site = begin()
        crashed = run(site, (number, when))
        place = f"died {when} {reference.made[number - 1]} ({number})"
        assert crashed.dead, f"{place}: {crashed.made}"
        run(site)
        state, inventory = site.standing()
        assert state == wanted, place
        assert (inventory.entries, inventory.unsaved) == (owned.entries, False), place
        writes = site.writes()
        run(site)
        site.apply(prune=True)
        assert site.writes() == writes, place
    record_property("crash_points", len(points))
    print(f"{len(points)} crash points of {len(reference.made)} calls: all converge")  # noqa: T201 — it is the figure


def test_the_wire_in_memory_refuses_what_was_changed_since() -> None:
    site = Site(*MAPPINGS)
    first, second = site.home(Calls()), site.home(Calls())
    signer = first.key()
    assert isinstance(signer, InstanceKey)
    inventory = first.inventory(signer)
    assert isinstance(inventory, Inventory)
    second.inventory(signer)
    fewer = replace(inventory, entries=dict(list(inventory.entries.items())[:1]))
    permit = cast("Permit", SimpleNamespace(granted=lambda: True))
    assert first.save(fewer, signer, permit, merge=False) is None
    refused = second.save(replace(inventory, taken_along=("x",)), signer, permit, merge=False)
    assert refused is not None
    assert refused.reason == "inventory-changed"
