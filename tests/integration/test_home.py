"""The instance's key and inventory in a real cluster, beside other writers and other first starts."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory, Removal
from syncd.target import inventory as parts
from syncd.target.home import KubernetesHome, KubernetesHomeReader, home_namespace
from syncd.target.kube_api import Api
from syncd.target.kube_login import Cluster
from syncd.target.seam import HomeFailure
from tests.servers.home_use import PERMIT, made_key, of, reason, saved
from tests.servers.kube import Kube, Rule
from tests.servers.kube_use import api

pytestmark = pytest.mark.kube


@pytest.fixture
def calls(kube: Kube) -> Iterator[Api]:
    opened = api(kube.kubeconfig())
    yield opened
    opened.close()


@pytest.fixture
def namespace(kube: Kube) -> str:
    return kube.namespace()


@pytest.fixture
def home(calls: Api, namespace: str) -> KubernetesHome:
    return KubernetesHome(calls, instance="prod", namespace=namespace)


# The key


def test_there_is_no_key_until_one_is_made_and_then_it_stays(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    assert home.key() is None
    key = made_key(home)
    for found in (home.key(), home.make_key()):
        assert isinstance(found, InstanceKey)
        assert found.mac("mark", b"x") == key.mac("mark", b"x")
    secret = kube.secret(namespace, "syncd-prod")
    assert secret is not None
    assert secret["type"] == "Opaque"
    assert [len(value) for value in kube.data(namespace, "syncd-prod").values()] == [32]
    assert list(kube.data(namespace, "syncd-prod")) == ["key"]


def test_two_first_starts_at_once_end_with_one_key(kube: Kube, namespace: str) -> None:
    start = threading.Barrier(4)
    macs: list[bytes] = []

    def first_start() -> None:
        own = api(kube.kubeconfig())
        start.wait()
        macs.append(made_key(KubernetesHome(own, instance="prod", namespace=namespace)).mac("mark", b"x"))
        own.close()

    threads = [threading.Thread(target=first_start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(macs) == 4
    assert len(set(macs)) == 1


def test_a_key_is_not_made_beside_an_inventory(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    saved(home, of("a"), made_key(home))
    kube.delete_secret(namespace, "syncd-prod")
    assert home.key() is None
    assert reason(home.make_key()) == "key-lost"
    assert kube.secret(namespace, "syncd-prod") is None


def test_a_missing_home_namespace_is_said_with_the_command_that_makes_it(calls: Api) -> None:
    home = KubernetesHome(calls, instance="prod", namespace="t-no-home")
    assert home.key() is None
    failure = home.make_key()
    assert reason(failure) == "home-namespace-missing"
    assert isinstance(failure, HomeFailure)
    assert "kubectl create namespace t-no-home" in failure.message


def test_a_secret_that_holds_no_key_is_unreadable(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    kube.put_secret(namespace, "syncd-prod", {"key": b"short"})
    assert reason(home.key()) == "key-unreadable"
    kube.put_secret(namespace, "syncd-prod", {"other": b"x" * 32})
    assert reason(home.make_key()) == "key-unreadable"


def test_without_rights_the_home_is_denied(kube: Kube, namespace: str) -> None:
    own = api(kube.user("nobody"))
    home = KubernetesHome(own, instance="prod", namespace=namespace)
    assert reason(home.key()) == reason(home.make_key()) == "permission-denied"
    failure = home.key()
    assert isinstance(failure, HomeFailure)
    assert failure.message.startswith(f"the Secret {namespace}/syncd-prod: syncd has no right")
    assert "get, create and patch on its ConfigMaps" in failure.message
    own.close()


def test_the_rights_of_one_instance_are_enough(kube: Kube, namespace: str) -> None:
    maps = ("syncd-prod-inventory",)
    user = kube.user(
        "daemon",
        Rule(("create",), ("secrets", "configmaps"), namespace),
        Rule(("get",), ("secrets",), namespace, ("syncd-prod",)),
        Rule(("get", "patch"), ("configmaps",), namespace, maps),
    )
    own = api(user)
    home = KubernetesHome(own, instance="prod", namespace=namespace)
    key = made_key(home)
    saved(home, of("a"), key)
    saved(home, of("a", "b"), key)
    assert home.inventory(key) == of("a", "b")
    own.close()


# The key in a file


def test_a_key_file_is_made_for_its_owner_alone(calls: Api, kube: Kube, namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    home = KubernetesHome(calls, instance="prod", namespace=namespace, key_file=file)
    assert home.key() is None
    key = made_key(home)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
    assert made_key(home).mac("mark", b"x") == key.mac("mark", b"x")
    assert kube.secret(namespace, "syncd-prod") is None


def test_a_key_file_that_others_may_read_is_refused(calls: Api, namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"k" * 32)
    home = KubernetesHome(calls, instance="prod", namespace=namespace, key_file=file)
    for mode in (0o640, 0o604, 0o644):
        file.chmod(mode)
        failure = home.key()
        assert reason(failure) == "key-file-open"
        assert isinstance(failure, HomeFailure)
        assert f"chmod 600 {file}" in failure.message
    file.chmod(0o600)
    assert isinstance(home.key(), InstanceKey)


def test_a_key_file_of_another_length_or_in_no_folder_is_said(calls: Api, namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    assert reason(KubernetesHome(calls, instance="p", namespace=namespace, key_file=file).key()) == "key-unreadable"
    missing = tmp_path / "no-folder" / "key"
    home = KubernetesHome(calls, instance="p", namespace=namespace, key_file=missing)
    assert reason(home.make_key()) == "key-unwritable"


# The inventory


def test_an_inventory_is_read_as_it_was_saved(home: KubernetesHome, calls: Api, namespace: str) -> None:
    key = made_key(home)
    assert home.inventory(key) is None
    inventory = of("a", "b", removals=(Removal(1.5, "team", "vault-main", 3),))
    saved(home, inventory, key)
    reader = KubernetesHomeReader(calls, instance="prod", namespace=namespace)
    assert reader.inventory(key) == inventory


def test_an_unchanged_inventory_is_not_written(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    key = made_key(home)
    mark = kube.mark()
    saved(home, Inventory(), key)
    saved(home, of("a"), key)
    saved(home, of("a"), key)
    writes = [entry for entry in kube.audit(mark, namespace=namespace) if entry.verb != "get"]
    assert [(entry.verb, entry.resource) for entry in writes] == [("create", "configmaps")]


def test_nothing_is_written_without_a_permit(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    class Withdrawn:
        def granted(self) -> bool:
            return False

    key = made_key(home)
    mark = kube.mark()
    assert reason(home.save(of("a"), key, Withdrawn())) == "stopped"
    assert {entry.verb for entry in kube.audit(mark, namespace=namespace)} <= {"get"}


def test_two_writers_keep_each_others_entries(calls: Api, home: KubernetesHome, namespace: str) -> None:
    key = made_key(home)
    saved(home, of("a", "b"), key)
    other = KubernetesHome(calls, instance="prod", namespace=namespace)
    other.inventory(key)
    saved(other, of("a", "b", "theirs", removals=(Removal(1.0, "", "s", 1),)), key)

    saved(home, of("a", "ours", removals=(Removal(2.0, "", "s", 1),)), key)
    removals = (Removal(1.0, "", "s", 1), Removal(2.0, "", "s", 1))
    assert home.inventory(key) == of("a", "ours", "theirs", removals=removals)


def test_what_another_writer_added_survives_the_next_save_too(calls: Api, home: KubernetesHome, namespace: str) -> None:
    key = made_key(home)
    saved(home, of("a"), key)
    other = KubernetesHome(calls, instance="prod", namespace=namespace)
    saved(other, of("theirs"), key)
    saved(home, of("a", "b"), key)
    saved(home, of("a", "b", "c"), key)
    assert home.inventory(key) == of("a", "b", "c", "theirs")


def test_many_writers_at_once_lose_nothing(kube: Kube, home: KubernetesHome, namespace: str) -> None:
    key = made_key(home)
    failures: list[HomeFailure | None] = []

    def write(name: str) -> None:
        own = api(kube.kubeconfig())
        failures.append(KubernetesHome(own, instance="prod", namespace=namespace).save(of(name), key, PERMIT))
        own.close()

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [None] * 3
    assert home.inventory(key) == of("w0", "w1", "w2")


def test_a_deleted_inventory_is_written_anew(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    key = made_key(home)
    saved(home, of("a"), key)
    kube.do("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/syncd-prod-inventory")
    saved(home, of("a", "b"), key)
    assert home.inventory(key) == of("a", "b")


def test_an_inventory_that_others_wrote_is_refused(
    calls: Api, home: KubernetesHome, kube: Kube, namespace: str
) -> None:
    key = made_key(home)
    saved(home, of("a"), key)
    path = f"/api/v1/namespaces/{namespace}/configmaps/syncd-prod-inventory"
    patch = {"binaryData": {"payload": "AAAA"}}
    kube.do("PATCH", path, patch, content_type="application/merge-patch+json")
    assert reason(home.inventory(key)) == "inventory-forged"
    fresh = KubernetesHome(calls, instance="prod", namespace=namespace)
    assert reason(fresh.save(of("b"), key, PERMIT)) == "inventory-forged"

    kube.do("PATCH", path, {"binaryData": None}, content_type="application/merge-patch+json")
    assert reason(home.inventory(key)) == "inventory-forged"


def test_a_large_inventory_spreads_over_parts_and_a_change_touches_few(
    home: KubernetesHome, calls: Api, kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ENTRIES", 10)
    key = made_key(home)
    names = [f"n{number:02}" for number in range(25)]
    saved(home, of(*names), key)
    stored = kube.do("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    assert isinstance(stored, list)
    assert sorted(one["metadata"]["name"] for one in stored) == [
        "syncd-prod-inventory",
        "syncd-prod-inventory-1",
        "syncd-prod-inventory-2",
    ]
    mark = kube.mark()
    saved(home, of(*names, "x1"), key)
    saved(home, of(*names[1:], "x1"), key)
    touched = [entry.name for entry in kube.audit(mark, namespace=namespace) if entry.verb == "patch"]
    assert touched == ["syncd-prod-inventory-2", "syncd-prod-inventory"]
    reader = KubernetesHomeReader(calls, instance="prod", namespace=namespace)
    assert reader.inventory(key) == of(*names[1:], "x1")

    kube.do("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/syncd-prod-inventory-1")
    assert reason(reader.inventory(key)) == "inventory-unreadable"


def test_a_part_that_a_stopped_writer_left_is_taken_over(
    home: KubernetesHome, calls: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ENTRIES", 2)
    key = made_key(home)
    saved(home, of("a", "b"), key)

    class Once:
        def __init__(self) -> None:
            self.left = 1

        def granted(self) -> bool:
            self.left -= 1
            return self.left >= 0

    stopped = KubernetesHome(calls, instance="prod", namespace=namespace)
    stopped.inventory(key)
    assert reason(stopped.save(of("a", "b", "half"), key, Once())) == "stopped"
    assert home.inventory(key) == of("a", "b")
    saved(home, of("a", "b", "c"), key)
    assert home.inventory(key) == of("a", "b", "c", "half")


def test_the_home_namespace_is_the_one_said_or_the_pods_own_or_syncd() -> None:
    outside = Cluster("https://x", "x", "x", said=True)
    inside = Cluster("https://x", "", "", said=True, pod_namespace="ops")
    assert [home_namespace("a", inside), home_namespace(None, inside), home_namespace(None, outside)] == [
        "a",
        "ops",
        "syncd",
    ]


def test_a_reader_has_nothing_to_write_with() -> None:
    assert not {"make_key", "save"} & set(dir(KubernetesHomeReader))
