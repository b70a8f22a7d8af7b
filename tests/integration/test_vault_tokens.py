"""The token of a store on a real OpenBao: one login for all, renewal in time, expiry told from denial, given back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from syncd.model.reference import Failure, FailureClass, Outcome
from syncd.testing.provider_case import Allowance
from syncd_providers.vault.provider import VaultProvider
from tests.integration.vault_store import Bench, ask, failed, fetched, ref_of, verdict
from tests.servers.openbao import Asked, OpenBao

C = FailureClass
THREADS = 20


@pytest.fixture
def bench(openbao: OpenBao, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the shared server; close them after the test."""
    made = Bench(tmp_path, openbao.address)
    yield made
    for provider in made.made:
        provider.close()


@pytest.fixture
def mount(openbao: OpenBao) -> str:
    """Make a mount of the test's own with the object `x`."""
    name = openbao.mount()
    openbao.put(name, "x", {"k": "v"})
    return name


def readers(openbao: OpenBao, mark: int, mount: str) -> list[str]:
    """Accessors of the tokens that read the mount, in order, each once."""
    served = [entry for entry in openbao.requests(mark, under=f"{mount}/data/") if entry.accessor]
    return list(dict.fromkeys(entry.accessor for entry in served))


def of_token(openbao: OpenBao, mark: int, accessor: str, path: str) -> list[Asked]:
    return [entry for entry in openbao.requests(mark, under=path) if entry.accessor == accessor]


def together(provider: VaultProvider, mount: str, threads: int = THREADS) -> list[Outcome]:
    """Read `x` from many threads at one moment."""
    ref = ref_of(provider, "x", mount=mount)
    barrier = Barrier(threads)

    def one(_number: int) -> Outcome:
        barrier.wait()
        return next(iter(provider.fetch([ref], Allowance())))[1]

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_twenty_threads_make_one_login_and_ask_for_the_mount_once(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    mark = openbao.mark()
    for outcome in together(provider, mount):
        fetched(outcome)
    (accessor,) = readers(openbao, mark, mount)
    assert len(of_token(openbao, mark, accessor, "auth/approle/login")) == 1
    assert len(of_token(openbao, mark, accessor, "sys/internal/ui/mounts/")) == 1
    assert len(of_token(openbao, mark, accessor, f"{mount}/data/x")) == THREADS


def test_twenty_threads_share_one_refused_login(openbao: OpenBao, bench: Bench, mount: str) -> None:
    role_id, _ = openbao.approle([])
    provider = bench.with_approle((role_id, "wrong"))
    outcomes = together(provider, mount)
    assert {verdict(outcome) for outcome in outcomes} == {(C.DENIED, "login-refused")}
    assert all(isinstance(outcome, Failure) and outcome.scope == "store" for outcome in outcomes)


def test_a_token_is_renewed_at_two_thirds_of_its_life(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)], token_ttl="900s"))
    mark = openbao.mark()
    # Two thirds of its life, or up to a tenth of them earlier.
    for step, renewals in ((0, 0), (539, 0), (62, 1), (0, 1), (538, 1), (63, 2)):
        bench.now += step
        fetched(ask(provider, "x", mount=mount))
        (accessor,) = readers(openbao, mark, mount)
        assert len(of_token(openbao, mark, accessor, "auth/token/renew-self")) == renewals


def test_one_thread_renews_while_the_others_go_on(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)], token_ttl="900s"))
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    bench.now += 601
    for outcome in together(provider, mount):
        fetched(outcome)
    (accessor,) = readers(openbao, mark, mount)
    assert len(of_token(openbao, mark, accessor, "auth/token/renew-self")) == 1


def test_a_token_serves_while_another_thread_is_slow_to_renew_it(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)], token_ttl="900s"))
    fetched(ask(provider, "x", mount=mount))
    connected = provider._connected
    assert connected is not None
    bench.now += 601
    mark = openbao.mark()
    with connected.session._lock:  # as a renewal that is under way holds it
        fetched(ask(provider, "x", mount=mount))
        bench.now += 300
        call = Allowance(seconds=0.2)
        assert verdict(ask(provider, "x", mount=mount, call=call)) == (C.UNAVAILABLE, "login-slow")
    (accessor,) = readers(openbao, mark, mount)
    assert of_token(openbao, mark, accessor, "auth/token/renew-self") == []


def test_a_renewal_that_the_server_refuses_leads_to_a_login(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)], token_ttl="900s"))
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    openbao.revoke_accessor(readers(openbao, mark, mount)[0])
    bench.now += 601
    fetched(ask(provider, "x", mount=mount))
    assert len(readers(openbao, mark, mount)) == 2


def test_a_token_that_cannot_be_renewed_is_replaced_before_it_ends(openbao: OpenBao, bench: Bench, mount: str) -> None:
    pair = openbao.approle([openbao.reader(mount)], token_ttl="900s", token_type="batch")
    provider = bench.with_approle(pair)
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    bench.now += 601
    fetched(ask(provider, "x", mount=mount))
    logins = [entry for entry in openbao.requests(mark, under="auth/approle/login") if not entry.failed]
    assert len(logins) >= 2


def test_a_revoked_token_is_stale_and_a_new_login_heals_it(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    (accessor,) = readers(openbao, mark, mount)
    openbao.revoke_accessor(accessor)
    outcome = failed(ask(provider, "x", mount=mount))
    assert (outcome.cls, outcome.reason, outcome.stale_credential) == (C.DENIED, "token-expired", True)
    assert outcome.scope == "store"
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))


def test_a_late_verdict_on_an_old_token_does_not_cost_the_new_one(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    connected = provider._connected
    assert connected is not None
    old = connected.session.token(Allowance())
    assert not isinstance(old, Failure)
    openbao.revoke_accessor(readers(openbao, mark, mount)[0])
    assert failed(ask(provider, "x", mount=mount)).stale_credential
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))
    assert connected.session.judge(old, Allowance()) == "dead"
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))
    assert len(readers(openbao, mark, mount)) == 2
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))
    assert len(readers(openbao, mark, mount)) == 3


def test_a_denied_path_does_not_cost_a_login_even_where_the_look_up_is_denied_too(
    openbao: OpenBao, bench: Bench, mount: str
) -> None:
    openbao.put(mount, "theirs", {"k": "v"})
    policy = openbao.policy({f"{mount}/data/x": ["read"]})
    provider = bench.with_approle(openbao.approle([policy], token_no_default_policy=True))
    mark = openbao.mark()
    for _ in range(6):
        fetched(ask(provider, "x", mount=mount))
        if failed(ask(provider, "theirs", mount=mount)).stale_credential:
            provider.relogin()
        bench.now += 25
    assert len(readers(openbao, mark, mount)) <= 2


def test_many_denied_paths_cost_one_look_up(openbao: OpenBao, bench: Bench, mount: str) -> None:
    policy = openbao.policy({f"{mount}/data/x": ["read"]})
    provider = bench.with_approle(openbao.approle([policy]))
    mark = openbao.mark()
    for number in range(5):
        assert verdict(ask(provider, f"theirs-{number}", mount=mount)) == (C.DENIED, "permission-denied")
    (accessor,) = readers(openbao, mark, mount)
    assert len(of_token(openbao, mark, accessor, "auth/token/lookup-self")) == 1


def test_a_rotated_token_file_is_read_at_the_next_login(openbao: OpenBao, bench: Bench, mount: str) -> None:
    policy = openbao.reader(mount)
    first = openbao.token([policy])
    provider = bench.with_token(first)
    fetched(ask(provider, "x", mount=mount))
    openbao.revoke(first)
    (bench.folder / "token").write_text(openbao.token([policy]) + "\n")
    outcome = failed(ask(provider, "x", mount=mount))
    assert (outcome.reason, outcome.stale_credential) == ("token-expired", True)
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))


def test_a_used_up_secret_id_is_a_reason_of_its_own(openbao: OpenBao, bench: Bench, mount: str) -> None:
    pair = openbao.approle([openbao.reader(mount)], secret_id_num_uses=1)
    provider = bench.with_approle(pair)
    fetched(ask(provider, "x", mount=mount))
    provider.relogin()
    outcome = failed(ask(provider, "x", mount=mount))
    assert (outcome.cls, outcome.reason, outcome.transient) == (C.DENIED, "login-refused", False)
    assert pair[1] not in repr(outcome)


def test_a_failing_login_leaves_a_token_in_use_that_still_serves(openbao: OpenBao, bench: Bench, mount: str) -> None:
    pair = openbao.approle([openbao.reader(mount)], token_ttl="900s", token_type="batch", secret_id_num_uses=1)
    provider = bench.with_approle(pair)
    fetched(ask(provider, "x", mount=mount))
    bench.now += 601
    fetched(ask(provider, "x", mount=mount))
    bench.now += 300
    assert verdict(ask(provider, "x", mount=mount)) == (C.DENIED, "login-refused")


def test_a_login_at_a_mount_that_is_not_there_fails_the_store(openbao: OpenBao, bench: Bench, mount: str) -> None:
    role_id, secret_id = openbao.approle([])
    (bench.folder / "s").write_text(secret_id)
    provider = bench.store({"appRole": {"roleId": role_id, "secretId": {"file": "s"}, "mount": "no-such"}})
    outcome = failed(ask(provider, "x", mount=mount))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "login-denied", "store")
    assert "auth/no-such" in outcome.message


def test_closing_gives_back_every_token_that_syncd_logged_in_for(openbao: OpenBao, bench: Bench, mount: str) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))
    accessors = readers(openbao, mark, mount)
    assert [openbao.is_alive(accessor) for accessor in accessors] == [True, True]
    provider.close()
    assert [openbao.is_alive(accessor) for accessor in accessors] == [False, False]
    provider.close()
    assert verdict(ask(provider, "x", mount=mount)) == (C.UNAVAILABLE, "closed")


def test_a_given_token_is_neither_renewed_nor_revoked(openbao: OpenBao, bench: Bench, mount: str) -> None:
    token = openbao.token([openbao.reader(mount)], ttl="900s")
    provider = bench.with_token(token)
    mark = openbao.mark()
    fetched(ask(provider, "x", mount=mount))
    bench.now += 100_000
    fetched(ask(provider, "x", mount=mount))
    provider.relogin()
    fetched(ask(provider, "x", mount=mount))
    provider.close()
    (accessor,) = readers(openbao, mark, mount)
    assert openbao.is_alive(accessor)
    assert of_token(openbao, mark, accessor, "auth/token/") == []


def test_closing_a_store_whose_server_hangs_takes_two_seconds_at_most(
    openbao: OpenBao, bench: Bench, mount: str
) -> None:
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    fetched(ask(provider, "x", mount=mount))
    connected = provider._connected
    assert connected is not None
    with connected.session._lock:  # as a login that hangs holds it
        started = time.monotonic()
        provider.close()
    assert time.monotonic() - started < 2.5
