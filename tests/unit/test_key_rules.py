"""Which keys of an entry are taken and what they are called: the steps, their order, clashes, names that are none."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.build.keys import Named, key_of_name, taken
from syncd.build.rules import bad_key
from syncd.model.selection import ALL_KEYS, KeyRules


def ruled(keys: str, rules: KeyRules) -> dict[str, str]:
    """Apply rules to keys that stand for themselves; gives new to old."""
    left = taken((Named(key, key, key) for key in keys.split()), rules)
    assert left.faults == ()
    return left.keys


def faults(keys: list[str], rules: KeyRules = ALL_KEYS) -> list[str]:
    return [fault.reason for fault in taken((Named(key, key, key) for key in keys), rules).faults]


@pytest.mark.parametrize(
    ("rules", "made"),
    [
        (ALL_KEYS, {"A1": "A1", "A2": "A2", "b-c": "b-c"}),
        (KeyRules(include=("^A", "c$")), {"A1": "A1", "A2": "A2", "b-c": "b-c"}),
        (KeyRules(include=("^A",)), {"A1": "A1", "A2": "A2"}),
        (KeyRules(exclude=("1", "-")), {"A2": "A2"}),
        (KeyRules(include=("A",), exclude=("2",)), {"A1": "A1"}),
        (KeyRules(rename=(("A1", "x"),)), {"x": "A1", "A2": "A2", "b-c": "b-c"}),
        (KeyRules(replace=(("-", "_"), ("^b_", "B_"))), {"A1": "A1", "A2": "A2", "B_c": "b-c"}),
        (KeyRules(prefix="P_"), {"P_A1": "A1", "P_A2": "A2", "P_b-c": "b-c"}),
        (
            KeyRules(include=("^A",), exclude=("2",), rename=(("A1", "a-one"),), replace=(("-", "_"),), prefix="P."),
            {"P.a_one": "A1"},
        ),
        (KeyRules(rename=(("A1", "A2"), ("A2", "A1"))), {"A1": "A2", "A2": "A1", "b-c": "b-c"}),
    ],
)
def test_the_steps_are_applied_in_their_order(rules: KeyRules, made: dict[str, str]) -> None:
    assert ruled("A1 A2 b-c", rules) == made


def test_an_old_name_that_nothing_has_is_left_over() -> None:
    rules = KeyRules(exclude=("gone",), rename=(("gone", "x"), ("never", "y"), ("a", "z")))
    left = taken([Named("a", "a", 1), Named("gone", "gone", 2)], rules)
    assert (left.keys, left.unused) == ({"z": 1}, ("gone", "never"))


@pytest.mark.parametrize(
    ("keys", "rules"),
    [
        (["a-b", "a_b"], KeyRules(replace=(("-", "_"),))),
        (["a", "b"], KeyRules(rename=(("a", "b"),))),
        (["a1", "a2"], KeyRules(replace=(("[0-9]", ""),))),
        (["x", "y"], KeyRules(rename=(("x", "z"), ("y", "z")))),
    ],
)
def test_two_keys_that_end_up_alike_clash(keys: list[str], rules: KeyRules) -> None:
    assert faults(keys, rules) == ["key-clash"]


def test_a_clash_names_both() -> None:
    (fault,) = taken([Named("a/b", "a_b", 1), Named("a_b", "a_b", 2)], ALL_KEYS).faults
    assert '"a/b" and "a_b" become the key "a_b"' in fault.message


@pytest.mark.parametrize("key", ["a b", "", "..", "\ud800", "é", "x" * 254, "x" * 5000])
def test_what_can_be_no_key_is_a_fault(key: str) -> None:
    assert faults([key]) == ["bad-key"]


def test_rules_may_mend_or_leave_out_what_can_be_no_key() -> None:
    assert ruled("a/b", KeyRules(replace=(("/", "."),))) == {"a.b": "a/b"}
    assert ruled("a/b", KeyRules(exclude=("/",))) == {}
    assert faults(["a"], KeyRules(prefix="..")) == ["bad-key"]
    assert faults(["a"], KeyRules(replace=(("a", "b" * 254),))) == ["bad-key"]


def test_rules_that_grow_end_soon() -> None:
    grow = KeyRules(replace=(("", "x" * 1000),) * 50)
    assert faults(["a"], grow) == ["bad-key"]


@pytest.mark.parametrize(
    ("name", "key"), [("a/b", "a_b"), ("a b", "a_b"), ("größe", "gr__e"), ("a.b-c_9", "a.b-c_9"), ("☃", "_")]
)
def test_a_name_in_a_store_becomes_a_key(name: str, key: str) -> None:
    assert key_of_name(name) == key


KEYS = st.lists(st.text(st.sampled_from("ab-_/. é1"), min_size=1, max_size=6), max_size=12, unique=True)
WORDS = st.text(st.sampled_from("ab-_1"), max_size=3)
RULES = st.builds(
    KeyRules,
    include=st.lists(st.sampled_from(["a", "^b", "1$"]), max_size=1).map(tuple),
    exclude=st.lists(st.sampled_from(["-", "b$"]), max_size=1).map(tuple),
    rename=st.dictionaries(WORDS, WORDS, max_size=2).map(lambda pairs: tuple(sorted(pairs.items()))),
    replace=st.lists(st.tuples(st.sampled_from(["-", "/", "a+", "[^a-z]"]), WORDS), max_size=2).map(tuple),
    prefix=WORDS,
)


@given(KEYS, RULES, st.randoms(use_true_random=False))
def test_the_result_does_not_depend_on_the_order_of_the_keys(
    keys: list[str], rules: KeyRules, chance: random.Random
) -> None:
    shuffled = list(keys)
    chance.shuffle(shuffled)
    one, other = (taken((Named(key, key, key) for key in some), rules) for some in (keys, shuffled))
    assert one == other
    assert list(one.keys) == sorted(one.keys) == list(other.keys)


@given(KEYS, RULES)
def test_what_is_taken_are_good_keys_and_nothing_is_lost_in_silence(keys: list[str], rules: KeyRules) -> None:
    left = taken((Named(key, key, key) for key in keys), rules)
    assert all(bad_key(key) is None for key in left.keys)
    if not left.faults and not rules.include and not rules.exclude:
        assert sorted(left.keys.values()) == sorted(keys)


@given(st.text())
def test_every_name_becomes_something_that_could_stand_in_a_key(name: str) -> None:
    made = key_of_name(name)
    assert len(made) == len(name)
    assert all(character.isascii() and (character.isalnum() or character in "-._") for character in made)
