"""Folders under crashes, full disks and other writers: a Secret is whole or not there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.model.secret import WriteFailure, Written
from syncd.target.directory import DirectoryTarget
from syncd.target.folder_lock import FolderLocks
from syncd.testing.memory_target import Granted
from tests.unit.folder_makers import KEY, OnSecondAsking, desired, listing, standing

# Crashes and other writers


def test_what_a_crash_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    """K5: by our own prefix only, before the first write."""
    folder = tmp_path / "payments"
    folder.mkdir()
    for name in (".syncd-tmp-0123456789abcdef", ".other-tmp", "notes.txt"):
        (folder / name).write_text("x")
    DirectoryTarget(tmp_path).create(desired(), Granted())
    assert listing(folder) == [".other-tmp", "db.yaml", "notes.txt"]


def test_a_sweep_spares_the_file_that_another_process_is_writing(tmp_path: Path) -> None:
    outcomes: list[object] = []

    def another() -> bool:
        outcomes.append(DirectoryTarget(tmp_path).create(desired(KEY._replace(namespace="other")), Granted()))
        return True

    outcomes.append(DirectoryTarget(tmp_path).create(desired(), OnSecondAsking(another)))
    assert [type(outcome) for outcome in outcomes] == [Written, Written]
    assert listing(tmp_path) == ["other", "other/db.yaml", "payments", "payments/db.yaml"]


def test_a_write_that_does_not_happen_leaves_nothing_behind(tmp_path: Path) -> None:
    """K1: the old file is intact, and no temporary one is left."""
    target = DirectoryTarget(tmp_path)
    target.create(desired(), Granted())
    before = (tmp_path / "payments" / "db.yaml").read_bytes()
    live = replace(standing(tmp_path), resource_version="other")
    outcome = target.update(live, desired(value=b"new"), Granted())
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "conflict"
    assert (tmp_path / "payments" / "db.yaml").read_bytes() == before
    assert listing(tmp_path) == ["payments", "payments/db.yaml"]


def test_no_other_process_of_ours_writes_between_the_look_and_the_replacement(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path)
    target.create(desired(), Granted())
    busy: list[bool] = []

    def another() -> bool:
        folder = os.open(tmp_path / "payments", os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy.append(True)
        finally:
            os.close(folder)
        return True

    assert isinstance(target.update(standing(tmp_path), desired(value=b"new"), OnSecondAsking(another)), Written)
    assert isinstance(target.delete(standing(tmp_path), OnSecondAsking(another)), Written)
    assert busy == [True, True]


class Hands:
    """A clock that only sleeping moves."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Keep a folder locked, as another process would."""
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def test_a_folder_that_another_process_keeps_locked_fails_the_write_in_time_and_says_who(tmp_path: Path) -> None:
    clock = Hands()
    target = DirectoryTarget(tmp_path, locks=FolderLocks(clock=lambda: clock.now, wait=clock.sleep))
    with kept(tmp_path / "payments"):
        outcome = target.create(desired(), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("unavailable", "folder-locked")
    assert outcome.message.startswith("payments/db: not written, since another process")
    assert f"`fuser -v {tmp_path}/payments`" in outcome.message
    assert clock.now == pytest.approx(10.0)
    assert listing(tmp_path) == ["payments"]


def test_a_folder_that_is_let_go_while_the_write_waits_is_written(tmp_path: Path) -> None:
    with ExitStack() as other:
        other.enter_context(kept(tmp_path / "payments"))
        locks = FolderLocks(clock=lambda: 0.0, wait=lambda _seconds: other.close())
        assert isinstance(DirectoryTarget(tmp_path, locks=locks).create(desired(), Granted()), Written)
    assert listing(tmp_path) == ["payments", "payments/db.yaml"]


def test_many_writes_to_a_locked_folder_wait_once_and_later_ones_wait_anew(tmp_path: Path) -> None:
    clock = Hands()
    target = DirectoryTarget(tmp_path, locks=FolderLocks(clock=lambda: clock.now, wait=clock.sleep))
    with kept(tmp_path / "payments"):
        for name in ("a", "b", "c"):
            outcome = target.create(desired(KEY._replace(name=name)), Granted())
            assert isinstance(outcome, WriteFailure)
            assert outcome.reason == "folder-locked"
        assert clock.now == pytest.approx(10.0)
        assert isinstance(target.create(desired(KEY._replace(namespace="shop")), Granted()), Written)
        clock.sleep(10.0)
        target.create(desired(), Granted())
        assert clock.now == pytest.approx(30.0)
    assert isinstance(target.create(desired(), Granted()), Written)


def test_a_write_that_waits_for_its_folder_ends_with_the_run(tmp_path: Path) -> None:
    with kept(tmp_path / "payments"):
        outcome = DirectoryTarget(tmp_path).create(desired(), OnSecondAsking(lambda: False))
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "stopped"


def test_a_permit_withdrawn_at_the_last_moment_stops_the_write(tmp_path: Path) -> None:
    outcome = DirectoryTarget(tmp_path).create(desired(), OnSecondAsking(lambda: False))
    assert isinstance(outcome, WriteFailure)
    assert outcome.kind == "stopped"
    assert listing(tmp_path) == ["payments"]


def test_a_full_disk_is_told_as_such_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K1: the kernel's answer is the only thing that is made up here."""
    target = DirectoryTarget(tmp_path)
    target.create(desired(), Granted())
    live = standing(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    outcome = target.update(live, desired(value=b"new"), Granted())
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("quota", "disk-full")
    assert standing(tmp_path) == live
    assert listing(tmp_path) == ["payments", "payments/db.yaml"]
