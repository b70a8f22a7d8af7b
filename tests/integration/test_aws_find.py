"""Finding secrets and reading metadata in AWS Secrets Manager, over the wire: pages, tags, rights, what breaks."""

import json
from pathlib import Path

import pytest

from syncd.fetch.gateway import Gateway
from syncd.fetch.sources import Sources
from syncd.model.position import Position
from syncd.model.reference import Failure, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd.model.store import Store
from syncd.testing.provider_case import Allowance
from syncd_providers.aws.provider import AwsProvider
from tests.integration.aws_store import Account, verdict
from tests.servers.moto import Moto

LIST, DESCRIBE, BATCH = "ListSecrets", "DescribeSecret", "BatchGetSecretValue"


@pytest.fixture
def account(moto: Moto, tmp_path: Path) -> Account:
    return Account(moto, tmp_path, moto.credentials())


def find(provider: AwsProvider, query: Query, call: Allowance | None = None) -> Found:
    wanted = provider.canonical_query(query)
    assert isinstance(wanted, Query), wanted
    return provider.find(wanted, call or Allowance())


def keys(found: Found) -> list[str]:
    assert isinstance(found, Listing), found
    return [ref.key for ref in found.refs]


def failure(found: Found) -> tuple[str, str]:
    assert isinstance(found, Failure), found
    return found.cls.value, found.reason


def tell(provider: AwsProvider, ref: RemoteRef) -> Outcome:
    ((_, outcome),) = provider.describe([ref._replace(part="metadata")], Allowance())
    return outcome


def put_many(account: Account, count: int) -> list[str]:
    """Put secrets that bear a tag, and one beside each ten that does not."""
    names = [f"app/s{number:03}" for number in range(count)]
    for number, name in enumerate(names):
        account.put(name, f"value {number}")
        account.moto.tag(account.prefix + name, {"team": "payments", "n": str(number)})
        if number % 10 == 0:
            account.put(f"{name}-bare", "v")
    return [account.prefix + name for name in names]


def test_a_hundred_and_fifty_are_found_by_tag_over_two_pages_and_read_in_batches(account: Account) -> None:
    put = put_many(account, 150)
    account.moto.tag(account.put("elsewhere", "v") and f"{account.prefix}elsewhere", {"team": "payments"})
    store = Store("aws-eu", "aws", account.store(), Position("syncd.yaml", 1, 1), 500.0, 16)
    gateway = Gateway({"aws-eu": store})
    query = Query("aws-eu", f"{account.prefix}app/", tags=(("team", "payments"),))
    sources = Sources(gateway, [], [query])

    found = sources.found([query])[query]
    assert keys(found) == put
    assert isinstance(found, Listing)
    outcomes = sources.outcomes(found.refs)
    gateway.close()

    values = {ref.key: outcome.value.reveal() for ref, outcome in outcomes.items() if isinstance(outcome, Fetched)}
    assert values == {name: f"value {number}".encode() for number, name in enumerate(put)}
    asked = account.operations()
    assert [asked.count(operation) for operation in (LIST, BATCH)] == [2, 8]
    assert len(asked) == 10


def test_a_hundred_and_fifty_are_found_by_path(account: Account) -> None:
    put = put_many(account, 150)
    call = Allowance()
    found = find(account.store(), Query("aws-eu", f"{account.prefix}app"), call)
    assert len(keys(found)) == 165
    assert set(put) < set(keys(found))
    assert call.spent == 2


@pytest.mark.parametrize(
    ("kind", "how", "expected"),
    [
        ("throttle", {}, ("throttled", "throttled")),
        ("denied", {}, ("denied", "permission-denied")),
        ("internal", {}, ("unavailable", "server-error")),
        ("html", {"status": 200}, ("malformed", "answer-unreadable")),
        ("cut", {}, ("unavailable", "answer-cut-short")),
        ("reset", {}, ("unavailable", "connection-lost")),
        ("huge", {}, ("malformed", "answer-too-large")),
    ],
)
def test_a_second_page_that_fails_is_never_an_empty_rest(
    account: Account, kind: str, how: dict[str, str | float], expected: tuple[str, str]
) -> None:
    put_many(account, 101)
    provider = account.store()
    account.fault(kind, None, operation=LIST, after=1, message="canary-words-77b1e0", **how)
    query = Query("aws-eu", account.prefix)

    broken = find(provider, query)

    assert failure(broken) == expected
    assert "canary" not in repr(broken)
    assert len(keys(find(provider, query))) == 112


def test_a_token_that_ran_out_begins_anew(account: Account) -> None:
    put_many(account, 101)
    account.fault("error", operation=LIST, after=1, code="InvalidNextTokenException")
    assert len(keys(find(account.store(), Query("aws-eu", account.prefix)))) == 112
    assert account.operations() == [LIST] * 4


def test_what_is_to_be_deleted_is_counted_and_the_rest_is_found(account: Account) -> None:
    for name in ("app/stays", "app/goes"):
        account.put(name, "v")
    account.moto.delete(f"{account.prefix}app/goes", recovery_days=7)
    found = find(account.store(), Query("aws-eu", f"{account.prefix}app/"))
    assert found == Listing((account.ref("app/stays"),), skipped=1)


def test_metadata_is_tags_and_what_the_service_tells(account: Account) -> None:
    name = f"{account.prefix}a"
    account.moto.create(name, "for the shop")
    account.moto.tag(name, {"team": "payments"})

    outcome = tell(account.store(), account.ref("a"))

    assert isinstance(outcome, Fetched), outcome
    told = json.loads(outcome.value.reveal())
    assert {"team": "payments", "$description": "for the shop"}.items() <= told.items()
    assert set(told) == {"team", "$description", "$created", "$updated"}
    assert account.operations() == [DESCRIBE]


def test_metadata_of_one_that_is_to_be_deleted_is_unusable(account: Account) -> None:
    account.put("a", "v")
    account.moto.delete(f"{account.prefix}a", recovery_days=7)
    assert verdict(tell(account.store(), account.ref("a"))) == ("unusable", "scheduled-deletion")


def test_metadata_of_an_arn_is_that_of_its_secret(account: Account) -> None:
    account.put("a", "v")
    arn = account.moto.arn(f"{account.prefix}a")
    assert isinstance(tell(account.store(), RemoteRef("aws-eu", arn)), Fetched)


def test_without_the_right_to_describe_metadata_is_denied(account: Account) -> None:
    account.put("a", "v")
    account.fault("denied", operation=DESCRIBE)
    outcome = tell(account.store(), account.ref("a"))
    assert verdict(outcome) == ("denied", "permission-denied")
    assert isinstance(outcome, Failure)
    assert "secretsmanager:DescribeSecret" in outcome.message


def test_what_the_whole_store_answers_ends_the_descriptions(account: Account) -> None:
    account.fault("throttle", operation=DESCRIBE)
    refs = [account.ref(name)._replace(part="metadata") for name in "abc"]
    outcomes = dict(account.store().describe(refs, Allowance()))
    assert {verdict(outcomes[ref]) for ref in refs} == {("throttled", "throttled")}
    assert account.operations() == [DESCRIBE]


def test_a_query_that_is_not_canonical_is_never_sent(account: Account) -> None:
    found = account.store().find(Query("aws-eu", "prod/app"), Allowance())
    assert failure(found) == ("config", "not-canonical")
    assert account.requests() == []
