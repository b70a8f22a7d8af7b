"""The type that carries values: nothing shows one, and the places that take one out are counted."""

import ast
import copy
import hmac
import json
import logging
import pickle
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import syncd.redact
from syncd.redact import MASK, SecretValue

CANARY = b"canary-5f1c"
VALUE = SecretValue(CANARY)
ROOT = Path(__file__).parents[2]
REVEALED = {
    "providers/syncd_providers/azure/methods.py": 1,
    "providers/syncd_providers/vault/azure_identity.py": 1,
    "providers/syncd_providers/vault/client.py": 3,
    "providers/syncd_providers/vault/login.py": 1,
    "providers/syncd_providers/vault/methods.py": 1,
    "syncd/build/leased.py": 1,
    "syncd/build/select.py": 4,
    "syncd/daemon/digests.py": 1,
    "syncd/fetch/credential.py": 1,
    "syncd/keys.py": 3,
    "syncd/plan/leases.py": 1,
    "syncd/target/home_reader.py": 1,
    "syncd/target/kube_wire.py": 2,
    "syncd/target/manifest.py": 1,
}
"""Where a value leaves its type: parsing, writing, signing, logging in. One more is a decision, made here."""
SHIPPED_FOR_TESTS = "syncd/testing/"


@pytest.mark.parametrize(
    "shown",
    [
        repr(VALUE),
        str(VALUE),
        f"{VALUE}",
        f"{VALUE!r:>20}".strip(),
        f"{VALUE:x>40}",
        "%s" % VALUE,  # noqa: UP031 — the form that loggers use
        "%r" % VALUE,  # noqa: UP031
        "{}".format(VALUE),  # noqa: UP032
    ],
)
def test_every_printed_form_is_the_mask(shown: str) -> None:
    assert shown == MASK


def test_what_holds_a_value_shows_none_either() -> None:
    assert CANARY.decode() not in repr({"k": [VALUE, (VALUE,)]})


def test_a_logger_and_a_traceback_show_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%s %r", VALUE, VALUE)

    assert CANARY.decode() not in caplog.text
    assert MASK in caplog.text
    assert CANARY.decode() not in str(ValueError(VALUE))


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_the_mask_tells_nothing_of_the_content(one: bytes, other: bytes) -> None:
    """M7: neither length nor prefix."""
    assert repr(SecretValue(one)) == repr(SecretValue(other))


@given(st.binary())
def test_what_goes_in_comes_out(data: bytes) -> None:
    """I-BYTE."""
    assert SecretValue(data).reveal() == data
    assert SecretValue(data).is_empty() == (data == b"")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_is_made(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(VALUE, protocol)


def test_no_json_is_made() -> None:
    with pytest.raises(TypeError):
        json.dumps(VALUE)


def test_copies_share_the_value() -> None:
    assert copy.copy(VALUE) is VALUE
    assert copy.deepcopy({"k": VALUE})["k"] is VALUE


def test_truth_and_hashes_are_refused() -> None:
    with pytest.raises(TypeError, match="is_empty"):
        bool(VALUE)
    with pytest.raises(TypeError, match="unhashable"):
        hash(VALUE)


@pytest.mark.parametrize("data", ["text", bytearray(b"bytes"), memoryview(b"bytes"), None, 7])
def test_only_bytes_are_taken_and_the_error_shows_none(data: object) -> None:
    with pytest.raises(TypeError) as caught:
        SecretValue(data)  # type: ignore[arg-type]

    assert "bytes, not" in str(caught.value)
    assert "text" not in str(caught.value)


def test_equal_values_are_equal_and_nothing_else_is() -> None:
    assert SecretValue(CANARY) == VALUE
    assert SecretValue(b"another") != VALUE
    assert VALUE != CANARY
    assert VALUE != MASK


def test_values_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []

    def digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Spy:
        compare_digest = staticmethod(digest)

    monkeypatch.setattr(syncd.redact, "hmac", Spy)

    assert SecretValue(CANARY) == VALUE
    assert compared == [(CANARY, CANARY)]


def test_nothing_can_be_added_to_a_value_nor_a_type_made_of_it() -> None:
    with pytest.raises(AttributeError):
        VALUE.note = "x"  # type: ignore[attr-defined]
    assert not hasattr(VALUE, "__dict__")


def test_the_places_that_take_a_value_out_are_the_known_ones() -> None:
    found: Counter[str] = Counter()
    for folder in ("syncd", "providers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(SHIPPED_FOR_TESTS):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            # The attribute, called or not: `map(SecretValue.reveal, …)` takes values out too.
            found[name] += sum(isinstance(node, ast.Attribute) and node.attr == "reveal" for node in ast.walk(tree))
            found[name] += sum(isinstance(node, ast.Constant) and node.value == "reveal" for node in ast.walk(tree))

    assert +found == REVEALED
