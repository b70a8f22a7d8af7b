"""A plan: what would change, why, and with what right. It holds desired and live Secrets, and prints neither."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from syncd.model.mapping import Policy, SecretKey
from syncd.model.position import Position
from syncd.model.secret import DesiredSecret, LiveSecret, SourceVersion, WriteFailureKind
from syncd.model.selection import Lease

FORMAT_VERSION = 1
"""Of the JSON form that `syncd diff --format json` prints."""


class Action(StrEnum):
    """What is to be done with one Secret, or why nothing is."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    UNREADABLE = "unreadable"
    SUSPENDED = "suspended"
    ORPHAN = "orphan"


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE})

Ownership = Literal["proven", "unverified", "none", "foreign"]
OutcomeWord = Literal["", "done", "failed", "held", "skipped"]


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """Names of the keys, by what happens to each; sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    def any(self) -> bool:
        """Tell whether a key differs."""
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Unissued:
    """Short-lived secrets that are issued right before a write, by a run that may."""

    leases: tuple[Lease, ...]
    when_mapping_gone: Policy


@dataclass(frozen=True, slots=True)
class Change:
    """One Secret in a plan."""

    key: SecretKey
    action: Action
    reason: str
    """Fixed code in kebab-case: `source-changed`, `drift`, `source-absent`, `not-owned`…"""
    mapping: str = ""
    """Id of the mapping; empty for nothing, never for an orphan, whose mark names it."""
    tenant: str = ""
    ownership: Ownership = "none"
    keys: KeyChanges = field(default=KeyChanges())
    labels: tuple[str, ...] = ()
    """Names of the labels that differ."""
    annotations: tuple[str, ...] = ()
    """Names of the annotations that differ, syncd's own bookkeeping left out."""
    sources: tuple[SourceVersion, ...] = ()
    message: str = ""
    also: tuple[str, ...] = ()
    """Further messages, each about a failure of its own."""
    origin: Position | None = None
    outcome: OutcomeWord = ""
    failure: WriteFailureKind | None = None
    """Of what kind the write's failure was, where the outcome is `failed`; None also for a defect."""
    confirmed: str = ""
    """The resourceVersion that the target gave what was written; empty where nothing was."""
    desired: DesiredSecret | None = None
    unissued: Unissued | None = None
    """Where what is to be written is not known before something is issued: `desired` is None then."""
    live: LiveSecret | None = None
    writable: bool = True
    """False: planned without the instance's key, to be shown and never carried out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every Secret that a run looked at, in the order of namespace and name."""

    changes: tuple[Change, ...]
    target: str = ""
    """Which cluster or folder, in words, for the head of a diff."""
    notes: tuple[str, ...] = ()
    """What could not be proved or looked at: no key at hand, no right to read the inventory."""

    def summary(self) -> dict[str, int]:
        """Count the changes by action, each action named even where it is zero."""
        counted = Counter(change.action for change in self.changes)
        return {action.value: counted[action] for action in Action}

    def writes(self) -> tuple[Change, ...]:
        """List the changes that may be carried out: they write, and neither a guard nor a missing key holds them."""
        return tuple(c for c in self.changes if c.action in WRITES and c.outcome != "held" and c.writable)
