"""Loading 10,000 mappings of 5 keys: syncd's whole loader against PyYAML's CSafeLoader, which only makes the tree.

    python tests/bench/bench_config.py

Each runs in processes of its own, in turn; printed are the least CPU seconds, the least peak memory, and
how much of that came with loading (both processes have the same imports).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from syncd.config.load import load
from syncd.fetch.seam import Call, ProviderSpec
from syncd.model.reference import Outcome, RemoteRef
from syncd.model.store import StoreSettings

MAPPINGS = 10_000
ROUNDS = 3
MOST_CPU = 0.25
"""The share of CSafeLoader's CPU that syncd may take."""
MOST_PEAK = 0.5
"""The share of its peak memory."""
KEYS = ("username", "password", "host", "port", "ca.crt")


class Options(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A store without options."""


class Nothing:
    """A provider that names objects and is never asked for one."""

    batch_size = 1

    def canonical(self, ref: RemoteRef) -> RemoteRef:
        """Fill in the mount, as a real one does."""
        return ref._replace(mount=ref.mount or "secret")

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Give nothing."""
        del refs, call
        return ()

    def relogin(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _make(options: Options, settings: StoreSettings) -> Nothing:
    del options, settings
    return Nothing()


SPECS: Mapping[str, ProviderSpec[Options]] = {"bench": ProviderSpec("bench", Options, _make)}


def write(path: Path, count: int = MAPPINGS) -> None:
    """Write a configuration of `count` mappings, 21 lines each."""
    lines = ["version: 1", "instance: bench", "target: {kubernetes: {}}", "stores:", "  main:", "    type: bench"]
    lines += ["defaults:", "  interval: 5m", "secrets:"]
    for number in range(count):
        team = f"team-{number % 50:02d}"
        lines += [f"- name: app-{number:05d}", f"  namespace: {team}", "  labels:", f"    team: {team}"]
        lines += ["    app.kubernetes.io/part-of: shop", "  whenMappingGone: delete", "  data:"]
        for key in KEYS[:3]:
            lines.append(f"    {key}: {team}/app-{number:05d}#{key}")
        for key in KEYS[3:]:
            lines += [
                f"    {key}:",
                "      store: main",
                f"      key: {team}/app-{number:05d}",
                f"      property: {key}",
            ]
        lines += ["  store: main", "  adopt: false"]
    path.write_text("\n".join(lines) + "\n")


def _memory(field: str) -> float:
    """Read VmRSS (now) or VmHWM (peak) of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) / 1024
    raise LookupError(field)


def measure(what: str, path: Path) -> None:
    """Do one of the two in this process, and print CPU seconds, peak MiB, and how much of that is the loading's."""
    before = _memory("VmRSS")
    start = time.process_time()
    if what == "syncd":
        loaded = len(load(path, SPECS).mappings)
    else:
        loaded = len(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["secrets"])
    seconds = time.process_time() - start
    peak = _memory("VmHWM")
    print(seconds, peak, peak - before, loaded)


class Figures(NamedTuple):
    """The least of each, of one contestant."""

    seconds: float
    peak: float
    """MiB."""
    added: float
    """MiB of the peak that came with loading."""


def compare(count: int = MAPPINGS, rounds: int = ROUNDS) -> dict[str, Figures]:
    """Measure both in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "syncd.yaml")
        write(path, count)
        runs: dict[str, list[Figures]] = {"syncd": [], "CSafeLoader": []}
        for _ in range(rounds):
            for what, found in runs.items():
                command = [sys.executable, __file__, what, str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                *figures, loaded = done.stdout.split()
                if int(loaded) != count:
                    message = f"{what} found {loaded} mappings"
                    raise AssertionError(message)
                found.append(Figures(*map(float, figures)))
    return {what: Figures(*map(min, zip(*found, strict=True))) for what, found in runs.items()}


def main() -> int:
    """Print the table; exit code 1 where the CPU or the peak misses its share."""
    found = compare()
    for what, figures in found.items():
        print(
            f"{what:12} {figures.seconds:6.2f} s CPU {figures.peak:7.0f} MiB peak {figures.added:7.0f} MiB of it added"
        )
    shares = tuple(ours / theirs for ours, theirs in zip(found["syncd"], found["CSafeLoader"], strict=True))
    print("share        {:6.2f}       {:7.2f}          {:7.2f}".format(*shares))
    print(f"{'target':12} {MOST_CPU:6.2f}       {MOST_PEAK:7.2f}")
    return 0 if shares[0] <= MOST_CPU and shares[1] <= MOST_PEAK else 1


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        sys.exit(main())
