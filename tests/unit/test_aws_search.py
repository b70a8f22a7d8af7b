"""A query's walk through the pages of ListSecrets, and what DescribeSecret tells: what is whole, and what is none."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.fetch import discovery
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Outcome, Query, RemoteRef
from syncd_providers.aws import search
from syncd_providers.aws.answers import Refused
from syncd_providers.aws.description import described
from syncd_providers.aws.search import Search, filters_of

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
QUERY = Query("aws-eu", "prod/")
Answer = Mapping[str, object] | Refused | Failure
BAD_TOKEN = Refused("InvalidNextTokenException", 400)


def entry(name: str, **members: object) -> dict[str, object]:
    return {"Name": name, "ARN": f"{ARN}{name}-AbC123", **members}


def page(*entries: object, token: str | None = None) -> dict[str, object]:
    return {"SecretList": list(entries), "NextToken": token}


def walk(answers: list[Answer], query: Query = QUERY) -> tuple[Found, list[Mapping[str, object]]]:
    asked: list[Mapping[str, object]] = []
    waiting: Iterator[Answer] = iter(answers)

    def ask(parameters: Mapping[str, object]) -> Answer:
        asked.append(parameters)
        return next(waiting)

    return Search(query, "store aws-eu", ask).found(), asked


def keys(found: Found) -> list[str]:
    assert isinstance(found, Listing), found
    return [ref.key for ref in found.refs]


def reason(found: Found | Outcome) -> tuple[str, str]:
    assert isinstance(found, Failure), found
    return found.cls.value, found.reason


def test_pages_are_read_to_the_end_and_an_empty_one_is_not_the_end() -> None:
    found, asked = walk([page(entry("prod/b"), token="1"), page(token="2"), page(entry("prod/a"))])
    assert keys(found) == ["prod/a", "prod/b"]
    assert [parameters.get("NextToken") for parameters in asked] == [None, "1", "2"]
    assert {str({**parameters, "NextToken": ""}) for parameters in asked} == {str({**asked[0], "NextToken": ""})}


def test_what_is_to_be_deleted_is_counted_and_left_out() -> None:
    found, asked = walk([page(entry("prod/a"), entry("prod/gone", DeletedDate=datetime.now(UTC)))])
    assert found == Listing((RemoteRef("aws-eu", "prod/a"),), skipped=1)
    assert asked[0]["IncludePlannedDeletion"] is True


def test_a_token_that_is_no_longer_known_begins_anew_once() -> None:
    first = page(entry("prod/a"), token="1")
    found, asked = walk([first, BAD_TOKEN, page(entry("prod/b"))])
    assert keys(found) == ["prod/b"]
    assert [parameters.get("NextToken") for parameters in asked] == [None, "1", None]
    again, _ = walk([first, BAD_TOKEN, first, BAD_TOKEN])
    assert reason(again) == ("unavailable", "listing-moved")


def test_a_refused_token_where_none_was_sent_is_no_reason_to_begin_anew() -> None:
    found, asked = walk([BAD_TOKEN])
    assert reason(found) == ("unavailable", "unexpected-answer")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        (Refused("AccessDeniedException", 400), ("denied", "permission-denied")),
        (Refused("ThrottlingException", 400), ("throttled", "throttled")),
        (Refused("InternalServiceError", 500), ("unavailable", "server-error")),
        (Refused("InvalidParameterException", 400), ("config", "invalid-parameter")),
        (Refused("ResourceNotFoundException", 400), ("unavailable", "unexpected-answer")),
        (Failure(FailureClass.UNAVAILABLE, "timeout", "no"), ("unavailable", "timeout")),
        ({"NextToken": "2"}, ("malformed", "answer-malformed")),
        ({"SecretList": None}, ("malformed", "answer-malformed")),
        (page(entry("prod/b"), token="1"), ("malformed", "answer-malformed")),
        (page("prod/b"), ("malformed", "answer-malformed")),
        (page({"Name": "prod/b"}), ("malformed", "answer-malformed")),
        (page({**entry("prod/b"), "Name": "prod/c"}), ("malformed", "answer-malformed")),
        (page(entry("prod/b", Tags=[{"Key": 1, "Value": "v"}])), ("malformed", "answer-malformed")),
        (page(entry("prod/b", Tags={"team": "payments"})), ("malformed", "answer-malformed")),
    ],
)
def test_a_page_that_fails_makes_the_whole_a_failure(failing: Answer, expected: tuple[str, str]) -> None:
    found, _ = walk([page(entry("prod/a"), token="1"), failing])
    assert reason(found) == expected
    assert isinstance(found, Failure)
    assert found.message


@pytest.mark.parametrize("name", ["prod/a b", "prod/\N{SNOWMAN}", "prod/" + "x" * 600])
def test_a_name_that_cannot_be_asked_for_fails_the_whole_if_it_fits(name: str) -> None:
    assert reason(walk([page(entry(name))])[0]) == ("config", "name-unsafe")
    assert keys(walk([page(entry(name), entry("prod/ok"))], QUERY._replace(name="^ok"))[0]) == ["prod/ok"]


def test_what_the_filters_let_through_is_looked_at_again() -> None:
    listed = [
        entry("prod/a1", Tags=[{"Key": "team", "Value": "payments"}]),
        entry("prod/a2", Tags=[{"Key": "team", "Value": "Payments"}]),
        entry("prod/a3", Tags=[{"Key": "Team", "Value": "payments"}]),
        entry("prod/a4", Tags=[{"Key": "team", "Value": "payments2"}]),
        entry("Prod/a5", Tags=[{"Key": "team", "Value": "payments"}]),
        entry("prod/b6", Tags=[{"Key": "team", "Value": "payments"}]),
        entry("prod/a7"),
        entry("prod/", Tags=[{"Key": "team", "Value": "payments"}]),
    ]
    assert keys(walk([page(*listed)], Query("aws-eu", "prod/", "^a", (("team", "payments"),)))[0]) == ["prod/a1"]


@pytest.mark.parametrize(("bound", "value"), [("MOST_NAMES", 250), ("MOST_PAGES", 3)])
def test_a_list_that_is_too_long_ends(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(search, bound, value)
    endless = [page(*(entry(f"prod/{n}-{i}") for i in range(100)), token=str(n)) for n in range(9)]
    found, asked = walk(list(endless))
    assert reason(found) == ("config", "listing-too-long")
    assert len(asked) == 3


def test_filters_narrow_down_by_path_and_tags_and_are_left_out_where_they_would_turn_round() -> None:
    def pairs(query: Query) -> list[tuple[object, object]]:
        return [(each["Key"], each["Values"]) for each in filters_of(query)]

    tags = (("cost", ""), ("team", "payments"), ("\N{SNOWMAN}", "!x"))
    assert pairs(Query("aws-eu", "prod/", tags=tags)) == [
        ("name", ["prod/"]),
        ("tag-key", ["cost"]),
        ("tag-key", ["team"]),
        ("tag-value", ["payments"]),
    ]
    assert pairs(Query("aws-eu", "!prod/")) == []
    assert len(pairs(Query("aws-eu", "a/", tags=tuple((f"t{n}", "v") for n in range(50))))) == 10


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=12),
    st.integers(1, 4),
)
def test_a_listing_is_sorted_each_once_and_as_was_asked(listed: list[tuple[str, bool]], size: int) -> None:
    entries = [entry(f"prod/{name}", DeletedDate=1 if gone else None) for name, gone in listed]
    chunks = [entries[start : start + size] for start in range(0, len(entries), size)] or [[]]
    pages: list[Answer] = [
        page(*chunk, token=str(n) if n < len(chunks) - 1 else None) for n, chunk in enumerate(chunks)
    ]
    found, _ = walk(pages)
    assert isinstance(found, Listing)
    assert discovery.flaw(QUERY, found) == ""
    assert len(found.refs) + found.skipped == len({name for name, _ in listed})


# Metadata

REF = RemoteRef("aws-eu", "prod/a", part="metadata")


def tell(**members: object) -> Outcome:
    return described(REF, entry("prod/a", **members), "store aws-eu")


def content(outcome: Outcome) -> dict[str, str]:
    assert isinstance(outcome, Fetched), outcome
    found: dict[str, str] = json.loads(outcome.value.reveal())
    return found


def test_tags_stand_beside_what_the_service_tells() -> None:
    east = timezone(timedelta(hours=2))
    outcome = tell(
        Tags=[{"Key": "team", "Value": "payments"}, {"Key": "$created", "Value": "yesterday"}, {"Key": "bare"}],
        Description="for the shop",
        CreatedDate=datetime(2026, 1, 31, 14, 0, 0, 999, tzinfo=east),
        LastChangedDate=datetime(2026, 2, 1, tzinfo=UTC),
        LastRotatedDate=datetime(2026, 2, 2, tzinfo=UTC),
        NextRotationDate=datetime(2026, 3, 2, tzinfo=UTC),
        LastAccessedDate=datetime(2026, 2, 3, tzinfo=UTC),
    )
    assert content(outcome) == {
        "team": "payments",
        "bare": "",
        "$created": "2026-01-31T12:00:00Z",
        "$updated": "2026-02-01T00:00:00Z",
        "$rotated": "2026-02-02T00:00:00Z",
        "$nextRotation": "2026-03-02T00:00:00Z",
        "$description": "for the shop",
    }
    assert isinstance(outcome, Fetched)
    assert (outcome.version, outcome.created, outcome.structured) == ("", None, True)


def test_a_secret_without_any_has_empty_metadata() -> None:
    assert content(tell(Description="", CreatedDate=None)) == {}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (lambda: tell(DeletedDate=datetime.now(UTC)), ("unusable", "scheduled-deletion")),
        (lambda: tell(Name="prod/b"), ("malformed", "answer-for-another-secret")),
        (lambda: tell(Tags=[{"Key": 1}]), ("malformed", "answer-incomplete")),
        (lambda: tell(Tags="team"), ("malformed", "answer-incomplete")),
        (lambda: tell(Description="\ud800"), ("malformed", "not-text")),
    ],
)
def test_what_is_no_metadata(outcome: Callable[[], Outcome], expected: tuple[str, str]) -> None:
    assert reason(outcome()) == expected
