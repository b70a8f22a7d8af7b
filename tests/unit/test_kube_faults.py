"""What the target does when the API server, or something in its place, answers badly, late or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, Missing, ReadFailure, WriteFailure
from syncd.model.store import Timeouts
from syncd.target.kube_answer import retry_after_seconds
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube_use import desired, look
from tests.servers.kube_wire import Say, Wire, secret, serve, status
from tests.unit.kube_makers import CANARY, KEY, NOT_FOUND, PERMIT, Time, stored


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


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("7", 7.0), ("0", 1.0), ("-5", 1.0), ("soon", 1.0), ("99999", 600.0), ("9" * 400, 1.0), ("٣", 1.0)],
)
def test_retry_after_is_read_as_one_second_to_ten_minutes(said: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(said) == seconds
