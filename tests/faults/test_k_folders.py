"""Section K of the catalogue: directory output."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, LiveSecret, WriteFailure, Written
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryReader, DirectoryTarget
from syncd.testing.memory_target import Granted

NAMES = ("a", "b")


def holding(name: str, value: bytes) -> DesiredSecret:
    return DesiredSecret(SecretKey("default", "team", name), "Opaque", {"k": SecretValue(value)}, {}, {})


def standing(folder: Path) -> dict[str, LiveSecret]:
    """Read both Secrets, which must be whole."""
    found = {}
    for live in DirectoryReader(folder).read([holding(name, b"").key for name in NAMES]):
        assert isinstance(live, LiveSecret), live
        found[live.key.name] = live
    return found


# K2

DIES = """
import os, signal, sys
from pathlib import Path
from syncd.target.directory import DirectoryTarget
from syncd.testing.memory_target import Granted
from tests.faults.test_k_folders import holding, standing
folder, call, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
target = DirectoryTarget(folder)
target.update(standing(folder)["a"], holding("a", b"new"), Granted())
real = getattr(os, call)
def dying(*arguments, **named):
    if when == "after":
        real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, call, dying)
target.update(standing(folder)["b"], holding("b", b"new"), Granted())
"""


@pytest.mark.parametrize(
    ("call", "when", "left"),
    [("fsync", "before", b"old"), ("rename", "before", b"old"), ("rename", "after", b"new")],
)
def test_a_kill_between_two_files_leaves_each_whole_and_the_next_run_finishes(
    call: str, when: str, left: bytes, tmp_path: Path
) -> None:
    target = DirectoryTarget(tmp_path)
    for name in NAMES:
        target.create(holding(name, b"old"), Granted())
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path), call, when],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert {name: live.data["k"].reveal() for name, live in standing(tmp_path).items()} == {"a": b"new", "b": left}
    again = DirectoryTarget(tmp_path)
    assert isinstance(again.update(standing(tmp_path)["b"], holding("b", b"new"), Granted()), Written)
    assert standing(tmp_path)["b"].data["k"].reveal() == b"new"
    assert sorted(path.name for path in (tmp_path / "team").iterdir()) == ["a.yaml", "b.yaml"]


# K6


@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_a_read_only_file_system_is_told_with_the_path_and_what_to_correct(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(os, call)
    writing = os.O_CREAT | os.O_WRONLY

    def read_only(path: str | Path, *arguments: int, **named: int) -> object:
        """Answer as the kernel does on a file system that is mounted read-only."""
        if call == "mkdir" or arguments[0] & writing:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, call, read_only)
    outcome = DirectoryTarget(tmp_path / "out").create(holding("a", b"v"), Granted())
    monkeypatch.undo()
    assert isinstance(outcome, WriteFailure)
    assert (outcome.kind, outcome.reason) == ("denied", "permission-denied")
    assert str(tmp_path / "out") in outcome.message
    assert "mount" in outcome.message


def test_a_file_is_made_where_it_will_stand_so_no_other_file_system_is_crossed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o500)
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(elsewhere))
    seen: list[list[str]] = []

    class Looking(Granted):
        def granted(self) -> bool:
            seen.append(sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()))
            return True

    DirectoryTarget(tmp_path / "out").create(holding("a", b"v"), Looking())
    (unfinished,) = seen[-1]
    assert unfinished.startswith("out/team/.syncd-tmp-")
