"""Every claim of docs/threat-model.md names tests, and these exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/threat-model.md").read_text("utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in DOCUMENT.splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| what stops"))
]
TESTS = sorted(set(re.findall(r"`(tests/[^`]+)`", DOCUMENT)))


@cache
def named_in(path: str) -> frozenset[str]:
    """Name the test functions of a file; none where there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("test", TESTS)
def test_a_test_that_a_claim_names_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in named_in(path), f"there is no {test}; was it renamed?"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_every_claim_names_a_test_and_nothing_but_tests(row: tuple[str, ...]) -> None:
    claim, shown_by = row
    assert claim
    assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`( `tests/[\w/]+\.py::test_\w+`)*", shown_by)


def test_every_attacker_has_claims() -> None:
    sections = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]
    bare = {section.splitlines()[0] for section in sections if "`tests/" not in section}
    assert bare == {"What there is to protect", "What remains"}


def test_nothing_is_found_in_a_file_that_is_not_there() -> None:
    assert named_in("tests/unit/test_of_nothing.py") == frozenset()
    assert "test_every_attacker_has_claims" in named_in("tests/unit/test_threat_model.py")
