"""Writes to an API server that fails: what was done is found out, and what goes over the wire is fixed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.model.secret import WriteFailure, Written
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube_use import desired, look
from tests.servers.kube_wire import Say, Wire, secret, serve, status
from tests.unit.kube_makers import CANARY, KEY, NOT_FOUND, PERMIT, Time, live, metadata, stored


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
        "data": {"k": base64.b64encode(b"v").decode()},
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
