"""Positioned YAML: a plain tree from libyaml's events, positions on demand, and problems that name their place.

The only importer of yaml. A file is read twice at most: once into plain dicts, lists and scalars without
positions, which is what a file without mistakes needs, and once more to find the line and column of each
path that a problem names. Reading so takes a tenth of the time and a fifth of the memory of a loader that
keeps every position (docs/performance.md has the figures).

YAML 1.2 core scalars: `true`, `false`, `null` and plain integers are what they look like, everything else is
text, so `no`, `on`, `12:30`, `1.10` and `0755` stay what was written. Duplicate keys, anchors, aliases, tags, merge keys,
more than one document and nesting deeper than 32 are problems.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from syncd.model.position import Position

Text: TypeAlias = str | int | bool
"""The type of a field that holds text: a plain scalar that looks like an integer or a truth value is its source text.
`text` gives it."""

Path: TypeAlias = tuple[str | int, ...]
Tree: TypeAlias = None | bool | int | str | list["Tree"] | dict[str, "Tree"]

MAX_DEPTH: Final = 32
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_WORDS: Final[Mapping[str, Tree]] = {"true": True, "false": False, "null": None, "~": None, "": None}


def text(value: Text) -> str:
    """Give the source text of a scalar that a text field holds: `8` for 8, `true` for True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a configuration, at which path, and what to write instead."""

    path: Path
    message: str
    hint: str = ""

    def under(self, *prefix: str | int) -> "Problem":
        """Give the same problem seen from further up."""
        return Problem((*prefix, *self.path), self.message, self.hint)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem with its place: one line of what `syncd check` prints."""

    position: Position
    problem: Problem

    def __str__(self) -> str:
        """Give `FILE:LINE:COL: PATH: what is wrong (what to write instead)`."""
        where = dotted(self.problem.path)
        hint = f" ({self.problem.hint})" if self.problem.hint else ""
        return f"{self.position}: {where + ': ' if where else ''}{self.problem.message}{hint}"


def dotted(path: Path) -> str:
    """Spell a path as people do: `secrets[3].data.password`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            out += f".{part}" if out else part
        else:
            out += f"[{part!r}]"
    return out


class SyntaxProblem(Exception):  # noqa: N818 — carries problems, as the configuration's own error does
    """The bytes are not one well-behaved YAML document. Carries every problem found before reading had to stop."""

    def __init__(self, problems: Iterable[tuple[int, int, Problem]]) -> None:
        """Keep `problems`: line and column from 1, and the problem."""
        super().__init__("not a well-formed configuration file")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's tree, and the lines where the items of its top-level lists start."""

    tree: Tree
    item_marks: Mapping[str, tuple[tuple[int, int], ...]]
    """By top-level key: line and column, from 1, of each item of the list that stands there."""
