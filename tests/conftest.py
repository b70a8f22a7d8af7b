"""What all tests share: the real servers, one of each kind for the whole run, and no ambient identity."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.canary import watch
from tests.servers.keyvault import KeyVault
from tests.servers.kube import Kube
from tests.servers.kube_build import kube_available
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.shared import shared, stop_shared

# How long one example takes says something about the machine that day; the tests that bound time measure it themselves.
settings.register_profile("syncd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("syncd")

pytest_plugins = ("tests.faults.recorder", "tests.faults.leak_plugin")

_ROOT_KEY = pytest.StashKey[Path]()

_AMBIENT_PREFIXES = ("AWS_", "AZURE_", "VAULT_", "BAO_", "IDENTITY_", "IMDS_", "MSI_", "SYNCD_")
_AMBIENT = ("KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _nothing_ambient(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No credential, proxy or home directory of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(_AMBIENT_PREFIXES) or name in _AMBIENT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Give back what a test changed of the process's loggers: the product pins them, and tests undo that on purpose."""
    names: list[str | None] = [None, *logging.root.manager.loggerDict]
    loggers = {name: logging.getLogger(name) for name in names}
    before = {
        name: (logger.level, logger.propagate, [*logger.handlers], [*logger.filters])
        for name, logger in loggers.items()
    }
    last = logging.lastResort
    yield
    for name in (None, *logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        level, propagate, handlers, filters = before.get(name, (logging.NOTSET, True, [], []))
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:], logger.filters[:] = handlers, filters
    logging.lastResort = last


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Return the folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if hasattr(pytestconfig, "workerinput") else base
    pytestconfig.stash[_ROOT_KEY] = root
    return root


@pytest.fixture(scope="session")
def owner(pytestconfig: pytest.Config) -> int:
    """Return the process whose end ends the shared servers: the run's own, not a worker's."""
    return os.getppid() if hasattr(pytestconfig, "workerinput") else os.getpid()


@pytest.fixture(scope="session")
def openbao(shared_root: Path, owner: int) -> OpenBao:
    """Return the run's OpenBao. Each test makes mounts of its own."""
    server = shared(OpenBao, shared_root, owner)
    watch(server.root_token)
    return server


@pytest.fixture(scope="session")
def moto(shared_root: Path, owner: int) -> Moto:
    """Return the run's AWS. Each test uses secret names of its own."""
    return shared(Moto, shared_root, owner)


@pytest.fixture(scope="session")
def keyvault(shared_root: Path, owner: int) -> KeyVault:
    """Return the run's Key Vault. Each test uses secret names of its own and orders no faults for everybody."""
    server = shared(KeyVault, shared_root, owner)
    watch(server.client_secret)
    return server


@pytest.fixture(scope="session")
def kube(shared_root: Path, owner: int) -> Kube:
    """Return the run's kube-apiserver and etcd. Each test makes namespaces of its own."""
    if reason := kube_available():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs the Kubernetes tests: {reason}", pytrace=False)
        pytest.skip(reason)
    server = shared(Kube, shared_root, owner)
    watch(server.token)
    return server


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the shared servers, once, when the last worker is done."""
    if not hasattr(session.config, "workerinput"):
        factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        stop_shared(factory.getbasetemp())
