"""Credentials of the API server that rotate, vanish or come from a program."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, ReadFailure
from syncd.target.kube_api import Api
from syncd.target.kube_login import resolve
from syncd.target.kubernetes import KubernetesTarget
from tests.servers.kube_use import look
from tests.servers.kube_wire import Say, Wire, serve
from tests.unit.kube_makers import CANARY, KEY, Time, stored


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serve() as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def target(wire: Wire, time: Time, tmp_path: Path) -> Iterator[KubernetesTarget]:
    cluster = resolve(kubeconfig=wire.kubeconfig(tmp_path), context=None, environment={})
    api = Api(cluster, clock=time.clock, wait=time.wait, jitter=lambda: 1.0)
    opened = KubernetesTarget(api)
    yield opened
    opened.close()


# Credentials


def rotating(tokens: dict[str, Say]) -> Callable[..., Say]:
    """Answer by the token that a request carries."""

    def answer(heard: object) -> Say:
        headers: dict[str, str] = getattr(heard, "headers", {})
        return tokens.get(headers.get("Authorization", headers.get("authorization", "")), Say(401, {}))

    return answer


def pod(wire: Wire, folder: Path, token: str) -> KubernetesTarget:
    """Give the target of a Pod whose files are in `folder`. Its API server speaks plain HTTP here."""
    (folder / "token").write_text(token)
    user = wire.kubeconfig(folder, tokenFile=str(folder / "token"))
    return KubernetesTarget(Api(resolve(kubeconfig=user, context=None, environment={})))


def test_a_rotated_token_is_read_anew_after_a_401(wire: Wire, tmp_path: Path) -> None:
    wire.otherwise = rotating({"Bearer second": stored()})
    opened = pod(wire, tmp_path, "first\n")
    failed = look(opened, KEY)
    assert isinstance(failed, ReadFailure)
    assert (failed.cls, failed.reason) == (FailureClass.DENIED, "not-authenticated")
    assert len(wire.heard) == 2, "asked once, and once more after reading the token again"

    (tmp_path / "token").write_text("second\n")
    assert isinstance(look(opened, KEY), LiveSecret)
    opened.close()


def test_a_token_that_cannot_be_read_is_said_without_quoting_it(wire: Wire, tmp_path: Path) -> None:
    opened = pod(wire, tmp_path, "first")
    (tmp_path / "token").unlink()
    found = look(opened, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.DENIED, "credential-unusable")
    assert wire.heard == []


def test_a_login_program_is_run_for_a_token(wire: Wire, tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-program"},
    }
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    program.chmod(0o700)
    user = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    wire.otherwise = rotating({"Bearer from-program": stored()})
    config = wire.kubeconfig(tmp_path, exec=user)
    opened = KubernetesTarget(Api(resolve(kubeconfig=config, context=None, environment=os.environ)))
    assert isinstance(look(opened, KEY), LiveSecret)
    opened.close()


def test_a_login_program_that_fails_is_a_failure_and_its_output_is_not_logged(
    wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\necho {CANARY} >&2\necho {CANARY}\nexit 1\n")
    program.chmod(0o700)
    user = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    config = wire.kubeconfig(tmp_path, exec=user)
    opened = KubernetesTarget(Api(resolve(kubeconfig=config, context=None, environment=os.environ)))
    found = look(opened, KEY)
    assert isinstance(found, ReadFailure)
    assert (found.cls, found.reason) == (FailureClass.DENIED, "login-program-failed")
    assert wire.heard == [], "never anonymous"
    assert CANARY not in found.message + caplog.text + "".join(capfd.readouterr())
