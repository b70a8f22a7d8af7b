"""Who plans, and what it may do: the two arguments that every decision of this stage takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.keys import InstanceKey

HOUR = 3600.0
"""Seconds; the guards count over a rolling one."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The owner of everything that is written."""

    name: str
    key: InstanceKey | None
    """None: none at hand. Ownership is then `unverified`, and nothing may be written but to plain targets."""
    configuration: str
    """Name of this configuration, as the inventory records it: only it may remove its own orphans."""
    sources: Literal["full", "store", "none"] = "full"
    """How much of the sources the mark tells (`home: {sources: …}`)."""
    plain_targets: frozenset[str] = frozenset()
    """Targets without key and inventory (directories): the plain mark counts, is shown `unverified`, writes go on."""

    former: frozenset[str] = frozenset()
    """Names that the instance had before: its marks under them count, where a key of before proves them."""

    def may_write(self, target: str) -> bool:
        """Tell whether a change of this target may be carried out, or only be shown."""
        return self.key is not None or target in self.plain_targets


@dataclass(frozen=True, slots=True)
class Rules:
    """What this run may do without being told twice: guards of the configuration, and the run's own flags."""

    allow_replace: bool = False
    prune: bool = False
    """May what is due be removed (`--prune`; the daemon says so always)? Never overrides `keep`."""
    allow_deletes: int | None = None
    """So many removals in this run pass, whatever the guards say (`--allow-deletes N`)."""
    allow_changes: int | None = None
    """So many updates, likewise (`--allow-changes N`)."""
    issue: bool = False
    """May short-lived secrets be issued and renewed (`--issue`; the daemon says so always)?"""
    max_deletes_count: int = 10
    """Removals an hour for each tenant and store, at most."""
    max_deletes_percent: float = 5.0
    """The same as a share of the store's mappings; always at least one."""
    max_changes_percent: float | None = None
    """Updates an hour for each tenant and store, as a share of its mappings, at least one; None: all that there are."""
    protected_namespaces: frozenset[str] = frozenset({"kube-system", "kube-public", "kube-node-lease"})
    """Where nothing is ever written; the caller adds the home namespace."""
    formerly: Mapping[str, str] = field(default_factory=dict)
    """Renamed stores, old name to new: sources recorded under the old name are the same objects."""
