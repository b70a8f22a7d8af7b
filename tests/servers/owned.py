"""Secrets that are ours, that say so, and that are not; for the tests of ownership and removal."""

import json
from collections.abc import Mapping
from typing import cast

from tests.servers.world import World

OURS = {"name": "app", "labels": {"env": "test"}, "data": {"password": "app/db#password"}}
THEIRS = {"password": b"theirs"}


def configure(world: World, *mappings: Mapping[str, object], **top: object) -> None:
    """Write a configuration whose mappings read the Vault store where they name none."""
    defaults = {"namespace": world.namespace, "store": "vault"}
    vault = {"vault": world.stores()["vault"]}
    world.configure(list(mappings), **{"defaults": defaults, "stores": vault, **top})


def metadata(world: World, name: str = "app") -> dict[str, dict[str, str]]:
    """Give labels and annotations of a live Secret."""
    live = world.kube.secret(world.namespace, name)
    assert live is not None
    found = cast("dict[str, dict[str, str]]", live["metadata"])
    return {"labels": found.get("labels", {}), "annotations": found.get("annotations", {})}


def change(world: World, name: str = "app", *arguments: str) -> dict[str, object]:
    """Give what a diff says of one Secret."""
    shown = json.loads(world.run("diff", "--format", "json", *arguments, expect=None).stdout)
    (found,) = [one for one in shown["changes"] if one["name"] == name]
    return cast("dict[str, object]", found)


def refused(world: World, reason: str, name: str = "app") -> None:
    """Check that neither diff nor apply, whatever it is allowed, thinks of touching a Secret."""
    before = world.kube.secret(world.namespace, name)
    assert change(world, name)["reason"] == reason
    done = world.run("apply", "--yes", "--prune", "--allow-replace", "--allow-deletes", "99", expect=1)
    assert reason in done.stdout + done.stderr
    assert world.kube.secret(world.namespace, name) == before


def forge(world: World, name: str, like: Mapping[str, dict[str, str]], **changed: str) -> None:
    """Put somebody's Secret there with the marks of ours."""
    annotations = {**like["annotations"], **{f"syncd.dev/{k.replace('_', '-')}": v for k, v in changed.items()}}
    world.kube.put_secret(world.namespace, name, THEIRS, labels=like["labels"], annotations=annotations)
