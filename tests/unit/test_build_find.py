"""Secrets made of what queries find, and of metadata: names, clashes, values that fail, and what is recorded."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd.model.secret import Content, Refusal
from syncd.model.selection import DataSource, Entry, Extract, Finding, KeyRules, Literally, Selection
from syncd.redact import SecretValue

BELOW = Query("v", "app/")
FIND = Finding(BELOW)


def ref(name: str) -> RemoteRef:
    return RemoteRef("v", f"app/{name}")


def mapping(*entries: Entry, data: Mapping[str, DataSource] | None = None, allow_empty: bool = False) -> SecretMapping:
    key = SecretKey("default", "team", "s")
    return SecretMapping(
        "team/s", key, Position("f", 1, 1), "Opaque", tuple((data or {}).items()), entries, allow_empty=allow_empty
    )


def fetched(value: str | bytes, version: str = "1", *, structured: bool = False) -> Fetched:
    return Fetched(SecretValue(value if isinstance(value, bytes) else value.encode()), version, structured=structured)


def listing(*names: str, skipped: int = 0) -> Listing:
    return Listing(tuple(sorted(ref(name) for name in names)), skipped)


def built(wanted: SecretMapping, values: Mapping[str, Outcome | str], found: Found | None = None) -> Content | Refusal:
    outcomes = {ref(name): fetched(value) if isinstance(value, str) else value for name, value in values.items()}
    return build(wanted, outcomes, {BELOW: listing(*values) if found is None else found})


def content(made: Content | Refusal) -> dict[str, bytes]:
    assert isinstance(made, Content), made
    return {name: value.reveal() for name, value in made.data.items()}


def refusal(made: Content | Refusal) -> Refusal:
    assert isinstance(made, Refusal), made
    return made


def test_each_secret_found_becomes_a_key_with_its_whole_value() -> None:
    made = built(mapping(FIND), {"db": "one", "web/tls key": "two", "big": '{"n":1.10}'})
    assert content(made) == {"db": b"one", "web_tls_key": b"two", "big": b'{"n":1.10}'}
    assert isinstance(made, Content)
    assert made.found == {FIND: ("big", "db", "web_tls_key")}
    assert [source.ref for source in made.sources] == sorted([ref("big"), ref("db"), ref("web/tls key")])


def test_values_are_decoded_as_told_and_bytes_stay_bytes() -> None:
    assert content(built(mapping(Finding(BELOW, "base64")), {"a": "AP8="})) == {"a": b"\x00\xff"}
    assert content(built(mapping(FIND), {"a": fetched(b"\x00\xff\r\n")})) == {"a": b"\x00\xff\r\n"}
    bad = refusal(built(mapping(Finding(BELOW, "base64")), {"a": "no base64!"}))
    assert bad.reason == "not-decodable"


def test_names_that_become_one_key_are_refused_with_both_named() -> None:
    made = refusal(built(mapping(FIND), {"a/b": "1", "a_b": "2"}))
    assert (made.cls, made.reason) == (FailureClass.CONFIG, "key-clash")
    assert '"a/b" and "a_b"' in made.message


def test_rules_are_applied_to_the_keys_of_what_is_found() -> None:
    rules = KeyRules(exclude=("^x",), rename=(("a_b", "ab"), ("not-there", "y")), prefix="P_")
    made = built(mapping(Finding(BELOW, keys=rules)), {"a/b": "1", "x": "2", "c": "3"})
    assert content(made) == {"P_ab": b"1", "P_c": b"3"}
    assert isinstance(made, Content)
    assert made.remarks == ('dataFrom v: find app/: there is no key "not-there" to rename',)


def test_rules_are_applied_to_the_keys_of_an_object() -> None:
    entry = Extract(Selection(ref("o")), keys=KeyRules(include=("^a",), replace=(("/", "."),)))
    assert content(built(mapping(entry), {"o": '{"a/b": "1", "c d": "2"}'})) == {"a.b": b"1"}
    clash = Extract(Selection(ref("o")), keys=KeyRules(replace=(("[0-9]", ""),)))
    assert refusal(built(mapping(clash), {"o": '{"k1": "1", "k2": "2"}'})).reason == "key-clash"


def test_an_empty_listing_needs_a_word_of_the_mapping() -> None:
    refused = refusal(built(mapping(FIND, data={"k": Literally("v")}), {}))
    assert (refused.cls, refused.reason) == (FailureClass.CONFIG, "nothing-found")
    allowed = built(mapping(FIND, data={"k": Literally("v")}, allow_empty=True), {})
    assert content(allowed) == {"k": b"v"}
    assert isinstance(allowed, Content)
    assert allowed.found == {FIND: ()}


@pytest.mark.parametrize("cls", [c for c in FailureClass if c is not FailureClass.ABSENT])
def test_a_find_that_fails_refuses_the_whole_secret(cls: FailureClass) -> None:
    made = refusal(built(mapping(FIND, data={"k": Literally("v")}), {}, Failure(cls, "why", "no")))
    assert (made.cls, made.reason, made.absent) == (cls, f"source-{cls.value}", ())


def test_a_query_without_an_answer_is_unavailable() -> None:
    assert refusal(build(mapping(FIND), {})).reason == "source-unavailable"


@pytest.mark.parametrize("cls", list(FailureClass))
def test_a_secret_found_that_cannot_be_read_refuses_the_whole_and_removes_nothing(cls: FailureClass) -> None:
    made = refusal(built(mapping(FIND), {"a": "1", "b": Failure(cls, "why", "no")}))
    told = FailureClass.UNAVAILABLE if cls is FailureClass.ABSENT else cls
    assert (made.cls, made.reason, made.absent) == (told, f"source-{told.value}", ())


def test_an_absent_source_beside_one_that_was_found_and_is_gone_is_no_absence_of_the_whole() -> None:
    gone = Failure(FailureClass.ABSENT, "not-found", "no")
    wanted = mapping(FIND, data={"k": Selection(RemoteRef("v", "direct"))})
    outcomes: dict[RemoteRef, Outcome] = {ref("a"): gone, RemoteRef("v", "direct"): gone}
    assert refusal(build(wanted, outcomes, {BELOW: listing("a")})).cls is FailureClass.UNAVAILABLE


def test_an_empty_value_found_needs_a_word_too() -> None:
    assert refusal(built(mapping(FIND), {"a": ""})).reason == "empty-value"
    assert content(built(mapping(FIND, allow_empty=True), {"a": ""})) == {"a": b""}


def test_what_is_left_out_is_counted_in_a_remark() -> None:
    made = built(mapping(FIND), {"a": "1"}, listing("a", skipped=2))
    assert isinstance(made, Content)
    assert made.remarks == ("v: find app/: 2 secret(s) left out that are disabled or being deleted",)


def test_two_entries_for_one_key_clash_unless_the_later_overrides() -> None:
    other = Extract(Selection(RemoteRef("v", "o")))
    values: dict[RemoteRef, Outcome] = {ref("a"): fetched("1"), RemoteRef("v", "o"): fetched('{"a": "2"}')}
    found = {BELOW: listing("a")}
    assert refusal(build(mapping(FIND, other), values, found)).reason == "key-clash"
    later = Finding(BELOW, overrides=True)
    assert content(build(mapping(other, later), values, found)) == {"a": b"1"}
    assert content(build(mapping(FIND, Extract(Selection(RemoteRef("v", "o")), overrides=True)), values, found)) == {
        "a": b"2"
    }
    assert content(build(mapping(FIND, data={"a": Literally("3")}), values, found)) == {"a": b"3"}


@given(st.dictionaries(st.text(st.sampled_from("ab/_-"), min_size=1, max_size=4), st.text(max_size=3)), st.randoms())
def test_the_result_does_not_depend_on_any_order(values: dict[str, str], chance: random.Random) -> None:
    names = list(values)
    chance.shuffle(names)
    shuffled = {name: values[name] for name in names}
    one, other = built(mapping(FIND), values), built(mapping(FIND), shuffled)
    assert one == other


def metadata(name: str, told: str) -> dict[RemoteRef, Outcome]:
    return {ref(name)._replace(part="metadata"): fetched(told, "", structured=True)}


def of_metadata(name: str) -> SecretMapping:
    return mapping(data={"k": Selection(ref("a")._replace(part="metadata"), name)})


def test_metadata_is_taken_by_its_exact_name() -> None:
    told = metadata("a", '{"owner.team": "payments", "owner": {"team": "no"}, "$expires": "2026-01-31T12:00:00Z"}')
    assert content(build(of_metadata("owner.team"), told)) == {"k": b"payments"}
    assert content(build(of_metadata("$expires"), told)) == {"k": b"2026-01-31T12:00:00Z"}
    assert refusal(build(of_metadata("owner.te"), told)).reason == "property-missing"
    nested = metadata("a", '{"owner": {"team": "no"}}')
    assert refusal(build(of_metadata("owner.team"), nested)).reason == "property-missing"


def test_value_and_metadata_of_one_object_stand_side_by_side() -> None:
    beside = Selection(ref("a")._replace(part="metadata"), "team")
    wanted = mapping(data={"v": Selection(ref("a")), "team": beside})
    made = build(wanted, {ref("a"): fetched("1"), **metadata("a", '{"team": "payments"}')})
    assert content(made) == {"team": b"payments", "v": b"1"}
    assert isinstance(made, Content)
    assert [(source.ref.part, source.version) for source in made.sources] == [("", "1"), ("metadata", "")]


def test_metadata_that_is_not_there_is_absent_as_a_value_is() -> None:
    gone = Failure(FailureClass.ABSENT, "not-found", "no")
    absent = ref("a")._replace(part="metadata")
    made = refusal(build(of_metadata("team"), {absent: gone}))
    assert (made.cls, made.absent) == (FailureClass.ABSENT, (absent,))
