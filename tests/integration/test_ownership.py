"""Ownership against the real servers: what is ours is proven, what is not stays as it is."""

import json

import pytest

from tests.servers.kube import Rule
from tests.servers.owned import OURS, THEIRS, change, configure, forge, metadata, refused
from tests.servers.world import World


@pytest.fixture(autouse=True)
def _source(world: World) -> None:
    world.openbao.put(world.mount, "app/db", {"password": "ours"})


# Marks


def test_labels_and_annotations_copied_to_another_secret_prove_nothing(world: World) -> None:
    """I3, I7."""
    victim = {**OURS, "name": "victim", "whenSourceGone": "delete"}
    configure(world, OURS)
    world.run("apply", "--yes")
    forge(world, "victim", metadata(world))
    configure(world, OURS, victim)
    refused(world, "mark-not-ours", "victim")
    forge(world, "victim", metadata(world), mapping=f"/{world.namespace}/victim")
    refused(world, "key-lost", "victim")
    assert world.live("victim") == THEIRS


def test_a_secret_copied_to_another_namespace_proves_nothing(world: World) -> None:
    """I3."""
    configure(world, OURS)
    world.run("apply", "--yes")
    elsewhere = world.kube.namespace()
    world.kube.put_secret(elsewhere, "app", world.live("app"), kind="Opaque", immutable=False, **metadata(world))
    copy = world.kube.secret(elsewhere, "app")
    configure(world, OURS, {**OURS, "namespace": elsewhere})
    world.run("apply", "--yes", "--prune", "--allow-deletes", "99", expect=1)
    assert world.kube.secret(elsewhere, "app") == copy


def test_a_mark_edited_by_hand_is_not_believed(world: World) -> None:
    """I3: nobody turns `keep` into `delete` but the configuration."""
    configure(world, OURS)
    world.run("apply", "--yes")
    forge(world, "app", metadata(world), when_mapping_gone="delete")
    configure(world, {**OURS, "name": "other"})
    world.run("apply", "--yes", "--prune", "--allow-deletes", "99", expect=None)
    assert world.live("app") == THEIRS


@pytest.mark.parametrize(("schema", "reason"), [("2", "newer-schema"), ("0", "mark-not-ours")])
def test_a_mark_of_another_schema_is_left_alone(world: World, schema: str, reason: str) -> None:
    """J13."""
    configure(world, OURS)
    world.run("apply", "--yes")
    forge(world, "app", metadata(world), schema=schema)
    refused(world, reason)


def test_a_secret_of_another_instance_is_left_alone(world: World) -> None:
    configure(world, OURS)
    world.run("apply", "--yes")
    configure(world, OURS, instance=f"other-{world.tag}")
    refused(world, "other-instance")


def test_without_a_right_to_the_key_a_diff_shows_unverified_and_apply_writes_nothing(world: World) -> None:
    configure(world, OURS)
    world.run("apply", "--yes")
    world.openbao.put(world.mount, "app/db", {"password": "new"})
    reader = world.kube.user("reader", Rule(("get", "update", "patch", "create"), ("secrets",), world.namespace))
    (world.folder / "kubeconfig").write_text(reader.read_text())
    found = change(world)
    assert (found["action"], found["ownership"]) == ("update", "unverified")
    failed = world.run("apply", "--yes", expect=1)
    assert "nothing was written" in failed.stderr
    assert world.live("app") == {"password": b"ours"}


# Other managers


MANAGED: list[tuple[str, dict[str, dict[str, str]]]] = [
    ("helm", {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "db"}}),
    ("eso", {"labels": {"reconcile.external-secrets.io/created-by": "x"}}),
    ("argocd", {"annotations": {"argocd.argoproj.io/tracking-id": "a:/Secret:b/app"}}),
]


@pytest.mark.parametrize(("manager", "marks"), MANAGED)
def test_a_managers_secret_is_taken_over_by_its_name_and_not_otherwise(
    world: World, manager: str, marks: dict[str, dict[str, str]]
) -> None:
    """I1, I2, I-META."""
    world.kube.put_secret(world.namespace, "app", THEIRS, kind="Opaque", immutable=False, **marks)
    configure(world, {**OURS, "adopt": True})
    refused(world, "other-manager")
    configure(world, {**OURS, "adopt": {"from": ["flux"]}})
    refused(world, "other-manager")
    configure(world, {**OURS, "adopt": {"from": [manager]}})
    assert change(world)["reason"] == "adopted"
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"ours"}
    assert metadata(world)["annotations"].items() >= marks.get("annotations", {}).items()
    assert "0 to create" in world.run("diff", expect=0).stdout


def test_nobodys_secret_is_taken_over_with_the_word_alone(world: World) -> None:
    """I1."""
    world.kube.put_secret(world.namespace, "app", THEIRS, labels={"team": "a"}, annotations={"note": "by hand"})
    configure(world, OURS)
    refused(world, "not-owned")
    configure(world, {**OURS, "adopt": True})
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"ours"}
    kept = metadata(world)
    assert (kept["labels"]["team"], kept["annotations"]["note"]) == ("a", "by hand")


# Others beside us


def test_foreign_labels_and_annotations_stay_and_foreign_keys_stay_with_merge(world: World) -> None:
    """I4, I-META."""
    configure(world, {**OURS, "merge": True})
    world.run("apply", "--yes")
    path = f"/api/v1/namespaces/{world.namespace}/secrets/app"
    theirs = {
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "by hand"}},
        "stringData": {"extra": "theirs"},
    }
    world.kube.do("PATCH", path, theirs, content_type="application/merge-patch+json")
    world.run("diff", expect=0)
    world.openbao.put(world.mount, "app/db", {"password": "new"})
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"new", "extra": b"theirs"}
    kept = metadata(world)
    assert (kept["labels"]["team"], kept["annotations"]["note"]) == ("a", "by hand")
    configure(world, OURS)
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"new"}
    assert metadata(world)["labels"]["team"] == "a"


@pytest.mark.parametrize("where", ["mapping", "annotation"])
def test_a_suspended_secret_is_left_alone_whatever_happens(world: World, where: str) -> None:
    """I8."""
    configure(world, OURS)
    world.run("apply", "--yes")
    world.openbao.put(world.mount, "app/db", {"password": "new"})
    path = f"/api/v1/namespaces/{world.namespace}/secrets/app"
    paused = {"metadata": {"annotations": {"syncd.dev/suspend": "true"}}}
    if where == "annotation":
        world.kube.do("PATCH", path, paused, content_type="application/merge-patch+json")
    configure(world, {**OURS, "suspend": where == "mapping"})
    assert change(world)["action"] == "suspended"
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"ours"}
    on = {"metadata": {"annotations": {"syncd.dev/suspend": None}}}
    world.kube.do("PATCH", path, on, content_type="application/merge-patch+json")
    configure(world, OURS)
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"new"}


# Two configurations


def configmap(world: World) -> object:
    """Give the inventory as it stands, with its resourceVersion."""
    path = f"/api/v1/namespaces/{world.home}/configmaps/syncd-test-{world.tag}-inventory"
    return world.kube.do("GET", path)


def test_two_configurations_of_one_instance_never_prune_each_other(world: World) -> None:
    gone = {"whenMappingGone": "delete"}
    configure(world, {**OURS, **gone}, {**OURS, **gone, "name": "shared"}, home={"namespace": world.home})
    world.run("apply", "--yes")
    second = {**OURS, **gone, "name": "second"}
    both = {"namespace": world.home, "configuration": "second"}
    configure(world, second, {**OURS, **gone, "name": "shared"}, home=both)
    for _ in range(2):
        done = world.run("apply", "--yes", "--prune", "--allow-deletes", "99")
        assert "other-configuration" in done.stdout
    assert {name for name in ("app", "shared", "second") if world.live(name)} == {"app", "shared", "second"}


def test_what_two_configurations_name_goes_with_the_last_of_them(world: World) -> None:
    gone = {"whenMappingGone": "delete"}
    moved: dict[str, object] = {**OURS, **gone, "name": "moved"}
    stays: dict[str, object] = {**OURS, "name": "stays"}
    prune = ("apply", "--yes", "--prune", "--allow-deletes", "99")

    def of(name: str, *mappings: dict[str, object]) -> None:
        configure(world, *mappings, home={"namespace": world.home, "configuration": name})

    of("a", moved, stays)
    world.run("apply", "--yes")
    of("b", moved)
    assert "1 unchanged" in world.run("apply", "--yes").stdout
    before = configmap(world)
    world.run("apply", "--yes")
    assert configmap(world) == before
    of("a", stays)
    assert "names it too" in world.run("diff", "--prune").stdout
    assert "left-to-others" in world.run(*prune).stdout
    left = world.run(*prune).stdout
    assert "other-configuration" in left
    assert "by hand" not in left
    assert world.live("moved") == {"password": b"ours"}
    of("b", {**OURS, "name": "new"}, stays)
    world.run(*prune)
    assert world.kube.secret(world.namespace, "moved") is None
    assert world.live("stays") == {"password": b"ours"}


def test_a_configuration_that_knows_none_of_what_is_owned_is_refused_until_it_takes_over(world: World) -> None:
    gone = {"whenMappingGone": "delete"}
    configure(world, {**OURS, **gone})
    world.run("apply", "--yes")
    stranger = {"namespace": world.home, "configuration": "stranger"}
    configure(world, {**OURS, "name": "new"}, home=stranger)
    refusal = world.run("apply", "--yes", "--prune", expect=1)
    assert "--take-over" in refusal.stderr
    assert world.kube.secret(world.namespace, "new") is None
    world.run("apply", "--yes", "--take-over")
    assert world.live("new") == {"password": b"ours"}
    assert world.live("app") == {"password": b"ours"}


def test_a_configuration_without_mappings_is_refused_unless_it_may_have_none(world: World) -> None:
    """G6."""
    gone = {"whenMappingGone": "delete"}
    configure(world, {**OURS, **gone})
    world.run("apply", "--yes")
    configure(world)
    assert "allowNoMappings" in world.run("apply", "--yes", "--prune", expect=1).stderr
    assert world.live("app") == {"password": b"ours"}
    configure(world, guards={"allowNoMappings": True})
    world.run("apply", "--yes")
    assert world.live("app") == {"password": b"ours"}
    world.run("apply", "--yes", "--prune", "--allow-deletes", "1")
    assert world.kube.secret(world.namespace, "app") is None


# The share of changes


def test_updates_beyond_their_share_are_held_with_numbers_and_the_flag(world: World) -> None:
    names = [f"s{number}" for number in range(4)]
    mappings = [{**OURS, "name": name} for name in names]
    configure(world, *mappings, guards={"maxChanges": "50%"})
    world.run("apply", "--yes")
    world.openbao.put(world.mount, "app/db", {"password": "new"})
    shown = json.loads(world.run("diff", "--format", "json", expect=1).stdout)["changes"]
    assert [one.get("outcome", "") for one in shown].count("held") == 2
    for due in (4, 2):
        held = world.run("apply", "--yes", expect=1).stdout
        assert "has 2 update(s) in this hour and the limit is 2 (50 % of 4 mapping(s))" in held
        assert f"`syncd apply --allow-changes {due}`" in held
        assert [world.live(name)["password"] for name in names].count(b"new") == 2
    world.run("apply", "--yes", "--allow-changes", "2")
    assert [world.live(name)["password"] for name in names] == [b"new"] * 4
