"""Files of a configuration: read once, within their limits, and able to say where a path stands."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import iglob
from pathlib import Path
from stat import S_ISREG
from typing import Final

from syncd.model.position import Position
from syncd.node import Diagnostic, Document, Problem, SyntaxProblem, Tree, locate, read

PLATFORM_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of the platform's own file."""
MAPPINGS_LIMIT: Final = 1024 * 1024
"""Bytes of a file of mappings."""


class ConfigurationError(Exception):
    """A configuration that is not loaded: every problem of every file, in the order of files and lines."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep `diagnostics`, of which there is at least one."""
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


@dataclass(slots=True)
class SourceFile:
    """One file, and what is wrong with it so far."""

    shown: str
    """Its path as a person would type it from where they are."""
    folder: Path
    """Absolute; relative paths in the file start here."""
    document: Document = field(default_factory=lambda: Document(None))
    problems: list[Problem] = field(default_factory=list)
    """Their paths start at the top of the file."""
    _data: bytes = b""
    _syntax: tuple[tuple[int, int, Problem], ...] = ()

    @classmethod
    def open(cls, path: Path, *, limit: int) -> "SourceFile":
        """Read the file at `path`; what went wrong is among its diagnostics."""
        file = cls(str(path), Path(os.path.abspath(path)).parent)  # noqa: PTH100 — resolve() would follow a symlink
        try:
            # A pipe or a device would block, or never end.
            if not S_ISREG(path.stat().st_mode):
                file._syntax = ((1, 1, Problem((), "this is not a file", "name a YAML file")),)
                return file
            with path.open("rb") as stream:
                file._data = stream.read(limit + 1)
            file.document = read(file._data, limit=limit)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
            file._syntax = ((1, 1, Problem((), f"the file cannot be read: {reason}", _way_out(path, error))),)
        except SyntaxProblem as error:
            file._syntax = error.problems
        return file

    @property
    def readable(self) -> bool:
        """Tell whether there is a tree to look at."""
        return not self._syntax

    def fields(self) -> dict[str, Tree] | None:
        """Give the top-level mapping, or None where a problem says why there is none."""
        tree = self.document.tree
        if isinstance(tree, dict):
            return tree
        if self.readable:
            what = "the file is empty" if tree is None else "the file is no mapping"
            self.problems.append(Problem((), what, "it starts with version: 1"))
        return None

    def position(self, key: str, index: int) -> Position:
        """Give the place of an item of a top-level list, or of an entry of a top-level mapping."""
        return Position(self.shown, *self.document.place(key, index))

    def diagnostics(self) -> list[Diagnostic]:
        """Give every problem with its place, by line and column."""
        found = [Diagnostic(Position(self.shown, line, column), problem) for line, column, problem in self._syntax]
        if self.problems:
            places = locate(self._data, {problem.path for problem in self.problems})
            once = dict.fromkeys(self.problems)
            found.extend(Diagnostic(Position(self.shown, *places[problem.path]), problem) for problem in once)
        return sorted(found, key=lambda diagnostic: diagnostic.position)


def _way_out(path: Path, error: OSError | ValueError) -> str:
    """Say what to do about a file that cannot be read."""
    if isinstance(error, PermissionError):
        return "let the user that runs syncd read it: `ls -l` shows its owner and mode"
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return "it is a link that leads nowhere: correct it"
    if isinstance(error, FileNotFoundError | ValueError):
        return "name the file with `--config FILE`, or run syncd in its folder"
    return "look at the path and at the disk it is on"


def included(main: SourceFile, patterns: Iterable[str], *, besides: Path) -> Iterator[SourceFile | Problem]:
    """Read the files that the globs of `include:` match, each once and never `besides`; or say what is missing."""
    seen = {os.path.realpath(besides)}
    shown_folder = Path(main.shown).parent
    for index, pattern in enumerate(patterns):
        try:
            # Path.glob takes no absolute pattern.
            found = iglob(pattern, root_dir=main.folder, recursive=True)  # noqa: PTH207
            matches = sorted(found) if pattern else []
        except (OSError, ValueError):
            matches = []
        if not matches:
            hint = "paths start at the folder of this file"
            yield Problem(("include", index), f"no file matches {pattern[:100]!r}", hint)
        for match in matches:
            real = os.path.realpath(main.folder / match)
            if real not in seen:
                seen.add(real)
                yield SourceFile.open(shown_folder / match, limit=MAPPINGS_LIMIT)
