"""The patterns of users: what is refused when the file is loaded, and what a sound one does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd import pattern


@pytest.mark.parametrize("bad", ["a(", "(?=a)", r"(a)\1", "a{1001}", "x" * 1001, "\ud800", "[z-a]", "*"])
def test_what_is_no_pattern_is_told_why(bad: str) -> None:
    assert pattern.mistake(bad, names=True)


@pytest.mark.parametrize("good", ["", "^[a-z]+$", "(?i)DB", r"\pL", "é|☃", "(?P<n>a)"])
def test_what_is_one_has_no_mistake(good: str) -> None:
    assert pattern.mistake(good, names=True) == ""


def test_patterns_are_unanchored_and_see_characters() -> None:
    assert pattern.fits("b", "abc")
    assert pattern.fits("^.$", "é")
    assert not pattern.fits("^b", "abc")
    assert not pattern.fits("a", "\ud800a")


@pytest.mark.parametrize(
    ("what", "stand_in", "name", "made"),
    [
        ("-", "_", "a-b-c", "a_b_c"),
        ("(.)-(.)", r"\2\1", "a-b", "ba"),
        ("(x)|(y)", r"<\1\2>", "xy", "<x><y>"),
        ("^", "A_", "b", "A_b"),
        ("a", r"\\", "a", "\\"),
        (r"\.", "", "a.b.c", "abc"),
        ("é", "e", "☃é☃", "☃e☃"),
        ("b", r"[\0]", "abc", "a[b]c"),
        ("", "-", "ab", "-a-b-"),
    ],
)
def test_each_match_is_replaced(what: str, stand_in: str, name: str, made: str) -> None:
    assert pattern.stand_in_mistake(what, stand_in) == ""
    assert pattern.replaced(what, stand_in, name, most=100) == made


@pytest.mark.parametrize("stand_in", [r"\1", "\\", r"\x", r"a\ b", "\\\u0661", "x" * 1001])
def test_what_stands_for_no_group_is_refused(stand_in: str) -> None:
    assert pattern.stand_in_mistake("a", stand_in)


def test_a_replacement_that_grows_is_cut_short() -> None:
    assert len(pattern.replaced("", "x" * 1000, "y" * 1000, most=300)) < 1500


@given(st.text(), st.text(max_size=40), st.text(max_size=20))
def test_whatever_has_no_mistake_can_be_applied(what: str, name: str, stand_in: str) -> None:
    if pattern.mistake(what, names=True) or pattern.stand_in_mistake(what, stand_in):
        return
    pattern.fits(what, name)
    try:
        pattern.replaced(what, stand_in, name, most=100)
    except UnicodeEncodeError:
        assert any("\ud800" <= character <= "\udfff" for character in name)


def test_no_pattern_takes_more_than_its_share_of_time() -> None:
    started = time.process_time()
    assert not pattern.fits("^(a+)+$", "a" * 1000 + "b")
    pattern.replaced("(x+x+)+y", "z", "x" * 1000, most=2000)
    assert time.process_time() - started < 1
