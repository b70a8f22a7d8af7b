"""The instance's key and inventory as this process knows them, and the one place that has the inventory written.

The daemon's passes run side by side and each changes a few entries: changes are made under one lock on the newest
inventory that this process wrote, and merged by the home with what another process wrote meanwhile. What is counted
against a limit is never merged: it is counted anew on what the other process wrote.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.target.seam import Home, HomeFailure, HomeReader, Permit

_CHANGED: Final = "inventory-changed"
_TRIES: Final = 5
"""How often what is counted is counted anew, since another process came first each time."""


class Ledger:
    """Key and inventory of an instance that writes. Thread-safe."""

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

    def record(
        self, change: Callable[[Inventory], Inventory | None], permit: Permit, *, fresh: bool = False
    ) -> HomeFailure | None:
        """Have the inventory written as `change` makes it of the current one; None from it writes nothing.

        `fresh` reads it first, and again where another process wrote between the reading and the writing: what is
        counted against a limit counts with all that other processes recorded. `change` is then asked again.
        """
        with self._lock:
            if not fresh:
                return self._save(change(self._inventory), permit, merge=True)
            for _ in range(_TRIES):
                found = self._home.inventory(self.key)
                if isinstance(found, HomeFailure):
                    return found
                # Where it is gone altogether, what this process knows is all there is.
                self._inventory = self._inventory if found is None else found
                failure = self._save(change(self._inventory), permit, merge=False)
                if failure is None or failure.reason != _CHANGED:
                    return failure
            message = "the inventory: other writers change it all the time; try again later"
            return HomeFailure("inventory-contended", message)

    def _save(self, changed: Inventory | None, permit: Permit, *, merge: bool) -> HomeFailure | None:
        if changed is None:
            return None
        failure = self._home.save(changed, self.key, permit, merge=merge)
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


@dataclass(frozen=True, slots=True)
class Known:
    """What a run that does not write, or not yet, knows of its instance."""

    key: InstanceKey | None = None
    inventory: Inventory | None = None
    failure: HomeFailure | None = None
    """Why the key or the inventory could not be read; None also where there is none yet."""


def look_up(home: HomeReader) -> Known:
    """Read key and inventory for a run that goes on without them, and makes neither."""
    key = home.key()
    if isinstance(key, HomeFailure):
        return Known(failure=key)
    if key is None:
        return Known(failure=home.key_lost())
    inventory = home.inventory(key)
    if isinstance(inventory, HomeFailure):
        return Known(key, failure=inventory)
    return Known(key, inventory)
