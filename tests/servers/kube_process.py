"""The two processes of a test cluster: etcd and kube-apiserver, their files, and their end.

Both die with the process that started them, whatever kills it.
"""

import base64
import ctypes
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.keyvault_tls import TlsFiles, write_private, write_tls

PATIENCE: Final = 90.0
"""Seconds that a start may take on a busy machine."""
_PR_SET_PDEATHSIG: Final = 1
_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*"]},
        # Names, verbs and codes; bodies would put Secrets into the log.
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class ClusterFiles:
    """What a client needs, and where things are written."""

    tls: TlsFiles
    audit_log: Path
    folder: Path


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def launch(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server whose output goes to `log` and which is killed when this process ends."""
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509 — one call that takes no lock; there is no other way to say it
            env={"HOME": str(log.parent), "PATH": "/usr/bin:/bin", "GOGC": "200"},
        )


def await_ready(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Wait until `ready`; raises RuntimeError with the end of the log where the process ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"{log.stem} did not start:\n{log.read_text(errors='replace')[-4000:]}"
            raise RuntimeError(message)
        time.sleep(0.1)


def end(process: subprocess.Popen[bytes], *, patience: float = 5.0) -> None:
    """Ask it to end, then make it, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def write_files(directory: Path, token: str) -> ClusterFiles:
    """Make certificates, keys, the audit policy and the administrator's token."""
    directory.mkdir(parents=True, exist_ok=True)
    tls = write_tls(directory)
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    write_private(directory / "service-account.pem", key)
    write_private(directory / "tokens.csv", f"{token},admin,admin,system:masters\n".encode())
    (directory / "audit-policy.json").write_text(json.dumps(_POLICY))
    return ClusterFiles(tls, directory / "audit.jsonl", directory)


def etcd_command(program: Path, directory: Path, client: int, peer: int) -> list[str]:
    """Give the command line of an etcd that does not wait for the disk."""
    return [
        str(program),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(program: Path, files: ClusterFiles, *, port: int, etcd: int) -> list[str]:
    """Give the command line of a kube-apiserver with its defaults, RBAC and the audit log."""
    folder = files.folder
    return [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={files.tls.server}",
        f"--tls-private-key-file={files.tls.server}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={folder / 'service-account.pem'}",
        f"--service-account-signing-key-file={folder / 'service-account.pem'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        f"--audit-policy-file={folder / 'audit-policy.json'}",
        f"--audit-log-path={files.audit_log}",
        "--audit-log-mode=blocking",
        "--audit-log-format=json",
        # A rotated file would take a test's `mark` with it.
        "--audit-log-maxsize=4096",
        "--profiling=false",
        f"--cert-dir={folder}",
    ]


def kubeconfig(server: str, ca: Path, token: str, *, name: str = "syncd-test") -> dict[str, object]:
    """Give a kubeconfig with one context for one bearer token."""
    certificate = base64.b64encode(ca.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": certificate}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
