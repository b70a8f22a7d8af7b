"""What the target does when the API server, or something in its place, answers badly, late or not at all."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, Missing, ReadFailure, WriteFailure, Written
from syncd.model.store import Timeouts
from syncd.redact import SecretValue
from syncd.target.kube_answer import retry_after_seconds
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube_use import Granted, desired, look
from tests.servers.kube_wire import Say, Wire, secret, serve, status

PERMIT = Granted()
KEY = SecretKey("default", "ns", "app")
CANARY = "canary-51ab-value"
B64 = base64.b64encode(b"v").decode()


class Time:
    """A clock that only waiting moves."""

    now = 1000.0

    def __init__(self) -> None:
        """Start with no wait."""
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serve() as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def target(wire: Wire, time: Time, tmp_path: Path) -> Iterator[KubernetesTarget]:
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    api = Api(cluster, clock=time.clock, wait=time.wait, jitter=lambda: 1.0)
    opened = KubernetesTarget(api)
    yield opened
    opened.close()


def live(data: bytes = b"v", version: str = "1") -> LiveSecret:
    return LiveSecret(KEY, "u1", version, "Opaque", {"k": SecretValue(data)}, {}, {})


def stored(data: bytes = b"v", version: str = "1", uid: str = "u1") -> Say:
    return Say(200, secret("ns", "app", {"k": base64.b64encode(data).decode()}, version=version, uid=uid))


def metadata(version: str) -> Say:
    return Say(200, secret("ns", "app", {}, version=version))


NOT_FOUND = status(404, "NotFound")


# Reads


@pytest.mark.parametrize(
    ("answer", "cls", "reason"),
    [
        (Say(404, b"<html>not here</html>"), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (Say(404, {}), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (status(404, "NotFound", name="other"), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (status(404, "NotFound", kind="pods"), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (status(404, ""), FailureClass.DENIED, "refused"),
        (status(403, "Forbidden", message=CANARY), FailureClass.DENIED, "permission-denied"),
        (Say(403, b"blocked by the proxy"), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (Say(401, {}), FailureClass.DENIED, "not-authenticated"),
        (Say(302, b"", {"Location": "https://elsewhere.example"}), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (Say(200, b"<html>log in</html>"), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, {}), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, secret("ns", "other", {})), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, secret("other", "app", {})), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, secret("ns", "app", {"k": "not base64!"})), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, b"[" * 100_000), FailureClass.MALFORMED, "answer-malformed"),
        (Say(200, b"x" * (5 * 1024 * 1024)), FailureClass.MALFORMED, "answer-too-large"),
        (Say(500, {}), FailureClass.UNAVAILABLE, "api-server-error"),
        (Say(429, {}), FailureClass.THROTTLED, "throttled"),
        (Say(418, {}), FailureClass.UNAVAILABLE, "not-the-api-server"),
        (Say(0, cut=True), FailureClass.UNAVAILABLE, "connection-lost"),
    ],
)
def test_only_the_api_servers_own_words_make_a_secret_missing(
    wire: Wire, target: KubernetesTarget, answer: Say, cls: FailureClass, reason: str
) -> None:
    wire.otherwise = lambda _heard: answer
    found = look(target, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (cls, reason)
    assert found.message.startswith("ns/app: ")
    assert CANARY not in found.message


def test_the_api_servers_not_found_is_missing(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda _heard: NOT_FOUND
    assert look(target, KEY) == Missing(KEY)
    assert len(wire.heard) == 1


@pytest.mark.parametrize("failure", [Say(500), Say(503), Say(504), Say(429), Say(0, cut=True)])
def test_a_read_is_tried_again_after_a_pause(wire: Wire, target: KubernetesTarget, time: Time, failure: Say) -> None:
    wire.answers.extend([failure, failure, stored()])
    assert isinstance(look(target, KEY), LiveSecret)
    assert time.waits == pytest.approx([1.0, 2.0])


def test_a_read_is_given_up_after_three_tries(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda _heard: Say(503)
    assert isinstance(look(target, KEY), ReadFailure)
    assert len(wire.heard) == 3


@pytest.mark.parametrize(
    ("said", "waited"), [("7", [7.0]), ("0", [1.0]), ("-5", [1.0]), ("soon", [1.0]), ("99999", []), ("9" * 400, [1.0])]
)
def test_retry_after_is_held_between_a_second_and_the_deadline(
    wire: Wire, target: KubernetesTarget, time: Time, said: str, waited: list[float]
) -> None:
    wire.answers.extend([Say(429, {}, {"Retry-After": said}), stored()])
    found = look(target, KEY)
    assert time.waits == pytest.approx(waited)
    assert isinstance(found, LiveSecret if waited else ReadFailure)


def test_a_throttled_server_is_left_alone_by_every_call(wire: Wire, target: KubernetesTarget, time: Time) -> None:
    wire.answers.append(Say(429, {}, {"Retry-After": "5"}))
    wire.otherwise = lambda _heard: stored()
    look(target, KEY)
    assert time.now == pytest.approx(1005.0)


def test_a_dripping_answer_ends_at_the_total_time_limit(wire: Wire, tmp_path: Path) -> None:
    wire.otherwise = lambda _heard: Say(200, b"x" * 1000, drip=0.02)
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    api = Api(cluster, timeouts=Timeouts(total=0.1), wait=lambda _seconds: None)
    found = look(KubernetesTarget(api), KEY)
    api.close()
    assert isinstance(found, ReadFailure)
    assert found.reason == "timeout"


def test_a_closed_target_connects_again(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda _heard: stored()
    assert isinstance(look(target, KEY), LiveSecret)
    target.close()
    target.close()
    assert isinstance(look(target, KEY), LiveSecret)


def test_an_api_server_behind_a_gateways_path_is_asked_there(wire: Wire, tmp_path: Path) -> None:
    wire.otherwise = lambda _heard: stored()
    wire.url += "/k8s/clusters/c-1/"
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    opened = KubernetesTarget(Api(cluster))
    assert isinstance(look(opened, KEY), LiveSecret)
    assert wire.heard[0].path == "/k8s/clusters/c-1/api/v1/namespaces/ns/secrets/app"
    opened.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Say(0, cut=True), "broke off: look at its log and at the network (connection-lost)"),
        (Say(200, b"x" * (5 * 1024 * 1024)), "answered with more than any Secret holds: is that its address?"),
    ],
)
def test_a_lost_answer_names_the_server_and_what_to_look_at(
    wire: Wire, target: KubernetesTarget, answer: Say, said: str
) -> None:
    wire.otherwise = lambda _heard: answer
    found = look(target, KEY)
    assert isinstance(found, ReadFailure)
    assert found.message.startswith(f"ns/app: the API server {wire.url} {said}")


def test_nobody_at_the_address_is_said_so(wire: Wire, time: Time, tmp_path: Path) -> None:
    wire.url = "http://127.0.0.1:9"
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    opened = KubernetesTarget(Api(cluster, clock=time.clock, wait=time.wait, jitter=lambda: 1.0))
    found = look(opened, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.UNAVAILABLE, "connection-refused")
    said = "the API server http://127.0.0.1:9 cannot be reached (connection-refused): does it run, and is that its"
    assert found.message == f"ns/app: {said} address?"
    others = [KEY._replace(name=name) for name in ("b", "c")]
    assert {live.message for live in opened.read(others) if isinstance(live, ReadFailure)} == {
        f"ns/b: {said} address?",
        f"ns/c: {said} address?",
    }
    outcome = opened.create(desired("ns", "app", {}), PERMIT)
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("unavailable", "connection-refused")


# Writes whose outcome is not known (R5)

LOST = [Say(500), Say(504), Say(0, cut=True), Say(200, b"<html>")]


@pytest.mark.parametrize("lost", LOST)
def test_a_create_that_did_happen_is_written(wire: Wire, target: KubernetesTarget, lost: Say) -> None:
    wire.answers.extend([lost, stored(version="7")])
    outcome = target.create(desired("ns", "app", {"k": b"v"}), PERMIT)
    assert outcome == Written(KEY, "u1", "7")
    assert [heard.method for heard in wire.heard] == ["POST", "GET"]


@pytest.mark.parametrize("lost", LOST)
def test_a_create_that_did_not_happen_is_sent_once_more(wire: Wire, target: KubernetesTarget, lost: Say) -> None:
    wire.answers.extend([lost, NOT_FOUND, Say(201, secret("ns", "app", {}, version="8"))])
    assert target.create(desired("ns", "app", {"k": b"v"}), PERMIT) == Written(KEY, "u1", "8")
    assert [heard.method for heard in wire.heard] == ["POST", "GET", "POST"]


def test_a_create_beside_somebody_elses_is_exists(wire: Wire, target: KubernetesTarget) -> None:
    wire.answers.extend([Say(500), stored(b"theirs")])
    outcome = target.create(desired("ns", "app", {"k": b"v"}), PERMIT)
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "exists"


def test_a_write_that_never_succeeds_is_sent_twice_and_no_more(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda heard: NOT_FOUND if heard.method == "GET" else Say(500)
    outcome = target.create(desired("ns", "app", {"k": b"v"}), PERMIT)
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("unavailable", "api-server-error")
    assert [heard.method for heard in wire.heard] == ["POST", "GET"] * 2


def test_a_write_that_cannot_be_read_back_is_unavailable(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda _heard: Say(500)
    outcome = target.update(live(), desired("ns", "app", {"k": b"w"}), PERMIT)
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "unavailable"
    assert len([heard for heard in wire.heard if heard.method == "PATCH"]) == 1


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (stored(b"w", "2"), Written(KEY, "u1", "2")),
        (stored(b"theirs", "2"), "conflict"),
        (stored(b"w", "2", uid="u2"), "conflict"),
        (NOT_FOUND, "gone"),
    ],
)
def test_an_update_without_an_answer_is_judged_by_what_is_there(
    wire: Wire, target: KubernetesTarget, there: Say, expected: Written | str
) -> None:
    wire.answers.extend([Say(0, cut=True), there])
    outcome = target.update(live(), desired("ns", "app", {"k": b"w"}), PERMIT)
    assert (outcome.kind if isinstance(outcome, WriteFailure) else outcome) == expected


def test_an_update_that_did_not_happen_is_sent_once_more(wire: Wire, target: KubernetesTarget) -> None:
    wire.answers.extend([Say(0, cut=True), stored(), metadata("3")])
    assert target.update(live(), desired("ns", "app", {"k": b"w"}), PERMIT) == Written(KEY, "u1", "3")


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (NOT_FOUND, Written(KEY, "u1", "1")),
        (stored(uid="u2"), Written(KEY, "u1", "1")),
        (stored(version="2"), "conflict"),
    ],
)
def test_a_delete_without_an_answer_is_judged_by_what_is_there(
    wire: Wire, target: KubernetesTarget, there: Say, expected: Written | str
) -> None:
    wire.answers.extend([Say(500), there])
    outcome = target.delete(live(), PERMIT)
    assert (outcome.kind if isinstance(outcome, WriteFailure) else outcome) == expected


def test_a_throttled_write_waits_and_is_sent_again_with_a_permit_asked_anew(
    wire: Wire, target: KubernetesTarget, time: Time
) -> None:
    class TwoAsked:
        asked = 0

        def granted(self) -> bool:
            self.asked += 1
            return self.asked < 2

    permit = TwoAsked()
    wire.answers.append(Say(429, {}, {"Retry-After": "3"}))
    outcome = target.create(desired("ns", "app", {}), permit)
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "stopped"
    assert time.now == pytest.approx(1003.0)
    assert len(wire.heard) == 1


# What goes over the wire


def test_every_write_names_its_preconditions_and_the_field_manager(wire: Wire, target: KubernetesTarget) -> None:
    wire.answers.extend([metadata("2"), Say(200, {})])
    target.update(live(version="1"), desired("ns", "app", {"n": b"w"}), PERMIT)
    target.delete(live(version="2"), PERMIT)

    patch, delete = wire.heard
    assert patch.path == "/api/v1/namespaces/ns/secrets/app?fieldManager=syncd"
    assert patch.headers["Content-Type"] == "application/merge-patch+json"
    assert json.loads(patch.body) == {
        "metadata": {"uid": "u1", "resourceVersion": "1"},
        "data": {"k": None, "n": base64.b64encode(b"w").decode()},
    }
    assert json.loads(delete.body)["preconditions"] == {"uid": "u1", "resourceVersion": "2"}


def test_a_create_carries_no_owner_and_asks_for_no_values_back(wire: Wire, target: KubernetesTarget) -> None:
    wire.answers.append(Say(201, secret("ns", "app", {})))
    target.create(desired("ns", "app", {"k": b"v"}, labels={"a": "b"}), PERMIT)
    (heard,) = wire.heard
    assert heard.path == "/api/v1/namespaces/ns/secrets?fieldManager=syncd"
    assert "PartialObjectMetadata" in heard.headers["Accept"]
    assert json.loads(heard.body) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "app", "namespace": "ns", "labels": {"a": "b"}},
        "type": "Opaque",
        "data": {"k": B64},
    }


@pytest.mark.parametrize(
    ("field", "reason", "said"),
    [
        ("data[tls.key]", "FieldValueRequired", "data[tls.key] (FieldValueRequired)"),
        (CANARY + " ", "FieldValueInvalid", "unnamed (FieldValueInvalid)"),
        ("data", CANARY, "data (unnamed)"),
    ],
)
def test_a_rejection_names_only_what_looks_like_a_field_and_a_reason(
    wire: Wire, target: KubernetesTarget, field: str, reason: str, said: str
) -> None:
    causes = [{"field": field, "reason": reason, "message": CANARY}]
    wire.answers.append(status(422, "Invalid", message=CANARY, causes=causes))
    outcome = target.create(desired("ns", "app", {"k": CANARY.encode()}), PERMIT)
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "invalid"
    assert said in outcome.message
    assert CANARY not in outcome.message


@pytest.mark.parametrize(
    "answer",
    [
        status(400, "BadRequest", message=CANARY),
        status(403, "Forbidden", message=f'admission webhook "x" denied the request: {CANARY}'),
        Say(413, {}),
        Say(200, CANARY.encode()),
        Say(500, CANARY.encode()),
    ],
)
def test_no_answer_is_ever_quoted(
    wire: Wire, target: KubernetesTarget, answer: Say, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wire.otherwise = lambda _heard: answer
    outcomes = [target.create(desired("ns", "app", {"k": CANARY.encode()}), PERMIT), look(target, KEY)]
    assert CANARY not in repr(outcomes) + caplog.text


# Credentials


def rotating(tokens: dict[str, Say]) -> Callable[..., Say]:
    """Answer by the token that a request carries."""

    def answer(heard: object) -> Say:
        headers: dict[str, str] = getattr(heard, "headers", {})
        return tokens.get(headers.get("Authorization", headers.get("authorization", "")), Say(401, {}))

    return answer


def pod(wire: Wire, folder: Path, token: str) -> KubernetesTarget:
    """Give the target of a Pod whose files are in `folder`. Its API server speaks plain HTTP here."""
    (folder / "token").write_text(token)
    user = wire.kubeconfig(folder, tokenFile=str(folder / "token"))
    return KubernetesTarget(Api(resolve(kubeconfig=user, context=None, environment={})))


def test_a_rotated_token_is_read_anew_after_a_401(wire: Wire, tmp_path: Path) -> None:
    wire.otherwise = rotating({"Bearer second": stored()})
    opened = pod(wire, tmp_path, "first\n")
    failed = look(opened, KEY)
    assert isinstance(failed, ReadFailure)
    assert (failed.cls, failed.reason) == (FailureClass.DENIED, "not-authenticated")
    assert len(wire.heard) == 2, "asked once, and once more after reading the token again"

    (tmp_path / "token").write_text("second\n")
    assert isinstance(look(opened, KEY), LiveSecret)
    opened.close()


def test_a_token_that_cannot_be_read_is_said_without_quoting_it(wire: Wire, tmp_path: Path) -> None:
    opened = pod(wire, tmp_path, "first")
    (tmp_path / "token").unlink()
    found = look(opened, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.DENIED, "credential-unusable")
    assert wire.heard == []


def test_a_login_program_is_run_for_a_token(wire: Wire, tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-program"},
    }
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    program.chmod(0o700)
    user = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    wire.otherwise = rotating({"Bearer from-program": stored()})
    config = wire.kubeconfig(tmp_path, exec=user)
    opened = KubernetesTarget(Api(resolve(kubeconfig=config, context=None, environment=os.environ)))
    assert isinstance(look(opened, KEY), LiveSecret)
    opened.close()


def test_a_login_program_that_fails_is_a_failure_and_its_output_is_not_logged(
    wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\necho {CANARY} >&2\necho {CANARY}\nexit 1\n")
    program.chmod(0o700)
    user = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    config = wire.kubeconfig(tmp_path, exec=user)
    opened = KubernetesTarget(Api(resolve(kubeconfig=config, context=None, environment=os.environ)))
    found = look(opened, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.DENIED, "login-program-failed")
    assert wire.heard == [], "never anonymous"
    assert CANARY not in found.message + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("7", 7.0), ("0", 1.0), ("-5", 1.0), ("soon", 1.0), ("99999", 600.0), ("9" * 400, 1.0), ("٣", 1.0)],
)
def test_retry_after_is_read_as_one_second_to_ten_minutes(said: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(said) == seconds
