"""The logins that OpenBao has, on a real one: each logs in, renews, survives a rotation, and says which it was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest

from syncd.model.reference import FailureClass, Outcome
from syncd.testing.provider_case import Allowance
from syncd_providers.vault.provider import VaultProvider
from tests.integration.vault_store import Bench, ask, failed, fetched, ref_of, verdict
from tests.integration.vault_ways import ByCertificate, ByJwt, ByPassword, ByServiceAccount, Way
from tests.servers.keyvault_tls import TlsFiles, write_tls
from tests.servers.kube import Kube
from tests.servers.openbao import OpenBao

C = FailureClass
KUBE = pytest.param("kubernetes", marks=pytest.mark.kube)
WAYS = ["userpass", "jwt", KUBE, "cert"]


@dataclass(repr=False)
class Secure:
    """An OpenBao that listens with TLS too, and its authority."""

    server: OpenBao
    tls: TlsFiles


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """Start one for this module."""
    folder = tmp_path_factory.mktemp("openbao-tls")
    tls = write_tls(folder)
    server = OpenBao.start(folder / "server", certificate=tls.server)
    yield Secure(server, tls)
    server.stop()


@pytest.fixture
def bench(tmp_path: Path, openbao: OpenBao) -> Iterator[Bench]:
    """Make stores; close them after the test."""
    made = Bench(tmp_path, openbao.address)
    yield made
    for provider in made.made:
        provider.close()


@dataclass(repr=False)
class Stage:
    """A way to log in, and the mount that it may read."""

    way: Way
    mount: str

    def ask(self, provider: VaultProvider) -> Outcome:
        """Read the object `x`."""
        return ask(provider, "x", mount=self.mount)

    def readers(self, mark: int) -> list[str]:
        """Accessors of the tokens that read the mount, in order, each once."""
        served = self.way.server.requests(mark, under=f"{self.mount}/data/")
        return list(dict.fromkeys(entry.accessor for entry in served if entry.accessor))

    def asked(self, mark: int, path: str, accessor: str) -> int:
        """Count the requests that a token made."""
        return len([entry for entry in self.way.server.requests(mark, under=path) if entry.accessor == accessor])

    def logins(self, mark: int) -> int:
        """Count the login requests, refused ones too."""
        return len(self.way.server.requests(mark, under=f"auth/{self.way.mount}/login"))


def staged(kind: str, bench: Bench, request: pytest.FixtureRequest) -> Stage:
    """Set a way up."""
    secure: Secure | None = request.getfixturevalue("secure") if kind == "cert" else None
    server: OpenBao = secure.server if secure else request.getfixturevalue("openbao")
    mount = server.mount()
    server.put(mount, "x", {"k": "v"})
    policy = server.reader(mount)
    match kind:
        case "userpass":
            way: Way = ByPassword(server, bench, policy)
        case "jwt":
            way = ByJwt(server, bench, policy)
        case "kubernetes":
            way = ByServiceAccount(server, bench, policy, request.getfixturevalue("kube"))
        case _:
            assert secure is not None
            way = ByCertificate(server, bench, policy, secure.tls.ca)
    return Stage(way, mount)


@pytest.fixture(params=WAYS)
def stage(bench: Bench, request: pytest.FixtureRequest) -> Stage:
    """Give each way in turn."""
    return staged(request.param, bench, request)


def test_many_threads_log_in_once_and_the_end_gives_the_token_back(stage: Stage) -> None:
    provider = stage.way.store()
    mark = stage.way.server.mark()
    ref, barrier = ref_of(provider, "x", mount=stage.mount), Barrier(12)

    def one(_number: int) -> Outcome:
        barrier.wait()
        return next(iter(provider.fetch([ref], Allowance())))[1]

    with ThreadPoolExecutor(12) as pool:
        for outcome in pool.map(one, range(12)):
            fetched(outcome)
    (accessor,) = stage.readers(mark)
    assert stage.logins(mark) == 1
    assert stage.way.server.is_alive(accessor)
    provider.close()
    assert not stage.way.server.is_alive(accessor)


def test_the_token_is_renewed_at_two_thirds_of_its_life(stage: Stage) -> None:
    provider = stage.way.store()
    mark = stage.way.server.mark()
    for step, renewals in ((0, 0), (539, 0), (62, 1), (601, 2)):
        stage.way.bench.now += step
        fetched(stage.ask(provider))
        (accessor,) = stage.readers(mark)
        assert stage.asked(mark, "auth/token/renew-self", accessor) == renewals
    assert stage.logins(mark) == 1


def test_a_rotated_credential_is_read_at_the_next_login(stage: Stage) -> None:
    provider = stage.way.store()
    mark = stage.way.server.mark()
    fetched(stage.ask(provider))
    stage.way.rotate()
    fetched(stage.ask(provider))
    provider.relogin()
    fetched(stage.ask(provider))
    assert len(stage.readers(mark)) == 2
    stage.way.bench.now += 601
    fetched(stage.ask(provider))
    assert len(stage.readers(mark)) == 2


def test_a_rotation_between_two_renewals_costs_nothing(stage: Stage) -> None:
    provider = stage.way.store()
    fetched(stage.ask(provider))
    stage.way.rotate()
    for _ in range(6):
        stage.way.bench.now += 290
        fetched(stage.ask(provider))


def test_a_refused_login_says_method_mount_and_whom_but_never_the_credential(stage: Stage) -> None:
    credential, reason = stage.way.spoil()
    provider = stage.way.store()
    outcome = failed(stage.ask(provider))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, reason, "store")
    assert not outcome.transient
    assert all(word in outcome.message for word in stage.way.words), outcome.message
    assert credential not in repr(outcome)


def test_a_credential_that_was_taken_away_and_put_back_needs_no_restart(stage: Stage) -> None:
    stage.way.spoil()
    provider = stage.way.store()
    failed(stage.ask(provider))
    stage.way.rotate()
    fetched(stage.ask(provider))


@pytest.mark.parametrize("kind", ["userpass", "jwt", KUBE])
def test_a_credential_file_that_is_missing_is_named_with_the_login(
    kind: str, bench: Bench, request: pytest.FixtureRequest
) -> None:
    stage = staged(kind, bench, request)
    provider = stage.way.store()
    for file in bench.folder.iterdir():
        if file.is_file():
            file.unlink()
    outcome = failed(stage.ask(provider))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "credential-unreadable", "store")
    assert all(word in outcome.message for word in stage.way.words)
    assert str(bench.folder) in outcome.message


@pytest.mark.parametrize("kind", ["jwt", KUBE])
def test_a_role_that_is_not_there_is_a_mistake_of_the_configuration(
    kind: str, bench: Bench, request: pytest.FixtureRequest
) -> None:
    stage = staged(kind, bench, request)
    stage.way.server.do("DELETE", f"auth/{stage.way.mount}/role/syncd-role")
    outcome = failed(stage.ask(stage.way.store()))
    assert (outcome.cls, outcome.reason) == (C.CONFIG, "login-role-missing")
    assert "syncd-role" in outcome.message


@pytest.mark.parametrize("content", ["two words", "a\nb", "ü"])
def test_what_is_no_token_is_not_sent(openbao: OpenBao, bench: Bench, content: str) -> None:
    way = ByJwt(openbao, bench, "default")
    (bench.folder / "jwt").write_text(content)
    mark = openbao.mark()
    assert verdict(ask(way.store(), "x")) == (C.DENIED, "token-malformed")
    assert openbao.requests(mark, under=f"auth/{way.mount}") == []


def test_a_user_name_that_is_kept_as_a_credential_is_not_said(openbao: OpenBao, bench: Bench) -> None:
    way = ByPassword(openbao, bench, "default")
    way.spoil()
    (bench.folder / "user").write_text("syncd-user")
    login = {"username": {"file": "user"}, "password": {"file": "password"}, "mount": way.mount}
    outcome = failed(ask(bench.store({"userpass": login}), "x"))
    assert outcome.reason == "login-refused"
    assert "syncd-user" not in outcome.message
    (bench.folder / "user").write_text("../../sys/health")
    assert verdict(ask(bench.store({"userpass": login}), "x")) == (C.DENIED, "user-name-unusable")


@pytest.mark.kube
def test_a_service_account_token_for_somebody_else_is_not_sent(openbao: OpenBao, bench: Bench, kube: Kube) -> None:
    way = ByServiceAccount(openbao, bench, "default", kube)
    token = way.write(way.account(), audience="somebody-else")
    mark = openbao.mark()
    outcome = failed(ask(way.store(), "x"))
    assert (outcome.cls, outcome.reason) == (C.DENIED, "token-for-another-audience")
    assert all(word in outcome.message for word in (*way.words, "vault"))
    assert token not in repr(outcome)
    assert openbao.requests(mark, under=f"auth/{way.mount}") == []
    # Without `audience` it goes out, and the server, whose role asks for one, refuses it.
    assert verdict(ask(way.store(audience=""), "x")) == (C.DENIED, "login-denied")
    assert len(openbao.requests(mark, under=f"auth/{way.mount}/login")) == 1


@pytest.mark.kube
@pytest.mark.parametrize("content", ["no-jwt", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.W10.c", "a.eyJhdWQiOjF9.c"])
def test_what_names_no_audience_is_for_nobody(openbao: OpenBao, bench: Bench, kube: Kube, content: str) -> None:
    way = ByServiceAccount(openbao, bench, "default", kube)
    (bench.folder / "sa-token").write_text(content)
    assert verdict(ask(way.store(), "x")) == (C.DENIED, "token-for-another-audience")


def test_an_authority_that_was_replaced_is_taken_up_by_the_next_login(secure: Secure, bench: Bench) -> None:
    server = secure.server
    mount = server.mount()
    server.put(mount, "x", {"k": "v"})
    way = ByCertificate(server, bench, server.reader(mount), secure.tls.ca)
    trusted = bench.folder / "ca.pem"
    other = bench.folder / "other"
    other.mkdir()
    trusted.write_bytes(write_tls(other).ca.read_bytes())
    provider = way.store()
    outcome = failed(ask(provider, "x", mount=mount))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.UNAVAILABLE, "certificate-untrusted", "store")
    assert all(word in outcome.message for word in way.words)
    trusted.write_bytes(secure.tls.ca.read_bytes())
    fetched(ask(provider, "x", mount=mount))  # no clock has moved


def test_a_batch_token_is_neither_renewed_nor_given_back(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)], token_ttl="900s", token_type="batch"))
    mark = openbao.mark()
    for _ in range(3):
        fetched(ask(provider, "x", mount=mount))
        bench.now += 601
    provider.close()
    names = [entry.path for entry in openbao.requests(mark, under="auth/token/") if not entry.accessor]
    assert [name for name in names if name.endswith(("renew-self", "revoke-self"))] == []
