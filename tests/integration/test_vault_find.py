"""Finding secrets and reading metadata in a real OpenBao: folders, names, tags, rights, and what breaks a listing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Query, RemoteRef
from syncd.model.store import Store
from syncd.testing.provider_case import Allowance
from syncd_providers.vault.provider import VaultProvider
from tests.integration.vault_store import Bench, verdict
from tests.servers.openbao import OpenBao

C = FailureClass
LIST = ["read", "list"]


@pytest.fixture
def bench(openbao: OpenBao, tmp_path: Path) -> Iterator[Bench]:
    """Make stores on the shared server; close them after the test."""
    made = Bench(tmp_path, openbao.address)
    yield made
    for provider in made.made:
        provider.close()


def find(provider: VaultProvider, query: Query, call: Allowance | None = None) -> Found:
    wanted = provider.canonical_query(query)
    assert isinstance(wanted, Query), wanted
    return provider.find(wanted, call or Allowance())


def names(found: Found) -> list[str]:
    assert isinstance(found, Listing), found
    return [ref.key for ref in found.refs]


def failure(found: Found) -> tuple[FailureClass, str]:
    assert isinstance(found, Failure), found
    return verdict(found)


def lister(openbao: OpenBao, mount: str) -> str:
    return openbao.token([openbao.policy({f"{mount}/*": LIST})])


@pytest.mark.parametrize("kv", [1, 2])
def test_two_hundred_below_a_path_are_found_and_each_is_read_once(openbao: OpenBao, bench: Bench, kv: int) -> None:
    mount = openbao.mount(kv)
    put = [f"payments/{'eu/west/' * (number % 3)}s{number:03}" for number in range(200)]
    for key in [*put, "other/x", "payments2/y", "payments"]:
        openbao.put(mount, key, {"k": key})
    provider = bench.with_token(lister(openbao, mount))
    gateway = Gateway({"v": Store("v", "vault", provider, Position("syncd.yaml", 1, 1), 500.0, 16)})
    query = Query("v", "payments/", mount=mount)
    mark = openbao.mark()
    direct = RemoteRef("v", put[0], mount=mount)
    sources = Sources(gateway, [direct], [query])
    found = sources.found([query])[query]
    assert names(found) == sorted(put)
    assert isinstance(found, Listing)
    outcomes = sources.outcomes([direct, *found.refs])
    gateway.close()
    assert [json.loads(o.value.reveal()) for o in outcomes.values() if isinstance(o, Fetched)] == [
        {"k": ref.key} for ref in (direct, *(ref for ref in found.refs if ref != direct))
    ]
    asked = openbao.requests(mark, under=f"{mount}/")
    # payments/, eu/, eu/west/, eu/west/eu/, eu/west/eu/west/
    assert [sum(each.operation == word for each in asked) for word in ("list", "read")] == [5, 200]
    assert sources.costs()["v"].sources == 201


def test_a_folder_in_the_middle_that_may_not_be_listed_fails_the_whole(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    for key in ("app/a", "app/m/x", "app/z"):
        openbao.put(mount, key, {"k": "v"})
    policy = openbao.policy({f"{mount}/*": LIST, f"{mount}/metadata/app/m/*": ["deny"]})
    provider = bench.with_token(openbao.token([policy]))
    assert failure(find(provider, Query("v", "app/", mount=mount))) == (C.DENIED, "permission-denied")
    assert names(find(bench.with_token(lister(openbao, mount)), Query("v", "app/", mount=mount))) == [
        "app/a",
        "app/m/x",
        "app/z",
    ]


def test_a_token_that_only_reads_may_not_list(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "a", {"k": "v"})
    found = find(bench.with_token(openbao.token([openbao.reader(mount)])), Query("v", mount=mount))
    assert failure(found) == (C.DENIED, "permission-denied")
    assert isinstance(found, Failure)
    assert "list" in found.message


def test_a_revoked_token_is_told_from_a_missing_right(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "a", {"k": "v"})
    token = lister(openbao, mount)
    provider = bench.with_token(token)
    assert names(find(provider, Query("v", mount=mount))) == ["a"]
    openbao.revoke(token)
    found = find(provider, Query("v", mount=mount))
    assert failure(found) == (C.DENIED, "token-expired")
    assert isinstance(found, Failure)
    assert found.stale_credential


@pytest.mark.parametrize("kv", [1, 2])
def test_a_folder_that_is_not_there_is_empty_and_a_mount_that_is_not_is_a_mistake(
    openbao: OpenBao, bench: Bench, kv: int
) -> None:
    mount = openbao.mount(kv)
    provider = bench.with_token(openbao.root_token)
    assert names(find(provider, Query("v", mount=mount))) == []
    assert names(find(provider, Query("v", "nowhere/", mount=mount))) == []
    assert failure(find(provider, Query("v", mount="no-such-mount")))[0] in (C.CONFIG, C.DENIED)


@pytest.mark.parametrize(("kv", "told"), [(1, 2), (2, 1)])
def test_a_mount_of_another_version_than_told_is_not_empty(openbao: OpenBao, bench: Bench, kv: int, told: int) -> None:
    mount = openbao.mount(kv)
    openbao.put(mount, "app/a", {"k": "v"})
    provider = bench.with_token(openbao.root_token, kvVersion=told)
    assert failure(find(provider, Query("v", "app/", mount=mount))) == (C.CONFIG, "wrong-kv-version")


@pytest.mark.parametrize("kv", [1, 2])
@pytest.mark.parametrize("key", ["a b/c+d&e=f", "größe/☃", "100%/x", "~a!$'()*,;:@-._/y", "...", "a%zz"])
def test_every_name_that_is_accepted_is_found_as_it_is(openbao: OpenBao, bench: Bench, kv: int, key: str) -> None:
    mount = openbao.mount(kv)
    openbao.put(mount, f"app/{key}", {"k": "v"})
    provider = bench.with_token(openbao.root_token)
    found = find(provider, Query("v", "app/", mount=mount))
    assert names(found) == [f"app/{key}"]
    assert isinstance(found, Listing)
    assert provider.canonical(found.refs[0]) == found.refs[0]


@pytest.mark.parametrize("key", ["app/a?b", "app/a#b", "app/%2e%2e", "app/x%2fy/z"])
def test_a_name_that_could_be_read_in_two_ways_fails_the_find(openbao: OpenBao, bench: Bench, key: str) -> None:
    mount = openbao.mount()
    openbao.put(mount, key, {"k": "v"})
    provider = bench.with_token(openbao.root_token)
    assert failure(find(provider, Query("v", "app/", mount=mount))) == (C.CONFIG, "name-unsafe")


def test_a_deleted_version_is_found_and_then_unusable(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "app/a", {"k": "v"})
    openbao.delete_version(mount, "app/a")
    provider = bench.with_token(openbao.root_token)
    found = find(provider, Query("v", "app/", mount=mount))
    assert isinstance(found, Listing)
    ((_, outcome),) = provider.fetch(found.refs, Allowance())
    assert verdict(outcome) == (C.UNUSABLE, "version-deleted")


def described(provider: VaultProvider, key: str, mount: str) -> object:
    ref = provider.canonical(RemoteRef("v", key, mount=mount, part="metadata"))
    assert isinstance(ref, RemoteRef)
    ((_, outcome),) = provider.describe([ref], Allowance())
    return json.loads(outcome.value.reveal()) if isinstance(outcome, Fetched) else outcome


def test_custom_metadata_is_read_with_the_times_of_the_object(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "app/db", {"k": "v"})
    openbao.do("POST", f"{mount}/metadata/app/db", {"custom_metadata": {"owner.team": "größe", "$created": "never"}})
    told = described(bench.with_token(lister(openbao, mount)), "app/db", mount)
    assert isinstance(told, dict)
    assert told.keys() == {"owner.team", "$created", "$updated"}
    assert told["owner.team"] == "größe"
    assert told["$created"].endswith("Z")
    assert len(told["$created"]) == len("2026-01-31T12:00:00Z")


def test_metadata_outlives_a_deleted_version_and_kv_1_has_none(openbao: OpenBao, bench: Bench) -> None:
    mount, old = openbao.mount(), openbao.mount(1)
    openbao.put(mount, "a", {"k": "v"})
    openbao.delete_version(mount, "a")
    openbao.put(old, "a", {"k": "v"})
    provider = bench.with_token(openbao.root_token)
    assert isinstance(described(provider, "a", mount), dict)
    failed = described(provider, "a", old)
    assert isinstance(failed, Failure)
    assert verdict(failed) == (C.CONFIG, "metadata-unsupported")
    assert failure(find(provider, Query("v", tags=(("a", "b"),), mount=old))) == (C.CONFIG, "metadata-unsupported")


def test_metadata_needs_a_right_of_its_own(openbao: OpenBao, bench: Bench) -> None:
    mount = openbao.mount()
    openbao.put(mount, "a", {"k": "v"})
    provider = bench.with_token(openbao.token([openbao.policy({f"{mount}/data/*": ["read"]})]))
    failed = described(provider, "a", mount)
    assert isinstance(failed, Failure)
    assert verdict(failed) == (C.DENIED, "permission-denied")


def syncd(folder: Path, *arguments: str) -> tuple[int, str]:
    program = Path(sys.executable).parent / "syncd"
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_secret_of_all_that_is_found_from_its_first_write_to_the_loss_of_a_key(
    openbao: OpenBao, tmp_path: Path
) -> None:
    mount = openbao.mount()
    for number in range(200):
        openbao.put(mount, f"team/{number % 7}/k-{number:03}", {"n": str(number)})
    openbao.do("POST", f"{mount}/metadata/team/0/k-000", {"custom_metadata": {"owner": "payments"}})
    (tmp_path / "token").write_text(lister(openbao, mount))
    (tmp_path / "syncd.yaml").write_text(f"""
version: 1
instance: find
target: {{directory: {{path: out}}}}
stores: {{bao: {{type: vault, address: "{openbao.address}", mount: {mount}, auth: {{token: {{file: token}}}}}}}}
defaults: {{store: bao, namespace: team}}
secrets:
- name: all
  dataFrom:
  - find: {{path: team, name: "k-[0-9]+$"}}
    keys: {{replace: [{{pattern: "^([0-9])_k-", with: 'K\\1_'}}]}}
  data: {{owner: {{key: team/0/k-000, metadata: owner}}}}
  whenSourceGone: delete
""")
    code, told = syncd(tmp_path, "apply", "--yes")
    assert code == 0, told
    manifest = tmp_path / "out/team/all.yaml"
    written = manifest.read_bytes()
    data = yaml.safe_load(written)["data"]
    assert len(data) == 201
    assert {"K0_000", "K3_199", "owner"} <= data.keys()
    assert syncd(tmp_path, "diff")[0] == 0
    openbao.remove(mount, "team/3/k-199")
    code, told = syncd(tmp_path, "apply", "--yes")
    assert code == 1
    assert "K3_199" in told
    assert "source-absent" in told
    assert manifest.read_bytes() == written
    code, told = syncd(tmp_path, "apply", "--yes", "--prune")
    assert code == 0, told
    left = yaml.safe_load(manifest.read_bytes())["data"]
    assert left == {name: value for name, value in data.items() if name != "K3_199"}
