"""What a user asked for: mappings, as the configuration says them, checked and in canonical form."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.model.position import Position
from syncd.model.reference import Query
from syncd.model.selection import DataSource, Entry, Extract, Finding, Lease, Selection
from syncd.model.shaping import NO_CHECKS, Builder, Checks, Template, parts_of

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
    data_from: tuple[Entry, ...] = ()
    builder: Builder | None = None
    """What makes the keys of a typed Secret; `data` and `dataFrom` may add others."""
    template: Template | None = None
    checks: Checks = NO_CHECKS
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
        """Every selection it makes: of `data`, of the builder, of `dataFrom`. What a query finds comes on top."""
        parts = () if self.builder is None else parts_of(self.builder)
        written = (*(source for _, source in self.data), *(part.source for part in parts))
        direct = tuple(source for source in written if isinstance(source, Selection))
        return direct + tuple(entry.selection for entry in self.extracts())

    def extracts(self) -> tuple[Extract, ...]:
        """Give the entries of `dataFrom` that name an object, in the order of the file."""
        return tuple(entry for entry in self.data_from if isinstance(entry, Extract))

    def queries(self) -> tuple[Query, ...]:
        """Give every query it makes, in the order of the file."""
        return tuple(entry.query for entry in self.data_from if isinstance(entry, Finding))

    def stores(self) -> frozenset[str]:
        """Name the stores that it has something of; empty for one of literals alone."""
        read = {selection.ref.store for selection in self.selections()}
        return frozenset(read | {each.store for each in self.queries()} | {each.store for each in self.leases()})

    def leases(self) -> tuple[Lease, ...]:
        """Give what it has issued for itself, in the order of the file."""
        return tuple(entry for entry in self.data_from if isinstance(entry, Lease))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mappings a run looks at; nothing outside is an orphan."""

    patterns: tuple[str, ...] = field(default=())
    """NAMESPACE/NAME globs; empty means all."""
