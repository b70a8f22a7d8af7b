"""The file provider: what is there, what is not, and what proves nothing."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.fetch.seam import CallAborted
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem
from syncd.testing.provider_case import Allowance
from syncd_providers.file import SPEC
from syncd_providers.file.folder import parts
from syncd_providers.file.provider import FileOptions, FileProvider

ABSENT, UNUSABLE, DENIED = FailureClass.ABSENT, FailureClass.UNUSABLE, FailureClass.DENIED
UNAVAILABLE, MALFORMED, CONFIG = FailureClass.UNAVAILABLE, FailureClass.MALFORMED, FailureClass.CONFIG
CANARY = "canary-10c4"


def _provider(path: Path | str, base: Path = Path("/")) -> FileProvider:
    options = msgspec.convert({"path": str(path)}, FileOptions)
    settings = StoreSettings("local", base)
    assert list(SPEC.check(options, settings)) == []
    made = SPEC.create(options, settings)
    assert isinstance(made, FileProvider)
    return made


def _read(provider: FileProvider, key: str) -> Outcome:
    ref = provider.canonical(RemoteRef("local", key))
    assert isinstance(ref, RemoteRef), ref
    [(answered, outcome)] = provider.fetch([ref], Allowance())
    assert answered == ref
    assert CANARY not in repr(outcome)
    return outcome


def _told(outcome: Outcome) -> str:
    assert isinstance(outcome, Failure)
    return outcome.message


def _value(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Fetched), outcome
    assert outcome.version == ""
    return outcome.value.reveal()


def _verdict(outcome: Outcome) -> tuple[FailureClass, str]:
    assert isinstance(outcome, Failure), "a value where none may be"
    return outcome.cls, outcome.reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("values.yaml", "user: app\nport: 5432\ndb: {a: b}\nnone: null\n"),
        ("values.json", '{"user": "app", "port": 5432, "db": {"a":"b"}, "none": null}'),
    ],
)
def test_a_file_of_keys(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    provider = _provider(name, tmp_path)
    assert _value(_read(provider, "user")) == b"app"
    assert _value(_read(provider, "port")) == b"5432"
    nested = _read(provider, "db")
    assert isinstance(nested, Fetched)
    assert (nested.value.reveal(), nested.structured) == (b'{"a":"b"}', True)
    assert _verdict(_read(provider, "none")) == (MALFORMED, "value-null")
    assert _verdict(_read(provider, "db.a")) == (ABSENT, "not-found")


def test_a_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("export USER='app'\nEMPTY=\n")
    provider = _provider(tmp_path / ".env")
    assert _value(_read(provider, "USER")) == b"app"
    assert _value(_read(provider, "EMPTY")) == b""
    assert _verdict(_read(provider, "OTHER")) == (ABSENT, "not-found")


def test_a_file_of_keys_is_opened_once_for_a_batch(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("{" + ", ".join(f'"k{number}": {number}' for number in range(1000)) + "}")
    provider, call = _provider(tmp_path / "v.json"), Allowance()
    refs = [RemoteRef("local", f"k{number}") for number in range(provider.batch_size)]
    found = dict(provider.fetch(refs, call))
    assert [_value(found[ref]) for ref in refs] == [str(number).encode() for number in range(1000)]
    assert call.spent == 1


def test_a_change_of_the_file_is_seen_at_the_next_read(tmp_path: Path) -> None:
    provider = _provider(tmp_path / "v.yaml")
    (tmp_path / "v.yaml").write_text("a: one\n")
    assert _value(_read(provider, "a")) == b"one"
    (tmp_path / "v.yaml").write_text("a: two\n")
    assert _value(_read(provider, "a")) == b"two"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("v.yaml", f"a: {CANARY}\na: {CANARY}\n", "file-malformed"),
        ("v.yaml", "", "file-empty"),
        ("v.json", f'{{"a": "{CANARY}"', "file-malformed"),
        ("v.json", "\n", "file-empty"),
        ("v.env", f"A={CANARY}\nA={CANARY}\n", "file-malformed"),
        ("v.env", "", "file-empty"),
    ],
)
def test_a_file_that_is_not_well_formed(tmp_path: Path, name: str, content: str, reason: str) -> None:
    """A8: half a file, or none of it, says nothing of its keys."""
    (tmp_path / name).write_text(content)
    assert _verdict(_read(_provider(tmp_path / name), "a")) == (MALFORMED, reason)


def test_a_file_whose_name_does_not_tell_its_form(tmp_path: Path) -> None:
    (tmp_path / "values.txt").write_text("a: 1")
    assert _verdict(_read(_provider(tmp_path / "values.txt"), "a")) == (CONFIG, "file-form-unknown")


@pytest.mark.parametrize("name", ["v.yaml", "folder", "folder/v.json", ".env"])
def test_a_path_that_is_not_there_proves_nothing(tmp_path: Path, name: str) -> None:
    assert _verdict(_read(_provider(tmp_path / name), "a")) == (UNAVAILABLE, "path-missing")
    (tmp_path / "loose").symlink_to(tmp_path / "nowhere")
    assert _verdict(_read(_provider(tmp_path / "loose"), "a")) == (UNAVAILABLE, "path-missing")


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "key").write_bytes(b"\x00\xff\r\n")
    (tmp_path / "empty").write_bytes(b"")
    provider = _provider(tmp_path)
    assert _value(_read(provider, "tls/key")) == b"\x00\xff\r\n"
    assert _value(_read(provider, "empty")) == b""
    for key in ("other", "tls/other", "other/key", "empty/key"):
        assert _verdict(_read(provider, key)) == (ABSENT, "not-found")
    assert _verdict(_read(provider, "tls")) == (UNUSABLE, "not-a-regular-file")


def test_an_empty_folder_proves_nothing(tmp_path: Path) -> None:
    """The mount point of a volume that is not mounted is an empty folder."""
    (tmp_path / "mount").mkdir()
    assert _verdict(_read(_provider(tmp_path / "mount"), "a")) == (UNAVAILABLE, "folder-empty")
    (tmp_path / "mount" / "b").write_text("x")
    assert _verdict(_read(_provider(tmp_path / "mount"), "a")) == (ABSENT, "not-found")


def test_a_volume_of_kubernetes(tmp_path: Path) -> None:
    """Every file is a link to `..data/NAME`, and `..data` one to a folder with a date in its name."""
    volume = tmp_path / "volume"
    (volume / "..2026_01").mkdir(parents=True)
    (volume / "..2026_01" / "password").write_text("one")
    (volume / "..data").symlink_to("..2026_01")
    (volume / "password").symlink_to("..data/password")
    provider = _provider(volume)
    assert _value(_read(provider, "password")) == b"one"
    (volume / "..2026_02").mkdir()
    (volume / "..2026_02" / "password").write_text("two")
    (volume / "..new").symlink_to("..2026_02")
    (volume / "..new").rename(volume / "..data")
    assert _value(_read(provider, "password")) == b"two"
    (volume / "..data").unlink()
    assert _verdict(_read(provider, "password")) == (UNAVAILABLE, "link-broken")
    (volume / "password").unlink()
    assert _verdict(_read(provider, "password")) == (ABSENT, "not-found")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """L5, K3: a file beside the folder, one in a folder beside it, and the folder's own name as a prefix."""
    (tmp_path / "inside").mkdir()
    for name in ("beside", "inside-too"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(CANARY)
        (tmp_path / "inside" / name).symlink_to(tmp_path / name)
        (tmp_path / "inside" / f"{name}-file").symlink_to(f"../{name}/file")
    provider = _provider(tmp_path / "inside")
    for key in ("beside/file", "inside-too/file", "beside-file", "inside-too-file"):
        assert _verdict(_read(provider, key)) == (DENIED, "link-leaves-folder")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("one")
    (tmp_path / "link").symlink_to("real")
    assert _value(_read(_provider(tmp_path / "link"), "a")) == b"one"


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert _verdict(_read(_provider(tmp_path), "pipe")) == (UNUSABLE, "not-a-regular-file")
    assert _verdict(_read(_provider(tmp_path / "pipe.yaml"), "a")) == (UNUSABLE, "not-a-regular-file")


def test_links_in_a_circle_and_names_too_long_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for key in ("a", "x" * 300):
        assert _verdict(_read(_provider(tmp_path), key))[0] is UNAVAILABLE
    (tmp_path / "c.yaml").symlink_to("c.yaml")
    assert _verdict(_read(_provider(tmp_path / "c.yaml"), "a"))[0] is UNAVAILABLE


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A17."""
    for name, size in (("large", 2 * 1024 * 1024), ("larger", 2 * 1024 * 1024 + 1)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    with (tmp_path / "v.env").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    assert len(_value(_read(_provider(tmp_path), "large"))) == 2 * 1024 * 1024
    assert _verdict(_read(_provider(tmp_path), "larger")) == (MALFORMED, "file-too-large")
    assert _verdict(_read(_provider(tmp_path / "v.env"), "a")) == (MALFORMED, "file-too-large")


def test_no_right_to_read_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's own error, which a test that runs as root cannot provoke with a mode."""
    (tmp_path / "a").write_text("one")
    (tmp_path / "v.yaml").write_text("a: one")

    def refuse(*_arguments: object, **_options: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    for outcome in (_read(_provider(tmp_path), "a"), _read(_provider(tmp_path / "v.yaml"), "a")):
        assert _verdict(outcome) == (DENIED, "permission-denied")


def test_a_used_up_budget_passes_through(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "v.yaml").write_text("a: one")
    for path in (tmp_path, tmp_path / "v.yaml"):
        with pytest.raises(CallAborted):
            list(_provider(path).fetch([RemoteRef("local", "a")], Allowance(0)))


@pytest.mark.parametrize(
    ("path", "ref", "where"),
    [
        ("v.yaml", RemoteRef("local", "a", "1"), "version"),
        ("v.yaml", RemoteRef("local", "a", "", "secret"), "mount"),
        ("v.yaml", RemoteRef("local", ""), "key"),
        ("v.yaml", RemoteRef("local", "a\nb"), "key"),
        ("folder", RemoteRef("local", "a", "1"), "version"),
        ("folder", RemoteRef("local", "../a"), "key"),
        ("folder", RemoteRef("local", "a/../b"), "key"),
        ("folder", RemoteRef("local", "/etc/passwd"), "key"),
        ("folder", RemoteRef("local", "a//b"), "key"),
        ("folder", RemoteRef("local", "./a"), "key"),
        ("folder", RemoteRef("local", "a/"), "key"),
        ("folder", RemoteRef("local", "..data/a"), "key"),
        ("folder", RemoteRef("local", "a\0b"), "key"),
    ],
)
def test_what_names_nothing(path: str, ref: RemoteRef, where: str) -> None:
    found = _provider(path).canonical(ref)
    assert isinstance(found, Problem)
    assert found.path == (where,)


def test_a_folder_that_is_called_like_a_file_is_as_safe(tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").mkdir()
    (tmp_path / "outside").write_text(CANARY)
    provider = _provider(tmp_path / "conf.yaml")
    assert _verdict(_read(provider, "../outside")) == (CONFIG, "key-unsafe")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_parts_never_leave_a_folder(key: str) -> None:
    split = parts(key)
    if split is not None:
        assert "/".join(split) == key
        joined = Path("/folder").joinpath(*split)
        assert os.path.normpath(joined) == str(joined)
        assert joined.is_relative_to("/folder")
        assert joined != Path("/folder")


def test_options() -> None:
    for path in ("", "a\0b"):
        problems = list(SPEC.check(FileOptions(path=path), StoreSettings("local", Path("/"))))
        assert [one.path for one in problems] == [("path",)]
    provider = _provider("v.yaml")
    provider.relogin()
    provider.close()
    assert SPEC.name == "file"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("v.yaml", "", "/v.yaml is empty; write the keys and values that mappings ask for: one YAML mapping of"),
        ("v.yaml", "a: 1\na: 2\n", "/v.yaml:2:1 is not well-formed; correct it there: one YAML mapping of"),
        ("v.json", '{"a": }', "/v.json:1:7 is not well-formed; correct it there: one JSON object, each key once"),
        ("v.env", "A=1\nB\n", "/v.env:2:1 is not well-formed; correct it there: lines of KEY=VALUE, each key once"),
        ("v.yaml", "b: 1\n", "/v.yaml has no key a; add it there, or correct `key` in the mapping"),
    ],
)
def test_what_is_wrong_with_a_file_says_what_to_do(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)

    assert said in _told(_read(_provider(tmp_path / name), "a"))


def test_what_is_wrong_in_a_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "c").symlink_to("gone")

    told = {key: _told(_read(_provider(tmp_path), key)) for key in ("a", "b", "c")}

    assert told["a"].endswith("has no file a; add it there, or correct `key` in the mapping")
    assert told["b"].endswith("; name a file")
    assert told["c"].endswith("is a link that leads nowhere; is its volume mounted?")
