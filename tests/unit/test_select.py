"""Select: one value out of an answer, the whole, a property or a query's result, decoded as told."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.build import build
from syncd.model.reference import FailureClass
from syncd.model.selection import Decode, Selection
from tests.unit.build_makers import CANARY, DB, answer, mapping, one, refusal, unhurried, values

# Selecting


@unhurried
@given(st.binary(min_size=1, max_size=4096))
def test_the_whole_value_is_copied_byte_for_byte(data: bytes) -> None:
    """I-BYTE, E1, E7: binary, NUL, CRLF, a byte order mark, a final newline."""
    assert values(one(data, Selection(DB))) == {"k": data}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"plain"', b"plain"),
        ('"line\\nbreak \\u00e9 \\ud83d\\ude00"', "line\nbreak é 😀".encode()),
        ("0.10", b"0.10"),
        ("12345678901234567890", b"12345678901234567890"),
        ("1e400", b"1e400"),
        ("-0", b"-0"),
        ("true", b"true"),
        ("false", b"false"),
        ('{ "b": 1.0,  "a": [ 1 ] }', b'{ "b": 1.0,  "a": [ 1 ] }'),
        ("[ 1, 2.50 ]", b"[ 1, 2.50 ]"),
    ],
)
def test_a_property_keeps_its_source_text(text: str, expected: bytes) -> None:
    """E3: numbers and whole parts stay as they were written; strings are their UTF-8."""
    assert values(one(f' {{"p" : {text} , "q": 0}}'.encode(), Selection(DB, property="p"))) == {"k": expected}


@pytest.mark.parametrize(
    ("document", "name", "expected"),
    [
        (b'{"a.b": "exact", "a": {"b": "dotted"}}', "a.b", b"exact"),
        (b'{"a": {"b": "dotted"}}', "a.b", b"dotted"),
        (b'{"a": {"b": [{"c": 1.0}]}}', "a.b.0", b'{"c": 1.0}'),
        (b'{"a": {"b": [{"c": 1.0}]}}', "a.b.0.c", b"1.0"),
        (b'[{"p": "first"}]', "0.p", b"first"),
        (b'{"": "nameless"}', "", b"nameless"),
    ],
)
def test_a_property_is_the_exact_key_first_then_a_dotted_path(document: bytes, name: str, expected: bytes) -> None:
    assert values(one(document, Selection(DB, property=name))) == {"k": expected}


@pytest.mark.parametrize(
    ("data", "reason", "cls"),
    [
        (b"{", "not-json", FailureClass.CONFIG),
        (b"\xff", "not-json", FailureClass.CONFIG),
        (b"\xef\xbb\xbf{}", "not-json", FailureClass.CONFIG),
        (b'{"p": NaN}', "not-json", FailureClass.CONFIG),
        (b'{"p": -Infinity}', "not-json", FailureClass.CONFIG),
        (b'{"p": "1"} x', "not-json", FailureClass.CONFIG),
        (b'{"p": "1", "p": "2"}', "json-duplicate-key", FailureClass.MALFORMED),
        (b'{"p": {"q": 1, "q": 2}}', "json-duplicate-key", FailureClass.MALFORMED),
        (b'{"p": ' + b"[" * 100 + b"]" * 100 + b"}", "json-too-deep", FailureClass.MALFORMED),
        (b'{"p": ' + b"9" * 1025 + b"}", "json-long-number", FailureClass.MALFORMED),
        (b'{"p": "\\ud800"}', "json-lone-surrogate", FailureClass.MALFORMED),
        (b'{"p": ["\\ud800"]}', "json-lone-surrogate", FailureClass.MALFORMED),
        (b'{"p": null}', "null-value", FailureClass.MALFORMED),
        (b'{"p": ""}', "empty-value", FailureClass.MALFORMED),
        (b'{"q": "1"}', "property-missing", FailureClass.CONFIG),
        (b'"p"', "property-missing", FailureClass.CONFIG),
    ],
)
def test_a_property_of_something_odd_is_refused(data: bytes, reason: str, cls: FailureClass) -> None:
    """E3, E4, E5, E6, A11."""
    refused = refusal(one(data, Selection(DB, property="p")))
    assert (refused.reason, refused.cls) == (reason, cls)
    assert "payments/db" in refused.message
    assert '"k"' in refused.message


def test_brackets_within_strings_are_not_depth() -> None:
    text = "[{" * 200
    assert values(one(b'{"p": "' + text.encode() + b'"}', Selection(DB, property="p"))) == {"k": text.encode()}


def test_the_message_about_a_value_that_is_not_json_is_fixed_and_names_mapping_and_key() -> None:
    """E6: a parser's error put the value into a status elsewhere."""
    assert refusal(one(CANARY.encode(), Selection(DB, property="password"))).message == (
        'mapping payments/db, key "k": vault:secret/payments/db is not JSON; '
        "a property, a query and dataFrom need JSON; take the whole value with data instead"
    )


def test_a_store_that_keeps_objects_and_answers_something_else_is_malformed() -> None:
    outcome = answer(b"<html>", structured=True)
    refused = refusal(build(mapping(data={"k": Selection(DB, property="p")}), {DB: outcome}))
    assert (refused.cls, refused.reason) == (FailureClass.MALFORMED, "not-json")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("users[?name=='b'].password | [0]", b"pb"),
        ("users[0].ratio", b"0.10"),
        ("users[?ratio > `0.05`].name", b'["a"]'),
        ("users[0]", b'{"name":"a","password":"pa","ratio":0.10}'),
        ("to_string(users[0].ratio)", b"0.10"),
        ("type(users[0].ratio)", b"number"),
        ("length(users)", b"2"),
        ("length(users) == `2`", b"true"),
        ("big", b"12345678901234567890"),
        ("join(',', users[].name)", b"a,b"),
        ("{u: users[0].name}", b'{"u":"a"}'),
        ("`[]`", b"[]"),
    ],
)
def test_a_query_is_jmespath_and_keeps_the_text_of_numbers(expression: str, expected: bytes) -> None:
    document = (
        b'{"big": 12345678901234567890, "users": ['
        b'{"name": "a", "password": "pa", "ratio": 0.10}, {"name": "b", "password": "pb", "ratio": 1e-9}]}'
    )
    assert values(one(document, Selection(DB, query=expression))) == {"k": expected}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a[", "query-invalid"),
        ("[" * 5000, "query-invalid"),
        ("[" * 1900, "query-invalid"),
        ("nothing", "property-missing"),
        ("abs(p)", "query-failed"),
        ("p < `1`", "query-failed"),
        (" | ".join(["[@,@]"] * 60), "query-too-much"),
        (" | ".join(["[@,@][]"] * 60), "query-too-much"),
        (" | ".join(["[p,p]", *["[join('',@), join('',@)]"] * 60]), "query-too-much"),
    ],
)
def test_a_query_that_does_not_work_out_is_refused(expression: str, reason: str) -> None:
    """L3: what an expression builds is bounded, whatever it is."""
    refused = refusal(one(b'{"p": "' + CANARY.encode() + b'"}', Selection(DB, query=expression)))
    assert (refused.cls, refused.reason) == (FailureClass.CONFIG, reason)
    assert CANARY not in refused.message


# Decoding


@pytest.mark.parametrize(
    ("decode", "text", "expected"),
    [
        ("base64", b"AAEC/w==", b"\x00\x01\x02\xff"),
        ("base64", b"AAEC\r\n /w==\n", b"\x00\x01\x02\xff"),
        ("base64url", b"AAEC_w==", b"\x00\x01\x02\xff"),
        ("base64url", b"AAEC_w\n", b"\x00\x01\x02\xff"),
        ("hex", b"0001 02Ff\n", b"\x00\x01\x02\xff"),
        ("none", b"AAEC/w==", b"AAEC/w=="),
    ],
)
def test_a_value_is_decoded_only_when_told(decode: Decode, text: bytes, expected: bytes) -> None:
    """E8."""
    assert values(one(text, Selection(DB, decode=decode))) == {"k": expected}


@pytest.mark.parametrize(
    ("decode", "text"),
    [
        ("base64", b"c4nary-Value"),
        ("base64", b"AAEC/w"),
        ("base64", b"AA=EC"),
        ("base64", b"AAEC_w=="),
        ("base64", b"\xff\xfe"),
        ("base64url", b"AAEC/w=="),
        ("base64url", b"AAECA"),
        ("hex", b"c4nary-Value"),
        ("hex", b"012"),
    ],
)
def test_decoding_is_strict_and_names_no_text(decode: Decode, text: bytes) -> None:
    refused = refusal(one(text, Selection(DB, decode=decode)))
    assert (refused.cls, refused.reason) == (FailureClass.CONFIG, "not-decodable")
    assert refused.message == (
        f'mapping payments/db, key "k": what was selected of vault:secret/payments/db is not {decode}; '
        "correct `decode` or the value"
    )


@unhurried
@given(st.binary(min_size=1))
def test_decoding_gives_back_what_was_encoded(data: bytes) -> None:
    """I-BYTE through each encoding."""
    encoded: dict[Decode, bytes] = {
        "base64": base64.encodebytes(data),
        "base64url": base64.urlsafe_b64encode(data),
        "hex": data.hex().encode(),
    }
    for decode, text in encoded.items():
        assert values(one(text, Selection(DB, decode=decode))) == {"k": data}
