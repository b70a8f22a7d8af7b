"""What a real API server refuses, and names that are never sent to one."""

import dataclasses
from collections.abc import Iterator

import pytest

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, Missing, ReadFailure, WriteFailure, Written
from syncd.target.kubernetes import KubernetesTarget
from tests.integration.kube_writes import CANARY, PERMIT, failure, live, made
from tests.servers.kube import Kube, Rule
from tests.servers.kube_use import desired, look, target

pytestmark = pytest.mark.kube


@pytest.fixture
def cluster(kube: Kube) -> Iterator[KubernetesTarget]:
    with target(kube) as opened:
        yield opened


@pytest.fixture
def namespace(kube: Kube) -> str:
    return kube.namespace()


# What the API server refuses


def test_without_the_right_only_that_namespace_is_denied(kube: Kube) -> None:
    mine, theirs = kube.namespace(), kube.namespace()
    user = kube.user("limited", Rule(("get", "create", "patch", "delete"), namespace=mine))
    kube.put_secret(theirs, "app", {"k": b"theirs"})
    with target(kube, user) as limited:
        assert isinstance(limited.create(desired(mine, "app", {"k": b"v"}), PERMIT), Written)
        found = look(limited, SecretKey("default", theirs, "app"))
        assert isinstance(found, ReadFailure)
        assert (found.cls, found.reason) == (FailureClass.DENIED, "permission-denied")
        assert theirs in found.message
        assert "get, create, patch and delete on secrets" in found.message
        assert failure(limited.create(desired(theirs, "new", {"k": CANARY}), PERMIT)) == ("denied", "permission-denied")
        own = live(limited, SecretKey("default", mine, "app"))
        foreign = dataclasses.replace(own, key=SecretKey("default", theirs, "app"))
        assert failure(limited.delete(foreign, PERMIT)) == ("denied", "permission-denied")


def test_a_used_up_quota_is_told_from_a_missing_right(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    kube.quota(namespace, secrets=0)
    outcome = cluster.create(desired(namespace, "app", {"k": CANARY}), PERMIT)
    assert failure(outcome) == ("quota", "quota-exceeded")


def test_a_missing_or_terminating_namespace_has_its_own_reason(cluster: KubernetesTarget, kube: Kube) -> None:
    nowhere = "t-nowhere"
    outcome = cluster.create(desired(nowhere, "app", {"k": CANARY}), PERMIT)
    assert failure(outcome) == ("gone", "namespace-missing")
    assert isinstance(outcome, WriteFailure)
    assert f"kubectl create namespace {nowhere}" in outcome.message
    assert isinstance(look(cluster, SecretKey("default", nowhere, "app")), Missing)

    ending = kube.namespace()
    found = made(cluster, ending)
    kube.terminate(ending)
    assert failure(cluster.create(desired(ending, "new", {"k": CANARY}), PERMIT)) == ("gone", "namespace-terminating")
    assert isinstance(live(cluster, found.key), LiveSecret)


def test_what_is_invalid_names_field_and_reason_and_no_value(cluster: KubernetesTarget, namespace: str) -> None:
    outcome = cluster.create(
        desired(namespace, "app", {"k": CANARY}, labels={"env": f"not valid {CANARY.decode()}"}), PERMIT
    )
    assert failure(outcome) == ("invalid", "rejected")
    assert isinstance(outcome, WriteFailure)
    assert "metadata.labels (FieldValueInvalid)" in outcome.message

    tls = cluster.create(desired(namespace, "tls", {"tls.crt": CANARY}, kind="kubernetes.io/tls"), PERMIT)
    assert isinstance(tls, WriteFailure)
    assert "data[tls.key] (FieldValueRequired)" in tls.message


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a%2fb", "UPPER", "a b", "a\n", "-a", "a" * 254, "ä"])
def test_a_name_that_could_lead_elsewhere_is_never_sent(
    cluster: KubernetesTarget, kube: Kube, namespace: str, name: str
) -> None:
    found = made(cluster, namespace)
    mark = kube.mark()
    key = SecretKey("default", namespace, name)
    assert failure(cluster.create(desired(namespace, name, {}), PERMIT)) == ("invalid", "name-unusable")
    assert failure(cluster.delete(dataclasses.replace(found, key=key), PERMIT)) == ("invalid", "name-unusable")
    elsewhere = SecretKey("default", name, "app")
    assert failure(cluster.delete(dataclasses.replace(found, key=elsewhere), PERMIT)) == ("invalid", "name-unusable")
    failed = look(cluster, key)
    assert isinstance(failed, ReadFailure)
    assert (failed.cls, failed.reason) == (FailureClass.CONFIG, "name-unusable")
    assert kube.audit(mark, namespace=namespace) == []
