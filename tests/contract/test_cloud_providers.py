"""The duties of a provider, over the adapters of AWS and Azure against wire-true servers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from syncd.model.reference import RemoteRef
from syncd.model.store import Tls
from syncd.testing.discovery_contract import (
    DiscoveryContract,
    MetadataContract,
    TagContract,
    UnreachableDiscoveryContract,
)
from syncd.testing.provider_contract import (
    BINARY,
    TEXTS,
    DenialContract,
    NetworkContract,
    ProviderCase,
    ProviderContract,
    VersionContract,
)
from tests.servers.keyvault import KeyVault
from tests.servers.moto import Moto

# AWS


class AwsCase(ProviderCase):
    """Secrets under a prefix of their own, read by an access key of their own."""

    spec = "syncd_providers.aws:SPEC"
    sdk = ("boto3", "botocore")
    values = (*BINARY, *TEXTS)
    many = 130

    def __init__(self, moto: Moto, base: Path, port: int) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self._moto = moto
        self._port = port
        self._key = moto.credentials()
        self._prefix = f"contract-{uuid4().hex[:8]}/"
        (base / "secret-key").write_text(self._key.secret_access_key)

    def options(self) -> Mapping[str, object]:
        static = {"accessKeyId": self._key.access_key_id, "secretAccessKey": {"file": "secret-key"}}
        return {"region": self._moto.region, "endpoint": self._moto.endpoint, "auth": {"static": static}}

    def nowhere(self) -> Mapping[str, object]:
        return {**self.options(), "endpoint": f"http://127.0.0.1:{self._port}"}

    def put(self, key: str, value: bytes) -> RemoteRef:
        try:
            self._moto.put(self._prefix + key, value.decode())
        except UnicodeDecodeError:
            self._moto.put(self._prefix + key, value)
        return RemoteRef("store", self._prefix + key)

    def delete(self, ref: RemoteRef) -> None:
        self._moto.delete(ref.key)

    def deny(self, ref: RemoteRef) -> None:
        self._moto.fault("denied", name=ref.key, times=0)

    def deny_listing(self) -> None:
        self._moto.fault("denied", access_key_id=self._key.access_key_id, operation="ListSecrets", times=0)

    def tag(self, ref: RemoteRef, tags: Mapping[str, str]) -> None:
        self._moto.tag(ref.key, tags)

    def requests(self) -> int:
        return len(self._moto.requests(access_key_id=self._key.access_key_id))

    def credentials(self) -> Sequence[str]:
        return (self._key.secret_access_key,)


class TestAws(
    ProviderContract,
    VersionContract,
    DenialContract,
    NetworkContract,
    DiscoveryContract,
    TagContract,
    UnreachableDiscoveryContract,
    MetadataContract,
):
    """Secrets Manager, by batches and single reads."""

    @pytest.fixture
    def case(self, moto: Moto, tmp_path: Path, closed_port: int) -> AwsCase:
        return AwsCase(moto, tmp_path, closed_port)


# Azure


class AzureCase(ProviderCase):
    """Secrets under a prefix of their own in a vault of the module's own, so that its log can be counted."""

    spec = "syncd_providers.azure:SPEC"
    sdk = ("azure", "msal")
    values: ClassVar[Sequence[bytes]] = TEXTS
    separator = "-"

    def __init__(self, vault: KeyVault, base: Path, port: int) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self.tls = Tls(ca_file=Path(vault.ca_file))
        self._vault = vault
        self._port = port
        self._prefix = f"contract-{uuid4().hex[:8]}-"
        self._mark = vault.mark()
        vault.allow("")
        (base / "client-secret").write_text(vault.client_secret)

    def options(self) -> Mapping[str, object]:
        login = {
            "tenantId": self._vault.tenant_id,
            "clientId": self._vault.client_id,
            "secret": {"file": "client-secret"},
        }
        return {
            "vaultUrl": self._vault.vault_url,
            "authority": self._vault.authority,
            "auth": {"clientSecret": login},
        }

    def nowhere(self) -> Mapping[str, object]:
        return {**self.options(), "vaultUrl": f"https://127.0.0.1:{self._port}"}

    def put(self, key: str, value: bytes) -> RemoteRef:
        self._vault.put(self._prefix + key, value.decode())
        return RemoteRef("store", self._prefix + key)

    def delete(self, ref: RemoteRef) -> None:
        self._vault.delete(ref.key)
        self._vault.purge(ref.key)

    def deny(self, ref: RemoteRef) -> None:
        self._vault.forbid(ref.key)

    def deny_listing(self) -> None:
        self._vault.forbid("")

    def tag(self, ref: RemoteRef, tags: Mapping[str, str]) -> None:
        self._vault.tag(ref.key, tags)

    def requests(self) -> int:
        return len(self._vault.requests(self._mark))

    def credentials(self) -> Sequence[str]:
        return (self._vault.client_secret,)


@pytest.fixture(scope="module")
def own_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """Return a Key Vault that nobody else's requests reach."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


class TestAzure(
    ProviderContract,
    VersionContract,
    DenialContract,
    NetworkContract,
    DiscoveryContract,
    TagContract,
    UnreachableDiscoveryContract,
    MetadataContract,
):
    """Key Vault, by client secret."""

    @pytest.fixture
    def case(self, own_vault: KeyVault, tmp_path: Path, closed_port: int) -> AzureCase:
        return AzureCase(own_vault, tmp_path, closed_port)
