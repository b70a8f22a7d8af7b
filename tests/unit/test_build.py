"""Build: what a mapping and the answers of its stores become, and why a Secret is refused."""

import base64
import itertools
import random
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Built, Content, Refusal, SourceVersion
from syncd.model.selection import Decode, Extract, Literally, Selection
from syncd.redact import SecretValue

DB = RemoteRef("vault", "payments/db", mount="secret")
API = RemoteRef("aws", "prod/api")
ORIGIN = Position("syncd.yaml", 3, 5)
CANARY = "c4nary-Value"
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


def mapping(
    *,
    data: Mapping[str, Selection | Literally] | None = None,
    data_from: tuple[Extract, ...] = (),
    type_: str = "Opaque",
    annotations: Mapping[str, str] | None = None,
    allow_empty: bool | frozenset[str] = False,
) -> SecretMapping:
    return SecretMapping(
        id="payments/db",
        key=SecretKey("default", "payments", "db"),
        origin=ORIGIN,
        type=type_,
        data=tuple((data or {}).items()),
        data_from=data_from,
        annotations=tuple((annotations or {}).items()),
        allow_empty=allow_empty,
    )


def answer(data: bytes, *, version: str = "7", structured: bool = False) -> Fetched:
    return Fetched(SecretValue(data), version, structured=structured)


def values(built: Built) -> dict[str, bytes]:
    assert isinstance(built, Content), built
    return {key: value.reveal() for key, value in built.data.items()}


def refusal(built: Built) -> Refusal:
    assert isinstance(built, Refusal)
    return built


def one(data: bytes, selection: Selection) -> Built:
    return build(mapping(data={"k": selection}), {selection.ref: answer(data)})


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


# Collecting


def test_every_key_of_an_object_becomes_a_key() -> None:
    built = build(
        mapping(data_from=(Extract(Selection(API)),)), {API: answer(b'{"b": 1.50, "a": "x", "c": {"d": [1.0]}}')}
    )
    assert values(built) == {"a": b"x", "b": b"1.50", "c": b'{"d": [1.0]}'}


@pytest.mark.parametrize(
    ("data", "reason", "cls"),
    [
        (b"[1]", "not-an-object", FailureClass.CONFIG),
        (b'"x"', "not-an-object", FailureClass.CONFIG),
        (b"x", "not-json", FailureClass.CONFIG),
        (b"{}", "empty-value", FailureClass.MALFORMED),
        (b'{"a": ""}', "empty-value", FailureClass.MALFORMED),
        (b'{"a": null}', "null-value", FailureClass.MALFORMED),
        (b'{"a": "1", "a": "2"}', "json-duplicate-key", FailureClass.MALFORMED),
        (b'{"a b": "1"}', "bad-key", FailureClass.CONFIG),
        (b'{"a/b": "1"}', "bad-key", FailureClass.CONFIG),
        ('{"\u0430": "1"}'.encode(), "bad-key", FailureClass.CONFIG),
        (b'{"": "1"}', "bad-key", FailureClass.CONFIG),
        (b'{".": "1"}', "bad-key", FailureClass.CONFIG),
        (b'{"..data": "1"}', "bad-key", FailureClass.CONFIG),
        (b'{"\\ud800": "1"}', "bad-key", FailureClass.CONFIG),
        (b'{"' + b"k" * 254 + b'": "1"}', "bad-key", FailureClass.CONFIG),
    ],
)
def test_an_object_that_cannot_become_keys_is_refused(data: bytes, reason: str, cls: FailureClass) -> None:
    """F1, F2, F8, A11."""
    refused = refusal(build(mapping(data_from=(Extract(Selection(API)),)), {API: answer(data)}))
    assert (refused.reason, refused.cls) == (reason, cls)


def test_the_message_about_a_bad_key_names_it_escaped() -> None:
    refused = refusal(build(mapping(data_from=(Extract(Selection(API)),)), {API: answer(b'{"a\\u001b[1m": "1"}')}))
    assert r'the key "a\x1b[1m" cannot stand in a Secret' in refused.message


def test_data_from_takes_a_property_that_is_an_object_or_the_text_of_one() -> None:
    inner = b'{"x": {"a": 1.0}, "y": "{\\"a\\": 1.0}"}'
    for name in ("x", "y"):
        extract = Extract(Selection(API, property=name))
        assert values(build(mapping(data_from=(extract,)), {API: answer(inner)})) == {"a": b"1.0"}


def test_data_from_decodes_each_value() -> None:
    extract = Extract(Selection(API, decode="hex"))
    assert values(build(mapping(data_from=(extract,)), {API: answer(b'{"a": "00ff"}')})) == {"a": b"\x00\xff"}
    refused = refusal(build(mapping(data_from=(extract,)), {API: answer(b'{"a": "zz"}')}))
    assert refused.message.endswith('correct `decode` or the value (its key "a")')


def test_data_wins_over_data_from() -> None:
    built = build(
        mapping(data={"a": Literally("mine")}, data_from=(Extract(Selection(API)),)),
        {API: answer(b'{"a": "theirs", "b": "x"}')},
    )
    assert values(built) == {"a": b"mine", "b": b"x"}


def test_two_entries_for_one_key_are_refused_with_both_named_unless_the_later_overrides() -> None:
    """F3."""
    outcomes = {API: answer(b'{"a": "1"}'), DB: answer(b'{"a": "2"}')}
    first, second = Extract(Selection(API)), Extract(Selection(DB))
    refused = refusal(build(mapping(data_from=(first, second)), outcomes))
    assert (refused.cls, refused.reason) == (FailureClass.CONFIG, "key-clash")
    assert "aws:prod/api" in refused.message
    assert "vault:secret/payments/db" in refused.message
    overriding = Extract(Selection(DB), overrides=True)
    assert values(build(mapping(data_from=(first, overriding)), outcomes)) == {"a": b"2"}


def test_content_carries_type_metadata_and_versions_of_what_was_read() -> None:
    asked = mapping(data={"a": Selection(DB), "b": Selection(API), "c": Selection(API)}, annotations={"note": "x"})
    fetched = Fetched(SecretValue(b"1"), "7", created=12.5)
    built = build(asked, {DB: fetched, API: answer(b"2", version="v-2")})
    assert isinstance(built, Content)
    assert (built.type, built.annotations) == ("Opaque", {"note": "x"})
    assert built.sources == (SourceVersion(API, "v-2"), SourceVersion(DB, "7", 12.5))


def test_keys_stand_in_the_order_of_their_names() -> None:
    """I-IDEM: the same plan, byte for byte, however a file or a store orders its keys."""
    asked = mapping(data={"z": Literally("1"), "a": Literally("2")}, data_from=(Extract(Selection(API)),))
    assert list(values(build(asked, {API: answer(b'{"y": "3", "b": "4"}')}))) == ["a", "b", "y", "z"]


# Failing sources


@pytest.mark.parametrize("cls", list(FailureClass))
def test_a_failed_source_refuses_the_whole_secret(cls: FailureClass) -> None:
    """A12: nothing is written of a Secret one of whose sources failed."""
    failure = Failure(cls, "some-code", "the store says no")
    refused = refusal(build(mapping(data={"a": Selection(DB), "b": Selection(API)}), {DB: failure, API: answer(b"1")}))
    assert (refused.cls, refused.reason) == (cls, f"source-{cls.value}")
    assert refused.message == "source vault:secret/payments/db: the store says no"
    begins = Failure(cls, "some-code", "vault:secret/payments/db does not exist; create it")
    assert (
        refusal(build(mapping(data={"a": Selection(DB)}), {DB: begins})).message
        == "source vault:secret/payments/db does not exist; create it"
    )
    assert refused.absent == ((DB,) if cls is FailureClass.ABSENT else ())
    assert refused.sources == (SourceVersion(API, "7"), SourceVersion(DB, ""))


def test_a_source_without_an_outcome_is_unavailable() -> None:
    refused = refusal(build(mapping(data={"a": Selection(DB)}), {}))
    assert (refused.cls, refused.reason) == (FailureClass.UNAVAILABLE, "source-unavailable")


@pytest.mark.parametrize("cls", [c for c in FailureClass if c is not FailureClass.ABSENT])
def test_absent_is_only_told_when_nothing_else_failed(cls: FailureClass) -> None:
    outcomes = {DB: Failure(FailureClass.ABSENT, "not-found"), API: Failure(cls, "x")}
    refused = refusal(build(mapping(data={"a": Selection(DB), "b": Selection(API)}), outcomes))
    assert refused.cls is cls
    assert refused.message.endswith(" (and 1 more of this Secret)")


@pytest.mark.parametrize("other", [b'{"q": "1"}', b'{"p": null}', b"no json"])
def test_absent_gives_way_to_a_fault_of_a_source_that_was_read(other: bytes) -> None:
    asked = mapping(data={"a": Selection(DB), "b": Selection(API, property="p")})
    refused = refusal(build(asked, {DB: Failure(FailureClass.ABSENT, "not-found"), API: answer(other)}))
    assert refused.cls is not FailureClass.ABSENT


def test_optional_covers_an_absent_source_and_property_and_nothing_else() -> None:
    asked = mapping(data={"a": Selection(DB, property="p", optional=True), "b": Literally("x")})
    assert values(build(asked, {DB: Failure(FailureClass.ABSENT, "not-found")})) == {"b": b"x"}
    assert values(build(asked, {DB: answer(b"{}")})) == {"b": b"x"}
    for cls in set(FailureClass) - {FailureClass.ABSENT}:
        assert refusal(build(asked, {DB: Failure(cls, "x")})).cls is cls
    assert refusal(build(asked, {DB: answer(b'{"p": null}')})).reason == "null-value"
    assert refusal(build(asked, {DB: answer(b"no json")})).reason == "not-json"


def test_a_source_that_is_optional_once_and_required_once_is_required() -> None:
    asked = mapping(data={"a": Selection(DB, optional=True), "b": Selection(DB)})
    refused = refusal(build(asked, {DB: Failure(FailureClass.ABSENT, "not-found")}))
    assert (refused.cls, refused.absent) == (FailureClass.ABSENT, (DB,))


# What a Secret may be


def test_an_empty_value_needs_a_word_of_the_mapping() -> None:
    """A11."""
    assert refusal(one(b"", Selection(DB))).reason == "empty-value"
    for allowed in (True, frozenset({"k"})):
        assert values(build(mapping(data={"k": Selection(DB)}, allow_empty=allowed), {DB: answer(b"")})) == {"k": b""}
    other = mapping(data={"k": Selection(DB)}, allow_empty=frozenset({"x"}))
    assert refusal(build(other, {DB: answer(b"")})).reason == "empty-value"
    assert values(build(mapping(data={"k": Literally("")}), {})) == {"k": b""}


def test_a_secret_without_a_key_needs_a_word_of_the_mapping() -> None:
    asked = mapping(data={"k": Selection(DB, optional=True)})
    refused = refusal(build(asked, {DB: Failure(FailureClass.ABSENT, "not-found")}))
    assert (refused.cls, refused.reason, refused.absent) == (FailureClass.CONFIG, "no-keys", ())
    assert values(build(mapping(data_from=(Extract(Selection(DB)),), allow_empty=True), {DB: answer(b"{}")})) == {}


def test_all_values_together_stay_within_a_mebibyte() -> None:
    """E2."""
    half = b"x" * (512 * 1024)
    asked = mapping(data={"a": Selection(DB), "b": Selection(API)})
    assert len(values(build(asked, {DB: answer(half), API: answer(half)}))) == 2
    refused = refusal(build(asked, {DB: answer(half), API: answer(half + b"x")}))
    assert (refused.cls, refused.reason) == (FailureClass.CONFIG, "too-large")


@pytest.mark.parametrize(
    ("type_", "keys", "reason"),
    [
        ("kubernetes.io/tls", {"tls.crt": "c", "tls.key": "k"}, None),
        ("kubernetes.io/tls", {"tls.crt": "c"}, "required-key-missing"),
        ("kubernetes.io/tls", {"tls.key": "k"}, "required-key-missing"),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": '{"auths": {}}'}, None),
        ("kubernetes.io/dockerconfigjson", {"config": "{}"}, "required-key-missing"),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "auths"}, "docker-config-not-json"),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "[]"}, "docker-config-not-json"),
        ("kubernetes.io/dockercfg", {".dockercfg": "{}"}, None),
        ("kubernetes.io/dockercfg", {".dockercfg": "x"}, "docker-config-not-json"),
        ("kubernetes.io/dockercfg", {"x": "x"}, "required-key-missing"),
        ("kubernetes.io/basic-auth", {"username": "u"}, None),
        ("kubernetes.io/basic-auth", {"password": "p"}, None),
        ("kubernetes.io/basic-auth", {"user": "u"}, "required-key-missing"),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": "k"}, None),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": ""}, "required-key-missing"),
        ("kubernetes.io/ssh-auth", {"key": "k"}, "required-key-missing"),
        ("kubernetes.io/service-account-token", {"extra": "x"}, "annotation-missing"),
        ("bootstrap.kubernetes.io/token", {"token-id": "07401b", "token-secret": "f395accd246ae52d"}, None),
        ("bootstrap.kubernetes.io/token", {"token-id": "07401b"}, "required-key-missing"),
        ("example.com/own", {"anything": "x"}, None),
    ],
)
def test_typed_secrets_have_what_the_api_server_demands(type_: str, keys: dict[str, str], reason: str | None) -> None:
    """E11."""
    built = build(mapping(data={key: Literally(text) for key, text in keys.items()}, type_=type_), {})
    assert (built.reason if isinstance(built, Refusal) else None) == reason


def test_a_service_account_token_names_its_account() -> None:
    annotations = {"kubernetes.io/service-account.name": "builder"}
    asked = mapping(
        data={"extra": Literally("x")}, type_="kubernetes.io/service-account-token", annotations=annotations
    )
    assert values(build(asked, {})) == {"extra": b"x"}


# Invariants

REFS = [RemoteRef("s", f"k{i}") for i in range(4)]
odd_bytes = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(
        [b"{}", b'{"a":"1"}', b'{"a":{"b":[1.0,null]}}', b'{"b":"","a":1e999}', b"[]", b"null", b'{"a":NaN}']
    ),
)
outcomes_of = st.one_of(
    st.builds(Fetched, odd_bytes.map(SecretValue), st.text(max_size=3), st.none(), st.booleans()),
    st.builds(Failure, st.sampled_from(list(FailureClass)), st.just("code"), st.text(max_size=8)),
)
selections = st.builds(
    Selection,
    st.sampled_from(REFS),
    st.one_of(st.none(), st.sampled_from(["a", "a.b", "a.b.0", "", "."])),
    st.one_of(st.none(), st.sampled_from(["a", "a.b[0]", "[", "keys(@)"])),
    st.sampled_from(["none", "base64", "base64url", "hex"]),
    st.booleans(),
)
keys = st.sampled_from(["a", "b", "c", "..", "a b", ""])
mappings = st.builds(
    SecretMapping,
    id=st.just("m"),
    key=st.just(SecretKey("default", "n", "m")),
    origin=st.just(ORIGIN),
    type=st.sampled_from(["Opaque", "kubernetes.io/tls", "kubernetes.io/dockercfg"]),
    data=st.dictionaries(keys, st.one_of(selections, st.builds(Literally, st.text(max_size=4))), max_size=3).map(
        lambda made: tuple(made.items())
    ),
    data_from=st.lists(st.builds(Extract, selections), max_size=3).map(tuple),
    allow_empty=st.booleans(),
)


@unhurried
@given(mappings, st.dictionaries(st.sampled_from(REFS), outcomes_of))
def test_any_answer_gives_content_or_a_refusal_and_never_raises(
    asked: SecretMapping, outcomes: dict[RemoteRef, Outcome]
) -> None:
    """I-PARSE."""
    built = build(asked, outcomes)
    if isinstance(built, Content):
        required = [s.ref for s in asked.selections() if not s.optional]
        assert all(isinstance(outcomes[ref], Fetched) for ref in required)
    else:
        assert built.message


@unhurried
@given(mappings, st.dictionaries(st.sampled_from(REFS), outcomes_of), st.randoms(use_true_random=False))
def test_the_order_of_keys_entries_and_answers_changes_nothing(
    asked: SecretMapping, outcomes: dict[RemoteRef, Outcome], chance: random.Random
) -> None:
    """I-ORDER: no entry of these mappings overrides, so their order says nothing."""
    shuffled = SecretMapping(
        id=asked.id,
        key=asked.key,
        origin=asked.origin,
        type=asked.type,
        data=tuple(chance.sample(asked.data, len(asked.data))),
        data_from=tuple(chance.sample(asked.data_from, len(asked.data_from))),
        allow_empty=asked.allow_empty,
    )
    answers = dict(chance.sample(list(outcomes.items()), len(outcomes)))
    first, second = build(asked, outcomes), build(shuffled, answers)
    assert first == second
    if isinstance(first, Content) and isinstance(second, Content):
        assert list(first.data) == list(second.data)


@unhurried
@given(st.binary(max_size=200), st.text('[]{}",:\\', max_size=300).map(lambda text: text.encode()))
def test_arbitrary_bytes_as_json_never_raise(data: bytes, pieces: bytes) -> None:
    """I-PARSE."""
    for document in (data, pieces, b'{"p":' + data + b"}"):
        for selection in (Selection(DB, property="p"), Selection(DB, query="p")):
            assert isinstance(one(document, selection), Content | Refusal)
        built = build(mapping(data_from=(Extract(Selection(DB)),)), {DB: answer(document)})
        assert isinstance(built, Content | Refusal)


@pytest.mark.parametrize("piece", [b'"\\"', b"[", b'"', b'{"a":', b"\\", b'\\"'])
def test_a_mebibyte_of_brackets_or_quotes_is_refused_in_one_look(piece: bytes) -> None:
    """I-PARSE: time grows with the size, not with its square; the test's own time limit is the judge."""
    document = b"[" * 65 + piece * (1024 * 1024 // len(piece))
    for document_ in itertools.chain([document], [b'{"p":' + document]):
        assert refusal(one(document_, Selection(DB, property="p"))).reason in {"not-json", "json-too-deep"}


def test_no_refusal_holds_a_value() -> None:
    """I-LEAK."""
    outcomes = {DB: answer(f'{{"a": "{CANARY}", "a": "{CANARY}"}}'.encode()), API: answer(CANARY.encode())}
    for selection in (Selection(DB, property="a"), Selection(API, property="a"), Selection(API, decode="hex")):
        refused = refusal(build(mapping(data={"k": selection}), outcomes))
        assert CANARY not in repr(refused)
