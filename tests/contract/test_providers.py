"""The duties of a provider, over every provider: in memory, and each adapter against a real or wire-true server."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast
from uuid import uuid4

import pytest

from syncd.model.reference import RemoteRef
from syncd.model.store import Timeouts
from syncd.testing.discovery_contract import (
    DiscoveryContract,
    MetadataContract,
    TagContract,
    UnreachableDiscoveryContract,
)
from syncd.testing.memory_provider import MemoryProvider
from syncd.testing.provider_contract import (
    BINARY,
    TEXTS,
    DenialContract,
    NetworkContract,
    ProviderCase,
    ProviderContract,
    VersionContract,
)
from tests.servers.openbao import OpenBao

# In memory


class MemoryCase(ProviderCase):
    """One provider whose store is its own memory."""

    spec = "syncd.testing.memory_provider:SPEC"
    sdk = ("hvac", "boto3", "azure")
    values = (*BINARY, *TEXTS)
    many = 250

    def __init__(self, base: Path, batch_size: int) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self.provider = MemoryProvider("store", batch_size=batch_size, login=True)

    def options(self) -> Mapping[str, object]:
        return {}

    def put(self, key: str, value: bytes) -> RemoteRef:
        self.provider.put(key, value)
        return RemoteRef("store", key)

    def delete(self, ref: RemoteRef) -> None:
        self.provider.delete(ref.key)

    def requests(self) -> int:
        return len(self.provider.requests)

    def deny(self, ref: RemoteRef) -> None:
        self.provider.deny(ref.key)

    def tag(self, ref: RemoteRef, tags: Mapping[str, str]) -> None:
        self.provider.tag(ref.key, **tags)

    def make(self, options: Mapping[str, object] | None = None, *, timeouts: Timeouts | None = None) -> MemoryProvider:
        _ = options, timeouts
        return self.provider


@pytest.mark.parametrize("batch_size", [1, 20])
class TestMemory(ProviderContract, VersionContract, DenialContract, DiscoveryContract, TagContract, MetadataContract):
    """The in-memory provider, singly and in batches."""

    @pytest.fixture
    def case(self, tmp_path: Path, batch_size: int) -> MemoryCase:
        return MemoryCase(tmp_path, batch_size)


# Files


class _Opened:
    """Counts what this process opens to read, by path."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "open":
            return
        path, _, flags = arguments
        if isinstance(path, str | bytes | os.PathLike) and isinstance(flags, int) and not flags & os.O_ACCMODE:
            self.paths.append(os.fsdecode(path))


_opened = _Opened()


class FolderCase(ProviderCase):
    """A folder, each file a value."""

    spec = "syncd_providers.file:SPEC"
    sdk = ("hvac", "boto3", "azure", "yaml")
    values = (*BINARY, *TEXTS)

    def __init__(self, base: Path) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self.folder = base / f"values-{uuid4().hex}"
        self.folder.mkdir()
        self._prefix = uuid4().hex

    def options(self) -> Mapping[str, object]:
        return {"path": self.folder.name}

    def put(self, key: str, value: bytes) -> RemoteRef:
        name = f"{self._prefix}-{key}"
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(value)
        return RemoteRef("store", name)

    def delete(self, ref: RemoteRef) -> None:
        (self.folder / ref.key).unlink()

    def requests(self) -> int:
        return sum(Path(path).name.startswith(self._prefix) for path in _opened.paths)


class TestFolder(ProviderContract, DiscoveryContract):
    """A folder of files."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> FolderCase:
        return FolderCase(tmp_path)


class JsonFileCase(ProviderCase):
    """A JSON file, each key a value."""

    spec = "syncd_providers.file:SPEC"
    sdk = ("hvac", "boto3", "azure")
    values = TEXTS

    def __init__(self, base: Path) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self._file = base / f"{uuid4().hex}.json"
        self._content: dict[str, str] = {}

    def options(self) -> Mapping[str, object]:
        return {"path": str(self._file)}

    def put(self, key: str, value: bytes) -> RemoteRef:
        self._content[key] = value.decode()
        self._file.write_text(json.dumps(self._content))
        return RemoteRef("store", key)

    def delete(self, ref: RemoteRef) -> None:
        del self._content[ref.key]
        self._file.write_text(json.dumps(self._content))

    def requests(self) -> int:
        return sum(Path(path).name == self._file.name for path in _opened.paths)


class TestJsonFile(ProviderContract, DiscoveryContract):
    """One JSON file."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> JsonFileCase:
        return JsonFileCase(tmp_path)


# Vault


class VaultCase(ProviderCase):
    """A KV mount of its own; by token, or by AppRole."""

    spec = "syncd_providers.vault:SPEC"
    sdk = ("hvac", "requests")
    values: ClassVar[Sequence[bytes]] = (
        b'{"binary":"AP/+AA0K","n":1.5,"deep":{"a":[1,null,true]}}',
        '{"text":"line\\r\\nline\\n \\u0000 \\ufeff \N{SNOWMAN} \N{PILE OF POO}","html":"<&>"}'.encode(),
        b'{"empty":"","key with / and .":"x"}',
        b'{"password":"one"}',
        b'{"password":"two"}',
    )

    def __init__(self, bao: OpenBao, base: Path, port: int, *, kv_version: int, app_role: bool) -> None:
        """Make the store's corner for one test."""
        self.base = base
        self._bao = bao
        self._port = port
        self._mount = bao.mount(kv_version)
        self._kv_version = kv_version
        self._policy = bao.policy({f"{self._mount}/*": ["read", "list"]})
        self._credentials: Sequence[str]
        if app_role:
            role_id, secret_id = bao.approle([self._policy])
            (base / "credential").write_text(secret_id)
            self._auth: Mapping[str, object] = {"appRole": {"roleId": role_id, "secretId": {"file": "credential"}}}
            self._credentials = (secret_id,)
        else:
            token = bao.token([self._policy])
            (base / "credential").write_text(token + "\n")
            self._auth = {"token": {"file": "credential"}}
            self._credentials = (token,)
        self._mark = bao.mark()

    def options(self) -> Mapping[str, object]:
        return {"address": self._bao.address, "auth": self._auth, "mount": self._mount}

    def nowhere(self) -> Mapping[str, object]:
        return {**self.options(), "address": f"http://127.0.0.1:{self._port}"}

    def put(self, key: str, value: bytes) -> RemoteRef:
        self._bao.put(self._mount, f"app/{key}", value)
        return RemoteRef("store", f"app/{key}")

    def delete(self, ref: RemoteRef) -> None:
        if self._kv_version == 1:
            self._bao.delete_version(self._mount, ref.key)
        else:
            self._bao.remove(self._mount, ref.key)

    def deny(self, ref: RemoteRef) -> None:
        path = f"{self._mount}/{ref.key}" if self._kv_version == 1 else f"{self._mount}/data/{ref.key}"
        self._bao.policy({f"{self._mount}/*": ["read"], path: ["deny"]}, name=self._policy)

    def deny_listing(self) -> None:
        self._bao.policy({f"{self._mount}/*": ["read"]}, name=self._policy)

    def tag(self, ref: RemoteRef, tags: Mapping[str, str]) -> None:
        self._bao.do("POST", f"{self._mount}/metadata/{ref.key}", {"custom_metadata": tags})

    def requests(self) -> int:
        """Count reads and listings below the mount, where the test itself only writes."""
        return sum(
            asked.operation in ("read", "list") for asked in self._bao.requests(self._mark, under=f"{self._mount}/")
        )

    def credentials(self) -> Sequence[str]:
        return self._credentials

    def shows(self, stored: bytes, read: bytes) -> bool:
        """Compare as JSON: the store orders the keys, but the numbers keep their spelling."""
        return _spelled(stored) == _spelled(read)


def _spelled(text: bytes) -> object:
    return cast(
        "object", json.loads(text, parse_float=lambda number: ["number", number], parse_int=lambda n: ["int", n])
    )


class VaultOneCase(VaultCase):
    """KV 1 keeps every number as it was written; KV 2 stores them as floats, which the server itself rounds."""

    values = (b'{"n":1.10,"big":12345678901234567890}', *VaultCase.values)


class TestVaultTwo(
    ProviderContract,
    VersionContract,
    DenialContract,
    NetworkContract,
    DiscoveryContract,
    TagContract,
    UnreachableDiscoveryContract,
    MetadataContract,
):
    """KV 2, by AppRole."""

    @pytest.fixture
    def case(self, openbao: OpenBao, tmp_path: Path, closed_port: int) -> VaultCase:
        return VaultCase(openbao, tmp_path, closed_port, kv_version=2, app_role=True)


class TestVaultOne(ProviderContract, DenialContract, NetworkContract, DiscoveryContract, UnreachableDiscoveryContract):
    """KV 1, by a token that was given."""

    @pytest.fixture
    def case(self, openbao: OpenBao, tmp_path: Path, closed_port: int) -> VaultOneCase:
        return VaultOneCase(openbao, tmp_path, closed_port, kv_version=1, app_role=False)
