"""What an instance owns, by name: the content of the inventory in the home namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.model.mapping import Policy, SecretKey


class Entry(NamedTuple):
    """One owned Secret."""

    key: SecretKey
    tenant: str
    mapping: str
    """Id of the mapping that wrote it."""
    when_mapping_gone: Policy
    configuration: str
    """Name of the configuration that wrote it: only that one may remove it as an orphan."""


class Removal(NamedTuple):
    """Removals that the guards counted: deletions, replacements and key removals."""

    at: float
    """Seconds since the epoch."""
    tenant: str
    store: str
    objects: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that is owned. Nothing is ever deleted on its word alone: each removal reads the mark first."""

    entries: Mapping[SecretKey, Entry] = field(default_factory=dict)
    removals: tuple[Removal, ...] = ()
    """Of the last hour."""
