"""YAML, JSON and dotenv files: what their values are, byte for byte, and what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd_providers.file.dotenv import pairs
from syncd_providers.file.forms import Value, dotenv_values, form, json_values, yaml_values
from syncd_providers.file.malformed import Malformed

KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("values.yaml", yaml_values),
        ("values.YML", yaml_values),
        ("values.json", json_values),
        (".env", dotenv_values),
        (".env.local", dotenv_values),
        ("prod.env", dotenv_values),
        (".environment", None),
        ("values.txt", None),
        ("secrets", None),
    ],
)
def test_the_name_tells_the_form(name: str, reader: object) -> None:
    assert form(name) is reader


def test_yaml_scalars_are_their_source_text() -> None:
    data = (
        b"a: no\nb: 1.10\nc: 0755\nd: 8\ne: true\nf: 'x y'\ng: \"l\\n\"\nh: |\n  one\n  two\ni: ''\nj: -0\nk: 1e400\n"
    )
    found = {key: value and value.data for key, value in yaml_values(data).items()}
    expected = [b"no", b"1.10", b"0755", b"8", b"true", b"x y", b"l\n", b"one\ntwo\n", b"", b"-0", b"1e400"]
    assert list(found.values()) == expected


def test_yaml_below_the_top_is_json() -> None:
    found = yaml_values("db: {user: ä, port: 8, on: true, none: null}\nlist: [1, two]\nnone:\n".encode())
    assert found["db"] == Value('{"user":"ä","port":8,"on":true,"none":null}'.encode(), structured=True)
    assert found["list"] == Value(b'[1,"two"]', structured=False)
    assert found["none"] is None


@pytest.mark.parametrize(
    "data", [b"a: 1\na: 2\n", b"- a\n", b"just text", b"a: &x 1\nb: *x\n", b"a: [", b"\xff", b"a: !!binary aa"]
)
def test_yaml_that_is_refused(data: bytes) -> None:
    """E4, G3 to G5."""
    with pytest.raises(Malformed):
        yaml_values(data)


def test_json_keeps_the_spelling_of_numbers() -> None:
    """E3, E5."""
    long = "1" * 5000
    data = f'\ufeff{{"a": 1.10, "b": 1e400, "c": {long}, "d": {{"n": 0.10 , "m": -0}}, "e": [1.0], "f": "\\u00e4\\n"}}'
    found = {key: value and value.data for key, value in json_values(data.encode()).items()}
    assert found == {
        "a": b"1.10",
        "b": b"1e400",
        "c": long.encode(),
        "d": b'{"n": 0.10 , "m": -0}',
        "e": b"[1.0]",
        "f": "ä\n".encode(),
    }
    assert json_values(b'{"a": {}, "b": [], "n": null, "t": true}') == {
        "a": Value(b"{}", structured=True),
        "b": Value(b"[]"),
        "n": None,
        "t": Value(b"true"),
    }


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": ""}}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[1]",
        b'"text"',
        b"null",
        b"{",
        b'{"a": 01}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_json_that_is_refused(data: bytes) -> None:
    """E4, E5."""
    with pytest.raises(Malformed):
        json_values(data)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text()))))
def test_json_values_are_what_json_says(content: dict[str, object]) -> None:
    found = json_values(json.dumps(content).encode())
    assert list(found) == list(content)
    for key, value in content.items():
        read = found[key]
        assert read is not None
        assert (read.data.decode() if isinstance(value, str) else json.loads(read.data)) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"K=value", b"value"),
        (b"export K=value", b"value"),
        (b"  K = value  ", b"value"),
        (b"K=", b""),
        (b"K=''", b""),
        (b"K=a b c", b"a b c"),
        (b"K=a#b", b"a#b"),
        (b"K=#b", b"#b"),
        (b"K=a # comment", b"a"),
        (b"K= # comment", b""),
        (b"K=a=b", b"a=b"),
        (b"K=$HOME ${X} `id`", b"$HOME ${X} `id`"),
        (b"K=it's", b"it's"),
        (b"K='a # b' # comment", b"a # b"),
        (b"K='a\\n\"b'", b'a\\n"b'),
        (b'K="a\\n\\t\\r\\\\\\"\\$\\`\\x"', b'a\n\t\r\\"$`\\x'),
        (b'K="a # b"   # comment', b"a # b"),
        (b'K="two\nlines"', b"two\nlines"),
        (b"K='two\nlines'", b"two\nlines"),
        (b"K=value\r", b"value"),
        (b"K=\xff\xfe", b"\xff\xfe"),
        (b"K='\xff'", b"\xff"),
        (b"\xef\xbb\xbfK=value", b"value"),
    ],
)
def test_a_dotenv_value(line: bytes, value: bytes) -> None:
    around = b"" if line.startswith(b"\xef") else b"# first\n\nBEFORE=1\n"
    assert pairs(around + line + b"\nAFTER=2\n")["K"] == value
    assert pairs(line) == {"K": value}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"A=1\nA=2\n", 2),
        (b"A=1\n\nexport A='1'\n", 3),
        (b"A\n", 1),
        (b"A=1\n1A=2\n", 2),
        (b"A='open\n", 1),
        (b'A="open\nB=1\n', 1),
        (b"A='a'b\n", 1),
        (b"=x\n", 1),
        (b"A B=1\n", 1),
    ],
)
def test_a_dotenv_file_that_is_refused_names_its_line(data: bytes, line: int) -> None:
    with pytest.raises(Malformed) as caught:
        pairs(data)
    assert caught.value.line == line


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.binary().filter(lambda value: b"'" not in value)))
def test_what_single_quotes_hold_comes_back(content: dict[str, bytes]) -> None:
    data = b"".join(key.encode() + b"='" + value + b"'\n" for key, value in content.items())
    assert pairs(data) == content


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (pairs, json_values, yaml_values):
        try:
            read(data)
        except Malformed as error:
            assert error.line >= 1  # noqa: PT017 — either is well; nothing else may be raised


def test_an_error_and_a_value_print_nothing_of_the_file() -> None:
    canary = "canary-44af"
    for read, data in (
        (pairs, f"A={canary}\nB {canary}"),
        (json_values, f'{{"a": "{canary}", "a": "{canary}'),
        (yaml_values, f"a: [{canary}"),
    ):
        with pytest.raises(Malformed) as caught:
            read(data.encode())
        assert canary not in f"{caught.value!r} {caught.value} {caught.value.__cause__} {vars(caught.value)}"
    assert canary not in repr(Value(canary.encode()))
