"""What a `find` sees of files and folders: names below a path, links, and what is nobody's."""

from pathlib import Path

import pytest

from syncd.fetch import discovery
from syncd.model.reference import Failure, Listing, Query
from syncd.model.store import StoreSettings
from syncd.node import Problem
from syncd.testing.provider_case import Allowance, find
from syncd_providers.file.provider import FileOptions, FileProvider


def store(folder: Path, path: str) -> FileProvider:
    return FileProvider(FileOptions(path=path), StoreSettings("f", folder))


def names(provider: FileProvider, path: str = "", name: str = "", call: Allowance | None = None) -> list[str] | str:
    found = find(provider, Query("f", path, name), call)
    return [ref.key for ref in found.refs] if isinstance(found, Listing) else found.reason


@pytest.fixture
def values(tmp_path: Path) -> FileProvider:
    for key in ("db", "app/a", "app/deep/b", "application/c", "app/.hidden"):
        path = tmp_path / "values" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("v")
    return store(tmp_path, "values")


def test_a_folder_gives_the_files_below_a_path(values: FileProvider) -> None:
    assert names(values) == ["app/.hidden", "app/a", "app/deep/b", "application/c", "db"]
    assert names(values, "app") == names(values, "app/") == ["app/.hidden", "app/a", "app/deep/b"]
    assert names(values, "app/", "^deep/") == ["app/deep/b"]
    assert names(values, "not-there/") == []
    assert names(values, "db/") == []


def test_a_volume_of_kubernetes_gives_each_file_once(tmp_path: Path) -> None:
    real = tmp_path / "v" / "..2026_01_31"
    (real / "sub").mkdir(parents=True)
    (real / "a").write_text("1")
    (real / "sub" / "b").write_text("2")
    (tmp_path / "v" / "..data").symlink_to("..2026_01_31")
    for name in ("a", "sub"):
        (tmp_path / "v" / name).symlink_to(f"..data/{name}")
    assert names(store(tmp_path, "v")) == ["a", "sub/b"]


def test_links_are_followed_inside_alone_and_never_in_circles(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    inside = tmp_path / "v" / "a"
    inside.mkdir(parents=True)
    (inside / "f").write_text("1")
    (inside / "up").symlink_to("..")
    (inside / "out").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to("loop")
    (tmp_path / "v" / "b").symlink_to("a")
    assert names(store(tmp_path, "v"), name="f$") == ["a/f", "b/f"]


def test_what_is_no_folder_or_empty_or_not_to_be_read_is_a_failure(tmp_path: Path) -> None:
    assert names(store(tmp_path, "nowhere")) == "path-missing"
    (tmp_path / "empty").mkdir()
    assert names(store(tmp_path, "empty")) == "folder-empty"
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a\nb").write_text("x")
    assert names(store(tmp_path, "v")) == "name-unsafe"
    assert names(store(tmp_path, "v"), name="^c") == []


def test_a_folder_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd_providers.file.search.MOST_NAMES", 10)
    (tmp_path / "v").mkdir()
    for number in range(11):
        (tmp_path / "v" / str(number)).write_text("x")
    assert names(store(tmp_path, "v")) == "listing-too-long"
    assert discovery.MOST_NAMES == 20_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("v.yaml", "app/a: 1\napp/b: {c: d}\napplication: 2\nx: null\n"),
        ("v.json", '{"app/a": 1, "app/b": {"c": "d"}, "application": 2, "x": null}'),
    ],
)
def test_a_file_gives_its_top_level_keys(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    provider = store(tmp_path, name)
    assert names(provider) == ["app/a", "app/b", "application", "x"]
    assert names(provider, "app") == ["app/a", "app/b"]
    assert names(provider, "app/", "^b$") == ["app/b"]


def test_a_file_that_cannot_be_read_finds_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("a: [")
    assert names(store(tmp_path, "v.yaml")) == "file-malformed"
    assert names(store(tmp_path, "w.yaml")) == "path-missing"


@pytest.mark.parametrize(
    "query", [Query("f", "../x"), Query("f", "a//b"), Query("f", mount="m"), Query("f", tags=(("a", "b"),))]
)
def test_what_a_file_has_not_is_a_mistake(values: FileProvider, query: Query) -> None:
    assert isinstance(values.canonical_query(query), Problem)


def test_each_folder_is_a_request(values: FileProvider) -> None:
    call = Allowance()
    assert not isinstance(find(values, Query("f"), call), Failure)
    assert call.spent == 4
