"""The contract of home objects, run over the ones in memory and over a real API server."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey
from syncd.redact import SecretValue
from syncd.target.home import KubernetesHome, KubernetesHomeReader
from syncd.target.kube_api import Api
from syncd.target.seam import Home, HomeFailure, HomeReader
from syncd.testing.home_objects import HomeObjects, ObjectsHome, ObjectsHomeReader
from syncd.testing.memory_target import Granted
from tests.servers.kube import Kube
from tests.servers.kube_use import api

PERMIT = Granted()


@dataclass(frozen=True)
class Bench:
    """Home objects somewhere, and what others may do to them."""

    home: Callable[[], Home]
    """Gives a new process's view."""
    reader: HomeReader
    writes: Callable[[], int]
    """Counts the calls so far that were no reads."""
    homeless: Callable[[], Home]
    """Gives a view on a namespace that does not exist."""
    put_key: Callable[[bytes | None], None]
    lose_inventory: Callable[[], None]
    spoil_inventory: Callable[[], None]


def memory() -> Bench:
    objects = HomeObjects()

    def put_key(value: bytes | None) -> None:
        objects.key = None if value is None else SecretValue(value)

    return Bench(
        home=lambda: ObjectsHome(objects),
        reader=ObjectsHomeReader(objects),
        writes=objects.writes,
        homeless=lambda: ObjectsHome(HomeObjects(namespace_exists=False)),
        put_key=put_key,
        lose_inventory=lambda: setattr(objects, "inventory", None),
        spoil_inventory=objects.spoil_inventory,
    )


def kubernetes(kube: Kube, calls: Api) -> Bench:
    namespace, mark = kube.namespace(), kube.mark()
    inventory = f"/api/v1/namespaces/{namespace}/configmaps/syncd-prod-inventory"

    def writes() -> int:
        asked = kube.audit(mark, namespace=namespace)
        return sum(entry.verb != "get" and entry.user_agent.startswith("syncd/") for entry in asked)

    def put_key(value: bytes | None) -> None:
        if value is None:
            kube.delete_secret(namespace, "syncd-prod")
        else:
            kube.put_secret(namespace, "syncd-prod", {"key": value})

    def lose() -> None:
        kube.do("DELETE", inventory)

    def spoil() -> None:
        kube.do("PATCH", inventory, {"binaryData": {"payload": "AAAA"}}, content_type="application/merge-patch+json")

    return Bench(
        home=lambda: KubernetesHome(calls, instance="prod", namespace=namespace),
        reader=KubernetesHomeReader(calls, instance="prod", namespace=namespace),
        writes=writes,
        homeless=lambda: KubernetesHome(calls, instance="prod", namespace="t-no-home"),
        put_key=put_key,
        lose_inventory=lose,
        spoil_inventory=spoil,
    )


@pytest.fixture(params=["memory", pytest.param("kubernetes", marks=pytest.mark.kube)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield memory()
        return
    kube: Kube = request.getfixturevalue("kube")
    calls = api(kube.kubeconfig())
    yield kubernetes(kube, calls)
    calls.close()


def of(*names: str, removals: tuple[Removal, ...] = ()) -> Inventory:
    keys = [SecretKey("default", "app", name) for name in names]
    entries = {key: Entry(key, "", str(key), "keep", frozenset({"/etc/syncd.yaml"})) for key in keys}
    return Inventory(entries, removals)


def made_key(home: Home) -> InstanceKey:
    key = home.make_key()
    assert isinstance(key, InstanceKey), key
    return key


def saved(home: Home, inventory: Inventory, key: InstanceKey) -> None:
    assert home.save(inventory, key, PERMIT) is None


def reason(found: object) -> str:
    assert isinstance(found, HomeFailure), found
    return found.reason


def same_key(one: InstanceKey | HomeFailure | None, other: InstanceKey) -> bool:
    assert isinstance(one, InstanceKey)
    return one.mac("mark", b"x") == other.mac("mark", b"x")


def at_once(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_there_is_no_key_until_one_is_made_and_then_it_stays(bench: Bench) -> None:
    home = bench.home()
    assert home.key() is None
    key = made_key(home)
    assert same_key(home.key(), key)
    assert same_key(home.make_key(), key)
    assert same_key(bench.reader.key(), key)
    assert bench.writes() == 1


def test_first_starts_at_once_end_with_one_key(bench: Bench) -> None:
    start = threading.Barrier(4)
    keys: list[InstanceKey] = []

    def first_start(_number: int) -> None:
        start.wait()
        keys.append(made_key(bench.home()))

    at_once(first_start, 4)
    assert len(keys) == 4
    assert all(same_key(key, keys[0]) for key in keys)


def test_a_key_is_not_made_beside_an_inventory(bench: Bench) -> None:
    home = bench.home()
    saved(home, of("a"), made_key(home))
    bench.put_key(None)
    assert home.key() is None
    before = bench.writes()
    assert reason(home.make_key()) == reason(bench.home().make_key()) == "key-lost"
    assert bench.writes() == before


def test_a_key_of_another_length_is_unreadable(bench: Bench) -> None:
    bench.put_key(b"short")
    home = bench.home()
    assert reason(home.key()) == reason(home.make_key()) == "key-unreadable"


def test_a_home_namespace_that_is_not_there_is_told(bench: Bench) -> None:
    home = bench.homeless()
    assert home.key() is None
    assert reason(home.make_key()) == "home-namespace-missing"


def test_an_inventory_is_read_as_it_was_saved(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    assert home.inventory(key) is None
    inventory = of("a", "b", removals=(Removal(1.5, "team", "vault-main", 3),))
    saved(home, inventory, key)
    assert bench.reader.inventory(key) == bench.home().inventory(key) == inventory


def test_an_unchanged_inventory_is_not_written(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    before = bench.writes()
    saved(home, Inventory(), key)
    assert bench.writes() == before
    for _ in range(2):
        saved(home, of("a"), key)
        assert bench.writes() == before + 1


def test_nothing_is_written_without_a_permit(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    before = bench.writes()
    assert reason(home.save(of("a"), key, Granted(is_open=False))) == "stopped"
    assert bench.writes() == before
    assert bench.reader.inventory(key) is None


def test_two_writers_keep_each_others_entries(bench: Bench) -> None:
    home, other = bench.home(), bench.home()
    key = made_key(home)
    saved(home, of("a", "b"), key)
    other.inventory(key)
    saved(other, of("a", "b", "theirs", removals=(Removal(1.0, "", "s", 1),)), key)

    saved(home, of("a", "ours", removals=(Removal(2.0, "", "s", 1),)), key)
    removals = (Removal(1.0, "", "s", 1), Removal(2.0, "", "s", 1))
    assert home.inventory(key) == of("a", "ours", "theirs", removals=removals)


def test_what_another_writer_added_survives_every_later_save(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    saved(home, of("a"), key)
    saved(bench.home(), of("theirs"), key)
    saved(home, of("a", "b"), key)
    saved(home, of("a", "b", "c"), key)
    assert home.inventory(key) == of("a", "b", "c", "theirs")


def test_without_merging_nothing_is_written_over_what_another_writer_wrote_since(bench: Bench) -> None:
    home, other = bench.home(), bench.home()
    key = made_key(home)
    assert reason(home.save(of("never read"), key, PERMIT, merge=False)) == "inventory-changed"
    assert home.inventory(key) is None
    assert home.save(of("a"), key, PERMIT, merge=False) is None
    home.inventory(key)
    other.inventory(key)
    saved(other, of("a", "theirs"), key)

    assert reason(home.save(of("a", "ours"), key, PERMIT, merge=False)) == "inventory-changed"
    assert bench.reader.inventory(key) == of("a", "theirs")
    home.inventory(key)
    assert home.save(of("a", "theirs", "ours"), key, PERMIT, merge=False) is None
    assert bench.reader.inventory(key) == of("a", "theirs", "ours")


def test_two_first_inventories_at_once_do_not_both_stand_without_merging(bench: Bench) -> None:
    home, other = bench.home(), bench.home()
    key = made_key(home)
    assert home.inventory(key) is None
    assert other.inventory(key) is None
    assert other.save(of("theirs"), key, PERMIT, merge=False) is None
    assert reason(home.save(of("ours"), key, PERMIT, merge=False)) == "inventory-changed"
    assert bench.reader.inventory(key) == of("theirs")


def test_writers_at_once_lose_nothing(bench: Bench) -> None:
    key = made_key(bench.home())
    failures: list[HomeFailure | None] = []
    at_once(lambda number: failures.append(bench.home().save(of(f"w{number}"), key, PERMIT)), 3)
    assert failures == [None] * 3
    assert bench.reader.inventory(key) == of("w0", "w1", "w2")


def test_a_deleted_inventory_is_written_anew(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    saved(home, of("a"), key)
    bench.lose_inventory()
    saved(home, of("a", "b"), key)
    assert bench.reader.inventory(key) == of("a", "b")


def test_an_inventory_that_others_edited_is_refused(bench: Bench) -> None:
    home = bench.home()
    key = made_key(home)
    saved(home, of("a"), key)
    bench.spoil_inventory()
    assert reason(home.inventory(key)) == reason(bench.reader.inventory(key)) == "inventory-forged"
    assert reason(bench.home().save(of("b"), key, PERMIT)) == "inventory-forged"


def test_an_inventory_signed_with_another_key_is_refused(bench: Bench) -> None:
    home = bench.home()
    saved(home, of("a"), made_key(home))
    bench.put_key(b"k" * 32)
    other = bench.home().key()
    assert isinstance(other, InstanceKey)
    assert reason(bench.home().inventory(other)) == "inventory-forged"


def test_a_reader_has_nothing_to_write_with(bench: Bench) -> None:
    assert not {"make_key", "save"} & set(dir(bench.reader))
