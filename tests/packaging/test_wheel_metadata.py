"""What the package says of itself, and what its lock holds."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

import pytest

import syncd

ROOT = Path(__file__).parents[2]
Table = dict[str, object]


def locked() -> list[Table]:
    """Give every package of the lock but the project itself."""
    packages = cast("list[Table]", tomllib.loads((ROOT / "uv.lock").read_text())["package"])
    return [package for package in packages if package["name"] != "syncd"]


def test_the_version_is_said_once_and_the_same() -> None:
    assert distribution("syncd").version == syncd.__version__


def test_the_command_and_the_four_types_of_store_are_entry_points() -> None:
    points = {(point.group, point.name): point.value for point in distribution("syncd").entry_points}
    assert points == {
        ("console_scripts", "syncd"): "syncd.cli.main:main",
        **{("syncd.providers", name): f"syncd_providers.{name}:SPEC" for name in ("vault", "aws", "azure", "file")},
    }


def test_every_sdk_comes_with_its_extra_and_with_no_other() -> None:
    found = distribution("syncd")
    assert set(found.metadata.get_all("Provides-Extra") or ()) == {"vault", "aws", "azure", "all"}
    extras: dict[str, set[str]] = {}
    for line in found.requires or ():
        package = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        assert package is not None
        extras.setdefault(extra[1] if extra else "", set()).add(package[0])
    assert extras["vault"] == {"hvac", "requests"}
    assert extras["aws"] == {"boto3"}
    assert extras["azure"] == {"azure-identity", "azure-keyvault-secrets", "azure-core"}
    sdks = extras["vault"] | extras["aws"] | extras["azure"]
    assert not extras[""] & sdks
    assert extras["all"] in ({"syncd"}, sdks)


@pytest.mark.parametrize("marker", ["syncd/py.typed", "providers/syncd_providers/py.typed"])
def test_both_packages_are_typed(marker: str) -> None:
    assert (ROOT / marker).is_file()


def test_every_package_of_the_lock_has_hashes() -> None:
    packages = locked()
    assert len(packages) > 50
    for package in packages:
        files = [*cast("list[Table]", package.get("wheels", [])), *cast("list[Table]", [package.get("sdist") or {}])]
        hashes = [str(file["hash"]) for file in files if file]
        assert hashes, package["name"]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes), package["name"]


def test_the_lock_holds_no_second_http_stack_in_the_name_of_urllib3() -> None:
    names = {package["name"] for package in locked()}
    assert "urllib3" in names
    assert not names & {"niquests", "urllib3-future", "jh2", "qh3", "wassima"}


def test_the_kubernetes_client_is_one_that_sends_its_token() -> None:
    # 36.0.0 sends no Authorization header in a Pod.
    (version,) = [str(package["version"]) for package in locked() if package["name"] == "kubernetes"]
    parts = tuple(int(part) for part in version.split("."))
    assert (37, 0, 1) <= parts < (38,)
    assert "kubernetes<38,>=37.0.1" in (distribution("syncd").requires or ())
