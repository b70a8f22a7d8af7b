"""The directory target: what stands on the disk, and what it does about links, crashes, modes and foreign files."""

import base64
import hashlib
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import DesiredSecret, LiveSecret, Missing, ReadFailure, WriteFailure, Written
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryTarget
from syncd.target.manifest import UnreadableManifestError, read_manifest, write_manifest
from syncd.target.seam import Owned
from syncd.testing.memory_target import Granted
from tests.unit.folder_makers import KEY, desired, listing, look, mode, standing

# The file


def test_a_secret_is_one_manifest_that_kubectl_reads(tmp_path: Path) -> None:
    secret = DesiredSecret(
        key=KEY,
        type="kubernetes.io/basic-auth",
        data={"username": SecretValue(b"app"), "true": SecretValue(b"\0\xff")},
        labels={"env": "on", "version": "1.10"},
        annotations={"note": 'a: "b" # c\n', "0x1F": ""},
        immutable=True,
    )
    assert isinstance(DirectoryTarget(tmp_path).create(secret, Granted()), Written)
    text = (tmp_path / "payments" / "db.yaml").read_text()
    assert text == (
        "apiVersion: v1\n"
        "kind: Secret\n"
        "metadata:\n"
        '  name: "db"\n'
        '  namespace: "payments"\n'
        "  labels:\n"
        '    env: "on"\n'
        '    version: "1.10"\n'
        "  annotations:\n"
        '    "0x1F": ""\n'
        '    note: "a: \\"b\\" # c\\n"\n'
        'type: "kubernetes.io/basic-auth"\n'
        "immutable: true\n"
        "data:\n"
        '  "true": "AP8="\n'
        '  username: "YXBw"\n'
    )


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.text("truenly.-_019~x", min_size=1, max_size=6), st.binary(max_size=40), max_size=4),
    st.dictionaries(words, words, max_size=4),
)
def test_a_manifest_is_read_back_by_any_yaml_reader_and_by_us(data: dict[str, bytes], notes: dict[str, str]) -> None:
    """I-BYTE; PyYAML reads YAML 1.1, as kubectl's reader does, and takes more words for something else than text."""
    secret = DesiredSecret(KEY, "Opaque", {k: SecretValue(v) for k, v in data.items()}, {}, notes)
    text = write_manifest(secret)
    loaded = yaml.safe_load(text)
    assert {k: base64.b64decode(v) for k, v in loaded.get("data", {}).items()} == data
    assert loaded["metadata"].get("annotations", {}) == notes
    live = read_manifest(text, KEY, resource_version="1")
    assert {k: v.reveal() for k, v in live.data.items()} == data
    assert live.annotations == notes


def test_equal_secrets_give_equal_bytes_whatever_their_order() -> None:
    one = DesiredSecret(KEY, "Opaque", {"a": SecretValue(b"1"), "b": SecretValue(b"2")}, {"x": "1", "y": "2"}, {})
    two = DesiredSecret(KEY, "Opaque", {"b": SecretValue(b"2"), "a": SecretValue(b"1")}, {"y": "2", "x": "1"}, {})
    assert write_manifest(one) == write_manifest(two)


def test_a_hand_written_manifest_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "payments"
    folder.mkdir()
    (folder / "db.yaml").write_text(
        "kind: Secret\napiVersion: v1\nmetadata: {name: db, labels: {a: 1}}\ndata: {x: YQ==}\nstringData: {y: 8}\n"
    )
    live = standing(tmp_path)
    assert (live.type, live.labels, live.uid) == ("Opaque", {"a": "1"}, "")
    assert {k: v.reveal() for k, v in live.data.items()} == {"x": b"a", "y": b"8"}


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"\xff",
        b"- a\n",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: db}\n",
        b"apiVersion: v1\nkind: Secret\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: other}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {x: c4nary-Value}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: [x]\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {x: [c4nary-Value]}\n",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {x: *c4nary}\n",
    ],
)
def test_a_file_that_is_no_manifest_of_this_secret_is_a_failure_and_left_alone(tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / "payments"
    folder.mkdir()
    (folder / "db.yaml").write_bytes(text)
    answer = look(tmp_path)
    assert isinstance(answer, ReadFailure)
    assert (answer.cls, answer.reason) == (FailureClass.MALFORMED, "not-a-manifest")
    assert "c4nary" not in answer.message
    outcome = DirectoryTarget(tmp_path).create(desired(), Granted())
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "exists"
    assert (folder / "db.yaml").read_bytes() == text


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_manifest_or_one_kind_of_error(data: bytes) -> None:
    """I-PARSE."""
    for document in (data, b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: " + data):
        try:
            read_manifest(document, KEY, resource_version="1")
        except UnreadableManifestError as error:
            assert error.__cause__ is None  # noqa: PT017 — the error's own shape is what is looked at


# Modes and places


def test_files_are_0600_in_folders_of_0700_whatever_the_umask(tmp_path: Path) -> None:
    """K4."""
    before = os.umask(0)
    try:
        DirectoryTarget(tmp_path / "out").create(desired(), Granted())
    finally:
        os.umask(before)
    assert mode(tmp_path / "out") == 0o700
    assert mode(tmp_path / "out" / "payments") == 0o700
    assert mode(tmp_path / "out" / "payments" / "db.yaml") == 0o600


def test_a_replaced_file_and_an_open_folder_are_closed_to_others(tmp_path: Path) -> None:
    """K4."""
    target = DirectoryTarget(tmp_path)
    target.create(desired(), Granted())
    (tmp_path / "payments").chmod(0o755)
    (tmp_path / "payments" / "db.yaml").chmod(0o644)
    assert isinstance(target.update(standing(tmp_path), desired(value=b"new"), Granted()), Written)
    assert mode(tmp_path / "payments") == 0o700
    assert mode(tmp_path / "payments" / "db.yaml") == 0o600


@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "directory", "pipe"])
def test_nothing_but_plain_files_is_read_or_written(tmp_path: Path, kind: str) -> None:
    """K3: a link that somebody planted is not followed; a pipe is not waited for."""
    root, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    DirectoryTarget(elsewhere).create(desired(), Granted())
    before = (elsewhere / "payments" / "db.yaml").read_bytes()
    root.mkdir()
    if kind == "folder":
        (root / "payments").symlink_to(elsewhere / "payments")
    else:
        (root / "payments").mkdir()
        place = root / "payments" / "db.yaml"
        if kind == "directory":
            place.mkdir()
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(elsewhere / "payments" / "db.yaml" if kind == "file" else elsewhere / "nothing")
    answer = look(root)
    assert isinstance(answer, ReadFailure)
    assert (answer.cls, answer.reason) == (FailureClass.MALFORMED, "not-a-file")
    target, live = DirectoryTarget(root), standing(elsewhere)
    for outcome in (
        target.create(desired(value=b"new"), Granted()),
        target.update(live, desired(value=b"new"), Granted()),
        target.delete(live, Granted()),
    ):
        assert isinstance(outcome, WriteFailure)
        assert outcome.kind == "invalid"
    assert (elsewhere / "payments" / "db.yaml").read_bytes() == before
    assert listing(elsewhere) == ["payments", "payments/db.yaml"]


def test_the_root_may_be_a_link_since_the_user_named_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert isinstance(DirectoryTarget(tmp_path / "link").create(desired(), Granted()), Written)
    assert isinstance(look(tmp_path / "real"), LiveSecret)


def test_a_root_that_is_not_there_holds_nothing_and_reading_makes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "out"
    assert isinstance(look(root), Missing)
    assert list(DirectoryTarget(root).owned("prod")) == []
    assert not root.exists()


def test_a_root_that_is_a_file_fails_with_its_reason(tmp_path: Path) -> None:
    """K6."""
    (tmp_path / "out").write_text("x")
    outcome = DirectoryTarget(tmp_path / "out").create(desired(), Granted())
    assert isinstance(outcome, WriteFailure)
    assert str(tmp_path / "out") in outcome.message


def test_a_name_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    key = KEY._replace(name="a" * 252)
    outcome = DirectoryTarget(tmp_path).create(desired(key), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("invalid", "name-too-long")


# Ownership


def test_the_folder_is_the_list_of_what_an_instance_owns(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path, target="files")
    mine = {"app.kubernetes.io/managed-by": "syncd", "syncd.dev/instance": "prod"}
    for namespace, name, labels in (
        ("b", "two", mine),
        ("a", "one", mine),
        ("a", "other-instance", {**mine, "syncd.dev/instance": "test"}),
        ("a", "other-manager", {**mine, "app.kubernetes.io/managed-by": "helm"}),
        ("a", "nobody", {}),
    ):
        target.create(desired(SecretKey("files", namespace, name), labels=labels), Granted())
    (tmp_path / "a" / "junk.yaml").write_text("{")
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "Upper").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert isinstance(target, Owned)
    assert list(target.owned("prod")) == [SecretKey("files", "a", "one"), SecretKey("files", "b", "two")]
    assert list(target.owned("elsewhere")) == []


def test_a_version_tells_nothing_about_the_content_to_another_process(tmp_path: Path) -> None:
    """I-LEAK: it is a keyed digest, and neither a hash nor a length of the bytes."""
    DirectoryTarget(tmp_path).create(desired(), Granted())
    version = standing(tmp_path).resource_version
    assert len(version) == 32
    data = (tmp_path / "payments" / "db.yaml").read_bytes()
    assert version != hashlib.blake2b(data, digest_size=16).hexdigest()
