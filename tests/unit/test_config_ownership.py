# ruff: noqa: E501 — a line of a table is a mistake and the line that a person is told
"""What the configuration says about adoption, a renewed key, a renamed instance and the share of changes."""

from pathlib import Path

import pytest

from syncd.config.settings import PreviousHome
from tests.unit.shelf import HEAD, loaded, told

ONE = "secrets: [{name: a, data: {x: k}%s}]\n"


def test_adoption_names_whose_mark_may_be_taken_over(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, HEAD + ONE % ", adopt: {from: [helm, eso]}").mappings

    assert (found.adopt, sorted(found.adopt_from)) == (True, ["eso", "helm"])


@pytest.mark.parametrize(("adopt", "allowed"), [("true", True), ("false", False)])
def test_adoption_without_names_takes_over_from_nobody(tmp_path: Path, adopt: str, *, allowed: bool) -> None:
    (found,) = loaded(tmp_path, HEAD + ONE % f", adopt: {adopt}").mappings

    assert (found.adopt, found.adopt_from) == (allowed, frozenset())


@pytest.mark.parametrize(
    ("adopt", "line"),
    [
        (
            "{from: [hlem]}",
            "50: secrets[0].adopt.from[0]: 'hlem' is not one of argocd, cert-manager, eso, flux, helm, sealed-secrets, secrets-store-csi, vso (did you mean helm?)",
        ),
        ("{from: []}", "43: secrets[0].adopt.from: an empty list (name a manager, or write `adopt: true`)"),
        ("{}", "35: secrets[0].adopt.from: missing"),
        (
            "helm",
            "35: secrets[0].adopt: expected true or false or a mapping, not text (true and false are the only spellings)",
        ),
    ],
)
def test_a_mistake_in_adoption_is_told(tmp_path: Path, adopt: str, line: str) -> None:
    assert told(tmp_path, HEAD + ONE % f", adopt: {adopt}") == [f"syncd.yaml:7:{line}"]


@pytest.mark.parametrize(("written", "percent"), [("off", None), ("30%", 30.0), ("0.5%", 0.5), ("100 %", 100.0)])
def test_the_share_of_changes_is_a_percentage_or_off(tmp_path: Path, written: str, percent: float | None) -> None:
    found = loaded(tmp_path, f"{HEAD}guards: {{maxChanges: {written}}}\nsecrets: []\n")

    assert found.guards.max_changes_percent == percent


@pytest.mark.parametrize("written", ["30", "0%", "101%", "'%'", "a%", "-1%", "on", "'30% '"])
def test_what_is_no_share_is_told(tmp_path: Path, written: str) -> None:
    assert told(tmp_path, f"{HEAD}guards: {{maxChanges: {written}}}\n") == [
        "syncd.yaml:7:10: guards.maxChanges: not a share (a percentage such as 30%, or off)"
    ]


@pytest.mark.parametrize(
    ("written", "name", "secret", "file"),
    [
        ("{instance: old}", "old", "syncd-old", None),
        ("{instance: old, secret: kept}", "old", "kept", None),
        ("{instance: old, keyFile: k}", "old", None, "k"),
        ("{secret: syncd-before}", "test", "syncd-before", None),
        ("{keyFile: old.key}", "test", None, "old.key"),
    ],
)
def test_a_name_or_key_of_before(tmp_path: Path, written: str, name: str, secret: str | None, file: str | None) -> None:
    head = HEAD.replace(HEAD.split("instance: ")[1].split("\n")[0], "test")
    found = loaded(tmp_path, f"{head}home: {{previous: [{written}]}}\nsecrets: []\n")

    assert found.home.previous == (PreviousHome(name, secret, tmp_path / file if file else None),)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (
            "previous: [{}]",
            "previous[0]: syncd-INSTANCE holds the key of instance INSTANCE itself (the Secret or the file that holds the old one)",
        ),
        (
            "previous: [{secret: a, keyFile: b}]",
            "previous[0].keyFile: secret and keyFile exclude each other (keep one of them)",
        ),
        (
            "keyFile: k, previous: [{keyFile: k}]",
            "previous[0].keyFile: the file that holds the present key (the file that holds the old one)",
        ),
        (
            "previous: [{instance: A}]",
            "previous[0].instance: 'A' is not a name for an instance (lower-case letters, digits and -, at most 63)",
        ),
        ("previous: [{keyFile: ''}]", "previous[0].keyFile: empty (the path of the file that holds the old key)"),
    ],
)
def test_a_mistake_in_what_was_before_is_told(tmp_path: Path, written: str, line: str) -> None:
    instance = HEAD.split("instance: ")[1].split("\n")[0]
    lines = told(tmp_path, f"{HEAD}home: {{{written}}}\n")

    assert lines[0].split(": home.", 1)[1] == line.replace("INSTANCE", instance)
