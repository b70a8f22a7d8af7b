"""What no real server shows on demand about leases: each answer its class, one request for each, and no leak."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass
from syncd.testing.provider_case import Allowance
from syncd_providers.vault.provider import VaultProvider
from tests.faults.vault_wire import LOGIN, TOKEN, Vault, answered, said
from tests.integration.vault_store import CANARY, Bench
from tests.servers.wire import Reply, Request, Wire

C = FailureClass
CREDS = "/v1/database/creds/app"
RENEW, REVOKE = "/v1/sys/leases/renew", "/v1/sys/leases/revoke"
BY_ACCESSOR, RENEW_SELF = "/v1/auth/token/renew-accessor", "/v1/auth/token/renew-self"
ISSUE = Issue("v", "database/creds/app")
LEASE = "database/creds/app/L1"
RENEWAL, REVOCATION = Renewal("v", LEASE, "ours"), Revocation("v", LEASE)


def granted(seconds: int = 3600, *, accessor: str = "ours", renewable: bool = True, kind: str = "service") -> Reply:
    auth = {"client_token": TOKEN, "lease_duration": seconds, "renewable": renewable, "accessor": accessor}
    return answered({"auth": {**auth, "token_type": kind}})


def leased(**fields: object) -> Reply:
    whole = {"lease_id": LEASE, "lease_duration": 600, "renewable": True, "data": {"password": CANARY}}
    return answered({**whole, **fields})


@pytest.fixture
def vault() -> Vault:
    """Return a Vault with one database role."""
    made = Vault()
    made.replies |= {
        LOGIN: granted(),
        RENEW_SELF: granted(),
        CREDS: leased(),
        RENEW: leased(data=None),
        REVOKE: Reply(204),
    }
    return made


@pytest.fixture
def wire(vault: Vault) -> Iterator[Wire]:
    """Serve it."""
    with Wire(vault) as server:
        yield server


@pytest.fixture
def bench(wire: Wire, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the wire."""
    made = Bench(tmp_path, wire.address)
    yield made
    for provider in made.made:
        provider.close()


@pytest.fixture
def store(bench: Bench) -> VaultProvider:
    """Make one that logs in."""
    return bench.with_approle(("role", "secret"))


def sent(wire: Wire, path: str) -> list[Request]:
    return [request for request in wire.requests if request.target.partition("?")[0] == path]


def verdict(found: object) -> tuple[FailureClass, str]:
    assert isinstance(found, Failure), found
    assert found.message
    assert CANARY not in found.message
    return found.cls, found.reason


def test_an_issue_tells_what_it_hangs_on(store: VaultProvider) -> None:
    found = store.issue(ISSUE, Allowance())
    assert isinstance(found, Issued)
    assert found.grant == Grant(LEASE, 600.0, renewable=True, owner="ours", owner_seconds=3600.0)
    assert CANARY not in repr(found)


def test_null_and_empty_keys_are_left_out(vault: Vault, store: VaultProvider) -> None:
    vault.replies[CREDS] = leased(data={"password": "p", "token": None, "note": "", "chain": [], "port": 5432.0})
    found = store.issue(ISSUE, Allowance())
    assert isinstance(found, Issued)
    assert found.value.reveal() == b'{"password":"p","chain":[],"port":5432.0}'


def test_leases_of_a_batch_token_end_with_it(vault: Vault, store: VaultProvider) -> None:
    vault.replies[LOGIN] = granted(300, kind="batch")
    found = store.issue(ISSUE, Allowance())
    assert isinstance(found, Issued)
    assert (found.grant.owner, found.grant.owner_seconds) == ("", 300.0)


def test_of_a_given_token_nothing_is_known(bench: Bench) -> None:
    found = bench.with_token(TOKEN).issue(ISSUE, Allowance())
    assert isinstance(found, Issued)
    assert (found.grant.owner, found.grant.owner_seconds) == ("", None)


def test_the_token_is_renewed_with_the_lease_that_hangs_on_it(wire: Wire, bench: Bench, store: VaultProvider) -> None:
    store.issue(ISSUE, Allowance())
    for seconds, renewals in ((60, 0), (1800, 1), (10, 1), (1000, 2)):
        bench.now += seconds
        found = store.renew_lease(RENEWAL, Allowance())
        assert isinstance(found, Grant)
        assert len(sent(wire, RENEW_SELF)) == renewals
        assert 3200 < (found.owner_seconds or 0) <= 3600
        assert (found.seconds, found.renewable, found.owner) == (600.0, True, "ours")


def test_the_token_of_an_earlier_process_is_renewed_by_its_accessor(
    wire: Wire, vault: Vault, bench: Bench, store: VaultProvider
) -> None:
    theirs = RENEWAL._replace(owner="theirs")
    vault.replies[BY_ACCESSOR] = granted(7200, accessor="theirs")
    for _ in range(2):
        found = store.renew_lease(theirs, Allowance())
        assert isinstance(found, Grant)
        assert (found.owner, found.owner_seconds) == ("theirs", 7200.0)
    assert len(sent(wire, BY_ACCESSOR)) == 1
    bench.now += 100
    store.renew_lease(theirs, Allowance())
    assert len(sent(wire, BY_ACCESSOR)) == 2


@pytest.mark.parametrize(
    "reply", [said(403, "permission denied"), said(400, "invalid accessor"), Reply(200, b"{"), said(500, "no")]
)
def test_where_that_fails_nothing_is_known_of_it(vault: Vault, store: VaultProvider, reply: Reply) -> None:
    vault.replies[BY_ACCESSOR] = reply
    found = store.renew_lease(RENEWAL._replace(owner="theirs"), Allowance())
    assert isinstance(found, Grant)
    assert found.owner_seconds is None


@pytest.mark.parametrize(
    ("reply", "cls", "reason"),
    [
        (said(400, "unknown role: app"), C.CONFIG, "issue-refused"),
        (said(403, "permission denied"), C.DENIED, "permission-denied"),
        (Reply(403, b"<html>"), C.DENIED, "forbidden"),
        (said(404, 'no handler for route "x"'), C.CONFIG, "mount-missing"),
        (said(404), C.UNAVAILABLE, "not-found-elsewhere"),
        (said(405, "unsupported operation"), C.CONFIG, "parameters-refused"),
        (Reply(405, b"<html>"), C.UNAVAILABLE, "unexpected-status"),
        (said(429, "request path: lease count quota exceeded"), C.THROTTLED, "lease-quota-exceeded"),
        (said(429, "slow down"), C.THROTTLED, "rate-limited"),
        (said(500, "database is down"), C.UNAVAILABLE, "server-error"),
        (said(503, "Vault is sealed"), C.UNAVAILABLE, "sealed"),
        (Reply(307, b"", {"Location": "http://127.0.0.1:1/"}), C.UNAVAILABLE, "redirected"),
        (Reply(204), C.MALFORMED, "no-data"),
        (Reply(200, b"<html>"), C.MALFORMED, "answer-malformed"),
        (leased(data=None), C.MALFORMED, "no-data"),
        (leased(data={"a": None}), C.MALFORMED, "no-data"),
        (leased(lease_duration=0), C.CONFIG, "no-lease"),
        (leased(lease_duration=-5), C.CONFIG, "no-lease"),
        (leased(lease_id=""), C.CONFIG, "no-lease"),
        (leased(lease_id="", data={"signed_key": "nonsense"}), C.CONFIG, "no-lease"),
        (leased(lease_id="", data={"expiration": 5}), C.CONFIG, "no-lease"),
        (leased(lease_id="", data={"expiration": "soon"}), C.MALFORMED, "answer-malformed"),
        (Reply(200, leased().body[:-9]), C.MALFORMED, "answer-malformed"),
    ],
)
def test_an_issue_that_gives_nothing(
    wire: Wire, vault: Vault, store: VaultProvider, reply: Reply, cls: FailureClass, reason: str
) -> None:
    vault.replies[CREDS] = reply
    found = store.issue(ISSUE._replace(parameters=(("ttl", "1h"),)), Allowance())
    assert verdict(found) == (cls, reason)
    assert len(sent(wire, CREDS)) == 1, "one try"


@pytest.mark.parametrize(
    ("reply", "cls", "reason"),
    [
        (said(400, "lease not found"), C.UNUSABLE, "lease-gone"),
        (said(400, "invalid lease"), C.UNUSABLE, "lease-gone"),
        (said(400, "lease is not renewable"), C.CONFIG, "lease-not-renewable"),
        (said(403, "permission denied"), C.DENIED, "permission-denied"),
        (said(404), C.UNAVAILABLE, "unexpected-status"),
        (said(500, "no"), C.UNAVAILABLE, "server-error"),
        (Reply(200, b"<html>"), C.MALFORMED, "answer-malformed"),
    ],
)
def test_a_renewal_that_gives_nothing(
    wire: Wire, vault: Vault, store: VaultProvider, reply: Reply, cls: FailureClass, reason: str
) -> None:
    vault.replies[RENEW] = reply
    assert verdict(store.renew_lease(RENEWAL, Allowance())) == (cls, reason)
    assert len(sent(wire, RENEW)) == 1


def test_a_revocation(wire: Wire, vault: Vault, store: VaultProvider) -> None:
    assert store.revoke_lease(REVOCATION, Allowance()) == Revoked()
    vault.replies[REVOKE] = said(403, "permission denied")
    assert verdict(store.revoke_lease(REVOCATION, Allowance())) == (C.DENIED, "permission-denied")
    vault.replies[REVOKE] = said(500, "no")
    assert verdict(store.revoke_lease(REVOCATION, Allowance())) == (C.UNAVAILABLE, "server-error")
    assert len(sent(wire, REVOKE)) == 3


ASK: list[Callable[[VaultProvider], object]] = [
    lambda store: store.issue(ISSUE, Allowance()),
    lambda store: store.renew_lease(RENEWAL, Allowance()),
    lambda store: store.revoke_lease(REVOCATION, Allowance()),
]


@pytest.mark.parametrize("ask", ASK)
def test_a_login_that_is_refused_asks_nothing(
    wire: Wire, vault: Vault, store: VaultProvider, ask: Callable[[VaultProvider], object]
) -> None:
    vault.replies[LOGIN] = said(400, "invalid role or secret ID")
    assert verdict(ask(store)) == (C.DENIED, "login-refused")
    assert {request.target for request in wire.requests} == {LOGIN}


@pytest.mark.parametrize("ask", ASK)
def test_nobody_there_is_unavailable(bench: Bench, ask: Callable[[VaultProvider], object]) -> None:
    bench.address = "http://127.0.0.1:1"
    cls, reason = verdict(ask(bench.with_approle(("role", "secret"))))
    assert (cls, reason) == (C.UNAVAILABLE, "connection-refused")


def test_a_token_that_is_dead_is_told_from_one_that_may_not(vault: Vault, store: VaultProvider) -> None:
    vault.replies |= {CREDS: said(403, "permission denied"), "/v1/auth/token/lookup-self": said(403, "bad token")}
    found = store.issue(ISSUE, Allowance())
    assert verdict(found) == (C.DENIED, "token-expired")
    assert isinstance(found, Failure)
    assert found.stale_credential


def test_no_token_of_leases_is_revoked_at_the_end(wire: Wire, store: VaultProvider) -> None:
    store.issue(ISSUE, Allowance())
    store.close()
    assert sent(wire, "/v1/auth/token/revoke-self") == []
