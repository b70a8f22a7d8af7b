"""A file that was read: its tree, and where the items of its top-level fields stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from syncd.node.problem import Tree

MAX_DEPTH: Final = 32
"""How deep lists and mappings may nest."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's tree, and the places of the items of its top-level fields."""

    tree: Tree
    marks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By top-level key: line and column, from 1, of each item of the list or mapping there, all in one row."""

    def place(self, key: str, index: int) -> tuple[int, int]:
        """Give line and column, from 1, of item `index` of the list or mapping at the top-level key `key`."""
        marks = self.marks[key]
        return marks[2 * index], marks[2 * index + 1]
