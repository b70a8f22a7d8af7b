"""The Key Vault stand-in against the real Azure SDKs, certificate verification on.

If one of these fails after an SDK release, the stand-in is wrong, not syncd.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.keyvault import KeyVault

Login = Callable[[KeyVault], TokenCredential]

_AMBIENT = (
    "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS",
    "AZURE_FEDERATED_TOKEN_FILE", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZURE_CLIENT_CERTIFICATE_PATH",
    "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module; starting it makes keys."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault, monkeypatch: pytest.MonkeyPatch) -> KeyVault:
    """Return an empty vault, and no ambient Azure identity around it."""
    for name in _AMBIENT:
        monkeypatch.delenv(name, raising=False)
    server.reset()
    return server


def _secret_login(vault: KeyVault, client_secret: str = "") -> ClientSecretCredential:
    return ClientSecretCredential(
        vault.tenant_id,
        vault.client_id,
        client_secret or vault.client_secret,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def _certificate_login(vault: KeyVault, path: str = "") -> CertificateCredential:
    return CertificateCredential(
        vault.tenant_id,
        vault.client_id,
        path or vault.certificate_file,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def _workload_login(vault: KeyVault, path: str = "") -> WorkloadIdentityCredential:
    return WorkloadIdentityCredential(
        tenant_id=vault.tenant_id,
        client_id=vault.client_id,
        token_file_path=path or vault.federated_token_file,
        authority=vault.authority,
        disable_instance_discovery=True,
        connection_verify=vault.ca_file,
        retry_total=0,
    )


def _client(vault: KeyVault, credential: TokenCredential | None = None, **options: object) -> SecretClient:
    settings: dict[str, object] = {"connection_verify": vault.ca_file, "retry_total": 0, **options}
    return SecretClient(vault.vault_url, credential or _secret_login(vault), **settings)


def _inner_code(error: HttpResponseError) -> object:
    assert error.error is not None
    return error.error.innererror.get("code")


@pytest.mark.parametrize("login", [_secret_login, _certificate_login, _workload_login])
def test_each_login_of_the_token_endpoint_reads_a_secret(vault: KeyVault, login: Login) -> None:
    """A client secret, a certificate and a federated token lead to the same value."""
    vault.put("db-password", "s3cret")
    with _client(vault, login(vault)) as client:
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
    with _client(vault, credential) as client:
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
    with _client(vault, credential) as client:
        assert client.get_secret("db-password").value == "s3cret"


def test_a_wrong_client_secret_is_an_authentication_error(vault: KeyVault) -> None:
    """The login answers invalid_client, and the number is in the message alone."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        _secret_login(vault, "wrong").get_token("https://vault.azure.net/.default")


def test_a_certificate_nobody_registered_is_refused(vault: KeyVault, tmp_path: Path) -> None:
    """A valid signature by a strange key is not enough."""
    with KeyVault.start(tmp_path) as other:
        login = _certificate_login(vault, other.certificate_file)
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
        _workload_login(vault, str(token)).get_token("https://vault.azure.net/.default")
    vault.accept_federated_key(public.decode())
    assert _workload_login(vault, str(token)).get_token("https://vault.azure.net/.default").token


def test_the_first_request_is_challenged_and_the_next_ones_are_not(vault: KeyVault, tmp_path: Path) -> None:
    """A vault the process has not met is asked once without a token, then with one."""
    with KeyVault.start(tmp_path) as fresh, _client(fresh) as client:
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
            _client(fresh).get_secret("db-password")
        assert all(not entry.token_sent for entry in fresh.requests())
        fresh.put("db-password", "s3cret")
        with _client(fresh, verify_challenge_resource=False) as client:
            assert client.get_secret("db-password").value == "s3cret"


def test_an_unknown_ca_is_a_request_error(vault: KeyVault) -> None:
    """Verification is on: without our CA neither the login nor the vault is believed."""
    with pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"):
        _client(vault, connection_verify=True).get_secret("db-password")


def test_an_expired_or_revoked_token_is_refused_and_replaced(vault: KeyVault) -> None:
    """The vault checks each token; the SDK fetches a new one only when the credential does not cache the old one."""
    vault.put("db-password", "s3cret")
    with _client(vault) as client:
        client.get_secret("db-password")
        vault.revoke_tokens()
        # azure-identity answers from its own cache, so the same dead token comes again.
        with pytest.raises(ClientAuthenticationError) as caught:
            client.get_secret("db-password")
    assert caught.value.status_code == 401
    with _client(vault) as client:
        assert client.get_secret("db-password").value == "s3cret"


def test_thirty_secrets_come_in_two_pages(vault: KeyVault) -> None:
    """A page holds 25; disabled ones are listed too, without values."""
    for number in range(30):
        vault.put(f"secret-{number:02}", "value", enabled=number != 3)
    with _client(vault) as client:
        pages = [list(page) for page in client.list_properties_of_secrets().by_page()]
    assert [len(page) for page in pages] == [25, 5]
    assert [one.name for page in pages for one in page if not one.enabled] == ["secret-03"]


def test_versions_are_listed_and_read(vault: KeyVault) -> None:
    """Each write makes a version; the newest answers for the name, whatever its case."""
    first = vault.put("Db-Password", "one", tags={"owner": "team-a"}, content_type="text/plain")
    second = vault.put("db-password", "two")
    with _client(vault) as client:
        newest, older = client.get_secret("DB-PASSWORD"), client.get_secret("db-password", first)
        listed = {one.version for one in client.list_properties_of_secret_versions("db-password")}
    assert (newest.value, newest.properties.version) == ("two", second)
    assert newest.id == f"{vault.vault_url}/secrets/Db-Password/{second}"
    assert (older.value, older.properties.tags, older.properties.content_type) == (
        "one",
        {"owner": "team-a"},
        "text/plain",
    )
    assert listed == {first, second}


def test_a_disabled_secret_is_forbidden_with_its_own_inner_code(vault: KeyVault) -> None:
    """The newest disabled version hides the older ones, which can still be asked for."""
    first = vault.put("db-password", "one")
    vault.put("db-password", "two")
    vault.disable("db-password")
    with _client(vault) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password", first).value == "one"
    assert (caught.value.status_code, _inner_code(caught.value)) == (403, "SecretDisabled")


@pytest.mark.parametrize("inner", ["ForbiddenByPolicy", "ForbiddenByRbac", "ForbiddenByFirewall"])
def test_a_forbidden_secret_names_who_forbids_it(vault: KeyVault, inner: str) -> None:
    """Permission and firewall differ in the inner code alone."""
    vault.put("db-password", "s3cret")
    vault.forbid("db-password", inner)
    with _client(vault) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("db-password")
    assert (caught.value.status_code, _inner_code(caught.value)) == (403, inner)


def test_a_secret_outside_its_window_is_still_served(vault: KeyVault) -> None:
    """The vault only tells; refusing is up to the reader."""
    vault.put("db-password", "s3cret")
    vault.expire("db-password", not_before=4_000_000_000)
    with _client(vault) as client:
        found = client.get_secret("db-password")
    assert found.properties.expires_on is not None
    assert found.properties.not_before is not None
    assert found.properties.expires_on.year == 2001
    assert found.properties.not_before.year == 2096


def test_a_soft_deleted_secret_is_missing_and_holds_its_name(vault: KeyVault) -> None:
    """It is not found, is found among the deleted, cannot be written, and comes back by recovery."""
    with _client(vault) as client:
        client.set_secret("db-password", "s3cret")
        client.begin_delete_secret("db-password", _polling_interval=0).wait()
        with pytest.raises(ResourceNotFoundError) as missing:
            client.get_secret("db-password")
        assert client.get_deleted_secret("db-password").recovery_id
        with pytest.raises(ResourceExistsError):
            client.set_secret("db-password", "again")
        vault.forbid("db-password", collection="deletedsecrets")
        with pytest.raises(HttpResponseError) as hidden:
            client.get_deleted_secret("db-password")
        vault.allow("db-password", collection="deletedsecrets")
        client.begin_recover_deleted_secret("db-password", _polling_interval=0).wait()
        assert client.get_secret("db-password").value == "s3cret"
    assert missing.value.error is not None
    assert missing.value.error.code == "SecretNotFound"
    assert hidden.value.status_code == 403


def test_attributes_are_changed_and_a_purged_name_is_free(vault: KeyVault) -> None:
    """The rest of the life of a secret: a PATCH of its attributes, deletion for good, and a new start."""
    with _client(vault) as client:
        client.set_secret("db-password", "s3cret")
        changed = client.update_secret_properties("db-password", enabled=False, tags={"a": "b"})
        assert (changed.enabled, changed.tags) == (False, {"a": "b"})
        client.begin_delete_secret("db-password", _polling_interval=0).wait()
        assert [one.name for one in client.list_deleted_secrets()] == ["db-password"]
        client.purge_deleted_secret("db-password")
        with pytest.raises(ResourceNotFoundError):
            client.get_deleted_secret("db-password")
        assert client.set_secret("db-password", "new").value == "new"


def test_throttling_carries_retry_after(vault: KeyVault) -> None:
    """A 429 comes as often as ordered, with the header as ordered."""
    vault.put("db-password", "s3cret")
    vault.throttle(1, 17)
    with _client(vault) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password").value == "s3cret"
    assert caught.value.status_code == 429
    assert isinstance(caught.value.response, HttpResponse)
    assert caught.value.response.headers["Retry-After"] == "17"
    assert caught.value.error is not None
    assert caught.value.error.code == "Throttled"


def test_a_bad_name_is_a_bad_parameter(vault: KeyVault) -> None:
    """Names with other than letters, digits and dashes are refused."""
    with _client(vault) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("under_score")
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "BadParameter"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang", ServiceResponseError),
        ("reset", ServiceResponseError),
        ("cut", IncompleteReadError),
        ("foreign_404", ResourceNotFoundError),
        ("foreign_200", json.JSONDecodeError),
        ("truncated", DecodeError),
        ("empty", json.JSONDecodeError),
        ("status", HttpResponseError),
    ],
)
def test_a_fault_reaches_the_reader_as_this_error(vault: KeyVault, kind: str, error: type[Exception]) -> None:
    """What the SDK makes of each broken answer; some of it is no AzureError at all."""
    vault.put("db-password", "s3cret")
    vault.fault(kind, seconds=2.0)
    with _client(vault, read_timeout=0.5) as client:
        with pytest.raises(error) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password").value == "s3cret"
    assert isinstance(caught.value, AzureError) == (error is not json.JSONDecodeError)


def test_wrong_answers_pass_the_sdk_unnoticed(vault: KeyVault) -> None:
    """A null value, a strange id, a huge value and a page without `value` all look well to the SDK."""
    vault.put("db-password", "s3cret")
    for kind in ("null_value", "wrong_id", "huge", "bomb"):
        vault.fault(kind)
    with _client(vault) as client:
        null, wrong, huge, bomb = (client.get_secret("db-password") for _ in range(4))
        vault.fault("no_value", path="/secrets")
        listed = list(client.list_properties_of_secrets())
    assert null.value is None
    assert wrong.name == "somebody-elses"
    assert [len(one.value or "") for one in (huge, bomb)] == [3 * 1024 * 1024] * 2
    assert listed == []


def test_a_redirect_to_another_host_is_seen_in_the_log(vault: KeyVault) -> None:
    """The log tells under which host a request arrived and whether a token came along."""
    vault.put("db-password", "s3cret")
    vault.fault("redirect", path="/secrets/db-password")
    with _client(vault, permit_redirects=False) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("db-password")
    assert caught.value.status_code == 307
    mark = vault.mark()
    vault.fault("redirect", path="/secrets/db-password")
    with _client(vault) as client, pytest.raises(ValueError, match="does not match the requested domain"):
        client.get_secret("db-password")
    arrived = [(entry.host.partition(":")[0], entry.token_sent) for entry in vault.requests(mark) if entry.status]
    assert arrived[-2:] == [("127.0.0.1", True), ("localhost", False)]


def test_an_attached_server_takes_the_same_orders(server: KeyVault, vault: KeyVault) -> None:
    """A description leads another process to the same vault."""
    attached = KeyVault.attach(json.loads(json.dumps(server.describe())))
    mark = attached.mark()
    version = attached.put("db-password", "s3cret", tags={"a": "b"})
    with _client(attached) as client:
        assert client.get_secret("db-password").properties.version == version
    assert attached.requests(mark)[-1] == vault.requests(mark)[-1]


def test_a_child_process_serves_and_ends_when_told(tmp_path: Path) -> None:
    """The shared server describes itself in one line and ends on SIGTERM."""
    server = [sys.executable, "-m", "tests.servers.serve", "tests.servers.keyvault:KeyVault"]
    command = [*server, "--directory", str(tmp_path), "--owner", str(os.getpid())]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            attached = KeyVault.attach(json.loads(child.stdout.readline()))
            attached.put("db-password", "s3cret")
            with _client(attached) as client:
                assert client.get_secret("db-password").value == "s3cret"
        finally:
            child.terminate()
        assert child.wait(10) == 0


def test_control_needs_its_key(vault: KeyVault) -> None:
    """Without the key the control endpoint does nothing."""
    with _client(vault) as client:
        request = HttpRequest("POST", f"{vault.vault_url}/control", json={"do": "reset"})
        assert client.send_request(request).status_code == 403
