"""Two stores in memory, their faults, and what of them a Secret may hold: the model's own reading of a mapping.

Every value says where it comes from: `STORE/KEY/NUMBER/PROPERTY`, the number counting all that was ever put. So a look
at a Secret tells which version of which object it was made of, without asking the code under test.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from syncd.model.mapping import SecretMapping
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.model.selection import Literally
from syncd.testing.memory_provider import MemoryProvider
from tests.faults.machine.turns import Turns

STORES: Final = ("s", "t")
OBJECTS: Final = ("x", "y", "z")
REFS: Final = tuple(RemoteRef(store, key) for store in STORES for key in OBJECTS)
_BATCH: Final = {"s": 1, "t": 3}

FAULTS: Final = {
    "unusable": Failure(FailureClass.UNUSABLE, "disabled", "it is disabled", transient=False),
    "denied": Failure(FailureClass.DENIED, "permission-denied", "no right", transient=False),
    "throttled": Failure(FailureClass.THROTTLED, "too-many-requests", "slow down", retry_after=2.0),
    "unavailable": Failure(FailureClass.UNAVAILABLE, "server-error", "the store failed"),
    "sealed": Failure(FailureClass.UNAVAILABLE, "sealed", "the store is sealed", scope="store"),
    "malformed": Failure(FailureClass.MALFORMED, "not-json", "the answer is not JSON", transient=False),
    "stale-login": Failure(FailureClass.DENIED, "login-expired", "the login is stale", stale_credential=True),
    "wiped": Failure(FailureClass.ABSENT, "not-found", "there is no such object", transient=False),
}
_OF_THE_STORE: Final = frozenset({"throttled", "sealed", "stale-login"})
"""What a store says of itself, and never of one object alone."""


@dataclass(frozen=True)
class Put:
    """One version of one object."""

    ref: RemoteRef
    number: int
    created: float
    properties: tuple[str, ...]

    def value(self, name: str) -> str:
        """Give what it holds under a property."""
        return f"{self.ref.store}/{self.ref.key}/{self.number}/{name}"

    def object(self) -> bytes:
        """Give its bytes."""
        return json.dumps({name: self.value(name) for name in self.properties}).encode()


@dataclass
class Sources:
    """Both stores, and all that was ever put into them."""

    turns: Turns
    puts: dict[int, Put] = field(default_factory=dict)
    current: dict[RemoteRef, Put] = field(default_factory=dict)
    faulty: bool = False
    """Whether something was ordered that `mend` ends."""

    def __post_init__(self) -> None:
        """Make both, with every object in them."""
        self.stores = {name: self._provider(name) for name in STORES}
        for ref in REFS:
            self.put(ref, ("p", "q"))

    def put(self, ref: RemoteRef, properties: tuple[str, ...]) -> None:
        """Store a new version, which every reader sees from now on."""
        number = len(self.puts) + 1
        provider = self.stores[ref.store]
        version = provider.put(ref.key, Put(ref, number, 0.0, properties).object())
        stored = provider._stored[ref.key]
        put = Put(ref, number, stored.created[version], properties)
        self.puts[number] = self.current[ref] = put

    def delete(self, ref: RemoteRef) -> None:
        """Remove an object with all its versions."""
        if ref.key in self.stores[ref.store]._stored:
            self.stores[ref.store].delete(ref.key)
            self.current.pop(ref, None)

    def lag(self, ref: RemoteRef) -> None:
        """Have the store answer with the version before the newest, as a node that lags behind does."""
        stored = self.stores[ref.store]._stored.get(ref.key)
        if stored is not None and len(stored.versions) > 1:
            stored.current = str(len(stored.versions) - 1)
            self.faulty = True

    def break_down(self, store: str, fault: str, key: str | None = None) -> None:
        """Answer every request for an object, or for any, with a failure, until `mend`."""
        self.stores[store].break_down(FAULTS[fault], None if fault in _OF_THE_STORE else key)
        self.faulty = True

    def hang(self, store: str, key: str | None) -> None:
        """Never answer, until `mend`."""
        self.stores[store].hang(key)
        self.faulty = True

    def leave_out(self, store: str, key: str) -> None:
        """Answer without a word about one object, until `mend`."""
        self.stores[store].leave_out(key)
        self.faulty = True

    def mend(self) -> None:
        """End every fault."""
        for provider in self.stores.values():
            for stored in provider._stored.values():
                stored.current = str(len(stored.versions))
            if provider._needs_login or not provider._logged_in:
                provider._logged_in, provider._needs_login = True, False
            provider.mend()
        self.faulty = False

    def number(self, ref: RemoteRef, fetched: Fetched) -> int:
        """Tell which version was answered."""
        return next(put.number for put in self.puts.values() if put.ref == ref and put.created == fetched.created)

    def copy(self, turns: Turns) -> "Sources":
        """Give the same stores once more, with the same faults."""
        other = Sources.__new__(Sources)
        other.turns, other.faulty = turns, self.faulty
        other.puts, other.current = dict(self.puts), dict(self.current)
        other.stores = {}
        for name, provider in self.stores.items():
            twin = other._provider(name)
            twin._stored = deepcopy(provider._stored)
            twin._standing = dict(provider._standing)
            twin._hanging = set(provider._hanging)
            twin._left_out = set(provider._left_out)
            twin._numbers = count(len(self.puts) + 1)
            other.stores[name] = twin
        return other

    def _provider(self, name: str) -> MemoryProvider:
        return MemoryProvider(name, batch_size=_BATCH[name], clock=self.turns.clock, condition=self.turns.condition)


def read_back(value: str, puts: dict[int, Put]) -> tuple[Put, str] | None:
    """Tell which version and property a value is; None where it never stood in a store."""
    parts = value.split("/")
    put = puts.get(int(parts[2])) if len(parts) == 4 and parts[2].isdigit() else None
    return (put, parts[3]) if put is not None and put.value(parts[3]) == value and parts[3] in put.properties else None


def expected(mapping: SecretMapping, put_of: Callable[[RemoteRef], Put | None]) -> dict[str, str] | None:
    """Say what a Secret must hold where its sources are as `put_of` tells; None where it can hold nothing whole."""
    data: dict[str, str] = {}
    for entry in mapping.extracts():
        put = put_of(entry.selection.ref)
        if put is None or not put.properties:
            return None
        data.update({name: put.value(name) for name in put.properties})
    for key, source in mapping.data:
        if isinstance(source, Literally):
            data[key] = source.text
            continue
        put = put_of(source.ref)
        if put is None or source.property not in put.properties:
            if source.optional:
                continue
            return None
        data[key] = put.value(source.property)
    return data or None
