"""Three real stores, a real cluster and the program itself, for tests of the main job end to end."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.keyvault import KeyVault
from tests.servers.kube import AuditEntry, Kube
from tests.servers.moto import AwsCredentials, Moto
from tests.servers.openbao import OpenBao

PATIENCE = 30.0
"""Seconds that a test waits for something before it calls it missing."""


@dataclass
class World:
    """A folder with a configuration, names of its own in every server, and ways to run syncd on it."""

    folder: Path
    kube: Kube
    openbao: OpenBao
    moto: Moto
    keyvault: KeyVault
    mount: str
    aws: AwsCredentials
    home: str
    namespace: str
    tag: str
    """Part of every name in a shared store, so that tests do not meet."""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, kube: Kube, openbao: OpenBao, moto: Moto, keyvault: KeyVault) -> "World":
        """Make names in each server, and the credential files."""
        mount = openbao.mount()
        role_id, secret_id = openbao.approle([openbao.reader(mount)])
        aws = moto.credentials()
        for name, content in {
            "role-id": role_id,
            "secret-id": secret_id,
            "aws-secret": aws.secret_access_key,
            "azure-secret": keyvault.client_secret,
        }.items():
            (folder / name).write_text(content + "\n")
        kube.kubeconfig(folder / "kubeconfig")
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        home, namespace = kube.namespace(), kube.namespace()
        return cls(
            folder,
            kube,
            openbao,
            moto,
            keyvault,
            mount,
            aws,
            home,
            namespace,
            secrets.token_hex(4),
            environment,
        )

    def stores(self) -> dict[str, dict[str, object]]:
        """Give the three stores as the file spells them."""
        return {
            "vault": {
                "type": "vault",
                "address": self.openbao.address,
                "mount": self.mount,
                "auth": {"appRole": {"roleId": {"file": "role-id"}, "secretId": {"file": "secret-id"}}},
            },
            "aws": {
                "type": "aws",
                "region": self.moto.region,
                "endpoint": self.moto.endpoint,
                "auth": {"static": {"accessKeyId": self.aws.access_key_id, "secretAccessKey": {"file": "aws-secret"}}},
            },
            "azure": {
                "type": "azure",
                "vaultUrl": self.keyvault.vault_url,
                "authority": self.keyvault.authority,
                "tls": {"caFile": self.keyvault.ca_file},
                "auth": {
                    "clientSecret": {
                        "tenantId": self.keyvault.tenant_id,
                        "clientId": self.keyvault.client_id,
                        "secret": {"file": "azure-secret"},
                    }
                },
            },
        }

    def configure(self, mappings: Sequence[Mapping[str, object]], **top: object) -> None:
        """Write syncd.yaml with these mappings; `top` replaces or adds top-level fields."""
        content: dict[str, object] = {
            "version": 1,
            "instance": f"test-{self.tag}",
            "target": {"kubernetes": {"kubeconfig": "kubeconfig", "context": "syncd-test"}},
            "stores": self.stores(),
            "home": {"namespace": self.home},
            "defaults": {"namespace": self.namespace},
            "secrets": list(mappings),
        }
        (self.folder / "syncd.yaml").write_text(json.dumps(content | top, indent=1))

    def run(self, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run syncd to its end; `expect` is the exit code that must come, None for any."""
        done = subprocess.run(
            [sys.executable, "-m", "syncd", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        # Into the test's own output, which the scan for leaks looks at.
        sys.stdout.write(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        assert expect in (None, done.returncode), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def daemon(self, *arguments: str) -> Iterator["Daemon"]:
        """Run the daemon, and end it with SIGTERM: it must go within 10 s, with exit code 0."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        content = json.loads((self.folder / "syncd.yaml").read_text())
        content["daemon"] = {"listen": f"127.0.0.1:{port}"}
        (self.folder / "syncd.yaml").write_text(json.dumps(content))
        errors = self.folder / "daemon.log"
        with errors.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "run", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        daemon = Daemon(process, port, errors)
        try:
            yield daemon
        finally:
            if process.poll() is None:
                daemon.end()
            sys.stdout.write(daemon.log())

    def asked(self, since: int) -> list[AuditEntry]:
        """Give what syncd asked the API server about this world's namespaces after `kube.mark()`."""
        own = (self.home, self.namespace)
        return [e for e in self.kube.audit(since) if e.user_agent.startswith("syncd/") and e.namespace in own]

    def live(self, name: str) -> dict[str, bytes]:
        """Give the data of a Secret of this world's namespace; empty where there is none."""
        return self.kube.data(self.namespace, name) if self.kube.secret(self.namespace, name) else {}


@dataclass
class Daemon:
    """A running `syncd run`."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    def log(self) -> str:
        """Give all that it has said."""
        return self.log_file.read_text()

    def get(self, path: str) -> tuple[int, str]:
        """Ask its health server; status 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until(self, holds: Callable[[], object], *, patience: float = PATIENCE) -> float:
        """Wait until something holds; give how many seconds it took. Fails with the daemon's log."""
        began = time.monotonic()
        while not holds():
            assert self.process.poll() is None, f"the daemon ended:\n{self.log()}"
            assert time.monotonic() - began < patience, f"not within {patience} s; the daemon said:\n{self.log()}"
            time.sleep(0.05)
        return time.monotonic() - began

    def until_ready(self) -> None:
        """Wait until it has looked at everything."""
        self.until(lambda: self.get("/readyz")[0] == 200)

    def metric(self, line: str) -> float:
        """Give the value of one metric by its name and labels; 0 where there is none."""
        found = [text for text in self.get("/metrics")[1].splitlines() if text.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    def end(self) -> float:
        """Send SIGTERM; give the seconds it took to end. It must be fewer than 10, with exit code 0."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            message = f"not gone 10 s after SIGTERM:\n{self.log()}"
            raise AssertionError(message) from None
        assert code == 0, f"exit {code}:\n{self.log()}"
        return time.monotonic() - began
