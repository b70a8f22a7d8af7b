"""How a test speaks to the test cluster with syncd's own code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, Live
from syncd.redact import SecretValue
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube import Kube


class Granted:
    """A permit that is never withdrawn."""

    def granted(self) -> bool:
        return True


def api(kubeconfig: Path) -> Api:
    """Give an API for the kubeconfig's current context."""
    return Api(resolve(kubeconfig=kubeconfig, context=None, environment=os.environ))


@contextmanager
def target(kube: Kube, kubeconfig: Path | None = None) -> Iterator[KubernetesTarget]:
    """Give a target of this cluster, the administrator's unless a kubeconfig says otherwise."""
    opened = KubernetesTarget(api(kubeconfig or kube.kubeconfig()))
    try:
        yield opened
    finally:
        opened.close()


def desired(
    namespace: str,
    name: str,
    data: dict[str, bytes],
    *,
    kind: str = "Opaque",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    immutable: bool = False,
) -> DesiredSecret:
    """Give a Secret that is wanted, of plain bytes."""
    values = {key: SecretValue(value) for key, value in data.items()}
    key = SecretKey("default", namespace, name)
    return DesiredSecret(key, kind, values, labels or {}, annotations or {}, immutable)


def look(opened: KubernetesTarget, key: SecretKey) -> Live:
    """Read one Secret."""
    (found,) = opened.read([key])
    return found
