"""I-PARSE at its bounds: a mebibyte of anything costs each parser less than a second and 64 MiB.

Each parser runs in a process of its own, so that its peak of memory and its seconds of processor are its own too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.hurtful_bytes import SIZE, hurtful
from tests.faults.parsers import PARSERS

ROOT = Path(__file__).parents[2]
SECONDS, MEBIBYTES = 1.0, 64.0


@pytest.mark.parametrize("parser", PARSERS)
def test_a_mebibyte_of_anything_costs_less_than_a_second_and_64_mebibytes(parser: str) -> None:
    """I-PARSE."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.parsers", parser],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    costs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(costs) == sum(1 for _ in hurtful(64))
    assert [cost for cost in costs if cost[1] > SECONDS or cost[2] > MEBIBYTES] == []


def test_the_inputs_are_as_large_as_they_say() -> None:
    assert all(len(data) == SIZE for name, data in hurtful() if "frame" in name)
