"""The logins of the Azure adapter against an Entra tenant: each method, and what goes wrong with tokens."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from syncd.model.reference import FailureClass
from syncd.model.store import Timeouts
from syncd.testing.provider_case import Allowance
from tests.integration.azure_store import failure_of, provider_for, read, value_of, verdict
from tests.servers.keyvault import KeyVault

ABSENT, UNUSABLE, DENIED = FailureClass.ABSENT, FailureClass.UNUSABLE, FailureClass.DENIED
UNAVAILABLE, MALFORMED, THROTTLED = FailureClass.UNAVAILABLE, FailureClass.MALFORMED, FailureClass.THROTTLED


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module, which orders faults that others must not meet."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    server.reset()
    return server


def test_workload_identity_reads_the_file_again_at_each_login(vault: KeyVault, tmp_path: Path) -> None:
    vault.put("db", "one")
    token = tmp_path / "token"
    token.write_text("rotated away")
    auth = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "tokenFile": str(token)}
    provider = provider_for(vault, {"workloadIdentity": auth})
    refused = failure_of(read(provider, "db"))
    assert (refused.cls, refused.reason, refused.scope) == (DENIED, "login-refused", "store")
    assert "workloadIdentity" in refused.message
    assert vault.client_id in refused.message
    token.write_text(Path(vault.federated_token_file).read_text())
    assert value_of(read(provider, "db")) == b"one"
    # The next token of the file is one that a new issuer key signed.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token.write_text(_service_account_token(key))
    vault.accept_federated_key(_public(key))
    provider.relogin()
    assert value_of(read(provider, "db")) == b"one"
    token.unlink()
    provider.relogin()
    gone = failure_of(read(provider, "db"))
    assert (gone.cls, gone.reason) == (DENIED, "credential-unreadable")
    assert str(token) in gone.message


def test_workload_identity_takes_what_is_left_out_from_the_environment(
    vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put("db", "one")
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", "somebody-else")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", vault.federated_token_file)
    # Where it is configured, the environment has no say.
    assert value_of(read(provider_for(vault, {"workloadIdentity": {"clientId": vault.client_id}}), "db")) == b"one"
    assert verdict(read(provider_for(vault, {"workloadIdentity": {}}), "db")) == (DENIED, "login-refused")
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    without = failure_of(read(provider_for(vault, {"workloadIdentity": {}}), "db"))
    assert (without.cls, without.reason) == (DENIED, "credential-unreadable")
    assert "tokenFile" in without.message


@pytest.mark.parametrize("app_service", [True, False])
def test_managed_identity(vault: KeyVault, monkeypatch: pytest.MonkeyPatch, *, app_service: bool) -> None:
    vault.put("db", "one")
    for name, value in vault.managed_identity(app_service=app_service).items():
        monkeypatch.setenv(name, value)
    assert value_of(read(provider_for(vault, {"managedIdentity": {}}), "db")) == b"one"
    unknown = provider_for(vault, {"managedIdentity": {"clientId": "somebody"}})
    refused = failure_of(read(unknown, "db"))
    assert (refused.cls, refused.reason) == (DENIED, "login-refused")
    assert "client somebody" in refused.message


def test_managed_identity_never_becomes_a_workload_identity(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """B8: nothing falls from one method to another, whatever AKS puts into the environment."""
    vault.put("db", "one")
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", vault.client_id)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", vault.federated_token_file)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", vault.authority)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", vault.vault_url)
    mark = vault.mark()
    assert value_of(read(provider_for(vault, {"managedIdentity": {}}), "db")) == b"one"
    assert not [entry for entry in vault.requests(mark) if entry.path.endswith("/oauth2/v2.0/token")]


def test_default_takes_the_sdks_chain(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.put("db", "one")
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", vault.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", vault.client_secret)
    assert value_of(read(provider_for(vault, {"default": {}}), "db")) == b"one"


def test_a_credential_travels_to_the_configured_login_alone(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain would follow AZURE_AUTHORITY_HOST; a host that is not configured is not spoken to."""
    vault.put("db", "one")
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", vault.client_id)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", vault.federated_token_file)
    elsewhere = vault.authority.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", elsewhere)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
    mark = vault.mark()
    assert verdict(read(provider_for(vault, {"default": {}}), "db")) == (UNAVAILABLE, "address-not-configured")
    assert not [entry for entry in vault.requests(mark) if entry.host.startswith("localhost")]


def test_a_rotated_client_secret_is_read_at_the_next_login(vault: KeyVault, tmp_path: Path) -> None:
    vault.put("db", "one")
    file = tmp_path / "secret"
    file.write_text(vault.client_secret)
    provider = provider_for(vault, secret_file=file)
    assert value_of(read(provider, "db")) == b"one"
    vault.accept_secret("the-next-one")
    vault.revoke_tokens()
    revoked = failure_of(read(provider, "db"))
    assert (revoked.cls, revoked.reason, revoked.stale_credential) == (DENIED, "token-refused", True)
    provider.relogin()
    refused = failure_of(read(provider, "db"))
    assert (refused.cls, refused.reason, refused.stale_credential) == (DENIED, "login-refused", False)
    assert "AADSTS7000215" in refused.message
    file.write_text("the-next-one\n")
    assert value_of(read(provider, "db")) == b"one"


def test_a_revoked_token_needs_a_new_login_which_helps(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = provider_for(vault)
    read(provider, "db")
    vault.revoke_tokens()
    assert failure_of(read(provider, "db")).stale_credential
    provider.relogin()
    assert value_of(read(provider, "db")) == b"one"


def test_a_login_that_fails_near_the_end_of_a_token_does_no_harm_before_it(vault: KeyVault) -> None:
    """B7: the token holds for another 200 s, and one try in 30 s to renew it is enough."""
    vault.put("db", "one")
    vault.token_lifetime(200)
    provider = provider_for(vault)
    assert value_of(read(provider, "db")) == b"one"
    vault.fault("status", path=f"/{vault.tenant_id}", status=503, times=0)
    mark = vault.mark()
    assert [value_of(read(provider, "db")) for _ in range(3)] == [b"one"] * 3
    assert len([entry for entry in vault.requests(mark) if entry.path.startswith("/secrets")]) == 3
    assert len([entry for entry in vault.requests(mark) if entry.path.startswith(f"/{vault.tenant_id}")]) == 1
    provider.relogin()
    assert verdict(read(provider, "db")) == (UNAVAILABLE, "login-failed")
    vault.clear_faults()
    assert value_of(read(provider, "db")) == b"one"


def test_many_threads_log_in_once(vault: KeyVault) -> None:
    """B3: one token for one identity, however many threads want it."""
    for number in range(32):
        vault.put(f"s-{number}", str(number))
    provider, mark = provider_for(vault), vault.mark()
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: value_of(read(provider, f"s-{number}")), range(32)))
    assert values == [str(number).encode() for number in range(32)]
    tokens = [entry for entry in vault.requests(mark) if entry.path.endswith("/oauth2/v2.0/token")]
    assert len(tokens) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, (THROTTLED, "login-throttled")), (500, (UNAVAILABLE, "login-failed")), (404, (UNAVAILABLE, "login-failed"))],
)
def test_a_login_endpoint_in_trouble_is_not_a_refusal(
    vault: KeyVault, status: int, expected: tuple[FailureClass, str]
) -> None:
    vault.put("db", "one")
    provider = provider_for(vault)
    vault.fault("status", path=f"/{vault.tenant_id}/oauth2", status=status)
    failure = failure_of(read(provider, "db"))
    assert ((failure.cls, failure.reason), failure.scope) == (expected, "store")
    assert value_of(read(provider, "db")) == b"one"


def test_a_challenge_for_another_resource_gets_no_token(tmp_path: Path) -> None:
    """L9; a vault that this process has not met, since the SDK keeps a vault's first challenge."""
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        fresh.challenge(resource="https://vault.example")
        refused = failure_of(read(provider_for(fresh), "db"))
        assert (refused.cls, refused.reason) == (DENIED, "challenge-for-another-resource")
        assert all(not entry.token_sent for entry in fresh.requests())
        assert not [entry for entry in fresh.requests() if "oauth2" in entry.path]
        assert value_of(read(provider_for(fresh, verifyChallengeResource=False), "db")) == b"one"


def test_a_challenge_for_another_tenant_is_denied(tmp_path: Path) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        fresh.challenge(authority=f"{fresh.authority}/00000000-0000-0000-0000-000000000000")
        assert failure_of(read(provider_for(fresh), "db")).cls is not ABSENT
        assert not [entry for entry in fresh.requests() if "oauth2" in entry.path]


def _public(key: rsa.RSAPrivateKey) -> str:
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(pem, form).decode()


def _service_account_token(key: rsa.RSAPrivateKey) -> str:
    claims = {"aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:a:b", "exp": int(time.time()) + 600}
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_threads_that_wait_for_a_failing_login_fail_with_it(vault: KeyVault) -> None:
    """One that hangs is tried once, not once for each thread one after the other."""
    vault.put("db", "one")
    provider, mark = provider_for(vault, timeouts=Timeouts(connect=3.0, read=1.5, total=3.0)), vault.mark()
    vault.fault("hang", path=f"/{vault.tenant_id}/oauth2", seconds=6.0, times=0)
    begin = threading.Barrier(6)

    def together(_: int) -> tuple[FailureClass, str]:
        begin.wait()
        return verdict(read(provider, "db"))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(together, range(6))) == {(UNAVAILABLE, "timeout")}
    assert len([entry for entry in vault.requests(mark) if entry.path.endswith("/token")]) == 1


def test_a_call_does_not_wait_for_anothers_login_beyond_its_end(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider, mark = provider_for(vault), vault.mark()
    vault.fault("hang", path=f"/{vault.tenant_id}/oauth2", seconds=4.0)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, provider, "db")
        while not [entry for entry in vault.requests(mark) if entry.path.endswith("/token")]:
            assert not slow.done()
        begun = time.monotonic()
        assert verdict(read(provider, "db", call=Allowance(seconds=0.1))) == (UNAVAILABLE, "timeout")
        assert time.monotonic() - begun < 3.0
        assert value_of(slow.result()) == b"one"
