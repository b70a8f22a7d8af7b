"""The block of a Vault store: what is accepted, and every problem at its place."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from syncd.model.store import StoreSettings
from syncd_providers.vault import SPEC
from syncd_providers.vault.options import VaultOptions

TOKEN = {"token": {"file": "t"}}
ROLE = {"roleId": "r", "secretId": {"file": "s"}}


def problems(fields: Mapping[str, object], *, plaintext: bool = False) -> list[tuple[str, str]]:
    block = {"address": "https://vault.example:8200", "auth": TOKEN, **fields}
    options = msgspec.convert(block, VaultOptions)
    settings = StoreSettings("v", Path("/nowhere"), plaintext=plaintext)
    return [(".".join(map(str, problem.path)), problem.message) for problem in SPEC.check(options, settings)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"namespace": "team-a/x", "mount": "kv/a", "kvVersion": 1},
        {"auth": {"token": {"env": "T"}}},
        {"auth": {"appRole": ROLE}},
        {"auth": {"appRole": {**ROLE, "roleId": {"env": "R"}, "mount": "team/approle"}}},
        {"auth": {"appRole": {**ROLE, "roleId": 8}}},
        {"address": "http://127.0.0.1:8200"},
        {"address": "http://[::1]:8200"},
        {"address": "http://localhost:8200"},
        {"address": "https://proxy.example/vault"},
    ],
)
def test_a_sound_block_has_no_problem(fields: dict[str, object]) -> None:
    assert problems(fields) == []


@pytest.mark.parametrize("address", ["http://vault.example", "http://10.0.0.1:8200", "http://localhost.example"])
def test_plain_http_is_for_loopback_and_a_mesh(address: str) -> None:
    assert [path for path, _ in problems({"address": address})] == ["address"]
    assert problems({"address": address}, plaintext=True) == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault.example",
        "ftp://vault.example",
        "https://",
        "https://u:p@vault.example",
        "https://v/?x=1",
        "https://v/#x",
        *("https://v:99999", "https://v:0", "https://v/a b", "https://v\n", "https://v/../x", "https://[::1"),
    ],
)
def test_a_bad_address_is_named(address: str) -> None:
    assert [path for path, _ in problems({"address": address})] == ["address"]


@pytest.mark.parametrize("mount", ["", "../sys", "sys", "a//b"])
def test_a_bad_mount_is_named(mount: str) -> None:
    assert [path for path, _ in problems({"mount": mount})] == ["mount"]


@pytest.mark.parametrize("namespace", ["a/../b", "a//b", "a\r\nX: y", "/"])
def test_a_bad_namespace_is_named(namespace: str) -> None:
    assert [path for path, _ in problems({"namespace": namespace})] == ["namespace"]


@pytest.mark.parametrize("auth", [{}, {**TOKEN, "appRole": ROLE}])
def test_exactly_one_method_is_given(auth: dict[str, object]) -> None:
    assert [path for path, _ in problems({"auth": auth})] == ["auth"]


@pytest.mark.parametrize("method", ["kubernetes", "jwt", "userpass", "ldap", "cert", "aws", "azure"])
def test_a_later_method_is_known_and_not_supported_yet(method: str) -> None:
    assert problems({"auth": {method: {"role": "x"}}}) == [(f"auth.{method}", "not supported yet")]


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        ({"token": {}}, "auth.token"),
        ({"token": {"file": "a", "env": "b"}}, "auth.token"),
        ({"appRole": {**ROLE, "secretId": {}}}, "auth.appRole.secretId"),
        ({"appRole": {**ROLE, "roleId": {}}}, "auth.appRole.roleId"),
        ({"appRole": {**ROLE, "mount": "../token"}}, "auth.appRole.mount"),
    ],
)
def test_a_credential_is_a_file_or_a_variable(auth: dict[str, object], path: str) -> None:
    assert [found for found, _ in problems({"auth": auth})] == [path]


@pytest.mark.parametrize(
    "fields",
    [
        {"auth": {"token": "s.plain"}},
        {"auth": {"appRole": {**ROLE, "secretId": "plain"}}},
        {"auth": {"oidc": {}}},
        {"kvVersion": 3},
        {"verify": False},
    ],
)
def test_the_types_refuse_plain_credentials_and_unknown_fields(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        problems(fields)
