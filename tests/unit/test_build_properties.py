"""Build, on any input: content or a refusal, the same in any order, and no refusal holds a value."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Content, Refusal
from syncd.model.selection import Decode, Extract, Literally, Selection
from syncd.redact import SecretValue
from tests.unit.build_makers import API, CANARY, DB, ORIGIN, answer, mapping, one, refusal, unhurried

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


TELLING = [
    CANARY,
    f'{{"a":"{CANARY}"}}',
    f'{{"a":"{CANARY}","b":""}}',
    f'{{"a":"{CANARY}","a.b":null}}',
    f'{{"a":"{CANARY}","a":"{CANARY}"}}',
    f'{{"..":"{CANARY}","a":{{"b":["{CANARY}"]}}}}',
    f'["{CANARY}"]',
    f'{{"a":"{CANARY}\\ud800"}}',
    f"\x00{CANARY}\n",
]


@pytest.mark.parametrize("text", TELLING)
def test_nothing_that_is_built_or_refused_prints_a_value(text: str) -> None:
    """I-LEAK: whatever is wrong with a value, or with another one beside it, and however it is selected."""
    outcomes = {DB: answer(text.encode()), API: answer(CANARY.encode())}
    decodes: tuple[Decode, ...] = ("none", "base64", "base64url", "hex")
    ways = itertools.product((None, "a", "b", "a.b"), (None, "a", "a.b[0]", "["), decodes)
    for property_, query, decode in ways:
        selection = Selection(DB, property=property_, query=query, decode=decode)
        for asked in (
            mapping(data={"first": Selection(API), "k": selection}),
            mapping(data={"first": Selection(API)}, data_from=(Extract(selection),)),
            mapping(data={"tls.crt": Selection(API), "tls.key": selection}, type_="kubernetes.io/tls"),
        ):
            built = build(asked, outcomes)
            assert CANARY not in repr(built)
            assert CANARY.encode().hex() not in repr(built)
