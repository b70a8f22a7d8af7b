"""What a user asked for: mappings, as the configuration says them, checked and in canonical form."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.model.position import Position
from syncd.model.reference import RemoteRef

Decode = Literal["none", "base64", "base64url", "hex"]
Policy = Literal["keep", "delete"]
Manager = Literal["helm", "argocd", "flux", "eso", "vso", "cert-manager", "sealed-secrets", "secrets-store-csi"]
"""What else makes Secrets, as `adopt: {from: […]}` names it."""


class SecretKey(NamedTuple):
    """Which Secret: the target by its configured name, the namespace and the name."""

    target: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Give NAMESPACE/NAME, as kubectl users write it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Literally:
    """A text that is not secret and stands in the file."""

    text: str


@dataclass(frozen=True, slots=True)
class Selection:
    """One value: an object in a store, and which part of it."""

    ref: RemoteRef
    property: str | None = None
    """A top-level key of that exact name first, then a dotted path; None for the whole value."""
    query: str | None = None
    """A JMESPath expression over the value as JSON."""
    decode: Decode = "none"
    optional: bool = False
    """An absent source or property leaves the key out; a denied or unusable one still fails the Secret."""


DataSource = Selection | Literally


@dataclass(frozen=True, slots=True)
class Extract:
    """Every key of a JSON object becomes a key of the Secret."""

    selection: Selection
    overrides: bool = False
    """May this entry replace keys of an earlier one? Otherwise a clash is an error."""


@dataclass(frozen=True, slots=True)
class SecretMapping:
    """One Secret and where its keys come from. Not `Mapping`, which is typing's word."""

    id: str
    """Stable name, unique within the tenant; namespace/name where the file gives none."""
    key: SecretKey
    origin: Position
    """Where the mapping stands in its file."""
    type: str
    """Full Kubernetes type name."""
    data: tuple[tuple[str, DataSource], ...] = ()
    data_from: tuple[Extract, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    tenant: str = ""
    interval: float = 300.0
    """Seconds between reads of its sources."""
    schedule: str | None = None
    """Crontab line instead of an interval."""
    time_zone: str | None = None
    allow_empty: bool | frozenset[str] = False
    """May a value be empty: all of them, or the keys named here."""
    suspend: bool = False
    adopt: bool = False
    """May take over an existing Secret that bears no manager's mark."""
    adopt_from: frozenset[Manager] = frozenset()
    """Whose mark may stand on a Secret that is taken over."""
    merge: bool = False
    """Keys that others put on the Secret stay."""
    immutable: bool = False
    when_source_gone: Policy = "keep"
    when_mapping_gone: Policy = "keep"

    def selections(self) -> tuple[Selection, ...]:
        """Every selection it makes, in the order of the file."""
        direct = tuple(source for _, source in self.data if isinstance(source, Selection))
        return direct + tuple(entry.selection for entry in self.data_from)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mappings a run looks at; nothing outside is an orphan."""

    patterns: tuple[str, ...] = field(default=())
    """NAMESPACE/NAME globs; empty means all."""
