"""What a command imports: a command that needs no SDK, and no cluster, pays for none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDKS = {"hvac", "boto3", "botocore", "azure", "kubernetes", "requests"}
LIBRARIES = {
    "yaml", "msgspec", "structlog", "urllib3", "cryptography", "apscheduler", "prometheus_client", "jmespath", "jinja2",
}  # fmt: skip
WATCHED = """
import sys, json
from syncd.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
sys.stderr.write("\\n" + json.dumps([code, sorted(sys.modules)]))
"""
VAULT = """
version: 1
instance: startup
target: {kubernetes: {kubeconfig: kubeconfig, context: none}}
stores:
  vault: {type: vault, address: "https://vault.example.com", auth: {token: {file: token}}}
  aws: {type: aws, region: eu-west-1, auth: {default: {}}}
  azure: {type: azure, vaultUrl: "https://kv.vault.azure.net", auth: {workloadIdentity: {}}}
secrets:
  - name: one
    namespace: here
    data: {a: {store: vault, key: a/b, property: c}, b: {store: aws, key: d}, c: {store: azure, key: e}}
"""


def imported(*arguments: str, code: int, folder: Path) -> set[str]:
    """Run syncd and name the top-level packages that it has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    ended, modules = json.loads(done.stderr.splitlines()[-1])
    assert ended == code, done.stderr
    return {name.partition(".")[0] for name in modules} | set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["diff", "--help"], ["run", "--help"]])
def test_help_imports_no_library(arguments: list[str], tmp_path: Path) -> None:
    found = imported(*arguments, code=0, folder=tmp_path)
    assert not found & (SDKS | LIBRARIES)
    assert {name for name in found if name.startswith("syncd")} <= {
        "syncd",
        "syncd.cli",
        "syncd.cli.main",
        "syncd.cli.stop",
        "syncd.defect",
    }


def test_check_imports_no_sdk_whatever_the_stores_are(tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(VAULT)
    found = imported("check", code=0, folder=tmp_path)
    assert "syncd_providers.vault" in found, "the adapter is there, to check its options"
    assert not found & SDKS
    assert "jinja2" not in found, "no mapping has a template"


def test_check_imports_only_the_adapters_of_the_stores_that_are_there(tmp_path: Path) -> None:
    found = imported("check", "-c", str(ROOT / "config/quickstart/syncd.yaml"), code=0, folder=tmp_path)
    assert {name for name in found if name.startswith("syncd_providers.")} & {
        "syncd_providers.vault",
        "syncd_providers.aws",
        "syncd_providers.azure",
    } == set()


def test_diff_of_files_against_a_folder_imports_no_sdk_and_no_cluster_code(tmp_path: Path) -> None:
    found = imported("diff", "-c", str(ROOT / "config/quickstart/syncd.yaml"), code=1, folder=tmp_path)
    assert "syncd.target.directory" in found
    assert not found & SDKS
    assert not found & {
        "syncd.target.kubernetes",
        "syncd.target.kube_api",
        "apscheduler",
        "prometheus_client",
        "structlog",
        "re2",
        "cryptography.x509",
    }


def test_apply_of_files_to_a_folder_imports_no_sdk(tmp_path: Path) -> None:
    for name in ("syncd.yaml", "values.yaml"):
        (tmp_path / name).write_bytes((ROOT / "config/quickstart" / name).read_bytes())
    found = imported("apply", "--yes", code=0, folder=tmp_path)
    assert not found & (SDKS | {"structlog"})
    assert (tmp_path / "secrets/payments/db-credentials.yaml").is_file()
