"""The documentation is true, as far as that can be told without a server: examples load, names exist, links lead."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from syncd.cli.main import main
from syncd.config.checks import CertificateCheckShape, ChecksShape
from syncd.config.convert import Shape
from syncd.config.document import (
    DaemonShape,
    DefaultsShape,
    GuardsShape,
    HomeShape,
    LogShape,
    MappingFileShape,
    PlatformShape,
)
from syncd.config.entries import EntryShape, FindShape, KeysShape, ReplaceShape
from syncd.config.files import ConfigurationError
from syncd.config.load import load
from syncd.config.mapping import MappingShape
from syncd.config.references import DataShape
from syncd.config.stores import LimitsShape, StoreShape, TimeoutsShape, TlsShape
from syncd.config.targets import DirectoryShape, KubernetesShape, TargetShape
from syncd.config.template import TemplateShape
from syncd.config.typed import BasicAuthShape, RegistryShape, SshAuthShape, TlsSecretShape
from syncd.daemon.absences import ANSWERS, LEAST
from syncd.daemon.loop import SWEEP
from syncd.daemon.metrics import Metrics
from syncd.fetch.registry import Registry
from syncd.model.plan import WRITES, Action, OutcomeWord
from tests.documents import ROOT, Fence, anchors, codes, commands, documents, fences, guides, links, read, section

CONFIGURATION, STORES = "docs/configuration.md", "docs/stores.md"
FENCES = [fence for document in documents() for fence in fences(document)]
VERBS = ("check", "diff", "apply", "run", "own", "schema")
ON_TOP = re.compile(r"(?:#[^\n]*\n)*version:")


def examples() -> list[Fence]:
    """Give the blocks that are configuration files."""
    return [fence for fence in FENCES if fence.language == "yaml" and ON_TOP.match(fence.text)]


def test_there_are_documents_examples_and_commands_to_look_at() -> None:
    assert {"README.md", CONFIGURATION, STORES, "docs/safety.md"} <= set(map(str, guides()))
    assert len(examples()) > 8
    assert len(list(commands(CONFIGURATION))) > 5


@pytest.mark.parametrize("example", examples(), ids=str)
def test_every_example_of_a_configuration_loads(example: Fence, tmp_path: Path) -> None:
    named = re.match(r"# (\S+\.yaml)\n", example.text)
    written: dict[str, str] = {}
    if named:  # a file of mappings, for the last whole configuration before it
        before = [e for e in examples() if e.file == example.file and e.line < example.line and "instance:" in e.text]
        written[named[1]] = example.text
        example = before[-1]
    for pattern in yaml.safe_load(example.text).get("include", ()):
        name = pattern.replace("*", "some")
        if not named:
            written[name] = "version: 1\n"
    for name, text in {"syncd.yaml": example.text, **written}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = load(tmp_path / "syncd.yaml", Registry())
    assert found.mappings or "secrets:" not in example.text
    assert len(found.files) == 1 + len(written)


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*/*.yaml")), ids=lambda file: file.name)
def test_every_configuration_that_is_shipped_loads(file: Path) -> None:
    if ON_TOP.match(file.read_text()):
        assert load(file, Registry()).mappings


@pytest.mark.parametrize("fence", [f for f in FENCES if f.language in ("yaml", "json")], ids=str)
def test_every_block_is_well_formed(fence: Fence) -> None:
    assert json.loads(fence.text) if fence.language == "json" else yaml.safe_load(fence.text)


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = []
    for link in links(document):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target.resolve().relative_to(ROOT))):
            missing.append(link)
    assert missing == []


def words(text: str) -> set[str]:
    """Give every word between backquotes, which may be a field in its surroundings: `tls: {caFile}`."""
    return {word for code in codes(text) for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", code)}


@pytest.mark.parametrize(
    "shape",
    [
        PlatformShape, MappingFileShape, DefaultsShape, GuardsShape, HomeShape, DaemonShape, LogShape, MappingShape,
        DataShape, EntryShape, FindShape, KeysShape, ReplaceShape,
        TargetShape, KubernetesShape, DirectoryShape, TlsSecretShape, RegistryShape,
        BasicAuthShape, SshAuthShape, ChecksShape, CertificateCheckShape, TemplateShape,
    ],
)  # fmt: skip
def test_every_field_of_the_file_is_named_on_its_page(shape: type[Shape]) -> None:
    assert set(shape.__struct_encode_fields__) - words(read(CONFIGURATION)) == set()


@pytest.mark.parametrize("shape", [StoreShape, TlsShape, TimeoutsShape, LimitsShape])
def test_every_field_of_all_stores_is_named_on_their_page(shape: type[Shape]) -> None:
    assert set(shape.__struct_encode_fields__) - words(section(STORES, "What every store takes")) == set()


@pytest.mark.parametrize("kind", sorted(Registry()))
def test_every_option_of_a_store_is_named_on_its_page(kind: str) -> None:
    options = set(Registry()[kind].options.__struct_encode_fields__)
    assert options - words(read(f"docs/stores/{kind}.md")) == set()


def refusals() -> Iterator[tuple[str, str]]:
    """Give each name of the list of what is not supported yet, and a piece of the file that asks for it."""
    for top in ("tenants: {}", "guards: {allowRestart: true}",
                "daemon: {drift: watch}", "daemon: {audit: {}}", "daemon: {shards: 2}",
                "daemon: {leaderElection: {enabled: true}}"):  # fmt: skip
        yield re.split(r"\W+", top)[0 if top == "tenants: {}" else 1], top
    for field in ("namespaces: [a]", "namespaceSelector: {}", "movedFrom: a/b", "restart: []", "keepVersions: 3",
                  "refresh: once", "refresh: onChange", "immutable: versioned"):  # fmt: skip
        yield field.split(":")[0], f"secrets: [{{name: a, namespace: n, {field}, data: {{k: {{literal: v}}}}}}]"


@pytest.mark.parametrize(("name", "piece"), list(refusals()))
def test_what_is_not_supported_yet_is_refused_with_these_words(name: str, piece: str, tmp_path: Path) -> None:
    head = "version: 1\ninstance: a\ntarget: {directory: {path: x}}\n"
    stores = "" if piece.startswith("stores:") else "stores: {f: {type: file, path: v.yaml}}\n"
    (tmp_path / "syncd.yaml").write_text(f"{head}{stores}{piece}\n")
    with pytest.raises(ConfigurationError, match="not supported yet") as caught:
        load(tmp_path / "syncd.yaml", Registry())
    told = [str(each.problem.path) for each in caught.value.diagnostics if "not supported yet" in each.problem.message]
    assert len(told) == 1
    assert f"'{name}'" in told[0]


def test_the_list_of_what_is_not_supported_yet_is_whole() -> None:
    lines = [line for line in section(CONFIGURATION, "Not supported yet").splitlines() if line.startswith("- ")]
    listed = {re.split(r"\W", code)[0] for code in codes("\n".join(lines))}
    places = {"guards", "daemon", "dataFrom"}
    assert listed - places == {name for name, _ in refusals()}
    shapes = (PlatformShape, GuardsShape, HomeShape, DaemonShape, MappingShape, DataShape, EntryShape)
    assert {name for shape in shapes for name in shape.not_yet} <= listed


def test_the_metrics_that_the_page_names_are_those_that_there_are() -> None:
    named = {code for code in codes(section(CONFIGURATION, "Daemon")) if code.startswith("syncd_")}
    told = re.findall(r"^# TYPE (\S+)", Metrics().text().decode(), re.MULTILINE)
    assert named == {name for name in told if not name.endswith("_created")}


def test_every_reason_that_the_page_names_is_one_of_the_program() -> None:
    rooms = [path for room in ("plan", "build", "daemon") for path in (ROOT / "syncd" / room).glob("*.py")]
    source = "".join(path.read_text() for path in (*rooms, ROOT / "syncd/defect.py"))
    rows = [line.split(" | ") for line in section(CONFIGURATION, "Reasons").splitlines() if line.count(" | ") == 1]
    named = [code for row in rows[1:] for code in codes(row[1]) if not code.endswith("-CLASS")]
    assert len(named) > 25
    assert [code for code in named if f'"{code}"' not in source and code != "merge"] == []


def test_every_event_of_the_log_that_the_page_names_is_one_of_the_daemon() -> None:
    source = "".join(path.read_text() for room in ("daemon", "cli") for path in (ROOT / "syncd" / room).glob("*.py"))
    rows = [line.split(" | ") for line in section(CONFIGURATION, "Log").splitlines() if line.startswith("| `")]
    named = {code for row in rows if len(row) == 3 and row[1] in ("info", "warning") for code in codes(row[0])}
    spelled = {f"secret-{action.value}d" for action in WRITES} | {f"secret-{action.value}" for action in Action}
    spelled |= {f"secret-{word}" for word in get_args(OutcomeWord)}
    assert len(named) > 8
    assert [name for name in named if name not in spelled and f'"{name}"' not in source] == []


@pytest.mark.parametrize("document", [CONFIGURATION, "docs/safety.md"])
def test_when_the_daemon_removes_is_as_the_documents_say(document: str) -> None:
    title = {CONFIGURATION: "Daemon"}.get(document, "What is removed, and when")
    told = section(document, title)
    assert (ANSWERS, LEAST, SWEEP) == (3, 600.0, 600.0)
    assert re.search(r"\bthree (times in a row|such answers) over at least ten minutes", told)
    assert re.search(r"any other answer between|no other answer between", told, re.IGNORECASE)


def options_of(verb: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Ask the program for the long options of a verb."""
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    return set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}


@pytest.mark.parametrize("verb", VERBS)
def test_the_table_of_options_says_what_each_verb_takes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.strip("| ").split(" | ") for line in section(CONFIGURATION, "Command line").splitlines()]
    options = [row for row in rows if len(row) == 3 and row[0].startswith("`-")]
    listed = {option for row in options if row[1] == "all" or verb in row[1].split(", ")
              for option in re.findall(r"--[a-z][a-z-]+", row[0])}  # fmt: skip
    assert listed == options_of(verb, capsys)


@pytest.mark.parametrize("document", guides(), ids=str)
def test_every_option_that_a_document_names_exists(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {option for verb in VERBS for option in options_of(verb, capsys)}
    named = options_in(read(document))
    later = options_in(section(CONFIGURATION, "Not supported yet"))
    assert not later & known
    assert named - known - {"--help"} == (later if document.name == "configuration.md" else set())


def options_in(document: str) -> set[str]:
    return {option for code in codes(document) for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", code)}


def test_the_picture_of_a_diff_is_what_the_quick_start_shows(tmp_path: Path) -> None:
    syncd = Path(sys.executable).parent / "syncd"
    done = subprocess.run(
        ["sh", ROOT / "config/quickstart/run.sh", syncd], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    picture = next(fence for fence in fences("README.md") if fence.text.startswith("$ syncd diff"))
    shown = done.stdout[done.stdout.index("$ syncd diff") :]
    assert shown.startswith(picture.text)
    assert shown.removeprefix(picture.text).startswith("\nLook around")


def test_the_architecture_names_every_room_and_no_other() -> None:
    rooms = {f"syncd/{path.name}{'/' if path.is_dir() else ''}" for path in (ROOT / "syncd").iterdir()
             if path.name[0] != "_" and (path.is_dir() or path.suffix == ".py")}  # fmt: skip
    table = [line.split(" | ")[0] for line in read("ARCHITECTURE.md").splitlines() if line.startswith("| `")]
    named = {code for row in table for code in codes(row)}
    assert {name for name in named if name.startswith("syncd/")} == rooms
    paths = {code for code in codes(read("ARCHITECTURE.md")) if "/" in code and code[0] not in "{/"}
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "tests" / path).exists()] == []


def test_the_architecture_gives_the_import_direction_that_is_checked() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    checked = [set(layer.replace("syncd.", "").split(" | ")) for layer in reversed(layers)]
    (told,) = re.findall(r"Imports point one way: `([^`]+)`", read("ARCHITECTURE.md"))
    assert [set(re.findall(r"\w+", layer)) for layer in told.split("<")] == checked


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named: set[str] = set()
    for document in documents():
        typed = [*codes(read(document)), *commands(document)]
        named |= {word for line in typed if line.startswith("make ") for word in line.split()[1:] if word.isalpha()}
    assert {"quickstart", "test", "servers"} <= named <= targets
