"""A find that shrank: how it is known, that the Secret waits as a whole, and what leaves it in the end."""

from dataclasses import replace

import pytest

from syncd.model.plan import Action, Change
from syncd.model.reference import FailureClass, Query, RemoteRef
from syncd.model.secret import Content, LiveSecret, Missing, Refusal, SourceVersion
from syncd.model.selection import Extract, Finding, KeyRules, Selection
from syncd.plan.decision import plan_one
from syncd.plan.finds import fingerprint, kept_whole
from syncd.plan.guards import removes, tenant_stores
from syncd.plan.instance import Rules
from syncd.plan.marks import read_mark
from syncd.plan.removal import enough, gone_sources
from tests.unit.plan_makers import ME, RULES, SECRET, foreign, mapping, stored, values, written

QUERY = Query("vault", "app/", mount="secret")
FIND = Finding(QUERY)
OTHER = Finding(Query("vault", "web/", mount="secret"))
PRUNE = replace(RULES, prune=True)
WANTS = mapping(data=(), data_from=(FIND,), when_source_gone="delete")
A, B = (RemoteRef("vault", f"app/{name}", mount="secret") for name in "ab")


def found(*keys: str, finding: Finding = FIND, version: str = "1", beside: dict[str, str] | None = None) -> Content:
    """Make what a build makes of objects that are called as their keys."""
    path = finding.query.path
    refs = (RemoteRef("vault", f"{path}{key}", mount="secret") for key in keys)
    data = values({**{key: f"value of {key}" for key in keys}, **(beside or {})})
    return Content("Opaque", data, {}, {}, tuple(SourceVersion(ref, version) for ref in refs), found={finding: keys})


BOTH = written(WANTS, found("a", "b"))


def decide(
    built: Content | Refusal,
    live: LiveSecret = BOTH,
    *,
    rules: Rules = PRUNE,
    confirmed: bool = False,
    **fields: object,
) -> Change:
    wanted = replace(WANTS, **fields)  # type: ignore[arg-type]
    return plan_one(wanted, built, live, instance=ME, rules=rules, confirmed_absent=confirmed)


def as_seen(built: Content, live: LiveSecret = BOTH) -> Refusal:
    made = kept_whole(WANTS, built, read_mark(live.annotations))
    assert isinstance(made, Refusal)
    return made


def test_the_mark_names_the_keys_of_each_find_and_the_second_plan_finds_nothing_to_do() -> None:
    assert read_mark(BOTH.annotations).found == {fingerprint(FIND): ("a", "b")}
    assert decide(found("a", "b")).action is Action.UNCHANGED


@pytest.mark.parametrize("rules", [RULES, PRUNE])
@pytest.mark.parametrize("policy", ["keep", "delete"])
def test_a_secret_waits_as_a_whole_for_a_key_that_is_not_found_any_more(rules: Rules, policy: str) -> None:
    change = decide(found("a", version="2"), rules=rules, when_source_gone=policy)
    assert (change.action, change.reason, change.desired) == (Action.UNREADABLE, "source-absent", None)
    assert "key(s) b (vault: find secret/app/)" in change.message
    assert ("whenSourceGone" in change.message) is (policy == "keep")
    assert tenant_stores(change) == {("", "vault")}


def test_once_confirmed_only_the_key_leaves_and_it_counts_as_a_removal() -> None:
    change = decide(as_seen(found("a")), confirmed=True)
    assert (change.action, change.reason, change.keys.removed) == (Action.UPDATE, "source-absent", ("b",))
    assert removes(change)
    assert tenant_stores(change) == {("", "vault")}
    left = stored(change.desired)
    assert list(left.data) == ["a"]
    assert decide(found("a"), left).action is Action.UNCHANGED


def test_with_merge_foreign_keys_stay_when_a_found_one_leaves() -> None:
    live = written(replace(WANTS, merge=True), found("a", "b"))
    live = replace(live, data={**live.data, **values({"theirs": "x"})})
    change = decide(as_seen(found("a"), live), live, confirmed=True, merge=True)
    assert change.desired is not None
    assert sorted(change.desired.data) == ["a", "theirs"]


def test_keep_lets_nothing_go_however_often_it_is_confirmed() -> None:
    assert decide(as_seen(found("a")), confirmed=True, when_source_gone="keep").action is Action.UNREADABLE


def test_without_prune_nothing_leaves() -> None:
    change = decide(as_seen(found("a")), rules=RULES, confirmed=True)
    assert change.action is Action.UNREADABLE
    assert "`syncd apply --prune` takes these keys off the Secret" in change.message


def test_what_was_confirmed_for_one_key_takes_no_other_along() -> None:
    assert decide(as_seen(found("a")), confirmed=True).action is Action.UPDATE
    lost_both = found("c")
    assert decide(replace(as_seen(found("a")), otherwise=lost_both), confirmed=True).action is Action.UNREADABLE


def test_new_keys_come_at_once_and_wait_with_the_rest_where_one_is_lost() -> None:
    change = decide(found("a", "b", "c"))
    assert (change.action, change.reason, change.keys.added) == (Action.UPDATE, "source-changed", ("c",))
    assert decide(found("a", "c")).action is Action.UNREADABLE


def test_a_key_that_something_else_gives_now_is_not_lost() -> None:
    change = decide(found("a", beside={"b": "from data"}))
    assert (change.action, change.keys.changed) == (Action.UPDATE, ("b",))


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIND, query=QUERY._replace(path="app2/")),
        replace(FIND, query=QUERY._replace(name="^a")),
        replace(FIND, query=QUERY._replace(tags=(("team", "x"),))),
        replace(FIND, query=QUERY._replace(mount="other")),
        replace(FIND, keys=KeyRules(exclude=("b",))),
        replace(FIND, keys=KeyRules(prefix="P_")),
    ],
)
def test_a_find_that_the_mapping_changed_lets_its_keys_go_at_once(changed: Finding) -> None:
    change = decide(found("a", finding=changed), data_from=(changed,), when_source_gone="keep")
    assert (change.action, change.reason, change.keys.removed) == (Action.UPDATE, "mapping-changed", ("b",))


def test_a_find_that_left_the_mapping_takes_its_keys_along_at_once() -> None:
    entry = Extract(Selection(A))
    made = Content("Opaque", values({"a": "x"}), {}, {}, (SourceVersion(A, "1"),))
    assert decide(made, data_from=(entry,)).keys.removed == ("b",)


def test_a_renamed_store_and_another_decoding_are_the_same_find() -> None:
    moved = replace(FIND, query=QUERY._replace(store="vault-new"), decode="base64", overrides=True)
    assert fingerprint(moved) == fingerprint(FIND)


def test_keys_of_an_object_beside_a_find_leave_at_once() -> None:
    entry = Extract(Selection(B))
    live = written(replace(WANTS, data_from=(FIND, entry)), found("a", beside={"x": "1", "y": "2"}))
    change = decide(found("a", beside={"x": "1"}), live, data_from=(FIND, entry))
    assert (change.action, change.keys.removed) == (Action.UPDATE, ("y",))


def test_two_finds_are_told_apart() -> None:
    both = (FIND, OTHER)
    first = replace(found("a", beside={"w": "1"}), found={FIND: ("a",), OTHER: ("w",)})
    live = written(replace(WANTS, data_from=both), first)
    lost = replace(found("a"), found={FIND: ("a",), OTHER: ()})
    change = decide(lost, live, data_from=both)
    assert change.action is Action.UNREADABLE
    assert "vault: find secret/web/" in change.message
    assert decide(replace(found("a"), found={FIND: ("a",)}), live, data_from=(FIND,)).action is Action.UPDATE


def test_a_find_that_may_find_nothing_waits_for_its_last_key_too() -> None:
    nothing = Content("Opaque", {}, {}, {}, (), found={FIND: ()})
    assert decide(nothing, allow_empty=True).action is Action.UNREADABLE
    change = decide(as_seen(nothing), confirmed=True, allow_empty=True)
    assert (change.action, change.keys.removed) == (Action.UPDATE, ("a", "b"))
    assert tenant_stores(change) == {("", "vault")}


def test_a_find_that_finds_nothing_answers_for_its_store_where_other_keys_leave() -> None:
    changed = replace(FIND, query=QUERY._replace(path="elsewhere/"))
    nothing = Content("Opaque", {}, {}, {}, (), found={changed: ()})
    change = decide(nothing, data_from=(changed,), allow_empty=True)
    assert (change.action, change.keys.removed) == (Action.UPDATE, ("a", "b"))
    assert tenant_stores(change) == {("", "vault")}


def test_metadata_is_recorded_as_a_source_of_its_own() -> None:
    part = A._replace(part="metadata")
    wanted = mapping(data=(("k", Selection(part, "team")),))
    before = Content("Opaque", values({"k": "old"}), {}, {}, (SourceVersion(part, ""),))
    live = written(wanted, before)
    assert read_mark(live.annotations).sources == (SourceVersion(part, ""),)
    after = replace(before, data=values({"k": "new"}))
    assert plan_one(wanted, after, live, instance=ME, rules=RULES).reason == "source-changed"


def test_a_lost_name_counts_even_where_a_template_made_its_key_into_another() -> None:
    rendered = replace(found("a", "b"), data=values({"all": "a and b"}))
    live = written(WANTS, rendered)
    assert decide(replace(found("a"), data=values({"all": "a"})), live).action is Action.UNREADABLE


def test_a_secret_that_is_gone_or_not_ours_has_lost_nothing() -> None:
    assert plan_one(WANTS, as_seen(found("a")), Missing(SECRET), instance=ME, rules=PRUNE).action is Action.CREATE
    assert decide(as_seen(found("a")), foreign()).action is Action.CONFLICT


def test_a_suspended_secret_is_left_alone() -> None:
    assert decide(as_seen(found("a")), confirmed=True, suspend=True).action is Action.SUSPENDED


def test_an_unproven_mark_lets_no_key_go() -> None:
    forged = replace(BOTH, annotations={**BOTH.annotations, "syncd.dev/owner": "forged"})
    assert decide(as_seen(found("a")), forged, confirmed=True).action in (Action.CONFLICT, Action.UNREADABLE)


def test_all_lost_keys_must_be_confirmed_before_any_leaves() -> None:
    lost = as_seen(found("c"))
    a, b = lost.absent
    assert not enough(lost, {a})
    assert enough(lost, {a, b})
    assert gone_sources([(WANTS, lost)]) == {SECRET: frozenset({a, b})}
    whole = Refusal(FailureClass.ABSENT, "source-absent", "gone", absent=(A, B))
    assert enough(whole, {A})


def test_a_stale_answer_is_kept_though_a_loss_is_confirmed() -> None:
    live = written(WANTS, found("a", "b", version="7"))
    change = decide(as_seen(found("a", version="3"), live), live, confirmed=True)
    assert (change.action, change.reason) == (Action.UNREADABLE, "source-stale")
