"""Secret ids of AppRole that come wrapped (B4): looked at, taken out once, and never by a run that only shows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.fetch.registry import Registry
from syncd.model.reference import FailureClass, Outcome
from syncd_providers.vault.provider import VaultProvider
from tests.faults.vault_wire import LOGIN, TOKEN, Vault, answered, said
from tests.integration.vault_store import Bench, ask, failed, fetched, verdict
from tests.servers.canary import canary
from tests.servers.openbao import OpenBao
from tests.servers.wire import Reply, Wire

C = FailureClass
ROLE = "auth/approle/role/syncd-role"
LOOKUP, UNWRAP = "/v1/sys/wrapping/lookup", "/v1/sys/wrapping/unwrap"


@dataclass(repr=False)
class Site:
    """A namespace of the test's own with an AppRole, a KV mount, and the file for the wrapped secret id."""

    server: OpenBao
    bench: Bench
    namespace: str
    mount: str
    role_id: str

    @property
    def file(self) -> Path:
        return self.bench.folder / "wrapped"

    def wrap(self) -> str:
        """Write a newly wrapped secret id; give the wrapping token."""
        token = self.server.wrapped(f"{ROLE}/secret-id", {}, namespace=self.namespace)
        self.file.write_text(token + "\n")
        return token

    def open(self, token: str) -> dict[str, object]:
        """Unwrap, as anybody may who has the token."""
        return self.server.do("POST", "sys/wrapping/unwrap", token=token, namespace=self.namespace)

    def is_good(self, token: str) -> bool:
        """Tell whether a wrapping token still holds something."""
        body = {"token": token}
        return self.server.request("POST", "sys/wrapping/lookup", body, namespace=self.namespace)[0] == 200

    def store(self, *, may_consume: bool = True) -> VaultProvider:
        self.bench.may_consume = may_consume
        login = {"roleId": self.role_id, "secretId": {"file": "wrapped", "wrapped": True}}
        return self.bench.store({"appRole": login}, namespace=self.namespace, mount=self.mount)

    def ask(self, provider: VaultProvider) -> Outcome:
        return ask(provider, "x")

    def asked(self, mark: int) -> list[str]:
        """List what was asked in the namespace about wrappings and logins."""
        paths = [each.path for each in self.server.requests(mark) if each.namespace == f"{self.namespace}/"]
        return [path for path in paths if path.startswith(("sys/wrapping/", "auth/approle/login"))]


@pytest.fixture
def site(openbao: OpenBao, tmp_path: Path) -> Iterator[Site]:
    """Make one, with a secret id that is wrapped."""
    namespace = openbao.namespace()
    mount = openbao.mount(namespace=namespace)
    openbao.put(mount, "x", {"k": "v"}, namespace=namespace)
    openbao.do("POST", "sys/auth/approle", {"type": "approle"}, namespace=namespace)
    role = {"token_policies": [openbao.reader(mount, namespace=namespace)], "token_ttl": "900s"}
    openbao.do("POST", ROLE, role, namespace=namespace)
    role_id = str(openbao.do("GET", f"{ROLE}/role-id", namespace=namespace)["role_id"])
    made = Site(openbao, Bench(tmp_path, openbao.address), namespace, mount, role_id)
    made.wrap()
    yield made
    for provider in made.bench.made:
        provider.close()


def test_it_is_unwrapped_once_and_serves_every_login_after(site: Site) -> None:
    provider = site.store()
    mark = site.server.mark()
    for _ in range(3):
        fetched(site.ask(provider))
        provider.relogin()
    login = "auth/approle/login"
    assert site.asked(mark) == ["sys/wrapping/lookup", "sys/wrapping/unwrap", login, login, login]


def test_a_run_that_only_shows_asks_nothing_and_leaves_it_whole(site: Site) -> None:
    token = site.wrap()
    provider = site.store(may_consume=False)
    mark = site.server.mark()
    outcome = failed(site.ask(provider))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "unwrapping-withheld", "store")
    assert not outcome.transient
    assert site.asked(mark) == []
    assert site.is_good(token)


def test_one_that_was_used_before_is_told_as_that_and_not_asked_for_again(site: Site) -> None:
    token = site.wrap()
    secret_id = str(site.open(token)["secret_id"])
    outcome = failed(site.ask(site.store()))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "wrapping-used", "store")
    assert not outcome.transient
    assert all(word in outcome.message for word in ("appRole", "auth/approle", site.role_id, "file wrapped", "destroy"))
    assert not any(credential in repr(outcome) for credential in (token, secret_id))


def test_one_that_somebody_wrapped_again_is_left_alone(site: Site) -> None:
    secret_id = str(site.open(site.wrap())["secret_id"])
    forged = site.server.wrapped("sys/wrapping/wrap", {"secret_id": secret_id}, namespace=site.namespace)
    site.file.write_text(forged)
    mark = site.server.mark()
    outcome = failed(site.ask(site.store()))
    assert (outcome.cls, outcome.reason, outcome.transient) == (C.DENIED, "wrapping-elsewhere", False)
    assert site.asked(mark) == ["sys/wrapping/lookup"]
    assert site.is_good(forged)
    assert not any(credential in repr(outcome) for credential in (forged, secret_id))


def test_one_of_another_mount_is_left_alone(site: Site) -> None:
    site.server.do("POST", "sys/auth/other", {"type": "approle"}, namespace=site.namespace)
    site.server.do("POST", "auth/other/role/r", {"token_policies": ["default"]}, namespace=site.namespace)
    token = site.server.wrapped("auth/other/role/r/secret-id", {}, namespace=site.namespace)
    site.file.write_text(token)
    assert verdict(site.ask(site.store())) == (C.DENIED, "wrapping-elsewhere")
    assert site.is_good(token)


def test_a_new_one_in_the_file_is_taken_at_the_next_login(site: Site) -> None:
    site.open(site.wrap())
    provider = site.store()
    assert verdict(site.ask(provider)) == (C.DENIED, "wrapping-used")
    site.wrap()
    fetched(site.ask(provider))
    mark = site.server.mark()
    site.wrap()
    provider.relogin()
    fetched(site.ask(provider))
    assert site.asked(mark) == ["sys/wrapping/lookup", "sys/wrapping/unwrap", "auth/approle/login"]


def test_a_secret_id_that_was_destroyed_after_it_was_taken_out_is_a_refused_login(site: Site) -> None:
    provider = site.store()
    fetched(site.ask(provider))
    for accessor in _accessors(site):
        body = {"secret_id_accessor": accessor}
        site.server.do("POST", f"{ROLE}/secret-id-accessor/destroy", body, namespace=site.namespace)
    provider.relogin()
    mark = site.server.mark()
    assert verdict(site.ask(provider)) == (C.DENIED, "login-refused")
    assert site.asked(mark) == ["auth/approle/login"]


def _accessors(site: Site) -> list[str]:
    found = site.server.do("LIST", f"{ROLE}/secret-id", namespace=site.namespace)["keys"]
    assert isinstance(found, list)
    return [str(accessor) for accessor in found]


MADE = {"data": {"creation_path": "auth/approle/role/r/secret-id", "creation_time": "x", "creation_ttl": 60}}


@pytest.mark.parametrize(
    ("lookup", "unwrap", "expected"),
    [
        (answered({"data": None}), Reply(500), (C.DENIED, "wrapping-elsewhere")),
        (Reply(200, b"<html>"), Reply(500), (C.DENIED, "wrapping-elsewhere")),
        (said(403, "permission denied"), Reply(500), (C.DENIED, "wrapping-used")),
        (Reply(403, b"<html>"), Reply(500), (C.DENIED, "forbidden")),
        (said(503, "Vault is sealed"), Reply(500), (C.UNAVAILABLE, "sealed")),
        (answered(MADE), said(400, "wrapping token is not valid or does not exist"), (C.DENIED, "wrapping-used")),
        (answered(MADE), said(500, "internal"), (C.UNAVAILABLE, "server-error")),
        (answered(MADE), answered({"data": {"secret": "x"}}), (C.MALFORMED, "unwrapped-no-secret-id")),
        (answered(MADE), answered({"data": None}), (C.MALFORMED, "unwrapped-no-secret-id")),
        (answered(MADE), Reply(200, b"<html>"), (C.MALFORMED, "unwrapped-no-secret-id")),
    ],
)
def test_odd_answers_lead_to_no_login(
    tmp_path: Path, lookup: Reply, unwrap: Reply, expected: tuple[FailureClass, str]
) -> None:
    vault = Vault()
    vault.replies |= {LOOKUP: lookup, UNWRAP: unwrap}
    (tmp_path / "wrapped").write_text("s.wrapping")
    with Wire(vault) as wire:
        login = {"roleId": "r", "secretId": {"file": "wrapped", "wrapped": True}}
        outcome = failed(ask(Bench(tmp_path, wire.address).store({"appRole": login}), "x"))
        assert LOGIN not in [request.target for request in wire.requests]
    assert ((outcome.cls, outcome.reason), outcome.scope) == (expected, "store")


def test_the_wrapping_token_goes_out_in_one_place_alone(tmp_path: Path) -> None:
    # Named in header and body at once it would be used up by the first (Vault's page on sys/wrapping/unwrap).
    vault = Vault()
    vault.replies |= {LOOKUP: answered(MADE), UNWRAP: answered({"data": {"secret_id": "the-secret-id"}})}
    (tmp_path / "wrapped").write_text("s.wrapping")
    with Wire(vault) as wire:
        login = {"roleId": "r", "secretId": {"file": "wrapped", "wrapped": True}}
        fetched(ask(Bench(tmp_path, wire.address).store({"appRole": login}), "x"))
        sent = {request.target: request for request in wire.requests}
    assert json.loads(sent[LOOKUP].body) == {"token": "s.wrapping"}
    assert "x-vault-token" not in sent[LOOKUP].headers
    assert sent[UNWRAP].body == b""
    assert sent[UNWRAP].headers["x-vault-token"] == "s.wrapping"
    assert json.loads(sent[LOGIN].body) == {"role_id": "r", "secret_id": "the-secret-id"}
    assert sent["/v1/secret/data/x"].headers["x-vault-token"] == TOKEN


def test_a_secret_id_is_never_written_in_the_file(tmp_path: Path) -> None:
    written = canary()
    auth = {"appRole": {"roleId": "r", "secretId": written}}
    store = {"type": "vault", "address": "https://vault.example.com", "auth": auth}
    content = {"version": 1, "instance": "i", "target": {"directory": {"path": "out"}}, "stores": {"v": store}}
    (tmp_path / "syncd.yaml").write_text(json.dumps(content))
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "syncd.yaml", Registry())
    (diagnostic,) = caught.value.diagnostics
    assert "stores.v.auth.appRole.secretId: a credential is never written in the file" in str(diagnostic)
    assert written[:12] not in str(diagnostic)


def test_the_program_unwraps_to_apply_and_neither_to_check_nor_to_show(site: Site) -> None:
    token = site.wrap()
    store = {
        "type": "vault",
        "address": site.server.address,
        "namespace": site.namespace,
        "mount": site.mount,
        "auth": {"appRole": {"roleId": site.role_id, "secretId": {"file": "wrapped", "wrapped": True}}},
    }
    mapping = {"name": "s", "namespace": "n", "data": {"k": {"store": "v", "key": "x", "property": "k"}}}
    content = {"version": 1, "instance": "i", "target": {"directory": {"path": "out"}}, "stores": {"v": store}}
    (site.bench.folder / "syncd.yaml").write_text(json.dumps({**content, "secrets": [mapping]}))

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "syncd", *arguments],
            cwd=site.bench.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("check")[0] == 0
    code, shown = run("diff")
    assert (code, "apply and run" in shown) == (2, True), shown
    assert site.is_good(token)
    assert run("apply", "--yes")[0] == 0
    assert not site.is_good(token)
    code, shown = run("apply", "--yes")
    assert (code, "was unwrapped before" in shown) == (1, True), shown
