"""How a store of type `aws` logs in: one method, nothing ambient beside it, and nothing of it in any output."""

import base64
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from syncd.model.reference import Failure, Fetched
from syncd.testing.provider_case import Allowance
from tests.integration.aws_store import Account, read, read_one, value_of, verdict
from tests.servers.moto import Moto

CONTAINER_KEY = "ASIACONTAINER0000000"


@pytest.fixture
def account(moto: Moto, tmp_path: Path) -> Account:
    return Account(moto, tmp_path, moto.credentials())


class _Metadata(BaseHTTPRequestHandler):
    """A container's credential endpoint, and an STS that gives nobody a role."""

    server: "MetadataServer"

    def do_GET(self) -> None:
        self.server.hits += 1
        granted = {
            "AccessKeyId": CONTAINER_KEY,
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        body = json.dumps(granted).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Refuse a role, as STS does."""
        body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>canary-words</Message></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 — a name the base class looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
        """Write nothing."""


class MetadataServer(HTTPServer):
    """Counts who asks it for credentials."""

    hits = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetadataServer]:
    """Give credentials of a container and an instance, where the SDK looks for both."""
    server = MetadataServer(("127.0.0.1", 0), _Metadata)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.address}/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.address)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ambient_key(monkeypatch: pytest.MonkeyPatch, moto: Moto) -> str:
    """Put an access key into the environment, and return its id."""
    key = moto.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    return key.access_key_id


def _profile(account: Account, monkeypatch: pytest.MonkeyPatch, lines: str) -> dict[str, object]:
    file = account.folder / "shared-credentials"
    file.write_text(lines)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return {"profile": "team"}


def test_a_static_key_is_used_whatever_the_environment_says(
    account: Account, ambient_key: str, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = account.folder / "broken"
    broken.write_text("[this is no configuration")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("HOME", str(account.folder))
    (account.folder / ".aws").mkdir()
    for name in ("config", "credentials"):
        (account.folder / ".aws" / name).write_text("[this is no configuration")
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    account.put("a", "v")

    assert value_of(read_one(account.store(), account.ref("a"))) == b"v"

    assert len(account.requests()) == 1
    assert account.moto.requests(access_key_id=ambient_key) == []
    assert metadata.hits == 0


def test_an_unreadable_static_key_is_denied_without_asking_anybody(
    account: Account, ambient_key: str, metadata: MetadataServer
) -> None:
    missing = {"static": {"accessKeyId": "AKIA1", "secretAccessKey": {"file": "not-there"}}}
    call = Allowance()

    outcome = read_one(account.store(missing), account.ref("a"), call)

    assert verdict(outcome) == ("denied", "credential-unreadable")
    assert isinstance(outcome, Failure)
    assert "not-there" in outcome.message
    assert outcome.scope == "store"
    assert (call.spent, metadata.hits) == (0, 0)
    assert account.moto.requests(access_key_id=ambient_key) == []


def test_a_new_login_reads_the_files_anew(account: Account) -> None:
    fresh = account.moto.credentials()
    id_file = account.folder / "key-id"
    id_file.write_text(account.key.access_key_id)
    auth = {"static": {"accessKeyId": {"file": "key-id"}, "secretAccessKey": {"file": "secret-key"}}}
    account.put("a", "v")
    account.fault("expired", times=0)
    provider = account.store(auth)

    first = read_one(provider, account.ref("a"))
    id_file.write_text(fresh.access_key_id)
    still = read_one(provider, account.ref("a"))
    provider.relogin()

    assert isinstance(first, Failure)
    assert first.stale_credential
    assert verdict(still) == ("denied", "credential-expired")
    assert value_of(read_one(provider, account.ref("a"))) == b"v"
    assert len(account.moto.requests(access_key_id=fresh.access_key_id)) == 1


def test_a_profile_comes_from_the_shared_credentials_file(
    account: Account, ambient_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = account.key
    lines = f"[team]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
    auth = _profile(account, monkeypatch, lines)
    account.put("a", "v")

    assert value_of(read_one(account.store(auth), account.ref("a"))) == b"v"

    assert len(account.requests()) == 1
    assert account.moto.requests(access_key_id=ambient_key) == []


@pytest.mark.parametrize("lines", ["[team]\nregion = eu-west-1\n", "[others]\n", ""])
def test_a_profile_without_credentials_falls_back_on_nothing(
    account: Account, ambient_key: str, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    auth = _profile(account, monkeypatch, lines)
    assert verdict(read_one(account.store(auth), account.ref("a"))) == ("denied", "no-credentials")
    assert metadata.hits == 0
    assert account.moto.requests(access_key_id=ambient_key) == []


def test_the_default_chain_takes_the_environment(account: Account, ambient_key: str) -> None:
    account.put("a", "v")
    assert value_of(read_one(account.store({"default": {}}), account.ref("a"))) == b"v"
    assert len(account.moto.requests(access_key_id=ambient_key)) == 1


def test_the_default_chain_takes_a_containers_identity(account: Account, metadata: MetadataServer) -> None:
    account.put("container", "v")
    mark = account.moto.mark()
    assert value_of(read_one(account.store({"default": {}}), account.ref("container"))) == b"v"
    asked = account.moto.requests(mark, access_key_id=CONTAINER_KEY)
    assert [entry.ids for entry in asked] == [(account.ref("container").key,)]
    assert metadata.hits > 0


def test_the_default_chain_without_any_identity_is_denied(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert verdict(read_one(account.store({"default": {}}), account.ref("a"))) == ("denied", "no-credentials")


def test_a_web_identitys_login_goes_to_the_stores_sts_and_is_spent(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = account.folder / "token"
    token.write_text("a.web.identity")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/syncd")
    account.put("irsa", "v")
    mark, call = account.moto.mark(), Allowance()

    outcome = read_one(account.store({"default": {}}, stsEndpoint=account.moto.endpoint), account.ref("irsa"), call)

    assert value_of(outcome) == b"v"
    assert "AssumeRoleWithWebIdentity" in [entry.operation for entry in account.moto.requests(mark)]
    assert call.spent == 2


@pytest.mark.parametrize("reachable", [True, False])
def test_a_web_identity_that_gets_no_role_is_the_stores_failure(
    account: Account, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch, *, reachable: bool
) -> None:
    token = account.folder / "token"
    token.write_text("a.web.identity")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/syncd")
    sts = metadata.address if reachable else "http://127.0.0.1:9"

    outcome = read_one(account.store({"default": {}}, stsEndpoint=sts), account.ref("a"))

    assert verdict(outcome)[0] == ("denied" if reachable else "unavailable")
    assert not reachable or verdict(outcome)[1] == "login-refused"
    assert "canary" not in repr(outcome)
    assert (account.requests(), metadata.hits) == ([], 0)


def test_making_a_store_imports_no_sdk() -> None:
    program = (
        "import sys, msgspec\n"
        "from pathlib import Path\n"
        "from syncd.model.store import StoreSettings\n"
        "from syncd_providers.aws import SPEC\n"
        "options = msgspec.convert({'region': 'eu-west-1', 'auth': {'default': {}}}, SPEC.options)\n"
        "SPEC.create(options, StoreSettings('aws', Path())).close()\n"
        "print([name for name in sys.modules if name.startswith('boto')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_output_holds_a_value_a_key_or_the_services_words(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    value, words = "canary-value-5f3a9c", "canary-words-77b1e0"
    token = account.folder / "session-token"
    token.write_text("canary-token-c0ffee")
    auth = {
        "static": {
            "accessKeyId": account.key.access_key_id,
            "secretAccessKey": {"file": "secret-key"},
            "sessionToken": {"file": "session-token"},
        }
    }
    account.put("text", value)
    account.put("binary", value.encode())
    account.put("refused", value)
    account.fault("decryption", "refused", message=words, times=0)
    account.fault("wrong-secret", "text", times=1)
    provider = account.store(auth)
    refs = [account.ref(name) for name in ("text", "binary", "refused", "nowhere")]

    said = []
    for _ in range(2):  # the first time imports the SDK, after which somebody switches its debugging on
        for name in ("", *(n for n in logging.root.manager.loggerDict if n.startswith(("boto", "urllib3")))):
            caplog.set_level(logging.DEBUG, name)
        said.append(repr(read(provider, refs)))
        said.append(repr([read_one(provider, ref) for ref in refs]))
    said.append(repr(provider))
    said.append(caplog.text)

    everything = "\n".join(said)
    assert "binary" in everything
    secret = account.key.secret_access_key
    for canary in (value, base64.b64encode(value.encode()).decode(), words, secret, "canary-token-c0ffee"):
        assert canary not in everything


def test_what_the_sdk_raises_carries_nothing_out(account: Account) -> None:
    account.put("a", "v")
    account.fault("error", code="SomeException", message="canary-words-77b1e0")
    outcome = read_one(account.store(), account.ref("a"))
    assert not isinstance(outcome, Fetched)
    assert "canary" not in repr(outcome)
