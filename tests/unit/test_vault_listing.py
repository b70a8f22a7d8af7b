"""What Vault's answers to LIST and to reads of metadata mean, and the walk through folders."""

import json
from collections.abc import Callable

import msgspec
import pytest

from syncd.fetch import discovery
from syncd.fetch.http import Answer
from syncd.model.reference import Failure, FailureClass, Fetched, Listing, Query, RemoteRef
from syncd.node import Problem
from syncd_providers.vault import listing, paths
from syncd_providers.vault.search import Search

ADDRESS = "https://vault.example.com:8200"
QUERY = Query("v", "app/", mount="secret")
REF = RemoteRef("v", "app/db", mount="secret", part="metadata")
C = FailureClass
NO_LISTS: tuple[object, ...] = (
    b"", b"<html>", b"{}", {"data": None}, {"data": {}}, {"data": {"keys": None}}, {"data": {"keys": [1]}},
    {"data": {"keys": [""]}}, {"data": {"keys": ["/"]}}, {"data": {"keys": ["a/b"]}}, {"data": {"keys": ["a//"]}},
    {"data": {"keys": "a"}}, b"\xff", b"[" * 100_000,
)  # fmt: skip
"""Successes that list nothing, in no form of Vault's."""


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def keys(*names: str) -> Answer:
    return answer({"data": {"keys": list(names)}, "warnings": None})


def test_names_are_given_sorted_each_once() -> None:
    assert listing.names(keys("b", "a/", "a", "b"), QUERY, "app/", ADDRESS) == ("a", "a/", "b")


@pytest.mark.parametrize(
    ("given", "folder", "verdict"),
    [
        (answer({"errors": []}, 404), "app/x/", (C.UNAVAILABLE, "listing-moved")),
        (answer({"errors": ['no handler for route "secret/metadata/"']}, 404), "app/", (C.CONFIG, "mount-missing")),
        (answer({"errors": ["x"]}, 404), "app/", (C.UNAVAILABLE, "not-found-elsewhere")),
        (answer(b"<html>", 404), "app/", (C.UNAVAILABLE, "not-found-elsewhere")),
        (answer({"errors": ["permission denied"]}, 403), "app/", (C.DENIED, "permission-denied")),
        (answer(b"<html>", 403), "app/", (C.DENIED, "forbidden")),
        (answer({"errors": []}, 429), "app/", (C.THROTTLED, "rate-limited")),
        (answer({"errors": ["Vault is sealed"]}, 503), "app/", (C.UNAVAILABLE, "sealed")),
        (answer({"errors": ["boom"]}, 500), "app/", (C.UNAVAILABLE, "server-error")),
        (answer(b"", 307), "app/", (C.UNAVAILABLE, "redirected")),
        (answer(b"", 204), "app/", (C.MALFORMED, "no-data")),
        *((answer(body), "app/", (C.MALFORMED, "answer-malformed")) for body in NO_LISTS),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_list_is_never_an_empty_one(
    given: Answer, folder: str, verdict: tuple[FailureClass, str]
) -> None:
    found = listing.names(given, QUERY, folder, ADDRESS)
    assert isinstance(found, Failure), found
    assert (found.cls, found.reason) == verdict
    assert found.cls is not C.ABSENT
    assert found.message


@pytest.mark.parametrize("body", [{"errors": []}])
def test_only_vault_s_own_words_make_the_query_s_own_folder_empty(body: object) -> None:
    assert listing.names(answer(body, 404), QUERY, "app/", ADDRESS) == ()


def test_metadata_is_the_user_s_own_with_vault_s_times() -> None:
    data = {
        "created_time": "2026-01-31T13:00:00.123456789+01:00",
        "updated_time": "2026-02-01T00:00:00Z",
        "max_versions": 0,
        "custom_metadata": {"team": "payments", "$created": "mine"},
    }
    told = listing.metadata(answer({"data": data}), REF, ADDRESS)
    assert told == {"team": "payments", "$created": "2026-01-31T12:00:00Z", "$updated": "2026-02-01T00:00:00Z"}
    value = listing.fetched(told)
    assert isinstance(value, Fetched)
    assert msgspec.json.decode(value.value.reveal()) == told
    bare = {**data, "custom_metadata": None, "created_time": "0001-01-01T00:00:00Z", "updated_time": "odd"}
    assert listing.metadata(answer({"data": bare}), REF, ADDRESS) == {}


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (answer({"errors": []}, 404), (C.ABSENT, "not-found")),
        (answer(b"nothing", 404), (C.UNAVAILABLE, "not-found-elsewhere")),
        (answer({"errors": ["denied"]}, 403), (C.DENIED, "permission-denied")),
        (answer({"data": {"custom_metadata": {"a": "b"}}}), (C.MALFORMED, "answer-malformed")),
        (answer({"data": {"k": "v"}}), (C.MALFORMED, "answer-malformed")),
        (
            answer({"data": {"created_time": "", "updated_time": "", "max_versions": 0, "custom_metadata": {"a": 1}}}),
            (C.MALFORMED, "answer-malformed"),
        ),
        (answer({"errors": ["x"]}, 500), (C.UNAVAILABLE, "server-error")),
    ],
)
def test_metadata_that_is_none_is_classed(given: Answer, verdict: tuple[FailureClass, str]) -> None:
    found = listing.metadata(given, REF, ADDRESS)
    assert isinstance(found, Failure), found
    assert (found.cls, found.reason) == verdict


@pytest.mark.parametrize(
    ("path", "canonical"), [("", ""), ("/", ""), ("app", "app/"), ("app/", "app/"), ("/a/b/", "a/b/"), ("a b", "a b/")]
)
def test_a_path_is_a_folder_with_its_slash(path: str, canonical: str) -> None:
    found = paths.canonical_query(Query("v", path), "secret", None)
    assert found == Query("v", canonical, mount="secret")
    assert isinstance(found, Query)
    assert paths.canonical_query(found, "other", None) == found


@pytest.mark.parametrize("path", ["a/../b", "a//b", "..", "./a", "a?b", "a/%2e%2e/b", "a\\b", "x" * 2000])
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    assert isinstance(paths.canonical_query(Query("v", path), "secret", None), Problem)


def test_kv_1_has_no_metadata_and_sys_is_no_mount() -> None:
    assert isinstance(paths.canonical_query(Query("v", tags=(("a", "b"),)), "secret", 1), Problem)
    assert isinstance(paths.canonical_query(Query("v", mount="sys"), "secret", None), Problem)
    assert isinstance(paths.canonical(REF, "secret", 1), Problem)
    assert isinstance(paths.canonical(REF._replace(version="2"), "secret", None), Problem)
    assert paths.canonical(REF._replace(mount=""), "secret", 2) == REF


TREE = {"app/": ("a", "b/", "c/"), "app/b/": ("x", "y/"), "app/b/y/": ("z",), "app/c/": ("d",)}


def searched(
    tree: dict[str, tuple[str, ...] | Failure],
    query: Query = QUERY,
    tags: Callable[[RemoteRef], dict[str, str] | Failure] = lambda _ref: {},
) -> object:
    found = Search(query, lambda folder: tree[folder], tags).found()
    return [ref.key for ref in found.refs] if isinstance(found, Listing) else found.reason


def test_every_folder_is_walked_through() -> None:
    assert searched(dict(TREE)) == ["app/a", "app/b/x", "app/b/y/z", "app/c/d"]
    assert searched(dict(TREE), QUERY._replace(name="^b/.*[xz]$")) == ["app/b/x", "app/b/y/z"]


@pytest.mark.parametrize("broken", list(TREE))
def test_a_folder_that_fails_fails_the_whole(broken: str) -> None:
    assert searched({**TREE, broken: Failure(C.DENIED, "permission-denied", "no")}) == "permission-denied"


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"app/": ("..",)}, "name-unsafe"),
        ({"app/": ("../",)}, "name-unsafe"),
        ({"app/": ("a?b",)}, "name-unsafe"),
        ({"app/": ("a%2fb/",)}, "name-unsafe"),
    ],
)
def test_names_that_lead_elsewhere_fail_the_whole(tree: dict[str, tuple[str, ...] | Failure], reason: str) -> None:
    assert searched(tree) == reason


def test_an_unsafe_name_that_does_not_fit_is_nobody_s_business() -> None:
    assert searched({"app/": ("a?b", "db")}, QUERY._replace(name="^db$")) == ["app/db"]


def test_tags_are_looked_at_where_the_name_fits() -> None:
    looked: list[str] = []

    def tags(ref: RemoteRef) -> dict[str, str] | Failure:
        looked.append(f"{ref.key} {ref.part}")
        return {"team": "payments" if ref.key.endswith("x") else "other"}

    query = QUERY._replace(name="[xz]$", tags=(("team", "payments"),))
    assert searched(dict(TREE), query, tags) == ["app/b/x"]
    assert sorted(looked) == ["app/b/x metadata", "app/b/y/z metadata"]


def test_an_object_that_goes_while_its_tags_are_read_is_no_absence() -> None:
    query = QUERY._replace(tags=(("a", "b"),))
    gone = Failure(C.ABSENT, "not-found", "gone")
    assert searched(dict(TREE), query, lambda _ref: gone) == "listing-moved"


def test_a_listing_without_end_is_given_up() -> None:
    endless = Search(QUERY, lambda _folder: ("a/",), lambda _ref: {}).found()
    assert isinstance(endless, Failure)
    assert endless.reason in ("listing-too-long", "name-unsafe")
    wide = Search(QUERY, lambda folder: tuple(f"d{n}/" for n in range(99)) if folder == "app/" else ("x",) * 999,
                  lambda _ref: {}).found()  # fmt: skip
    assert isinstance(wide, Failure)
    assert wide.reason == "listing-too-long"
    assert discovery.MOST_PAGES == 2_000
