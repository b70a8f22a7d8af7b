"""Section B of the catalogue: credentials that expire, are revoked or replaced, clocks, and certificates."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from time import time
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, ReadFailure
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from syncd_providers.vault.session import _due
from tests.faults.vault_wire import LOGIN, Vault, said
from tests.integration.aws_store import Account, read_one, value_of
from tests.integration.vault_store import Bench, ask, failed
from tests.servers.keyvault_tls import write_tls
from tests.servers.kube import Kube
from tests.servers.kube_use import look
from tests.servers.moto import Moto
from tests.servers.wire import Reply, Wire

SCHEMA = Path(__file__).parents[2] / "config/syncd.schema.json"


# B2


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_renewals_are_due_at_two_thirds_of_a_life_or_up_to_a_tenth_of_them_earlier(chance: float, life: float) -> None:
    assert 0.6 * life - 1e-6 <= _due(0.0, life, chance) <= life * 2 / 3 + 1e-6
    assert _due(0.0, life, 0.0) > _due(0.0, life, 1.0)


# B6

ROLE = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>{}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


@pytest.mark.parametrize(("lives", "tokens"), [(60, ["first", "second"]), (3600, ["first"])])
def test_a_session_near_its_end_is_got_anew_with_the_token_of_now(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: int, tokens: list[str]
) -> None:
    account = Account(moto, tmp_path, moto.credentials())
    account.put("a", "v")
    file = tmp_path / "token"
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/syncd")
    ends = datetime.fromtimestamp(time() + lives, UTC).isoformat()
    body = ROLE.format(account.key.access_key_id, ends).encode()
    with Wire(lambda _request: Reply(200, body, {"Content-Type": "text/xml"})) as sts:
        provider = account.store({"default": {}}, stsEndpoint=sts.address)
        for token in ("first", "second"):
            file.write_text(token)
            assert value_of(read_one(provider, account.ref("a"))) == b"v"
        provider.close()
        shown = [parse_qs(request.body.decode())["WebIdentityToken"] for request in sts.requests]
    assert list(dict.fromkeys(token for (token,) in shown)) == tokens


# B12


@pytest.mark.kube
def test_a_replaced_authority_of_the_pod_is_taken_in_without_a_restart(kube: Kube, tmp_path: Path) -> None:
    namespace = kube.namespace()
    kube.put_secret(namespace, "app", {"k": b"v"})
    host, port = kube.url.removeprefix("https://").split(":")
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "token").write_text(kube.token)
    (tmp_path / "namespace").write_text(namespace)
    (tmp_path / "ca.crt").write_text(write_tls(other).ca.read_text())
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    cluster = resolve(kubeconfig=None, context=None, environment=environment, service_account=tmp_path)
    target, key = KubernetesTarget(Api(cluster)), SecretKey("default", namespace, "app")
    refused = look(target, key)
    assert isinstance(refused, ReadFailure)
    assert refused.reason == "certificate-untrusted"
    (tmp_path / "ca.crt").write_text(Path(kube.ca_file).read_text())
    assert isinstance(look(target, key), LiveSecret)
    target.close()


@pytest.mark.kube
def test_a_replaced_authority_of_a_kubeconfig_is_taken_in_without_a_restart(kube: Kube, tmp_path: Path) -> None:
    namespace = kube.namespace()
    kube.put_secret(namespace, "app", {"k": b"v"})
    file = tmp_path / "kubeconfig"

    def write(authority: bytes) -> None:
        trust = {"server": kube.url, "certificate-authority-data": b64encode(authority).decode()}
        content = {
            "clusters": [{"name": "c", "cluster": trust}],
            "users": [{"name": "u", "user": {"token": kube.token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(content))

    write(write_tls(tmp_path).ca.read_bytes())
    target = KubernetesTarget(Api(resolve(kubeconfig=file, context=None, environment={})))
    key = SecretKey("default", namespace, "app")
    refused = look(target, key)
    assert isinstance(refused, ReadFailure)
    assert refused.reason == "certificate-untrusted"
    write(Path(kube.ca_file).read_bytes())
    assert isinstance(look(target, key), LiveSecret)
    target.close()


# B13


def _properties(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for inner in node.values():
            yield from _properties(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _properties(inner)


def test_no_setting_switches_the_check_of_certificates_off() -> None:
    schema = json.loads(SCHEMA.read_text())
    names = set(_properties(schema))
    assert {"caFile", "serverName", "verifyChallengeResource"} <= names
    doubtful = {name for name in names if re.search(r"insecure|skip|unsafe|verify|selfsigned", name, re.IGNORECASE)}
    # Whether Key Vault's challenge must name the vault itself; it says nothing about certificates.
    assert doubtful == {"verifyChallengeResource"}


# B14


@pytest.mark.parametrize(("status", "offset"), [(400, 600), (400, -600), (403, 600)])
def test_a_login_that_vault_refuses_beside_a_far_date_is_the_clock(tmp_path: Path, status: int, offset: float) -> None:
    vault = Vault()
    date = formatdate(time() + offset, usegmt=True)
    vault.replies[LOGIN] = said(status, "error validating token: token not yet valid", headers={"Date": date})
    with Wire(vault) as wire:
        failure = failed(ask(Bench(tmp_path, wire.address).with_approle(("role", "secret")), "x"))
    assert (failure.cls, failure.reason, failure.scope) == (FailureClass.DENIED, "clock", "store")
    assert re.search(
        rf"{'[+]' if offset > 0 else '-'}(599|600|601|598) s from the one here; set the clock", failure.message
    )


@pytest.mark.parametrize("date", ["now", "yesterday", ""])
def test_a_login_that_vault_refuses_beside_a_near_date_is_no_matter_of_the_clock(tmp_path: Path, date: str) -> None:
    vault = Vault()
    date = formatdate(time(), usegmt=True) if date == "now" else date
    vault.replies[LOGIN] = said(400, "invalid role or secret ID", headers={"Date": date})
    with Wire(vault) as wire:
        failure = failed(ask(Bench(tmp_path, wire.address).with_approle(("role", "secret")), "x"))
    assert failure.reason == "login-refused"
