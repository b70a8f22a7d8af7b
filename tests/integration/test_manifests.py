"""The shipped manifests against a real kube-apiserver: taken, restricted, and with just the rights that syncd needs."""

import copy
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml

from tests.servers.kube import AuditEntry, Kube
from tests.servers.kube_process import free_port
from tests.servers.manifests import (
    Json,
    built_by_kubectl,
    built_here,
    collection,
    kubectl,
    moved,
    objects_of,
    one,
    pod_of,
)
from tests.servers.world import Daemon

BASE = Path(__file__).parents[2] / "deploy/base"
ACCOUNT = "syncd"


@dataclass
class Installed:
    """The base in a home namespace and a namespace to write to, both of this test's own."""

    kube: Kube
    home: str
    target: str
    objects: list[Json]

    def make(self, *kinds: str) -> None:
        """Create the objects of these kinds for real."""
        for found in self.objects:
            if found["kind"] in kinds:
                self.kube.do("POST", collection(found), found)


@pytest.fixture
def installed(kube: Kube) -> Installed:
    """Build the base for namespaces of the test's own; both namespaces are there, nothing else is."""
    target, home = kube.namespace(), f"t-{secrets.token_hex(6)}"
    objects = moved(objects_of(BASE), {"syncd": home, "payments": target})
    made = Installed(kube, home, target, objects)
    made.make("Namespace")
    return made


def dry_run(kube: Kube, found: Json) -> tuple[int, Json]:
    return kube.request("POST", collection(found) + "?dryRun=All&fieldValidation=Strict", found)


def test_every_object_is_taken_by_a_server_side_dry_run(installed: Installed) -> None:
    kube = installed.kube
    for found in installed.objects:
        if found["kind"] == "Namespace":  # it is there already: another of the same content
            found = copy.deepcopy(found)  # noqa: PLW2901 — the object that is sent
            cast("Json", found["metadata"])["name"] = f"t-{secrets.token_hex(6)}"
        status, answer = dry_run(kube, found)
        assert status == 201, f"{found['kind']}: {answer}"
    kinds = {str(found["kind"]) for found in installed.objects}
    assert kinds == {
        "Namespace",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
    }


def test_the_dry_run_would_notice_a_field_that_there_is_not(installed: Installed) -> None:
    deployment = copy.deepcopy(one(installed.objects, "Deployment"))
    cast("Json", deployment["spec"])["replicaz"] = 1
    status, answer = dry_run(installed.kube, deployment)
    assert (status, "replicaz" in str(answer["message"])) == (400, True)


def test_the_pod_passes_the_restricted_level_that_its_namespace_enforces(installed: Installed) -> None:
    installed.make("ServiceAccount")
    pod = pod_of(one(installed.objects, "Deployment"))
    status, answer = dry_run(installed.kube, pod)
    assert status == 201, answer
    spec = cast("Json", answer["spec"])
    names = [str(volume["name"]) for volume in cast("list[Json]", spec["volumes"])]
    assert names == ["config", "credentials", "token", "tmp"], "nothing was mounted on top, such as another token"


@pytest.mark.parametrize(
    "loosen",
    [
        lambda pod, _container: pod["securityContext"].pop("runAsNonRoot"),
        lambda pod, _container: pod["securityContext"].pop("seccompProfile"),
        lambda _pod, container: container["securityContext"].pop("capabilities"),
        lambda _pod, container: container["securityContext"].pop("allowPrivilegeEscalation"),
    ],
    ids=["root", "seccomp", "capabilities", "escalation"],
)
def test_a_looser_pod_is_refused_by_its_namespace(installed: Installed, loosen: Callable[[Json, Json], object]) -> None:
    installed.make("ServiceAccount")
    pod = pod_of(one(installed.objects, "Deployment"))
    spec = cast("Json", pod["spec"])
    loosen(spec, cast("list[Json]", spec["containers"])[0])
    status, answer = dry_run(installed.kube, pod)
    assert (status, "restricted" in str(answer["message"])) == (403, True), answer


def test_the_pod_is_bounded_probed_and_writes_to_memory_alone(installed: Installed) -> None:
    spec = cast("Json", pod_of(one(installed.objects, "Deployment"))["spec"])
    (container,) = cast("list[Json]", spec["containers"])
    assert cast("Json", container["securityContext"])["readOnlyRootFilesystem"] is True
    resources = cast("dict[str, Json]", container["resources"])
    assert set(resources["limits"]) == set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    assert cast("Json", container["livenessProbe"])["httpGet"] == {"path": "/livez", "port": "http"}
    assert cast("Json", container["readinessProbe"])["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert spec["automountServiceAccountToken"] is False
    assert spec["terminationGracePeriodSeconds"] == 15
    writable = [
        str(mount["name"]) for mount in cast("list[Json]", container["volumeMounts"]) if not mount.get("readOnly")
    ]
    assert writable == ["tmp"]
    (tmp,) = [volume for volume in cast("list[Json]", spec["volumes"]) if volume["name"] == "tmp"]
    assert cast("Json", tmp["emptyDir"])["medium"] == "Memory"


def test_the_configuration_of_the_base_holds_and_fits_its_rights() -> None:
    file = BASE / "syncd.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "check", "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = yaml.safe_load(file.read_text())
    named = {name for rule in role(objects_of(BASE), "syncd") for name in rule.get("resourceNames", [])}
    assert {f"syncd-{said['instance']}", f"syncd-{said['instance']}-inventory"} <= named
    allowed = {
        cast("Json", found["metadata"])["namespace"] for found in objects_of(BASE) if found["kind"] == "RoleBinding"
    }
    assert {mapping["namespace"] for mapping in said["secrets"]} | {said["home"]["namespace"]} == allowed


def role(objects: list[Json], namespace: str) -> list[dict[str, list[str]]]:
    (found,) = [
        found
        for found in objects
        if found["kind"] == "Role" and cast("Json", found["metadata"])["namespace"] == namespace
    ]
    return cast("list[dict[str, list[str]]]", found["rules"])


def granted(rules: list[dict[str, list[str]]]) -> set[tuple[str, str]]:
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


@dataclass
class Deployed:
    """syncd as the base's ServiceAccount, with a file store; its configuration is the base's in all but the store."""

    installed: Installed
    folder: Path
    port: int
    """Where the daemon listens."""

    def configure(self, *names: str, value: str = "first") -> None:
        (self.folder / "values.yaml").write_text(json.dumps({"value": value}))
        mappings = [
            {"name": name, "whenMappingGone": "delete", "data": {"key": {"store": "local", "key": "value"}}}
            for name in names
        ]
        content = {
            "version": 1,
            "instance": "main",
            "target": {"kubernetes": {"kubeconfig": "kubeconfig", "context": "syncd-test"}},
            "home": {"namespace": self.installed.home, "configuration": "main"},
            "stores": {"local": {"type": "file", "path": "values.yaml"}},
            "defaults": {"namespace": self.installed.target, "interval": "10s"},
            "secrets": mappings,
            "daemon": {"listen": f"127.0.0.1:{self.port}"},
        }
        (self.folder / "syncd.yaml").write_text(json.dumps(content))

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    @contextmanager
    def daemon(self) -> Iterator[Daemon]:
        log = self.folder / "daemon.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "run"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        daemon = Daemon(process, self.port, log)
        try:
            yield daemon
        finally:
            if process.poll() is None:
                daemon.end()

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "syncd", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def asked(self, since: int) -> list[AuditEntry]:
        user = f"system:serviceaccount:{self.installed.home}:{ACCOUNT}"
        return [entry for entry in self.installed.kube.audit(since) if entry.user == user]


@pytest.fixture
def deployed(installed: Installed, tmp_path: Path) -> Deployed:
    """Give the ServiceAccount its rights, a token such as the kubelet asks for, and a kubeconfig with it."""
    installed.make("ServiceAccount", "Role", "RoleBinding")
    kube = installed.kube
    token = kube.service_account_token(ACCOUNT, namespace=installed.home)
    kube.kubeconfig(tmp_path / "kubeconfig", token=token)
    return Deployed(installed, tmp_path, free_port())


def test_syncd_works_with_these_rights_and_uses_every_one(deployed: Deployed) -> None:
    kube, target, home = deployed.installed.kube, deployed.installed.target, deployed.installed.home
    since = kube.mark()
    deployed.configure("one", "two")
    deployed.run("diff", expect=1)
    deployed.run("apply", "--yes")
    assert kube.data(target, "one") == {"key": b"first"}
    second = kube.mark()
    deployed.run("apply", "--yes")
    assert {entry.verb for entry in deployed.asked(second)} == {"get"}
    deployed.configure("one", value="second")
    deployed.run("apply", "--yes", "--prune")
    assert kube.data(target, "one") == {"key": b"second"}
    assert kube.secret(target, "two") is None

    asked = deployed.asked(since)
    assert not [entry for entry in asked if entry.code == 403]
    used = {
        place: {(entry.resource, entry.verb) for entry in asked if entry.namespace == place} for place in (target, home)
    }
    assert used[target] == granted(role(deployed.installed.objects, target))
    assert used[home] == granted(role(deployed.installed.objects, home))
    assert {entry.namespace for entry in asked} == {target, home}


def test_the_daemon_gets_ready_and_writes_with_these_rights(deployed: Deployed) -> None:
    kube, target = deployed.installed.kube, deployed.installed.target
    since = kube.mark()
    deployed.configure("one")
    with deployed.daemon() as daemon:
        daemon.until_ready()
        assert kube.data(target, "one") == {"key": b"first"}
    assert not [entry for entry in deployed.asked(since) if entry.code == 403]


def test_nothing_else_can_be_read_or_listed(deployed: Deployed) -> None:
    kube, target, home = deployed.installed.kube, deployed.installed.target, deployed.installed.home
    elsewhere = kube.namespace()
    kube.put_secret(elsewhere, "theirs", {"key": b"value"})
    kube.put_secret(home, "theirs", {"key": b"value"})
    token = kube.service_account_token(ACCOUNT, namespace=home)
    for path in (
        f"{elsewhere}/secrets/theirs",
        f"{home}/secrets/theirs",
        f"{target}/secrets",
        f"{home}/secrets",
        f"{home}/configmaps",
        f"{target}/configmaps/kube-root-ca.crt",
    ):
        assert kube.request("GET", f"/api/v1/namespaces/{path}", token=token)[0] == 403, path
    assert kube.request("GET", "/api/v1/secrets", token=token)[0] == 403
    assert kube.request("GET", f"/api/v1/namespaces/{target}/secrets/none", token=token)[0] == 404


def test_a_namespace_that_is_not_listed_costs_its_own_secret_alone(deployed: Deployed) -> None:
    kube = deployed.installed.kube
    elsewhere = kube.namespace()
    deployed.configure("one", "two")
    content = json.loads((deployed.folder / "syncd.yaml").read_text())
    content["secrets"][1]["namespace"] = elsewhere
    (deployed.folder / "syncd.yaml").write_text(json.dumps(content))
    assert f"{elsewhere}/two" in deployed.run("apply", "--yes", expect=1)
    assert kube.data(deployed.installed.target, "one") == {"key": b"first"}
    assert kube.secret(elsewhere, "two") is None


def test_kubectl_and_this_test_build_the_same_base() -> None:
    here = built_here(BASE)
    assert len(here) == 9
    program = kubectl()
    if program is not None:
        assert plain(built_by_kubectl(BASE, program)) == plain(here)


def plain(objects: list[Json]) -> list[str]:
    """Sort objects and take the digest out of the generated name, which each makes its own way."""
    texts = [json.dumps(found, sort_keys=True) for found in objects]
    return sorted(re.sub(r"syncd-config-\w{10}", "syncd-config", text) for text in texts)
