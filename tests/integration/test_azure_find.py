"""Finding secrets in a Key Vault, and reading what it keeps beside them: whole, or a failure with its reason."""

import json
import logging
from collections.abc import Iterator

import pytest

from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd.testing.provider_case import Allowance
from syncd_providers.azure.client import AzureProvider
from tests.integration.azure_store import provider_for, read, verdict
from tests.servers.keyvault import KeyVault

ABSENT, UNUSABLE, DENIED = FailureClass.ABSENT, FailureClass.UNUSABLE, FailureClass.DENIED
UNAVAILABLE, MALFORMED, THROTTLED = FailureClass.UNAVAILABLE, FailureClass.MALFORMED, FailureClass.THROTTLED
CANARY = "canary-5d1e"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyVault]:
    """One server for the module, which orders faults that others must not meet."""
    with KeyVault.start(tmp_path_factory.mktemp("keyvault")) as vault:
        yield vault


@pytest.fixture
def vault(server: KeyVault) -> KeyVault:
    server.reset()
    return server


def _find(provider: AzureProvider, call: Allowance | None = None, **asked: object) -> Found:
    query = provider.canonical_query(Query("kv", **asked))  # type: ignore[arg-type]
    assert isinstance(query, Query)
    return provider.find(query, call or Allowance())


def _names(found: Found) -> tuple[list[str], int]:
    assert isinstance(found, Listing), found
    return [ref.key for ref in found.refs], found.skipped


def _refused(found: Found) -> tuple[FailureClass, str]:
    assert isinstance(found, Failure), found
    return found.cls, found.reason


def _described(provider: AzureProvider, key: str, version: str = "") -> Outcome:
    ref = provider.canonical(RemoteRef("kv", key, version, part="metadata"))
    assert isinstance(ref, RemoteRef)
    [(answered, outcome)] = provider.describe([ref], Allowance())
    assert answered == ref
    return outcome


def _told(outcome: Outcome) -> object:
    assert isinstance(outcome, Fetched), outcome
    return json.loads(outcome.value.reveal())


def _thirty(vault: KeyVault) -> list[str]:
    """Put 30 secrets with a tag into the vault, among 15 others."""
    for number in range(45):
        vault.put(f"App-{number:02}", CANARY, tags={"team": "payments" if number % 3 else "other"})
    return [f"app-{number:02}" for number in range(45) if number % 3]


def test_thirty_are_found_by_tag_over_two_pages(vault: KeyVault) -> None:
    wanted = _thirty(vault)
    provider = provider_for(vault)
    read(provider, "App-01")
    mark, call = vault.mark(), Allowance()
    assert _names(_find(provider, call, tags=(("team", "payments"),))) == (wanted, 0)
    pages = [entry for entry in vault.requests(mark) if entry.path == "/secrets"]
    assert (len(wanted), len(pages), call.spent) == (30, 2, 2)
    assert "skiptoken" not in pages[0].query
    assert "skiptoken" in pages[1].query


def test_path_pattern_and_case(vault: KeyVault) -> None:
    for name in ("Shop-DB", "shop-web", "shopping", "Other-DB"):
        vault.put(name, CANARY)
    provider = provider_for(vault)
    assert _names(_find(provider, path="SHOP")) == (["shop-db", "shop-web"], 0)
    assert _names(_find(provider, path="shop-", name="^d")) == (["shop-db"], 0)
    assert _names(_find(provider, name="db$")) == (["other-db", "shop-db"], 0)
    assert _names(_find(provider, path="nothing-")) == ([], 0)


def test_disabled_and_deleted_ones_are_left_out(vault: KeyVault) -> None:
    for name in ("a-1", "a-2", "a-3", "a-4", "b-1"):
        vault.put(name, CANARY)
    vault.disable("a-2")
    vault.disable("b-1")
    vault.delete("a-3")
    provider = provider_for(vault)
    assert _names(_find(provider, path="a-")) == (["a-1", "a-4"], 1)
    vault.disable("a-2", enabled=True)
    assert _names(_find(provider, path="a-")) == (["a-1", "a-2", "a-4"], 0)


def test_one_that_has_expired_is_found_and_its_read_refused(vault: KeyVault) -> None:
    vault.put("a-1", CANARY)
    vault.expire("a-1")
    provider = provider_for(vault)
    assert _names(_find(provider, path="a-")) == (["a-1"], 0)
    assert verdict(read(provider, "a-1")) == (UNUSABLE, "expired")


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("status", 500, (UNAVAILABLE, "server-error")),
        ("status", 429, (THROTTLED, "throttled")),
        ("status", 403, (DENIED, "permission-denied")),
        ("status", 404, (UNAVAILABLE, "foreign-not-found")),
        ("foreign_404", 0, (UNAVAILABLE, "foreign-not-found")),
        ("foreign_200", 0, (MALFORMED, "listing-malformed")),
        ("empty", 0, (MALFORMED, "listing-malformed")),
        ("truncated", 0, (MALFORMED, "listing-malformed")),
        ("foreign_entry", 0, (MALFORMED, "listing-malformed")),
        ("looping_link", 0, (MALFORMED, "listing-malformed")),
        ("redirect", 0, (UNAVAILABLE, "redirected")),
        ("reset", 0, (UNAVAILABLE, "connection-lost")),
        ("cut", 0, (UNAVAILABLE, "answer-cut-short")),
    ],
)
def test_a_second_page_that_fails_is_no_empty_rest(
    vault: KeyVault, kind: str, status: int, expected: tuple[FailureClass, str]
) -> None:
    _thirty(vault)
    provider = provider_for(vault)
    vault.fault(kind, path="/secrets", query="skiptoken", status=status, times=0)
    failure = _find(provider)
    assert _refused(failure) == expected
    assert CANARY not in repr(failure)
    vault.clear_faults()
    assert len(_names(_find(provider))[0]) == 45


def test_a_page_at_another_origin_is_not_asked_for(vault: KeyVault) -> None:
    """L9: `localhost` is this very server, so that its log would show a token that travelled."""
    _thirty(vault)
    provider, mark = provider_for(vault), vault.mark()
    vault.fault("foreign_link", path="/secrets")
    assert _refused(_find(provider)) == (MALFORMED, "next-page-elsewhere")
    assert not [entry for entry in vault.requests(mark) if entry.host.startswith("localhost")]


def test_an_empty_page_with_a_successor_is_read_on(vault: KeyVault) -> None:
    _thirty(vault)
    vault.fault("empty_page", path="/secrets")
    assert len(_names(_find(provider_for(vault)))[0]) == 20


def test_without_the_right_to_list_reads_go_on(vault: KeyVault) -> None:
    vault.put("db", "one")
    vault.forbid("", "ForbiddenByPolicy")
    provider = provider_for(vault)
    failure = _find(provider)
    assert _refused(failure) == (DENIED, "permission-denied")
    assert isinstance(failure, Failure)
    assert "permission List" in failure.message
    assert isinstance(read(provider, "db"), Fetched)


def test_metadata_are_tags_and_times_of_the_version(vault: KeyVault) -> None:
    first = vault.put("db", CANARY, tags={"team": "a"}, created=1_700_000_000, updated=1_700_000_000)
    vault.put("db", CANARY, content_type="text/plain", created=1_700_000_100, updated=1_700_000_100)
    provider = provider_for(vault)
    assert _told(_described(provider, "DB", first)) == {
        "team": "a",
        "$created": "2023-11-14T22:13:20Z",
        "$updated": "2023-11-14T22:13:20Z",
    }
    vault.expire("db", expires=1_000_000_000, not_before=4_000_000_000)
    told = _told(_described(provider, "db"))
    assert isinstance(told, dict)
    assert (told["$expires"], told["$notBefore"], told["$contentType"]) == (
        "2001-09-09T01:46:40Z",
        "2096-10-02T07:06:40Z",
        "text/plain",
    )


def test_metadata_of_what_cannot_be_read(vault: KeyVault) -> None:
    vault.put("db", CANARY)
    provider = provider_for(vault)
    vault.disable("db")
    assert verdict(_described(provider, "db")) == (UNUSABLE, "disabled")
    vault.disable("db", enabled=True)
    vault.forbid("db")
    assert verdict(_described(provider, "db")) == (DENIED, "permission-denied")
    vault.allow("db")
    vault.fault("wrong_id")
    assert verdict(_described(provider, "db")) == (MALFORMED, "answer-for-another-secret")
    vault.delete("db")
    assert verdict(_described(provider, "db")) == (UNUSABLE, "soft-deleted")
    vault.purge("db")
    assert verdict(_described(provider, "db")) == (ABSENT, "not-found")


def test_a_value_that_comes_along_is_never_said(
    vault: KeyVault, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.put("db", CANARY, tags={"team": "a"})
    with caplog.at_level(logging.DEBUG):
        provider = provider_for(vault)
        outcome, listing = _described(provider, "db"), _find(provider)
    assert isinstance(outcome, Fetched)
    printed = capfd.readouterr()
    said = [repr(outcome), repr(listing), printed.out, printed.err, outcome.value.reveal().decode()]
    said += [logging.Formatter().format(record) for record in caplog.records]
    for hidden in (CANARY, vault.client_secret):
        assert hidden not in "\n".join(said)
