"""A folder's manifests that somebody copied, or that an older syncd wrote: a plain mark counts where it was made."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.model.inventory import Entry
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action
from syncd.model.secret import LiveSecret
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.plan.orphans import owned_entry, plan_orphan
from syncd.plan.ownership import judge
from tests.unit.command_line import Desk
from tests.unit.plan_makers import PLAIN, SECRET, content, decide, mapping, refusal, written

PRUNE = Rules(prune=True)
LEFT = mapping(when_mapping_gone="delete")
COPY = SecretKey("default", "payments", "copy")
PLACE = "syncd.dev/secret"


def ours(
    key: SecretKey = SECRET, *, place: str | None = "default/payments/db", mark: str = "/payments/db"
) -> LiveSecret:
    """Make a manifest at `key` whose mark says another place, or none as an older syncd's."""
    live = written(LEFT, instance=PLAIN)
    annotations = {**live.annotations, "syncd.dev/mapping": mark}
    annotations.pop(PLACE)
    return replace(live, key=key, annotations=annotations if place is None else {**annotations, PLACE: place})


def test_the_plain_mark_names_the_place_that_it_was_made_for() -> None:
    assert written(LEFT, instance=PLAIN).annotations[PLACE] == "default/payments/db"
    assert PLACE not in written(LEFT).annotations


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (ours(), ""),
        (ours(mark="/another"), ""),
        (ours(place=None), ""),
        (ours(place="former/payments/db"), ""),
        (ours(place=None, mark="/another"), "mark-not-ours"),
        (ours(place="former/payments/db", mark="/another"), "mark-not-ours"),
        (ours(place="default/payments/other"), "mark-not-ours"),
        (ours(place="default/payments/other", mark="/another"), "mark-not-ours"),
        (ours(place=""), "mark-not-ours"),
    ],
)
def test_a_plain_mark_is_ours_where_it_was_made_or_names_this_very_mapping(live: LiveSecret, reason: str) -> None:
    verdict = judge(live, PLAIN, mapping="/payments/db")

    assert (verdict.reason, verdict.ours) == (reason, not reason)


def test_a_mark_without_its_place_is_written_anew_and_then_quiet() -> None:
    change = decide(LEFT, content(), ours(place=None), instance=PLAIN)

    assert (change.action, change.reason, change.keys.any()) == (Action.UPDATE, "mark-outdated", False)
    assert change.desired is not None
    assert change.desired.annotations[PLACE] == "default/payments/db"
    assert decide(LEFT, content(), written(LEFT, instance=PLAIN), instance=PLAIN).action is Action.UNCHANGED


def test_what_stands_where_a_mapping_writes_and_is_a_copy_of_anothers_is_a_conflict() -> None:
    other = mapping(COPY)

    assert decide(other, content(), ours(COPY), instance=PLAIN).reason == "mark-not-ours"
    assert decide(other, content(), ours(COPY, place=None), instance=PLAIN).reason == "mark-not-ours"


def test_the_source_of_an_older_manifest_may_go_like_any_other() -> None:
    gone = replace(LEFT, when_source_gone="delete")
    older, copy = (
        plan_one(gone, refusal(), live, instance=PLAIN, rules=PRUNE, confirmed_absent=True)
        for live in (ours(place=None), ours(place="default/payments/other"))
    )

    assert (older.action, copy.action) == (Action.DELETE, Action.UNREADABLE)


@pytest.mark.parametrize("place", [None, "former/payments/db", "default/payments/other"])
@pytest.mark.parametrize("instance", [PLAIN, replace(PLAIN, name="new", former=frozenset({"prod"}))])
def test_what_no_mapping_names_goes_only_where_its_mark_was_made(place: str | None, instance: Instance) -> None:
    entry = Entry(SECRET, "", "payments/db", "delete", frozenset({instance.configuration}))
    stays = plan_orphan(entry, ours(place=place), instance=instance, rules=PRUNE)
    goes = plan_orphan(entry, ours(), instance=instance, rules=PRUNE)

    assert stays is not None
    assert stays.action is Action.ORPHAN
    assert stays.desired is None
    assert goes is not None
    assert goes.action is Action.DELETE


def test_a_copy_is_nobodys_and_an_older_manifest_is_told() -> None:
    assert owned_entry(ours(COPY), PLAIN) is None
    assert owned_entry(ours(), PLAIN) is not None
    entry = owned_entry(ours(COPY, place=None), PLAIN)
    assert entry is not None
    kept = plan_orphan(entry, ours(COPY, place=None), instance=PLAIN, rules=PRUNE)
    assert kept is not None
    assert (kept.action, kept.reason) == (Action.ORPHAN, "not-proven")
    assert "does not say for which Secret" in kept.message


# The program


def copied(desk: Desk, *, older: bool = False) -> tuple[Path, Path]:
    """Write a manifest and copy it, name and all but the mark; as an older syncd marked it where `older`."""
    desk.values(app={"k": "v"}, other={"k": "w"})
    desk.configure(secrets=[secret("app")])
    desk.run("apply", "--yes")
    first, copy = (desk.folder / "out" / "team" / f"{name}.yaml" for name in ("app", "copy"))
    text = first.read_text()
    if older:
        text = re.sub(f" *{PLACE}: .*\n", "", text)
        first.write_text(text)
    copy.write_text(text.replace('name: "app"', 'name: "copy"'))
    return first, copy


def secret(name: str) -> dict[str, object]:
    return {"name": name, "whenMappingGone": "delete", "whenSourceGone": "delete", "dataFrom": [{"key": "app"}]}


@pytest.mark.parametrize("older", [False, True])
def test_a_copied_manifest_stays_while_its_mapping_is_there_and_when_it_is_gone(tmp_path: Path, *, older: bool) -> None:
    desk = Desk(tmp_path)
    first, copy = copied(desk, older=older)
    before = copy.read_bytes()
    for _ in range(2):
        desk.run("apply", "--yes", "--prune")
        assert (first.exists(), copy.read_bytes()) == (True, before)
    desk.configure(secrets=[{**secret("new"), "id": "new"}])
    desk.run("apply", "--yes", "--prune")
    desk.run("apply", "--yes", "--prune")
    assert (first.exists(), copy.read_bytes()) == (False, before)


@pytest.mark.parametrize("older", [False, True])
def test_a_copy_in_the_place_of_another_mapping_is_not_written_over(tmp_path: Path, *, older: bool) -> None:
    desk = Desk(tmp_path)
    _, copy = copied(desk, older=older)
    before = copy.read_bytes()
    desk.configure(secrets=[secret("app"), {**secret("copy"), "dataFrom": [{"key": "other"}]}])
    out, _ = desk.run("apply", "--yes", "--prune", expect=1)
    assert "mark-not-ours" in out
    assert copy.read_bytes() == before
