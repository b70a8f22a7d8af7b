"""What a command costs, and tables of it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

LIMIT = 180
"""Seconds after which a command that is measured is killed."""
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Cost:
    """Of one run, or the medians of several."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system."""
    peak: float
    """Largest resident memory, MiB."""
    store_calls: float = 0.0
    api_calls: float = 0.0

    @classmethod
    def median(cls, runs: Iterable[Self]) -> "Cost":
        """Give the median of each figure."""
        kept = list(runs)
        return Cost(*(statistics.median(getattr(run, field.name) for run in kept) for field in fields(cls)))


def measured(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command in `folder` with its output dropped; raises RuntimeError with its errors where it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_LAUNCH), str(LIMIT), *command],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=LIMIT + 30,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    said = json.loads(done.stdout)
    if said["code"] != 0:
        message = f"{' '.join(command)} ended with {said['code']}:\n{done.stderr[-2000:]}"
        raise RuntimeError(message)
    return Cost(said["wall"], said["cpu"], said["peak"])


def table(rows: Mapping[str, Cost], *, base: str) -> None:
    """Print the figures of each contestant, and its shares of those of `base`."""
    print(f"  {'':24}{'wall s':>8}{'CPU s':>8}{'MiB':>7}{'store':>8}{'API':>7}    wall    CPU  memory of {base}")
    against = rows[base]
    for name, cost in rows.items():
        shares = (cost.wall / against.wall, cost.cpu / against.cpu, cost.peak / against.peak)
        figures = f"{cost.wall:8.2f}{cost.cpu:8.2f}{cost.peak:7.0f}{cost.store_calls:8.0f}{cost.api_calls:7.0f}"
        print(f"  {name:24}{figures}" + "".join(f"{share:8.2f}" for share in shares))
