"""Run one test server in a process of its own, for all workers of a test run or for a person at a terminal.

`python -m tests.servers.serve MODULE:CLASS --directory D --owner PID` starts the class, prints its description as one
line of JSON, and ends on SIGTERM or when the owner is gone. A server class has `start(directory)`, `describe()`,
`attach(description)` and `stop()`.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self


class Server(Protocol):
    """What every test server is to those who start and share it."""

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start it on free ports, its files in `directory`, and wait until it answers."""

    @classmethod
    def attach(cls, description: Mapping[str, str]) -> Self:
        """Use one that runs elsewhere, by what its `describe` said."""

    def describe(self) -> dict[str, str]:
        """Give what `attach` needs."""

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""


def server_class(name: str) -> type[Server]:
    """Import the class that `MODULE:CLASS` names."""
    module, _, attribute = name.partition(":")
    found: type[Server] = getattr(importlib.import_module(module), attribute)
    return found


def main() -> None:
    """Serve until told to end, or until nobody is left to serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="MODULE:CLASS")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--owner", type=int, required=True, help="process whose end ends this server")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    options.directory.mkdir(parents=True, exist_ok=True)
    server = server_class(options.server).start(options.directory)
    try:
        sys.stdout.write(json.dumps(server.describe()) + "\n")
        sys.stdout.flush()
        while not ended.wait(0.5) and _alive(options.owner):
            pass
    finally:
        server.stop()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
