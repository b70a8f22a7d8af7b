"""Which cluster, and how to speak to it: the official client's configuration and authentication.

The only module that imports `kubernetes`, and only inside functions: a run that writes to a folder does not pay for
it. The generated API classes are never touched, whose import costs more than all the rest together.
"""

# The client's own loaders carry no types; this module is where that ends.
# mypy: disable-error-code="no-untyped-call"
# ruff: noqa: PLC0415 — see above: imported at first use

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import urllib3

from syncd.connection import limit

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from kubernetes.config.kube_config import ConfigNode

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a Pod's token, CA and namespace
(https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""
_FRESH: Final = 1.0
"""Seconds for which a header serves before the client is asked again, which costs a tenth of a request."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class ClusterError(Exception):
    """The configuration does not lead to a cluster. The text is for a person; `reason` is a fixed code."""

    def __init__(self, message: str, reason: str) -> None:
        """Keep the code beside the text."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server, chosen but not yet spoken to."""

    server: str
    name: str
    """The cluster's name in the kubeconfig; empty in a Pod."""
    context: str
    """Empty in a Pod."""
    said: bool
    """Whether somebody chose it: in a Pod, in the file or by `--context`; not by `current-context` alone."""
    kubeconfig: str = ""
    """Path, or several joined by `:`, as in KUBECONFIG; empty in a Pod."""
    service_account: Path = SERVICE_ACCOUNT
    pod_namespace: str | None = None
    """The Pod's own namespace; None outside."""

    @property
    def address(self) -> str:
        """The API server's URL for a message: without what a kubeconfig may hide in it, a user and password."""
        there = urlsplit(self.server)
        return f"{there.scheme}://{there.netloc.rpartition('@')[2]}"

    def describe(self) -> str:
        """Name it for the head of a diff."""
        if self.context:
            return f"cluster {self.name} (context {self.context})"
        return f"the cluster of this Pod ({self.server})"


@dataclass(frozen=True)
class Session:
    """A way to speak to the API server with one login."""

    pool: urllib3.HTTPConnectionPool
    prefix: str
    """Stands before every path; empty but for an API server behind a gateway's path or a plain proxy."""
    authorization: Callable[[], str | None]
    """Gives the Authorization header of now; a rotated token is noticed within a minute. Raises ClusterError."""


def resolve(
    *,
    kubeconfig: Path | None,
    context: str | None,
    environment: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> Cluster:
    """Choose the cluster by the configuration: the Pod's own where nothing else is said, else a kubeconfig's context.

    `environment` is the process's: KUBECONFIG, and in a Pod the API server's address. Raises ClusterError.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not kubeconfig and not context and host and port and (service_account / "token").is_file():
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return Cluster(
            server=f"https://{authority}",
            name="",
            context="",
            said=True,
            service_account=service_account,
            pod_namespace=own_namespace(environment, service_account),
        )
    paths = str(kubeconfig or environment.get("KUBECONFIG") or Path("~/.kube/config").expanduser())
    name, cluster, server = _context(paths, context)
    return Cluster(server=server, name=cluster, context=name, said=context is not None, kubeconfig=paths)


def own_namespace(environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT) -> str | None:
    """Give the namespace of the Pod that this process runs in; None outside of a cluster."""
    if not environment.get("KUBERNETES_SERVICE_HOST"):
        return None
    try:
        return (service_account / "namespace").read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def demand_said(cluster: Cluster) -> None:
    """Raise ClusterError where only `current-context` chose the cluster, so that nobody writes to one by accident."""
    if not cluster.said:
        message = (
            f"which cluster to write to is not said: write `context: {cluster.context}` under the target or pass "
            f"`--context {cluster.context}` if the current context is the one you mean"
        )
        raise ClusterError(message, "context-not-said")


def login(cluster: Cluster, *, connections: int) -> Session:
    """Read the credentials and make a connection pool; does not connect yet. Raises ClusterError."""
    from kubernetes.client import ApiClient, Configuration

    # Proxies come from the kubeconfig alone, not from the environment.
    settings = Configuration(retries=False, connection_pool_maxsize=connections, proxy="", no_proxy="")
    with _said_plainly(cluster), _root_logger_unused():
        if cluster.context:
            _load_kubeconfig(cluster, settings)
        else:
            _load_service_account(cluster, settings)
    if not settings.verify_ssl:
        message = (
            f"{cluster.describe()}: the kubeconfig says `insecure-skip-tls-verify`, and Secrets do not go to a server "
            "that is not verified; give its `certificate-authority` instead"
        )
        raise ClusterError(message, "tls-not-verified")
    address = urlsplit(settings.host)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        message = f"{cluster.describe()}: {settings.host} is not https, which only a loopback address may be"
        raise ClusterError(message, "plaintext-refused")
    with _said_plainly(cluster):
        pools: urllib3.PoolManager = ApiClient(settings).rest_client.pool_manager
        # The pool itself: the manager would look it up anew for each request.
        pool = pools.connection_from_url(settings.host)
        limit(pool)
    lock = threading.Lock()
    asked, header = float("-inf"), None

    def authorization() -> str | None:
        nonlocal asked, header
        # One thread at a time: the client may run a login program or read the token's file here.
        with lock:
            if time.monotonic() - asked >= _FRESH:
                with _said_plainly(cluster), _root_logger_unused():
                    given: str | None = settings.get_api_key_with_prefix("BearerToken", "authorization")
                asked, header = time.monotonic(), given.strip() if given else None
            return header

    through_plain_proxy = pools.proxy is not None and address.scheme == "http"
    prefix = settings.host if through_plain_proxy else address.path
    return Session(pool, prefix.rstrip("/"), authorization)


def _load_service_account(cluster: Cluster, settings: "Configuration") -> None:
    from kubernetes.config.incluster_config import InClusterConfigLoader

    address = urlsplit(cluster.server)
    loader = InClusterConfigLoader(
        token_filename=str(cluster.service_account / "token"),
        cert_filename=str(cluster.service_account / "ca.crt"),
        environ={"KUBERNETES_SERVICE_HOST": address.hostname or "", "KUBERNETES_SERVICE_PORT": str(address.port)},
    )
    loader.load_and_set(settings)


def _load_kubeconfig(cluster: Cluster, settings: "Configuration") -> None:
    from kubernetes.config.kube_config import KubeConfigLoader

    merged = _kubeconfig(cluster.kubeconfig)
    KubeConfigLoader(config_dict=merged, active_context=cluster.context, config_base_path=None).load_and_set(settings)
    user = merged["contexts"].get_with_name(cluster.context)["context"].safe_get("user")
    entry = merged["users"].get_with_name(user, safe=True) if user else None
    if entry and "exec" in (entry["user"] or ()) and not (settings.api_key or settings.cert_file):
        # The client only logs that and would go on as nobody.
        message = f"{cluster.describe()}: the login program of user {user} in the kubeconfig did not give a credential"
        raise ClusterError(message, "login-program-failed")


def _kubeconfig(paths: str) -> "ConfigNode":
    from kubernetes.config.kube_config import KubeConfigMerger

    merged: ConfigNode | None = KubeConfigMerger(paths).config
    if merged is None:
        message = (
            f"no kubeconfig at {paths}, and this is no Pod: write `kubeconfig: PATH` under the target or set KUBECONFIG"
        )
        raise ClusterError(message, "kubeconfig-missing")
    return merged


def _context(paths: str, wanted: str | None) -> tuple[str, str, str]:
    """Give the context's name, its cluster's name and the server's address."""
    try:
        merged = _kubeconfig(paths)
        name, context = _named(merged, paths, wanted)
        cluster = context["context"]["cluster"]
        server = merged["clusters"].get_with_name(cluster)["cluster"]["server"]
    except ClusterError:
        raise
    except Exception as error:  # noqa: BLE001 — not UTF-8, not YAML, no mapping: the client fails in many ways
        message = f"the kubeconfig {paths} cannot be used ({type(error).__name__}); `kubectl config view` says why"
        raise ClusterError(message, "kubeconfig-unusable") from None
    return name, str(cluster), str(server).rstrip("/")


def _named(merged: "ConfigNode", paths: str, wanted: str | None) -> tuple[str, "ConfigNode"]:
    name = wanted or merged.safe_get("current-context")
    if not name:
        message = f"the kubeconfig {paths} has no current context: write `context: NAME` or pass `--context NAME`"
        raise ClusterError(message, "context-not-said")
    context: ConfigNode | None = merged["contexts"].get_with_name(name, safe=True)
    if context is None:
        known = ", ".join(sorted(str(entry["name"]) for entry in merged["contexts"].value)) or "none"
        message = f"the kubeconfig {paths} has no context {name} (it has: {known})"
        raise ClusterError(message, "context-unknown")
    return str(name), context


@contextmanager
def _said_plainly(cluster: Cluster) -> Iterator[None]:
    """Turn whatever the client raises into ClusterError; its texts may quote tokens and files."""
    try:
        yield
    except ClusterError:
        raise
    except Exception as error:  # noqa: BLE001 — files, programs and identity services: anything may come
        message = (
            f"{cluster.describe()}: the credentials cannot be used ({type(error).__name__}); "
            "log in to the cluster anew, or correct the user of that context"
        )
        raise ClusterError(message, "credential-unusable") from None


@contextmanager
def _root_logger_unused() -> Iterator[None]:
    """Drop what the client tells the root logger: the output of a login program, which may hold a token.

    `logging.error` would also install a handler for the whole process where there is none.
    """

    def foreign(record: logging.LogRecord) -> bool:
        return record.module not in ("kube_config", "exec_provider")

    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    root.addFilter(foreign)
    try:
        yield
    finally:
        root.removeFilter(foreign)
        root.removeHandler(silent)
