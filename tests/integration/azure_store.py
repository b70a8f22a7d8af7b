"""A Key Vault store as the configuration makes it, and calls that count, for the tests of the Azure adapter."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls
from syncd_providers.azure import SPEC
from syncd_providers.azure.client import AzureProvider
from syncd_providers.azure.options import AzureOptions
from tests.servers.keyvault import KeyVault


@dataclass
class Allowance:
    """A call that counts its requests and ends after `budget` of them."""

    budget: int = 100
    seconds: float = 20.0
    spent: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def spend(self) -> None:
        if self.spent >= self.budget:
            raise CallAborted
        self.spent += 1

    def remaining(self) -> float:
        return max(0.001, self.deadline - time.monotonic())


def provider_for(
    vault: KeyVault,
    auth: dict[str, object] | None = None,
    *,
    secret_file: Path | None = None,
    timeouts: Timeouts | None = None,
    ca_file: Path | None = None,
    clock: Callable[[], float] | None = None,
    **options: object,
) -> AzureProvider:
    """Make a provider as the configuration would: checked options, no plaintext anywhere."""
    if auth is None:
        where = secret_file or Path(vault.ca_file).parent / "client-secret"
        if secret_file is None:
            where.write_text(vault.client_secret + "\n")
        secret = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "secret": {"file": str(where)}}
        auth = {"clientSecret": secret}
    tree = {"vaultUrl": vault.vault_url, "authority": vault.authority, "auth": auth, **options}
    checked = msgspec.convert(tree, AzureOptions)
    tls = Tls(ca_file=ca_file or Path(vault.ca_file))
    settings = StoreSettings("kv", Path(vault.ca_file).parent, timeouts or Timeouts(), tls, clock=clock)
    assert list(SPEC.check(checked, settings)) == []
    made = SPEC.create(checked, settings)
    assert isinstance(made, AzureProvider)
    return made


def read(provider: AzureProvider, key: str, version: str = "", call: Allowance | None = None) -> Outcome:
    ref = provider.canonical(RemoteRef("kv", key, version))
    assert isinstance(ref, RemoteRef)
    [(answered, outcome)] = provider.fetch([ref], call or Allowance())
    assert answered == ref
    return outcome


def failure_of(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def verdict(outcome: Outcome) -> tuple[FailureClass, str]:
    found = failure_of(outcome)
    return found.cls, found.reason


def value_of(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Fetched), outcome
    return outcome.value.reveal()
