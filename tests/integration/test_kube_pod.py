"""In a Pod: the token is sent, and a rotated one follows."""

import ssl
from pathlib import Path

import pytest

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, ReadFailure
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.keyvault_tls import write_tls
from tests.servers.kube import Kube, Rule
from tests.servers.kube_use import look, target

pytestmark = pytest.mark.kube


@pytest.fixture
def namespace(kube: Kube) -> str:
    return kube.namespace()


@pytest.fixture
def account(kube: Kube, namespace: str) -> str:
    kube.service_account("syncd", Rule(("get",), namespace=namespace), namespace=namespace)
    return "syncd"


def in_pod(kube: Kube, folder: Path, namespace: str, token: str) -> KubernetesTarget:
    """Give the target of a Pod whose files the kubelet has put into `folder`."""
    host, port = kube.url.removeprefix("https://").split(":")
    for name, content in {"token": token, "ca.crt": Path(kube.ca_file).read_text(), "namespace": namespace}.items():
        (folder / name).write_text(content)
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    cluster = resolve(kubeconfig=None, context=None, environment=environment, service_account=folder)
    assert cluster.pod_namespace == namespace
    return KubernetesTarget(Api(cluster))


def test_the_pods_token_is_sent_and_a_rotated_one_follows(
    kube: Kube, namespace: str, account: str, tmp_path: Path
) -> None:
    kube.put_secret(namespace, "app", {"k": b"v"})
    key = SecretKey("default", namespace, "app")
    opened = in_pod(kube, tmp_path, namespace, "expired")
    failed = look(opened, key)
    assert isinstance(failed, ReadFailure)
    assert (failed.cls, failed.reason) == (FailureClass.DENIED, "not-authenticated")

    (tmp_path / "token").write_text(kube.service_account_token(account, namespace=namespace) + "\n")
    mark = kube.mark()
    assert isinstance(look(opened, key), LiveSecret)
    users = {entry.user for entry in kube.audit(mark, namespace=namespace)}
    assert users == {f"system:serviceaccount:{namespace}:{account}"}
    opened.close()


def test_a_server_that_the_ca_does_not_vouch_for_gets_no_token(kube: Kube, namespace: str, tmp_path: Path) -> None:
    opened = in_pod(kube, tmp_path, namespace, kube.token)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "ca.crt").write_text(write_tls(other).ca.read_text())
    mark = kube.mark()
    found = look(opened, SecretKey("default", namespace, "app"))
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.UNAVAILABLE, "certificate-untrusted")
    assert kube.audit(mark, namespace=namespace) == []
    opened.close()


def test_the_test_server_itself_speaks_tls_that_verifies(kube: Kube) -> None:
    assert ssl.create_default_context(cafile=kube.ca_file).verify_mode is ssl.CERT_REQUIRED
    with target(kube) as opened:
        assert opened.describe() == "cluster syncd-test (context syncd-test)"
