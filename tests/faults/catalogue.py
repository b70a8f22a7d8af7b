"""The catalogue of faults, and the list of invariants: which rows there are, what accounts for each, what is wrong."""

import ast
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

LIST: Final = "tests/faults/catalogue.toml"
RECORD: Final = ".cache/tests-of-the-last-whole-run.json"
SECTIONS: Final = {
    "A": 20, "B": 15, "C": 10, "D": 17, "E": 14, "F": 8, "G": 17, "H": 20, "I": 15, "J": 15, "K": 6, "L": 13, "M": 14,
}  # fmt: skip
"""How many rows each section has: A a provider in trouble, B logins and TLS, C throttling, D deleted versions,
E odd values, F names, G configuration, H the API server, I ownership, J process life, K folders, L malice, M leaks.
"""
ROWS: Final = tuple(f"{section}{number + 1}" for section, count in SECTIONS.items() for number in range(count))

Outcome = Literal["passed", "skipped", "failed"]


class Listing(NamedTuple):
    """A list of what must be accounted for."""

    title: str
    file: str
    rows: tuple[str, ...]


CATALOGUE: Final = Listing("catalogue", LIST, ROWS)
INVARIANTS: Final = Listing(
    "invariants",
    "tests/faults/invariants.toml",
    (
        "I-OWN", "I-GOOD", "I-ATOM", "I-DEL", "I-CAP", "I-LEAK", "I-IDEM", "I-CONV", "I-CRASH", "I-TWO", "I-ORDER",
        "I-ISO", "I-TEN", "I-PREC", "I-DRY", "I-RATE", "I-COST", "I-MONO", "I-BYTE", "I-NAME", "I-TIME", "I-PARSE",
        "I-LIVE", "I-FRESH", "I-META", "I-RELOAD",
    ),
)  # fmt: skip


class Row(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One row: the case, and exactly one of `tests`, `document` (with `says`) and `part`."""

    title: str
    tests: tuple[str, ...] = ()
    """Ids of tests without parameters: `FILE::test_x`, or `FILE::Class::test_x`."""
    document: str = ""
    """A file of the repository, for a row that is about a manifest or about what is documented."""
    says: str = ""
    """Text that the document must hold; white space counts as one blank."""
    part: str = ""
    """The part of the product that does not exist yet."""

    def kind(self) -> Literal["tests", "document", "part"] | None:
        """Tell what accounts for the row; None for nothing, or for two things at once."""
        if self.says and not self.document:
            return None
        kinds: tuple[tuple[Literal["tests", "document", "part"], bool], ...] = (
            ("tests", bool(self.tests)),
            ("document", bool(self.document)),
            ("part", bool(self.part)),
        )
        given = [kind for kind, is_given in kinds if is_given]
        return given[0] if len(given) == 1 else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The list as it was read."""

    rows: Mapping[str, Row]
    problems: tuple[str, ...]
    listing: Listing = CATALOGUE

    def count(self) -> str:
        """Say in one line how many rows are accounted for, and by what."""
        kinds = [row.kind() for row in self.rows.values()]
        tested, documented, to_come = (kinds.count(kind) for kind in ("tests", "document", "part"))
        return (
            f"{self.listing.title}: {tested + documented + to_come} of {len(self.listing.rows)} rows accounted for, "
            f"{tested} tested, "
            f"{documented} by document, {to_come} of parts to come"
        )


def read(root: Path, listing: Listing = CATALOGUE) -> Catalogue:
    """Read a list of the repository at `root`, with all that can be said about it without running a test."""
    try:
        rows = msgspec.convert(tomllib.loads((root / listing.file).read_text("utf-8")), dict[str, Row])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return Catalogue({}, (f"{listing.file}: {error}",), listing)
    wanted = listing.rows
    problems = [f"row {row} is missing" for row in wanted if row not in rows]
    problems += [f"row {row} is none of the {listing.title}" for row in rows if row not in wanted]
    known = [row for row in rows if row in wanted]
    problems += [f"row {row} stands before {after}" for row, after in _out_of_order(known, wanted)]
    for name, row in rows.items():
        problems += [f"row {name}: {problem}" for problem in _row_problems(row, root)]
    return Catalogue(rows, tuple(problems), listing)


def run_problems(catalogue: Catalogue, outcomes: Mapping[str, Outcome], *, skips_count: bool) -> tuple[str, ...]:
    """Name the tests of rows that did not pass in a run; `skips_count`: a skipped one has not run either."""
    problems = []
    for name, row in catalogue.rows.items():
        for test in row.tests:
            outcome = outcomes.get(test)
            if outcome is None:
                problems.append(f"row {name}: {test} did not run; was it renamed?")
            elif outcome == "failed" or (outcome == "skipped" and skips_count):
                problems.append(f"row {name}: {test} {outcome}")
    return tuple(problems)


def plain(node_id: str) -> str:
    """Cut the parameters off a test's id."""
    return node_id.partition("[")[0]


def _out_of_order(known: list[str], wanted: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(row, after) for row, after in pairwise(known) if wanted.index(row) > wanted.index(after)]


def _row_problems(row: Row, root: Path) -> list[str]:
    if not row.title:
        return ["it has no title"]
    match row.kind():
        case None:
            return ["it wants exactly one of tests, document with says, and part"]
        case "document":
            return _document_problems(row, root)
        case "tests":
            problems = [f"{test} is named twice" for test in set(row.tests) if row.tests.count(test) > 1]
            return problems + [f"there is no {test}" for test in row.tests if not _exists(test, root)]
        case "part":
            return []


def _document_problems(row: Row, root: Path) -> list[str]:
    wanted = " ".join(row.says.split())
    if not wanted:
        return [f"what must {row.document} say?"]
    file = root / row.document
    if not file.is_file():
        return [f"there is no {row.document}"]
    holds = wanted in " ".join(file.read_text("utf-8").split())
    return [] if holds else [f"{row.document} does not say: {wanted}"]


def _exists(test: str, root: Path) -> bool:
    """Look for the function, or the class (which may inherit its tests from a suite); a run finds the rest."""
    path, *names = test.split("::")
    file = root / path
    if not names or not file.is_file():
        return False
    return names[0] in _names(file.read_text("utf-8"))


def _names(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
