"""Positioned YAML: a plain tree from libyaml's events, positions on demand, and problems that name their place.

The only importer of yaml. A file is read twice at most: once into plain dicts, lists and scalars without
positions, which is what a file without mistakes needs, and once more to find the line and column of each
path that a problem names. Reading so takes a tenth of the time and a fifth of the memory of a loader that
keeps every position (docs/performance.md has the figures).

YAML 1.2 core scalars: `true`, `false`, `null` and plain integers are what they look like, everything else is
text, so `no`, `on`, `12:30`, `1.10` and `0755` stay what was written. Duplicate keys, anchors, aliases, tags, merge
keys, more than one document and nesting deeper than 32 are problems.
"""

from collections.abc import Iterable, Mapping

from syncd.node.document import MAX_DEPTH, Document
from syncd.node.problem import Diagnostic, Path, Problem, SyntaxProblem, Text, Tree, dotted, text

__all__ = [
    "MAX_DEPTH",
    "Diagnostic",
    "Document",
    "Path",
    "Problem",
    "SyntaxProblem",
    "Text",
    "Tree",
    "dotted",
    "locate",
    "read",
    "text",
]


def read(data: bytes, *, limit: int) -> Document:
    """Read the one YAML (or JSON) document in `data`, at most `limit` bytes of UTF-8.

    Raises SyntaxProblem, and nothing else, with every problem found before reading had to stop. No text of a
    problem quotes a value.
    """
    from syncd.node.reader import document  # noqa: PLC0415 — yaml takes 50 ms, which `syncd --help` does not spend

    return document(data, limit=limit)


def locate(data: bytes, paths: Iterable[Path]) -> Mapping[Path, tuple[int, int]]:
    """Find the line and column, from 1, of each of `paths` in bytes that `read` has accepted.

    That is where the path's key or list item starts; for what is not there, where its nearest ancestor does.
    """
    from syncd.node.places import places  # noqa: PLC0415 — as above

    return places(data, paths)
