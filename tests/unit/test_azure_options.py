"""How a Key Vault store is configured, and what its keys name."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model.reference import RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem
from syncd_providers.azure import SPEC
from syncd_providers.azure.options import AzureOptions, origin
from syncd_providers.azure.reference import SecretId, canonical

VAULT = "https://kv.vault.azure.net"
VERSION = "0123456789abcdef0123456789abcdef"
SETTINGS = StoreSettings("kv", Path("/etc/syncd"))
SECRET = {"tenantId": "t.example", "clientId": "c", "secret": {"file": "s"}}

CERTIFICATE = {"tenantId": "t.example", "clientId": "c", "file": "c.pem"}


def _options(**changes: object) -> AzureOptions:
    return msgspec.convert({"vaultUrl": VAULT, "auth": {"managedIdentity": {}}, **changes}, AzureOptions)


def _problems(**changes: object) -> list[tuple[tuple[str | int, ...], str]]:
    return [(one.path, one.message) for one in SPEC.check(_options(**changes), SETTINGS)]


@pytest.mark.parametrize(
    "auth",
    [
        {"clientSecret": SECRET},
        {"clientCertificate": CERTIFICATE},
        {"clientCertificate": {**CERTIFICATE, "password": {"env": "P"}}},
        {"azureCli": {}},
        {"managedIdentity": {}},
        {"managedIdentity": {"clientId": "c"}},
        {"workloadIdentity": {}},
        {"workloadIdentity": {"clientId": "c", "tenantId": "t", "tokenFile": "f"}},
        {"default": {}},
    ],
)
def test_each_method_alone_is_well(auth: dict[str, object]) -> None:
    assert _problems(auth=auth) == []
    assert _options(auth=auth).method()[0] == next(iter(auth))


@pytest.mark.parametrize("auth", [{}, {"managedIdentity": {}, "default": {}}, {"default": {}, "azureCli": {}}])
def test_none_or_two_methods_are_a_problem(auth: dict[str, object]) -> None:
    assert ("auth",) in [path for path, _ in _problems(auth=auth)]


def test_a_credential_is_one_reference() -> None:
    found = _problems(auth={"clientSecret": {**SECRET, "secret": {}}})
    assert [path for path, _ in found] == [("auth", "clientSecret", "secret")]
    found = _problems(auth={"clientCertificate": {**CERTIFICATE, "password": {"file": "p", "env": "P"}}})
    assert [path for path, _ in found] == [("auth", "clientCertificate", "password")]
    with pytest.raises(msgspec.ValidationError):
        _options(auth={"clientSecret": {**SECRET, "secret": "plain text"}})
    with pytest.raises(msgspec.ValidationError):
        _options(auth={"clientCertificate": {**CERTIFICATE, "password": "plain text"}})


@pytest.mark.parametrize("tenant", ["", "a/b", "t\n"])
def test_a_tenant_id_that_is_none(tenant: str) -> None:
    for method, fields in (("clientSecret", SECRET), ("clientCertificate", CERTIFICATE), ("workloadIdentity", {})):
        found = _problems(auth={method: {**fields, "tenantId": tenant}})
        assert [path for path, _ in found] == [("auth", method, "tenantId")]


@pytest.mark.parametrize(
    "url",
    [
        "http://kv.vault.azure.net",
        "http://127.0.0.1:8200",
        "kv.vault.azure.net",
        "https://",
        "https://user:password@kv.vault.azure.net",
        "https://kv.vault.azure.net/secrets",
        "https://kv.vault.azure.net?x=1",
        "https://kv.vault.azure.net#x",
        "https://kv.vault.azure.net:x",
        "https://evil.example\\.vault.azure.net",
        "https://[",
    ],
)
def test_an_address_that_no_token_is_sent_to(url: str) -> None:
    assert [path for path, _ in _problems(vaultUrl=url)] == [("vaultUrl",)]
    assert [path for path, _ in _problems(authority=url)] == [("authority",)]


def test_cloud_and_authority_exclude_each_other() -> None:
    assert _options().logins()[0] == "https://login.microsoftonline.com"
    assert _options(cloud="usgov").logins()[0] == "https://login.microsoftonline.us"
    assert _options(cloud="china").logins()[0] == "https://login.chinacloudapi.cn"
    assert _options(authority="https://Login.Example/").logins() == ("https://login.example",)
    assert [path for path, _ in _problems(cloud="china", authority="https://login.example")] == [("authority",)]


def test_unknown_fields_and_clouds_are_refused() -> None:
    wrong: list[dict[str, object]] = [{"cloud": "germany"}, {"vaulturl": "x"}, {"auth": {"managedidentity": {}}}]
    for changes in wrong:
        with pytest.raises(msgspec.ValidationError):
            _options(**changes)


def test_the_spec_is_what_the_registry_finds() -> None:
    assert (SPEC.name, SPEC.requests_per_second, SPEC.options) == ("azure", 80.0, AzureOptions)
    provider = SPEC.create(_options(), SETTINGS)
    assert provider.batch_size == 1
    assert provider.canonical(RemoteRef("kv", "DB")) == RemoteRef("kv", "db")


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("https://KV.vault.azure.net:443/x?y", VAULT),
        ("https://kv.vault.azure.net/", VAULT),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("http://169.254.169.254:80/metadata", "http://169.254.169.254"),
    ],
)
def test_an_origin_has_one_spelling(url: str, spelt: str) -> None:
    assert origin(url) == spelt


@pytest.mark.parametrize(
    ("key", "version", "name", "pinned"),
    [
        ("Db-Password", "", "db-password", ""),
        ("db", VERSION.upper(), "db", VERSION),
        ("x" * 127, "", "x" * 127, ""),
        (f"{VAULT}/secrets/Db", "", "db", ""),
        (f"{VAULT}/secrets/Db/", "", "db", ""),
        (f"https://KV.vault.azure.net:443/secrets/Db/{VERSION}", "", "db", VERSION),
        (f"{VAULT}/secrets/Db/{VERSION}", VERSION.upper(), "db", VERSION),
        (f"{VAULT}/secrets/Db", VERSION, "db", VERSION),
    ],
)
def test_one_name_for_one_secret(key: str, version: str, name: str, pinned: str) -> None:
    assert canonical(RemoteRef("kv", key, version), VAULT) == RemoteRef("kv", name, pinned)


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (RemoteRef("kv", ""), "key"),
        (RemoteRef("kv", ".."), "key"),
        (RemoteRef("kv", "../x"), "key"),
        (RemoteRef("kv", "a/b"), "key"),
        (RemoteRef("kv", "a_b"), "key"),
        (RemoteRef("kv", "ä"), "key"),
        (RemoteRef("kv", "a\n"), "key"),
        (RemoteRef("kv", "x" * 128), "key"),
        (RemoteRef("kv", f"https://other.vault.azure.net/secrets/db/{VERSION}"), "key"),
        (RemoteRef("kv", f"{VAULT}/keys/db"), "key"),
        (RemoteRef("kv", f"{VAULT}/secrets/../db"), "key"),
        (RemoteRef("kv", f"{VAULT}/secrets/db?x"), "key"),
        (RemoteRef("kv", "https://["), "key"),
        (RemoteRef("kv", "db", "1"), "version"),
        (RemoteRef("kv", "db", f"{VERSION}\n"), "version"),
        (RemoteRef("kv", f"{VAULT}/secrets/db/{VERSION}", VERSION[::-1]), "version"),
        (RemoteRef("kv", "db", "", "secret"), "mount"),
    ],
)
def test_what_names_no_secret_of_this_vault(ref: RemoteRef, path: str) -> None:
    """L5: a name of dots would reach the vault's root; another vault's id belongs to another store."""
    found = canonical(ref, VAULT)
    assert isinstance(found, Problem)
    assert found.path == (path,)


@settings(deadline=None)
@given(st.text(max_size=200), st.one_of(st.just(""), st.text(max_size=40)))
def test_canonical_is_stable_and_never_reaches_beyond_a_name(key: str, version: str) -> None:
    found = canonical(RemoteRef("kv", key, version), VAULT)
    if isinstance(found, RemoteRef):
        assert canonical(found, VAULT) == found
        assert set(found.key) <= set("0123456789abcdefghijklmnopqrstuvwxyz-")
        assert SecretId.parse(f"{VAULT}/secrets/{found.key}") == SecretId(VAULT, found.key, "")


@settings(deadline=None)
@given(st.text(max_size=100))
def test_an_id_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"{VAULT}/secrets/{text}"):
        found = SecretId.parse(url)
        assert found is None or found.vault.startswith("https://")
