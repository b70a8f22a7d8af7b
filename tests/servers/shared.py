"""One server of each kind for all workers of a test run: the first that needs it starts it, the run's end stops it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

from tests.servers.serve import Server

S = TypeVar("S", bound=Server)
_ROOT = Path(__file__).parents[2]


def shared(kind: type[S], root: Path, owner: int) -> S:
    """Attach to the run's server of this kind, starting it where no worker has yet.

    `root` is a folder that all workers share; the server ends with the process `owner` at the latest. Raises
    RuntimeError with the tail of the server's stderr where it does not start.
    """
    name = f"{kind.__module__}:{kind.__qualname__}"
    folder = root / "servers" / kind.__module__.rpartition(".")[2]
    folder.mkdir(parents=True, exist_ok=True)
    description = folder / "description.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not description.exists():
            description.write_text(_launch(name, folder, owner))
    return kind.attach(json.loads(description.read_text()))


def _launch(name: str, folder: Path, owner: int) -> str:
    command = [sys.executable, "-m", "tests.servers.serve", name]
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [*command, "--directory", str(folder / "data"), "--owner", str(owner)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    (folder / "pid").write_text(str(process.pid))
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        message = f"{name} did not start:\n{(folder / 'stderr').read_text()[-4000:]}"
        raise RuntimeError(message)
    process.stdout.close()
    process.returncode = 0  # it outlives this worker; the run's end stops it by its number
    return line


def stop_shared(root: Path, *, patience: float = 20.0) -> None:
    """Stop every server that `shared` started under `root` and wait for them, `patience` seconds at most."""
    processes = [int(file.read_text()) for file in root.glob("servers/*/pid")]
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := [process for process in processes if _signal(process, 0)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        _signal(process, signal.SIGKILL)


def _signal(process: int, number: int) -> bool:
    try:
        if os.waitpid(process, os.WNOHANG)[0] == process:
            return False
    except ChildProcessError:
        pass  # another worker's child
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
