"""An API server's Secrets in memory, with the real one's rules: resourceVersion, UID, type, immutability, quota.

For tests of whatever writes through the target seam. What was asked of it is in `calls`; what it is to answer
otherwise, a test says with `answer`; what others do to a Secret, with `put` and `remove`; what no writer may ever ask
for, with `demand`. The contract of targets holds it and the real kube-apiserver to the same behaviour.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Literal, NamedTuple
from uuid import UUID

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import (
    DesiredSecret,
    Live,
    LiveSecret,
    Missing,
    ReadFailure,
    WriteFailure,
    WriteFailureKind,
    WriteOutcome,
    Written,
)
from syncd.target.names import well_named
from syncd.target.seam import Permit

Verb = Literal["read", "create", "update", "delete"]


class Asked(NamedTuple):
    """One call that reached the server."""

    verb: Verb
    key: SecretKey


class Granted:
    """A permit that is never withdrawn, or one that is: set `open` to False."""

    def __init__(self, *, is_open: bool = True) -> None:
        """Start granted or withdrawn."""
        self.open = is_open

    def granted(self) -> bool:
        """Tell whether a write may start."""
        return self.open


@dataclass
class Cluster:
    """What the server holds; shared by a reader and a target on the same cluster."""

    namespaces: set[str] | None = None
    """Those that exist; None: every one."""
    terminating: set[str] = field(default_factory=set)
    """Namespaces that are being deleted: they take nothing new."""
    quota: int | None = None
    """How many Secrets a namespace may hold; None: any number. Asked before it is looked whether a name is taken."""
    demand: Callable[[Asked, LiveSecret | None, DesiredSecret | None], None] = lambda _asked, _live, _desired: None
    """Called with each request to write that arrives, under the lock: what stood at the resourceVersion that it names
    (None for a create) and what is wanted (None for a delete). Raises where no writer may ask for that.
    """
    admit: Callable[[DesiredSecret], DesiredSecret] = lambda desired: desired
    """What a mutating webhook makes of what a create or an update brings."""
    answer: Callable[[Asked], WriteFailure | ReadFailure | None] = lambda _asked: None
    """Called before each call, outside the lock: may change the cluster, and may give the answer itself."""

    def __post_init__(self) -> None:
        """Start empty."""
        self.secrets: dict[SecretKey, LiveSecret] = {}
        self.versions: dict[tuple[str, str], LiveSecret] = {}
        """What stood, by UID and resourceVersion; deleted ones too."""
        self.calls: list[Asked] = []
        self._lock = Lock()
        self._version = 0

    def put(self, desired: DesiredSecret) -> LiveSecret:
        """Write as somebody else would: over whatever stands there, keeping its UID."""
        with self._lock:
            standing = self.secrets.get(desired.key)
            return self._store(desired, standing.uid if standing else None)

    def copy(self) -> "Cluster":
        """Give another cluster that holds the same, with no call on record and nothing demanded."""
        with self._lock:
            other = Cluster(self.namespaces and set(self.namespaces), set(self.terminating), self.quota)
            other.secrets, other.versions = dict(self.secrets), dict(self.versions)
            other._version = self._version
            return other

    def remove(self, key: SecretKey) -> None:
        """Delete as somebody else would."""
        with self._lock:
            self.secrets.pop(key, None)

    def read(self, key: SecretKey) -> Live:
        """Serve a GET."""
        if not well_named(key):
            return ReadFailure(key, FailureClass.CONFIG, "bad-name", f"{key!s} is not a namespace and name")
        failure = self._asked("read", key)
        if isinstance(failure, ReadFailure):
            return failure
        with self._lock:
            return self.secrets.get(key) or Missing(key)

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Serve a POST."""
        failure = self._begun("create", desired.key, permit)
        if failure is not None:
            return failure
        with self._lock:
            key = desired.key
            self.demand(Asked("create", key), None, desired)
            if key.namespace in self.terminating:
                return _failure(key, "gone", "the namespace is being deleted")
            held = sum(1 for other in self.secrets if other.namespace == key.namespace)
            if self.quota is not None and held >= self.quota:
                return _failure(key, "quota", "the namespace holds as many Secrets as it may")
            if key in self.secrets:
                return _failure(key, "exists", "something of that name is there")
            return _confirmed(self._store(self.admit(desired), None))

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Serve a PATCH with UID and resourceVersion."""
        failure = self._begun("update", live.key, permit)
        if failure is not None:
            return failure
        with self._lock:
            standing = self._judged(Asked("update", live.key), live, desired)
            if isinstance(standing, WriteFailure):
                return standing
            if desired.key != live.key or desired.type != standing.type:
                return _failure(live.key, "invalid", "name and type of a Secret cannot change")
            if standing.immutable and (not desired.immutable or dict(desired.data) != dict(standing.data)):
                return _failure(live.key, "invalid", "the Secret is immutable")
            return _confirmed(self._store(self.admit(desired), standing.uid))

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Serve a DELETE with UID and resourceVersion."""
        failure = self._begun("delete", live.key, permit)
        if failure is not None:
            return failure
        with self._lock:
            standing = self._judged(Asked("delete", live.key), live, None)
            if isinstance(standing, WriteFailure):
                return standing
            del self.secrets[live.key]
            return _confirmed(standing)

    def writes(self) -> list[Asked]:
        """List the calls that were not reads."""
        return [asked for asked in self.calls if asked.verb != "read"]

    def _asked(self, verb: Verb, key: SecretKey) -> WriteFailure | ReadFailure | None:
        asked = Asked(verb, key)
        self.calls.append(asked)
        return self.answer(asked)

    def _begun(self, verb: Verb, key: SecretKey, permit: Permit) -> WriteFailure | None:
        if not well_named(key):
            return _failure(key, "invalid", "it is not a namespace and name")
        if not permit.granted():
            return _failure(key, "stopped", "the run is ending")
        failure = self._asked(verb, key)
        if isinstance(failure, WriteFailure):
            return failure
        if self.namespaces is not None and key.namespace not in self.namespaces:
            return _failure(key, "gone", "the namespace is not there")
        return None

    def _judged(self, asked: Asked, live: LiveSecret, desired: DesiredSecret | None) -> LiveSecret | WriteFailure:
        """Check the preconditions, which every update and delete carries (I-PREC)."""
        if not live.uid or not live.resource_version:
            message = f"a write of {live.key} came without preconditions"
            raise AssertionError(message)
        self.demand(asked, self.versions.get((live.uid, live.resource_version)), desired)
        standing = self.secrets.get(live.key)
        if standing is None:
            return _failure(live.key, "gone", "it is not there any more")
        if (standing.uid, standing.resource_version) != (live.uid, live.resource_version):
            return _failure(live.key, "conflict", "it is not the object that was judged")
        return standing

    def _store(self, desired: DesiredSecret, uid: str | None) -> LiveSecret:
        self._version += 1
        live = LiveSecret(
            key=desired.key,
            uid=uid or str(UUID(int=self._version)),
            resource_version=str(self._version),
            type=desired.type,
            data=dict(desired.data),
            labels=dict(desired.labels),
            annotations=dict(desired.annotations),
            immutable=desired.immutable,
        )
        standing = self.secrets.get(desired.key)
        if standing is not None and replace(live, resource_version=standing.resource_version) == standing:
            return standing  # as the API server: a write that changes nothing gives no new resourceVersion
        self.secrets[desired.key] = live
        self.versions[live.uid, live.resource_version] = live
        return live


class MemoryReader:
    """A cluster in memory, as a diff gets it."""

    def __init__(self, cluster: Cluster | None = None) -> None:
        """Look at `cluster`, or at an empty one."""
        self.cluster = cluster or Cluster()

    def describe(self) -> str:
        """Name it for the head of a diff."""
        return "cluster in memory"

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        """Look at each Secret."""
        for key in keys:
            yield self.cluster.read(key)

    def close(self) -> None:
        """Hold nothing, close nothing."""


class MemoryTarget(MemoryReader):
    """A cluster in memory, as apply and the daemon get it."""

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Make it."""
        return self.cluster.create(desired, permit)

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Bring `live` to `desired`."""
        return self.cluster.update(live, desired, permit)

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove it."""
        return self.cluster.delete(live, permit)


def _confirmed(live: LiveSecret) -> Written:
    return Written(live.key, live.uid, live.resource_version)


def _failure(key: SecretKey, kind: WriteFailureKind, message: str) -> WriteFailure:
    return WriteFailure(key, kind, kind, f"{key!s}: {message}")
