"""The Azure adapter against a Key Vault and its Entra tenant: logins, reads, refusals and faults of the wire."""

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls
from syncd_providers.azure import SPEC
from syncd_providers.azure.client import AzureProvider
from syncd_providers.azure.options import AzureOptions
from tests.servers.keyvault import KeyVault

ABSENT, UNUSABLE, DENIED = FailureClass.ABSENT, FailureClass.UNUSABLE, FailureClass.DENIED
UNAVAILABLE, MALFORMED, THROTTLED = FailureClass.UNAVAILABLE, FailureClass.MALFORMED, FailureClass.THROTTLED


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module, which orders faults that others must not meet."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    server.reset()
    return server


def _provider(
    vault: KeyVault,
    auth: dict[str, Any] | None = None,
    *,
    secret_file: Path | None = None,
    timeouts: Timeouts | None = None,
    ca_file: Path | None = None,
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
    settings = StoreSettings("kv", Path(vault.ca_file).parent, timeouts or Timeouts(), tls)
    assert list(SPEC.check(checked, settings)) == []
    made = SPEC.create(checked, settings)
    assert isinstance(made, AzureProvider)
    return made


def _read(provider: AzureProvider, key: str, version: str = "", call: Allowance | None = None) -> Outcome:
    ref = provider.canonical(RemoteRef("kv", key, version))
    assert isinstance(ref, RemoteRef)
    [(answered, outcome)] = provider.fetch([ref], call or Allowance())
    assert answered == ref
    return outcome


def _failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def _verdict(outcome: Outcome) -> tuple[FailureClass, str]:
    found = _failure(outcome)
    return found.cls, found.reason


def _value(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Fetched), outcome
    return outcome.value.reveal()


def test_a_secret_comes_with_its_bytes_version_and_time(vault: KeyVault) -> None:
    version = vault.put("Db-Password", "pä$$ wörd\n", created=1_700_000_000)
    found = _read(_provider(vault), "DB-PASSWORD")
    assert isinstance(found, Fetched)
    assert found.value.reveal() == "pä$$ wörd\n".encode()
    assert (found.version, found.created, found.structured) == (version, 1_700_000_000.0, False)


def test_a_pinned_version_is_read_and_a_missing_one_is_absent(vault: KeyVault) -> None:
    first = vault.put("db", "one")
    vault.put("db", "two")
    provider = _provider(vault)
    assert _value(_read(provider, "db", first)) == b"one"
    assert _value(_read(provider, f"{vault.vault_url}/secrets/db/{first}")) == b"one"
    assert _value(_read(provider, "db")) == b"two"
    assert _verdict(_read(provider, "db", "0" * 32)) == (ABSENT, "not-found")


def test_every_request_is_spent_and_a_second_read_costs_one(tmp_path: Path) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        provider, first, second = _provider(fresh), Allowance(), Allowance()
        _read(provider, "db", call=first)
        _read(provider, "db", call=second)
        # Challenge, OpenID metadata, token, secret; then the secret alone.
        assert (first.spent, second.spent) == (4, 1)
        assert len(fresh.requests()) == 5


@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_a_used_up_budget_ends_the_call_wherever_it_is(tmp_path: Path, budget: int) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        provider = _provider(fresh)
        with pytest.raises(CallAborted):
            _read(provider, "db", call=Allowance(budget=budget))
        assert len(fresh.requests()) == budget
        assert _value(_read(provider, "db")) == b"one"


def test_workload_identity_reads_the_file_again_at_each_login(vault: KeyVault, tmp_path: Path) -> None:
    vault.put("db", "one")
    token = tmp_path / "token"
    token.write_text("rotated away")
    auth = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "tokenFile": str(token)}
    provider = _provider(vault, {"workloadIdentity": auth})
    refused = _failure(_read(provider, "db"))
    assert (refused.cls, refused.reason, refused.scope) == (DENIED, "login-refused", "store")
    assert "workloadIdentity" in refused.message
    assert vault.client_id in refused.message
    token.write_text(Path(vault.federated_token_file).read_text())
    assert _value(_read(provider, "db")) == b"one"
    # The next token of the file is one that a new issuer key signed.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token.write_text(_service_account_token(key))
    vault.accept_federated_key(_public(key))
    provider.relogin()
    assert _value(_read(provider, "db")) == b"one"
    token.unlink()
    provider.relogin()
    gone = _failure(_read(provider, "db"))
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
    assert _value(_read(_provider(vault, {"workloadIdentity": {"clientId": vault.client_id}}), "db")) == b"one"
    assert _verdict(_read(_provider(vault, {"workloadIdentity": {}}), "db")) == (DENIED, "login-refused")
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    without = _failure(_read(_provider(vault, {"workloadIdentity": {}}), "db"))
    assert (without.cls, without.reason) == (DENIED, "credential-unreadable")
    assert "tokenFile" in without.message


@pytest.mark.parametrize("app_service", [True, False])
def test_managed_identity(vault: KeyVault, monkeypatch: pytest.MonkeyPatch, *, app_service: bool) -> None:
    vault.put("db", "one")
    for name, value in vault.managed_identity(app_service=app_service).items():
        monkeypatch.setenv(name, value)
    assert _value(_read(_provider(vault, {"managedIdentity": {}}), "db")) == b"one"
    unknown = _provider(vault, {"managedIdentity": {"clientId": "somebody"}})
    refused = _failure(_read(unknown, "db"))
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
    assert _value(_read(_provider(vault, {"managedIdentity": {}}), "db")) == b"one"
    assert not [entry for entry in vault.requests(mark) if entry.path.endswith("/oauth2/v2.0/token")]


def test_default_takes_the_sdks_chain(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.put("db", "one")
    monkeypatch.setenv("AZURE_TENANT_ID", vault.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", vault.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", vault.client_secret)
    assert _value(_read(_provider(vault, {"default": {}}), "db")) == b"one"


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
    assert _verdict(_read(_provider(vault, {"default": {}}), "db")) == (UNAVAILABLE, "address-not-configured")
    assert not [entry for entry in vault.requests(mark) if entry.host.startswith("localhost")]


def test_a_rotated_client_secret_is_read_at_the_next_login(vault: KeyVault, tmp_path: Path) -> None:
    vault.put("db", "one")
    file = tmp_path / "secret"
    file.write_text(vault.client_secret)
    provider = _provider(vault, secret_file=file)
    assert _value(_read(provider, "db")) == b"one"
    vault.accept_secret("the-next-one")
    vault.revoke_tokens()
    revoked = _failure(_read(provider, "db"))
    assert (revoked.cls, revoked.reason, revoked.stale_credential) == (DENIED, "token-refused", True)
    provider.relogin()
    refused = _failure(_read(provider, "db"))
    assert (refused.cls, refused.reason, refused.stale_credential) == (DENIED, "login-refused", False)
    assert "AADSTS7000215" in refused.message
    file.write_text("the-next-one\n")
    assert _value(_read(provider, "db")) == b"one"


def test_a_revoked_token_needs_a_new_login_which_helps(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = _provider(vault)
    _read(provider, "db")
    vault.revoke_tokens()
    assert _failure(_read(provider, "db")).stale_credential
    provider.relogin()
    assert _value(_read(provider, "db")) == b"one"


def test_a_login_that_fails_near_the_end_of_a_token_does_no_harm_before_it(vault: KeyVault) -> None:
    """B7: the token holds for another 200 s, and one try in 30 s to renew it is enough."""
    vault.put("db", "one")
    vault.token_lifetime(200)
    provider = _provider(vault)
    assert _value(_read(provider, "db")) == b"one"
    vault.fault("status", path=f"/{vault.tenant_id}", status=503, times=0)
    mark = vault.mark()
    assert [_value(_read(provider, "db")) for _ in range(3)] == [b"one"] * 3
    assert len([entry for entry in vault.requests(mark) if entry.path.startswith("/secrets")]) == 3
    assert len([entry for entry in vault.requests(mark) if entry.path.startswith(f"/{vault.tenant_id}")]) == 1
    provider.relogin()
    assert _verdict(_read(provider, "db")) == (UNAVAILABLE, "login-failed")
    vault.clear_faults()
    assert _value(_read(provider, "db")) == b"one"


def test_many_threads_log_in_once(vault: KeyVault) -> None:
    """B3: one token for one identity, however many threads want it."""
    for number in range(32):
        vault.put(f"s-{number}", str(number))
    provider, mark = _provider(vault), vault.mark()
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: _value(_read(provider, f"s-{number}")), range(32)))
    assert values == [str(number).encode() for number in range(32)]
    tokens = [entry for entry in vault.requests(mark) if entry.path.endswith("/oauth2/v2.0/token")]
    assert len(tokens) == 1


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(429, (THROTTLED, "login-throttled")), (500, (UNAVAILABLE, "login-failed")), (404, (UNAVAILABLE, "login-failed"))],
)
def test_a_login_endpoint_in_trouble_is_not_a_refusal(
    vault: KeyVault, status: int, verdict: tuple[FailureClass, str]
) -> None:
    vault.put("db", "one")
    provider = _provider(vault)
    vault.fault("status", path=f"/{vault.tenant_id}/oauth2", status=status)
    failure = _failure(_read(provider, "db"))
    assert ((failure.cls, failure.reason), failure.scope) == (verdict, "store")
    assert _value(_read(provider, "db")) == b"one"


def test_what_cannot_be_used(vault: KeyVault) -> None:
    """D3, D10 to D13: disabled, expired, not yet valid, soft-deleted; then each heals."""
    older = vault.put("db", "one")
    vault.put("db", "two")
    provider = _provider(vault)
    vault.disable("db")
    assert _verdict(_read(provider, "db")) == (UNUSABLE, "disabled")
    assert _value(_read(provider, "db", older)) == b"one"
    vault.disable("db", enabled=True)
    vault.expire("db")
    assert _verdict(_read(provider, "db")) == (UNUSABLE, "expired")
    vault.expire("db", expires=None, not_before=4_000_000_000)
    assert _verdict(_read(provider, "db")) == (UNUSABLE, "not-yet-valid")
    vault.expire("db", expires=None)
    vault.delete("db")
    assert _verdict(_read(provider, "db")) == (UNUSABLE, "soft-deleted")
    vault.forbid("db", collection="deletedsecrets")
    assert _verdict(_read(provider, "db")) == (UNUSABLE, "absence-unproven")
    vault.allow("db", collection="deletedsecrets")
    vault.recover("db")
    assert _value(_read(provider, "db")) == b"two"
    vault.purge("db")
    assert _verdict(_read(provider, "db")) == (ABSENT, "not-found")


def test_trouble_while_looking_among_the_deleted_is_not_absence(vault: KeyVault) -> None:
    provider = _provider(vault)
    for kind, status, verdict in (
        ("status", 500, (UNAVAILABLE, "server-error")),
        ("foreign_404", 0, (UNAVAILABLE, "unexpected-status")),
        ("foreign_200", 0, (MALFORMED, "answer-for-another-secret")),
        ("reset", 0, (UNAVAILABLE, "connection-lost")),
    ):
        vault.fault(kind, path="/deletedsecrets", status=status)
        assert _verdict(_read(provider, "gone")) == verdict
    assert _verdict(_read(provider, "gone")) == (ABSENT, "not-found")


@pytest.mark.parametrize(
    ("inner", "reason", "scope"),
    [
        ("ForbiddenByRbac", "permission-denied", "ref"),
        ("ForbiddenByPolicy", "permission-denied", "ref"),
        ("ForbiddenByFirewall", "firewall-denied", "store"),
        ("SomethingNew", "permission-denied", "ref"),
    ],
)
def test_forbidden(vault: KeyVault, inner: str, reason: str, scope: str) -> None:
    """B9, B10."""
    vault.put("db", "one")
    vault.forbid("db", inner)
    failure = _failure(_read(_provider(vault), "db"))
    assert (failure.cls, failure.reason, failure.scope) == (DENIED, reason, scope)
    assert not failure.stale_credential


def test_throttled_with_the_wait_that_was_asked_for(vault: KeyVault) -> None:
    """C2: told once, not retried here."""
    vault.put("db", "one")
    provider = _provider(vault)
    vault.throttle(1, 17)
    mark = vault.mark()
    failure = _failure(_read(provider, "db"))
    assert (failure.cls, failure.retry_after, failure.scope) == (THROTTLED, 17.0, "store")
    assert len([entry for entry in vault.requests(mark) if entry.status == 429]) == 1
    assert _value(_read(provider, "db")) == b"one"
    vault.throttle(1)
    assert _failure(_read(provider, "db")).retry_after is None


def test_a_challenge_for_another_resource_gets_no_token(tmp_path: Path) -> None:
    """L9; a vault that this process has not met, since the SDK keeps a vault's first challenge."""
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        fresh.challenge(resource="https://vault.example")
        refused = _failure(_read(_provider(fresh), "db"))
        assert (refused.cls, refused.reason) == (DENIED, "challenge-for-another-resource")
        assert all(not entry.token_sent for entry in fresh.requests())
        assert not [entry for entry in fresh.requests() if "oauth2" in entry.path]
        assert _value(_read(_provider(fresh, verifyChallengeResource=False), "db")) == b"one"


def test_a_challenge_for_another_tenant_is_denied(tmp_path: Path) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        fresh.challenge(authority=f"{fresh.authority}/00000000-0000-0000-0000-000000000000")
        assert _failure(_read(_provider(fresh), "db")).cls is not ABSENT
        assert not [entry for entry in fresh.requests() if "oauth2" in entry.path]


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("hang", (UNAVAILABLE, "timeout")),
        ("drip", (UNAVAILABLE, "timeout")),
        ("reset", (UNAVAILABLE, "connection-lost")),
        ("cut", (UNAVAILABLE, "answer-cut-short")),
        ("foreign_404", (UNAVAILABLE, "foreign-not-found")),
        ("status", (UNAVAILABLE, "server-error")),
        ("redirect", (UNAVAILABLE, "redirected")),
        ("foreign_200", (MALFORMED, "answer-malformed")),
        ("empty", (MALFORMED, "answer-malformed")),
        ("truncated", (MALFORMED, "answer-malformed")),
        ("null_value", (MALFORMED, "value-missing")),
        ("no_value", (MALFORMED, "value-missing")),
        ("wrong_id", (MALFORMED, "answer-for-another-secret")),
        ("huge", (MALFORMED, "answer-too-large")),
        ("bomb", (MALFORMED, "answer-too-large")),
    ],
)
def test_a_broken_answer_is_never_absence_or_a_value(
    vault: KeyVault, kind: str, verdict: tuple[FailureClass, str]
) -> None:
    """A1 to A3, A7, A8, A11, A15, A17, A18."""
    vault.put("db", "one")
    provider = _provider(vault, timeouts=Timeouts(connect=1.0, read=0.3, total=0.6))
    assert _value(_read(provider, "db")) == b"one"
    vault.fault(kind, seconds=2.0 if kind == "hang" else 0.1)
    mark = vault.mark()
    assert _verdict(_read(provider, "db")) == verdict
    assert len(vault.requests(mark)) == 1
    assert _value(_read(provider, "db")) == b"one"


def test_an_unknown_authority_is_not_believed(vault: KeyVault, tmp_path: Path) -> None:
    """B13."""
    with KeyVault.start(tmp_path) as other:
        provider = _provider(vault, ca_file=Path(other.ca_file))
        assert _verdict(_read(provider, "db")) == (UNAVAILABLE, "certificate-untrusted")


def test_a_call_ends_with_its_deadline(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = _provider(vault)
    assert _value(_read(provider, "db")) == b"one"
    vault.fault("hang", seconds=5.0)
    begun = time.monotonic()
    assert _verdict(_read(provider, "db", call=Allowance(seconds=0.2))) == (UNAVAILABLE, "timeout")
    assert time.monotonic() - begun < 2.0


def test_nothing_secret_is_logged_or_said(vault: KeyVault, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """M1 to M3: the SDK's loggers at DEBUG, values and credentials as canaries, good and bad answers."""
    canaries = {"value": "canary-value-7f3a", "secret": "canary-secret-91bd", "token": "canary-token-c02e"}
    vault.put("db", canaries["value"])
    vault.accept_secret(canaries["secret"])
    file, token = tmp_path / "secret", tmp_path / "token"
    file.write_text(canaries["secret"])
    token.write_text(canaries["token"])
    auth = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "tokenFile": str(token)}
    provider, other = _provider(vault, secret_file=file), _provider(vault, {"workloadIdentity": auth})
    # Both sessions exist, and have pinned the loggers, before somebody undoes it.
    said = [_read(provider, "db"), _read(other, "db")]
    with caplog.at_level(logging.DEBUG):
        for name in ("azure", "azure.core", "azure.identity", "msal", "urllib3", "syncd"):
            caplog.set_level(logging.DEBUG, name)
        for kind in ("", "wrong_id", "truncated", "huge", "status", "cut"):
            if kind:
                vault.fault(kind)
            provider.relogin()
            said.append(_read(provider, "db"))
        said.append(_read(other, "db"))
        vault.accept_secret("another")
        provider.relogin()
        said.append(_read(provider, "db"))
    assert _verdict(said[-1]) == _verdict(said[-2]) == (DENIED, "login-refused")
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"azure", "urllib3"}
    everything = "\n".join([caplog.text, *map(repr, said), repr(provider), repr(vars(provider))])
    for canary in canaries.values():
        for form in (canary, base64.b64encode(canary.encode()).decode(), repr(canary.encode())):
            assert form not in everything


def test_the_sdk_keeps_quiet_at_the_roots_debug_level(vault: KeyVault, caplog: pytest.LogCaptureFixture) -> None:
    """M2: whatever level syncd itself logs at, and though the SDK warns of failed logins with their texts."""
    provider = _provider(vault)
    with caplog.at_level(logging.DEBUG):
        vault.put("db", "one")
        _read(provider, "db")
        vault.accept_secret("another")
        provider.relogin()
        assert _verdict(_read(provider, "db")) == (DENIED, "login-refused")
    assert [record for record in caplog.records if record.name.startswith(("azure", "msal", "urllib3"))] == []


def test_close_gives_back_the_sockets_and_says_nothing(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = _provider(vault)
    provider.close()
    provider.relogin()
    assert _value(_read(provider, "db")) == b"one"
    provider.close()
    provider.close()


def _public(key: rsa.RSAPrivateKey) -> str:
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(pem, form).decode()


def _service_account_token(key: rsa.RSAPrivateKey) -> str:
    claims = {"aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:a:b", "exp": int(time.time()) + 600}
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
