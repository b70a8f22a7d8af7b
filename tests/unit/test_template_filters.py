"""Filters of templates: every example of the page, what each gives beyond it, and what it refuses."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.template import Known, Program, Reason, Stopped, mistakes, read, render
from syncd.template.filters import FILTERS
from syncd_providers.file.forms import dotenv_values
from tests.authority import issued
from tests.documents import fences, section
from tests.documents import read as document

PAGE = "docs/templates.md"
ROOT = issued("root")
MIDDLE = issued("middle", by=ROOT)
LEAF = issued("leaf", by=MIDDLE)
STRANGER = issued("stranger")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def made(text: str, **values: bytes) -> bytes | Stopped:
    program = read(text)
    assert isinstance(program, Program), program
    return render(program, values)


def good(text: str, **values: bytes) -> str:
    result = made(text, **values)
    assert isinstance(result, bytes), result
    return result.decode()


def refused(text: str, **values: bytes) -> str:
    result = made(text, **values)
    assert isinstance(result, Stopped), result
    assert result.reason is Reason.FAILED
    return result.message


# The page


def rows(title: str) -> Iterator[list[str]]:
    """Give the cells of the rows of a table, without the bars that belong to a cell."""
    for line in section(PAGE, title).splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        if cells and cells[0].strip().startswith("`"):
            yield [cell.replace("\\|", "|").strip() for cell in cells]


def keys() -> dict[str, bytes]:
    """Give the keys of the examples."""
    (block,) = [fence for fence in fences(PAGE) if fence.language == "yaml" and "version:" not in fence.text]
    texts = {key: str(value).encode() for key, value in yaml.safe_load(block.text).items()}
    both = LEAF.key_pem() + ROOT.pem + LEAF.pem + MIDDLE.pem
    bundle = LEAF.bundle(MIDDLE, password=texts["password"])
    return {**texts, "both.pem": both, "web.p12": bundle}


@pytest.mark.parametrize("row", list(rows("Filters")), ids=lambda row: row[2])
def test_every_example_of_the_page_gives_what_it_says(row: list[str]) -> None:
    name, _, example, expected = (cell.strip("`") if cell.startswith("`") else cell for cell in row)
    assert f"| {name}" in example
    program = read(example)
    assert isinstance(program, Program), program
    assert mistakes(program, Known(frozenset(keys()))) == ()
    result = render(program, keys())
    assert isinstance(result, bytes), result
    begin, more, _ = expected.replace("⏎", "\n").partition("…")
    assert result.decode()[: len(begin) if more else None] == begin


def test_every_filter_has_its_row_and_every_row_its_filter() -> None:
    assert list(dict.fromkeys(row[0].strip("`") for row in rows("Filters"))) != []
    assert {row[0].strip("`") for row in rows("Filters")} == set(FILTERS)


def test_every_reason_of_the_page_is_one_of_a_rendering() -> None:
    named = {row[0].strip("`") for row in rows("What goes wrong")}
    assert named == {reason.value for reason in Reason if reason is not Reason.INVALID} | {"empty-value"}


def test_the_limits_of_the_page_are_those_that_hold() -> None:
    told = section(PAGE, "Limits")
    for figure in (
        "128 KiB",
        "5,000 words",
        "200 in one",
        "8 deep",
        "1 MiB",
        "10,000 times",
        "100,000 parts",
        "32 MiB",
    ):
        assert figure in told
    assert "⏎" in document(PAGE)


# Round trips


@settings(deadline=None)
@given(TEXTS)
def test_every_text_comes_back_from_json_and_yaml(text: str) -> None:
    value = text.encode()
    assert json.loads(good("{{ x | tojson }}", x=value)) == text
    assert good("{{ x | tojson | fromjson }}", x=value) == text
    assert good("{{ (({'k': [x]} | toyaml) | fromyaml)['k'][0] }}", x=value) == text
    assert yaml.safe_load(good("{{ {'k': [x, {x: x}]} | toyaml }}".replace("{x: x}", "[x]"), x=value)) == {
        "k": [text, [text]]
    }
    assert good("{{ x | b64encode | b64decode }}", x=value) == text


@settings(deadline=None)
@given(TEXTS)
def test_every_text_comes_back_from_toml(text: str) -> None:
    assert tomllib.loads("k = " + good("{{ x | toml }}", x=text.encode()))["k"] == text


@settings(deadline=None)
@given(TEXTS.filter(lambda text: "\0" not in text))
def test_every_text_comes_back_from_a_shell_and_from_dotenv(text: str) -> None:
    assert shlex.split(good("{{ x | quote }}", x=text.encode())) == [text]
    line = f"K={good('{{ x | dotenv }}', x=text.encode())}\n"
    found = dotenv_values(line.encode())["K"]
    assert found is not None
    assert found.data.decode() == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_every_structure_comes_back_from_json_and_yaml(value: object) -> None:
    text = json.dumps(value).encode()
    assert json.loads(good("{{ x | fromjson | tojson }}", x=text)) == value
    assert json.loads(good("{{ x | fromjson | tojson(2) }}", x=text)) == value
    shown = good("{{ x | fromjson | toyaml }}", x=text)
    assert yaml.safe_load(shown) == value
    assert not shown.endswith("\n")


def test_a_value_of_an_ini_file_is_in_quotes_where_it_could_be_mistaken() -> None:
    assert good("{{ x | ini }}", x=b"plain value") == "plain value"
    assert good("{{ x | ini }}", x=b' a "b" \\c; #d ') == '" a \\"b\\" \\\\c; #d "'
    parser = ConfigParser(interpolation=None)
    parser.read_string("[s]\nk = " + good("{{ x | ini }}", x=b"db.internal"))
    assert parser["s"]["k"] == "db.internal"


@pytest.mark.parametrize("number", ["0.10", "12345678901234567890", "1e400", "-0", "1E5"])
def test_a_number_keeps_the_spelling_of_its_source(number: str) -> None:
    value = f'{{"k": {number}}}'.encode()
    assert good("{{ (x | fromjson)['k'] }}", x=value) == number
    assert good("{{ x | fromjson | tojson }}", x=value) == f'{{"k": {number}}}'
    assert good("{{ x | fromjson | toyaml }}", x=value) == f"k: {number}"
    assert good("{{ (x | fromjson)['k'] | toml }}", x=value) == number
    assert good("{{ (x | fromjson)['k'] | upper | quote }}", x=value).strip("'") == number.upper()


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "on",
        "null",
        "true",
        "~",
        "",
        "1",
        "1.0",
        ".inf",
        "- a",
        "a: b",
        "a #b",
        "<<",
        "=",
        "0x1",
        "é",
        "a\n",
    ],
)
def test_yaml_quotes_what_a_reader_may_take_for_something_else(text: str) -> None:
    shown = good("{{ {'k': x} | toyaml }}", x=text.encode())
    assert shown.startswith('k: "')
    assert yaml.safe_load(shown) == {"k": text}


# Parts


@pytest.mark.parametrize(
    ("url", "part", "expected"),
    [
        ("https://example.com", "scheme", "https"),
        ("https://example.com", "host", "example.com"),
        ("https://example.com", "port", None),
        ("https://example.com", "path", None),
        ("https://example.com", "user", None),
        ("https://u@example.com:/", "port", None),
        ("https://u@example.com/", "user", "u"),
        ("https://u@example.com/", "password", None),
        ("https://u:@example.com/", "password", ""),
        ("https://:p@example.com/", "user", ""),
        ("redis://:p%3A%40%25@[::1]:6379/0", "password", "p:@%"),
        ("redis://:p@[::1]:6379/0", "host", "::1"),
        ("redis://:p@[::1]:6379/0", "port", "6379"),
        ("redis://:p@ss@host/0", "password", "p@ss"),
        ("a+b://h/p?q=1?2#f#g", "query", "q=1?2"),
        ("a+b://h/p?q#f#g", "fragment", "f#g"),
        ("a+b://h/p%20q?x", "path", "/p%20q"),
        ("mongodb://a,b/db", "host", "a,b"),
    ],
)
def test_a_part_of_a_url(url: str, part: str, expected: str | None) -> None:
    text = "{{ x | urlpart('" + part + "') | default('-none-') }}"
    assert good(text, x=url.encode()) == ("-none-" if expected is None else expected)


@pytest.mark.parametrize("url", ["", "example.com", "//h", "mailto:a@b", "1://h", "http://a:b:c/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    assert "urlpart was given" in refused("{{ x | urlpart('port') }}", x=url.encode())


@pytest.mark.parametrize(
    ("dsn", "separator", "name", "expected"),
    [
        ("host=h port=5432", " ", "port", "5432"),
        (" host = h\n port=1 ", " ", "host", "h"),
        (r"password='a \' \\ b' user=u", " ", "password", r"a ' \ b"),
        (r"password=a\ b\\ user=u", " ", "password", r"a b\ "[:-1]),
        ("password='' user=u", " ", "password", ""),
        ("a=1 a=2", " ", "a", "2"),
        ("a=1", " ", "A", None),
        ("Server=h; Uid = u ;Pwd=p", ";", "UID", "u"),
        ('Pwd="a;""b";X=1', ";", "pwd", 'a;"b'),
        ("Pwd='a''b';X=1;", ";", "x", "1"),
        ("Pwd='a''b';X=1;", ";", "pwd", "a'b"),
        ("Endpoint=sb://x/;Key=a+b==", ";", "key", "a+b=="),
        ("Pwd=;X=1", ";", "pwd", ""),
        ("", ";", "pwd", None),
        ("", " ", "pwd", None),
    ],
)
def test_a_part_of_a_dsn(dsn: str, separator: str, name: str, expected: str | None) -> None:
    text = f"{{{{ x | dsnpart('{name}', '{separator}') | default('-none-') }}}}"
    assert good(text, x=dsn.encode()) == ("-none-" if expected is None else expected)


@pytest.mark.parametrize(
    ("dsn", "separator"),
    [("host", " "), ("host='h", " "), ("=h", " "), ("host='h'x", " "), ("a'b=1", " "), ("Server", ";"), ("=x", ";"),
     ("a;b=1", ";"), ("a='x'y;b=1", ";")],
)  # fmt: skip
def test_what_is_no_dsn_is_refused(dsn: str, separator: str) -> None:
    assert "dsnpart was given" in refused(f"{{{{ x | dsnpart('a', '{separator}') }}}}", x=dsn.encode())


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ '%%' | b64decode }}", "b64decode was given something else than base64"),
        ("{{ 'YQ' | b64decode }}", "b64decode was given something else than base64"),
        ("{{ '{' | fromjson }}", "what fromjson was given is not JSON"),
        ("{{ '{\"a\":1,\"a\":2}' | fromjson }}", "what fromjson was given is a JSON object with the same key twice"),
        ("{{ 'a: &x b' | fromyaml }}", "what fromyaml was given is not YAML of one plain document (its line 1)"),
        ("{{ 'a: b\\na: c' | fromyaml }}", "what fromyaml was given is not YAML of one plain document (its line 2)"),
        ("{{ 'a\\0' | quote }}", "quote was given a NUL, which no shell takes"),
        ("{{ 'a\\0' | dotenv }}", "dotenv was given a NUL, which no variable can hold"),
        ("{{ 'a\\n' | ini }}", "ini was given a control character or the end of a line, which INI files cannot hold"),
        ("{{ {'a': 1} | toml }}", "toml quotes texts, numbers, truth values and lists of them, and was given an obj"),
        ("{{ [1, 'a'] | sort }}", "sort needs texts alone or whole numbers alone, and was given a number among oth"),
        ("{{ [[1]] | sort }}", "sort needs texts alone or whole numbers alone, and was given a list among others"),
        ("{{ 'b' | sort }}", "sort needs a list, and was given a text; `split` makes a list of it"),
        ("{{ [[1]] | join }}", "join needs text, and was given a list"),
        ("{{ '1.5' | int }}", "int needs a whole number of at most 18 digits, and was given a text that is none"),
        ("{{ 'a' | replace('', 'b') }}", "replace was asked to replace an empty text"),
        ("{{ 'a' | split('') }}", "split was asked to split at an empty text"),
        ("{{ 'a' | items }}", "items needs an object, and was given a text"),
        ("{{ 'a' | pem_key }}", "what pem_key was given holds no PEM block (-----BEGIN …-----)"),
        ("{{ crt | pem_key }}", "pem_key was given no private key"),
        ("{{ (key ~ key) | pem_key }}", "pem_key was given more than one private key"),
        ("{{ key | pem_certificates }}", "pem_certificates was given no certificate"),
        ("{{ key | pem_chain }}", "pem_chain takes 1 to 10 certificates"),
        ("{{ (crt ~ stranger) | pem_chain }}", "what pem_chain was given is not one chain: a certificate too many, or"),
        ("{{ (crt ~ root) | pem_chain }}", "what pem_chain was given is not one chain: a certificate too many, or"),
        ("{{ p12 | pkcs12_key('wrong') }}", "what pkcs12_key was given cannot be opened: the password does not fit"),
        ("{{ crt | pkcs12_key }}", "what pkcs12_key was given is not a PKCS#12 bundle in DER"),
        ("{{ keyless | pkcs12_key }}", "the bundle that pkcs12_key was given holds no private key"),
    ],
)  # fmt: skip
def test_what_a_filter_cannot_do_is_told_without_a_value(text: str, message: str) -> None:
    values = {
        "crt": LEAF.pem, "key": LEAF.key_pem(), "root": ROOT.pem, "stranger": STRANGER.pem,
        "p12": LEAF.bundle(password=b"right"), "keyless": LEAF.bundle(key=False),
    }  # fmt: skip
    assert refused(text, **values)[: len(message)] == message


def test_a_chain_is_sorted_whatever_its_order() -> None:
    expected = (LEAF.pem + MIDDLE.pem + ROOT.pem).decode()
    for pem in (ROOT.pem + MIDDLE.pem + LEAF.pem, MIDDLE.pem + LEAF.pem + ROOT.pem):
        assert good("{{ x | pem_chain }}", x=pem) == expected
    assert good("{{ x | pem_chain }}", x=ROOT.pem) == ROOT.pem.decode()


def test_certificates_and_key_stand_as_they_were() -> None:
    both = b"a comment\r\n" + LEAF.pem.replace(b"\n", b"\r\n") + LEAF.key_pem()
    assert good("{{ x | pem_certificates }}", x=both) == LEAF.pem.replace(b"\n", b"\r\n").decode().rstrip() + "\n"
    assert good("{{ x | pem_key }}", x=both) == LEAF.key_pem().decode()


def test_a_bundle_gives_its_key_and_its_certificates() -> None:
    bundle = LEAF.bundle(MIDDLE, password=b"right")
    assert good("{{ x | pkcs12_certificates(p) }}", x=bundle, p=b"right") == (LEAF.pem + MIDDLE.pem).decode()
    assert good("{{ x | b64encode | b64decode | pkcs12_key(p) }}", x=bundle, p=b"right") == LEAF.key_pem().decode()
    assert good("{{ x | pkcs12_key }}", x=LEAF.bundle()) == LEAF.key_pem().decode()


def test_two_bundles_are_opened_in_one_rendering_and_each_once() -> None:
    one, two = LEAF.bundle(), MIDDLE.bundle()
    text = "{{ x | pkcs12_key }}{{ y | pkcs12_key }}{{ x | pkcs12_certificates }}{{ y | pkcs12_key }}"
    assert good(text, x=one, y=two).count("BEGIN") == 4
    third = made(text + "{{ z | pkcs12_key }}", x=one, y=two, z=ROOT.bundle())
    assert isinstance(third, Stopped)
    assert third.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ 'a\\nb\\n\\nc' | indent }}", "a\n    b\n\n    c"),
        ("{{ 'a\\n\\nb' | indent(1, first=true, blank=true) }}", " a\n \n b"),
        ("{{ 'a\\r\\n\\r\\nb' | indent(1) }}", "a\r\n\r\n b"),
        ("{{ ' a ' | trim }}{{ 'xay' | trim('xy') }}", "aa"),
        ("{{ [3, 20, 1] | sort | join(' ') }}", "1 3 20"),
        ("{{ ['b', 'a'] | sort(reverse=true) | join }}", "ba"),
        ("{{ ['a', 'b', 'a'] | unique | join }}", "ab"),
        ("{{ ' a  b ' | split | tojson }}", '["a", "b"]'),
        ("{{ 'a,,b' | split(',') | length }}", "3"),
        ("{{ [] | join }}{{ '' | split | length }}", "0"),
        ("{{ {} | toyaml }}{{ [] | tojson }}{{ [[], {}] | toyaml }}", "{}[]- []\n- {}"),
        ("{{ [[1, [2]], {'a': {'b': []}}] | toyaml }}", "- - 1\n  - - 2\n- a:\n    b: []"),
        ("{{ [1, true, 'a\"'] | toml }}", '[1, true, "a\\""]'),
        ("{{ 'a' | sha256 }}", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ],
)
def test_what_else_filters_give(text: str, expected: str) -> None:
    assert good(text) == expected
