"""`syncd check` as a user runs it: every mistake of every file in one run, each with its place."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLATFORM = """\
version: 1
instance: Prod
target: {directory: {path: out}}
stores:
  local: {type: file, path: values.yaml, colour: blue}
  remote: {type: vaultt, address: https://vault.example.com}
include: [team.yaml, missing/*.yaml]
guards: {maxDeletes: {percent: 120}}
daemon: {listen: nowhere}
secrets:
  - name: Bad_Name
    namespace: team
    data: {k: {store: local, key: app}}
  - name: plain
    namespace: kube-system
    data: {k: {store: local, key: app}}
  - name: lost
    namespace: team
    interval: 1s
    data: {k: {store: nowhere, key: app}}
"""
TEAM = """\
version: 1
secrets:
  - name: again
    namespace: team
    data: {k: {store: local, key: app}, "bad key": {store: local, key: app}}
  - name: again
    namespace: team
    dat: {k: {store: local, key: app}}
"""
EXPECTED = [
    ("syncd.yaml", 2, "instance"),
    ("syncd.yaml", 5, "stores.local.colour"),
    ("syncd.yaml", 6, "stores.remote.type"),
    ("syncd.yaml", 7, "include[1]"),
    ("syncd.yaml", 8, "guards.maxDeletes.percent"),
    ("syncd.yaml", 9, "daemon.listen"),
    ("syncd.yaml", 11, "secrets[0].name"),
    ("syncd.yaml", 15, "secrets[1].namespace"),
    ("syncd.yaml", 19, "secrets[2].interval"),
    ("syncd.yaml", 20, "secrets[2].data.k.store"),
    ("team.yaml", 5, "secrets[0].data['bad key']"),
    ("team.yaml", 6, "secrets[1].name"),
    ("team.yaml", 8, "secrets[1].dat"),
]


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syncd", "check", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "syncd.yaml").write_text(PLATFORM)
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "values.yaml").write_text("app: {k: v}\n")
    return tmp_path


def test_all_mistakes_of_all_files_are_told_at_once_each_with_its_place(folder: Path) -> None:
    done = check(folder)

    assert (done.returncode, done.stdout) == (3, "")
    *lines, last = done.stderr.splitlines()
    found = [re.fullmatch(r"(\S+?):(\d+):(\d+): (.+?): \S.*", line) for line in lines]
    assert [(place[1], int(place[2]), place[4]) for place in found if place] == EXPECTED
    assert len(lines) == len(EXPECTED)
    assert last == f"syncd: {len(EXPECTED)} problems in syncd.yaml"
    assert "Traceback" not in done.stderr


def test_places_are_named_as_the_file_was_named(folder: Path) -> None:
    done = check(folder.parent, "-c", f"{folder.name}/syncd.yaml")

    assert done.stderr.startswith(f"{folder.name}/syncd.yaml:2:")
    assert f"\n{folder.name}/team.yaml:5:" in done.stderr


def test_a_configuration_without_mistakes_is_counted(folder: Path) -> None:
    whole = {
        "version": 1,
        "instance": "prod",
        "target": {"directory": {"path": "out"}},
        "stores": {"local": {"type": "file", "path": "values.yaml"}},
        "secrets": [{"name": "a", "namespace": "team", "data": {"k": {"store": "local", "key": "app"}}}],
    }
    (folder / "syncd.yaml").write_text(json.dumps(whole))

    assert json.loads(check(folder, "--format", "json").stdout) == {
        "instance": "prod",
        "targets": 1,
        "stores": 1,
        "mappings": 1,
    }
    assert not (folder / "out").exists(), "a check touches nothing"
