"""A Key Vault store as the configuration makes it, and calls that count, for the tests of the Azure adapter."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls
from syncd.testing.provider_case import Allowance
from syncd_providers.azure import SPEC
from syncd_providers.azure.client import AzureProvider
from syncd_providers.azure.options import AzureOptions
from tests.servers.keyvault import KeyVault


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
