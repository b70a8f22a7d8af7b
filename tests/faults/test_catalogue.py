"""The catalogue names what there is, and its check notices what there is not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.catalogue import INVARIANTS, LIST, ROWS, Outcome, read, run_problems
from tests.faults.recorder import Recorder

_ROOT = Path(__file__).parents[2]
Repository = Callable[[str], Path]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Give what makes a repository whose list holds all rows, but `A1` as the text says."""

    def make(first: str) -> Path:
        rows = [f'[A1]\ntitle = "x"\n{first}'] + [f'[{row}]\ntitle = "x"\npart = "y"' for row in ROWS[1:]]
        file = tmp_path / LIST
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(rows))
        (tmp_path / "test_x.py").write_text("def test_y(): ...\n\nclass TestZ(Suite): ...\n")
        (tmp_path / "page.md").write_text("It is\n  said here.\n")
        return tmp_path

    return make


def test_what_the_catalogue_names_is_there() -> None:
    wrong = [problem for problem in read(_ROOT).problems if not problem.endswith("is missing")]
    assert wrong == []


def test_every_invariant_is_accounted_for() -> None:
    invariants = read(_ROOT, INVARIANTS)
    assert invariants.problems == ()
    assert invariants.count().startswith("invariants: 26 of 26 rows accounted for, 24 tested, ")


@pytest.mark.parametrize(
    "row",
    [
        'tests = ["test_x.py::test_y"]',
        'tests = ["test_x.py::TestZ::test_inherited"]',
        'document = "page.md"\nsays = "is said"',
        'part = "leader election"',
    ],
)
def test_a_row_is_accounted_for_in_one_of_three_ways(repository: Repository, row: str) -> None:
    catalogue = read(repository(row))
    assert catalogue.problems == ()
    assert catalogue.count().startswith("catalogue: 184 of 184 rows accounted for, ")


@pytest.mark.parametrize(
    "row",
    [
        "",
        'tests = ["test_x.py::test_z"]',
        'tests = ["test_y.py::test_y"]',
        'tests = ["test_x.py"]',
        'tests = ["test_x.py::test_y", "test_x.py::test_y"]',
        'tests = ["test_x.py::test_y"]\npart = "p"',
        'document = "page.md"',
        'document = "page.md"\nsays = "was said"',
        'document = "pages.md"\nsays = "is said"',
        'says = "is said"\npart = "p"',
        'test = ["test_x.py::test_y"]',
        "[A",
    ],
)
def test_a_row_that_accounts_for_nothing_is_told(repository: Repository, row: str) -> None:
    assert read(repository(row)).problems


def test_missing_unknown_and_misplaced_rows_are_told(repository: Repository) -> None:
    root = repository('part = "p"\n[A21]\ntitle = "x"\npart = "p"')
    text = (root / LIST).read_text()
    a2 = '[A2]\ntitle = "x"\npart = "y"\n'
    (root / LIST).write_text(text.replace(a2, "").replace("[B1]", f"{a2}[B1]").replace("[M14]", "[M15]"))
    assert read(root).problems == (
        "row M14 is missing",
        "row A21 is none of the catalogue",
        "row M15 is none of the catalogue",
        "row A20 stands before A2",
    )


@pytest.mark.parametrize(
    ("outcomes", "skips_count", "told"),
    [
        ({"test_x.py::test_y": "passed"}, True, False),
        ({}, False, True),
        ({"test_x.py::test_y": "failed"}, False, True),
        ({"test_x.py::test_y": "skipped"}, True, True),
        ({"test_x.py::test_y": "skipped"}, False, False),
    ],
)
def test_a_test_that_did_not_pass_in_the_run_is_told(
    repository: Repository, outcomes: dict[str, Outcome], *, skips_count: bool, told: bool
) -> None:
    catalogue = read(repository('tests = ["test_x.py::test_y"]'))
    assert bool(run_problems(catalogue, outcomes, skips_count=skips_count)) is told


def _report(node_id: str, when: str, outcome: str) -> pytest.TestReport:
    location = (node_id.partition("::")[0], 0, node_id)
    return pytest.TestReport(node_id, location, {}, outcome, None, when)  # type: ignore[arg-type]


def test_a_test_passed_when_all_its_parameters_and_phases_did(tmp_path: Path) -> None:
    record = tmp_path / "made" / "record.json"
    recorder = Recorder(record)
    for node_id, when, outcome in (
        ("f.py::good[1]", "setup", "passed"),
        ("f.py::good[1]", "call", "passed"),
        ("f.py::good[a::b[]", "call", "passed"),
        ("f.py::good[1]", "teardown", "passed"),
        ("f.py::half[1]", "call", "failed"),
        ("f.py::half[2]", "call", "passed"),
        ("f.py::skipped", "setup", "skipped"),
        ("f.py::dirty", "call", "passed"),
        ("f.py::dirty", "teardown", "failed"),
        ("f.py::not_set_up", "setup", "failed"),
    ):
        recorder.pytest_runtest_logreport(_report(node_id, when, outcome))
    recorder.pytest_sessionfinish()
    assert json.loads(record.read_text()) == {
        "f.py::good": "passed",
        "f.py::half": "failed",
        "f.py::skipped": "skipped",
        "f.py::dirty": "failed",
        "f.py::not_set_up": "failed",
    }
    Recorder(record)
    assert not record.exists(), "a run that does not end leaves no record of an earlier one"
