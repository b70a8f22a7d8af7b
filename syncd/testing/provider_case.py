# ruff: noqa: S101 — asserts are how a suite speaks
"""What the suite of a provider's duties stands on: how it handles one store, and how it calls a provider."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Event, Lock
from typing import ClassVar

import msgspec

from syncd.fetch.seam import CallAborted, Describes, Discovers, Provider, ProviderSpec
from syncd.model.lease import Issue
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls

CANARY = "canary-8f14e45f"
"""Stands in every value that the suite stores."""
BINARY = (b"\x00\xff\xfe\x00\r\n", b"\xef\xbb\xbfmark", b"cut \xc3", bytes(range(256)))
"""Byte strings that are no text, or not quite: NUL, line ends, a byte order mark, half a character."""
TEXTS = (
    b"plain",
    b"line\r\nline\n",
    "\N{SNOWMAN} \N{PILE OF POO}".encode(),
    b" around ",
    b"\xef\xbb\xbfmark",
    b'{"a":1.10}',
)
"""Byte strings that are UTF-8."""


class ProviderCase(ABC):
    """One store in the hands of the suite: made anew for each test, alone with its objects."""

    spec: ClassVar[str]
    """Where the ProviderSpec is, as the entry point says it: `package.module:SPEC`."""
    sdk: ClassVar[tuple[str, ...]]
    """Top-level modules that nothing but a fetch may import."""
    values: ClassVar[Sequence[bytes]]
    """Byte strings that the store can hold, the odd ones first."""
    after_deletion: ClassVar[FailureClass] = FailureClass.ABSENT
    """The class of an object that `delete` removed."""
    separator: ClassVar[str] = "/"
    """What stands between a path and the names below it (DiscoveryContract)."""
    many: ClassVar[int] = 30
    """So many objects that listing them takes more than one page, where the store has pages (DiscoveryContract)."""
    base: Path
    """Folder of the credential files that `options` names."""
    tls: Tls = Tls()

    @abstractmethod
    def options(self) -> Mapping[str, object]:
        """Give the store's own options, as they stand in a configuration file."""

    @abstractmethod
    def put(self, key: str, value: bytes) -> RemoteRef:
        """Store a new version, by the store's own means, and give the reference as a user writes it."""

    @abstractmethod
    def delete(self, ref: RemoteRef) -> None:
        """Remove the object."""

    @abstractmethod
    def requests(self) -> int:
        """Count the requests that reached the store for this case, logins left out where they cannot be told apart."""

    def absent(self) -> RemoteRef:
        """Name an object that is not there."""
        there = self.put("absent", self.values[-1])
        return there._replace(key=f"{there.key}-not")

    def credentials(self) -> Sequence[str]:
        """List what the provider was given or logs in for, to look for it where it must not be."""
        return ()

    def shows(self, stored: bytes, read: bytes) -> bool:
        """Tell whether `read` is what was stored."""
        return read == stored

    def deny(self, ref: RemoteRef) -> None:
        """Take the right to read this object away (DenialContract)."""
        raise NotImplementedError

    def deny_listing(self) -> None:
        """Take the right to list away, and no other (DiscoveryContract)."""
        raise NotImplementedError

    def tag(self, ref: RemoteRef, tags: Mapping[str, str]) -> None:
        """Put tags (KV: custom metadata) on an object that has none (TagContract, MetadataContract)."""
        raise NotImplementedError

    renewable: ClassVar[bool] = True
    """Does the store let the leases of `endpoint` go on (LeaseContract)?"""

    def endpoint(self) -> Issue:
        """Give what the store issues, with a lease of a minute at least, by its canonical path (LeaseContract)."""
        raise NotImplementedError

    def issued(self) -> int:
        """Count the calls to issue that reached the store for this case (LeaseContract)."""
        raise NotImplementedError

    def lives(self, lease: str) -> bool:
        """Tell whether the store knows a lease, by its own means (LeaseContract)."""
        raise NotImplementedError

    def nowhere(self) -> Mapping[str, object]:
        """Give options that lead to an address where nothing listens (NetworkContract)."""
        raise NotImplementedError

    def make(self, options: Mapping[str, object] | None = None, *, timeouts: Timeouts | None = None) -> Provider:
        """Make a provider as the configuration does: options converted and checked."""
        module, _, name = self.spec.partition(":")
        spec: ProviderSpec[msgspec.Struct] = getattr(import_module(module), name)
        converted = msgspec.convert(self.options() if options is None else options, spec.options)
        settings = StoreSettings("store", self.base, timeouts or Timeouts(), self.tls)
        problems = list(spec.check(converted, settings))
        assert not problems, problems
        return spec.create(converted, settings)


@dataclass
class Allowance:
    """The `Call` of the suite: lets `most` requests through and counts them."""

    most: int = 10_000
    seconds: float = 20.0
    spent: int = 0
    cancelled: Event = field(default_factory=Event)
    deadline: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Begin now."""
        self.deadline = time.monotonic() + self.seconds

    def spend(self) -> None:
        """Count one, or end the call."""
        with self._lock:
            if self.spent >= self.most or self.cancelled.is_set():
                raise CallAborted
            self.spent += 1

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return max(0.001, self.deadline - time.monotonic())


def fetch(provider: Provider, refs: Sequence[RemoteRef], call: Allowance | None = None) -> dict[RemoteRef, Outcome]:
    """Fetch as the gateway does: canonical references in batches, each answered once, CallAborted let through."""
    call = call or Allowance()
    wanted = [canonical(provider, ref) for ref in refs]
    answers: dict[RemoteRef, Outcome] = {}
    size = max(1, provider.batch_size)
    for start in range(0, len(wanted), size):
        batch = wanted[start : start + size]
        try:
            for ref, outcome in provider.fetch(batch, call):
                assert ref in batch, f"{ref} was not asked for"
                assert ref not in answers, f"{ref} is answered twice"
                assert isinstance(outcome, Fetched | Failure)
                answers[ref] = outcome
        except CallAborted:
            break
    return answers


def find(provider: Provider, query: Query, call: Allowance | None = None) -> Found:
    """Find as the gateway does: by a canonical query, CallAborted let through."""
    assert isinstance(provider, Discovers)
    wanted = provider.canonical_query(query)
    assert isinstance(wanted, Query), wanted
    return provider.find(wanted, call or Allowance())


def describe(provider: Provider, ref: RemoteRef, call: Allowance | None = None) -> Outcome:
    """Read the metadata of one object as the gateway does."""
    assert isinstance(provider, Describes)
    wanted = canonical(provider, ref._replace(part="metadata"))
    ((told, outcome),) = provider.describe([wanted], call or Allowance())
    assert told == wanted
    return outcome


def canonical(provider: Provider, ref: RemoteRef) -> RemoteRef:
    """Give the canonical form of a reference that has one."""
    found = provider.canonical(ref)
    assert isinstance(found, RemoteRef), found
    return found
