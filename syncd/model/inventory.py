"""What an instance owns, by name: the content of the inventory in the home namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.model.mapping import Policy, SecretKey


class Entry(NamedTuple):
    """One owned Secret."""

    key: SecretKey
    tenant: str
    mapping: str
    """Id of the mapping that wrote it."""
    when_mapping_gone: Policy
    configurations: frozenset[str]
    """Names of the configurations that name it, never none: the last one of them alone may remove it as an orphan."""

    def others(self, configuration: str) -> tuple[str, ...]:
        """List the configurations beside this one that name it, sorted."""
        return tuple(sorted(self.configurations - {configuration}))


Kind = Literal["removal", "update"]


class Removal(NamedTuple):
    """What the guards counted: removals (deletions, replacements and key removals), and updates where they are limited.

    An update that takes a key away is both.
    """

    at: float
    """Seconds since the epoch."""
    tenant: str
    store: str
    objects: int
    kind: Kind = "removal"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that is owned. Nothing is ever deleted on its word alone: each removal reads the mark first."""

    entries: Mapping[SecretKey, Entry] = field(default_factory=dict)
    removals: tuple[Removal, ...] = ()
    """Of the last hour."""
    taken_along: tuple[str, ...] = ()
    """Names that the instance had before, whose inventories are in here already."""
    unsaved: bool = field(default=False, compare=False)
    """It is not stored so yet: a key of before signed it, or a part of it stands under a name of before."""
