"""Section H of the catalogue: the Kubernetes API server."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import DesiredSecret, LiveSecret, ReadFailure, WriteFailure, Written
from syncd.redact import SecretValue
from syncd.target.kube_api import CONCURRENCY, Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from syncd.testing.memory_target import Granted
from tests.faults.memory_site import Site, secret, wants
from tests.servers.kube_use import desired, look
from tests.servers.kube_wire import Say, Wire, serve, status
from tests.servers.kube_wire import secret as as_the_api_gives_it
from tests.unit.daemon_rig import DaemonRig
from tests.unit.daemon_rig import key as rig_key
from tests.unit.daemon_rig import wants as rig_wants
from tests.unit.plan_makers import content, decide, mapping, written

KEY = secret("app")
CANARY = "canary-77aa-value"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serve() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """Give what the target would have waited for."""
    return []


@pytest.fixture
def target(wire: Wire, pauses: list[float], tmp_path: Path) -> Iterator[KubernetesTarget]:
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    opened = KubernetesTarget(Api(cluster, wait=pauses.append, jitter=lambda: 1.0))
    yield opened
    opened.close()


def stored(version: str = "1", value: bytes = b"v") -> Say:
    return Say(200, as_the_api_gives_it("team", "app", {"k": base64.b64encode(value).decode()}, version=version))


# H3, H4, H5, H13: what a person has to mend


def trouble(rig: DaemonRig, kind: str) -> None:
    match kind:
        case "terminating":
            rig.cluster.terminating.add("team")
        case "quota":
            rig.cluster.quota = 0
        case "missing":
            rig.cluster.namespaces = {"elsewhere"}


@pytest.mark.parametrize("kind", ["terminating", "quota", "missing"])
def test_a_namespace_that_takes_nothing_is_asked_once_an_interval_and_told_once(kind: str) -> None:
    names = [f"s{number}" for number in range(5)]
    other = replace(
        rig_wants("other", RemoteRef("memory", "other")), key=rig_key("other")._replace(namespace="elsewhere")
    )
    rig = DaemonRig(*(rig_wants(name, RemoteRef("memory", name)) for name in names), other)
    trouble(rig, kind)
    rig.start()
    rig.run(600)
    assert [key.name for key in rig.cluster.secrets] == ([] if kind == "quota" else ["other"])
    creates = [asked.key.name for _, asked in rig.calls if asked.verb == "create" and asked.key.namespace == "team"]
    # Ten intervals of a minute; each is shorter by its jitter.
    assert {creates.count(name) for name in names} <= {10, 11, 12}
    told = sorted(str(fields["name"]) for fields in rig.log.of("secret-failed"))
    assert told == (["other", *names] if kind == "quota" else names)

    rig.cluster.terminating, rig.cluster.quota, rig.cluster.namespaces = set(), None, None
    rig.run(70)
    assert sorted(key.name for key in rig.cluster.secrets) == ["other", *names]
    rig.stop()


# H9


def test_what_is_too_large_for_the_api_server_is_a_matter_of_the_configuration(
    wire: Wire, target: KubernetesTarget
) -> None:
    wire.otherwise = lambda _heard: Say(413, {})
    outcome = target.create(desired("team", "app", {"k": b"v"}), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("invalid", "too-large")
    assert len(wire.heard) == 1


def test_more_than_the_api_server_takes_at_once_is_not_sent_at_all(wire: Wire, target: KubernetesTarget) -> None:
    """It would hang up in the middle, which looks like a network in trouble."""
    wire.otherwise = lambda _heard: Say(201, as_the_api_gives_it("team", "app", {}))
    most = 3 * 1024 * 1024 * 3 // 4 - 300  # in base64, with room for the rest of the body
    assert isinstance(target.create(desired("team", "app", {"k": b"x" * most}), Granted()), Written)
    outcome = target.create(desired("team", "app", {"k": b"x" * (most + 300)}), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("invalid", "too-large")
    assert len(wire.heard) == 1


# H13


def test_a_webhook_that_says_no_is_told_apart_from_a_missing_right(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda _heard: status(
        403, "Forbidden", message=f'admission webhook "policy.example.com" denied the request: {CANARY}'
    )
    outcome = target.create(desired("team", "app", {"k": b"v"}), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("denied", "admission-denied")
    assert CANARY not in outcome.message
    assert len(wire.heard) == 1


def test_a_webhook_that_says_no_is_asked_once_an_interval() -> None:
    rig = DaemonRig(rig_wants("app", RemoteRef("memory", "app")))
    refused = WriteFailure(rig_key("app"), "denied", "admission-denied", "team/app: a webhook does not let it in")
    note = rig.cluster.answer

    def answer(asked: object) -> WriteFailure | ReadFailure | None:
        note(asked)  # type: ignore[arg-type]
        return refused if getattr(asked, "verb", "") == "create" else None

    rig.cluster.answer = answer
    rig.start()
    rig.run(600)
    assert len([asked for _, asked in rig.calls if asked.verb == "create"]) in range(10, 13)
    assert len(rig.log.of("secret-failed")) == 1
    rig.stop()


def changed_labels(wanted: DesiredSecret) -> DesiredSecret:
    return replace(wanted, labels={**wanted.labels, "env": "from-a-webhook"})


def changed_data(wanted: DesiredSecret) -> DesiredSecret:
    return replace(wanted, data={**wanted.data, "value": SecretValue(b"from-a-webhook")})


@pytest.mark.parametrize("admit", [changed_labels, changed_data])
def test_a_webhook_that_changes_what_is_written_is_told_and_not_fought_over(admit: object) -> None:
    site = Site(wants("app", labels=(("env", "prod"),), interval=60.0))
    site.cluster.admit = admit  # type: ignore[assignment]
    site.store.put("app", b"ours")
    site.run(600)
    assert len(site.cluster.writes()) == 1
    (line,) = site.said("secret-conflict")
    assert (line["name"], line["reason"]) == ("app", "changed-by-admission")
    assert "webhook" in str(line["message"])

    # What the store gives anew is written; what somebody edits is put right, and both are judged again.
    site.store.put("app", b"new")
    site.cluster.admit = lambda wanted: wanted
    site.run(70)
    assert site.values("app") == {"value": b"new"}
    assert site.cluster.secrets[KEY].labels["env"] == "prod"


def test_what_a_webhook_adds_stays_and_is_no_difference() -> None:
    site = Site(wants("app", interval=60.0))
    site.cluster.admit = lambda wanted: replace(wanted, labels={**wanted.labels, "added": "x"})
    site.store.put("app", b"ours")
    site.run(300)
    assert len(site.cluster.writes()) == 1
    assert site.said("secret-conflict") == []
    assert site.cluster.secrets[KEY].labels["added"] == "x"


def test_an_edit_after_our_write_is_put_right_as_often_as_it_comes() -> None:
    site = Site(wants("app", interval=60.0))
    site.store.put("app", b"ours")
    site.run(10)
    for _ in range(3):
        live = site.cluster.secrets[KEY]
        edited = {"value": SecretValue(b"theirs")}
        site.cluster.put(DesiredSecret(KEY, live.type, edited, dict(live.labels), dict(live.annotations)))
        site.run(130)
        assert site.values("app") == {"value": b"ours"}
    assert site.said("secret-conflict") == []


# H16


def test_a_read_asks_for_the_newest_state_of_one_object_by_name(wire: Wire, target: KubernetesTarget) -> None:
    """A resourceVersion in the query would let an API server answer from its watch cache."""
    wire.otherwise = lambda _heard: stored()
    assert isinstance(look(target, KEY), LiveSecret)
    assert [(heard.method, heard.path) for heard in wire.heard] == [("GET", "/api/v1/namespaces/team/secrets/app")]


# H17


@given(st.sampled_from(["1", "7", "999999", "0", "abc", "41"]), st.sampled_from([b"s3cret", b"new"]))
def test_no_decision_depends_on_a_resource_version(version: str, value: bytes) -> None:
    built = content({"password": value.decode()}, version="8")
    as_it_was, restored = written(), written(resource_version=version)
    one, other = decide(mapping(), built, as_it_was), decide(mapping(), built, restored)
    assert (one.action, one.reason, one.desired) == (other.action, other.reason, other.desired)


def test_versions_that_go_back_are_sent_and_taken_as_they_are(wire: Wire, target: KubernetesTarget) -> None:
    wire.answers.extend([stored("900"), stored("12"), Say(200, as_the_api_gives_it("team", "app", {}, version="13"))])
    assert [getattr(look(target, KEY), "resource_version", "") for _ in range(2)] == ["900", "12"]
    live = LiveSecret(KEY, "u1", "12", "Opaque", {"k": SecretValue(b"v")}, {}, {})
    assert target.update(live, desired("team", "app", {"k": b"w"}), Granted()) == Written(KEY, "u1", "13")
    assert b'"resourceVersion":"12"' in wire.heard[-1].body


# H20


def test_an_api_server_that_restarts_is_not_met_by_every_read_at_once(
    wire: Wire, target: KubernetesTarget, pauses: list[float]
) -> None:
    wire.otherwise = lambda _heard: Say(503)
    keys = [secret(f"s{number}") for number in range(400)]
    found = list(target.read(keys))
    assert {live.key for live in found} == set(keys)
    assert all(isinstance(live, ReadFailure) and live.cls is FailureClass.UNAVAILABLE for live in found)
    # Those that were under way, with their tries; the rest is not asked for once one of them was given up.
    assert len(wire.heard) <= 3 * CONCURRENCY
    assert len(pauses) <= 2 * CONCURRENCY
    assert set(pauses) == {1.0, 2.0}

    wire.otherwise = lambda heard: Say(200, as_the_api_gives_it("team", heard.path.rpartition("/")[2], {}))
    assert all(isinstance(live, LiveSecret) for live in target.read(keys))


def test_an_error_about_one_object_keeps_no_other_from_being_read(wire: Wire, target: KubernetesTarget) -> None:
    wire.otherwise = lambda heard: (
        Say(500)
        if heard.path.endswith("/s0")
        else Say(200, as_the_api_gives_it("team", heard.path.rpartition("/")[2], {}))
    )
    found = list(target.read([secret(f"s{number}") for number in range(40)]))
    assert len([live for live in found if isinstance(live, LiveSecret)]) == 39
