"""The instance's key made anew, the instance renamed, and beginning anew once the key is lost; in a real cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.target import inventory as parts
from syncd.target.home import KubernetesHome, PreviousKey
from syncd.target.kube_api import Api
from syncd.target.seam import HomeFailure
from tests.servers.home_use import PERMIT, made_key, of, reason, saved
from tests.servers.kube import Kube
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


# Keys and names of before


def renew(kube: Kube, namespace: str, *, kept: str = "old-key", instance: str = "prod") -> None:
    """Keep the key under another name and take it away, as a person does who wants a new one."""
    kube.put_secret(namespace, kept, kube.data(namespace, f"syncd-{instance}"))
    kube.delete_secret(namespace, f"syncd-{instance}")


def test_a_key_that_is_kept_elsewhere_may_be_made_anew_and_the_inventory_is_signed_with_it(
    calls: Api, home: KubernetesHome, kube: Kube, namespace: str
) -> None:
    old = made_key(home)
    saved(home, of("a", "b"), old)
    renew(kube, namespace)
    later = KubernetesHome(calls, instance="prod", namespace=namespace, previous=[PreviousKey("prod", "old-key")])
    new = made_key(later)
    assert new.mac("mark", b"x") != old.mac("mark", b"x")
    assert [(name, key.mac("mark", b"x")) for name, key in new.former] == [("prod", old.mac("mark", b"x"))]
    found = later.inventory(new)
    assert found == of("a", "b")
    assert isinstance(found, Inventory)
    assert found.unsaved
    saved(later, found, new)
    alone = KubernetesHome(calls, instance="prod", namespace=namespace)
    key = alone.key()
    assert isinstance(key, InstanceKey)
    assert alone.inventory(key) == of("a", "b")


def test_another_key_of_before_does_not_open_the_way_to_a_new_one(
    calls: Api, home: KubernetesHome, kube: Kube, namespace: str
) -> None:
    saved(home, of("a"), made_key(home))
    kube.delete_secret(namespace, "syncd-prod")
    kube.put_secret(namespace, "old-key", {"key": b"x" * 32})
    for instance in ("prod", "other"):
        previous = [PreviousKey(instance, "old-key")]
        later = KubernetesHome(calls, instance="prod", namespace=namespace, previous=previous)
        assert reason(later.make_key()) == "key-lost"
    assert kube.secret(namespace, "syncd-prod") is None


def test_what_another_name_owned_is_taken_along_once(
    calls: Api, home: KubernetesHome, kube: Kube, namespace: str
) -> None:
    saved(home, of("a", "b"), made_key(home))
    previous = [PreviousKey("prod", "syncd-prod")]
    renamed = KubernetesHome(calls, instance="live", namespace=namespace, previous=previous)
    key = made_key(renamed)
    found = renamed.inventory(key)
    assert isinstance(found, Inventory)
    assert (set(found.entries), found.taken_along, found.unsaved) == (set(of("a", "b").entries), ("prod",), True)
    # Only a look: the old inventory stays, and nothing is written before there is a cause.
    assert kube.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/syncd-live-inventory")[0] == 404
    entries = {where: one for where, one in found.entries.items() if one.key.name != "b"}
    saved(renamed, Inventory(entries, taken_along=found.taken_along), key)
    again = KubernetesHome(calls, instance="live", namespace=namespace, previous=previous)
    assert again.inventory(key) == Inventory(of("a").entries, taken_along=("prod",))
    assert home.inventory(made_key(home)) == of("a", "b")


def test_what_another_name_owned_joins_what_is_owned_already(calls: Api, home: KubernetesHome, namespace: str) -> None:
    saved(home, of("a", "b"), made_key(home))
    plain = KubernetesHome(calls, instance="live", namespace=namespace)
    saved(plain, of("b", "c"), made_key(plain))
    previous = [PreviousKey("prod", "syncd-prod")]
    merging = KubernetesHome(calls, instance="live", namespace=namespace, previous=previous)
    key = made_key(merging)
    found = merging.inventory(key)
    assert found == Inventory(of("a", "b", "c").entries, taken_along=("prod",))
    assert isinstance(found, Inventory)
    saved(merging, found, key)
    assert plain.inventory(key) == found


def test_an_inventory_of_before_that_its_key_did_not_sign_is_not_taken(
    calls: Api, home: KubernetesHome, kube: Kube, namespace: str
) -> None:
    saved(home, of("a"), made_key(home))
    kube.put_secret(namespace, "wrong", {"key": b"x" * 32})
    previous = [PreviousKey("prod", "wrong")]
    renamed = KubernetesHome(calls, instance="live", namespace=namespace, previous=previous)
    failure = renamed.inventory(made_key(renamed))
    assert reason(failure) == "inventory-forged"
    assert isinstance(failure, HomeFailure)
    assert "syncd-prod-inventory" in failure.message


def test_a_key_of_before_that_is_not_there_is_said(calls: Api, home: KubernetesHome, namespace: str) -> None:
    made_key(home)
    later = KubernetesHome(calls, instance="prod", namespace=namespace, previous=[PreviousKey("old", "syncd-old")])
    for failure in (later.key(), later.make_key()):
        assert reason(failure) == "previous-key-missing"
        assert isinstance(failure, HomeFailure)
        assert f"{namespace}/syncd-old" in failure.message
        assert "home.previous[0]" in failure.message


def test_a_key_of_before_may_stand_in_a_file(calls: Api, home: KubernetesHome, namespace: str, tmp_path: Path) -> None:
    made_key(home)
    file = tmp_path / "old.key"
    previous = [PreviousKey("old", file=file)]
    later = KubernetesHome(calls, instance="prod", namespace=namespace, previous=previous)
    assert reason(later.key()) == "previous-key-missing"
    file.touch(0o600)
    file.write_bytes(b"o" * 32)
    found = later.key()
    assert isinstance(found, InstanceKey)
    assert [name for name, _ in found.former] == ["old"]


# Beginning anew


def test_a_lost_key_is_made_anew_only_where_that_is_asked_for(home: KubernetesHome, kube: Kube, namespace: str) -> None:
    saved(home, of("a"), made_key(home))
    kube.delete_secret(namespace, "syncd-prod")
    new = home.renew_key()
    assert isinstance(new, InstanceKey)
    assert reason(home.inventory(new)) == "inventory-forged"
    assert home.reset_inventory(new, PERMIT) is None
    assert home.inventory(new) == Inventory()
    saved(home, of("b"), new)
    assert home.inventory(new) == of("b")


def test_a_reset_leaves_no_part_behind_that_a_later_one_would_meet(
    home: KubernetesHome, kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ENTRIES", 2)
    saved(home, of("a", "b", "c", "d", "e"), made_key(home))
    kube.delete_secret(namespace, "syncd-prod")
    new = home.renew_key()
    assert isinstance(new, InstanceKey)
    assert home.reset_inventory(new, PERMIT) is None
    saved(home, of("f", "g", "h", "i", "j"), new)
    assert home.inventory(new) == of("f", "g", "h", "i", "j")


def test_a_key_that_stands_is_not_renewed(home: KubernetesHome) -> None:
    key = made_key(home)
    again = home.renew_key()
    assert isinstance(again, InstanceKey)
    assert again.mac("mark", b"x") == key.mac("mark", b"x")
