"""Credentials and clients of the unmodified Azure SDKs for the Key Vault stand-in, certificate verification on."""

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    HttpResponseError,
)
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

from tests.servers.keyvault import KeyVault


def secret_login(vault: KeyVault, client_secret: str = "") -> ClientSecretCredential:
    return ClientSecretCredential(
        vault.tenant_id,
        vault.client_id,
        client_secret or vault.client_secret,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def certificate_login(vault: KeyVault, path: str = "") -> CertificateCredential:
    return CertificateCredential(
        vault.tenant_id,
        vault.client_id,
        path or vault.certificate_file,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def workload_login(vault: KeyVault, path: str = "") -> WorkloadIdentityCredential:
    return WorkloadIdentityCredential(
        tenant_id=vault.tenant_id,
        client_id=vault.client_id,
        token_file_path=path or vault.federated_token_file,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def client_of(vault: KeyVault, credential: TokenCredential | None = None, **options: object) -> SecretClient:
    settings: dict[str, object] = {"connection_verify": vault.ca_file, "retry_total": 0, **options}
    return SecretClient(vault.vault_url, credential or secret_login(vault), **settings)


def inner_code(error: HttpResponseError) -> object:
    assert error.error is not None
    return error.error.innererror.get("code")
