"""The least that Python with urllib3 can do for it: each path read once, each Secret created, nothing judged.

Run as `python floor_loop.py JOB.json`.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import urllib3


class Job(msgspec.Struct):
    """What to copy, from where to where."""

    address: str
    token: str
    mount: str
    server: str
    ca: str
    bearer: str
    labels: dict[str, str]
    annotations: dict[str, str]
    items: list[tuple[str, str, str]]


class _Inner(msgspec.Struct):
    data: dict[str, str]


class _Read(msgspec.Struct):
    data: _Inner


def main() -> None:
    """Read each path once and create each Secret."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    vault = urllib3.connection_from_url(job.address, maxsize=16)
    api = urllib3.connection_from_url(job.server, maxsize=16, ca_certs=job.ca)
    decoder = msgspec.json.Decoder(_Read)
    read_headers = {"X-Vault-Token": job.token}
    write_headers = {"Authorization": f"Bearer {job.bearer}", "Content-Type": "application/json"}

    def copy(item: tuple[str, str, str]) -> None:
        path, namespace, name = item
        answer = vault.urlopen("GET", f"/v1/{job.mount}/data/{path}", headers=read_headers)
        found = decoder.decode(answer.data).data.data
        metadata = {"name": name, "labels": job.labels, "annotations": job.annotations}
        data = {key: value.encode() for key, value in found.items()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        target = f"/api/v1/namespaces/{namespace}/secrets"
        made = api.urlopen("POST", target, body=msgspec.json.encode(body), headers=write_headers)
        if made.status != 201:
            raise SystemExit(made.status)

    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(copy, job.items):
            pass


if __name__ == "__main__":
    main()
