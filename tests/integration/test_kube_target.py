"""Secrets in a real cluster: what goes in comes out, and every write carries its precondition."""

import dataclasses
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd import __version__
from syncd.model.mapping import SecretKey
from syncd.model.secret import LiveSecret, Missing, WriteFailure, Written
from syncd.redact import SecretValue
from syncd.target.kubernetes import KubernetesReader, KubernetesTarget
from tests.servers.kube import Kube
from tests.servers.kube_use import desired, look, target

if TYPE_CHECKING:
    from syncd.target.seam import Target, TargetReader
from tests.integration.kube_writes import CANARY, PERMIT, failure, live, made

pytestmark = pytest.mark.kube


@pytest.fixture
def cluster(kube: Kube) -> Iterator[KubernetesTarget]:
    with target(kube) as opened:
        yield opened


@pytest.fixture
def namespace(kube: Kube) -> str:
    return kube.namespace()


def test_what_is_created_is_read_back_whole(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    wanted = desired(
        namespace,
        "web-tls",
        {"tls.crt": b"\x00\xff\xfe\n", "tls.key": b"", "text": "Grüße\n".encode()},
        kind="kubernetes.io/tls",
        labels={"env": "production"},
        annotations={"syncd.dev/mapping": "/web-tls"},
    )
    written = cluster.create(wanted, PERMIT)

    found = live(cluster, wanted.key)
    assert isinstance(written, Written)
    assert (found.uid, found.resource_version) == (written.uid, written.resource_version)
    assert (found.type, found.labels, found.annotations) == (wanted.type, wanted.labels, wanted.annotations)
    assert found.data == wanted.data
    assert found.managers == ("syncd",)
    assert kube.data(namespace, "web-tls") == {"tls.crt": b"\x00\xff\xfe\n", "tls.key": b"", "text": "Grüße\n".encode()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.binary(max_size=2000), after=st.binary(max_size=2000))
def test_any_bytes_survive_create_and_update(
    cluster: KubernetesTarget, kube: Kube, namespace: str, before: bytes, after: bytes
) -> None:
    name = f"b-{os.urandom(6).hex()}"
    found = made(cluster, namespace, name, k=before)
    assert found.data["k"].reveal() == before
    assert isinstance(cluster.update(found, desired(namespace, name, {"k": after}), PERMIT), Written)
    assert kube.data(namespace, name) == {"k": after}


def test_a_full_mebibyte_fits_and_more_is_said_to_be_too_long(
    cluster: KubernetesTarget, kube: Kube, namespace: str
) -> None:
    full = os.urandom(1024 * 1024)
    assert made(cluster, namespace, "full", k=full).data["k"].reveal() == full
    outcome = cluster.create(desired(namespace, "over", {"k": full + b"x"}), PERMIT)
    assert failure(outcome) == ("invalid", "rejected")
    assert isinstance(outcome, WriteFailure)
    assert "data (FieldValueTooLong)" in outcome.message
    assert failure(cluster.create(desired(namespace, "far", {"k": full * 3}), PERMIT)) == ("invalid", "too-large")
    assert kube.secret(namespace, "far") is None


def test_reading_goes_by_name_and_side_by_side(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    for number in range(5):
        made(cluster, namespace, f"s{number}")
    mark = kube.mark()
    found = list(cluster.read([SecretKey("default", namespace, f"s{number}") for number in range(40)]))

    assert sorted(one.key.name for one in found if isinstance(one, LiveSecret)) == [f"s{n}" for n in range(5)]
    assert len([one for one in found if isinstance(one, Missing)]) == 35
    asked = kube.audit(mark, namespace=namespace)
    assert {entry.verb for entry in asked} == {"get"}
    assert len(asked) == 40
    assert {entry.user_agent for entry in asked} == {f"syncd/{__version__}"}


def test_an_update_changes_what_differs_and_removes_what_is_gone(
    cluster: KubernetesTarget, kube: Kube, namespace: str
) -> None:
    kube.put_secret(
        namespace,
        "app",
        {"keep": b"1", "change": b"2", "go": b"3"},
        labels={"keep": "a", "go": "b"},
        annotations={"keep": "c", "go": "d"},
    )
    found = live(cluster, SecretKey("default", namespace, "app"))
    wanted = desired(
        namespace,
        "app",
        {"keep": b"1", "change": b"22", "new": b"4"},
        labels={"keep": "a", "new": "e"},
        annotations={"keep": "cc"},
    )
    written = cluster.update(found, wanted, PERMIT)

    now = live(cluster, wanted.key)
    assert isinstance(written, Written)
    assert written.resource_version == now.resource_version
    assert (now.data, now.labels, now.annotations) == (wanted.data, wanted.labels, wanted.annotations)
    assert now.uid == found.uid


def test_an_update_that_changes_nothing_leaves_the_object_alone(cluster: KubernetesTarget, namespace: str) -> None:
    found = made(cluster, namespace)
    written = cluster.update(found, desired(namespace, "app", {"k": b"v"}), PERMIT)
    assert isinstance(written, Written)
    assert written.resource_version == found.resource_version


def test_an_update_may_switch_immutable_on_and_then_nothing_changes_any_more(
    cluster: KubernetesTarget, kube: Kube, namespace: str
) -> None:
    found = made(cluster, namespace)
    assert isinstance(cluster.update(found, desired(namespace, "app", {"k": b"v"}, immutable=True), PERMIT), Written)
    frozen = live(cluster, found.key)
    assert frozen.immutable
    for wanted in (desired(namespace, "app", {"k": b"w"}, immutable=True), desired(namespace, "app", {"k": b"v"})):
        assert failure(cluster.update(frozen, wanted, PERMIT)) == ("invalid", "immutable")
    relabelled = desired(namespace, "app", {"k": b"v"}, immutable=True, labels={"a": "b"})
    assert isinstance(cluster.update(frozen, relabelled, PERMIT), Written)
    assert kube.data(namespace, "app") == {"k": b"v"}


def test_a_type_is_never_changed_by_an_update(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    found = made(cluster, namespace)
    mark = kube.mark()
    wanted = desired(namespace, "app", {"k": b"v"}, kind="example.com/other")
    assert failure(cluster.update(found, wanted, PERMIT)) == ("invalid", "type-immutable")
    assert kube.audit(mark, namespace=namespace) == []


# Preconditions, I-PREC and I10


def test_a_create_never_overwrites(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    kube.put_secret(namespace, "app", {"k": b"theirs"})
    outcome = cluster.create(desired(namespace, "app", {"k": CANARY}), PERMIT)
    assert failure(outcome) == ("exists", "already-exists")
    assert kube.data(namespace, "app") == {"k": b"theirs"}


def test_an_update_on_an_old_state_is_a_conflict(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    found = made(cluster, namespace)
    kube.put_secret(namespace, "app", {"k": b"theirs"})
    assert failure(cluster.update(found, desired(namespace, "app", {"k": CANARY}), PERMIT)) == (
        "conflict",
        "changed-meanwhile",
    )
    assert kube.data(namespace, "app") == {"k": b"theirs"}


def test_an_update_or_delete_of_a_recreated_object_is_a_conflict(
    cluster: KubernetesTarget, kube: Kube, namespace: str
) -> None:
    found = made(cluster, namespace)
    kube.delete_secret(namespace, "app")
    again = live_again(cluster, kube, namespace)
    assert failure(cluster.update(found, desired(namespace, "app", {"k": b"x"}), PERMIT))[0] == "conflict"
    assert failure(cluster.delete(found, PERMIT))[0] == "conflict"
    # The new object's resourceVersion with the old one's UID, so that the UID alone has to stop it.
    mixed = dataclasses.replace(found, resource_version=again.resource_version)
    assert failure(cluster.update(mixed, desired(namespace, "app", {"k": b"x"}), PERMIT))[0] == "conflict"
    assert failure(cluster.delete(mixed, PERMIT))[0] == "conflict"
    assert kube.data(namespace, "app") == {"k": b"theirs"}


def live_again(cluster: KubernetesTarget, kube: Kube, namespace: str) -> LiveSecret:
    kube.put_secret(namespace, "app", {"k": b"theirs"})
    return live(cluster, SecretKey("default", namespace, "app"))


def test_a_delete_removes_the_object_that_was_judged_and_only_in_that_state(
    cluster: KubernetesTarget, kube: Kube, namespace: str
) -> None:
    old = made(cluster, namespace)
    kube.put_secret(namespace, "app", {"k": b"changed"})
    assert failure(cluster.delete(old, PERMIT)) == ("conflict", "changed-meanwhile")
    assert kube.data(namespace, "app") == {"k": b"changed"}

    assert isinstance(cluster.delete(live(cluster, old.key), PERMIT), Written)
    assert isinstance(look(cluster, old.key), Missing)
    assert failure(cluster.delete(old, PERMIT)) == ("gone", "not-found")
    assert failure(cluster.update(old, desired(namespace, "app", {"k": b"x"}), PERMIT)) == ("gone", "not-found")


def test_two_writers_of_one_object_never_lose_an_update(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    made(cluster, namespace, "count", n=b"0")
    key = SecretKey("default", namespace, "count")

    def add_ten() -> None:
        with target(kube) as own:
            for _ in range(10):
                while True:
                    found = live(own, key)
                    total = str(int(found.data["n"].reveal()) + 1).encode()
                    outcome = own.update(found, desired(namespace, "count", {"n": total}), PERMIT)
                    if isinstance(outcome, Written):
                        break
                    assert outcome.kind == "conflict", outcome

    threads = [threading.Thread(target=add_ten) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kube.data(namespace, "count") == {"n": b"30"}


def test_no_write_starts_without_a_permit(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    class Withdrawn:
        def granted(self) -> bool:
            return False

    found = made(cluster, namespace)
    mark = kube.mark()
    wanted = desired(namespace, "app", {"k": b"x"})
    outcomes = [
        cluster.create(desired(namespace, "other", {}), Withdrawn()),
        cluster.update(found, wanted, Withdrawn()),
        cluster.delete(found, Withdrawn()),
    ]
    assert [failure(outcome) for outcome in outcomes] == [("stopped", "stopped")] * 3
    assert kube.audit(mark, namespace=namespace) == []


# What cannot be shown


def test_a_reader_has_nothing_to_write_with(kube: Kube) -> None:
    with target(kube) as opened:
        reader: TargetReader = KubernetesReader(opened._reads)
        writer: Target = opened
        assert not {"create", "update", "delete"} & set(dir(reader))
        assert {"create", "update", "delete"} <= set(dir(writer))
        assert reader.describe() == "cluster syncd-test (context syncd-test)"


def test_owners_and_managers_are_told(cluster: KubernetesTarget, kube: Kube, namespace: str) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "chart", "uid": "0b6b6f0a-0000-4000-8000-000000000000"}
    kube.put_secret(namespace, "app", {"k": b"v"}, ownerReferences=[owner])
    found = live(cluster, SecretKey("default", namespace, "app"))
    assert found.owners == ("ConfigMap/chart",)
    assert found.managers == ("test",)
    assert found.data == {"k": SecretValue(b"v")}
