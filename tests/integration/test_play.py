"""`make servers`: the servers come up, what is printed works when it is pasted, and nothing is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Playing:
    """A running `python -m tests.servers.play`."""

    def __init__(self, folder: Path) -> None:
        """Start it; its folder of files goes into `folder`."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.play"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.printed: list[str] = []

    def read(self) -> None:
        """Wait for the last of the printed lines."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                return
        message = f"it ended: {self.printed}"
        raise AssertionError(message)

    def command(self, words: str) -> str:
        """Give the printed command that holds these words."""
        (line,) = [line.strip() for line in self.printed if line.startswith("  ") and words in line]
        return line

    def paste(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run printed commands one after the other in one shell, as a person would; give how the last one ended."""
        script = "\n".join(self.command(each) for each in ("cd /", *words))
        environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
        return subprocess.run(
            ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=90
        )

    def family(self) -> set[int]:
        """Name all processes that descend from it, itself included."""
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                after = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(after[1])
        found = {self.process.pid}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Playing]:
    started = Playing(tmp_path)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.terminate()
            started.process.wait(30)
        assert started.process.stdout is not None
        started.process.stdout.close()


def alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.timeout(240)
def test_what_is_printed_works_and_nothing_is_left_after_ctrl_c(playing: Playing, tmp_path: Path) -> None:
    playing.read()
    assert playing.paste("syncd check").returncode == 0
    shown = playing.paste("syncd diff")
    assert shown.returncode == 1, shown.stderr
    assert "3 to create" in shown.stdout
    applied = playing.paste("syncd apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert playing.paste("syncd diff").returncode == 0
    rotated = playing.paste("export BAO_ADDR", "kv put", "syncd diff")
    assert (rotated.returncode, "password" in rotated.stdout) == (1, True), rotated.stderr
    if any("kubectl" in line for line in playing.printed):
        assert "name: db-credentials" in playing.paste("kubectl").stdout

    family = playing.family()
    assert len(family) > 1
    playing.process.send_signal(signal.SIGINT)
    assert playing.process.wait(30) == 0
    left = family
    until = time.monotonic() + 5
    while (left := {process for process in left if alive(process)}) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("syncd-demo-")]


@pytest.mark.timeout(240)
def test_it_ends_cleanly_while_it_still_starts(playing: Playing, tmp_path: Path) -> None:
    until = time.monotonic() + 60
    while len(playing.family()) == 1 and time.monotonic() < until:
        time.sleep(0.05)
    family = playing.family()
    playing.process.send_signal(signal.SIGTERM)
    assert playing.process.wait(120) == 0
    assert not [process for process in family if alive(process)]
    assert not list(tmp_path.glob("syncd-demo-*"))
