"""The contract of targets, run over every implementation."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from syncd.model.mapping import SecretKey
from syncd.target.directory import DirectoryReader, DirectoryTarget
from syncd.target.kube_api import Api, ApiReader
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesReader, KubernetesTarget
from syncd.testing.api_server_contract import API_SERVER_CASES
from syncd.testing.memory_target import Cluster, MemoryReader, MemoryTarget
from syncd.testing.target_bench import Bench
from syncd.testing.target_contract import CASES
from tests.servers.kube import Kube


def memory() -> Bench:
    cluster, numbers = Cluster(namespaces={"team"}), count()
    return Bench(
        MemoryTarget(cluster),
        MemoryReader(cluster),
        lambda: SecretKey("default", "team", f"secret-{next(numbers)}"),
        fill=lambda _namespace: setattr(cluster, "quota", 0),
        terminate=cluster.terminating.add,
        missing=lambda: "no-such-team",
    )


def directory(path: Path) -> Bench:
    numbers = count()
    return Bench(
        DirectoryTarget(path / "out"),
        DirectoryReader(path / "out"),
        lambda: SecretKey("default", "team", f"secret-{next(numbers)}"),
    )


def kubernetes(kube: Kube) -> Bench:
    namespace, numbers = kube.namespace(), count()
    cluster = resolve(kubeconfig=kube.kubeconfig(), context=None, environment={})
    return Bench(
        KubernetesTarget(Api(cluster)),
        KubernetesReader(ApiReader(cluster)),
        lambda: SecretKey("default", namespace, f"secret-{next(numbers)}"),
        fill=lambda full: kube.quota(full, secrets=0),
        terminate=kube.terminate,
        missing=lambda: "t-no-such-namespace",
    )


@pytest.fixture(params=["memory", "directory", pytest.param("kubernetes", marks=pytest.mark.kube)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        made = memory()
    elif request.param == "directory":
        made = directory(tmp_path)
    else:
        made = kubernetes(request.getfixturevalue("kube"))
    yield made
    for end in (made.reader, made.target):
        end.close()
        end.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_target_keeps_the_contract(case: Callable[[Bench], None], bench: Bench) -> None:
    case(bench)


@pytest.mark.parametrize("bench", ["memory", pytest.param("kubernetes", marks=pytest.mark.kube)], indirect=True)
@pytest.mark.parametrize("case", API_SERVER_CASES, ids=lambda case: case.__name__)
def test_the_cluster_in_memory_behaves_as_the_real_one(case: Callable[[Bench], None], bench: Bench) -> None:
    case(bench)
