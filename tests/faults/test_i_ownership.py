"""Section I of the catalogue: ownership and other writers."""

from pathlib import Path
from typing import cast

from syncd.model.reference import RemoteRef
from tests.servers.manifests import built_here
from tests.unit.daemon_rig import INTERVAL, DaemonRig, key, wants
from tests.unit.plan_makers import content, written

BASE = Path(__file__).parents[2] / "deploy/base"


# I7


def test_a_secret_bears_the_labels_of_its_mapping_and_ours_and_no_other() -> None:
    live = written(built=content(labels={"env": "production"}, annotations={"note": "x"}))
    assert live.labels == {"env": "production", "app.kubernetes.io/managed-by": "syncd", "syncd.dev/instance": "prod"}
    assert {name for name in live.annotations if not name.startswith("syncd.dev/")} == {"note"}


# I9


def test_a_secret_that_somebody_deleted_is_made_anew_at_the_next_look_and_counted() -> None:
    rig = DaemonRig(wants("app", RemoteRef("memory", "x")))
    rig.start()
    rig.run(100)
    for made in (2, 3):
        rig.cluster.remove(key("app"))
        rig.run(INTERVAL + 1)
        assert rig.data("app") == {"k0": b"value of x"}
        assert f'syncd_changes_total{{action="create",outcome="done"}} {made}.0' in rig.metrics.text().decode()
    assert len(rig.log.of("secret-created")) == 3
    rig.stop()
    rig.run(10)


# I14


def test_a_daemon_that_ends_leaves_its_secrets_behind() -> None:
    rig = DaemonRig(*(wants(f"s{number}", RemoteRef("memory", f"x{number}")) for number in range(5)))
    rig.start()
    rig.run(100)
    rig.stop()
    rig.run(30)
    assert rig.ended_at is not None
    assert len(rig.cluster.secrets) == 5
    assert "delete" not in {asked.verb for _, asked in rig.calls}


def test_no_object_of_the_deployment_takes_secrets_along_when_it_goes() -> None:
    """A CustomResourceDefinition takes its objects along, a Namespace all that stands in it."""
    objects = built_here(BASE)
    assert {str(found["kind"]) for found in objects} == {
        "Namespace",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
    }
    metadata = [cast("dict[str, object]", found["metadata"]) for found in objects if found["kind"] == "Namespace"]
    assert [found["name"] for found in metadata] == ["syncd"]
