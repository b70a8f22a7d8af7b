"""Home objects in memory: the key and the inventory, with versions as preconditions and faults to order.

A `Shelf` is what the API server holds; each process has a `MemoryHome` of its own on it, as each has its own
`KubernetesHome`. What another process does between a read and a save, a test does with a second home.
"""

from threading import Lock

from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.inventory import Inventory
from syncd.redact import SecretValue
from syncd.target.inventory import merged
from syncd.target.seam import HomeFailure, Permit


class Shelf:
    """What the server holds of one instance. The attributes are for the test to look at and to set."""

    def __init__(self) -> None:
        """Start before the first `apply`: no key, no inventory."""
        self.key: InstanceKey | None = None
        self.inventory: Inventory | None = None
        self.version = 0
        """Counts the writes of the inventory: its resourceVersion."""
        self.saves: list[Inventory] = []
        """Each inventory that was written, in order."""
        self.reads = 0
        """How often the inventory was read."""
        self.unreadable: HomeFailure | None = None
        """While set, the answer to every read."""
        self.unwritable: HomeFailure | None = None
        """While set, the answer to every write."""
        self.lock = Lock()


class MemoryHome:
    """The home as one process has it. Thread-safe; raises nothing."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        """Look at `shelf`, or at an empty one."""
        self.shelf = shelf or Shelf()
        self._known = Inventory()
        """What the caller knows: the base of what it changes."""
        self._standing: Inventory | None = None
        """What stood on the shelf when this process last looked or wrote."""

    def key(self) -> InstanceKey | HomeFailure | None:
        """Read the key."""
        return self.shelf.unreadable or self.shelf.key

    def key_lost(self) -> HomeFailure | None:
        """Look whether an inventory stands."""
        if self.shelf.inventory is None:
            return None
        return HomeFailure("key-lost", "the instance's key is gone, but its inventory stands")

    def make_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is neither key nor inventory."""
        shelf = self.shelf
        if shelf.unwritable is not None:
            return shelf.unwritable
        with shelf.lock:
            if shelf.key is None:
                lost = self.key_lost()
                if lost is not None:
                    return lost
                shelf.key = InstanceKey(SecretValue(bytes(range(KEY_BYTES))))
            return shelf.key

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read the inventory."""
        shelf = self.shelf
        if shelf.unreadable is not None:
            return shelf.unreadable
        if key is not shelf.key:
            return HomeFailure("inventory-forged", "the inventory is not signed with this key")
        with shelf.lock:
            shelf.reads += 1
            self._known = shelf.inventory or Inventory()
            self._standing = shelf.inventory
            return shelf.inventory

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit, *, merge: bool = True) -> HomeFailure | None:
        """Write it, merged by entry with what another process wrote since this one looked, or without say so."""
        shelf = self.shelf
        if not permit.granted():
            return HomeFailure("stopped", "stopped before the inventory was written")
        if shelf.unwritable is not None:
            return shelf.unwritable
        if key is not shelf.key:
            return HomeFailure("inventory-forged", "the inventory is not signed with this key")
        with shelf.lock:
            if not merge and shelf.inventory is not self._standing:
                return HomeFailure("inventory-changed", "another writer came first")
            wanted = inventory
            if merge and shelf.inventory is not None:
                wanted = merged(self._known, inventory, shelf.inventory)
            shelf.inventory, shelf.version = wanted, shelf.version + 1
            shelf.saves.append(wanted)
            self._known, self._standing = inventory, wanted
        return None
