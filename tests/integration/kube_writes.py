"""Writes to a real cluster and what came of them."""

from syncd.model.mapping import SecretKey
from syncd.model.secret import LiveSecret, WriteFailure, WriteOutcome, Written
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube_use import Granted, desired, look

PERMIT = Granted()
CANARY = b"canary-9f1c-value"


def made(cluster: KubernetesTarget, namespace: str, name: str = "app", **data: bytes) -> LiveSecret:
    """Create a Secret and read it."""
    wanted = desired(namespace, name, data or {"k": b"v"})
    assert isinstance(cluster.create(wanted, PERMIT), Written)
    return live(cluster, wanted.key)


def live(cluster: KubernetesTarget, key: SecretKey) -> LiveSecret:
    found = look(cluster, key)
    assert isinstance(found, LiveSecret), found
    return found


def failure(outcome: WriteOutcome) -> tuple[str, str]:
    assert isinstance(outcome, WriteFailure), outcome
    assert CANARY.decode() not in outcome.message
    return outcome.kind, outcome.reason
