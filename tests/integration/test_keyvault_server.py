"""The Key Vault stand-in against the real Azure SDKs: secrets, their life, and faults.

If one of these fails after an SDK release, the stand-in is wrong, not syncd.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import (
    AzureError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest, HttpResponse

from tests.integration.keyvault_sdk import client_of, inner_code
from tests.servers.keyvault import KeyVault


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module; starting it makes keys."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    """Return an empty vault."""
    server.reset()
    return server


def test_thirty_secrets_come_in_two_pages(vault: KeyVault) -> None:
    """A page holds 25; disabled ones are listed too, without values."""
    for number in range(30):
        vault.put(f"secret-{number:02}", "value", enabled=number != 3)
    with client_of(vault) as client:
        pages = [list(page) for page in client.list_properties_of_secrets().by_page()]
    assert [len(page) for page in pages] == [25, 5]
    assert [one.name for page in pages for one in page if not one.enabled] == ["secret-03"]


def test_versions_are_listed_and_read(vault: KeyVault) -> None:
    """Each write makes a version; the newest answers for the name, whatever its case."""
    first = vault.put("Db-Password", "one", tags={"owner": "team-a"}, content_type="text/plain")
    second = vault.put("db-password", "two")
    with client_of(vault) as client:
        newest, older = client.get_secret("DB-PASSWORD"), client.get_secret("db-password", first)
        listed = {one.version for one in client.list_properties_of_secret_versions("db-password")}
    assert (newest.value, newest.properties.version) == ("two", second)
    assert newest.id == f"{vault.vault_url}/secrets/Db-Password/{second}"
    assert (older.value, older.properties.tags, older.properties.content_type) == (
        "one",
        {"owner": "team-a"},
        "text/plain",
    )
    assert listed == {first, second}


def test_a_disabled_secret_is_forbidden_with_its_own_inner_code(vault: KeyVault) -> None:
    """The newest disabled version hides the older ones, which can still be asked for."""
    first = vault.put("db-password", "one")
    vault.put("db-password", "two")
    vault.disable("db-password")
    with client_of(vault) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password", first).value == "one"
    assert (caught.value.status_code, inner_code(caught.value)) == (403, "SecretDisabled")


@pytest.mark.parametrize("inner", ["ForbiddenByPolicy", "ForbiddenByRbac", "ForbiddenByFirewall"])
def test_a_forbidden_secret_names_who_forbids_it(vault: KeyVault, inner: str) -> None:
    """Permission and firewall differ in the inner code alone."""
    vault.put("db-password", "s3cret")
    vault.forbid("db-password", inner)
    with client_of(vault) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("db-password")
    assert (caught.value.status_code, inner_code(caught.value)) == (403, inner)


def test_a_secret_outside_its_window_is_still_served(vault: KeyVault) -> None:
    """The vault only tells; refusing is up to the reader."""
    vault.put("db-password", "s3cret")
    vault.expire("db-password", not_before=4_000_000_000)
    with client_of(vault) as client:
        found = client.get_secret("db-password")
    assert found.properties.expires_on is not None
    assert found.properties.not_before is not None
    assert found.properties.expires_on.year == 2001
    assert found.properties.not_before.year == 2096


def test_a_soft_deleted_secret_is_missing_and_holds_its_name(vault: KeyVault) -> None:
    """It is not found, is found among the deleted, cannot be written, and comes back by recovery."""
    with client_of(vault) as client:
        client.set_secret("db-password", "s3cret")
        client.begin_delete_secret("db-password", _polling_interval=0).wait()
        with pytest.raises(ResourceNotFoundError) as missing:
            client.get_secret("db-password")
        assert client.get_deleted_secret("db-password").recovery_id
        with pytest.raises(ResourceExistsError):
            client.set_secret("db-password", "again")
        vault.forbid("db-password", collection="deletedsecrets")
        with pytest.raises(HttpResponseError) as hidden:
            client.get_deleted_secret("db-password")
        vault.allow("db-password", collection="deletedsecrets")
        client.begin_recover_deleted_secret("db-password", _polling_interval=0).wait()
        assert client.get_secret("db-password").value == "s3cret"
    assert missing.value.error is not None
    assert missing.value.error.code == "SecretNotFound"
    assert hidden.value.status_code == 403


def test_attributes_are_changed_and_a_purged_name_is_free(vault: KeyVault) -> None:
    """The rest of the life of a secret: a PATCH of its attributes, deletion for good, and a new start."""
    with client_of(vault) as client:
        client.set_secret("db-password", "s3cret")
        changed = client.update_secret_properties("db-password", enabled=False, tags={"a": "b"})
        assert (changed.enabled, changed.tags) == (False, {"a": "b"})
        client.begin_delete_secret("db-password", _polling_interval=0).wait()
        assert [one.name for one in client.list_deleted_secrets()] == ["db-password"]
        client.purge_deleted_secret("db-password")
        with pytest.raises(ResourceNotFoundError):
            client.get_deleted_secret("db-password")
        assert client.set_secret("db-password", "new").value == "new"


def test_throttling_carries_retry_after(vault: KeyVault) -> None:
    """A 429 comes as often as ordered, with the header as ordered."""
    vault.put("db-password", "s3cret")
    vault.throttle(1, 17)
    with client_of(vault) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password").value == "s3cret"
    assert caught.value.status_code == 429
    assert isinstance(caught.value.response, HttpResponse)
    assert caught.value.response.headers["Retry-After"] == "17"
    assert caught.value.error is not None
    assert caught.value.error.code == "Throttled"


def test_a_bad_name_is_a_bad_parameter(vault: KeyVault) -> None:
    """Names with other than letters, digits and dashes are refused."""
    with client_of(vault) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("under_score")
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert caught.value.error.code == "BadParameter"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang", ServiceResponseError),
        ("reset", ServiceResponseError),
        ("cut", IncompleteReadError),
        ("foreign_404", ResourceNotFoundError),
        ("foreign_200", json.JSONDecodeError),
        ("truncated", DecodeError),
        ("empty", json.JSONDecodeError),
        ("status", HttpResponseError),
    ],
)
def test_a_fault_reaches_the_reader_as_this_error(vault: KeyVault, kind: str, error: type[Exception]) -> None:
    """What the SDK makes of each broken answer; some of it is no AzureError at all."""
    vault.put("db-password", "s3cret")
    vault.fault(kind, seconds=2.0)
    with client_of(vault, read_timeout=0.5) as client:
        with pytest.raises(error) as caught:
            client.get_secret("db-password")
        assert client.get_secret("db-password").value == "s3cret"
    assert isinstance(caught.value, AzureError) == (error is not json.JSONDecodeError)


def test_wrong_answers_pass_the_sdk_unnoticed(vault: KeyVault) -> None:
    """A null value, a strange id, a huge value and a page without `value` all look well to the SDK."""
    vault.put("db-password", "s3cret")
    for kind in ("null_value", "wrong_id", "huge", "bomb"):
        vault.fault(kind)
    with client_of(vault) as client:
        null, wrong, huge, bomb = (client.get_secret("db-password") for _ in range(4))
        vault.fault("no_value", path="/secrets")
        listed = list(client.list_properties_of_secrets())
    assert null.value is None
    assert wrong.name == "somebody-elses"
    assert [len(one.value or "") for one in (huge, bomb)] == [3 * 1024 * 1024] * 2
    assert listed == []


def test_a_redirect_to_another_host_is_seen_in_the_log(vault: KeyVault) -> None:
    """The log tells under which host a request arrived and whether a token came along."""
    vault.put("db-password", "s3cret")
    vault.fault("redirect", path="/secrets/db-password")
    with client_of(vault, permit_redirects=False) as client, pytest.raises(HttpResponseError) as caught:
        client.get_secret("db-password")
    assert caught.value.status_code == 307
    mark = vault.mark()
    vault.fault("redirect", path="/secrets/db-password")
    with client_of(vault) as client, pytest.raises(ValueError, match="does not match the requested domain"):
        client.get_secret("db-password")
    arrived = [(entry.host.partition(":")[0], entry.token_sent) for entry in vault.requests(mark) if entry.status]
    assert arrived[-2:] == [("127.0.0.1", True), ("localhost", False)]


def test_an_attached_server_takes_the_same_orders(server: KeyVault, vault: KeyVault) -> None:
    """A description leads another process to the same vault."""
    attached = KeyVault.attach(json.loads(json.dumps(server.describe())))
    mark = attached.mark()
    version = attached.put("db-password", "s3cret", tags={"a": "b"})
    with client_of(attached) as client:
        assert client.get_secret("db-password").properties.version == version
    assert attached.requests(mark)[-1] == vault.requests(mark)[-1]


def test_a_child_process_serves_and_ends_when_told(tmp_path: Path) -> None:
    """The shared server describes itself in one line and ends on SIGTERM."""
    server = [sys.executable, "-m", "tests.servers.serve", "tests.servers.keyvault:KeyVault"]
    command = [*server, "--directory", str(tmp_path), "--owner", str(os.getpid())]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            attached = KeyVault.attach(json.loads(child.stdout.readline()))
            attached.put("db-password", "s3cret")
            with client_of(attached) as client:
                assert client.get_secret("db-password").value == "s3cret"
        finally:
            child.terminate()
        assert child.wait(10) == 0


def test_control_needs_its_key(vault: KeyVault) -> None:
    """Without the key the control endpoint does nothing."""
    with client_of(vault) as client:
        request = HttpRequest("POST", f"{vault.vault_url}/control", json={"do": "reset"})
        assert client.send_request(request).status_code == 403
