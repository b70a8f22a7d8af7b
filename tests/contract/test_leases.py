"""The duties of a provider that issues, over both that do: in memory, and Vault against a real OpenBao."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from syncd.model.lease import Issue
from syncd.model.reference import RemoteRef
from syncd.testing.lease_contract import LeaseContract, UnreachableLeaseContract
from syncd.testing.memory_leases import Engine
from syncd.testing.provider_case import ProviderCase
from tests.contract.test_providers import MemoryCase
from tests.integration.vault_engines import Ready, database, pki
from tests.servers.openbao import OpenBao
from tests.servers.postgres import Postgres, binaries


class IssuingMemoryCase(MemoryCase):
    """A store in memory with one engine."""

    def __init__(self, base: Path) -> None:
        """Make the engine."""
        super().__init__(base, 1)
        self.provider.leases.engines["database/creds/app"] = Engine()

    def endpoint(self) -> Issue:
        return Issue("store", "database/creds/app")

    def issued(self) -> int:
        return self.provider.leases.count("issue")

    def lives(self, lease: str) -> bool:
        return any(each.id == lease for each in self.provider.leases.live())


class TestMemory(LeaseContract):
    """The provider in memory."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> IssuingMemoryCase:
        return IssuingMemoryCase(tmp_path)


class IssuingVaultCase(ProviderCase):
    """An engine of a real OpenBao, by AppRole, with the least rights."""

    spec = "syncd_providers.vault:SPEC"
    sdk = ("boto3", "azure")
    values = (b"{}",)

    def __init__(self, bao: OpenBao, engine: Ready, base: Path, port: int) -> None:
        """Log in for this engine alone."""
        self.base = base
        self._bao, self._engine, self._port = bao, engine, port
        role_id, secret_id = bao.approle([bao.policy(engine.rights())])
        (base / "credential").write_text(secret_id)
        self._auth = {"appRole": {"roleId": role_id, "secretId": {"file": "credential"}}}
        self._secret_id = secret_id
        self._mark = bao.mark()

    def options(self) -> Mapping[str, object]:
        return {"address": self._bao.address, "auth": self._auth}

    def nowhere(self) -> Mapping[str, object]:
        return {**self.options(), "address": f"http://127.0.0.1:{self._port}"}

    def put(self, key: str, value: bytes) -> RemoteRef:
        raise NotImplementedError

    def delete(self, ref: RemoteRef) -> None:
        raise NotImplementedError

    def requests(self) -> int:
        raise NotImplementedError

    def credentials(self) -> Sequence[str]:
        return (self._secret_id,)

    def endpoint(self) -> Issue:
        return Issue("store", self._engine.path, tuple(sorted(self._engine.parameters.items())))

    def issued(self) -> int:
        return len(self._bao.requests(self._mark, under=self._engine.path))

    def lives(self, lease: str) -> bool:
        return self._bao.request("POST", "sys/leases/lookup", {"lease_id": lease})[0] == 200


class UnrenewableVaultCase(IssuingVaultCase):
    """An engine whose leases end when they end."""

    renewable = False


class TestVault(LeaseContract, UnreachableLeaseContract):
    """Certificates with a lease each."""

    @pytest.fixture
    def case(self, openbao: OpenBao, tmp_path: Path, closed_port: int) -> UnrenewableVaultCase:
        return UnrenewableVaultCase(openbao, pki(openbao, leased=True), tmp_path, closed_port)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Serve a PostgreSQL."""
    server = Postgres.start()
    yield server
    server.stop()


if binaries():

    class TestVaultDatabase(LeaseContract, UnreachableLeaseContract):
        """Logins of a real PostgreSQL, where there is one."""

        @pytest.fixture
        def case(self, openbao: OpenBao, postgres: Postgres, tmp_path: Path, closed_port: int) -> IssuingVaultCase:
            return IssuingVaultCase(openbao, database(openbao, postgres), tmp_path, closed_port)
