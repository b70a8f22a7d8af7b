"""Fixtures of the tests that run the whole program against the real servers."""

from pathlib import Path

import pytest

from tests.servers.keyvault import KeyVault
from tests.servers.kube import Kube
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.world import World


@pytest.fixture
def world(tmp_path: Path, kube: Kube, openbao: OpenBao, moto: Moto, keyvault: KeyVault) -> World:
    """Return names of the test's own in every store, a namespace in the cluster, and the program."""
    return World.make(tmp_path, kube, openbao, moto, keyvault)
