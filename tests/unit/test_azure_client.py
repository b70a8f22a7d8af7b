"""The Azure adapter before its SDK is needed, and without it."""

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.store import StoreSettings
from syncd_providers.azure import SPEC
from syncd_providers.azure.options import AzureOptions

OPTIONS = msgspec.convert({"vaultUrl": "https://kv.vault.azure.net", "auth": {"managedIdentity": {}}}, AzureOptions)
SETTINGS = StoreSettings("kv", Path("/"))


class _Call:
    """A call that must not be spent on."""

    deadline = 0.0
    cancelled = threading.Event()

    def spend(self) -> None:
        pytest.fail("no request is needed for this")

    def remaining(self) -> float:
        return 1.0


def test_the_sdk_is_not_imported_before_the_first_read() -> None:
    program = """
import sys
from pathlib import Path
import msgspec
from syncd.model.reference import RemoteRef
from syncd.model.store import StoreSettings
from syncd_providers.azure import SPEC
tree = {"vaultUrl": "https://kv.vault.azure.net", "auth": {"managedIdentity": {}}}
options, settings = msgspec.convert(tree, SPEC.options), StoreSettings("kv", Path("/"))
assert list(SPEC.check(options, settings)) == []
provider = SPEC.create(options, settings)
provider.canonical(RemoteRef("kv", "db"))
provider.relogin()
provider.close()
loaded = [name for name in sys.modules if name.partition(".")[0] in ("azure", "msal", "requests", "cryptography")]
assert loaded == [], loaded
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_sdk_each_read_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "syncd_providers.azure.session", None)
    refs = [RemoteRef("kv", "a"), RemoteRef("kv", "b")]
    found = dict(SPEC.create(OPTIONS, SETTINGS).fetch(refs, _Call()))
    assert list(found) == refs
    for outcome in found.values():
        assert isinstance(outcome, Failure)
        assert (outcome.cls, outcome.reason, outcome.scope) == (FailureClass.CONFIG, "sdk-missing", "store")
        assert "syncd[azure]" in outcome.message
