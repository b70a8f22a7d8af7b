"""The Azure adapter against a Key Vault: reads, refusals, faults of the wire, and what is not said."""

import base64
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.fetch.seam import CallAborted
from syncd.model.reference import FailureClass, Fetched
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


def test_a_secret_comes_with_its_bytes_version_and_time(vault: KeyVault) -> None:
    version = vault.put("Db-Password", "pä$$ wörd\n", created=1_700_000_000)
    found = read(provider_for(vault), "DB-PASSWORD")
    assert isinstance(found, Fetched)
    assert found.value.reveal() == "pä$$ wörd\n".encode()
    assert (found.version, found.created, found.structured) == (version, 1_700_000_000.0, False)


def test_a_pinned_version_is_read_and_a_missing_one_is_absent(vault: KeyVault) -> None:
    first = vault.put("db", "one")
    vault.put("db", "two")
    provider = provider_for(vault)
    assert value_of(read(provider, "db", first)) == b"one"
    assert value_of(read(provider, f"{vault.vault_url}/secrets/db/{first}")) == b"one"
    assert value_of(read(provider, "db")) == b"two"
    assert verdict(read(provider, "db", "0" * 32)) == (ABSENT, "not-found")


def test_every_request_is_spent_and_a_second_read_costs_one(tmp_path: Path) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        provider, first, second = provider_for(fresh), Allowance(), Allowance()
        read(provider, "db", call=first)
        read(provider, "db", call=second)
        # Challenge, OpenID metadata, token, secret; then the secret alone.
        assert (first.spent, second.spent) == (4, 1)
        assert len(fresh.requests()) == 5


@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_a_used_up_budget_ends_the_call_wherever_it_is(tmp_path: Path, budget: int) -> None:
    with KeyVault.start(tmp_path) as fresh:
        fresh.put("db", "one")
        provider = provider_for(fresh)
        with pytest.raises(CallAborted):
            read(provider, "db", call=Allowance(most=budget))
        assert len(fresh.requests()) == budget
        assert value_of(read(provider, "db")) == b"one"


def test_what_cannot_be_used(vault: KeyVault) -> None:
    """D3, D10 to D13: disabled, expired, not yet valid, soft-deleted; then each heals."""
    older = vault.put("db", "one")
    vault.put("db", "two")
    provider = provider_for(vault)
    vault.disable("db")
    assert verdict(read(provider, "db")) == (UNUSABLE, "disabled")
    assert value_of(read(provider, "db", older)) == b"one"
    vault.disable("db", enabled=True)
    vault.expire("db")
    assert verdict(read(provider, "db")) == (UNUSABLE, "expired")
    vault.expire("db", expires=None, not_before=4_000_000_000)
    assert verdict(read(provider, "db")) == (UNUSABLE, "not-yet-valid")
    vault.expire("db", expires=None)
    vault.delete("db")
    assert verdict(read(provider, "db")) == (UNUSABLE, "soft-deleted")
    vault.forbid("db", collection="deletedsecrets")
    assert verdict(read(provider, "db")) == (UNUSABLE, "absence-unproven")
    vault.allow("db", collection="deletedsecrets")
    vault.recover("db")
    assert value_of(read(provider, "db")) == b"two"
    vault.purge("db")
    assert verdict(read(provider, "db")) == (ABSENT, "not-found")


def test_trouble_while_looking_among_the_deleted_is_not_absence(vault: KeyVault) -> None:
    provider = provider_for(vault)
    for kind, status, expected in (
        ("status", 500, (UNAVAILABLE, "server-error")),
        ("foreign_404", 0, (UNAVAILABLE, "unexpected-status")),
        ("foreign_200", 0, (MALFORMED, "answer-for-another-secret")),
        ("reset", 0, (UNAVAILABLE, "connection-lost")),
    ):
        vault.fault(kind, path="/deletedsecrets", status=status)
        assert verdict(read(provider, "gone")) == expected
    assert verdict(read(provider, "gone")) == (ABSENT, "not-found")


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
    failure = failure_of(read(provider_for(vault), "db"))
    assert (failure.cls, failure.reason, failure.scope) == (DENIED, reason, scope)
    assert not failure.stale_credential


def test_throttled_with_the_wait_that_was_asked_for(vault: KeyVault) -> None:
    """C2: told once, not retried here."""
    vault.put("db", "one")
    provider = provider_for(vault)
    vault.throttle(1, 17)
    mark = vault.mark()
    failure = failure_of(read(provider, "db"))
    assert (failure.cls, failure.retry_after, failure.scope) == (THROTTLED, 17.0, "store")
    assert len([entry for entry in vault.requests(mark) if entry.status == 429]) == 1
    assert value_of(read(provider, "db")) == b"one"
    vault.throttle(1)
    assert failure_of(read(provider, "db")).retry_after is None


@pytest.mark.parametrize(
    ("kind", "expected"),
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
    vault: KeyVault, kind: str, expected: tuple[FailureClass, str]
) -> None:
    """A1 to A3, A7, A8, A11, A15, A17, A18."""
    vault.put("db", "one")
    provider = provider_for(vault, timeouts=Timeouts(connect=3.0, read=1.0, total=2.0))
    assert value_of(read(provider, "db")) == b"one"
    vault.fault(kind, seconds=5.0 if kind == "hang" else 0.1)
    mark = vault.mark()
    assert verdict(read(provider, "db")) == expected
    assert len(vault.requests(mark)) == 1
    assert value_of(read(provider, "db")) == b"one"


def test_an_unknown_authority_is_not_believed(vault: KeyVault, tmp_path: Path) -> None:
    """B13."""
    with KeyVault.start(tmp_path) as other:
        provider = provider_for(vault, ca_file=Path(other.ca_file))
        assert verdict(read(provider, "db")) == (UNAVAILABLE, "certificate-untrusted")


def test_a_call_ends_with_its_deadline(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = provider_for(vault)
    assert value_of(read(provider, "db")) == b"one"
    vault.fault("hang", seconds=10.0)
    begun = time.monotonic()
    assert verdict(read(provider, "db", call=Allowance(seconds=0.2))) == (UNAVAILABLE, "timeout")
    assert time.monotonic() - begun < 5.0


def test_nothing_secret_is_logged_or_said(vault: KeyVault, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """M1 to M3: the SDK's loggers at DEBUG, values and credentials as canaries, good and bad answers."""
    canaries = {"value": "canary-value-7f3a", "secret": "canary-secret-91bd", "token": "canary-token-c02e"}
    vault.put("db", canaries["value"])
    vault.accept_secret(canaries["secret"])
    file, token = tmp_path / "secret", tmp_path / "token"
    file.write_text(canaries["secret"])
    token.write_text(canaries["token"])
    auth = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "tokenFile": str(token)}
    provider, other = provider_for(vault, secret_file=file), provider_for(vault, {"workloadIdentity": auth})
    # Both sessions exist, and have pinned the loggers, before somebody undoes it.
    said = [read(provider, "db"), read(other, "db")]
    with caplog.at_level(logging.DEBUG):
        for name in ("azure", "azure.core", "azure.identity", "msal", "urllib3", "syncd"):
            caplog.set_level(logging.DEBUG, name)
        for kind in ("", "wrong_id", "truncated", "huge", "status", "cut"):
            if kind:
                vault.fault(kind)
            provider.relogin()
            said.append(read(provider, "db"))
        said.append(read(other, "db"))
        vault.accept_secret("another")
        provider.relogin()
        said.append(read(provider, "db"))
    assert verdict(said[-1]) == verdict(said[-2]) == (DENIED, "login-refused")
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"azure", "urllib3"}
    everything = "\n".join([caplog.text, *map(repr, said), repr(provider), repr(vars(provider))])
    for canary in canaries.values():
        for form in (canary, base64.b64encode(canary.encode()).decode(), repr(canary.encode())):
            assert form not in everything


def test_the_sdk_keeps_quiet_at_the_roots_debug_level(vault: KeyVault, caplog: pytest.LogCaptureFixture) -> None:
    """M2: whatever level syncd itself logs at, and though the SDK warns of failed logins with their texts."""
    provider = provider_for(vault)
    with caplog.at_level(logging.DEBUG):
        vault.put("db", "one")
        read(provider, "db")
        vault.accept_secret("another")
        provider.relogin()
        assert verdict(read(provider, "db")) == (DENIED, "login-refused")
    assert [record for record in caplog.records if record.name.startswith(("azure", "msal", "urllib3"))] == []


def test_close_gives_back_the_sockets_and_says_nothing(vault: KeyVault) -> None:
    vault.put("db", "one")
    provider = provider_for(vault)
    provider.close()
    provider.relogin()
    assert value_of(read(provider, "db")) == b"one"
    provider.close()
    provider.close()
