"""A cluster's home objects in memory, call by call: key and inventory, signed bytes and preconditions as the real ones.

`HomeObjects` is what the cluster holds, shared by all who use it; `ObjectsHome` is one process's view of it, and makes
the calls that `KubernetesHome` makes, so that a process may be ended between any two of them. A contract holds both
to the same behaviour (tests/contract/test_homes.py).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Literal, Protocol, TypeVar

from syncd.keys import KEY_BYTES, InstanceKey
from syncd.model.inventory import Inventory
from syncd.redact import SecretValue
from syncd.target.inventory import InventoryUnusable, Part, decode_part, encode_part, merged, whole
from syncd.target.key_file import instance_key
from syncd.target.seam import HomeFailure, Permit

HomeCall = Literal["get-key", "post-key", "get-inventory", "post-inventory", "patch-inventory"]
Answer = Literal["made", "taken", "no-namespace"]
"""Of a write; `taken`: something stands there already, or not what was read."""
T = TypeVar("T")

_TRIES: Final = 3
_INSTANCE: Final = "memory"


class Wire(Protocol):
    """How a call reaches the cluster: a test may count it, hold it up, or end the process before or after it."""

    def __call__(self, what: HomeCall, call: Callable[[], T]) -> T:
        """Make the call and give its answer."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The inventory's ConfigMap."""

    content: Mapping[str, bytes]
    version: int
    """Its resourceVersion; no two objects ever have one in common."""


@dataclass
class HomeObjects:
    """What the home namespace holds."""

    namespace_exists: bool = True
    key: SecretValue | None = None
    inventory: Stored | None = None
    calls: list[HomeCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start counting versions."""
        self._last = 0
        self._lock = Lock()

    def copy(self) -> "HomeObjects":
        """Give another that holds the same, with no call on record."""
        other = HomeObjects(self.namespace_exists, self.key, self.inventory)
        other._last = self._last
        return other

    def writes(self) -> int:
        """Count the calls that were no reads."""
        return sum(not call.startswith("get-") for call in self.calls)

    def spoil_inventory(self) -> None:
        """Edit the ConfigMap as somebody else would."""
        if self.inventory is not None:
            self._store({**self.inventory.content, "payload": b"\0\0\0"})

    def get_key(self) -> SecretValue | None:
        """Serve a GET of the Secret."""
        self.calls.append("get-key")
        return self.key

    def post_key(self, value: SecretValue) -> Answer:
        """Serve a POST of the Secret."""
        self.calls.append("post-key")
        with self._lock:
            if not self.namespace_exists:
                return "no-namespace"
            if self.key is not None:
                return "taken"
            self.key = value
            return "made"

    def get_inventory(self) -> Stored | None:
        """Serve a GET of the ConfigMap."""
        self.calls.append("get-inventory")
        return self.inventory

    def put_inventory(self, content: Mapping[str, bytes], over: int | None) -> Stored | Answer:
        """Serve a POST, or a PATCH with the version that was read; gives what then stands."""
        self.calls.append("post-inventory" if over is None else "patch-inventory")
        with self._lock:
            if not self.namespace_exists:
                return "no-namespace"
            if (self.inventory.version if self.inventory else None) != over:
                return "taken"
            return self._store(content)

    def _store(self, content: Mapping[str, bytes]) -> Stored:
        self._last += 1
        self.inventory = Stored(content, self._last)
        return self.inventory


def _directly(what: HomeCall, call: Callable[[], T]) -> T:  # noqa: ARG001 — the shape of a Wire
    return call()


class ObjectsHomeReader:
    """The home objects as a diff gets them."""

    def __init__(self, objects: HomeObjects, wire: Wire = _directly) -> None:
        """Look at `objects` through `wire`."""
        self._objects = objects
        self._wire = wire

    def key(self) -> InstanceKey | HomeFailure | None:
        """Read the key."""
        value = self._wire("get-key", self._objects.get_key)
        return None if value is None else instance_key(value.reveal(), "the key in memory")

    def key_lost(self) -> HomeFailure | None:
        """Look whether an inventory stands."""
        beside = self._wire("get-inventory", self._objects.get_inventory)
        return None if beside is None else HomeFailure("key-lost", "there is no key in memory")

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read and check the inventory."""
        found = self._read(key)
        return found if found is None or isinstance(found, HomeFailure) else found[0]

    def _read(self, key: InstanceKey) -> tuple[Inventory, int] | HomeFailure | None:
        stored = self._wire("get-inventory", self._objects.get_inventory)
        if stored is None:
            return None
        try:
            part = decode_part(stored.content, instance=_INSTANCE, number=0, key=key)
        except InventoryUnusable as error:
            return HomeFailure(error.reason, "the inventory in memory cannot be believed")
        return whole({0: part}), stored.version


class ObjectsHome(ObjectsHomeReader):
    """The home objects as apply and the daemon get them. One thread at a time saves."""

    def __init__(
        self,
        objects: HomeObjects,
        wire: Wire = _directly,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Use `objects` through `wire`; `random_bytes` gives a new key."""
        super().__init__(objects, wire)
        self._random_bytes = random_bytes
        self._stored: tuple[Inventory, int | None] | None = None
        """What was last read or written, and its version; None before the first look."""
        self._known = Inventory()
        """What the caller knows: the base of what he changes."""

    def make_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is neither key nor inventory, and give the one that then stands."""
        found = self.key()
        if found is not None:
            return found
        lost = self.key_lost()
        if lost is None:
            value = SecretValue(self._random_bytes(KEY_BYTES))
            if self._wire("post-key", lambda: self._objects.post_key(value)) == "no-namespace":
                return HomeFailure("home-namespace-missing", "the home namespace does not exist")
        return self.key() or lost or HomeFailure("key-unwritable", "there is no key in memory")

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read the inventory and keep its version as the precondition of `save`."""
        found = self._refresh(key)
        if isinstance(found, HomeFailure):
            return found
        self._known = found[0]
        return None if found[1] is None else found[0]

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit, *, merge: bool = True) -> HomeFailure | None:
        """Write it; where another writer came first, read again, merge by entry and try again, or without say so."""
        if not merge:
            return self._save_as_read(inventory, key, permit)
        for attempt in range(_TRIES):
            stored = self._stored if self._stored is not None and not attempt else self._refresh(key)
            if isinstance(stored, HomeFailure):
                return stored
            standing, version = stored
            wanted = inventory if version is None else merged(self._known, inventory, standing)
            put = self._put(wanted, standing, version, key, permit)
            if isinstance(put, HomeFailure):
                return put
            if put is not None:
                self._stored, self._known = put, inventory
                return None
        return HomeFailure("inventory-contended", "other writers change it all the time")

    def _save_as_read(self, inventory: Inventory, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        put = None if self._stored is None else self._put(inventory, *self._stored, key, permit)
        if isinstance(put, HomeFailure):
            return put
        if put is None:
            return HomeFailure("inventory-changed", "another writer came first")
        self._stored, self._known = put, inventory
        return None

    def _put(
        self, wanted: Inventory, standing: Inventory, version: int | None, key: InstanceKey, permit: Permit
    ) -> tuple[Inventory, int | None] | HomeFailure | None:
        """Write where it differs; None where another writer came first."""
        if wanted == standing:
            return standing, version
        if not permit.granted():
            return HomeFailure("stopped", "the run is ending")
        content = encode_part(Part(wanted.entries, wanted.removals), instance=_INSTANCE, number=0, key=key)
        what: HomeCall = "post-inventory" if version is None else "patch-inventory"
        answer = self._wire(what, lambda: self._objects.put_inventory(content, version))
        if answer == "no-namespace":
            return HomeFailure("home-namespace-missing", "the home namespace does not exist")
        return (wanted, answer.version) if isinstance(answer, Stored) else None

    def _refresh(self, key: InstanceKey) -> tuple[Inventory, int | None] | HomeFailure:
        found = self._read(key)
        if isinstance(found, HomeFailure):
            return found
        self._stored = found or (Inventory(), None)
        return self._stored
