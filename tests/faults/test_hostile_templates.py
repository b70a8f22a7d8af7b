"""L1, L2, L3: templates that are meant to hurt end with an error, within a second and 64 MiB."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from syncd import template
from syncd.template.filters import FILTERS
from tests.faults.hostile_templates import HOSTILE, ROOM, VALUES

ROOT = Path(__file__).parents[2]
SECONDS, MEBIBYTES = 1.0, 64.0


@cache
def costs() -> dict[str, tuple[bool, str, float, float]]:
    """Run every hostile template in a process that may not grow by more than 64 MiB."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hostile_templates"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (wrong, said, seconds, mebibytes) for name, wrong, said, seconds, mebibytes in lines}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_ends_with_an_error_within_a_second_and_64_mebibytes(name: str) -> None:
    """L3."""
    wrong, said, seconds, mebibytes = costs()[name]
    assert wrong, said
    assert seconds < SECONDS
    assert mebibytes < MEBIBYTES


def test_there_are_more_than_twenty_of_them_and_the_process_is_held_to_the_bound() -> None:
    assert len(HOSTILE) > 60
    assert ROOM / 1024 / 1024 == MEBIBYTES
    assert max(map(len, VALUES.values())) == 1024 * 1024


def test_no_filter_and_no_name_reaches_anything_but_the_mappings_keys() -> None:
    """L1, L2: the filters are these and no more, and a name that is no key is a mistake."""
    assert set(FILTERS) == {
        "b64decode", "b64encode", "default", "dotenv", "dsnpart", "first", "fromjson", "fromyaml", "indent", "ini",
        "int", "items", "join", "last", "length", "lower", "pem_certificates", "pem_chain", "pem_key",
        "pkcs12_certificates", "pkcs12_key", "quote", "replace", "sha256", "sort", "split", "tojson", "toml", "toyaml",
        "trim", "unique", "upper", "urlencode", "urlpart",
    }  # fmt: skip
    for name in ("lookup", "getHostByName", "env", "range", "lipsum", "cycler", "namespace", "self", "request", "now"):
        program = template.read(f"{{{{ {name} }}}}")
        assert isinstance(program, template.Program)
        assert template.mistakes(program, template.Known(frozenset({"k"})))
        assert isinstance(template.read(f"{{{{ {name}('x') }}}}"), tuple)
        assert isinstance(template.render(program, {"k": b"v"}), template.Stopped)
