"""Names, ARNs and versions of Secrets Manager."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.reference import Query, RemoteRef
from syncd.node import Problem
from syncd_providers.aws.names import belongs, canonical, canonical_query, is_version_id

REGION = "eu-west-1"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
UUID = "0e9f7c1a-6f0b-4b6e-9f57-6d7f1f1c2b3a"


def _canonical(key: str, version: str = "", mount: str = "") -> RemoteRef | Problem:
    return canonical(RemoteRef("aws-eu", key, version, mount), REGION)


@pytest.mark.parametrize(
    "key",
    [
        "app",
        "prod/app/db",
        "a/_+=.@-9",
        "rds!db-0e9f7c1a",
        "x" * 512,
        f"{ARN}prod/app-AbC123",
        f"{ARN}prod/app",
        "arn:aws-cn:secretsmanager:eu-west-1:123456789012:secret:a",
    ],
)
def test_names_and_arns_stay_as_they_are(key: str) -> None:
    assert _canonical(key) == RemoteRef("aws-eu", key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x" * 513,
        "a b",
        "a\n",
        "a:b",
        "ä",
        "a\\b",
        "a#b",
        "arn:aws:s3:::bucket",
        "arn:aws:secretsmanager:eu-west-1:1:secret:a",
    ],
)
def test_what_is_neither_is_a_problem_of_the_key(key: str) -> None:
    found = _canonical(key)
    assert isinstance(found, Problem)
    assert found.path == ("key",)


def test_an_arn_of_another_region_names_both() -> None:
    found = _canonical(ARN.replace("eu-west-1", "us-east-1") + "a-AbC123")
    assert isinstance(found, Problem)
    assert "us-east-1" in found.message
    assert "eu-west-1" in found.message


def test_secrets_manager_has_no_mounts() -> None:
    found = _canonical("a", mount="secret")
    assert isinstance(found, Problem)
    assert found.path == ("mount",)


def test_the_current_stage_is_no_version() -> None:
    assert _canonical("a", "AWSCURRENT") == RemoteRef("aws-eu", "a")


@pytest.mark.parametrize("version", [UUID, "AWSPREVIOUS", "my-stage"])
def test_ids_and_stages_stay(version: str) -> None:
    assert _canonical("a", version) == RemoteRef("aws-eu", "a", version)


@pytest.mark.parametrize("version", ["a b", "x" * 257, "a\n"])
def test_what_is_no_version_is_a_problem_of_the_version(version: str) -> None:
    found = _canonical("a", version)
    assert isinstance(found, Problem)
    assert found.path == ("version",)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (UUID, True),
        ("EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE", True),
        ("terraform-20240101123456789000000001", True),
        ("AWSCURRENT", False),
        ("AWSPENDING", False),
        ("x" * 31, False),
        ("x" * 65, False),
        ("a_stage_whose_name_is_rather_long_to_read", False),
    ],
)
def test_ids_are_told_from_stages_by_their_shape(version: str, *, expected: bool) -> None:
    assert is_version_id(version) is expected


@pytest.mark.parametrize(
    ("asked", "arn", "name", "expected"),
    [
        ("a/b", f"{ARN}a/b-AbC123", "a/b", True),
        (f"{ARN}a/b-AbC123", f"{ARN}a/b-AbC123", "a/b", True),
        (f"{ARN}a/b", f"{ARN}a/b-AbC123", "a/b", True),
        ("a/b", f"{ARN}a/c-AbC123", "a/c", False),
        ("a/b", f"{ARN}a/c-AbC123", "a/b", False),
        ("a/b", f"{ARN}a/b-AbC123", "a/c", False),
        ("a/b", f"{ARN}a/b-config-AbC123", "a/b-config", False),
        (f"{ARN}a/b-AbC123", f"{ARN}a/b-XyZ789", "a/b", False),
        (f"{ARN}a/b", f"{ARN}a/b-config-AbC123", "a/b-config", False),
        (f"{ARN}a/b", ARN.replace("123456789012", "210987654321") + "a/b-AbC123", "a/b", False),
        ("A/b", f"{ARN}a/b-AbC123", "a/b", False),
        ("a/b", None, "a/b", False),
        ("a/b", f"{ARN}a/b-AbC123", None, False),
        ("a/b", "junk", "a/b", False),
    ],
)
def test_an_answer_belongs_to_what_was_asked(asked: str, arn: object, name: object, *, expected: bool) -> None:
    assert belongs(asked, arn, name) is expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_canonical_reference_is_its_own_canonical_form(key: str, version: str) -> None:
    found = _canonical(key, version)
    if isinstance(found, RemoteRef):
        assert canonical(found, REGION) == found
        assert found.key.isprintable()
        assert found.key.isascii()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("prod/app/", "prod/app/"),
        ("prod/app", "prod/app/"),
        ("prod-", "prod-"),
        ("rds!", "rds!"),
        ("/a", "/a/"),
    ],
)
def test_a_query_gets_its_slash_where_its_path_could_end_within_a_name(path: str, expected: str) -> None:
    query = Query("aws-eu", path, "^a", (("team", "payments"),))
    assert canonical_query(query) == query._replace(path=expected)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        (Query("aws-eu", mount="kv"), ("mount",)),
        (Query("aws-eu", "a b/"), ("find", "path")),
        (Query("aws-eu", f"{ARN}prod/"), ("find", "path")),
        (Query("aws-eu", "x" * 512), ("find", "path")),
        (Query("aws-eu", tags=(("", "v"),)), ("find", "tags", "")),
        (Query("aws-eu", tags=(("t", "v" * 257),)), ("find", "tags", "t")),
    ],
)
def test_what_no_secret_can_be_found_by_is_a_problem(query: Query, place: tuple[str, ...]) -> None:
    found = canonical_query(query)
    assert isinstance(found, Problem)
    assert found.path == place


@pytest.mark.parametrize("version", ["AWSCURRENT", "AWSPREVIOUS", UUID])
def test_metadata_has_no_versions(version: str) -> None:
    found = canonical(RemoteRef("aws-eu", "a", version, part="metadata"), REGION)
    assert isinstance(found, Problem)
    assert found.path == ("version",)


def test_a_reference_to_metadata_keeps_its_part() -> None:
    ref = RemoteRef("aws-eu", "a", part="metadata")
    assert canonical(ref, REGION) == ref
