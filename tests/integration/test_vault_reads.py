"""Reading from a real OpenBao: KV 1 and 2, versions, what is gone, what is denied, mounts and namespaces."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.fetch.seam import CallAborted
from syncd.model.reference import FailureClass, RemoteRef
from syncd.testing.provider_case import Allowance
from tests.integration.vault_store import CANARY, Bench, ask, failed, fetched, ref_of, verdict
from tests.servers.openbao import OpenBao

C = FailureClass


@pytest.fixture
def bench(openbao: OpenBao, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the shared server; close them after the test."""
    made = Bench(tmp_path, openbao.address)
    yield made
    for provider in made.made:
        provider.close()


def test_a_kv_2_object_is_its_keys_with_version_and_time(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "app/db", {"password": CANARY, "user": "größe"})
    openbao.put(mount, "app/db", {"password": CANARY})
    found = fetched(ask(bench.with_token(openbao.token([openbao.reader(mount)])), "app/db", mount=mount))
    assert json.loads(found.value.reveal()) == {"password": CANARY}
    assert (found.version, found.structured) == ("2", True)
    assert found.created is not None
    assert found.created > 1_700_000_000


def test_a_kv_1_object_is_its_keys_without_a_version(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount(1)
    openbao.put(mount, "app/db", {"password": CANARY})
    found = fetched(ask(bench.with_token(openbao.token([openbao.reader(mount)])), "app/db", mount=mount))
    assert (json.loads(found.value.reveal()), found.version) == ({"password": CANARY}, "")


@pytest.mark.parametrize("kv", [1, 2])
@pytest.mark.parametrize("key", ["a b/c+d&e=f", "größe/☃", "100%/x", "~a!$'()*,;:@-._", "...", "a%zz"])
def test_every_name_that_is_accepted_arrives_as_it_is(openbao: OpenBao, bench: Bench, kv: int, key: str) -> None:
    mount = openbao.mount(kv)
    openbao.put(mount, key, {"k": "v"})
    assert fetched(ask(bench.with_token(openbao.root_token), key, mount=mount)).value.reveal() == b'{"k":"v"}'


def test_the_store_s_mount_is_the_default(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_token(openbao.root_token, mount=mount)
    assert ref_of(provider, "x").mount == mount
    fetched(ask(provider, "x"))


def test_a_pinned_version_is_read_after_newer_ones(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    for number in (1, 2, 3):
        openbao.put(mount, "x", {"k": number})
    found = fetched(ask(bench.with_token(openbao.root_token), "x", mount=mount, version="2"))
    assert (found.value.reveal(), found.version) == (b'{"k":2}', "2")


def test_a_pinned_version_that_is_not_there_is_unusable_while_the_object_is(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_token(openbao.root_token)
    assert verdict(ask(provider, "x", mount=mount, version="9")) == (C.UNUSABLE, "version-missing")
    assert verdict(ask(provider, "y", mount=mount, version="9")) == (C.ABSENT, "not-found")


def test_a_version_on_kv_1_is_a_configuration_mistake(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount(1)
    openbao.put(mount, "x", {"k": "v"})
    outcome = ask(bench.with_token(openbao.root_token), "x", mount=mount, version="1")
    assert verdict(outcome) == (C.CONFIG, "version-unsupported")


@pytest.mark.parametrize("kv", [1, 2])
def test_an_object_that_never_was_is_absent(openbao: OpenBao, bench: Bench, kv: int) -> None:
    mount = openbao.mount(kv)
    provider = bench.with_token(openbao.token([openbao.reader(mount)]))
    assert verdict(ask(provider, "x", mount=mount)) == (C.ABSENT, "not-found")


def test_deleted_undeleted_destroyed_and_removed_are_told_apart(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    provider = bench.with_token(openbao.token([openbao.reader(mount)]))
    openbao.put(mount, "x", {"k": "v"})
    openbao.delete_version(mount, "x")
    assert verdict(ask(provider, "x", mount=mount)) == (C.UNUSABLE, "version-deleted")
    openbao.undelete(mount, "x", 1)
    fetched(ask(provider, "x", mount=mount))
    openbao.destroy(mount, "x", 1)
    assert verdict(ask(provider, "x", mount=mount)) == (C.UNUSABLE, "version-destroyed")
    assert verdict(ask(provider, "x", mount=mount, version="1")) == (C.UNUSABLE, "version-destroyed")
    openbao.remove(mount, "x")
    assert verdict(ask(provider, "x", mount=mount)) == (C.ABSENT, "not-found")


def test_an_older_version_never_stands_in_for_a_deleted_newest(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "old"})
    openbao.put(mount, "x", {"k": "new"})
    openbao.delete_version(mount, "x")
    provider = bench.with_token(openbao.root_token)
    assert verdict(ask(provider, "x", mount=mount)) == (C.UNUSABLE, "version-deleted")
    assert fetched(ask(provider, "x", mount=mount, version="1")).value.reveal() == b'{"k":"old"}'


def test_an_object_without_keys_is_malformed(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {})
    assert verdict(ask(bench.with_token(openbao.root_token), "x", mount=mount)) == (C.MALFORMED, "no-keys")


def test_a_mount_that_is_not_there_or_not_kv_is_never_absent(openbao: OpenBao, bench: Bench) -> None:
    anywhere = openbao.policy({"*": ["read"]})
    openbao.request("POST", "sys/mounts/not-kv", {"type": "totp"})
    provider = bench.with_token(openbao.token([anywhere]))
    assert verdict(ask(provider, "x", mount="no-such-mount")) == (C.DENIED, "permission-denied")
    assert verdict(ask(provider, "x", mount="not-kv")) == (C.CONFIG, "mount-not-kv")


def test_a_fixed_kv_version_saves_the_question(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    mark = openbao.mark()
    fetched(ask(bench.with_token(openbao.root_token, kvVersion=2), "x", mount=mount))
    assert [entry.path for entry in openbao.requests(mark) if mount in entry.path] == [f"{mount}/data/x"]


@pytest.mark.parametrize(("real", "said"), [(1, 2), (2, 1)])
def test_a_wrongly_fixed_kv_version_is_a_mistake_and_never_absent(
    openbao: OpenBao, bench: Bench, real: int, said: int
) -> None:
    mount = openbao.mount(real)
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_token(openbao.token([openbao.reader(mount)]), kvVersion=said)
    assert verdict(ask(provider, "x", mount=mount)) == (C.CONFIG, "wrong-kv-version")


def test_a_fixed_kv_version_with_a_missing_mount_is_a_mistake(openbao: OpenBao, bench: Bench) -> None:
    provider = bench.with_token(openbao.token([openbao.policy({"*": ["read"]})]), kvVersion=2)
    assert verdict(ask(provider, "x", mount="no-such-mount")) == (C.CONFIG, "mount-missing")


def test_an_absent_object_under_a_fixed_kv_version_is_confirmed(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    provider = bench.with_token(openbao.token([openbao.reader(mount)]), kvVersion=2)
    assert verdict(ask(provider, "x", mount=mount)) == (C.ABSENT, "not-found")


def test_a_path_inside_a_mount_is_no_mount(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount(1)
    openbao.put(mount, "a/x", {"k": "v"})
    assert verdict(ask(bench.with_token(openbao.root_token), "x", mount=f"{mount}/a")) == (C.CONFIG, "mount-mismatch")


def test_a_denied_path_is_denied_and_no_login_would_help(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "mine", {"k": "v"})
    openbao.put(mount, "theirs", {"k": "v"})
    provider = bench.with_token(openbao.token([openbao.policy({f"{mount}/data/mine": ["read"]})]))
    fetched(ask(provider, "mine", mount=mount))
    outcome = failed(ask(provider, "theirs", mount=mount))
    assert (outcome.cls, outcome.reason) == (C.DENIED, "permission-denied")
    assert (outcome.scope, outcome.stale_credential) == ("ref", False)


def test_a_wiped_mount_is_absent_and_one_of_another_kind_is_noticed(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_token(openbao.token([openbao.policy({f"{mount}/*": ["read"]})]))
    fetched(ask(provider, "x", mount=mount))
    openbao.unmount(mount)
    assert verdict(ask(provider, "x", mount=mount)) == (C.CONFIG, "mount-missing")
    assert verdict(ask(provider, "x", mount=mount)) == (C.DENIED, "permission-denied")
    openbao.mount(1, name=mount)
    openbao.put(mount, "x", {"k": "again"})
    assert fetched(ask(provider, "x", mount=mount)).value.reveal() == b'{"k":"again"}'
    openbao.unmount(mount)
    openbao.mount(2, name=mount)
    bench.now += 61
    assert verdict(ask(provider, "x", mount=mount)) == (C.ABSENT, "not-found")


def test_a_mount_is_asked_for_once_a_minute(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_token(openbao.root_token)
    mark = openbao.mark()
    for step in (0, 30, 31):
        bench.now += step
        for _ in range(3):
            fetched(ask(provider, "x", mount=mount))
    paths = [entry.path for entry in openbao.requests(mark) if mount in entry.path]
    assert paths.count(f"sys/internal/ui/mounts/{mount}") == 2
    assert len(paths) == 11


def test_a_namespace_is_another_place(openbao: OpenBao, bench: Bench) -> None:
    namespace = openbao.namespace()
    mount = openbao.mount(namespace=namespace)
    openbao.put(mount, "x", {"k": "inside"}, namespace=namespace)
    pair = openbao.approle([openbao.reader(mount, namespace=namespace)], namespace=namespace)
    provider = bench.with_approle(pair, namespace=namespace)
    assert fetched(ask(provider, "x", mount=mount)).value.reveal() == b'{"k":"inside"}'
    missing = bench.with_token(openbao.root_token, namespace="no-such-namespace")
    assert verdict(ask(missing, "x", mount=mount)) == (C.CONFIG, "namespace-missing")


def test_each_wire_request_is_spent_before_it_is_sent(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    provider = bench.with_approle(openbao.approle([openbao.reader(mount)]))
    ref = ref_of(provider, "x", mount=mount)
    for allowed in (0, 1, 2):
        # The login, the question for the mount, and the read: each round gets one request further.
        provider.relogin()
        bench.now += 61
        call, mark = Allowance(most=allowed), openbao.mark()
        with pytest.raises(CallAborted):
            provider.fetch([ref], call)
        assert call.spent == allowed
        assert openbao.requests(mark, under=f"{mount}/data/") == []
    provider.relogin()
    bench.now += 61
    call = Allowance()
    fetched(ask(provider, "x", mount=mount, call=call))
    assert call.spent == 3


def test_a_name_that_is_not_canonical_is_never_sent(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    provider = bench.with_token(openbao.root_token)
    call = Allowance()
    for key in ("a/../b", "../../sys/mounts", "/x"):
        ((_, outcome),) = provider.fetch([RemoteRef("v", key, "", mount)], call)
        assert verdict(outcome) == (C.CONFIG, "not-canonical")
    assert call.spent == 0


def test_no_token_of_the_machine_stands_in(
    openbao: OpenBao, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mount = openbao.mount()
    openbao.put(mount, "x", {"k": "v"})
    monkeypatch.setenv("VAULT_TOKEN", openbao.root_token)
    monkeypatch.setenv("VAULT_ADDR", openbao.address)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vault-token").write_text(openbao.root_token)
    assert failed(ask(bench.with_token("s.unknown"), "x", mount=mount)).cls is C.DENIED
    (bench.folder / "token").unlink()
    missing = bench.store({"token": {"file": "token"}})
    assert verdict(ask(missing, "x", mount=mount)) == (C.DENIED, "credential-unreadable")


def test_hvac_is_imported_with_the_first_fetch() -> None:
    program = (
        "import sys, pathlib\n"
        "from syncd_providers.vault import SPEC\n"
        "from syncd_providers.vault.options import Auth, VaultOptions\n"
        "from syncd.fetch.credential import Credential\n"
        "from syncd.model.store import StoreSettings\n"
        "from syncd.model.reference import RemoteRef\n"
        "options = VaultOptions(address='http://127.0.0.1:1', auth=Auth(token=Credential(env='T')))\n"
        "provider = SPEC.create(options, StoreSettings('v', pathlib.Path()))\n"
        "provider.canonical(RemoteRef('v', 'x'))\n"
        "provider.relogin(); provider.close()\n"
        "assert not {'hvac', 'requests'} & sys.modules.keys()\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
