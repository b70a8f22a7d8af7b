"""The seam between a plan and where Secrets are written."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, Live, LiveSecret, WriteOutcome


class Permit(Protocol):
    """Whether a write may start now: the lease fence and the stop flag. Asked right before each write."""

    def granted(self) -> bool:
        """Tell whether this very write may start."""


class TargetReader(Protocol):
    """What a diff gets: a type that cannot write.

    Called from several threads. Raises for nothing that a service, a network or a disk can do.
    """

    def describe(self) -> str:
        """Name the cluster or folder for the head of a diff, such as `cluster prod (context prod-eu)`."""

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        """Look at each Secret by name (never list) and answer every one; in any order."""

    def close(self) -> None:
        """Close sockets. Never raises."""


class Target(TargetReader, Protocol):
    """What apply and the daemon get.

    The plan calls these for Secrets that it proved to be ours (or that are not there), with the live object it
    judged. Every write carries its precondition: a create never overwrites, an update names UID and resourceVersion,
    a delete both. A write is whole or does not happen. None retries on a conflict: the caller judges anew.
    A write whose answer is lost is read back: if what is there is what was meant, it is Written.
    """

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Make it; `exists` where something of that name stands."""

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Bring `live` to `desired`.

        Its maps are complete: what `live` has and `desired` has not is removed, so the plan carries foreign labels,
        annotations and (with merge) keys over.
        """

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove it, if it is still the object that was judged."""


@runtime_checkable
class Owned(Protocol):
    """The power of a target that lists by itself what an instance owns, and so needs no inventory: a directory."""

    def owned(self, instance: str) -> Iterable[SecretKey]:
        """List the Secrets that bear the plain mark of `instance`, sorted.

        Raises nothing; what cannot be read is left out.
        """


@dataclass(frozen=True, slots=True)
class HomeFailure:
    """The key or the inventory could not be read or written."""

    reason: str
    """Fixed code in kebab-case: `home-namespace-missing`, `key-lost`, `key-unreadable`, `inventory-forged`…"""
    message: str
    """For a person: which object, and what to do (the command that creates the namespace)."""
    whole_cluster: bool = False
    """True where no other object of this cluster could be told either: out of reach, broken, or we are not let in."""


class HomeReader(Protocol):
    """The home namespace as a diff sees it: a type that cannot write. Raises for nothing that a service can do."""

    def key(self) -> InstanceKey | HomeFailure | None:
        """Read the instance's key; None where the API server itself says that there is none."""

    def key_lost(self) -> HomeFailure | None:
        """Say, where there is no key, why none may be made: `key-lost` where an inventory stands without one."""

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        """Read the inventory, its MAC checked; None where there is none."""


class Home(HomeReader, Protocol):
    """What apply and the daemon get."""

    def make_key(self) -> InstanceKey | HomeFailure:
        """Make the instance's key by POST; where one came first (409), read that.

        `key-lost` where an inventory stands without a key.
        """

    def save(self, inventory: Inventory, key: InstanceKey, permit: Permit, *, merge: bool = True) -> HomeFailure | None:
        """Write the inventory, with the resourceVersion it was read at as precondition; None where it is written.

        Where another writer came first, read again, merge by entry and try again. Without `merge` only what
        `inventory` gave last is written over: then the answer is the failure `inventory-changed`, and the caller
        reads and counts anew what the guards must count.
        """


@runtime_checkable
class Renewable(Home, Protocol):
    """A home that can begin anew once the key is lost; for `syncd own --resign` alone."""

    def renew_key(self) -> InstanceKey | HomeFailure:
        """Make the key where there is none, although an inventory stands; where one came first, read that."""

    def reset_inventory(self, key: InstanceKey, permit: Permit) -> HomeFailure | None:
        """Put an empty inventory in the place of what stands there, whoever signed it."""
