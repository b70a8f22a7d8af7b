"""Every command of README and docs is run: on a folder with a file store, or as README has it on the real servers."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import yaml

from tests.documents import ROOT, commands, fences, guides, section
from tests.recipes import PAGE
from tests.servers.world import PATIENCE, World

QUESTION = "Only `yes` is taken"


@dataclass(frozen=True)
class How:
    """How a command line of the documents is run, and what must come of it."""

    place: Literal["folder", "servers", "lost-key"]
    """`folder`: the quick start's file store and folder; `servers`: README's own example on the real servers;
    `lost-key`: the same, applied, and the instance's key taken away."""
    code: int
    says: str
    terminal: bool = False
    """Asked on a terminal, and answered with yes."""


COMMANDS: Mapping[str, How] = {
    "syncd check": How("servers", 0, "no mistakes: instance"),
    "syncd diff": How("servers", 1, "Plan: 2 to create"),
    "syncd diff --format markdown": How("servers", 1, "**Plan: 2 to create"),
    "syncd apply": How("servers", 0, "Applied: 2 created", terminal=True),
    "syncd diff --select 'payments/*'": How("folder", 1, "Plan: 2 to create"),
    "syncd diff --select payments/db-credentials": How("folder", 1, "Plan: 1 to create"),
    "syncd diff --prune": How("folder", 1, "Plan: 3 to create"),
    "syncd diff --format markdown --redact-keys": How("folder", 1, "**Plan: 3 to create"),
    "syncd apply --yes": How("folder", 0, "Applied: 3 created"),
    "syncd apply --yes --prune": How("folder", 0, "Applied: 3 created"),
    "syncd apply --prune --allow-deletes 2": How("folder", 0, "Applied: 3 created", terminal=True),
    "syncd apply --allow-replace": How("folder", 0, "Applied: 3 created", terminal=True),
    "syncd apply --allow-changes 20": How("folder", 0, "Applied: 3 created", terminal=True),
    "syncd own --resign": How("lost-key", 0, "2 Secret(s) signed anew", terminal=True),
    "syncd schema": How("folder", 0, '"$schema"'),
}
DAEMON = "syncd run"
MANIFESTS = "kubectl apply -k deploy/base"


def asked(arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run syncd on a terminal of its own and answer its question with yes; give exit code and what was shown."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd", *arguments],
            cwd=folder, env=environment, stdin=terminal, stdout=terminal, stderr=terminal,
        )  # fmt: skip
    finally:
        os.close(terminal)
    shown, answered, until = b"", False, time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            if not select.select([controller], [], [], 1.0)[0]:
                continue
            try:
                piece = os.read(controller, 65536)
            except OSError:  # the other side is closed (EIO on Linux)
                break
            if not piece:
                break
            shown += piece
            if not answered and QUESTION.encode() in shown:
                os.write(controller, b"yes\n")
                answered = True
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        os.close(controller)
    assert answered, shown.decode()
    return code, shown.decode()


def held(how: How, code: int, shown: str) -> None:
    """Check what came of a command."""
    assert "Traceback" not in shown
    assert code == how.code, shown
    assert how.says in re.sub(r"\x1b\[[0-9;]*[mK]", "", shown)


def elsewhere() -> set[str]:
    """Give the lines of other programs: test_recipes, test_vault_page and test_store_pages look at them."""
    pages = ((PAGE, "kubectl create secret "), ("docs/stores/vault.md", "vault "), ("docs/stores/azure.md", "az "))
    return {line for page, program in pages for line in commands(page) if line.startswith(program)}


def test_every_command_of_the_documents_is_run_here() -> None:
    typed = {line for document in guides() for line in commands(document)}
    assert {line for line in typed if line.startswith("syncd")} == {*COMMANDS, DAEMON}
    assert {line for line in typed if not line.startswith(("syncd", "make "))} - elsewhere() == {MANIFESTS}
    covered = (ROOT / "tests/integration/test_manifests.py").read_text()
    assert "deploy/base" in covered
    assert (ROOT / "deploy/base/kustomization.yaml").is_file()


@pytest.mark.parametrize("line", [line for line, how in COMMANDS.items() if how.place == "folder"])
def test_a_command_on_a_folder(line: str, tmp_path: Path) -> None:
    for name in ("syncd.yaml", "values.yaml"):
        shutil.copy(ROOT / "config/quickstart" / name, tmp_path)
    how, (_, *arguments) = COMMANDS[line], re.findall(r"'[^']*'|\S+", line)
    arguments = [word.strip("'") for word in arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"}
    if how.terminal:
        held(how, *asked(arguments, folder=tmp_path, environment=environment))
        return
    done = subprocess.run(
        [sys.executable, "-m", "syncd", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    held(how, done.returncode, done.stdout + done.stderr)


@pytest.fixture
def documented(world: World) -> World:
    """Return a world that is configured as README's example is: its mappings, its names of stores, real servers."""
    (example,) = [yaml.safe_load(fence.text) for fence in fences("README.md") if fence.text.startswith("version:")]
    real = world.stores()
    named = {name: real[store["type"]] for name, store in example["stores"].items()}
    world.configure(example["secrets"], stores=named, defaults={**example["defaults"], "namespace": world.namespace})
    world.openbao.put(world.mount, "payments/db", {"username": "payments", "password": "made-up-1"})
    world.keyvault.put("payments-ca", "a certificate\n")
    world.moto.put("prod/app", '{"API_TOKEN": "made-up-2", "LOG_LEVEL": "info"}')
    return world


WRITTEN = {
    "db-credentials": {
        "username": b"payments", "password": b"made-up-1", "ca.crt": b"a certificate\n", "host": b"db.internal",
    },
    "app-env": {"API_TOKEN": b"made-up-2", "LOG_LEVEL": b"info"},
}  # fmt: skip


@pytest.mark.parametrize("line", [line for line, how in COMMANDS.items() if how.place == "servers"])
def test_a_command_of_readme_on_its_own_example(line: str, documented: World) -> None:
    how, arguments = COMMANDS[line], line.split()[1:]
    if how.terminal:
        held(how, *asked(arguments, folder=documented.folder, environment={**documented.environment, "TERM": "xterm"}))
        assert {name: documented.live(name) for name in WRITTEN} == WRITTEN
        return
    done = documented.run(*arguments, expect=how.code)
    held(how, done.returncode, done.stdout + done.stderr)
    assert {name: documented.live(name) for name in WRITTEN} == {name: {} for name in WRITTEN}


@pytest.mark.parametrize("line", [line for line, how in COMMANDS.items() if how.place == "lost-key"])
def test_a_command_for_a_lost_key_on_readmes_example(line: str, documented: World) -> None:
    documented.run("apply", "--yes", expect=0)
    documented.kube.delete_secret(documented.home, f"syncd-test-{documented.tag}")
    lost = documented.run("apply", "--yes", expect=1)
    assert "nothing was written: the instance's key" in lost.stderr
    assert line in lost.stderr
    environment = {**documented.environment, "TERM": "xterm"}
    held(COMMANDS[line], *asked(line.split()[1:], folder=documented.folder, environment=environment))
    assert {name: documented.live(name) for name in WRITTEN} == WRITTEN
    documented.run("diff", expect=0)


def test_the_daemon_of_readme_on_its_own_example(documented: World) -> None:
    with documented.daemon(*DAEMON.split()[2:]) as daemon:
        daemon.until_ready()
        daemon.until(lambda: {name: documented.live(name) for name in WRITTEN} == WRITTEN)


def test_the_example_of_a_folder_has_all_that_it_needs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config/examples", tmp_path / "examples", ignore=shutil.ignore_patterns("manifests"))
    for verb, code, says in (("check", 0, "no mistakes"), ("diff", 1, "Plan: 2 to create")):
        done = subprocess.run(
            [sys.executable, "-m", "syncd", verb, "-c", "examples/folder.yaml"], cwd=tmp_path, timeout=60,
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        held(How("folder", code, says), done.returncode, done.stdout + done.stderr)


def test_a_question_that_is_not_answered_with_yes_writes_nothing(tmp_path: Path) -> None:
    for name in ("syncd.yaml", "values.yaml"):
        shutil.copy(ROOT / "config/quickstart" / name, tmp_path)
    controller, terminal = pty.openpty()
    try:
        os.write(controller, b"y\n")
        done = subprocess.run(
            [sys.executable, "-m", "syncd", "apply"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdin=terminal,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(controller)
        os.close(terminal)
    assert done.returncode == 1
    assert "nothing was written" in done.stderr
    assert not (tmp_path / "secrets").exists()


def test_the_json_of_the_page_has_the_fields_of_the_real_one(tmp_path: Path) -> None:
    for name in ("syncd.yaml", "values.yaml"):
        shutil.copy(ROOT / "config/quickstart" / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "diff", "--format", "json"], cwd=tmp_path, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    (picture,) = [f.text for f in fences("docs/configuration.md") if f.language == "json" and "formatVersion" in f.text]
    assert fields(json.loads(picture)) == fields(json.loads(done.stdout))


def fields(value: object) -> object:
    """Give the form of a JSON value: its fields, and the form of the first item of each list that has one."""
    if isinstance(value, dict):
        return {name: fields(inner) for name, inner in value.items() if name != "keys"} | {"": sorted(value)}
    if isinstance(value, list):
        return [fields(value[0])] if value and isinstance(value[0], dict) else []
    return type(value).__name__


def test_the_vault_policy_of_the_page_is_enough_and_no_more(world: World) -> None:
    reads, finds = (fence.text for fence in fences("docs/stores/vault.md") if fence.language == "hcl")
    policy = reads + finds
    name = f"docs-{world.tag}"
    world.openbao.do("PUT", f"sys/policies/acl/{name}", {"policy": policy.replace('"secret/', f'"{world.mount}/')})
    role_id, secret_id = world.openbao.approle([name])
    (world.folder / "role-id").write_text(role_id)
    (world.folder / "secret-id").write_text(secret_id)
    world.openbao.put(world.mount, "payments/db", {"password": "made-up"})
    world.openbao.put(world.mount, "others/db", {"password": "made-up"})

    def mapping(name: str, key: str) -> dict[str, object]:
        return {"name": name, "data": {"k": {"store": "vault", "key": key, "property": "password"}}}

    def finding(name: str, path: str) -> dict[str, object]:
        return {"name": name, "dataFrom": [{"store": "vault", "find": {"path": path}}]}

    named = [mapping("ours", "payments/db"), mapping("theirs", "others/db"), mapping("gone", "payments/gone")]
    world.configure([*named, finding("found", "payments/"), finding("not-found", "others/")])
    shown = json.loads(world.run("diff", "--format", "json", expect=2).stdout)
    assert {change["name"]: (change["action"], change["reason"]) for change in shown["changes"]} == {
        "ours": ("create", "missing"),
        "theirs": ("unreadable", "source-denied"),
        "gone": ("unreadable", "source-absent"),
        "found": ("create", "missing"),
        "not-found": ("unreadable", "source-denied"),
    }


def test_the_audit_policy_of_the_page_never_logs_a_value() -> None:
    (policy,) = re.findall(r"```yaml\n(.*?)```", section("docs/safety.md", "What the cluster should do"), re.DOTALL)
    rule = yaml.safe_load(policy)["rules"][0]
    assert rule["level"] == "Metadata"
    assert "secrets" in rule["resources"][0]["resources"]
