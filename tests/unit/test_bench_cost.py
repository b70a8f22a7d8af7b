"""What the benchmarks measure is the command's own, and a command that fails is no figure."""

import sys
from pathlib import Path

import pytest

from tests.bench.cost import Cost, measured


def test_the_memory_of_whoever_measures_is_not_the_commands(tmp_path: Path) -> None:
    held = b"x" * (64 * 1024 * 1024)
    cost = measured([sys.executable, "-I", "-S", "-c", "pass"], folder=tmp_path, environment={})
    assert 0 < cost.peak < 40
    assert held


def test_cpu_counts_and_waiting_does_not(tmp_path: Path) -> None:
    code = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    busy = measured([sys.executable, "-I", "-S", "-c", code], folder=tmp_path, environment={})
    idle = measured([sys.executable, "-I", "-S", "-c", "import time; time.sleep(0.2)"], folder=tmp_path, environment={})
    assert busy.cpu >= 0.2
    assert idle.cpu < 0.2 <= idle.wall


def test_a_command_that_fails_is_told_with_its_errors(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('no such store'); sys.exit(3)"
    with pytest.raises(RuntimeError, match=r"ended with 3:\nno such store"):
        measured([sys.executable, "-c", code], folder=tmp_path, environment={})


def test_the_median_is_taken_figure_by_figure() -> None:
    runs = [Cost(1, 9, 5, 2, 2), Cost(2, 1, 6, 2, 2), Cost(9, 2, 1, 2, 2)]
    assert Cost.median(runs) == Cost(2, 2, 5, 2, 2)
