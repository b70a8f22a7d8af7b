"""What `syncd --help` takes beyond a bare interpreter: the medians of 15 runs each, in turn, in ms of wall time.

    python tests/bench/bench_startup.py

The target is under 60 ms, so that a person at a prompt does not notice.
"""

import statistics
import subprocess
import sys
import time

_RUNS = 15
_TARGET = 60.0
_COMMANDS = {"bare interpreter": ["-c", "pass"], "syncd --help": ["-m", "syncd", "--help"]}


def _milliseconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Print the medians and their difference; exit code 1 where it misses the target."""
    took: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for arguments in _COMMANDS.values():
        _milliseconds(arguments)  # compiled and in the page cache
    for _ in range(_RUNS):
        for name, arguments in _COMMANDS.items():
            took[name].append(_milliseconds(arguments))
    medians = {name: statistics.median(runs) for name, runs in took.items()}
    for name, median in medians.items():
        print(f"{name:18} {median:6.1f} ms")
    more = medians["syncd --help"] - medians["bare interpreter"]
    print(f"{'difference':18} {more:6.1f} ms (target: under {_TARGET:.0f})")
    return 0 if more < _TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
