"""Opens one cluster: the target and the home objects in it, over one connection pool; imported where one is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from syncd.cli.stop import CONFIGURATION, Stop
from syncd.config.settings import Home as HomeSettings
from syncd.config.settings import KubernetesTarget as Settings
from syncd.target.home import KubernetesHome, KubernetesHomeReader, PreviousKey, home_namespace
from syncd.target.kube_api import Api, ApiReader
from syncd.target.kube_login import Cluster, ClusterError, demand_said, resolve
from syncd.target.kubernetes import KubernetesReader, KubernetesTarget
from syncd.target.seam import Home, HomeReader, Target, TargetReader

R_co = TypeVar("R_co", bound=TargetReader, covariant=True)
H_co = TypeVar("H_co", bound=HomeReader, covariant=True)


@dataclass(frozen=True, slots=True)
class Opened(Generic[R_co, H_co]):
    """A cluster ready to be used."""

    target: R_co
    home: H_co
    namespace: str
    """The home namespace."""


def open_reader(
    settings: Settings, home: HomeSettings, instance: str, environment: Mapping[str, str]
) -> Opened[TargetReader, HomeReader]:
    """Open it for a run that cannot write; raises Stop where the configuration leads to no cluster."""
    cluster = _resolved(settings, environment)
    namespace = home_namespace(home.namespace, cluster)
    api = ApiReader(cluster, requests_per_second=settings.requests_per_second)
    reader = KubernetesHomeReader(
        api, instance=instance, namespace=namespace, key_file=home.key_file, previous=_previous(home)
    )
    return Opened(KubernetesReader(api), reader, namespace)


def open_target(
    settings: Settings, home: HomeSettings, instance: str, environment: Mapping[str, str]
) -> Opened[Target, Home]:
    """Open it for a run that writes; raises Stop, also where nobody said which cluster."""
    cluster = _resolved(settings, environment)
    try:
        demand_said(cluster)
    except ClusterError as error:
        raise Stop(CONFIGURATION, f"syncd: {error}") from None
    namespace = home_namespace(home.namespace, cluster)
    api = Api(cluster, requests_per_second=settings.requests_per_second)
    keeper = KubernetesHome(
        api, instance=instance, namespace=namespace, key_file=home.key_file, previous=_previous(home)
    )
    return Opened(KubernetesTarget(api), keeper, namespace)


def _previous(home: HomeSettings) -> list[PreviousKey]:
    return [PreviousKey(before.instance, before.secret, before.key_file) for before in home.previous]


def _resolved(settings: Settings, environment: Mapping[str, str]) -> Cluster:
    try:
        return resolve(kubeconfig=settings.kubeconfig, context=settings.context, environment=environment)
    except ClusterError as error:
        raise Stop(CONFIGURATION, f"syncd: {error}") from None
