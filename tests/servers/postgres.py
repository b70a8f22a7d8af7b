"""A real PostgreSQL for the database engine, where Debian's package (or another) has put its binaries."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.servers.canary import watch

_ROOT: Final = Path("/usr/lib/postgresql")
_PATIENCE: Final = 30.0


def binaries() -> Path | None:
    """Give the folder of the newest server's binaries; None where there is none."""
    found = [path.parent for path in _ROOT.glob("*/bin/postgres") if os.access(path, os.X_OK)]
    return max(found, key=lambda path: int(path.parent.name), default=None)


@dataclass
class Postgres:
    """A running server on a free port of loopback; `postgres` is its administrator."""

    port: int
    password: str
    _bin: Path
    _folder: tempfile.TemporaryDirectory[str]
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Self:
        """Make a cluster and serve it. The server refuses to run as root, so it runs as nobody there."""
        bin_ = binaries()
        assert bin_ is not None, "there is no PostgreSQL here; look at binaries() first"
        folder = tempfile.TemporaryDirectory(prefix="syncd-postgres-", ignore_cleanup_errors=True)
        user: int | None = 65534 if os.geteuid() == 0 else None
        if user is not None:
            os.chown(folder.name, user, user)
        data, password = Path(folder.name, "data"), watch(secrets.token_hex(16))
        secret = Path(folder.name, "password")
        secret.write_text(password)
        if user is not None:
            os.chown(secret, user, user)
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder.name, "LC_ALL": "C"}
        made = subprocess.run(
            [bin_ / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"],
            user=user, group=user, env=environment, cwd=folder.name, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr[-2000:]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with Path(folder.name, "log").open("wb") as log:
            process = subprocess.Popen(
                [bin_ / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"],
                user=user, group=user, env=environment, cwd=folder.name, stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        server = cls(port, password, bin_, folder, process)
        server._await_ready()
        return server

    def stop(self) -> None:
        """Stop it and remove its files."""
        self._process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def can_log_in(self, user: str, password: str) -> bool:
        """Try a login."""
        return self._psql("select 1", user, password).returncode == 0

    def _psql(self, statement: str, user: str, password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-tAc", statement, "postgres"],
            env={"PATH": "/usr/bin:/bin", "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5", "LC_ALL": "C"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self.can_log_in("postgres", self.password):
            gone = self._process.poll() is not None
            assert not gone, Path(self._folder.name, "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.05)
