"""The objects of a kustomize base, by kubectl where it is installed and else by this module, and where they go.

Only what `deploy/base` uses is understood: `resources` that are files, one `configMapGenerator` of files, `labels`
with `pairs`, and `images`.
"""

import copy
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import yaml

Json = dict[str, object]
COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
}


def kubectl() -> str | None:
    """Give the path of kubectl; None where it is not installed."""
    return shutil.which("kubectl")


def built_by_kubectl(base: Path, program: str) -> list[Json]:
    """Have kubectl build a base."""
    done = subprocess.run([program, "kustomize", str(base)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return [cast("Json", found) for found in yaml.safe_load_all(done.stdout)]


def built_here(base: Path) -> list[Json]:
    """Build a base by this module's own means; raises AssertionError for a field that it does not understand."""
    said = _one(base / "kustomization.yaml")
    known = {"apiVersion", "kind", "resources", "labels", "images", "configMapGenerator"}
    assert set(said) <= known, f"this test does not understand {set(said) - known}"
    objects = [
        cast("Json", found)
        for name in cast("list[str]", said["resources"])
        for found in yaml.safe_load_all((base / name).read_text())
    ]
    for generator in cast("list[Json]", said.get("configMapGenerator", [])):
        _generate(objects, generator, base)
    for pairs in (cast("Mapping[str, str]", found["pairs"]) for found in cast("list[Json]", said.get("labels", []))):
        for found in objects:
            metadata = cast("Json", found["metadata"])
            metadata["labels"] = {**cast("Json", metadata.get("labels") or {}), **pairs}
    tags = {str(found["name"]): found for found in cast("list[Json]", said.get("images", []))}
    for container in _containers(objects):
        tag = tags.get(str(container["image"]))
        if tag is not None:
            container["image"] = f"{tag['newName']}:{tag['newTag']}"
    return objects


def objects_of(base: Path) -> list[Json]:
    """Build a base."""
    program = kubectl()
    return built_here(base) if program is None else built_by_kubectl(base, program)


def moved(objects: list[Json], namespaces: Mapping[str, str]) -> list[Json]:
    """Put objects into other namespaces, the subjects of their role bindings too; raises KeyError for one not named."""
    out = copy.deepcopy(objects)
    for found in out:
        metadata = cast("Json", found["metadata"])
        place = "name" if found["kind"] == "Namespace" else "namespace"
        metadata[place] = namespaces[str(metadata[place])]
        for subject in cast("list[Json]", found.get("subjects", [])):
            subject["namespace"] = namespaces[str(subject["namespace"])]
    return out


def collection(found: Json) -> str:
    """Give the path that an object is posted to."""
    return COLLECTIONS[str(found["kind"])].format(cast("Json", found["metadata"]).get("namespace"))


def one(objects: list[Json], kind: str) -> Json:
    """Give the only object of a kind."""
    (found,) = [found for found in objects if found["kind"] == kind]
    return found


def pod_of(deployment: Json) -> Json:
    """Make the Pod that a Deployment would make."""
    metadata = cast("Json", deployment["metadata"])
    template = cast("Json", cast("Json", deployment["spec"])["template"])
    named = {"name": f"{metadata['name']}-0", "namespace": metadata["namespace"]}
    return copy.deepcopy(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**cast("Json", template["metadata"]), **named},
            "spec": template["spec"],
        }
    )


def _one(file: Path) -> Json:
    return cast("Json", yaml.safe_load(file.read_text()))


def _generate(objects: list[Json], generator: Json, base: Path) -> None:
    data = {name: (base / name).read_text() for name in cast("list[str]", generator["files"])}
    name = str(generator["name"])
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]
    metadata = {"name": f"{name}-{digest}", "namespace": generator["namespace"]}
    for volume in _volumes(objects):
        source = cast("Json", volume.get("configMap") or {})
        if source.get("name") == name:
            source["name"] = metadata["name"]
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _pods(objects: list[Json]) -> Iterator[Json]:
    for found in objects:
        if found["kind"] == "Deployment":
            yield cast("Json", cast("Json", cast("Json", found["spec"])["template"])["spec"])


def _containers(objects: list[Json]) -> Iterator[Json]:
    for pod in _pods(objects):
        yield from cast("list[Json]", pod["containers"])


def _volumes(objects: list[Json]) -> Iterator[Json]:
    for pod in _pods(objects):
        yield from cast("list[Json]", pod["volumes"])
