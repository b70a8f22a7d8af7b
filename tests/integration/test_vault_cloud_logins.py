"""The logins that OpenBao has not: ldap, aws and azure, against a Vault on loopback that looks at what it is sent."""

import ssl
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from syncd.fetch.seam import CallAborted
from syncd.model.reference import FailureClass
from syncd.model.store import Tls
from syncd.testing.provider_case import Allowance
from tests.faults.vault_wire import TOKEN
from tests.integration.vault_cloud_ways import (
    RENEW,
    RESOURCE,
    REVOKE,
    ByAccessKey,
    ByDirectory,
    ByMachine,
    ByWorkload,
    Checking,
    Way,
)
from tests.integration.vault_signatures import NotSigned, signer
from tests.integration.vault_store import Bench, ask, failed, fetched, verdict
from tests.servers.canary import canary
from tests.servers.keyvault import KeyVault
from tests.servers.keyvault_tls import write_tls
from tests.servers.wire import Reply, Wire

C = FailureClass


@contextmanager
def benched(folder: Path) -> Iterator[tuple[Bench, Checking, Wire]]:
    """Serve a Vault, and make stores for it."""
    vault = Checking()
    with Wire(vault) as wire:
        bench = Bench(folder, wire.address)
        yield bench, vault, wire
        for provider in bench.made:
            provider.close()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[Bench, Checking, Wire]]:
    """Serve one."""
    with benched(tmp_path) as made:
        yield made


@pytest.fixture(params=["ldap", "aws", "azure", "azure-workload"])
def way(
    request: pytest.FixtureRequest,
    wired: tuple[Bench, Checking, Wire],
    monkeypatch: pytest.MonkeyPatch,
    keyvault: KeyVault,
) -> Way:
    """Give each way in turn."""
    bench, vault, _ = wired
    match request.param:
        case "ldap":
            return ByDirectory(bench, vault)
        case "aws":
            return ByAccessKey(bench, vault, monkeypatch)
        case "azure":
            return ByMachine(bench, vault, monkeypatch, keyvault)
        case _:
            return ByWorkload(bench, vault, monkeypatch, keyvault)


def test_it_logs_in_once_renews_at_two_thirds_and_gives_the_token_back(
    way: Way, wired: tuple[Bench, Checking, Wire]
) -> None:
    provider = way.store()
    asked = wired[2].requests
    for step, renewals in ((0, 0), (539, 0), (62, 1), (601, 2)):
        way.bench.now += step
        fetched(ask(provider, "x"))
        assert [request.target for request in asked].count(RENEW) == renewals
    assert len(way.vault.logins) == 1
    provider.close()
    assert (asked[-1].target, asked[-1].headers["x-vault-token"]) == (REVOKE, TOKEN)


def test_a_rotated_credential_is_read_at_the_next_login(way: Way) -> None:
    provider = way.store()
    fetched(ask(provider, "x"))
    way.rotate()
    provider.relogin()
    fetched(ask(provider, "x"))
    first, second = way.vault.logins
    assert first != second


def test_a_refused_login_says_method_mount_and_whom_but_never_the_credential(way: Way) -> None:
    credential, reason = way.spoil()
    provider = way.store()
    outcome = failed(ask(provider, "x"))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, reason, "store")
    assert all(word in outcome.message for word in way.words), outcome.message
    assert credential not in repr(outcome)
    assert "this is why" not in outcome.message
    way.rotate()
    fetched(ask(provider, "x"))


def test_a_vault_that_refuses_the_role_is_told_with_it(way: Way) -> None:
    way.vault.accepts = lambda _body: False
    outcome = failed(ask(way.store(), "x"))
    assert (outcome.cls, outcome.reason) == (C.DENIED, "login-refused")
    assert all(word in outcome.message for word in way.words), outcome.message
    (sent,) = way.vault.logins
    assert not any(value in repr(outcome) for name, value in sent.items() if name in ("jwt", "password"))


# aws


@pytest.mark.parametrize(
    ("region", "server_id", "host"),
    [
        ("us-east-1", "", "sts.amazonaws.com"),
        ("eu-west-1", "", "sts.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "vault.example.com", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "vault.example.com", "sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_request_is_signed_for_the_sts_that_vault_asks(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, region: str, server_id: str, host: str
) -> None:
    way = ByAccessKey(wired[0], wired[1], monkeypatch, region, server_id)
    fetched(ask(way.store(), "x"))
    (sent,) = way.vault.logins
    assert urlsafe_b64decode(sent["iam_request_url"]).decode() == f"https://{host}/"
    (key,) = way.keys
    assert signer(sent, way.keys, region=region, server_id=server_id) == key
    for wrong in ({"region": "eu-north-1"}, {"server_id": "another"}):
        with pytest.raises(NotSigned):
            signer(sent, way.keys, **{"region": region, "server_id": server_id, **wrong})
    with pytest.raises(NotSigned):
        signer(sent, {key: "another"}, region=region, server_id=server_id)


def test_a_place_without_aws_credentials_says_so(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = ByAccessKey(wired[0], wired[1], monkeypatch)
    way.file.unlink()
    outcome = failed(ask(way.store(), "x"))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "no-identity", "store")
    assert all(word in outcome.message for word in way.words)
    assert way.vault.logins == []


STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>{}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


def test_a_web_identity_is_read_anew_for_each_login_and_its_sts_counts_in_the_budget(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    way = ByAccessKey(wired[0], wired[1], monkeypatch)
    way.file.unlink()
    ((key, secret),) = way.keys.items()
    body = STS.format(key, secret.replace("&", "&amp;"), datetime.fromtimestamp(time.time() + 3600, UTC).isoformat())
    with Wire(lambda _request: Reply(200, body.encode(), {"Content-Type": "text/xml"})) as sts:
        token = _web_identity(monkeypatch, tmp_path, sts)
        provider = way.store()
        call = Allowance()
        fetched(ask(provider, "x", call=call))
        assert call.spent == 3 + len(sts.requests) == 4
        token.write_text("the-second")
        provider.relogin()
        fetched(ask(provider, "x"))
        shown = [parse_qs(request.body.decode())["WebIdentityToken"] for request in sts.requests]
        assert shown == [["the-first"], ["the-second"]]
        provider.relogin()
        with pytest.raises(CallAborted):
            ask(provider, "x", call=Allowance(most=0))


@pytest.mark.parametrize(
    ("status", "cls", "reason"),
    [(403, C.DENIED, "identity-refused"), (400, C.DENIED, "identity-refused"), (500, C.UNAVAILABLE, "server-error")],
)
def test_an_sts_that_gives_no_credentials_is_told_without_its_words(
    wired: tuple[Bench, Checking, Wire],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    status: int,
    cls: FailureClass,
    reason: str,
) -> None:
    way = ByAccessKey(wired[0], wired[1], monkeypatch)
    way.file.unlink()
    told = canary()
    body = f"<ErrorResponse><Error><Code>Odd</Code><Message>{told.replace('&', '')}</Message></Error></ErrorResponse>"
    with Wire(lambda _request: Reply(status, body.encode(), {"Content-Type": "text/xml"})) as sts:
        _web_identity(monkeypatch, tmp_path, sts)
        outcome = failed(ask(way.store(), "x"))
        assert len(sts.requests) == 1
    assert (outcome.cls, outcome.reason, outcome.scope) == (cls, reason, "store")
    assert all(word in outcome.message for word in way.words)
    assert told[:12] not in repr(outcome)


def test_an_sts_that_cannot_be_reached_is_unavailable(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    way = ByAccessKey(wired[0], wired[1], monkeypatch)
    way.file.unlink()
    with Wire(lambda _request: Reply()) as sts:
        _web_identity(monkeypatch, tmp_path, sts)
    outcome = failed(ask(way.store(), "x"))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.UNAVAILABLE, "connection-refused", "store")
    assert all(word in outcome.message for word in way.words)


def _web_identity(monkeypatch: pytest.MonkeyPatch, folder: Path, sts: Wire) -> Path:
    token = folder / "web-identity"
    token.write_text("the-first")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/syncd")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.address)
    return token


# azure


def test_a_user_assigned_identity_is_asked_for_by_its_client_id(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, keyvault: KeyVault
) -> None:
    way = ByMachine(wired[0], wired[1], monkeypatch, keyvault)
    login = {"role": "syncd-role", "resource": RESOURCE, "clientId": keyvault.client_id}
    fetched(ask(way.bench.store({"azure": login}), "x"))
    unknown = {**login, "clientId": "00000000-0000-0000-0000-00000000ffff"}
    outcome = failed(ask(way.bench.store({"azure": unknown}), "x"))
    assert (outcome.cls, outcome.reason) == (C.DENIED, "identity-refused")


@pytest.mark.parametrize(
    ("reply", "cls", "reason"),
    [
        (Reply(429, b"{}", {"Retry-After": "7"}), C.THROTTLED, "rate-limited"),
        (Reply(503, b"{}"), C.UNAVAILABLE, "server-error"),
        (Reply(200, b"<html>"), C.DENIED, "identity-refused"),
    ],
)
def test_an_identity_endpoint_in_trouble_is_told_as_that(
    wired: tuple[Bench, Checking, Wire],
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    cls: FailureClass,
    reason: str,
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    with Wire(lambda _request: reply) as endpoint:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{endpoint.address}/token")
        outcome = failed(ask(wired[0].store({"azure": {"role": "r", "resource": RESOURCE}}), "x"))
        assert len(endpoint.requests) == 1
    assert (outcome.cls, outcome.reason, outcome.scope) == (cls, reason, "store")
    assert outcome.retry_after == (7.0 if cls is C.THROTTLED else None)
    gone = failed(ask(wired[0].store({"azure": {"role": "r", "resource": RESOURCE}}), "x"))
    assert (gone.cls, gone.reason, gone.scope) == (C.UNAVAILABLE, "connection-refused", "store")


def test_a_federated_token_file_that_is_missing_is_named(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, keyvault: KeyVault
) -> None:
    way = ByWorkload(wired[0], wired[1], monkeypatch, keyvault)
    (way.bench.folder / "federated").unlink()
    outcome = failed(ask(way.store(), "x"))
    assert (outcome.cls, outcome.reason, outcome.scope) == (C.DENIED, "credential-unreadable", "store")
    assert str(way.bench.folder / "federated") in outcome.message


def test_a_login_at_entra_counts_in_the_budget(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, keyvault: KeyVault
) -> None:
    way = ByMachine(wired[0], wired[1], monkeypatch, keyvault)
    provider = way.store()
    with pytest.raises(CallAborted):
        ask(provider, "x", call=Allowance(most=0))
    call = Allowance()
    fetched(ask(provider, "x", call=call))
    assert call.spent == 4  # the identity, the login, the mount, the object


# Both


def test_the_clouds_own_authorities_are_believed_beside_vaults(
    wired: tuple[Bench, Checking, Wire], monkeypatch: pytest.MonkeyPatch, keyvault: KeyVault, tmp_path: Path
) -> None:
    private, public = tmp_path / "private", tmp_path / "public"
    for folder in (private, public):
        folder.mkdir()
    files = write_tls(public)
    # Stands for the system's authorities, which OpenSSL reads there.
    system = tmp_path / "system.pem"
    system.write_bytes(files.ca.read_bytes() + Path(keyvault.ca_file).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    bench, vault, _ = wired
    azure = ByMachine(bench, vault, monkeypatch, keyvault)
    bench.tls = Tls(ca_file=write_tls(private).ca)
    fetched(ask(azure.store(), "x"))
    aws = ByAccessKey(bench, vault, monkeypatch)
    aws.file.unlink()
    ((key, secret),) = aws.keys.items()
    body = STS.format(key, secret.replace("&", "&amp;"), datetime.fromtimestamp(time.time() + 3600, UTC).isoformat())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.server)
    with Wire(lambda _request: Reply(200, body.encode(), {"Content-Type": "text/xml"}), tls=context) as sts:
        _web_identity(monkeypatch, tmp_path, sts)
        fetched(ask(aws.store(), "x"))


@pytest.mark.parametrize(("method", "package"), [("aws", "botocore"), ("azure", "azure.identity")])
def test_a_missing_sdk_is_named_with_what_to_install(method: str, package: str, tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None
from pathlib import Path
from tests.integration.vault_store import Bench, ask
auth = {{"role": "syncd-role", **({{"resource": "https://r/"}} if {method!r} == "azure" else {{}})}}
print(ask(Bench(Path({str(tmp_path)!r}), "http://127.0.0.1:1").store({{{method!r}: auth}}), "x"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "sdk-missing" in done.stdout
    assert "FailureClass.CONFIG" in done.stdout
    assert f"syncd[{method}]" in done.stdout
    assert f"the {method} login at auth/{method} as role syncd-role" in done.stdout


def test_no_sdk_of_a_cloud_is_imported_for_other_logins(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tests.integration.vault_store import Bench, ask
Path({str(tmp_path)!r}, "password").write_text("p")
ask(Bench(Path({str(tmp_path)!r}), "http://127.0.0.1:1").store(
    {{"ldap": {{"username": "u", "password": {{"file": "password"}}}}}}), "x")
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"botocore", "azure", "msal"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_the_verdict_of_a_login_says_the_same_for_every_object(way: Way) -> None:
    way.vault.accepts = lambda _body: False
    provider = way.store()
    assert {verdict(ask(provider, key)) for key in ("x", "y")} == {(C.DENIED, "login-refused")}
