"""What a mapping asks of a store, and what came back: references, outcomes, their classes and reason codes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from syncd.model.lease import LeaseAnswer, LeaseCall
from syncd.redact import SecretValue

Part = Literal["", "metadata"]


class RemoteRef(NamedTuple):
    """One object in one store: what is read once, however many mappings want it.

    A tuple, since a pass hashes tens of thousands of them.
    """

    store: str
    """Name of the store in the configuration."""
    key: str
    """The store's own name: a KV path, an AWS name or ARN, a Key Vault secret name, a file name."""
    version: str = ""
    """The store's own word for a version; empty is the current one."""
    mount: str = ""
    """KV mount; empty for the other stores, and in a canonical Vault reference never empty."""
    part: Part = ""
    """Which part of the object: its value, or what the store keeps beside it (KV custom metadata, tags, expiry)."""

    def __str__(self) -> str:
        """Name it in a message: store, mount, key and version, never a value."""
        path = f"{self.mount}/{self.key}" if self.mount else self.key
        version = f"@{self.version}" if self.version else ""
        return f"{self.store}:{path}{version}" + (f" ({self.part})" if self.part else "")


class Query(NamedTuple):
    """What is looked for in one store: every secret below a path whose name and tags fit."""

    store: str
    path: str = ""
    """The beginning of the names, up to and with a separator; empty: everywhere that the login reaches."""
    name: str = ""
    """RE2 pattern, unanchored, over the name without `path`; empty: any."""
    tags: tuple[tuple[str, str], ...] = ()
    """Tags (KV: custom metadata) that a secret must bear, sorted by name."""
    mount: str = ""
    """KV mount; empty for the other stores, and in a canonical Vault query never empty."""

    def __str__(self) -> str:
        """Name it in a message."""
        below = f"{self.mount}/{self.path}" if self.mount else self.path
        name = f" named {self.name}" if self.name else ""
        tags = "".join(f" {tag}={value}" for tag, value in self.tags)
        return f"{self.store}: find {below or 'everything'}{name}{tags}"


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a query found: complete, since a page that fails makes the whole a Failure."""

    refs: tuple[RemoteRef, ...]
    """Canonical, sorted, each once; without those that are disabled or being deleted."""
    skipped: int = 0
    """How many of those there were."""


class FailureClass(StrEnum):
    """Why there is no value. Only ABSENT may ever count towards a removal; every other one means keep."""

    ABSENT = "absent"
    """The store itself, in its own error format, says that this object does not exist."""
    UNUSABLE = "unusable"
    """It exists, but is disabled, expired, pending, destroyed or undecryptable."""
    DENIED = "denied"
    """Authenticated but not allowed, or not authenticated."""
    THROTTLED = "throttled"
    """Told to slow down."""
    UNAVAILABLE = "unavailable"
    """Network, TLS, 5xx, sealed, time-out, a 404 from something that is not the store; and all that is not listed."""
    MALFORMED = "malformed"
    """A success status with wrong or empty content."""
    CONFIG = "config"
    """The mapping cannot be met as it is written."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An identity-checked, complete, well-formed value (class OK)."""

    value: SecretValue
    """The stored bytes; for a KV path its keys as one JSON object, in the store's own spelling of numbers."""
    version: str
    """Its version in the store: KV number, AWS version id, Key Vault version id; empty where there is none."""
    created: float | None = None
    """When the store says that this version was made, in seconds since the epoch."""
    structured: bool = False
    """True where the store keeps keys and values (KV, a YAML file): the bytes are then surely a JSON object."""


Scope = Literal["ref", "store"]


@dataclass(frozen=True, slots=True)
class Failure:
    """No value, and why: a class, a fixed reason code, and what may be said to a person about it."""

    cls: FailureClass
    reason: str
    """Fixed code in kebab-case, such as `permission-denied`; never foreign text."""
    message: str = ""
    """One sentence for a person, built of names and numbers that syncd knows; never a response body."""
    retry_after: float | None = None
    """Seconds the store asked us to wait, unclamped."""
    scope: Scope = "ref"
    """`store`: the whole store answers so (sealed, throttled, cannot log in), not this object alone."""
    stale_credential: bool = False
    """True where a new login may mend it: the gateway then calls `relogin` once and tries again."""
    transient: bool = True
    """False: asking again in this pass would give the same answer (no retry)."""


Outcome = Fetched | Failure
Found = Listing | Failure
Wanted = RemoteRef | Query | LeaseCall
"""What a store is asked for."""
Answer = Fetched | Listing | LeaseAnswer | Failure
"""What comes of it: an Outcome to a reference, a Found to a query, a Grant or the like to a call for a lease."""
