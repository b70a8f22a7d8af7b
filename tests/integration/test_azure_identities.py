"""Logins of the Azure adapter by client certificate and through `az`, against an Entra tenant that verifies them."""

import json
import logging
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from ssl import create_default_context

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12

from syncd.model.reference import FailureClass
from syncd.testing.provider_case import Allowance
from syncd_providers.azure.client import AzureProvider
from tests.integration.azure_store import failure_of, provider_for, read, value_of, verdict
from tests.servers.keyvault import KeyVault
from tests.servers.keyvault_tls import client_certificate

DENIED, UNAVAILABLE = FailureClass.DENIED, FailureClass.UNAVAILABLE
PASSWORD = "canary-5d1e"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module, which orders faults that others must not meet."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    server.reset()
    server.put("db", "one")
    return server


def _by_certificate(vault: KeyVault, file: Path, password: Path | None = None) -> AzureProvider:
    login: dict[str, object] = {"tenantId": vault.tenant_id, "clientId": vault.client_id, "file": str(file)}
    if password is not None:
        login["password"] = {"file": str(password)}
    return provider_for(vault, {"clientCertificate": login})


def _parts(pem: bytes) -> tuple[RSAPrivateKey, x509.Certificate]:
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    return key, x509.load_pem_x509_certificate(pem)


def _locked(pem: bytes, form: str) -> bytes:
    key, certificate = _parts(pem)
    lock = serialization.BestAvailableEncryption(PASSWORD.encode())
    if form == "pkcs12":
        return pkcs12.serialize_key_and_certificates(b"syncd", key, certificate, None, lock)
    pem_form, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem_form, pkcs8, lock) + certificate.public_bytes(pem_form)


def test_a_certificate_signs_the_login(vault: KeyVault) -> None:
    mark = vault.mark()
    assert value_of(read(_by_certificate(vault, Path(vault.certificate_file)), "db")) == b"one"
    [token] = [entry for entry in vault.requests(mark) if entry.path.endswith("/oauth2/v2.0/token")]
    assert token.status == 200


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_a_password_opens_the_key(vault: KeyVault, tmp_path: Path, form: str) -> None:
    file, password = tmp_path / "certificate", tmp_path / "password"
    file.write_bytes(_locked(Path(vault.certificate_file).read_bytes(), form))
    password.write_text(PASSWORD + "\n")
    assert value_of(read(_by_certificate(vault, file, password), "db")) == b"one"


def test_a_pkcs12_file_without_a_password_is_read_byte_for_byte(vault: KeyVault, tmp_path: Path) -> None:
    key, certificate = _parts(Path(vault.certificate_file).read_bytes())
    file = tmp_path / "certificate.p12"
    none = serialization.NoEncryption()
    file.write_bytes(pkcs12.serialize_key_and_certificates(None, key, certificate, None, none))
    assert value_of(read(_by_certificate(vault, file), "db")) == b"one"


def test_a_rotated_certificate_is_used_from_the_next_login_on(vault: KeyVault, tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(Path(vault.certificate_file).read_bytes())
    provider = _by_certificate(vault, file)
    assert value_of(read(provider, "db")) == b"one"
    renewed = client_certificate()
    file.write_bytes(renewed)
    vault.accept_certificate(renewed.decode())
    provider.relogin()
    assert value_of(read(provider, "db")) == b"one"


def test_a_certificate_that_rotates_is_read_for_each_token(vault: KeyVault, tmp_path: Path) -> None:
    """No refusal comes first: the token ends, and the next one is signed with what the file holds then."""
    file = tmp_path / "client.pem"
    file.write_bytes(Path(vault.certificate_file).read_bytes())
    vault.token_lifetime(60)
    provider = _by_certificate(vault, file)
    assert value_of(read(provider, "db")) == b"one"
    renewed = client_certificate()
    file.write_bytes(renewed)
    vault.accept_certificate(renewed.decode())
    mark = vault.mark()
    assert value_of(read(provider, "db")) == b"one"
    assert [entry.status for entry in vault.requests(mark) if entry.path.endswith("/token")] == [200]


def test_a_certificate_that_entra_does_not_know_is_refused_by_method_client_and_number(
    vault: KeyVault, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    file, password = tmp_path / "other.p12", tmp_path / "password"
    other = client_certificate()
    file.write_bytes(_locked(other, "pkcs12"))
    password.write_text(PASSWORD)
    with caplog.at_level(logging.DEBUG):
        failure = failure_of(read(_by_certificate(vault, file, password), "db"))
    assert (failure.cls, failure.reason, failure.scope) == (DENIED, "login-refused", "store")
    for named in ("clientCertificate", vault.client_id, vault.tenant_id, "AADSTS700027"):
        assert named in failure.message
    printed = capfd.readouterr()
    said = "\n".join([repr(failure), printed.out, printed.err, *map(logging.Formatter().format, caplog.records)])
    assert PASSWORD not in said
    assert "PRIVATE KEY" not in said
    # What it signs with is known by its body's first line.
    assert other.decode().splitlines()[1] not in said


def _no_key(pem: bytes) -> bytes:
    return _parts(pem)[1].public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("broken", ["empty", "text", "no key", "locked pem", "locked pkcs12", "half"])
@pytest.mark.parametrize("password", [None, "wrong-canary-77"])
def test_a_file_that_is_no_certificate_is_named_and_not_quoted(
    vault: KeyVault, tmp_path: Path, broken: str, password: str | None
) -> None:
    pem = Path(vault.certificate_file).read_bytes()
    content = {
        "empty": b"",
        "text": PASSWORD.encode(),
        "no key": _no_key(pem),
        "locked pem": _locked(pem, "pem"),
        "locked pkcs12": _locked(pem, "pkcs12"),
        "half": pem[: len(pem) // 2],
    }
    file, word = tmp_path / "certificate", tmp_path / "password"
    file.write_bytes(content[broken])
    word.write_text(password or "")
    mark = vault.mark()
    failure = failure_of(read(_by_certificate(vault, file, word if password else None), "db"))
    assert (failure.cls, failure.reason, failure.scope) == (DENIED, "credential-unreadable", "store")
    assert f"clientCertificate of client {vault.client_id}" in failure.message
    assert str(file) in failure.message
    assert PASSWORD not in failure.message
    assert "wrong-canary" not in failure.message
    assert not [entry for entry in vault.requests(mark) if entry.path.endswith("/token")]
    file.write_bytes(pem)
    word.unlink()
    assert value_of(read(_by_certificate(vault, file), "db")) == b"one"


def test_a_certificate_or_password_that_is_not_there_is_named(vault: KeyVault, tmp_path: Path) -> None:
    failure = failure_of(read(_by_certificate(vault, tmp_path / "gone.pem"), "db"))
    assert (failure.cls, failure.reason) == (DENIED, "credential-unreadable")
    assert str(tmp_path / "gone.pem") in failure.message
    gone = failure_of(read(_by_certificate(vault, Path(vault.certificate_file), tmp_path / "gone"), "db"))
    assert (gone.cls, gone.reason) == (DENIED, "credential-unreadable")
    assert str(tmp_path / "gone") in gone.message


@pytest.mark.parametrize("app_service", [True, False])
def test_a_user_assigned_identity_is_asked_for_by_its_client(
    vault: KeyVault, monkeypatch: pytest.MonkeyPatch, *, app_service: bool
) -> None:
    for name, value in vault.managed_identity(app_service=app_service).items():
        monkeypatch.setenv(name, value)
    mark = vault.mark()
    provider = provider_for(vault, {"managedIdentity": {"clientId": vault.client_id}})
    assert value_of(read(provider, "db")) == b"one"
    asked = [entry.query for entry in vault.requests(mark) if "/token" in entry.path]
    assert asked
    assert all(f"client_id={vault.client_id}" in query for query in asked)


def test_a_rotated_authority_is_believed_soon(vault: KeyVault, tmp_path: Path) -> None:
    passed = [0.0]
    with KeyVault.start(tmp_path / "other") as other:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(Path(other.ca_file).read_text())
        provider = provider_for(vault, ca_file=ca_file, clock=lambda: time.monotonic() + passed[0])
        assert failure_of(read(provider, "db")).cls is UNAVAILABLE
        ca_file.write_text(Path(vault.ca_file).read_text())
        passed[0] = 60.0
        assert value_of(read(provider, "db")) == b"one"


# az


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a stand-in for `az`: it prints `answer`, writes `errors`, and ends with `status`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "az"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/asked\ntest -e {folder}/hangs && exec sleep 30\n'
        f"cat {folder}/answer\ncat {folder}/errors >&2\nexit $(cat {folder}/status)\n"
    )
    program.chmod(0o700)
    for name, content in (("answer", ""), ("errors", ""), ("status", "0"), ("asked", "")):
        (folder / name).write_text(content)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def _token(vault: KeyVault) -> str:
    """Get a token as `az` would, of somebody who is logged in."""
    resource = vault.vault_url.replace("127.0.0.1", "0.0.1")
    form = {
        "grant_type": "client_credentials",
        "client_id": vault.client_id,
        "client_secret": vault.client_secret,
        "scope": f"{resource}/.default",
    }
    request = urllib.request.Request(
        f"{vault.authority}/{vault.tenant_id}/oauth2/v2.0/token", data=urllib.parse.urlencode(form).encode()
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=create_default_context(cafile=vault.ca_file)),
    )
    with opener.open(request, timeout=10) as response:
        return str(json.load(response)["access_token"])


def test_az_is_asked_for_a_token_of_this_vault_once(vault: KeyVault, az: Path) -> None:
    (az / "answer").write_text(json.dumps({"accessToken": _token(vault), "expires_on": 4_000_000_000}))
    provider, call, mark = provider_for(vault, {"azureCli": {}}), Allowance(), vault.mark()
    assert [value_of(read(provider, "db", call=call)) for _ in range(3)] == [b"one"] * 3
    [asked] = (az / "asked").read_text().splitlines()
    resource = vault.vault_url.replace("127.0.0.1", "0.0.1")
    assert asked.startswith(f"account get-access-token --output json --resource {resource}")
    # Each run of `az` is spent like a request of the store's own.
    assert call.spent == len(vault.requests(mark)) + 1
    assert not [entry for entry in vault.requests(mark) if entry.path.endswith("/token")]


@pytest.mark.parametrize(
    ("errors", "expected", "told"),
    [
        ("Please run 'az login' to setup account.", (DENIED, "login-unavailable"), "az login"),
        ("AADSTS50076: multi-factor canary-5d1e. az login", (DENIED, "login-refused"), "AADSTS50076"),
        ("something canary-5d1e", (UNAVAILABLE, "login-failed"), "az account get-access-token"),
    ],
)
def test_az_that_gives_no_token(
    vault: KeyVault, az: Path, errors: str, expected: tuple[FailureClass, str], told: str
) -> None:
    (az / "errors").write_text(errors)
    (az / "status").write_text("1")
    provider = provider_for(vault, {"azureCli": {}})
    failure = failure_of(read(provider, "db"))
    assert ((failure.cls, failure.reason), failure.scope) == (expected, "store")
    assert "azureCli" in failure.message
    assert told in failure.message
    assert PASSWORD not in repr(failure)
    (az / "status").write_text("0")
    (az / "answer").write_text(json.dumps({"accessToken": _token(vault), "expires_on": 4_000_000_000}))
    assert value_of(read(provider, "db")) == b"one"


@pytest.mark.parametrize("answer", ["", f'{{"accessToken": "{PASSWORD}"}}', "[]", f'"{PASSWORD}"', "null"])
def test_an_answer_of_az_that_is_no_token_is_not_quoted(
    vault: KeyVault, az: Path, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    (az / "answer").write_text(answer)
    with caplog.at_level(logging.DEBUG):
        failure = failure_of(read(provider_for(vault, {"azureCli": {}}), "db"))
    assert failure.cls in (DENIED, UNAVAILABLE)
    assert PASSWORD not in repr(failure) + "".join(map(logging.Formatter().format, caplog.records))


def test_az_that_hangs_ends_with_the_call(vault: KeyVault, az: Path) -> None:
    (az / "hangs").touch()
    provider = provider_for(vault, {"azureCli": {}})
    assert verdict(read(provider, "db", call=Allowance(seconds=1.5))) == (UNAVAILABLE, "timeout")


def test_without_az_it_says_what_to_install(vault: KeyVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = failure_of(read(provider_for(vault, {"azureCli": {}}), "db"))
    assert (failure.cls, failure.reason) == (DENIED, "login-unavailable")
    assert "Azure CLI" in failure.message


def test_nothing_else_ever_runs_az(vault: KeyVault, az: Path) -> None:
    """B8: it is chosen by name or not at all."""
    vault.accept_secret("another")
    assert verdict(read(provider_for(vault), "db")) == (DENIED, "login-refused")
    assert verdict(read(_by_certificate(vault, Path(vault.ca_file)), "db")) == (DENIED, "credential-unreadable")
    assert (az / "asked").read_text() == ""
