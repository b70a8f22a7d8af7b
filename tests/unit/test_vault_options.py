"""The block of a Vault store: what is accepted, and every problem at its place."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from syncd.model.store import StoreSettings, Tls
from syncd_providers.vault import SPEC
from syncd_providers.vault.options import VaultOptions

TOKEN = {"token": {"file": "t"}}
ROLE: dict[str, object] = {"roleId": "r", "secretId": {"file": "s"}}
PASSWORD: dict[str, object] = {"username": "u", "password": {"file": "p"}}
CERTIFICATE = Tls(cert_file=Path("c.pem"), key_file=Path("k.pem"))
METHODS: dict[str, dict[str, object]] = {
    "appRole": ROLE,
    "kubernetes": {"role": "r"},
    "jwt": {"role": "r", "token": {"file": "t"}},
    "userpass": PASSWORD,
    "ldap": PASSWORD,
    "aws": {"role": "r"},
    "azure": {"role": "r", "resource": "https://management.azure.com/"},
}
"""With the fields that each needs, and no other."""


def problems(fields: Mapping[str, object], *, plaintext: bool = False, tls: Tls | None = None) -> list[tuple[str, str]]:
    block = {"address": "https://vault.example:8200", "auth": TOKEN, **fields}
    options = msgspec.convert(block, VaultOptions)
    settings = StoreSettings("v", Path("/nowhere"), plaintext=plaintext, tls=tls or Tls())
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
        {"auth": {"appRole": {"roleId": "r", "secretId": {"file": "s", "wrapped": True}}}},
        *({"auth": {method: fields}} for method, fields in METHODS.items()),
        {"auth": {"kubernetes": {"role": "r", "tokenFile": "t", "audience": "vault", "mount": "k8s/prod"}}},
        {"auth": {"userpass": {"username": {"file": "u"}, "password": {"env": "P"}}}},
        {"auth": {"ldap": {"username": "CORP\\\\svc@x", "password": {"env": "P"}, "mount": "/ldap/"}}},
        {"auth": {"aws": {"role": "r", "region": "us-gov-west-1", "serverId": "vault.example"}}},
        {"auth": {"azure": {"role": "r", "resource": "api://x", "clientId": "c"}}},
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


@pytest.mark.parametrize("auth", [{}, {**TOKEN, "appRole": ROLE}, {"userpass": PASSWORD, "ldap": PASSWORD}])
def test_exactly_one_method_is_given(auth: dict[str, object]) -> None:
    ((path, message),) = problems({"auth": auth})
    assert path == "auth"
    assert all(name in message for name in auth)


def test_a_certificate_needs_one_under_tls_and_a_connection_that_shows_it() -> None:
    cert = {"auth": {"cert": {"name": "syncd"}}}
    assert problems(cert, tls=CERTIFICATE) == []
    assert problems({"auth": {"cert": {}}}, tls=CERTIFICATE) == []
    assert [path for path, _ in problems(cert)] == ["auth.cert"]
    ((path, message),) = problems({**cert, "address": "http://127.0.0.1:8200"}, tls=CERTIFICATE)
    assert (path, message) == ("auth.cert", "a certificate is shown over TLS alone")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mount", ["", "../token", "a//b", "a?b", "/"])
def test_the_mount_of_every_method_is_looked_at(method: str, mount: str) -> None:
    auth = {method: {**METHODS[method], "mount": mount}}
    assert [path for path, _ in problems({"auth": auth})] == [f"auth.{method}.mount"]


@pytest.mark.parametrize(("method", "missing"), [(m, f) for m, fields in METHODS.items() for f in fields])
def test_every_field_that_a_method_needs_is_asked_for(method: str, missing: str) -> None:
    fields = {name: value for name, value in METHODS[method].items() if name != missing}
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{missing}`"):
        problems({"auth": {method: fields}})


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        ({"token": {}}, "auth.token"),
        ({"token": {"file": "a", "env": "b"}}, "auth.token"),
        ({"appRole": {**ROLE, "secretId": {}}}, "auth.appRole.secretId"),
        ({"appRole": {**ROLE, "roleId": {}}}, "auth.appRole.roleId"),
        ({"appRole": {**ROLE, "secretId": {"wrapped": True}}}, "auth.appRole.secretId"),
        ({"jwt": {"role": "r", "token": {}}}, "auth.jwt.token"),
        ({"userpass": {**PASSWORD, "password": {}}}, "auth.userpass.password"),
        ({"ldap": {**PASSWORD, "username": {}}}, "auth.ldap.username"),
    ],
)
def test_a_credential_is_a_file_or_a_variable(auth: dict[str, object], path: str) -> None:
    assert [found for found, _ in problems({"auth": auth})] == [path]


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        *(
            ({"userpass": {**PASSWORD, "username": name}}, "userpass.username")
            for name in ("", "..", "a/b", "a\nb", " a")
        ),
        *(({"kubernetes": {"role": role}}, "kubernetes.role") for role in ("", "a\tb", " a")),
        ({"kubernetes": {"role": "r", "tokenFile": ""}}, "kubernetes.tokenFile"),
        ({"jwt": {"role": "", "token": {"file": "t"}}}, "jwt.role"),
        *(
            ({"aws": {"role": "r", "region": region}}, "aws.region")
            for region in ("", "x.evil.example/", "EU", "eu-west-1 ")
        ),
        ({"aws": {"role": "r", "serverId": "a\r\nX: y"}}, "aws.serverId"),
        ({"azure": {"role": "r", "resource": ""}}, "azure.resource"),
        ({"azure": {"role": "", "resource": "https://r/"}}, "azure.role"),
    ],
)
def test_what_cannot_be_is_named_at_its_place(auth: dict[str, object], path: str) -> None:
    assert [found for found, _ in problems({"auth": auth})] == [f"auth.{path}"]


@pytest.mark.parametrize(
    "fields",
    [
        {"auth": {"token": "s.plain"}},
        {"auth": {"jwt": {"role": "r", "token": "plain"}}},
        {"auth": {"userpass": {"username": "u", "password": "plain"}}},
        {"auth": {"userpass": {**PASSWORD, "wrapped": True}}},
        {"auth": {"appRole": {**ROLE, "secretId": "plain"}}},
        {"auth": {"oidc": {}}},
        {"kvVersion": 3},
        {"verify": False},
    ],
)
def test_the_types_refuse_plain_credentials_and_unknown_fields(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        problems(fields)
