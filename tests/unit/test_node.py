"""Reading YAML into a plain tree, and finding where a path stands."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.node import SyntaxProblem, Tree, dotted, locate, read, text

LIMIT = 1024 * 1024


def tree(source: str) -> Tree:
    return read(source.encode(), limit=LIMIT).tree


def problems(source: str | bytes) -> list[str]:
    data = source.encode() if isinstance(source, str) else source
    with pytest.raises(SyntaxProblem) as caught:
        read(data, limit=LIMIT)
    return [f"{line}:{column}: {dotted(p.path)}: {p.message}" for line, column, p in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1.10", "1.10"),
        ("0755", "0755"),
        ("0x1f", "0x1f"),
        ("1e3", "1e3"),
        ("2026-11-24", "2026-11-24"),
        ("-0", "-0"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("8", 8),
        ("-12", -12),
        ("12345678901234567890", "12345678901234567890"),
        ("'8'", "8"),
        ('"true"', "true"),
        ("''", ""),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says_or_its_source_text(written: str, expected: Tree) -> None:
    assert tree(f"a: {written}\n") == {"a": expected}


@pytest.mark.parametrize("written", ["8", "-12", "0", "true", "false", "1.10", "no", "'x'"])
def test_text_gives_back_what_was_written(written: str) -> None:
    found = tree(f"a: {written}\n")
    assert isinstance(found, dict)
    value = found["a"]
    assert isinstance(value, (str, int))
    assert text(value) == written.strip("'")


def test_json_is_read_as_the_subset_it_is() -> None:
    assert tree('{"a": [1, true, null, "x"], "b":{"c":"\\u00e4"}}') == {"a": [1, True, None, "x"], "b": {"c": "ä"}}


def test_an_empty_file_is_nothing() -> None:
    assert tree("") is None
    assert tree("# only a comment\n") is None


def test_a_byte_order_mark_is_no_content() -> None:
    assert tree("\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1: a: this key stands here twice"]),
        ("x:\n- y: 1\n- {z: 1, z: 2}\n", ["3:10: x[1].z: this key stands here twice"]),
        ("a: &x 1\nb: *x\n", ["1:4: a: anchors are not supported", "2:4: b: aliases are not supported"]),
        ("a: &x {b: 1}\n", ["1:4: a: anchors are not supported"]),
        ("a: !!str 1\n", ["1:4: a: tags are not supported"]),
        ("a: !x {b: 1}\n", ["1:4: a: tags are not supported"]),
        ("a: {<<: {b: 1}}\n", ["1:5: a['<<']: merge keys are not supported"]),
        ("a: {? [b] : 1}\n", ["1:7: a: a key must be text"]),
        ("?\n: 1\n", ["1:2: : a key is empty"]),
        ("a: 1\n---\nb: 2\n", ["2:1: : a file holds one document"]),
        ("a: [1\n", ["2:1: : not well-formed YAML: while parsing a flow sequence, did not find expected ',' or ']'"]),
        (b"a: \xff", ["1:4: : the file is not UTF-8 text"]),
        (b"a: 1\nb: \x07", ["2:4: : not readable as YAML: control characters are not allowed"]),
        ("x".encode("utf-16"), ["1:1: : the file is not UTF-8 text"]),
        (
            "a: 1\nb: 'x' y\nc: *d\n",
            ["2:8: : not well-formed YAML: while parsing a block mapping, did not find expected key"],
        ),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(source: str | bytes, expected: list[str]) -> None:
    assert problems(source) == expected


@pytest.mark.parametrize(("source", "hint"), [("ä: 1\nb:\n\t- c\n", "tabs"), ("ä: 'b\tc\n", "")])
def test_a_tab_that_indents_is_named(source: str, hint: str) -> None:
    with pytest.raises(SyntaxProblem) as refused:
        read(source.encode(), limit=LIMIT)
    (_, _, problem) = refused.value.problems[0]
    assert hint in problem.hint
    assert bool(problem.hint) == bool(hint)


def test_every_problem_before_the_end_is_told() -> None:
    found = problems("a: &x 1\na: 2\nb: !t 3\nc: [\n")
    assert [line.split(":")[0] for line in found] == ["1", "2", "3", "5"]


def test_lists_nest_32_deep_and_not_33() -> None:
    assert tree("[" * 32 + "]" * 32) is not None
    assert problems("[" * 33 + "]" * 33)[0].startswith("1:33: ")


def test_a_file_over_the_limit_is_not_looked_at() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        read(b"a: 12345", limit=7)
    assert caught.value.problems[0][2].message == "the file is larger than 7 bytes"


def test_the_places_of_top_level_items_come_with_the_tree() -> None:
    document = read(b"stores:\n  a: {x: 1}\n  b:\n    y: 2\nsecrets:\n  - name: n\n  - {name: m}\n", limit=LIMIT)
    assert [document.place("stores", 0), document.place("stores", 1)] == [(2, 3), (3, 3)]
    assert [document.place("secrets", 0), document.place("secrets", 1)] == [(6, 5), (7, 5)]


def test_a_path_stands_where_its_key_or_item_starts_and_a_missing_one_at_its_nearest_ancestor() -> None:
    data = b"a: 1\nsecrets:\n  - x: {y: z}\n  - q: 3\n    r: [a, b]\n"
    wanted = [(), ("a",), ("secrets", 0, "x", "y"), ("secrets", 1, "r", 1), ("secrets", 1, "nope", "deeper"), ("zz",)]
    found = locate(data, wanted)
    assert [found[path] for path in wanted] == [(1, 1), (1, 1), (3, 9), (5, 12), (4, 5), (1, 1)]


def test_yaml_is_imported_with_the_first_file_and_not_before() -> None:
    code = "import sys, syncd.node; assert 'yaml' not in sys.modules; syncd.node.read(b'', limit=1); import yaml._yaml"
    subprocess.run([sys.executable, "-c", code], check=True)


def places_of_problems(data: bytes) -> list[tuple[int, int]]:
    try:
        read(data, limit=LIMIT)
    except SyntaxProblem as error:
        return [(line, column) for line, column, _ in error.problems]
    return []


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_give_a_tree_or_a_syntax_problem(data: bytes) -> None:
    assert places_of_problems(data) is not None


PIECES = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "\n",
        "  ",
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "? ",
        "&x ",
        "*x",
        "!t ",
        "<<",
        "'",
        '"',
        "|\n",
        "#",
        "---\n",
        "\t",
        "%",
        "é",
        "1",
        "~",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_arrangement_of_yaml_signs_gives_a_tree_or_problems_inside_the_file(source: str) -> None:
    lines = source.count("\n") + 2
    assert all(1 <= line <= lines and column >= 1 for line, column in places_of_problems(source.encode()))


_TEXTS = st.text(st.characters(max_codepoint=0xFFFD, exclude_categories=("Cs", "Cc")), max_size=12)
_TREES: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(_TREES)
def test_any_json_comes_back_as_it_was(value: Tree) -> None:
    assert tree(json.dumps(value)) == value


_WEIGH = """
import sys, time
from pathlib import Path
from syncd.node import SyntaxProblem, read

def peak():
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1])

head, unit = sys.argv[1:]
data = (head + unit * (1024 * 1024))[: 1024 * 1024].encode()
read(b"", limit=1)
before, start = peak(), time.process_time()
try:
    read(data, limit=1024 * 1024)
except SyntaxProblem:
    pass
print(time.process_time() - start, (peak() - before) / 1024)
"""


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("secrets: [", "{a},"),
        ("secrets: [", "[a: b],"),
        ("secrets: [", "[],"),
        ("secrets:\n", "- - -\n"),
        ("a: &x [", "*x,"),
        ("", "? a\n"),
        ("a: '", " x\n"),
        ("", "["),
    ],
)
def test_one_mebibyte_of_anything_is_read_within_a_second_and_64_mebibytes(head: str, unit: str) -> None:
    done = subprocess.run([sys.executable, "-c", _WEIGH, head, unit], check=True, capture_output=True, text=True)
    seconds, mebibytes = map(float, done.stdout.split())
    assert seconds < 1.0
    assert mebibytes < 64
