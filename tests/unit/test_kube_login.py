"""Which cluster is meant, and what is refused before anything is sent."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.target.kube_login import Cluster, ClusterError, demand_said, login, resolve


def kubeconfig(
    folder: Path, name: str = "config", *, current: str | None = "eu", cluster: dict[str, object] | None = None
) -> Path:
    """Write a kubeconfig with two contexts; `cluster` adds to the first one's."""
    entry = {"server": "https://eu.example:6443", **(cluster or {})}
    content = {
        "clusters": [
            {"name": "prod-eu", "cluster": entry},
            {"name": "prod-us", "cluster": {"server": "https://us.example:6443"}},
        ],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [
            {"name": "eu", "context": {"cluster": "prod-eu", "user": "me"}},
            {"name": "us", "context": {"cluster": "prod-us", "user": "me"}},
        ],
        **({"current-context": current} if current else {}),
    }
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def pod(folder: Path) -> dict[str, str]:
    """Write the files of a Pod and give its environment."""
    for name, content in {"token": "pod-token\n", "ca.crt": "ca", "namespace": "ops\n"}.items():
        (folder / name).write_text(content)
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def reason(**given: object) -> str:
    settings: dict[str, object] = {"kubeconfig": None, "context": None, "environment": {}, **given}
    with pytest.raises(ClusterError) as raised:
        resolve(**settings)  # type: ignore[arg-type]  # one call for every case
    return raised.value.reason


def test_the_current_context_is_taken_but_nobody_said_it(tmp_path: Path) -> None:
    cluster = resolve(kubeconfig=kubeconfig(tmp_path), context=None, environment={})
    assert (cluster.context, cluster.name, cluster.server) == ("eu", "prod-eu", "https://eu.example:6443")
    assert cluster.describe() == "cluster prod-eu (context eu)"
    with pytest.raises(ClusterError) as raised:
        demand_said(cluster)
    assert raised.value.reason == "context-not-said"
    assert "--context eu" in str(raised.value)


def test_a_context_that_was_said_is_taken(tmp_path: Path) -> None:
    cluster = resolve(kubeconfig=kubeconfig(tmp_path), context="us", environment={})
    assert cluster.describe() == "cluster prod-us (context us)"
    demand_said(cluster)


def test_kubeconfig_of_the_environment_may_name_several_files(tmp_path: Path) -> None:
    first, second = kubeconfig(tmp_path, "a", current=None), kubeconfig(tmp_path, "b", current="us")
    cluster = resolve(kubeconfig=None, context=None, environment={"KUBECONFIG": f"{first}:{second}"})
    assert cluster.context == "us"


def test_in_a_pod_it_is_the_pods_cluster_and_that_is_said(tmp_path: Path) -> None:
    cluster = resolve(kubeconfig=None, context=None, environment=pod(tmp_path), service_account=tmp_path)
    assert (cluster.server, cluster.pod_namespace, cluster.said) == ("https://10.0.0.1:443", "ops", True)
    assert cluster.describe() == "the cluster of this Pod (https://10.0.0.1:443)"
    demand_said(cluster)


def test_in_a_pod_a_kubeconfig_that_was_said_wins(tmp_path: Path) -> None:
    environment = pod(tmp_path)
    cluster = resolve(kubeconfig=kubeconfig(tmp_path), context="us", environment=environment, service_account=tmp_path)
    assert cluster.context == "us"


def test_an_ipv6_service_address_is_bracketed(tmp_path: Path) -> None:
    environment = {**pod(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1"}
    cluster = resolve(kubeconfig=None, context=None, environment=environment, service_account=tmp_path)
    assert cluster.server == "https://[fd00::1]:443"


def test_what_leads_to_no_cluster_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("a: [")
    scalar = tmp_path / "scalar"
    scalar.write_text("just text")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert reason(kubeconfig=tmp_path / "none") == "kubeconfig-missing"
    assert reason(kubeconfig=kubeconfig(tmp_path), context="asia") == "context-unknown"
    assert reason(kubeconfig=kubeconfig(tmp_path, current=None)) == "context-not-said"
    assert [reason(kubeconfig=file) for file in (broken, scalar, binary)] == ["kubeconfig-unusable"] * 3


def test_an_unknown_context_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"has no context asia \(it has: eu, us\)"):
        resolve(kubeconfig=kubeconfig(tmp_path), context="asia", environment={})


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"insecure-skip-tls-verify": True}, "tls-not-verified"),
        ({"server": "http://10.1.2.3:8080"}, "plaintext-refused"),
        ({"certificate-authority": "/no/such/file"}, "credential-unusable"),
    ],
)
def test_an_unsafe_or_unusable_cluster_is_refused_at_login(
    tmp_path: Path, cluster: dict[str, object], said: str
) -> None:
    chosen = resolve(kubeconfig=kubeconfig(tmp_path, cluster=cluster), context=None, environment={})
    with pytest.raises(ClusterError) as raised:
        login(chosen, connections=1)
    assert raised.value.reason == said


def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    chosen = resolve(kubeconfig=kubeconfig(tmp_path), context=None, environment={})
    assert login(chosen, connections=1).pool.proxy is None
    said = resolve(
        kubeconfig=kubeconfig(tmp_path, cluster={"proxy-url": "http://said.example:3128"}), context=None, environment={}
    )
    proxy = login(said, connections=1).pool.proxy
    assert proxy is not None
    assert proxy.host == "said.example"


def test_a_login_leaves_the_root_logger_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), list(root.filters))
    login(resolve(kubeconfig=kubeconfig(tmp_path), context=None, environment={}), connections=1)
    assert (list(root.handlers), list(root.filters)) == before


def test_a_kubeconfig_is_never_written_to(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    login(resolve(kubeconfig=file, context=None, environment={}), connections=1).authorization()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_the_cluster_shows_no_credential() -> None:
    cluster = Cluster("https://x", "n", "c", said=True)
    assert "token" not in repr(cluster)
    hidden = Cluster("https://user:canary-91b2@prod.example:6443/k8s", "n", "c", said=True)
    assert hidden.address == "https://prod.example:6443"


def test_importing_the_target_imports_neither_the_client_nor_its_models() -> None:
    program = (
        "import sys, syncd.target.kubernetes, syncd.target.home; "
        "sys.exit(any(name.partition('.')[0] == 'kubernetes' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_login_never_loads_the_generated_api(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path)
    program = (
        "import sys; from pathlib import Path; from syncd.target.kube_login import login, resolve; "
        f"login(resolve(kubeconfig=Path({str(file)!r}), context=None, environment={{}}), connections=1); "
        "sys.exit('kubernetes.client.api.core_v1_api' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
