"""The instance's key and inventory as this process knows them, and the one place that has the inventory written.

The daemon's passes run side by side and each changes a few entries: changes are made under one lock on the newest
inventory that this process wrote, and merged by the home with what another process wrote meanwhile.
"""

import threading
from collections.abc import Callable

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.target.seam import Home, HomeFailure, HomeReader, Permit


class Ledger:
    """Key and inventory of an instance that writes."""

    def __init__(self, home: Home, key: InstanceKey, inventory: Inventory) -> None:
        """Start from what `open_ledger` read."""
        self.key = key
        self._home = home
        self._inventory = inventory
        self._lock = threading.Lock()

    @property
    def inventory(self) -> Inventory:
        """The newest inventory that this process knows."""
        return self._inventory

    def record(self, change: Callable[[Inventory], Inventory | None], permit: Permit) -> HomeFailure | None:
        """Have the inventory written as `change` makes it of the current one; None from it writes nothing."""
        with self._lock:
            changed = change(self._inventory)
            if changed is None:
                return None
            failure = self._home.save(changed, self.key, permit)
            if failure is None:
                self._inventory = changed
            return failure


def open_ledger(home: Home) -> Ledger | HomeFailure:
    """Read the key, or make it where there is none, and the inventory."""
    key = home.key()
    if key is None:
        key = home.make_key()
    if isinstance(key, HomeFailure):
        return key
    inventory = home.inventory(key)
    if isinstance(inventory, HomeFailure):
        return inventory
    return Ledger(home, key, inventory or Inventory())


def look_up(home: HomeReader) -> tuple[InstanceKey | None, Inventory | None, str]:
    """Read key and inventory for a diff, which goes on without them: also what could not be proved, for its head."""
    key = home.key()
    if isinstance(key, HomeFailure):
        return None, None, key.message
    if key is None:
        return None, None, ""
    inventory = home.inventory(key)
    if isinstance(inventory, HomeFailure):
        return key, None, inventory.message
    return key, inventory, ""
