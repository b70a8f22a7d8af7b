"""What a script of one's own would be: hvac and CoreV1Api as their documentation shows them, on 16 threads.

Run as `python plain_loop.py JOB.json`.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hvac
from kubernetes import client, config


def main() -> None:
    """Read each path once and create each Secret."""
    job = json.loads(Path(sys.argv[1]).read_text())
    vault = hvac.Client(url=job["address"], token=job["token"])
    config.load_kube_config(job["kubeconfig"])  # type: ignore[no-untyped-call]  # the client has no type hints
    core = client.CoreV1Api()

    def copy(item: tuple[str, str, str]) -> None:
        path, namespace, name = item
        read = vault.secrets.kv.v2.read_secret_version(
            path=path, mount_point=job["mount"], raise_on_deleted_version=True
        )
        metadata = client.V1ObjectMeta(name=name, labels=job["labels"], annotations=job["annotations"])
        secret = client.V1Secret(metadata=metadata, string_data=read["data"]["data"])
        core.create_namespaced_secret(namespace, secret)

    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(copy, job["items"]):
            pass


if __name__ == "__main__":
    main()
