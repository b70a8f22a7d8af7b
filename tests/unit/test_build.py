"""Build: what a mapping and the answers of its stores become, and why a Secret is refused."""

import pytest

from syncd.build import build
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Content, Refusal, SourceVersion
from syncd.model.selection import Extract, Literally, Selection
from syncd.redact import SecretValue
from tests.unit.build_makers import API, DB, answer, mapping, one, refusal, values

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
    assert refused.message == "source aws:prod/api: x"
    assert refused.also == ("source vault:secret/payments/db: not-found",)


def test_every_failure_is_told_once_with_its_place_the_worst_first() -> None:
    data = {
        "a": Selection(DB, property="p"),
        "b": Selection(DB, property="q"),
        "c": Selection(API),
        "d": Selection(API),
        "e": Selection(DB, property="here"),
    }
    outcomes: dict[RemoteRef, Outcome] = {API: Failure(FailureClass.DENIED, "no"), DB: answer(b'{"here": "1"}')}
    refused = refusal(build(mapping(data=data), outcomes))
    assert refused.message.startswith('mapping payments/db, key "a": ')
    second, third = refused.also
    assert second.startswith('mapping payments/db, key "b": ')
    assert third == "source aws:prod/api: no"


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
