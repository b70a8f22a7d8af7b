"""The program over a file store and a folder, started as a user starts it, with a terminal where one is wanted."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 30.0
"""Seconds that a test waits for something before it calls it missing."""


@dataclass
class Desk:
    """A folder with a configuration and its values."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def values(self, **objects: Mapping[str, str]) -> None:
        """Write the store: objects with their keys."""
        (self.folder / "values.yaml").write_text(json.dumps(objects))

    def configure(self, *names: str, **top: object) -> None:
        """Map the object `app` to a Secret of each name, in namespace `team`."""
        content: dict[str, object] = {
            "version": 1,
            "instance": "test",
            "target": {"directory": {"path": "out"}},
            "stores": {"local": {"type": "file", "path": "values.yaml"}},
            "defaults": {"store": "local", "namespace": "team"},
            "secrets": [{"name": name, "dataFrom": [{"key": "app"}]} for name in names],
        }
        (self.folder / "syncd.yaml").write_text(json.dumps(content | top))

    def start(self, *arguments: str, **streams: int) -> subprocess.Popen[str]:
        """Start syncd."""
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "syncd", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment},
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},  # type: ignore[call-overload]
        )
        return process

    def run(self, *arguments: str, expect: int = 0) -> tuple[str, str]:
        """Run syncd to its end and give what it printed; `expect` is the exit code that must come."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        assert process.returncode == expect, f"exit {process.returncode}\n{out}\n{err}"
        return out, err

    def written(self) -> list[str]:
        """Name the Secrets that stand in the folder."""
        return sorted(path.stem for path in (self.folder / "out").rglob("*.yaml"))


class Terminal:
    """A syncd on a terminal, as a person sees it."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        """Start it; its standard streams are all the terminal."""
        ours, theirs = pty.openpty()
        self._terminal = ours
        self.shown = ""
        self._process = desk.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def until(self, text: str) -> None:
        """Wait until the terminal shows `text`."""
        ends = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < ends, self.shown
            assert self._more(), f"ended without {text!r}: {self.shown}"

    def type(self, text: str) -> None:
        """Type."""
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(2)

    def end(self) -> int:
        """Wait until it ends, and give its exit code."""
        while self._more():
            pass
        os.close(self._terminal)
        code = self._process.wait(PATIENCE)
        assert "Traceback" not in self.shown, self.shown
        return code

    def _more(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], PATIENCE)
        try:
            chunk = os.read(self._terminal, 65536) if ready else b""
        except OSError:  # EIO: the other side has gone
            chunk = b""
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)


def names(count: int) -> Sequence[str]:
    """Give so many names of Secrets."""
    return [f"s{number}" for number in range(count)]


def options(**said: object) -> Namespace:
    """Give what `apply` is told where it is told nothing, and what is said here."""
    told: dict[str, object] = {
        "config": "syncd.yaml",
        "context": None,
        "select": [],
        "prune": False,
        "allow_replace": False,
        "allow_deletes": None,
        "allow_changes": None,
        "issue": False,
        "take_over": False,
    }
    return Namespace(**(told | said))
