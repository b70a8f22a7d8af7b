"""What each answer of a Key Vault and of its login means: the truth table, enumerated."""

import json
from typing import Any

import pytest

from syncd.fetch.http import Answer, TransportError
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd_providers.azure.answers import NOT_FOUND, Asked, deleted, read
from syncd_providers.azure.headers import clock_skew, retry_after
from syncd_providers.azure.login import Who, failed
from syncd_providers.azure.refusals import codes

VAULT = "https://kv.vault.azure.net"
VERSION = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.0
CANARY = "canary-5d1e"
ASKED = Asked(RemoteRef("kv", "db"), VAULT)
PINNED = Asked(RemoteRef("kv", "db", VERSION), VAULT)
WHO = Who("clientSecret", "app-1")


def _error(code: str | None, inner: str | None = None, *, spelling: str = "innererror") -> bytes:
    error: dict[str, Any] = {"message": CANARY}
    if code is not None:
        error["code"] = code
    if inner is not None:
        error[spelling] = {"code": inner}
    return json.dumps({"error": error}).encode()


def _bundle(**changes: object) -> bytes:
    content: dict[str, object] = {
        "id": f"{VAULT}/secrets/Db/{VERSION}",
        "value": CANARY,
        "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_001},
        "tags": {"a": "b"},
    }
    return json.dumps({**content, **changes}).encode()


BODIES = {
    "empty": b"",
    "html": b"<html>" + CANARY.encode() + b"</html>",
    "no code": _error(None),
    "null error": b'{"error": null}',
    "wrong types": b'{"error": {"code": 5, "innererror": "SecretDisabled"}}',
    "list": b"[]",
    "not text": b"\xff\xfe{",
    "deep": b"[" * 100_000,
    "not found": _error("SecretNotFound"),
    "other not found": _error("KeyNotFound"),
    "disabled": _error("Forbidden", "SecretDisabled"),
    "disabled elsewhere": _error("Forbidden", "SecretDisabled", spelling="innerError"),
    "forbidden": _error("Forbidden", "ForbiddenByRbac"),
    "secret": _bundle(),
}
EXACT = {
    (404, "not found"): NOT_FOUND,
    (403, "disabled"): FailureClass.UNUSABLE,
    (403, "disabled elsewhere"): FailureClass.UNUSABLE,
}
BY_STATUS = {401: FailureClass.DENIED, 403: FailureClass.DENIED, 429: FailureClass.THROTTLED}


@pytest.mark.parametrize("name", BODIES)
def test_every_error_status_with_every_body(name: str) -> None:
    """Only a 404 with Key Vault's own code leads on to the question of absence; the unknown is UNAVAILABLE."""
    for status in range(300, 600):
        found = read(Answer(status, {}, BODIES[name]), ASKED, NOW)
        expected = EXACT.get((status, name), BY_STATUS.get(status, FailureClass.UNAVAILABLE))
        assert (found.cls if isinstance(found, Failure) else found) == expected, status
        assert CANARY not in repr(found)


@pytest.mark.parametrize("name", BODIES)
def test_absence_needs_the_deleted_lists_own_not_found(name: str) -> None:
    """D12: every other answer there leaves the secret unproven, in whatever class."""
    for status in range(200, 600):
        found = deleted(Answer(status, {}, BODIES[name]), ASKED, NOW)
        assert (found.cls is FailureClass.ABSENT) == ((status, name) == (404, "not found")), status
        assert CANARY not in repr(found)
        if status == 403:
            assert (found.cls, found.reason) == (FailureClass.UNUSABLE, "absence-unproven")


@pytest.mark.parametrize("status", range(201, 300))
def test_a_success_that_is_not_200_is_no_value(status: int) -> None:
    found = read(Answer(status, {}, _bundle()), ASKED, NOW)
    assert isinstance(found, Failure)
    assert found.cls is FailureClass.MALFORMED


def test_a_deleted_secret_is_recoverable_by_its_own_id_alone() -> None:
    body = _bundle(id=f"{VAULT}/secrets/DB/{VERSION}", recoveryId=f"{VAULT}/deletedsecrets/DB")
    found = deleted(Answer(200, {}, body), PINNED, NOW)
    assert (found.cls, found.reason) == (FailureClass.UNUSABLE, "soft-deleted")
    stranger = deleted(Answer(200, {}, _bundle(id=f"{VAULT}/secrets/other/{VERSION}")), ASKED, NOW)
    assert (stranger.cls, stranger.reason) == (FailureClass.MALFORMED, "answer-for-another-secret")


@pytest.mark.parametrize("asked", [ASKED, PINNED])
def test_a_value(asked: Asked) -> None:
    found = read(Answer(200, {}, _bundle(value="ä\x00\n")), asked, NOW)
    assert isinstance(found, Fetched)
    assert (found.value.reveal(), found.version, found.created) == ("ä\x00\n".encode(), VERSION, 1_700_000_000.0)


def test_an_empty_value_is_the_mappings_to_judge() -> None:
    found = read(Answer(200, {}, _bundle(value="")), ASKED, NOW)
    assert isinstance(found, Fetched)
    assert found.value.is_empty()


@pytest.mark.parametrize(
    "identifier",
    [
        f"https://other.vault.azure.net/secrets/db/{VERSION}",
        f"{VAULT}:8443/secrets/db/{VERSION}",
        f"http://kv.vault.azure.net/secrets/db/{VERSION}",
        f"{VAULT}/secrets/other/{VERSION}",
        f"{VAULT}/keys/db/{VERSION}",
        f"{VAULT}/secrets/db/{VERSION[::-1]}",
        f"{VAULT}/secrets/db/{VERSION}/more",
        f"{VAULT}/secrets/db",
        f"{VAULT}.evil.example/secrets/db/{VERSION}",
        f"https://kv.vault.azure.net@evil.example/secrets/db/{VERSION}",
        "https://[/secrets",
        "",
    ],
)
def test_an_answer_for_another_secret_is_refused(identifier: str) -> None:
    """A15: vault, name and pinned version are compared."""
    found = read(Answer(200, {}, _bundle(id=identifier)), PINNED, NOW)
    assert isinstance(found, Failure)
    assert (found.cls, found.reason) == (FailureClass.MALFORMED, "answer-for-another-secret")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{", b"<html>", b'{"value": "x"}', _bundle()[:-10]),
        *(_bundle(value=5), _bundle(id=None), _bundle(attributes="x")),
        *(_bundle().replace(CANARY.encode(), b"\xff"), _bundle().replace(b"canary", b"\\ud800")),
    ],
)
def test_a_wrong_body_is_malformed(body: bytes) -> None:
    found = read(Answer(200, {}, body), ASKED, NOW)
    assert isinstance(found, Failure)
    assert (found.cls, found.reason) == (FailureClass.MALFORMED, "answer-malformed")


@pytest.mark.parametrize("body", [_bundle(value=None), _bundle().replace(b'"value"', b'"valuf"')])
def test_no_value_is_malformed(body: bytes) -> None:
    found = read(Answer(200, {}, body), ASKED, NOW)
    assert isinstance(found, Failure)
    assert (found.cls, found.reason) == (FailureClass.MALFORMED, "value-missing")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"exp": int(NOW)}, "expired"),
        ({"exp": int(NOW) + 1}, ""),
        ({"nbf": int(NOW) + 1}, "not-yet-valid"),
        ({"nbf": int(NOW)}, ""),
        ({"nbf": int(NOW) - 9, "exp": int(NOW) - 1}, "expired"),
        ({"enabled": False}, "disabled"),
        ({}, ""),
    ],
)
def test_the_window_of_a_secret_is_kept(attributes: dict[str, object], reason: str) -> None:
    """D11: served outside its window by the vault, refused here."""
    found = read(Answer(200, {}, _bundle(attributes=attributes)), ASKED, NOW)
    if reason:
        assert isinstance(found, Failure)
        assert (found.cls, found.reason, found.transient) == (FailureClass.UNUSABLE, reason, False)
    else:
        assert isinstance(found, Fetched)


def test_codes() -> None:
    assert codes(_error("Forbidden", "SecretDisabled")) == ("Forbidden", "SecretDisabled")
    assert codes(_error("Forbidden", "X", spelling="innerError")) == ("Forbidden", "X")
    assert codes(b'{"error": {"innererror": null}}') == ("", "")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("17", 17.0),
        ("0", 0.0),
        ("2.5", 2.5),
        (" 3 ", 3.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:59:00 GMT", -60.0),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_retry_after(said: str, seconds: float | None) -> None:
    """C8: numbers and dates as they are, nothing else; the gateway clamps."""
    assert retry_after({"retry-after": said}, NOW) == seconds
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_wait_is_passed_on(status: int) -> None:
    found = read(Answer(status, {"retry-after": "17"}, b""), ASKED, NOW)
    assert isinstance(found, Failure)
    assert found.retry_after == 17.0


def test_a_wrong_clock_is_named() -> None:
    """B14: on a refused token and on a refused login, the Date header decides."""
    ahead, agreed = {"date": "Fri, 15 Jan 2027 09:00:00 GMT"}, {"date": "Fri, 15 Jan 2027 08:04:00 GMT"}
    assert clock_skew(ahead, NOW) == 3600.0
    assert clock_skew(agreed, NOW) is None
    assert clock_skew({"date": "yesterday"}, NOW) is None
    for headers, reasons in ((ahead, ("clock-skew", "clock-skew")), (agreed, ("token-refused", "login-refused"))):
        token = read(Answer(401, headers, b""), ASKED, NOW)
        login = failed(WHO, VAULT, Answer(400, headers, b"{}"), None, NOW)
        assert isinstance(token, Failure)
        assert (token.reason, login.reason) == reasons
        assert token.cls is login.cls is FailureClass.DENIED
        assert token.stale_credential


@pytest.mark.parametrize(
    "body", [b'{"error": "invalid_client", "error_codes": [7000215]}', b'{"statusCode": 401}', b'{"error_codes": "x"}']
)
def test_a_login_is_refused_by_a_json_answer_with_a_refusals_status(body: bytes) -> None:
    for status in range(200, 600):
        found = failed(WHO, "https://login.example", Answer(status, {}, body), None, NOW)
        expected = {400: "login-refused", 401: "login-refused", 403: "login-refused", 429: "login-throttled"}
        assert found.reason == expected.get(status, "login-failed")
        assert found.cls is not FailureClass.ABSENT
        assert found.scope == "store"
        assert "login clientSecret of client app-1" in found.message
        assert ("AADSTS7000215" in found.message) == (b"7000215" in body and found.reason == "login-refused")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"[" * 100_000])
def test_a_login_page_of_a_proxy_is_no_refusal(body: bytes) -> None:
    assert failed(WHO, "x", Answer(403, {}, body), None, NOW).cls is FailureClass.UNAVAILABLE


def test_a_login_without_an_answer() -> None:
    lost = failed(WHO, "https://login.example", None, TransportError("name-not-resolved"), NOW)
    assert (lost.cls, lost.reason, lost.scope) == (FailureClass.UNAVAILABLE, "name-not-resolved", "store")
    odd = failed(WHO, "https://login.example", None, TransportError("answer-too-large", malformed=True), NOW)
    assert odd.cls is FailureClass.UNAVAILABLE
    unasked = failed(Who("default", ""), "", None, None, NOW)
    assert (unasked.cls, unasked.reason) == (FailureClass.DENIED, "login-unavailable")
