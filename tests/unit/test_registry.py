"""Store types are found by name, loaded when asked for, and refused with a way out where they cannot be used."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from syncd.fetch.registry import GROUP, ProviderUnusable, Registry

MEMORY = "syncd.testing.memory_provider:SPEC"


def _point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_the_four_types_of_syncd_are_registered() -> None:
    assert {"aws", "azure", "file", "vault"} <= set(Registry())


def test_a_type_is_loaded_when_it_is_asked_for() -> None:
    registry = Registry([_point("memory", MEMORY), _point("broken", "no_such_module_here:SPEC")])
    assert sorted(registry) == ["broken", "memory"]
    assert "broken" in registry
    assert registry["memory"].name == "memory"


def test_looking_names_up_imports_no_adapter() -> None:
    code = (
        "import sys; from syncd.fetch.registry import Registry; r = Registry(); assert 'vault' in r and list(r);"
        "print([m for m in sys.modules if m.split('.')[0] in ('syncd_providers', 'hvac', 'boto3', 'azure')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Registry([])["vaultt"]


def test_one_name_from_two_packages_is_refused() -> None:
    with pytest.raises(ProviderUnusable, match=r"two packages provide the store type 'memory': .* uninstall one"):
        Registry([_point("memory", MEMORY), _point("memory", "other.package:SPEC")])


def test_the_same_entry_point_seen_twice_is_one() -> None:
    assert list(Registry([_point("memory", MEMORY), _point("memory", MEMORY)])) == ["memory"]


def test_a_spec_that_calls_itself_otherwise_is_refused() -> None:
    with pytest.raises(ProviderUnusable, match="calls itself 'memory' but is registered as 'vault'"):
        Registry([_point("vault", MEMORY)])["vault"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("syncd.testing.memory_provider:memory_store", "is no ProviderSpec"),
        ("syncd.testing.memory_provider:NOTHING", "has no such object"),
    ],
    ids=["no-spec", "no-object"],
)
def test_an_entry_point_that_names_no_spec_is_refused(value: str, words: str) -> None:
    with pytest.raises(ProviderUnusable, match=words):
        Registry([_point("memory", value)])["memory"]


def _package(folder: Path, *, requires: str) -> None:
    """Install an adapter package, as pip would leave it."""
    info = folder / "somebody_s_adapter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: somebody-s-adapter\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nodd = odd_adapter:SPEC\n")
    (folder / "odd_adapter.py").write_text("import sdk_that_is_not_there\n")


def test_a_missing_sdk_names_the_extra_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, requires="Provides-Extra: odd\nRequires-Dist: odd-sdk<3,>=2; extra == 'odd'\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ProviderUnusable, match=r"needs odd-sdk, .*; install somebody-s-adapter\[odd\]"):
        Registry()["odd"]


def test_a_missing_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, requires="")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ProviderUnusable, match=r"needs the module sdk_that_is_not_there, .*; install somebody-s-ad"):
        Registry()["odd"]


@pytest.mark.parametrize("name", ["vault", "aws", "azure", "file"])
def test_what_is_installed_loads(name: str) -> None:
    assert Registry()[name].name == name
