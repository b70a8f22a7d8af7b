"""Names of KV objects: one for each, and nothing that a URL reads in two ways (L5)."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from syncd.model.reference import RemoteRef
from syncd.node import Problem
from syncd_providers.vault.paths import MAX_BYTES, canonical

REF = RemoteRef("v", "app/db")


def named(key: str = "app/db", mount: str = "", version: str = "", kv: int | None = None) -> RemoteRef | Problem:
    return canonical(RemoteRef("v", key, version, mount), "secret", kv)


@pytest.mark.parametrize(
    ("key", "mount", "expected"),
    [
        ("app/db", "", ("secret", "app/db")),
        ("/app/db", "secret", ("secret", "app/db")),
        ("app/db", "/kv/team-a/", ("kv/team-a", "app/db")),
        ("app/a b", "kv", ("kv", "app/a b")),
        ("größe/☃", "kv", ("kv", "größe/☃")),
        ("a%b", "kv", ("kv", "a%b")),
        ("...", "kv", ("kv", "...")),
        (".hidden/..x", "kv", ("kv", ".hidden/..x")),
        ("sys/x", "kv", ("kv", "sys/x")),
        ("k" * MAX_BYTES, "kv", ("kv", "k" * MAX_BYTES)),
    ],
)
def test_a_name_has_one_spelling(key: str, mount: str, expected: tuple[str, str]) -> None:
    assert named(key, mount) == RemoteRef("v", expected[1], "", expected[0])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "//a",
        "a//b",
        "a/",
        ".",
        "..",
        "../b",
        "a/../b",
        "a/..",
        "a/./b",
        "./a",
        "a\\b",
        "a\\..\\b",
        "a?b",
        "a#b",
        *(
            "a\nb",
            "a\x00",
            "\x7f",
            "a\x85",
            "a\u2028",
            "\ud800",
            "a%2fb",
            "a%2F..",
            "%2e%2e/b",
            "%252e%252e/b",
            "a%5cb",
        ),
        "k" * (MAX_BYTES + 1),
        "☃" * 400,
    ],
)
def test_a_doubtful_key_is_refused_at_its_place(key: str) -> None:
    found = named(key)
    assert isinstance(found, Problem)
    assert found.path == ("key",)


@pytest.mark.parametrize(
    "mount", ["../sys", "sys", "/sys/", "auth/approle", "identity", "cubbyhole", "a/../sys", "a//b", "a?"]
)
def test_a_doubtful_mount_is_refused_at_its_place(mount: str) -> None:
    found = named(mount=mount)
    assert isinstance(found, Problem)
    assert found.path == ("mount",)


@pytest.mark.parametrize("version", ["1", "8", "1234567890"])
def test_a_version_is_a_number(version: str) -> None:
    assert named(version=version) == RemoteRef("v", "app/db", version, "secret")


@pytest.mark.parametrize("version", ["0", "01", "-1", "latest", "1.0", "1\n", "²", "12345678901"])
def test_another_version_is_refused(version: str) -> None:
    found = named(version=version)
    assert isinstance(found, Problem)
    assert found.path == ("version",)


def test_a_version_in_a_kv_1_store_is_refused_at_load() -> None:
    assert isinstance(named(version="1", kv=1), Problem)


@given(st.text(), st.text())
def test_a_canonical_name_is_its_own_and_no_problem_raises(key: str, mount: str) -> None:
    found = named(key, mount)
    if isinstance(found, RemoteRef):
        assert canonical(found, "elsewhere", None) is found


segment = st.sampled_from([".", "..", "a", "b c", "%2e", "%2F", "%", "", "é", "..a", "\\", "sys", "+", "&"])


@given(st.lists(segment, min_size=1, max_size=6).map("/".join), st.lists(segment, max_size=3).map("/".join))
def test_what_is_sent_is_what_was_named(key: str, mount: str) -> None:
    found = named(key, mount)
    if isinstance(found, RemoteRef):
        sent = f"/v1/{quote(found.mount)}/data/{quote(found.key)}"
        assert parse_url(f"http://v{sent}").request_uri == sent
