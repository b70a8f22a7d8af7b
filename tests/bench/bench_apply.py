"""`syncd apply` of 2,000 Vault sources to 2,000 Secrets in 20 namespaces, on the real servers, beside two loops.

Each source has a KV path of its own and four keys, taken by `dataFrom`; the token is given. The loops do the same in
the same run, in turn with syncd: `plain_loop` as a script of one's own would, `floor_loop` with nothing but the calls.
Nobody's figures hold elsewhere, since the servers run on the same cores: the ratios and the calls do.
"""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import urllib3

from tests.bench.cost import Cost, measured, table
from tests.servers.kube import Kube
from tests.servers.openbao import OpenBao

SOURCES = 2_000
NAMESPACES = 20
KEYS = ("username", "password", "host", "uri")
RATE = 2_000
"""Requests a second that store and target are allowed."""
_FOLDER = Path(__file__).parent
_LABELS = {"app.kubernetes.io/managed-by": "bench", "app.kubernetes.io/part-of": "shop"}
_ANNOTATIONS = {"example.com/source": "vault", "example.com/version": "1", "example.com/owner": "o" * 43}


@dataclass
class Bench:
    """The servers, filled, and a folder to run commands in."""

    folder: Path
    kube: Kube
    openbao: OpenBao
    mount: str
    token: str
    sources: int

    def paths(self) -> list[str]:
        """Name the sources."""
        return [f"team-{number % NAMESPACES:02d}/app-{number:04d}" for number in range(self.sources)]

    def namespaces(self, prefix: str) -> list[str]:
        """Make namespaces that nobody wrote to."""
        return [self.kube.namespace(f"{prefix}-{number:02d}") for number in range(NAMESPACES)]

    def timed(self, command: Sequence[str], written: Sequence[str] = ()) -> Cost:
        """Run a command, count what it asked, and check that the namespaces in `written` hold every Secret."""
        api, store = self.kube.mark(), self.openbao.mark()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        cost = measured([sys.executable, *command], folder=self.folder, environment=environment)
        asked, read = self.kube.audit(api), self.openbao.requests(store)
        missing = self.sources - sum(self._count(namespace) for namespace in written)
        if written and missing:
            message = f"{' '.join(command)}: {missing} Secrets are missing"
            raise RuntimeError(message)
        return replace(cost, store_calls=len(read), api_calls=len(asked))

    def _count(self, namespace: str) -> int:
        found = self.kube.do("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
        assert isinstance(found, list)
        assert all(set(secret["data"]) == set(KEYS) for secret in found)
        return len(found)


@contextmanager
def servers(sources: int = SOURCES) -> Iterator[Bench]:
    """Start OpenBao and a cluster, and fill the store."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as temporary:
        folder = Path(temporary)
        kube = Kube.start(folder / "kube")
        try:
            openbao = OpenBao.start(folder / "openbao")
            try:
                mount = openbao.mount()
                bench = Bench(folder, kube, openbao, mount, openbao.token([openbao.reader(mount)]), sources)
                _fill(bench)
                yield bench
            finally:
                openbao.stop()
        finally:
            kube.stop()


def _fill(bench: Bench) -> None:
    pool = urllib3.connection_from_url(bench.openbao.address, maxsize=8)
    headers = {"X-Vault-Token": bench.openbao.root_token}

    def put(path: str) -> None:
        data = {key: f"{key}-{secrets.token_hex(16)}" for key in KEYS}
        body = json.dumps({"data": data})
        answer = pool.urlopen("POST", f"/v1/{bench.mount}/data/{path}", body=body, headers=headers)
        assert answer.status == 200, answer.data

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(put, bench.paths()):
            pass
    pool.close()


def configure(bench: Bench, namespaces: Sequence[str], home: str) -> Path:
    """Write the configuration of syncd that fills these namespaces; give its file."""
    (bench.folder / "token").write_text(bench.token + "\n")
    bench.kube.kubeconfig(bench.folder / "kubeconfig")
    limits = {"requestsPerSecond": RATE}
    content = {
        "version": 1,
        "instance": "bench",
        "target": {"kubernetes": {"kubeconfig": "kubeconfig", "context": "syncd-test", "limits": limits}},
        "stores": {
            "vault": {
                "type": "vault",
                "address": bench.openbao.address,
                "mount": bench.mount,
                "auth": {"token": {"file": "token"}},
                "limits": limits,
            }
        },
        "home": {"namespace": home},
        "defaults": {"store": "vault", "labels": {"app.kubernetes.io/part-of": "shop"}},
        "secrets": [
            {"name": path.partition("/")[2], "namespace": namespaces[number % NAMESPACES], "dataFrom": [{"key": path}]}
            for number, path in enumerate(bench.paths())
        ],
    }
    file = bench.folder / f"{home}.yaml"
    file.write_text(json.dumps(content, indent=1))
    return file


def write_job(bench: Bench, namespaces: Sequence[str]) -> Path:
    """Write what a loop is to do; give its file."""
    job = {
        "address": bench.openbao.address,
        "token": bench.token,
        "mount": bench.mount,
        "server": bench.kube.url,
        "ca": bench.kube.ca_file,
        "bearer": bench.kube.token,
        "kubeconfig": str(bench.kube.kubeconfig()),
        "labels": _LABELS,
        "annotations": _ANNOTATIONS,
        "items": [
            (path, namespaces[number % NAMESPACES], path.partition("/")[2]) for number, path in enumerate(bench.paths())
        ],
    }
    file = bench.folder / "job.json"
    file.write_text(json.dumps(job))
    return file


def compare(rounds: int = 3, sources: int = SOURCES) -> dict[str, Cost]:
    """Measure all in turn, `rounds` times; give the medians."""
    runs: dict[str, list[Cost]] = {"plain loop": [], "floor loop": [], "syncd apply": [], "again, nothing changed": []}
    with servers(sources) as bench:
        for number in range(rounds):
            for name in ("plain", "floor"):
                written = bench.namespaces(f"{name}-{number}")
                job = write_job(bench, written)
                runs[f"{name} loop"].append(bench.timed([str(_FOLDER / f"{name}_loop.py"), str(job)], written))
            home = bench.kube.namespace(f"home-{number}")
            written = bench.namespaces(f"syncd-{number}")
            command = ["-m", "syncd", "apply", "--yes", "--config", str(configure(bench, written, home))]
            runs["syncd apply"].append(bench.timed(command, written))
            runs["again, nothing changed"].append(bench.timed(command, written))
    return {name: Cost.median(found) for name, found in runs.items()}


def main() -> None:
    """Print the table."""
    table(compare(), base="plain loop")


if __name__ == "__main__":
    main()
