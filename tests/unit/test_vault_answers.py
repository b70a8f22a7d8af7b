"""The truth table of Vault's answers: every status and body shape, and never ABSENT but for one shape."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched
from syncd_providers.vault import answers
from syncd_providers.vault.login import judge_login
from tests.unit.vault_words import ADDRESS, CANARY, NOT_FOUND, PINNED, C, judged, kv2, metadata, said, warned, word

SHAPES = {
    "empty": b"",
    "html": b"<html><body>404 page not found</body></html>",
    "text": b"404 page not found\n",
    "cut": b'{"errors":[',
    "not utf-8": b'{"errors":["\xff"]}',
    "null": b"null",
    "list": b"[]",
    "number": b"0",
    "object": b"{}",
    "errors null": b'{"errors":null}',
    "errors text": b'{"errors":""}',
    "errors object": b'{"errors":{}}',
    "errors beside others": b'{"errors":[],"message":"no route"}',
    "one error": said("something"),
    "data null": b'{"data":null,"errors":null}',
    "not found": NOT_FOUND,
    "no route": said('no handler for route "x"'),
    "no namespace": said("namespace not found"),
    "sealed": said("Vault is sealed"),
    "versioned": warned("Invalid path for a versioned K/V secrets engine."),
    "deleted": kv2(None, deletion_time="2026-11-24T22:07:51Z"),
    "destroyed": kv2(None, destroyed=True),
    "value": kv2(),
    "other store": b'{"error":{"code":"SecretNotFound","message":"A secret was not found"}}',
}


@pytest.mark.parametrize("kv", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_status_from_400_to_599_is_absent_but_a_404_with_vault_s_empty_list(shape: str, kv: int) -> None:
    for status in range(400, 600):
        found = judged(status, SHAPES[shape], kv=kv)
        if (status, shape, kv) == (473, "value", 2):
            assert isinstance(found, Fetched)  # A5: a performance standby that carries the object has read it
            continue
        assert isinstance(found, Failure)
        assert (found.cls is C.ABSENT) == (status == 404 and shape == "not found"), (status, found)


LISTED = {400, 403, 404, 429}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_status_that_the_table_does_not_list_is_unavailable(shape: str) -> None:
    for status in [*range(300, 400), *range(400, 600)]:
        if status not in LISTED and (status, shape) != (473, "value"):
            assert word(judged(status, SHAPES[shape]))[0] is C.UNAVAILABLE, status


@pytest.mark.parametrize(
    ("shape", "cls", "reason"),
    [
        ("not found", C.ABSENT, "not-found"),
        ("deleted", C.UNUSABLE, "version-deleted"),
        ("destroyed", C.UNUSABLE, "version-destroyed"),
        ("no route", C.CONFIG, "mount-missing"),
        ("no namespace", C.CONFIG, "namespace-missing"),
        ("versioned", C.CONFIG, "wrong-kv-version"),
        ("html", C.UNAVAILABLE, "not-found-elsewhere"),
        ("empty", C.UNAVAILABLE, "not-found-elsewhere"),
        ("object", C.UNAVAILABLE, "not-found-elsewhere"),
        ("errors beside others", C.UNAVAILABLE, "not-found-elsewhere"),
        ("one error", C.UNAVAILABLE, "not-found-elsewhere"),
        ("value", C.UNAVAILABLE, "not-found-elsewhere"),
        ("other store", C.UNAVAILABLE, "not-found-elsewhere"),
    ],
)
def test_a_404_is_read_by_its_body(shape: str, cls: FailureClass, reason: str) -> None:
    assert word(judged(404, SHAPES[shape])) == (cls, reason)


@pytest.mark.parametrize(
    ("status", "body", "cls", "reason"),
    [
        (400, said("missing"), C.CONFIG, "request-invalid"),
        (400, said("Upgrading from non-versioned to versioned data."), C.UNAVAILABLE, "mount-upgrading"),
        (401, said("x"), C.UNAVAILABLE, "unexpected-status"),
        (403, said("permission denied"), C.DENIED, "permission-denied"),
        (403, b"<html>blocked</html>", C.DENIED, "forbidden"),
        (405, said("unsupported operation"), C.UNAVAILABLE, "unexpected-status"),
        (307, b"", C.UNAVAILABLE, "redirected"),
        (302, NOT_FOUND, C.UNAVAILABLE, "redirected"),
        (412, said("required index state not present"), C.UNAVAILABLE, "index-not-reached"),
        (429, b"", C.THROTTLED, "rate-limited"),
        (472, b"", C.UNAVAILABLE, "disaster-recovery-secondary"),
        (473, b"", C.UNAVAILABLE, "performance-standby"),
        (474, b"", C.UNAVAILABLE, "standby-unreachable"),
        (500, said("internal error"), C.UNAVAILABLE, "server-error"),
        (501, b"", C.UNAVAILABLE, "not-initialised"),
        (503, said("Vault is sealed"), C.UNAVAILABLE, "sealed"),
        (503, b"<html>no backend</html>", C.UNAVAILABLE, "server-error"),
        (599, b"", C.UNAVAILABLE, "server-error"),
        (204, b"", C.MALFORMED, "no-data"),
    ],
)
def test_a_status_has_its_class_and_reason(status: int, body: bytes, cls: FailureClass, reason: str) -> None:
    assert word(judged(status, body)) == (cls, reason)


@pytest.mark.parametrize("status", [429, 472, 474, 501, 503, 530, 307])
def test_what_holds_for_the_whole_store_says_so(status: int) -> None:
    found = judged(status, said("Vault is sealed"))
    assert isinstance(found, Failure)
    assert found.scope == "store"


@pytest.mark.parametrize("status", [400, 403, 404, 412, 473, 500])
def test_what_one_object_answers_says_nothing_of_the_store(status: int) -> None:
    found = judged(status, said("permission denied"))
    assert isinstance(found, Failure)
    assert found.scope == "ref"


@pytest.mark.parametrize(
    ("body", "kv", "cls", "reason"),
    [
        (b"<html>log in</html>", 2, C.MALFORMED, "answer-malformed"),
        (b"<html>log in</html>", 1, C.MALFORMED, "answer-malformed"),
        (kv2()[:-4], 2, C.MALFORMED, "answer-malformed"),
        (b"", 2, C.MALFORMED, "answer-malformed"),
        (b"{}", 2, C.MALFORMED, "no-data"),
        (b"{}", 1, C.MALFORMED, "null-data"),
        (b'{"data":null}', 2, C.MALFORMED, "no-data"),
        (b'{"data":null}', 1, C.MALFORMED, "null-data"),
        (kv2(None), 2, C.MALFORMED, "null-data"),
        (kv2(None, deletion_time="2026-11-24T22:07:51Z"), 2, C.UNUSABLE, "version-deleted"),
        (kv2(None, destroyed=True), 2, C.UNUSABLE, "version-destroyed"),
        (b'{"data":{"password":"x"}}', 2, C.MALFORMED, "wrong-nesting"),
        (kv2(), 1, C.MALFORMED, "wrong-nesting"),
        (kv2([1]), 2, C.MALFORMED, "wrong-nesting"),
        (kv2("text"), 2, C.MALFORMED, "wrong-nesting"),
        (b'{"data":["x"]}', 1, C.MALFORMED, "wrong-nesting"),
        (kv2({}), 2, C.MALFORMED, "no-keys"),
        (b'{"data":{ \n}}', 1, C.MALFORMED, "no-keys"),
        (b'{"mount_type":"database","data":{"x":"y"}}', 1, C.MALFORMED, "wrong-mount-type"),
    ],
)
def test_a_success_without_the_object_is_no_success(body: bytes, kv: int, cls: FailureClass, reason: str) -> None:
    assert word(judged(200, body, kv=kv)) == (cls, reason)


def test_a_kv_2_answer_gives_the_object_its_version_and_time() -> None:
    found = judged(200, kv2({"a": "b"}))
    assert isinstance(found, Fetched)
    assert (json.loads(found.value.reveal()), found.version, found.structured) == ({"a": "b"}, "3", True)
    assert found.created == pytest.approx(1795558071.543245, abs=1e-3)


def test_a_kv_1_answer_gives_the_object_without_a_version() -> None:
    found = judged(200, b'{"data":{"a":"b"}}', kv=1)
    assert isinstance(found, Fetched)
    assert (found.value.reveal(), found.version, found.created) == (b'{"a":"b"}', "", None)


def test_a_kv_1_object_may_have_keys_called_data_and_metadata() -> None:
    assert isinstance(judged(200, b'{"data":{"data":"x","metadata":"y"}}', kv=1), Fetched)


def test_a_version_that_will_be_deleted_later_is_still_served() -> None:
    assert isinstance(judged(200, kv2(deletion_time="2999-01-01T00:00:00Z")), Fetched)


def test_another_version_than_the_pinned_one_is_refused() -> None:
    assert isinstance(judged(200, kv2(), ref=PINNED), Fetched)
    assert word(judged(200, kv2(version=4), ref=PINNED)) == (C.MALFORMED, "wrong-version")


def test_an_odd_creation_time_costs_the_time_alone() -> None:
    found = judged(200, kv2(created_time="yesterday"))
    assert isinstance(found, Fetched)
    assert found.created is None


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none() | st.booleans(), min_size=1))
def test_the_object_comes_out_as_it_stood_in_the_answer(content: dict[str, object]) -> None:
    text = json.dumps(content, indent=1).encode()
    body = b'{"data":{"metadata":' + json.dumps(metadata()).encode() + b',"data":' + text + b"}}"
    found = judged(200, body)
    assert isinstance(found, Fetched)
    assert found.value.reveal() == text


@pytest.mark.parametrize("number", ["0.10", "1e400", "12345678901234567890123", "1.0", "-0"])
def test_numbers_keep_their_spelling(number: str) -> None:
    body = b'{"data":{"n":' + number.encode() + b"}}"
    found = judged(200, body, kv=1)
    assert isinstance(found, Fetched)
    assert found.value.reveal() == b'{"n":' + number.encode() + b"}"


@given(st.integers(100, 599), st.binary(max_size=300), st.sampled_from([1, 2]))
def test_no_bytes_at_all_make_the_classifier_raise_or_say_absent(status: int, body: bytes, kv: int) -> None:
    found = judged(status, body, kv=kv)
    assert not (isinstance(found, Failure) and found.cls is C.ABSENT)
    assert isinstance(answers.mount(Answer(status, {}, body), "secret", ADDRESS), Failure)
    assert isinstance(judge_login(Answer(status, {}, body), "the login", ADDRESS), Failure)


def test_nothing_of_an_error_text_reaches_a_message() -> None:
    text = f"no handler for route {CANARY} sealed"
    for status, body in product((400, 403, 404, 429, 500, 503), (said(text), warned(text))):
        found = judged(status, body)
        assert CANARY not in repr(found)
