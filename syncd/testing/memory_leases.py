"""What a store in memory issues: engines, leases with their times, and what is to go wrong."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import msgspec

from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass
from syncd.redact import SecretValue

LeaseVerb = Literal["issue", "renew", "revoke"]
LOST = Failure(FailureClass.UNAVAILABLE, "timeout", "the store did not answer", transient=True)


@dataclass(slots=True)
class Engine:
    """An endpoint that issues."""

    ttl: float = 3600.0
    max_ttl: float = float("inf")
    renewable: bool = True
    leased: bool = True
    """False: as pki, it keeps no leases."""
    keys: tuple[str, ...] = ("username", "password")


@dataclass(slots=True)
class LeaseHeld:
    """A lease that the store keeps, or one that it kept."""

    id: str
    engine: Engine
    parameters: dict[str, str]
    at: float
    """By the store's clock."""
    ends: float
    owner: str
    renewals: int = 0
    revoked: bool = False


@dataclass(slots=True)
class LeaseCounter:
    """The leases of one store. Thread-safe. `login` names the token that they are issued to, `owners` when it ends."""

    clock: Callable[[], float]
    engines: dict[str, Engine] = field(default_factory=dict)
    all: list[LeaseHeld] = field(default_factory=list)
    asked: list[tuple[float, LeaseVerb]] = field(default_factory=list)
    login: str = "login-1"
    owners: dict[str, float] = field(default_factory=dict)
    """When tokens end; those that are not here never do."""
    faults: dict[LeaseVerb, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    """Failures of the next calls; with `LOST`, the call is carried out and its answer lost."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def live(self) -> list[LeaseHeld]:
        """List the leases that live."""
        now = self.clock()
        return [each for each in self.all if not each.revoked and now < min(each.ends, self._owner_ends(each.owner))]

    def count(self, verb: LeaseVerb) -> int:
        """Count the calls of a kind."""
        return sum(asked == verb for _, asked in self.asked)

    def issue(self, wanted: Issue) -> Issued | Failure:
        """Make one."""
        with self._lock:
            now, fault = self._begin("issue")
            engine = self.engines.get(wanted.path)
            if engine is None:
                return Failure(FailureClass.CONFIG, "issue-refused", f"{wanted} is not known", transient=False)
            if fault is not None and fault is not LOST:
                return fault
            number = next(self._numbers)
            lease = f"{wanted.path}/{number}" if engine.leased else ""
            self.all.append(LeaseHeld(lease, engine, dict(wanted.parameters), now, now + engine.ttl, self.login))
            if fault is not None:
                return fault
            value = SecretValue(msgspec.json.encode({key: f"{key}-{number}" for key in engine.keys}))
            owner = self.login if lease else ""
            return Issued(value, Grant(lease, engine.ttl, engine.renewable, owner, self._owner_seconds(owner)))

    def renew(self, wanted: Renewal) -> Grant | Failure:
        """Let one go on, until its maximum."""
        with self._lock:
            now, fault = self._begin("renew")
            if fault is not None and fault is not LOST:
                return fault
            held = next((each for each in self.live() if each.id == wanted.lease), None)
            if held is None:
                return Failure(FailureClass.UNUSABLE, "lease-gone", f"the lease of {wanted} is over", transient=False)
            held.ends = min(now + held.engine.ttl, held.at + held.engine.max_ttl)
            held.renewals += 1
            seconds = self._owner_seconds(wanted.owner)
            return fault or Grant(held.id, held.ends - now, held.engine.renewable, wanted.owner, seconds)

    def revoke(self, wanted: Revocation) -> Revoked | Failure:
        """End one."""
        with self._lock:
            _, fault = self._begin("revoke")
            if fault is not None:
                return fault
            for each in self.all:
                if each.id == wanted.lease:
                    each.revoked = True
            return Revoked()

    def _begin(self, verb: LeaseVerb) -> tuple[float, Failure | None]:
        now = self.clock()
        self.asked.append((now, verb))
        return now, self.faults[verb].pop(0) if self.faults[verb] else None

    def _owner_ends(self, owner: str) -> float:
        return self.owners.get(owner, float("inf"))

    def _owner_seconds(self, owner: str) -> float | None:
        return self.owners[owner] - self.clock() if owner in self.owners else None
