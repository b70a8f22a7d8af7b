"""The scan itself: it finds every form of a value, in whatever a test prints, and repeats none."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.servers.canary import canary, forms, leaks, watch, watched

ROOT = Path(__file__).parents[2]

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "base64": base64.b64encode,
    "base64 after one byte": lambda value: base64.b64encode(b"x" + value),
    "base64 after two bytes": lambda value: base64.b64encode(b"xy" + value),
    "base64url": base64.urlsafe_b64encode,
    "base64url after one byte": lambda value: base64.urlsafe_b64encode(b"\xff" + value),
    "base64url after two bytes": lambda value: base64.urlsafe_b64encode(b"\xff\xfe" + value),
    "hex": lambda value: value.hex().encode(),
    "HEX": lambda value: value.hex().upper().encode(),
    "percent": lambda value: quote(value, safe="").encode(),
    "percent, every byte": lambda value: "".join(f"%{byte:02X}" for byte in value).encode(),
    "JSON": lambda value: json.dumps(value.decode()).encode(),
    "JSON, every character": lambda value: "".join(f"\\u{ord(char):04x}" for char in value.decode()).encode(),
    "repr": lambda value: repr(value).encode(),
    "numbers": lambda value: str(list(value)).encode(),
    "reversed": lambda value: value[::-1],
    "six bytes": lambda value: value[:6],
    "the end": lambda value: value[-12:],
    "MD5": lambda value: hashlib.md5(value, usedforsecurity=False).hexdigest().encode(),
    "SHA-1 with a newline": lambda value: hashlib.sha1(value + b"\n", usedforsecurity=False).hexdigest().encode(),
    "SHA-256, cut": lambda value: hashlib.sha256(value).hexdigest()[:20].encode(),
    "SHA-256 in base64": lambda value: base64.b64encode(hashlib.sha256(value).digest()),
    "SHA3-224": lambda value: hashlib.sha3_224(value).hexdigest().encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_value_is_found(form: str) -> None:
    value = canary().encode()
    assert leaks([value], where="here", text=b"before " + FORMS[form](value) + b" after")


def test_nothing_is_found_where_nothing_is() -> None:
    value = canary().encode()
    text = b" ".join(form for other in range(50) for form in forms(f"cAn{other:012x}-{other:012x}".encode()))
    assert not leaks([value], where="here", text=text)


def test_a_finding_names_the_place_and_not_the_value() -> None:
    value = canary().encode()
    (finding, *_) = leaks([value], where="here", text=value)
    assert finding.startswith("here: form ")
    assert not leaks([value], where="finding", text=finding.encode())


def test_every_canary_and_credential_is_watched_for() -> None:
    made, given = canary(), watch("credential-of-a-server-0123456789")
    assert {made.encode(), given.encode()} <= set(watched())


LEAKY = """
import logging, sys
import pytest
from tests.servers.canary import canary

def test_silent(): canary()
def test_stdout(): print(canary()[:6])
def test_stderr(): sys.stderr.write(canary().encode().hex())
def test_log(): logging.getLogger("some").warning("%s", canary()[::-1])
def test_failure(): raise ValueError(canary())
@pytest.fixture
def prints_late():
    yield
    print(canary())
def test_teardown(prints_late): pass
@pytest.mark.parametrize("value", [canary()])
def test_name(value): pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_with_a_value_in_its_output_fails_and_names_the_tests(workers: str, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    options = [
        "-p",
        "tests.faults.leak_plugin",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-n",
        workers,
        "--tb=no",
    ]
    deselect = "" if workers == "0" else " and not name"  # a name that differs between workers stops xdist
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-k", "not failure" + deselect, "test_leaky.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    _, _, told = done.stdout.partition("values that leaked")
    named = {line.partition(": ")[0].partition("::")[2] for line in told.splitlines() if "::" in line}
    assert named == {"test_stdout", "test_stderr", "test_log", "test_teardown"} | (
        {"test_name"} - {deselect and "test_name"}
    )
    assert "cAn" not in told


def test_what_a_test_failed_with_counts_too(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    options = ["-p", "tests.faults.leak_plugin", "-p", "no:cacheprovider", "-n", "0", "--tb=no", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-k", "failure", "test_leaky.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "test_leaky.py::test_failure: what it failed with" in done.stdout
