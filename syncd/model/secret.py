"""Secrets: as they should be, as they are, and what came of reading or writing one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model.lease import Given
from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.selection import Finding, Lease
from syncd.redact import SecretValue


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """Which version of which object a Secret was made from."""

    ref: RemoteRef
    version: str
    created: float | None = None
    """When the store says that this version was made, in seconds since the epoch: tells a recreated object from a
    stale read.
    """


@dataclass(frozen=True, slots=True)
class Content:
    """What the build step made of a mapping and its sources: whole and checked, not yet marked as ours."""

    type: str
    data: Mapping[str, SecretValue]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    sources: tuple[SourceVersion, ...]
    immutable: bool = False
    remarks: tuple[str, ...] = ()
    """Sentences for a person about what is odd and written all the same. No values."""
    found: Mapping[Finding, tuple[str, ...]] = field(default_factory=dict)
    """The keys that each `find` gave, sorted, whatever became of them; of one that found nothing none."""
    leases: Mapping[Lease, Given] = field(default_factory=dict)
    """What each entry with a short-lived secret gave."""
    unissued: tuple[Lease, ...] = ()
    """Short-lived secrets that have to be issued first: the keys that hang on them are not among `data`."""
    at: float = 0.0
    """When it was built, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no content: the class and reason of the source or check that failed."""

    cls: FailureClass
    reason: str
    """Fixed code in kebab-case."""
    message: str
    """For a person: which key, which source, what to do. No values."""
    sources: tuple[SourceVersion, ...] = ()
    absent: tuple[RemoteRef, ...] = ()
    """The sources that answered ABSENT; removal is judged on them, and only when nothing else failed."""
    otherwise: Content | None = None
    """What the Secret becomes once all that is absent is confirmed, where that is not its removal: some keys of a
    `find` that shrank leave it."""
    also: tuple[str, ...] = ()
    """What else failed: a message each, as `message` is the worst one's."""


Built = Content | Refusal


@dataclass(frozen=True, slots=True)
class DesiredSecret:
    """A whole Secret as it is to be written: content and marks."""

    key: SecretKey
    type: str
    data: Mapping[str, SecretValue]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """A Secret as the target holds it."""

    key: SecretKey
    uid: str
    resource_version: str
    """Opaque; compared for equality only."""
    type: str
    data: Mapping[str, SecretValue]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    immutable: bool = False
    owners: tuple[str, ...] = ()
    """Kinds and names of its ownerReferences, for the message about whose it is."""
    managers: tuple[str, ...] = ()
    """Field managers, for the same message."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The target itself says that there is no such Secret."""

    key: SecretKey


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """The target did not tell."""

    key: SecretKey
    cls: FailureClass
    reason: str
    message: str


Live = LiveSecret | Missing | ReadFailure


@dataclass(frozen=True, slots=True)
class Written:
    """A write that the target confirmed."""

    key: SecretKey
    uid: str
    resource_version: str


WriteFailureKind = Literal["exists", "conflict", "gone", "denied", "quota", "invalid", "unavailable", "stopped"]


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """A write that did not happen, or whose outcome is not known.

    `exists`: a create met an object of that name. `conflict`: a precondition failed. `gone`: the object
    vanished. `unavailable`: unknown, read back before deciding. `stopped`: the permit was withdrawn.
    """

    key: SecretKey
    kind: WriteFailureKind
    reason: str
    message: str


WriteOutcome = Written | WriteFailure
