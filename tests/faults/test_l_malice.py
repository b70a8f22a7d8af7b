"""Section L of the catalogue: malicious input and tenancy."""

import json
import time
from pathlib import Path

import pytest

from tests.unit.shelf import HEAD, mapping, told

# L4

PUMPED = ("a", "-", ".", "a-", "a.", "0", "1h", "1 ", "* ", "*/", "%2", "((", "[[", "{{", "`", "\\", "/", "../", "é")
"""What makes a pattern try one way after the other, repeated; a character that fits nowhere follows."""
FIELDS = ("name", "namespace", "id", "type", "interval", "schedule", "timeZone", "store", "target", "whenSourceGone")


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")  # jmespath's, which the program silences
@pytest.mark.parametrize("length", [60, 250, 20_000])
@pytest.mark.parametrize("pumped", PUMPED)
def test_no_text_of_a_mapping_keeps_a_pattern_busy(pumped: str, length: int, tmp_path: Path) -> None:
    """Short texts pass the limits of length, and are long enough for one way too many."""
    long = pumped * (length // len(pumped)) + "!\u0007"
    short = long[:400] + "!"  # YAML bounds a key
    reference = dict.fromkeys(("key", "property", "query", "version", "mount"), long)
    labels = {short: long}
    item = {"name": "a", "labels": labels, "annotations": labels, "data": {short: reference, "y": long, "z": reference}}
    began = time.process_time()
    for field in FIELDS:
        broken = json.dumps({**item, field: long}, ensure_ascii=False)
        assert len(told(tmp_path, HEAD + f"secrets: [{broken}]\n")) >= 5
    assert time.process_time() - began < 10, "linear, where backtracking would take years"


# L9, L10


@pytest.mark.parametrize(
    "field",
    [
        "stores: {main: {type: shelf, address: elsewhere}}",
        "target: {kubernetes: {}}",
        "targets: {}",
        "guards: {}",
        "home: {keyFile: key}",
        "include: [x.yaml]",
        "tenants: {}",
        "instance: other",
    ],
)
def test_a_mapping_file_says_nothing_about_stores_targets_or_paths(field: str, tmp_path: Path) -> None:
    (line, *more) = told(tmp_path, HEAD + "include: [team.yaml]\n", team=f"version: 1\n{field}\nsecrets: []\n")
    assert line.startswith(f"team.yaml:2:1: {field.partition(':')[0]}: unknown field")
    assert more == []


@pytest.mark.parametrize(
    "fields",
    [
        "{key: k, address: elsewhere}",
        "{key: k, caFile: /etc/passwd}",
        "{key: k, file: /etc/passwd}",
        "{key: k, tls: {caFile: /etc/passwd}}",
        "{store: {type: shelf, address: elsewhere}, key: k}",
    ],
)
def test_a_reference_names_a_store_and_brings_none_along(fields: str, tmp_path: Path) -> None:
    lines = told(
        tmp_path, HEAD + "include: [team.yaml]\n", team=f"version: 1\nsecrets: [{{name: a, data: {{x: {fields}}}}}]\n"
    )
    assert lines
    assert all(line.startswith("team.yaml:2:") for line in lines)


# L13


@pytest.mark.parametrize("name", ["a\\nb", "a\\r\\n", "a\\u001b[31m", "a\\u2028b", "a\\u0000"])
def test_no_control_character_reaches_a_name_of_the_configuration(name: str, tmp_path: Path) -> None:
    for body in (
        f'name: "{name}"\ndata: {{x: k}}',
        f'name: a\nid: "{name}"\ndata: {{x: k}}',
        f'name: a\ndata: {{x: "{name}"}}',
        f'name: a\ndata: {{"{name}": k}}',
        f'name: a\ndata: {{x: k}}\nlabels: {{a: "{name}"}}',
    ):
        lines = told(tmp_path, mapping(body))
        assert lines
        assert all(line.isprintable() for line in lines)
