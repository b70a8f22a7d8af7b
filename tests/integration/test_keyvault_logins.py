"""The Entra stand-in against the real Azure SDKs: logins, challenges and tokens.

If one of these fails after an SDK release, the stand-in is wrong, not syncd.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    ServiceRequestError,
)
from azure.identity import (
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.integration.keyvault_sdk import certificate_login, client_of, secret_login, workload_login
from tests.servers.keyvault import KeyVault

Login = Callable[[KeyVault], TokenCredential]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module; starting it makes keys."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    """Return an empty vault."""
    server.reset()
    return server


@pytest.mark.parametrize("login", [secret_login, certificate_login, workload_login])
def test_each_login_of_the_token_endpoint_reads_a_secret(vault: KeyVault, login: Login) -> None:
    """A client secret, a certificate and a federated token lead to the same value."""
    vault.put("db-password", "s3cret")
    with client_of(vault, login(vault)) as client:
        assert client.get_secret("db-password").value == "s3cret"


@pytest.mark.parametrize("app_service", [True, False])
def test_a_managed_identity_reads_a_secret(
    vault: KeyVault,
    monkeypatch: pytest.MonkeyPatch,
    *,
    app_service: bool,
) -> None:
    """Both the App Service endpoint and the instance metadata service lead to the value."""
    vault.put("db-password", "s3cret")
    for name, value in vault.managed_identity(app_service=app_service).items():
        monkeypatch.setenv(name, value)
    credential = ManagedIdentityCredential(connection_verify=vault.ca_file, retry_total=0)
    with client_of(vault, credential) as client:
        assert client.get_secret("db-password").value == "s3cret"


def test_an_unknown_managed_identity_is_unavailable(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client id nobody assigned is refused, and azure-identity calls that unavailable."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", vault.vault_url)
    credential = ManagedIdentityCredential(client_id="somebody", connection_verify=vault.ca_file, retry_total=0)
    with pytest.raises(CredentialUnavailableError, match="Identity not found"):
        credential.get_token("https://vault.azure.net/.default")


def test_the_default_chain_finds_the_workload_identity(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain works with its environment, which is how a Pod on AKS has it."""
    vault.put("db-password", "s3cret")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", vault.authority)
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", vault.client_id)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", vault.federated_token_file)
    credential = DefaultAzureCredential(
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )
    with client_of(vault, credential) as client:
        assert client.get_secret("db-password").value == "s3cret"


def test_a_wrong_client_secret_is_an_authentication_error(vault: KeyVault) -> None:
    """The login answers invalid_client, and the number is in the message alone."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        secret_login(vault, "wrong").get_token("https://vault.azure.net/.default")


def test_a_certificate_nobody_registered_is_refused(vault: KeyVault, tmp_path: Path) -> None:
    """A valid signature by a strange key is not enough."""
    with KeyVault.start(tmp_path) as other:
        login = certificate_login(vault, other.certificate_file)
        with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
            login.get_token("https://vault.azure.net/.default")


def test_a_federated_token_is_verified_by_its_issuers_key(vault: KeyVault, tmp_path: Path) -> None:
    """A service account token is believed by its signature once its key is known, and not before."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )
    claims = {"aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:a:b", "exp": int(time.time()) + 600}
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    token = tmp_path / "token"
    token.write_text(f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700211"):
        workload_login(vault, str(token)).get_token("https://vault.azure.net/.default")
    vault.accept_federated_key(public.decode())
    assert workload_login(vault, str(token)).get_token("https://vault.azure.net/.default").token


def test_the_first_request_is_challenged_and_the_next_ones_are_not(vault: KeyVault, tmp_path: Path) -> None:
    """A vault the process has not met is asked once without a token, then with one."""
    with KeyVault.start(tmp_path) as fresh, client_of(fresh) as client:
        fresh.put("db-password", "s3cret")
        client.get_secret("db-password")
        client.get_secret("db-password")
        reads = [entry for entry in fresh.requests() if entry.path.startswith("/secrets")]
    assert [(entry.status, entry.identity) for entry in reads] == [
        (401, ""),
        (200, vault.client_id),
        (200, vault.client_id),
    ]


def test_a_challenge_for_another_resource_is_refused_by_the_sdk(tmp_path: Path) -> None:
    """With `verify_challenge_resource` on, which is its default, no token is fetched for a strange resource."""
    with KeyVault.start(tmp_path) as fresh:
        fresh.challenge(resource="https://vault.example")
        with pytest.raises(ValueError, match="does not match the requested domain"):
            client_of(fresh).get_secret("db-password")
        assert all(not entry.token_sent for entry in fresh.requests())
        fresh.put("db-password", "s3cret")
        with client_of(fresh, verify_challenge_resource=False) as client:
            assert client.get_secret("db-password").value == "s3cret"


def test_an_unknown_ca_is_a_request_error(vault: KeyVault) -> None:
    """Verification is on: without our CA neither the login nor the vault is believed."""
    with pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"):
        client_of(vault, connection_verify=True).get_secret("db-password")


def test_an_expired_or_revoked_token_is_refused_and_replaced(vault: KeyVault) -> None:
    """The vault checks each token; the SDK fetches a new one only when the credential does not cache the old one."""
    vault.put("db-password", "s3cret")
    with client_of(vault) as client:
        client.get_secret("db-password")
        vault.revoke_tokens()
        # azure-identity answers from its own cache, so the same dead token comes again.
        with pytest.raises(ClientAuthenticationError) as caught:
            client.get_secret("db-password")
    assert caught.value.status_code == 401
    with client_of(vault) as client:
        assert client.get_secret("db-password").value == "s3cret"
