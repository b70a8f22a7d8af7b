"""What a page of a Key Vault's list means, where the next one may be, and what is told of a secret beside its value."""

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.fetch import discovery
from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Query, RemoteRef
from syncd.node import Problem
from syncd_providers.azure.answers import Asked, described
from syncd_providers.azure.listing import FIRST, found
from syncd_providers.azure.reference import canonical, canonical_query

VAULT = "https://kv.vault.azure.net"
VERSION = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.0
CANARY = "canary-5d1e"
ALL = Query("kv")
REF = RemoteRef("kv", "db", part="metadata")


def _item(name: str, *, tags: dict[str, str] | None = None, **attributes: object) -> dict[str, object]:
    return {"id": f"{VAULT}/secrets/{name}", "attributes": {"enabled": True, **attributes}, "tags": tags}


def _page(*items: object, link: str | None = None) -> Answer:
    return Answer(200, {}, json.dumps({"value": items, "nextLink": link}).encode())


def _link(token: str) -> str:
    return f"{VAULT}:443/secrets?api-version=7.4&$skiptoken={token}&maxresults=25"


def _find(query: Query, pages: Sequence[Answer], asked: list[str] | None = None) -> Found:
    waiting = iter(pages)

    def get(path: str) -> Answer:
        (asked if asked is not None else []).append(path)
        return next(waiting)

    return found(query, VAULT, get, lambda: NOW)


def _verdict(answer: Found) -> tuple[FailureClass, str]:
    assert isinstance(answer, Failure), answer
    assert CANARY not in repr(answer)
    return answer.cls, answer.reason


def test_all_pages_are_read_and_names_are_told_apart_without_case() -> None:
    asked: list[str] = []
    pages = [_page(_item("B"), _item("App-x"), link=_link("one")), _page(link=_link("two==")), _page(_item("a"))]
    listing = _find(ALL, pages, asked)
    assert listing == Listing(tuple(RemoteRef("kv", name) for name in ("a", "app-x", "b")))
    query = "/secrets?api-version=7.4&$skiptoken={}&maxresults=25"
    assert asked == [FIRST, query.format("one"), query.format("two==")]


def test_path_name_and_tags_are_looked_for_in_the_list_itself() -> None:
    team, other = {"team": "pay", "env": "x"}, {"team": "Pay"}
    page = _page(
        _item("App-DB", tags=team), _item("app-web", tags=other), _item("app-"), _item("application", tags=team)
    )
    path = Query("kv", "app-")
    assert _find(path, [page]) == Listing((RemoteRef("kv", "app-db"), RemoteRef("kv", "app-web")))
    assert _find(path._replace(name="^w"), [page]) == Listing((RemoteRef("kv", "app-web"),))
    assert _find(path._replace(tags=(("team", "pay"),)), [page]) == Listing((RemoteRef("kv", "app-db"),))


def test_what_fits_and_is_disabled_is_left_out_and_counted() -> None:
    page = _page(_item("a-1"), _item("a-2", enabled=False), _item("b-1", enabled=False))
    assert _find(Query("kv", "a-"), [page]) == Listing((RemoteRef("kv", "a-1"),), 1)


def test_what_is_outside_its_window_is_found_so_that_its_read_says_so() -> None:
    """D11: left out, it would look as if it had left the store."""
    page = _page(_item("expired", exp=1), _item("later", nbf=4_000_000_000))
    assert _find(ALL, [page]) == Listing((RemoteRef("kv", "expired"), RemoteRef("kv", "later")))


@pytest.mark.parametrize(
    "link",
    [
        "https://other.vault.azure.net/secrets?x=1",
        "https://kv.vault.azure.net:8443/secrets?x=1",
        "http://kv.vault.azure.net/secrets?x=1",
        "https://user@kv.vault.azure.net/secrets?x=1",
        "https://kv.vault.azure.net@other.example/secrets?x=1",
        "https://kv.vault.azure.net/keys?x=1",
        "https://kv.vault.azure.net/secrets/../keys?x=1",
        "https://kv.vault.azure.net/secrets?x=1#y",
        "https://kv.vault.azure.net/secrets?x={y}",
        "https://kv.vault.azure.net/secrets?x=1 2",
        "https://kv.vault.azure.net/secrets?x=1\r\nHost: y",
        "https://kv.vault.azure.net/secrets",
        "/secrets?x=1",
        "//other.example/secrets?x=1",
        "https://[",
    ],
)
def test_no_other_address_is_followed(link: str) -> None:
    """L9: the token would travel with the request."""
    asked: list[str] = []
    assert _verdict(_find(ALL, [_page(_item("a"), link=link)], asked)) == (
        FailureClass.MALFORMED,
        "next-page-elsewhere",
    )
    assert asked == [FIRST]


@pytest.mark.parametrize("status", [*range(201, 300), *range(300, 600)])
def test_a_page_that_fails_is_never_an_empty_rest(status: int) -> None:
    """Neither is it ever ABSENT, whatever stands in its body."""
    body = json.dumps({"error": {"code": "SecretNotFound", "message": CANARY}}).encode()
    first = _page(_item("a"), link=_link("one"))
    for pages in ([Answer(status, {}, body)], [first, Answer(status, {}, body)]):
        cls, reason = _verdict(_find(ALL, pages))
        assert cls is not FailureClass.ABSENT
        if status == 403:
            assert (cls, reason) == (FailureClass.DENIED, "permission-denied")
        if status == 404:
            assert (cls, reason) == (FailureClass.UNAVAILABLE, "foreign-not-found")


def test_the_right_that_is_missing_is_named() -> None:
    body = json.dumps({"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByPolicy"}}}).encode()
    failure = _find(ALL, [Answer(403, {}, body)])
    assert isinstance(failure, Failure)
    assert "permission List" in failure.message


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "html": b"<html>" + CANARY.encode(),
    "null": b"null",
    "list": b"[]",
    "no value": b"{}",
    "null value": b'{"value": null}',
    "not text": b"\xff{",
    "deep": b'{"value":' + b"[" * 100_000,
    "no id": b'{"value": [{}]}',
    "another vault": json.dumps({"value": [{"id": f"https://other.example/secrets/{CANARY}"}]}).encode(),
    "a version": json.dumps({"value": [{"id": f"{VAULT}/secrets/a/{VERSION}"}]}).encode(),
    "no name": json.dumps({"value": [{"id": f"{VAULT}/secrets/a_b"}]}).encode(),
    "tags of something": json.dumps({"value": [{"id": f"{VAULT}/secrets/a", "tags": {"a": 1}}]}).encode(),
    "a link of something": b'{"value": [], "nextLink": 5}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_page_that_cannot_be_understood_is_malformed(name: str) -> None:
    pages = [_page(_item("a"), link=_link("one")), Answer(200, {}, BROKEN[name])]
    assert _verdict(_find(ALL, pages)) == (FailureClass.MALFORMED, "listing-malformed")


def test_pages_that_lead_in_a_circle_end() -> None:
    pages = [_page(_item("a"), link=_link("one")), _page(_item("b"), link=_link("two")), _page(link=_link("one"))]
    assert _verdict(_find(ALL, pages)) == (FailureClass.MALFORMED, "listing-malformed")


def _endless(items: int) -> Callable[[str], Answer]:
    turn = iter(range(10**9))
    return lambda _path: _page(*(_item(f"n-{next(turn)}") for _ in range(items)), link=_link(f"{next(turn)}"))


@pytest.mark.parametrize(("items", "pages"), [(0, discovery.MOST_PAGES), (25, discovery.MOST_NAMES // 25 + 1)])
def test_a_list_without_end_is_refused(items: int, pages: int) -> None:
    asked: list[str] = []
    get = _endless(items)

    def counted(path: str) -> Answer:
        asked.append(path)
        return get(path)

    assert _verdict(found(ALL, VAULT, counted, lambda: NOW)) == (FailureClass.CONFIG, "listing-too-long")
    assert len(asked) == pages


@pytest.mark.parametrize(
    ("path", "form"), [("", ""), ("app", "app-"), ("App-", "app-"), ("a-B", "a-b-"), ("-", "-"), ("a--", "a--")]
)
def test_a_path_has_one_form(path: str, form: str) -> None:
    query = Query("kv", path, "^X", (("Team", "Pay"),))
    assert canonical_query(query) == query._replace(path=form)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (Query("kv", "a/b"), ("find", "path")),
        (Query("kv", "a_b"), ("find", "path")),
        (Query("kv", "a\n"), ("find", "path")),
        (Query("kv", "x" * 127), ("find", "path")),
        (Query("kv", "a-", mount="secret"), ("mount",)),
    ],
)
def test_what_can_be_no_beginning_of_a_name_is_a_problem(query: Query, path: tuple[str, ...]) -> None:
    problem = canonical_query(query)
    assert isinstance(problem, Problem)
    assert problem.path == path


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Ba-b-]{1,4}", fullmatch=True)), st.sampled_from(["", "a-", "b-a-"]))
def test_a_listing_is_what_every_adapter_owes(names: list[str], path: str) -> None:
    query = Query("kv", path)
    halves = len(names) // 2
    first = _page(*map(_item, names[:halves]), link=_link("one"))
    listing = _find(query, [first, _page(*map(_item, names[halves:]))])
    assert isinstance(listing, Listing)
    assert discovery.flaw(query, listing) == ""
    lower = {name.lower() for name in names}
    assert {ref.key for ref in listing.refs} == {name for name in lower if name.startswith(path) and name != path}


def _bundle(**changes: object) -> bytes:
    attributes = {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_001, "exp": 1, "nbf": 4_000_000_000}
    content = {"id": f"{VAULT}/secrets/Db/{VERSION}", "value": CANARY, "attributes": attributes, "contentType": "x/y"}
    return json.dumps({**content, "tags": {"team": "pay", "$expires": "never"}, **changes}).encode()


def _described(body: bytes, ref: RemoteRef = REF) -> Fetched | Failure:
    told = described(Answer(200, {}, body), Asked(ref, VAULT), NOW)
    assert not isinstance(told, str)
    assert CANARY not in repr(told)
    return told


def test_tags_and_times_are_told_of_a_secret_outside_its_window_too() -> None:
    """What the service keeps wins over a tag that is called so."""
    told = _described(_bundle())
    assert isinstance(told, Fetched)
    assert (told.version, told.created, told.structured) == ("", None, True)
    assert json.loads(told.value.reveal()) == {
        "team": "pay",
        "$contentType": "x/y",
        "$created": "2023-11-14T22:13:20Z",
        "$updated": "2023-11-14T22:13:21Z",
        "$expires": "1970-01-01T00:00:01Z",
        "$notBefore": "2096-10-02T07:06:40Z",
    }


def test_what_the_service_does_not_keep_is_left_out() -> None:
    told = _described(_bundle(attributes={"enabled": True, "created": 10**18}, tags=None, contentType=None))
    assert isinstance(told, Fetched)
    assert told.value.reveal() == b"{}"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (_bundle(attributes={"enabled": False}), (FailureClass.UNUSABLE, "disabled")),
        (_bundle(id=f"{VAULT}/secrets/other/{VERSION}"), (FailureClass.MALFORMED, "answer-for-another-secret")),
        (_bundle(tags={"a": 5}), (FailureClass.MALFORMED, "answer-malformed")),
        (b"<html>", (FailureClass.MALFORMED, "answer-malformed")),
    ],
)
def test_metadata_is_taken_of_the_secret_that_was_asked_for_alone(
    body: bytes, verdict: tuple[FailureClass, str]
) -> None:
    told = _described(body)
    assert isinstance(told, Failure)
    assert (told.cls, told.reason) == verdict


def test_a_version_has_metadata_of_its_own() -> None:
    wanted = canonical(RemoteRef("kv", "DB", VERSION.upper(), part="metadata"), VAULT)
    assert wanted == RemoteRef("kv", "db", VERSION, part="metadata")
    assert isinstance(_described(_bundle(), wanted), Fetched)
    another = wanted._replace(version=VERSION[::-1])
    assert isinstance(_described(_bundle(), another), Failure)
