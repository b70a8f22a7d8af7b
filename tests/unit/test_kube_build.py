"""Where the test cluster's programs come from, and why they may be missing."""

from pathlib import Path

import pytest

from tests.servers import kube_build
from tests.servers.kube_build import binaries, kube_available


def test_without_go_and_without_programs_there_is_one_line_that_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kube_build, "_ASSETS", "")
    monkeypatch.setattr(kube_build, "_CACHE", str(tmp_path))
    monkeypatch.setattr(kube_build, "_go", lambda: None)
    reason = kube_available()
    assert reason is not None
    assert "Go" in reason
    assert "\n" not in reason
    with pytest.raises(RuntimeError, match="no Go"):
        binaries()


def test_given_programs_are_used_and_nothing_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kube_build, "_ASSETS", str(tmp_path))
    reason = kube_available()
    assert reason is not None
    assert str(tmp_path) in reason
    for name in ("kube-apiserver", "etcd"):
        (tmp_path / name).touch()
    assert kube_available() is None
    assert binaries().etcd == tmp_path / "etcd"


def test_built_programs_are_found_whatever_home_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path not in kube_build._folder().parents
