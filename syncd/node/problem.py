"""What a tree is made of, and what may be wrong with it: paths, problems, and problems with their place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from syncd.model.position import Position

Text: TypeAlias = str | int | bool
"""The type of a field that holds text: a plain scalar that looks like an integer or a truth value is its source text.
`text` gives it."""

Path: TypeAlias = tuple[str | int, ...]
Tree: TypeAlias = bool | int | str | list["Tree"] | dict[str, "Tree"] | None


def text(value: Text) -> str:
    """Give the source text of a scalar that a text field holds: `8` for 8, `true` for True."""
    if isinstance(value, str):
        return value
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
