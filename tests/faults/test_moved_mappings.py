"""A mapping that moves to another name or namespace: the Secret of before goes once the new one stands (G9)."""

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.cli.diff import planned
from syncd.model.inventory import Entry
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change
from syncd.model.reference import RemoteRef
from syncd.model.secret import Live
from syncd.plan.instance import Instance, Rules
from syncd.plan.planner import make_plan
from syncd.testing.memory_home import Shelf
from syncd.testing.memory_target import Cluster
from tests.unit.command_line import Desk
from tests.unit.daemon_rig import DaemonRig
from tests.unit.daemon_rig import wants as daemon_wants
from tests.unit.plan_makers import ME, PLAIN, SECRET, content, mapping, refusal, written
from tests.unit.test_apply import Place, key, wants

PRUNE = Rules(prune=True)
FIRST, SECOND = SecretKey("default", "one", "db"), SecretKey("default", "two", "db")
OLD = mapping(id="myid", when_mapping_gone="delete")
ENTRY = Entry(SECRET, "", "myid", "delete", frozenset({ME.configuration}))


def moved(to: SecretKey) -> SecretMapping:
    return replace(OLD, key=to)


def of_before(
    *new: tuple[SecretMapping, Live | None], instance: Instance = ME, rules: Rules = PRUNE, absent: bool = False
) -> Change:
    """Judge the Secret of before beside what its mapping names now."""
    built = refusal() if absent else content()
    plan = make_plan(
        [(each, built) for each, _ in new],
        {each.key: live for each, live in new if live is not None},
        instance=instance,
        rules=rules,
        orphans=[(ENTRY, written(OLD, instance=instance))],
        wants={("", "myid"): frozenset(each.key for each, _ in new)},
    )
    (change,) = (change for change in plan.changes if change.key == SECRET)
    return change


def test_the_one_of_before_goes_once_the_new_one_stands_and_is_in_sync() -> None:
    goes = of_before((moved(FIRST), written(moved(FIRST))))

    assert (goes.action, goes.reason) == (Action.DELETE, "mapping-gone")


@pytest.mark.parametrize(
    ("new", "live", "absent"),
    [
        (moved(FIRST), None, False),
        (moved(FIRST), written(moved(FIRST), content({"password": "old"})), False),
        (moved(FIRST), written(moved(FIRST)), True),
        (replace(moved(FIRST), suspend=True), None, False),
        (moved(FIRST), written(moved(FIRST), instance=replace(ME, name="other")), False),
    ],
)
def test_the_one_of_before_stays_until_then(new: SecretMapping, live: Live | None, *, absent: bool) -> None:
    stays = of_before((new, live), absent=absent)

    assert (stays.action, stays.reason) == (Action.ORPHAN, "mapping-moved")
    assert stays.message == "payments/db: mapping myid names one/db now; this one goes once one/db stands"


def test_of_many_copies_one_that_fell_out_goes_once_all_others_stand() -> None:
    first, second = (moved(FIRST), written(moved(FIRST))), (moved(SECOND), written(moved(SECOND)))

    assert of_before(first, second).action is Action.DELETE
    waits = of_before(first, (moved(SECOND), None))
    assert waits.reason == "mapping-moved"
    assert waits.message == "payments/db: mapping myid names one/db and 1 more now; this one goes once two/db stands"


def test_what_was_not_planned_at_all_does_not_count_as_standing() -> None:
    plan = make_plan(
        [],
        {},
        instance=ME,
        rules=PRUNE,
        orphans=[(ENTRY, written(OLD))],
        wants={("", "myid"): frozenset({FIRST})},
    )

    assert [change.reason for change in plan.changes] == ["mapping-moved"]


def test_without_prune_it_says_what_prune_does_then() -> None:
    change = of_before((moved(FIRST), None), rules=Rules())

    assert change.reason == "not-pruned"
    assert change.message.endswith("names one/db now; `syncd apply --prune` removes this one once that stands")


def test_in_a_folder_the_plain_mark_is_enough() -> None:
    stands = moved(FIRST), written(moved(FIRST), instance=PLAIN)

    assert of_before(stands, instance=PLAIN).action is Action.DELETE
    assert of_before((stands[0], None), instance=PLAIN).reason == "mapping-moved"


# The verbs


def place_of_before() -> tuple[Place, SecretKey]:
    """Give a place where a mapping was written and has since moved to a namespace that is not there."""
    before = replace(wants("a", when_mapping_gone="delete"), id="myid")
    place = Place(before, wants("b"))
    place.cluster.namespaces = {"team"}
    assert place.apply() == 0
    new = SecretKey("default", "elsewhere", "a")
    place.mappings = (replace(before, key=new), wants("b"))
    return place, new


def test_apply_keeps_the_one_of_before_while_the_new_one_cannot_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    place, new = place_of_before()
    for _ in range(2):
        assert place.apply(prune=True, allow_deletes=9) == 1
        assert "mapping-moved" in capsys.readouterr().out
        assert place.cluster.secrets.keys() == {key("a"), key("b")}
    place.cluster.namespaces = {"team", "elsewhere"}
    assert place.apply(prune=True) == 0
    assert place.cluster.secrets.keys() == {key("a"), key("b"), new}
    shown = planned(place.parts(), place.told(prune=True))  # type: ignore[arg-type]
    assert [change.reason for change in shown.changes if change.key == key("a")] == ["mapping-gone"]
    assert place.apply(prune=True) == 0
    assert place.cluster.secrets.keys() == {key("b"), new}


def test_the_daemon_keeps_the_one_of_before_while_the_new_one_cannot_be_made() -> None:
    cluster, shelf = Cluster(namespaces={"team"}), Shelf()
    before = replace(daemon_wants("a", RemoteRef("s", "a")), id="myid", when_mapping_gone="delete")
    beside = daemon_wants("b", RemoteRef("s", "b"))
    old, new = before.key, SecretKey("default", "elsewhere", "a")
    first = DaemonRig(before, beside, cluster=cluster, shelf=shelf)
    first.start(rules=PRUNE)
    first.run(1)
    first.stop()
    rig = DaemonRig(replace(before, key=new), beside, cluster=cluster, shelf=shelf)
    rig.start(rules=PRUNE)
    rig.run(3700)
    assert old in cluster.secrets
    assert {"not-confirmed", "mapping-moved"} <= {fields.get("reason") for _, _, fields in rig.log.events}
    cluster.namespaces = {"team", "elsewhere"}
    rig.run(1300)
    rig.stop()
    assert cluster.secrets.keys() == {new, beside.key}
    deleted = [asked.key for _, asked in rig.calls if asked.verb == "delete"]
    assert deleted == [old]


def test_the_daemon_reads_no_source_more_for_what_has_not_moved() -> None:
    cluster, shelf = Cluster(), Shelf()
    mappings = [daemon_wants(name, RemoteRef("s", name), interval=7200.0) for name in ("a", "b")]
    first = DaemonRig(*(replace(each, when_mapping_gone="delete") for each in mappings), cluster=cluster, shelf=shelf)
    first.start(rules=PRUNE)
    first.run(1)
    first.stop()
    rig = DaemonRig(mappings[1], cluster=cluster, shelf=shelf)
    rig.start(rules=PRUNE)
    rig.run(100)
    fetched = len(rig.stores["s"].reads())
    rig.run(3600)
    rig.stop()
    assert mappings[0].key not in cluster.secrets
    assert len(rig.stores["s"].reads()) == fetched


def test_a_manifest_of_before_stays_until_the_new_one_is_written(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.values(app={"k": "v"})
    said = {"id": "myid", "whenMappingGone": "delete", "dataFrom": [{"key": "app"}]}
    desk.configure(secrets=[{**said, "name": "old"}])
    desk.run("apply", "--yes")
    desk.configure(secrets=[{**said, "name": "new"}])
    out, _ = desk.run("apply", "--yes", "--prune")
    assert "mapping-moved" in out
    assert {file.name for file in (tmp_path / "out" / "team").glob("*.yaml")} == {"old.yaml", "new.yaml"}
    desk.run("apply", "--yes", "--prune")
    assert {file.name for file in (tmp_path / "out" / "team").glob("*.yaml")} == {"new.yaml"}
