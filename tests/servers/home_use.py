"""Inventories, and what a test of the home objects does again and again."""

from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey
from syncd.target.home import KubernetesHome
from syncd.target.seam import HomeFailure
from tests.servers.kube_use import Granted

PERMIT = Granted()


def entry(name: str, configuration: str = "/etc/syncd.yaml") -> Entry:
    """Make an entry of namespace `app`."""
    return Entry(SecretKey("default", "app", name), "", f"app/{name}", "keep", frozenset({configuration}))


def of(*names: str, removals: tuple[Removal, ...] = ()) -> Inventory:
    """Make an inventory of these Secrets."""
    entries = [entry(name) for name in names]
    return Inventory({one.key: one for one in entries}, removals)


def made_key(home: KubernetesHome) -> InstanceKey:
    """Make the key, which must succeed."""
    key = home.make_key()
    assert isinstance(key, InstanceKey), key
    return key


def saved(home: KubernetesHome, inventory: Inventory, key: InstanceKey) -> None:
    """Save, which must succeed."""
    assert home.save(inventory, key, PERMIT) is None


def reason(found: object) -> str:
    """Give the reason of what must be a failure."""
    assert isinstance(found, HomeFailure), found
    return found.reason
