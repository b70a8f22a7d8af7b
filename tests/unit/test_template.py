"""Templates: the subset that is read, what it means, and how a rendering stops."""

import inspect
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.template import Known, Limits, Mistake, Program, Reason, Stopped, mistakes, read, render

VALUES: Mapping[str, bytes] = {
    "user": b"app",
    "password": b"p@ss 'w\"ord\\",
    "port": b"5432",
    "empty": b"",
    "tls.crt": b"PEM\n",
    "config": b'{"hosts": ["a", "b"], "limit": 1.50, "on": true, "off": false, "none": null, "n": 7}',
    "binary": b"\xff\x00",
    "accent": "é\u2028🔑".encode(),
}


def program(text: str) -> Program:
    found = read(text)
    assert isinstance(found, Program), found
    return found


def made(text: str, values: Mapping[str, bytes] = VALUES) -> str:
    result = render(program(text), values)
    assert isinstance(result, bytes), result
    return result.decode()


def stopped(text: str, values: Mapping[str, bytes] = VALUES) -> Stopped:
    result = render(program(text), values)
    assert isinstance(result, Stopped), result
    return result


def wrong(text: str) -> Mistake:
    found = read(text)
    assert isinstance(found, tuple), "it is a template"
    return found[0]


# What it means


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ user }}", "app"),
        ('{{ data["tls.crt"] }}', "PEM\n"),
        ('{{ data["us" ~ "er"] }}', "app"),
        ("{{ user ~ ':' ~ 5 ~ true }}", "app:5true"),
        ("{% if user %}a{% endif %}{% if empty %}b{% endif %}", "a"),
        ("{% if empty %}a{% elif user == 'app' %}b{% else %}c{% endif %}", "b"),
        ("{% if empty %}a{% elif empty %}b{% else %}c{% endif %}", "c"),
        ("{{ 'a' if port == '5432' else 'b' }}", "a"),
        ("{{ empty or user }}{{ user and port }}{{ not empty }}", "app5432true"),
        ("{{ 'p' in user }}{{ 'x' not in user }}{{ 'user' in data }}{{ 2 in [1, 2] }}", "truetruetruetrue"),
        ("{{ 1 < 2 <= 2 }}{{ 'b' > 'a' }}{{ 2 >= 3 }}{{ 1 != 2 }}", "truetruefalsetrue"),
        ("{{ 7 // 2 + 3 * 2 - 7 % 4 }}{{ -1 }}", "6-1"),
        ("{{ port | int + 1 }}", "5433"),
        ("{% for key in data %}{{ key }},{% endfor %}", "accent,binary,config,empty,password,port,tls.crt,user,"),
        ("{% for x in ['b', 'a'] %}{{ loop.index }}{{ x }}{% if not loop.last %}-{% endif %}{% endfor %}", "1b-2a"),
        ("{% for x in [] %}a{% else %}none{% endfor %}", "none"),
        ("{% for k, v in {'a': 1, 'b': 2} | items %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;"),
        ("{% for x in [1] %}{% for y in [2, 3] %}{{ x }}{{ y }}{{ loop.length }}{% endfor %}{% endfor %}", "122132"),
        ("{% for user in ['other'] %}{{ user }}{% endfor %}{{ user }}", "otherapp"),
        ('{% for h in (config | fromjson)["hosts"] %}{{ h }}{{ loop.first }}{% endfor %}', "atruebfalse"),
        ("{{ (config | fromjson)['limit'] }}", "1.50"),
        ("{{ (config | fromjson)['hosts'][1] }}{{ (config | fromjson)['on'] }}", "btrue"),
        ("{{ (config | fromjson)['none'] is none }}{{ 1 is none }}", "truefalse"),
        ("{{ (config | fromjson)['n'] + 1 }}", "8"),
        ("{{ nothing is defined }}{{ user is defined }}{{ nothing is not defined }}", "falsetruetrue"),
        ("{{ nothing | default('d') }}{{ empty | default('d') }}{{ empty | default('e', true) }}", "de"),
        ("{{ (config | fromjson)['x'] | default(user) }}{{ [] | first | default('f') }}", "appf"),
        ("{# a comment #}{% raw %}{{ user }}{% endraw %}", "{{ user }}"),
        ("a {%- if true -%} b {%- endif -%} c", "abc"),
        ("{{ 'a' 'b' }}{{ \"\\x41\\u00e9\\n\\\\\" }}", "abAé\n\\"),
        ("{{ config | fromjson | tojson }}", VALUES["config"].decode()),
    ],
)  # fmt: skip
def test_a_template_means_what_it_means_to_jinja_with_kinds_kept_apart(text: str, expected: str) -> None:
    assert made(text) == expected


@pytest.mark.parametrize(
    "text", ["", "\n", "a", "a\n", "a\n\n", "a\r\nb\r\n", "\r", "\ufeffa", "a\0b", " \t ", "é🔑\u2028\n"]
)
def test_text_is_kept_byte_for_byte(text: str) -> None:
    assert made(text) == text
    assert made(text + "{{ user }}" + text) == f"{text}app{text}"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(
        lambda text: not any(opening in text for opening in ("{{", "{%", "{#")) and not text.endswith("{")
    )
)
@settings(deadline=None)
def test_any_text_is_kept_byte_for_byte(text: str) -> None:
    assert made(text + "{{ user }}" + text) == f"{text}app{text}"


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_value_that_is_text_comes_out_as_it_is_and_others_are_refused(value: bytes) -> None:
    """I-BYTE: never replaced, never shortened."""
    result = render(program("{{ x }}"), {"x": value})
    try:
        value.decode()
    except UnicodeDecodeError:
        assert isinstance(result, Stopped)
        assert result.reason is Reason.NOT_TEXT
    else:
        assert result == value


@pytest.mark.parametrize("value", [b"{{ password }}", b"{% for x in y %}", b"{# #}", b"{{ 7 * 7 }}", b"{%"])
def test_a_value_that_looks_like_a_template_is_its_text(value: bytes) -> None:
    assert render(program("{{ x }}|{{ x | tojson | fromjson }}"), {"x": value}) == value + b"|" + value


def test_bytes_that_are_no_text_can_be_encoded() -> None:
    assert made("{{ binary | b64encode }} {{ binary | urlencode }}") == "/wA= %FF%00"


def test_nothing_is_escaped_by_itself() -> None:
    assert made("{{ x }}", {"x": b"<a href='\"'>&"}) == "<a href='\"'>&"


def test_carriage_returns_inside_of_tags_are_white_space() -> None:
    assert made("{{\r\n user\r\n}}\r\n{{ 'a\r\nb' }}") == "app\r\na\r\nb"


# What is refused when it is read


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("{{ user.name }}", 1, "values have no attributes", 'write VALUE["name"]'),
        ("{{ user.__class__ }}", 1, "values have no attributes", ""),
        ("\n\n{{ user.upper() }}", 3, "nothing can be called", "use a filter: VALUE | FILTER"),
        ("{% set a = 1 %}", 1, "there is no tag `set`", "if, elif, else, endif, for, endfor, raw"),
        ("{% macro a() %}{% endmacro %}", 1, "there is no tag `macro`", ""),
        ('{% include "a" %}', 1, "there is no tag `include`", ""),
        ("{% do x %}", 1, "there is no tag `do`", ""),
        ("a\n{{ user | uper }}", 2, "there is no filter `uper`", "did you mean upper?"),
        ("{{ user | attr('x') }}", 1, "there is no filter `attr`", ""),
        ("{{ [user] | map(attribute='x') }}", 1, "there is no filter `map`", ""),
        ("{{ user | a.b }}", 1, "there is no filter `a.b`", ""),
        ("{{ user | indent('x') }}", 1, "`width` of the filter indent must be a number from 0 to 100", ""),
        ("{{ user | indent(port | int) }}", 1, "`width` of the filter indent must be a number from 0 to 100", ""),
        ("{{ user | indent(101) }}", 1, "`width` of the filter indent must be a number from 0 to 100", ""),
        ("{{ user | indent(width=2, wide=1) }}", 1, "the filter indent has no argument `wide`", "did you mean width?"),
        ("{{ user | indent(2, width=2) }}", 1, "the argument `width` is given twice", ""),
        ("{{ user | upper(1) }}", 1, "the filter upper takes no arguments", ""),
        ("{{ user | default }}", 1, "the filter default needs `value`", ""),
        ("{{ user | default(*data) }}", 1, "arguments are written one by one", "leave the * out"),
        ("{{ user | replace(1, 'a') }}", 1, "`old` of the filter replace must be text", ""),
        ("{{ user | urlpart('hst') }}", 1, '`part` of the filter urlpart must be one of "scheme", "user"', ""),
        ("{{ loop.index }}", 1, "there is no loop around `loop`", ""),
        ("{% for x in data %}{{ loop.indx }}{% endfor %}", 1, "there is no loop.indx", "did you mean index?"),
        ("{% for x in data %}{{ loop }}{% endfor %}", 1, "`loop` alone is no value", ""),
        ("{% for x in data if x %}{% endfor %}", 1, "a loop takes no `if`", "put an if inside of it"),
        ("{% for x in data recursive %}{% endfor %}", 1, "a loop is not recursive", ""),
        ("{% for a, b, c in data %}{% endfor %}", 1, "a loop takes one name, or two for pairs", ""),
        ("{% for data in data %}{% endfor %}", 1, "a loop cannot use the name `data`", "take another one"),
        ("{{ 'a' if user }}", 1, "an `if` without `else`", "write A if TEST else B"),
        ("{{ user[1:] }}", 1, "a part of a list or text cannot be cut out so", "use split, first or last"),
        ("{{ 1 / 2 }}", 1, "there is no division with a fraction", "// divides whole numbers"),
        ("{{ 2 ** 3 }}", 1, "there are no powers", ""),
        ("{{ 1.5 }}", 1, "a number with a fraction", "put it in quotes"),
        ("{{ 0x10 }}", 1, "a number that is too long or oddly written", "at most 18 digits"),
        ("{{ user is even }}", 1, "there is no test `even`", "there are `is defined` and `is none`"),
        ("{{ {user: 1} }}", 1, "a key of an object is a text between quotes", ""),
        ("{{ {'a': 1, 'a': 2} }}", 1, "the key `a` stands here twice", "remove one of them"),
        (r"{{ '\d' }}", 1, "a text with an unknown escape", ""),
        (r"{{ '\ud800' }}", 1, "a text with an unknown escape", ""),
        ("{{ user", 1, "not a template: unexpected end of template", ""),
        ("{% if user %}", 1, "not a template: unexpected end of template", ""),
        ("{% endif %}", 1, "not a template: encountered unknown tag 'endif'", ""),
        ("a\n{{ + }}", 2, "not a template: unexpected 'end of print statement'", ""),
        ("{{ µ$ }}", 1, "not a template: unexpected char '$'", ""),
        ("{{ " + "(" * 9 + "1" + ")" * 9 + " }}", 1, "brackets nest deeper than 8", "write it flatter"),
        ("{% if 1 %}" * 9 + "{% endif %}" * 9, 1, "if and for nest deeper than 8", "write it flatter"),
        ("{{ " + "not " * 201 + "1 }}", 1, "more than 200 words and signs in one tag", "write it shorter"),
        ("{{ user }}" * 2_000, 1, "more than 5000 words and signs in its tags", "split the template"),
        ("x" * 131_073, 1, "longer than 131072 characters", "split the template"),
    ],
)  # fmt: skip
def test_what_does_not_belong_to_the_subset_is_told_with_its_line(
    text: str, line: int, message: str, hint: str
) -> None:
    found = wrong(text)
    assert (found.line, found.message[: len(message)]) == (line, message)
    assert found.hint.startswith(hint)


def test_every_mistake_is_told_at_once() -> None:
    found = read("{{ a.b }}\n{{ c | nope }}\n{{ d() }}\n")
    assert isinstance(found, tuple)
    assert [each.line for each in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("{{ user }}{{ data['user'] }}", []),
        ("{{ pasword }}", ["the mapping has no key `pasword`"]),
        ("{{ data['tls.key'] }}", ["the mapping has no key `tls.key`"]),
        ("{{ nothing | default('x') }}", ["the mapping has no key `nothing`"]),
        ("{% if nothing is defined %}{% endif %}", ["the mapping has no key `nothing`"]),
        ("{% for x in data %}{{ x }}{{ data[x] }}{% endfor %}{{ x }}", ["the mapping has no key `x`"]),
        ("{{ range }}{{ self }}", ["the mapping has no key `range`", "the mapping has no key `self`"]),
        ("{{ 'a' | sha256 }}{{ host | sha256 }}{{ (host ~ 'x' | upper) | sha256 }}", []),
        ("{{ user | sha256 }}", ["the filter sha256 is for literals: a plain hash of a secret gives it away"]),
        ("{{ data['user'] | sha256 }}", ["the filter sha256 is for literals"]),
        ("{{ (host ~ user) | sha256 }}", ["the filter sha256 is for literals"]),
        ("{{ ('a' if user else 'b') | sha256 }}", ["the filter sha256 is for literals"]),
        ("{% for x in [user] %}{{ x | sha256 }}{% endfor %}", ["the filter sha256 is for literals"]),
        ("{% for x in [host] %}{{ x | sha256 }}{% endfor %}", []),
        ("{% for host in [user] %}{{ host | sha256 }}{% endfor %}", ["the filter sha256 is for literals"]),
        ("{% for x in data %}{{ data[x] | sha256 }}{% endfor %}", ["the filter sha256 is for literals"]),
        ("{{ data | tojson | sha256 }}", ["the filter sha256 is for literals"]),
        ("{{ (data | items | first)[1] | sha256 }}", ["the filter sha256 is for literals"]),
        ("{{ (user | default(host)) | sha256 }}", ["the filter sha256 is for literals"]),
    ],
)  # fmt: skip
def test_names_are_held_against_what_the_mapping_gives(text: str, messages: list[str]) -> None:
    known = Known(frozenset({"user", "host"}), frozenset({"host"}))
    found = mistakes(program(text), known)
    assert [each.message[: len(message)] for each, message in zip(found, messages, strict=True)] == messages


@pytest.mark.parametrize("text", ["{{ user }}", "{% if user %}a{% endif %}", "{{ data | tojson }}", "{{ data[host] }}"])
def test_where_everybody_can_read_nothing_but_literals_is_used(text: str) -> None:
    known = Known(frozenset({"user", "host"}), frozenset({"host"}))
    assert mistakes(program(text), known, literals_only=True)
    assert not mistakes(program("{{ host | upper }}"), known, literals_only=True)


def test_a_key_that_only_the_store_knows_is_no_mistake() -> None:
    assert mistakes(program("{{ nothing }}"), Known(frozenset(), more=True)) == ()
    assert mistakes(program("{{ nothing | sha256 }}"), Known(frozenset(), more=True)) != ()


def test_a_name_that_is_nearly_right_is_asked_about() -> None:
    (found,) = mistakes(program("a\n\n{{ pasword }}"), Known(frozenset({"password", "user"})))
    assert (found.line, found.hint) == (3, "did you mean password?")


# How a rendering stops


@pytest.mark.parametrize(
    ("text", "reason", "line", "message"),
    [
        ("{{ nothing }}", Reason.UNDEFINED, 1, "the key `nothing` is not there; `default` gives another value"),
        ("\n{{ data['x'] }}", Reason.UNDEFINED, 2, "the entry `x` is not there; `default` gives another value"),
        ("{{ (config | fromjson)['x'] }}", Reason.UNDEFINED, 1, "the entry `x` is not there"),
        ("{{ (config | fromjson)['hosts'][2] }}", Reason.UNDEFINED, 1, "what stands here is not there"),
        ("{{ [] | first }}", Reason.UNDEFINED, 1, "what `first` was asked for is not there"),
        ("{{ nothing or user }}", Reason.UNDEFINED, 1, "the key `nothing` is not there"),
        ("{{ [nothing] | tojson }}", Reason.UNDEFINED, 1, "the key `nothing` is not there"),
        ("{{ binary }}", Reason.NOT_TEXT, 1, "what is put out needs text, and the value is not UTF-8"),
        ("{{ binary | upper }}", Reason.NOT_TEXT, 1, "upper needs text, and the value is not UTF-8"),
        ("{{ data | tojson }}", Reason.NOT_TEXT, 1, "tojson needs text, and the value is not UTF-8"),
        ("{{ '/w==' | b64decode }}", Reason.NOT_TEXT, 1, "what is put out needs text"),
        ("{{ config | fromjson }}", Reason.FAILED, 1, "an object has no text form; `tojson` makes text of it"),
        ("{{ [1] }}", Reason.FAILED, 1, "a list has no text form"),
        ("{{ none }}", Reason.FAILED, 1, "null has no text form"),
        ("{{ port == 5432 }}", Reason.FAILED, 1, "a text cannot be compared with a number; `int` makes"),
        ("{{ port + 1 }}", Reason.FAILED, 1, "`+` adds numbers; `~` puts texts together"),
        ("{{ 1 + port }}", Reason.FAILED, 1, "`+` needs a whole number, and was given a text; the filter `int`"),
        ("{{ 'ab' * 3 }}", Reason.FAILED, 1, "`*` needs a whole number, and was given a text"),
        ("{{ '%d' % 3 }}", Reason.FAILED, 1, "`%` needs a whole number, and was given a text"),
        ("{{ 1 // 0 }}", Reason.FAILED, 1, "`//` by 0"),
        ("{{ true + 1 }}", Reason.FAILED, 1, "`+` needs a whole number, and was given a truth value"),
        ("{{ 999999999999999999 * 99 }}", Reason.FAILED, 1, "`*` gives a number of more than 63 bits"),
        ("{{ (config | fromjson)['limit'] + 1 }}", Reason.FAILED, 1, "`+` needs a whole number, and was given a num"),
        ("{{ [1] == [1] }}", Reason.FAILED, 1, "a list cannot be compared with another"),
        ("{{ user['x'] }}", Reason.FAILED, 1, "a text has no entries; `fromjson` reads one that is JSON"),
        ("{{ 1 in 2 }}", Reason.FAILED, 1, "`in` looks into texts, lists and objects, and was given a number"),
        ("{% for x in user %}{% endfor %}", Reason.FAILED, 1, "a loop needs a list, and was given a text; `split`"),
        ("{% for a, b in [1] %}{% endfor %}", Reason.FAILED, 1, "a loop with two names needs pairs, as `items`"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_with_its_line_and_without_a_value(
    text: str, reason: Reason, line: int, message: str
) -> None:
    found = stopped(text)
    assert (found.reason, found.line, found.message[: len(message)]) == (reason, line, message)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("{{ user }}", Limits(output=2)),
        ("{% for x in [1, 2, 3] %}{% endfor %}", Limits(loops=2)),
        ("{% for x in [1, 2] %}{% for y in [1, 2] %}{% endfor %}{% endfor %}", Limits(loops=5)),
        ("{{ user ~ user ~ user }}", Limits(steps=4)),
        ("{{ user ~ user }}", Limits(text=5)),
        ("{{ user | upper | lower | upper }}", Limits(work=8)),
    ],
)  # fmt: skip
def test_every_limit_stops_a_rendering(text: str, limits: Limits) -> None:
    found = render(program(text), VALUES, limits)
    assert isinstance(found, Stopped)
    assert found.reason is Reason.TOO_LARGE
    assert isinstance(render(program(text), VALUES), bytes)


def test_loops_take_ten_thousand_rounds_and_no_more() -> None:
    ten = "[0,1,2,3,4,5,6,7,8,9]"
    text = "".join(f"{{% for i{n} in {ten} %}}" for n in range(3)) + "x" + "{% endfor %}" * 3
    assert made(f"{{% for a in [0,1,2,3,4,5,6,7] %}}{text}{{% endfor %}}") == "x" * 8_000
    assert stopped(f"{{% for a in {ten} %}}{text}{{% endfor %}}").message == "its loops take more than 10000 rounds"


def test_a_mebibyte_comes_out_and_no_more() -> None:
    value = {"x": b"x" * (1024 * 1024 - 1)}
    assert len(made("{{ x }}y", value)) == 1024 * 1024
    assert stopped("{{ x }}yz", value).message == "it gives more than 1048576 bytes"


def test_the_same_input_gives_the_same_output_in_a_thousand_runs() -> None:
    text = "{% for k, v in data | items %}{{ k }}={{ v | b64encode }}\n{% endfor %}{{ config | fromjson | toyaml }}"
    once = render(program(text), VALUES)
    assert isinstance(once, bytes)
    for run in range(1_000):
        if not run % 100:
            read.cache_clear()
        values = dict(sorted(VALUES.items(), reverse=bool(run % 2)))
        assert render(program(text), values) == once


def test_a_caller_deep_in_the_stack_gets_an_answer_all_the_same() -> None:
    found = program("{{ " + "not " * 190 + "true }}")

    def below(frames: int) -> tuple[object, object]:
        if frames:
            return below(frames - 1)
        return render(found, VALUES), mistakes(found, Known(frozenset()))

    assert below(0) == (b"true", ())
    stack = sys.getrecursionlimit() - len(inspect.stack(0))
    assert below(stack - 150) == (
        Stopped(Reason.TOO_LARGE, 1, "it nests too deeply"),
        (Mistake(1, "nested too deeply", "write it flatter"),),
    )


# Whatever it is given

WORDS = (
    "user", "data", "config", "binary", "loop", "loop.index", "nothing", "x", "true", "none", "1", "'a'", '"\\u00e9"',
    "[", "]", "(", ")", "{", "}", ",", ":", ".", "|", "~", "+", "-", "*", "//", "%", "==", "<", "in", "not", "and",
    "or", "is defined", "if", "else", "| default(1)", "| tojson", "| fromjson", "| toyaml", "| fromyaml", "| length",
    "| split(',')", "| join", "| sort", "| items", "| first", "| urlpart('host')", "| dsnpart('host')", "| toml",
    "| ini", "| dotenv", "| quote", "| b64decode", "| int", "| indent", "['hosts']", "[0]", "| replace('a', user)",
    "| unique", "| last", "| trim", "| sha256",
)  # fmt: skip
PIECES = (
    "{{ ", " }}", "{% if ", "{% elif ", "{% else %}", "{% endif %}", "{% for x in ", "{% for a, b in ", "{% endfor %}",
    " %}", "{%- ", " -%}", "{# ", " #}", "{% raw %}", "{% endraw %}", "{% set a = ", "text\r\n", "\n", "\\", "\0", "é",
)  # fmt: skip
NEARLY = st.lists(st.sampled_from(WORDS + PIECES), max_size=14).map(" ".join)
EXPRESSIONS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(
    lambda words: "{{ " + " ".join(words) + " }}"
)


@settings(deadline=None, max_examples=1_000)
@given(
    NEARLY | EXPRESSIONS | st.text(max_size=60), st.dictionaries(st.sampled_from(["user", "x"]), st.binary(max_size=9))
)
def test_nothing_raises_and_no_message_holds_a_value(text: str, values: dict[str, bytes]) -> None:
    """I-PARSE, I-LEAK."""
    canary = b"c4nary-Value"
    found = read(text)
    if isinstance(found, tuple):
        assert found
        assert all(each.line >= 1 and each.message.isprintable() and each.hint.isprintable() for each in found)
        return
    mistakes(found, Known(frozenset({"user"})), literals_only=True)
    result = render(found, {**VALUES, **values})
    assert isinstance(result, bytes | Stopped)
    told = render(found, dict.fromkeys(VALUES, canary))
    if isinstance(told, Stopped):
        assert "c4nary" not in repr(told)
        assert told.message.isprintable()
        assert told.line >= 1
