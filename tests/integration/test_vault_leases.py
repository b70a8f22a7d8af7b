"""Short-lived secrets of a real OpenBao, engine by engine: issued, renewed, ended, and what they die with."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from syncd.fetch.seam import Leases
from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass
from syncd.node import Problem
from syncd.testing.provider_case import Allowance
from syncd_providers.vault.provider import VaultProvider
from tests.documents import fences
from tests.integration.vault_engines import KINDS, Ready, database, pki, set_up
from tests.integration.vault_store import Bench, ask, fetched
from tests.servers.openbao import Asked, OpenBao
from tests.servers.postgres import Postgres, binaries

C = FailureClass
RENEWABLE = bool(binaries())
"""Of what stands here, only a database's logins can be renewed; elsewhere that is told at the wire."""


@pytest.fixture
def bench(openbao: OpenBao, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the shared server; close them after the test."""
    made = Bench(tmp_path, openbao.address)
    yield made
    for provider in made.made:
        provider.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Serve a PostgreSQL."""
    server = Postgres.start()
    yield server
    server.stop()


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, openbao: OpenBao) -> Ready:
    """Set an engine up, of each kind."""
    return set_up(request.param, openbao, request)


def store_for(
    bench: Bench, bao: OpenBao, engine: Ready, more: Mapping[str, tuple[str, ...]] | None = None, **role: str
) -> VaultProvider:
    """Make a store that logs in with the least rights, and `more`."""
    return bench.with_approle(bao.approle([bao.policy({**engine.rights(), **(more or {})})], **role))


def wanted(engine: Ready) -> Issue:
    return Issue("v", engine.path, tuple(sorted(engine.parameters.items())))


def issued(provider: VaultProvider, engine: Ready, call: Allowance | None = None) -> tuple[dict[str, str], Grant]:
    found = provider.issue(wanted(engine), call or Allowance())
    assert isinstance(found, Issued), found
    data = json.loads(found.value.reveal())
    assert not any(value in repr(found) for value in data.values() if isinstance(value, str) and len(value) > 8)
    return data, found.grant


def verdict(found: object) -> tuple[FailureClass, str]:
    assert isinstance(found, Failure), found
    assert found.message
    return found.cls, found.reason


def is_alive(bao: OpenBao, lease: str) -> bool:
    return bao.request("POST", "sys/leases/lookup", {"lease_id": lease})[0] == 200


def asked(bao: OpenBao, mark: int, accessor: str) -> list[Asked]:
    return [entry for entry in bao.requests(mark) if entry.accessor == accessor]


def test_the_provider_has_the_power(bench: Bench) -> None:
    assert isinstance(bench.with_token("t"), Leases)


def test_each_issue_gives_another_with_its_end(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = store_for(bench, openbao, engine)
    first, one = issued(provider, engine)
    second, other = issued(provider, engine)
    assert engine.keys <= first.keys()
    assert None not in first.values()
    assert first != second
    assert engine.seconds - 60 <= one.seconds <= engine.seconds + 31, "a certificate begins half a minute before"
    assert (one.renewable, bool(one.lease)) == (engine.renewable, engine.leased)
    if engine.leased:
        assert one.lease.startswith(engine.path)
        assert one.lease != other.lease
        assert (one.owner, 3500 < (one.owner_seconds or 0) <= 3600) == (other.owner, True)
    if engine.works:
        assert engine.works(first)
        assert engine.works(second)


def test_a_revoked_one_is_gone_and_revoked_twice_is_fine(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = store_for(bench, openbao, engine)
    data, grant = issued(provider, engine)
    if not engine.leased:
        assert (grant.owner, grant.owner_seconds) == ("", None), "nothing hangs on a token"
        return
    assert is_alive(openbao, grant.lease)
    assert provider.revoke_lease(Revocation("v", grant.lease), Allowance()) == Revoked()
    until(lambda: not is_alive(openbao, grant.lease))
    assert provider.revoke_lease(Revocation("v", grant.lease), Allowance()) == Revoked()
    if engine.works and engine.renewable:
        until(lambda: not engine.works(data))  # type: ignore[misc]
    renewal = provider.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
    assert verdict(renewal) == (C.UNUSABLE, "lease-gone")


def test_leases_outlive_the_process_and_its_other_token_does_not(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = store_for(bench, openbao, engine, {f"{mount}/*": ("read",)})
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    data, grant = issued(provider, engine)
    reader = openbao.requests(mark, under=f"{mount}/data/")[0].accessor
    (owner,) = {entry.accessor for entry in openbao.requests(mark, under=engine.path)}
    assert owner != reader
    provider.close()
    assert not openbao.is_alive(reader)
    assert openbao.is_alive(owner)
    assert not engine.leased or is_alive(openbao, grant.lease)
    assert engine.works is None or engine.works(data)


def test_a_lease_dies_with_its_token_and_that_is_told(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = store_for(bench, openbao, engine)
    _, grant = issued(provider, engine)
    if not engine.leased:
        return
    openbao.revoke_accessor(grant.owner)
    until(lambda: not is_alive(openbao, grant.lease))
    renewal = provider.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
    assert isinstance(renewal, Failure)
    if renewal.stale_credential:
        provider.relogin()
        renewal = provider.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
    assert verdict(renewal) == (C.UNUSABLE, "lease-gone")
    _, after = issued(provider, engine)
    assert after.owner not in ("", grant.owner)


def test_a_dead_token_is_told_before_anything_is_issued(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = store_for(bench, openbao, engine)
    mark = openbao.mark()
    issued(provider, engine)
    (accessor,) = {entry.accessor for entry in openbao.requests(mark, under=engine.path)}
    openbao.revoke_accessor(accessor)
    found = provider.issue(wanted(engine), Allowance())
    assert verdict(found) == (C.DENIED, "token-expired")
    assert isinstance(found, Failure)
    assert found.stale_credential
    provider.relogin()
    issued(provider, engine)


def test_what_may_not_be_is_denied_and_says_which_right(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = bench.with_approle(openbao.approle([openbao.policy({f"{engine.mount}/nothing": ("read",)})]))
    found = provider.issue(wanted(engine), Allowance())
    assert verdict(found) == (C.DENIED, "permission-denied")
    assert engine.path in getattr(found, "message", "")
    assert verdict(provider.revoke_lease(Revocation("v", f"{engine.path}/x"), Allowance())) == (
        C.DENIED,
        "permission-denied",
    )


def test_a_role_that_is_not_there(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    missing = f"{engine.path}-missing"
    provider = store_for(bench, openbao, engine, {missing: ("read", "update")})
    found = provider.issue(Issue("v", missing, wanted(engine).parameters), Allowance())
    assert verdict(found) in {(C.CONFIG, "issue-refused"), (C.UNAVAILABLE, "server-error")}


def test_an_engine_that_is_not_there(openbao: OpenBao, bench: Bench) -> None:
    provider = bench.with_approle(openbao.approle([openbao.policy({"nowhere/*": ("read", "update")})]))
    assert verdict(provider.issue(Issue("v", "nowhere/creds/app"), Allowance())) == (C.CONFIG, "mount-missing")


def test_what_lasts_is_no_short_lived_secret(openbao: OpenBao, bench: Bench) -> None:
    for version in (1, 2):
        mount = openbao.mount(version)
        openbao.put(mount, "x", {"k": "v"})
        provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
        path = f"{mount}/x" if version == 1 else f"{mount}/data/x"
        assert verdict(provider.issue(Issue("v", path), Allowance())) == (C.CONFIG, "no-lease")


def test_one_login_and_one_request_for_each(openbao: OpenBao, bench: Bench, engine: Ready) -> None:
    provider = store_for(bench, openbao, engine)
    first, again = Allowance(), Allowance()
    issued(provider, engine, first)
    mark = openbao.mark()
    issued(provider, engine, again)
    # Where there are no parameters, an engine that has nothing to read is written to after it said so.
    tries = 1 if engine.parameters or engine.renewable else 2
    assert (first.spent, again.spent) == (1 + tries, tries)
    made = [entry for entry in openbao.requests(mark, under=engine.path) if not entry.failed]
    assert len(made) == 1


def test_a_later_process_keeps_the_token_of_the_first_one_alive(openbao: OpenBao, bench: Bench) -> None:
    engine = pki(openbao, leased=True)
    role = {"token_ttl": "900s", "token_max_ttl": "0", "token_period": "900s"}
    accessors = {"auth/token/renew-accessor": ("update",)}
    pair = openbao.approle([openbao.policy({**engine.rights(), **accessors})], **role)
    first = bench.with_approle(pair)
    _, grant = issued(first, engine)
    first.close()
    second = bench.with_approle(pair)
    mark = openbao.mark()
    for _ in range(3):
        renewal = second.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
        assert verdict(renewal) == (C.CONFIG, "lease-not-renewable"), "of a certificate"
    assert len(openbao.requests(mark, under="auth/token/renew-accessor")) == 1, "once for all its leases"
    without = store_for(bench, openbao, engine)
    mark = openbao.mark()
    for _ in range(3):
        without.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
    assert len(openbao.requests(mark, under="auth/token/renew-accessor")) == 1, "refused once, and not asked again"


def test_the_policy_of_the_page_is_enough(openbao: OpenBao, bench: Bench) -> None:
    (policy,) = [fence.text for fence in fences("docs/dynamic-secrets.md") if fence.language == "hcl"]
    namespace = openbao.namespace()
    engine = pki(openbao, leased=True, mount="pki", namespace=namespace)
    openbao.do("PUT", "sys/policies/acl/leases", {"policy": policy}, namespace=namespace)
    pair = openbao.approle(["leases"], namespace=namespace)
    first = bench.with_approle(pair, namespace=namespace)
    _, grant = issued(first, engine)
    second = bench.with_approle(pair, namespace=namespace)
    found = second.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
    assert verdict(found) == (C.CONFIG, "lease-not-renewable"), "told by the engine, so it may ask"
    asked_for = openbao.requests(under="auth/token/renew-accessor")
    assert [entry.failed for entry in asked_for if entry.namespace == f"{namespace}/"] == [False]
    assert second.revoke_lease(Revocation("v", grant.lease), Allowance()) == Revoked()
    until(
        lambda: openbao.request("POST", "sys/leases/lookup", {"lease_id": grant.lease}, namespace=namespace)[0] != 200
    )


def test_two_sessions_share_one_wrapped_secret_id(openbao: OpenBao, bench: Bench) -> None:
    engine, mount = pki(openbao), openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    role = "auth/approle/role/wrapped-leases"
    policies = [openbao.policy({**engine.rights(), f"{mount}/*": ("read",)})]
    openbao.do("POST", role, {"token_policies": policies})
    role_id = str(openbao.do("GET", f"{role}/role-id")["role_id"])
    (bench.folder / "wrapped").write_text(openbao.wrapped(f"{role}/secret-id", {}))
    login = {"roleId": role_id, "secretId": {"file": "wrapped", "wrapped": True}}
    provider = bench.store({"appRole": login})
    fetched(ask(provider, "x", mount=mount))
    issued(provider, engine)


@pytest.mark.parametrize(
    "path", ["creds", "auth/approle/login", "sys/policies", "a/../b", "a/b?c=d", "", "a//b", "a/b\n"]
)
def test_no_other_path_is_ever_asked(openbao: OpenBao, bench: Bench, path: str) -> None:
    provider = bench.with_token(openbao.root_token)
    assert isinstance(provider.canonical_path(path), Problem)
    assert verdict(provider.issue(Issue("v", path), Allowance())) == (C.CONFIG, "not-canonical")


def until(holds: Callable[[], bool], patience: float = 10.0) -> None:
    """Wait for what the server does in the background."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.05)


if RENEWABLE:

    def test_a_login_of_a_database_is_renewed_until_its_maximum(
        openbao: OpenBao, bench: Bench, postgres: Postgres
    ) -> None:
        engine = database(openbao, postgres, ttl=60, max_ttl=90)
        provider = store_for(bench, openbao, engine)
        data, grant = issued(provider, engine)
        assert grant.renewable
        assert postgres.can_log_in(data["username"], data["password"])
        longer = provider.renew_lease(Renewal("v", grant.lease, grant.owner), Allowance())
        assert isinstance(longer, Grant)
        assert 58 <= longer.seconds <= 60
        assert longer.owner == grant.owner
        assert 3500 < (longer.owner_seconds or 0) <= 3600
        assert provider.revoke_lease(Revocation("v", grant.lease), Allowance()) == Revoked()
        until(lambda: not postgres.can_log_in(data["username"], data["password"]))

    def test_a_database_takes_no_parameters_and_says_so_before_it_issues(
        openbao: OpenBao, bench: Bench, postgres: Postgres
    ) -> None:
        engine = database(openbao, postgres)
        provider = store_for(bench, openbao, engine, {engine.path: ("read", "update")})
        found = provider.issue(Issue("v", engine.path, (("ttl", "1h"),)), Allowance())
        assert verdict(found) == (C.CONFIG, "parameters-refused")
        assert openbao.request("LIST", f"sys/leases/lookup/{engine.path}")[0] == 404, "nothing was issued"
