"""The life of the instance's key against the real servers: renewed, renamed, lost, and signed anew."""

import os
import pty
import subprocess
import sys

import pytest

from tests.servers.owned import OURS, THEIRS, change, configure, forge, metadata, refused
from tests.servers.world import World


@pytest.fixture(autouse=True)
def _source(world: World) -> None:
    world.openbao.put(world.mount, "app/db", {"password": "ours"})


def renewed(world: World) -> None:
    """Keep the instance's key under another name and take it away, as a person does who wants a new one."""
    world.kube.put_secret(world.home, "old-key", world.kube.data(world.home, f"syncd-test-{world.tag}"))
    world.kube.delete_secret(world.home, f"syncd-test-{world.tag}")


def quiet(world: World) -> None:
    """Check that everything is in sync, and that another apply writes nothing at all."""
    assert "0 to create" in world.run("diff", expect=0).stdout
    mark = world.kube.mark()
    world.run("apply", "--yes")
    assert {entry.verb for entry in world.asked(mark)} == {"get"}


def test_a_renewed_key_signs_everything_anew(world: World) -> None:
    left = {**OURS, "name": "left", "whenMappingGone": "delete"}
    configure(world, OURS, left)
    world.run("apply", "--yes")
    configure(world, OURS)
    renewed(world)
    assert "syncd own --resign" in world.run("apply", "--yes", expect=1).stderr
    configure(world, OURS, home={"namespace": world.home, "previous": [{"secret": "old-key"}]})
    world.run("apply", "--yes")
    assert change(world)["action"] == "unchanged"
    quiet(world)
    configure(world, OURS)
    quiet(world)
    assert change(world, "left")["ownership"] == "proven"
    world.run("apply", "--yes", "--prune", "--allow-deletes", "1")
    assert world.kube.secret(world.namespace, "left") is None


def test_a_renamed_instance_takes_what_it_owns_along(world: World) -> None:
    left = {**OURS, "name": "left", "whenMappingGone": "delete"}
    configure(world, OURS, left)
    world.run("apply", "--yes")
    old, new = f"test-{world.tag}", f"new-{world.tag}"
    home = {"namespace": world.home, "previous": [{"instance": old}]}
    configure(world, OURS, instance=new, home=home)
    shown = change(world)
    # Before the new name has a key nothing is proven; the first apply makes one.
    assert (shown["action"], shown["ownership"]) == ("update", "unverified")
    mark = world.kube.mark()
    world.run("apply", "--yes")
    assert "delete" not in {entry.verb for entry in world.asked(mark)}
    assert metadata(world)["labels"]["syncd.dev/instance"] == new
    assert metadata(world, "left")["labels"]["syncd.dev/instance"] == new
    quiet(world)
    configure(world, OURS, instance=new)
    quiet(world)
    assert change(world, "left")["reason"] == "not-pruned"
    configure(world, OURS, instance=old)
    refused(world, "other-instance")


def test_a_forged_mark_of_the_name_of_before_is_not_taken_along(world: World) -> None:
    configure(world, OURS)
    world.run("apply", "--yes")
    forge(world, "app", metadata(world), when_mapping_gone="delete")
    home = {"namespace": world.home, "previous": [{"instance": f"test-{world.tag}"}]}
    configure(world, OURS, instance=f"new-{world.tag}", home=home)
    world.run("apply", "--yes", "--prune", "--allow-deletes", "99", expect=1)
    assert world.live("app") == THEIRS


def test_a_lost_key_stops_every_write_until_a_person_signs_anew(world: World) -> None:
    configure(world, OURS, {**OURS, "name": "other"})
    world.run("apply", "--yes")
    before = {name: metadata(world, name) for name in ("app", "other")}
    forge(world, "stranger", before["app"])
    world.kube.delete_secret(world.home, f"syncd-test-{world.tag}")
    world.openbao.put(world.mount, "app/db", {"password": "new"})
    stopped = world.run("apply", "--yes", expect=1)
    assert "syncd own --resign" in stopped.stderr
    assert "nothing was written" in stopped.stderr
    assert {name: metadata(world, name) for name in before} == before
    assert world.kube.secret(world.home, f"syncd-test-{world.tag}") is None
    assert "--yes" in world.run("own", "--resign", expect=2).stderr
    assert world.kube.secret(world.home, f"syncd-test-{world.tag}") is None

    shown = world.run("own", "--resign", "--yes").stdout
    assert f"{world.namespace}/app" in shown
    assert f"{world.namespace}/other" in shown
    assert "stranger" not in shown
    for name, was in before.items():
        now = metadata(world, name)
        changed = {key for key, text in now["annotations"].items() if was["annotations"][key] != text}
        assert (now["labels"], changed) == (was["labels"], {"syncd.dev/owner"})
        assert world.live(name) == {"password": b"ours"}
    assert world.live("stranger") == THEIRS
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"new"}
    quiet(world)
    assert "nothing to do" in world.run("own", "--resign", "--yes").stderr


def test_a_key_that_was_replaced_is_told_and_signed_anew(world: World) -> None:
    configure(world, OURS)
    world.run("apply", "--yes")
    world.kube.put_secret(world.home, f"syncd-test-{world.tag}", {"key": b"x" * 32})
    assert "is not signed with this instance's key" in world.run("apply", "--yes", expect=1).stderr
    inventory = f"/api/v1/namespaces/{world.home}/configmaps/syncd-test-{world.tag}-inventory"
    world.kube.do("DELETE", inventory)
    refused(world, "key-lost")
    world.run("own", "--resign", "--yes")
    quiet(world)


def test_signing_anew_stops_for_what_somebody_changed_meanwhile_or_paused(world: World) -> None:
    configure(world, OURS, {**OURS, "name": "paused"})
    world.run("apply", "--yes")
    path = f"/api/v1/namespaces/{world.namespace}/secrets/paused"
    paused = {"metadata": {"annotations": {"syncd.dev/suspend": "true"}}}
    world.kube.do("PATCH", path, paused, content_type="application/merge-patch+json")
    before = world.kube.secret(world.namespace, "paused")
    world.kube.delete_secret(world.home, f"syncd-test-{world.tag}")
    done = world.run("own", "--resign", "--yes")
    assert "syncd.dev/suspend" in done.stderr
    assert world.kube.secret(world.namespace, "paused") == before


def test_a_folder_has_no_key_to_lose(world: World) -> None:
    configure(world, OURS, target={"directory": {"path": "out"}})
    assert "no key" in world.run("own", "--resign", "--yes").stderr


@pytest.mark.parametrize("answer", ["no", "y"])
def test_a_person_who_does_not_say_yes_signs_nothing(world: World, answer: str) -> None:
    configure(world, OURS)
    world.run("apply", "--yes")
    world.kube.delete_secret(world.home, f"syncd-test-{world.tag}")
    before = world.kube.secret(world.namespace, "app")
    controller, terminal = pty.openpty()
    try:
        os.write(controller, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "syncd", "own", "--resign"], cwd=world.folder, env=world.environment,
            stdin=terminal, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(controller)
        os.close(terminal)
    assert done.returncode == 1
    assert "Sign these 1 Secret(s) anew?" in done.stderr
    assert f"{world.namespace}/app" in done.stdout
    assert "nothing was written" in done.stderr
    assert world.kube.secret(world.namespace, "app") == before
    assert world.kube.secret(world.home, f"syncd-test-{world.tag}") is None


def test_a_folder_of_a_renamed_instance_is_still_ours(world: World) -> None:
    folder = {"target": {"directory": {"path": "out"}}}
    left = {**OURS, "name": "left", "whenMappingGone": "delete"}
    configure(world, OURS, left, **folder)
    world.run("apply", "--yes")
    old, new = f"test-{world.tag}", f"new-{world.tag}"
    configure(world, OURS, instance=new, **folder)
    assert change(world)["reason"] == "other-instance"
    configure(world, OURS, instance=new, home={"previous": [{"instance": old}]}, **folder)
    assert change(world, "left")["reason"] == "mark-outdated"
    world.run("apply", "--yes")
    assert old not in "".join(file.read_text() for file in (world.folder / "out").rglob("*.yaml"))
    world.run("apply", "--yes", "--prune")
    assert [file.name for file in (world.folder / "out").rglob("*.yaml")] == ["app.yaml"]
