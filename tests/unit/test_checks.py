"""Checks: what must hold of the finished keys, and that no message says a value."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.build import build
from syncd.build.checks import failed_checks
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import FailureClass, Fetched, RemoteRef
from syncd.model.secret import Content, Refusal
from syncd.model.selection import Selection
from syncd.model.shaping import CertificateCheck, Checks
from syncd.redact import SecretValue
from tests.authority import DAY, NOW, chain_of_three

LEAF, MIDDLE, _ = chain_of_three()
DATA = {
    "user": b"robot\n",
    "canary": b"c4nary-Value",
    "json": b'{"a": 0.10}',
    "binary": b"\x00\xff\xfe\r\n",
    "tls.crt": LEAF.pem + MIDDLE.pem,
}


def failed(checks: Checks, data: Mapping[str, bytes] = DATA, *, now: float = NOW) -> list[str]:
    found = list(failed_checks(checks, data, now=now))
    assert all(fault.cls is FailureClass.CONFIG for fault in found)
    assert not any("c4nary" in fault.message for fault in found)
    return [fault.reason for fault in found]


@pytest.mark.parametrize(
    "checks",
    [
        Checks(),
        Checks(required=("user", "canary")),
        Checks(matches=(("user", "^robot\n$"), ("binary", r"^\x00\xff"), ("canary", "Val"), ("binary", "(?s)^.{5}$"))),
        Checks(json=("json",)),
        Checks(max_bytes=sum(map(len, DATA.values()))),
        Checks(certificate=CertificateCheck("tls.crt", 30 * DAY)),
        Checks(certificate=CertificateCheck()),
    ],
)
def test_what_holds_is_no_failure(checks: Checks) -> None:
    assert failed(checks) == []


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        (Checks(required=("user", "none")), "check-required"),
        (Checks(matches=(("user", "^robot$"),)), "check-matches"),
        (Checks(matches=(("none", ""),)), "check-matches"),
        (Checks(json=("canary",)), "check-json"),
        (Checks(json=("none",)), "check-json"),
        (Checks(max_bytes=5), "check-max-bytes"),
        (Checks(certificate=CertificateCheck("tls.crt", 30 * DAY + 1)), "check-certificate"),
        (Checks(certificate=CertificateCheck("canary")), "check-certificate"),
        (Checks(certificate=CertificateCheck("none")), "check-certificate"),
    ],
)
def test_what_does_not_hold_is_told_by_its_check(checks: Checks, reason: str) -> None:
    assert failed(checks) == [reason]


@pytest.mark.parametrize("now", [NOW + 30 * DAY + 1, NOW - DAY - 1])
def test_a_certificate_is_held_against_the_clock(now: float) -> None:
    assert failed(Checks(certificate=CertificateCheck()), now=now) == ["check-certificate"]


def test_every_check_that_fails_is_told_and_nothing_is_made() -> None:
    """The size of a value is in no message, as the value is not."""
    store = RemoteRef("store", "a")
    mapping = SecretMapping(
        "shop/a",
        SecretKey("default", "shop", "a"),
        Position("f", 1, 1),
        "Opaque",
        data=(("k", Selection(store)),),
        checks=Checks(("other",), (("k", "^[a-z]+$"),), ("k",), 3),
    )
    refused = build(mapping, {store: Fetched(SecretValue(b"c4nary-Value"), "1")}, now=NOW)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.cls) == ("check-json", FailureClass.CONFIG)
    assert "mapping shop/a, checks: " in refused.message
    assert len(refused.also) == 3
    for told in (refused.message, *refused.also):
        assert "c4nary" not in told
        assert "12" not in told
    assert isinstance(build(mapping, {store: Fetched(SecretValue(b"123"), "1")}, now=NOW), Refusal)


@settings(deadline=None)
@given(value=st.binary(max_size=60))
def test_any_value_is_held_against_every_check(value: bytes) -> None:
    """I-PARSE."""
    checks = Checks(("k",), (("k", "^(a|b)*$"),), ("k",), 10, CertificateCheck("k"))
    assert set(failed(checks, {"k": value})) <= {"check-matches", "check-json", "check-max-bytes", "check-certificate"}


def test_a_pattern_costs_linear_time() -> None:
    assert failed(Checks(matches=(("k", "^(x+x+)+y$"),)), {"k": b"x" * 1_000_000}) == ["check-matches"]


def test_a_value_that_holds_is_written() -> None:
    store = RemoteRef("store", "a")
    mapping = SecretMapping(
        "shop/a",
        SecretKey("default", "shop", "a"),
        Position("f", 1, 1),
        "Opaque",
        data=(("k", Selection(store)),),
        checks=Checks(("k",), (("k", "^[0-9]+$"),), ("k",), 3),
    )
    assert isinstance(build(mapping, {store: Fetched(SecretValue(b"123"), "1")}), Content)
