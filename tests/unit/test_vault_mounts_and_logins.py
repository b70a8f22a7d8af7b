"""What Vault answers about a mount, to a login, and about when to come back."""

import json

import pytest

from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass
from syncd_providers.vault import answers, statuses
from syncd_providers.vault.login import Grant, judge_login
from tests.unit.vault_words import ADDRESS, CANARY, NOT_FOUND, C, judged, said, word

# Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", -5.0),
        ("Tue, 24 Nov 2026 22:01:00 GMT", 60.0),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("9" * 400, None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_beside_the_server_s_own(header: str, seconds: float | None) -> None:
    given_headers = {"retry-after": header, "date": "Tue, 24 Nov 2026 22:00:00 GMT"}
    assert statuses.retry_after(given_headers) == seconds


def test_a_429_hands_the_wait_on() -> None:
    found = judged(429, b"", retry_after="30")
    assert isinstance(found, Failure)
    assert found.retry_after == 30.0


# Mounts


def mounted(path: str = "secret/", kind: str = "kv", version: str | None = "2") -> Answer:
    options = None if version is None else {"version": version}
    return Answer(200, {}, json.dumps({"data": {"type": kind, "path": path, "options": options}}).encode())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (mounted(), 2),
        (mounted(version="1"), 1),
        (mounted(version=None), 1),
        (mounted(kind="generic", version=None), 1),
        (mounted(kind="database"), (C.CONFIG, "mount-not-kv")),
        (mounted(path="other/"), (C.CONFIG, "mount-mismatch")),
        (Answer(200, {}, b"<html>"), (C.MALFORMED, "answer-malformed")),
        (Answer(403, {}, said("preflight capability check returned 403")), (C.DENIED, "permission-denied")),
        (Answer(404, {}, NOT_FOUND), (C.UNAVAILABLE, "not-found-elsewhere")),
        (Answer(404, {}, said("namespace not found")), (C.CONFIG, "namespace-missing")),
        (Answer(503, {}, said("Vault is sealed")), (C.UNAVAILABLE, "sealed")),
    ],
)
def test_a_mount_s_description_gives_the_kv_version(answer: Answer, expected: object) -> None:
    found = answers.mount(answer, "secret", ADDRESS)
    assert (found if isinstance(found, int) else word(found)) == expected


def test_a_mount_name_from_the_server_is_shown_only_if_it_is_plain() -> None:
    found = answers.mount(mounted(path="evil\x1b[31m/"), "secret", ADDRESS)
    assert isinstance(found, Failure)
    assert "\x1b" not in found.message


# Logins


def test_a_login_gives_a_token_with_its_life() -> None:
    body = json.dumps({"auth": {"client_token": CANARY, "lease_duration": 60, "renewable": True}}).encode()
    found = judge_login(Answer(200, {}, body), "the login", ADDRESS)
    assert isinstance(found, Grant)
    assert (found.secret.reveal(), found.seconds, found.renewable, found.ours) == (CANARY.encode(), 60, True, True)
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    ("status", "body", "cls", "reason"),
    [
        (200, b"<html>", C.MALFORMED, "login-answer-malformed"),
        (200, b'{"auth":null}', C.MALFORMED, "login-answer-malformed"),
        (200, b'{"auth":{"client_token":""}}', C.DENIED, "login-without-token"),
        (200, b'{"auth":{"client_token":"a\\r\\nX: y"}}', C.DENIED, "login-without-token"),
        (400, said("invalid role or secret ID"), C.DENIED, "login-refused"),
        (403, said("permission denied"), C.DENIED, "login-denied"),
        (404, said("no handler for route"), C.CONFIG, "login-missing"),
        (404, b"<html>", C.UNAVAILABLE, "unexpected-status"),
        (429, said("request path: lease count quota exceeded"), C.THROTTLED, "lease-quota-exceeded"),
        (429, b"", C.THROTTLED, "rate-limited"),
        (500, b"", C.UNAVAILABLE, "server-error"),
        (503, said("Vault is sealed"), C.UNAVAILABLE, "sealed"),
        (307, b"", C.UNAVAILABLE, "redirected"),
    ],
)
def test_a_login_that_gives_no_token_fails_the_store(status: int, body: bytes, cls: FailureClass, reason: str) -> None:
    found = judge_login(Answer(status, {}, body), "the appRole login at auth/approle", ADDRESS)
    assert isinstance(found, Failure)
    assert (found.cls, found.reason, found.scope, found.stale_credential) == (cls, reason, "store", False)
