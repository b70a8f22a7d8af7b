"""One test for each row of the planner's table, and what the desired object keeps."""

from dataclasses import replace

import pytest

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, KeyChanges
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import Live, LiveSecret, Missing, ReadFailure, SourceVersion
from syncd.plan.decision import plan_one
from syncd.plan.instance import Rules
from syncd.plan.orphans import owned_entry
from syncd.plan.planner import make_plan
from tests.unit.plan_makers import (
    KEYLESS,
    ME,
    OTHER_KEY,
    PLAIN,
    REF,
    RULES,
    SECRET,
    content,
    decide,
    foreign,
    mapping,
    refusal,
    stored,
    values,
    written,
)


def _is(change: Change) -> tuple[str, str]:
    return change.action.value, change.reason


# Row 1
@pytest.mark.parametrize("live", [Missing(SecretKey("default", "syncd", "db")), None])
def test_nothing_is_written_in_a_protected_namespace(live: Live | None) -> None:
    """L11."""
    rules = Rules(protected_namespaces=frozenset({"syncd"}))
    wanted = mapping(SecretKey("default", "syncd", "db"))

    change = plan_one(wanted, content(), live or written(wanted), instance=ME, rules=rules)

    assert _is(change) == ("conflict", "protected-namespace")


# Row 2
def test_a_suspended_mapping_is_left_alone_whatever_happens() -> None:
    wanted = mapping(suspend=True, when_source_gone="delete")

    assert _is(decide(wanted, content({"password": "new"}), written())) == ("suspended", "suspended")
    assert _is(decide(wanted, refusal(), written(), Rules(prune=True))) == ("suspended", "suspended")
    assert decide(wanted, content(), written()).ownership == "proven"


# Row 3
def test_a_target_that_did_not_tell_is_unreadable() -> None:
    live = ReadFailure(SECRET, FailureClass.DENIED, "forbidden", "payments/db: not allowed to get it")

    change = plan_one(mapping(), content(), live, instance=ME, rules=RULES)

    assert _is(change) == ("unreadable", "target-denied")
    assert change.message == "payments/db: not allowed to get it"


# Row 4
def test_the_users_annotation_suspends() -> None:
    live = written()
    live = replace(live, annotations={**live.annotations, "syncd.dev/suspend": "true"})

    assert _is(decide(mapping(), content({"password": "new"}), live)) == ("suspended", "suspended")


def test_the_annotation_with_another_value_does_not_suspend_and_stays() -> None:
    live = written()
    live = replace(live, annotations={**live.annotations, "syncd.dev/suspend": "false"})

    change = decide(mapping(), content({"password": "new"}), live)

    assert change.desired is not None
    assert change.desired.annotations["syncd.dev/suspend"] == "false"


# Row 6 (row 5 is in test_plan_removal.py)
@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (FailureClass.ABSENT, "source-absent"),
        (FailureClass.DENIED, "source-denied"),
        (FailureClass.THROTTLED, "source-throttled"),
        (FailureClass.UNAVAILABLE, "source-unavailable"),
        (FailureClass.UNUSABLE, "source-unusable"),
        (FailureClass.MALFORMED, "source-malformed"),
        (FailureClass.CONFIG, "property-missing"),
    ],
)
def test_a_refusal_keeps_the_secret_and_names_the_class(cls: FailureClass, reason: str) -> None:
    for live in (written(), foreign()):
        change = decide(mapping(), refusal(cls, "property-missing"), live)

        assert _is(change) == ("unreadable", reason)
        assert change.desired is None
        assert change.message == "password: the source answered so"
    assert _is(plan_one(mapping(), refusal(cls, "property-missing"), Missing(SECRET), instance=ME, rules=RULES)) == (
        "unreadable",
        reason,
    )


# Row 7
def test_a_missing_secret_is_created() -> None:
    change = plan_one(mapping(), content(), Missing(SECRET), instance=ME, rules=RULES)

    assert _is(change) == ("create", "missing")
    assert change.keys == KeyChanges(added=("password",))
    assert (change.ownership, change.live, change.origin) == ("none", None, mapping().origin)


# Row 8
@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (foreign(), "not-owned"),
        (foreign(owners=("ExternalSecret/db",)), "other-manager"),
        (written(instance=replace(ME, name="staging")), "other-instance"),
        (written(instance=OTHER_KEY), "key-lost"),
        (foreign(labels={"syncd.dev/instance": "prod"}), "mark-not-ours"),
    ],
)
def test_what_is_not_ours_is_a_conflict_that_names_both_owners_and_the_way_out(live: LiveSecret, reason: str) -> None:
    """I1, H6."""
    change = decide(mapping(), content(), live)

    assert _is(change) == ("conflict", reason)
    assert change.desired is None
    assert "payments/db" in change.message
    assert "mapping payments/db of syncd instance prod wants it" in change.message
    assert any(word in change.message for word in ("adopt", "choose", "remove it", "--resign", "take the syncd labels"))


@pytest.mark.parametrize(
    "live",
    [
        foreign(owners=("ExternalSecret/db",)),
        foreign(labels={"app.kubernetes.io/managed-by": "Helm"}),
        written(instance=replace(ME, name="staging")),
        written(instance=OTHER_KEY),
    ],
)
def test_adopt_takes_nothing_over_that_bears_a_managers_mark(live: LiveSecret) -> None:
    """I2."""
    assert decide(mapping(adopt=True), content(), live).action is Action.CONFLICT


# Row 9
def test_ours_that_another_manager_claims_too_is_not_fought_over() -> None:
    live = written()
    claimed = replace(live, annotations={**live.annotations, "meta.helm.sh/release-name": "db"})

    change = decide(mapping(), content({"password": "new"}), claimed)

    assert _is(change) == ("conflict", "two-writers")
    assert "Helm" in change.message
    assert decide(mapping(merge=True), content({"password": "new"}), claimed).action is Action.UPDATE


# Row 10
def test_a_tenant_does_not_take_what_another_tenant_left() -> None:
    """Tenants: no message names another's mapping."""
    live = written(mapping(tenant="billing", id="secret-project"))

    change = decide(mapping(tenant="payments"), content(), live)

    assert _is(change) == ("conflict", "other-tenant")
    assert "secret-project" not in change.message
    assert "billing" not in change.message
    assert _is(decide(mapping(tenant="payments", adopt=True), content(), live)) == ("update", "mark-outdated")


# Row 11
def test_an_equal_secret_is_unchanged() -> None:
    change = decide(mapping(), content(), written())

    assert _is(change) == ("unchanged", "in-sync")
    assert change.keys == KeyChanges(unchanged=("password",))
    assert change.desired is None


def test_a_new_version_with_the_same_bytes_writes_nothing() -> None:
    """E12."""
    assert decide(mapping(), content(version="8"), written()).action is Action.UNCHANGED


def test_the_new_version_goes_along_with_another_write() -> None:
    live = written()
    change = decide(mapping(labels=(("env", "x"),)), content(version="8", labels={"env": "x"}), live)

    assert change.desired is not None
    assert '"version":"8"' in change.desired.annotations["syncd.dev/sources"]
    assert decide(mapping(), content(version="8", labels={"env": "x"}), stored(change.desired)).ownership == "proven"


# Row 12
def test_an_older_version_is_stale_and_the_secret_kept() -> None:
    """A6."""
    change = decide(mapping(), content({"password": "old"}, version="6"), written())

    assert _is(change) == ("unreadable", "source-stale")
    assert change.desired is None
    assert "vault:secret/payments/db answered version 6" in change.message


def test_an_older_version_made_later_is_a_recreated_object() -> None:
    """D16."""
    live = written(built=content(created=100.0))

    again = content({"password": "new"}, version="1", created=200.0)
    before = content({"password": "new"}, version="1", created=100.0)

    assert _is(decide(mapping(), again, live)) == ("update", "source-changed")
    assert _is(decide(mapping(), before, live)) == ("unreadable", "source-stale")


def test_stale_counts_only_for_the_same_object_and_pin() -> None:
    for ref in (REF._replace(key="payments/db2"), REF._replace(mount="kv"), REF._replace(version="6")):
        built = content({"password": "old"}, sources=(SourceVersion(ref, "6"),))

        assert _is(decide(mapping(), built, written())) == ("update", "mapping-changed")


def test_stale_knows_a_renamed_store() -> None:
    renamed = REF._replace(store="vault-eu")
    built = content({"password": "old"}, sources=(SourceVersion(renamed, "6"),))

    change = decide(mapping(), built, written(), Rules(formerly={"vault": "vault-eu"}))

    assert _is(change) == ("unreadable", "source-stale")


def test_versions_that_are_no_numbers_are_never_stale() -> None:
    live = written(built=content(version="b" * 32))

    assert _is(decide(mapping(), content({"password": "x"}, version="a" * 32), live)) == ("update", "source-changed")


# Rows 13 and 15
def test_what_is_nobodys_is_never_replaced() -> None:
    wanted = mapping(adopt=True)
    rules = Rules(allow_replace=True)

    assert _is(decide(wanted, content(), foreign(type="kubernetes.io/tls"), rules)) == ("conflict", "not-adoptable")
    assert _is(decide(wanted, content(), foreign(immutable=True), rules)) == ("conflict", "not-adoptable")


# Row 14
def test_another_type_is_a_replacement_and_held() -> None:
    """I12."""
    built = content(type="kubernetes.io/basic-auth")

    held = decide(mapping(), built, written())
    allowed = decide(mapping(), built, written(), Rules(allow_replace=True))

    assert (*_is(held), held.outcome) == ("replace", "type-changed", "held")
    assert "--allow-replace" in held.message
    assert (*_is(allowed), allowed.outcome) == ("replace", "type-changed", "")
    assert allowed.desired is not None
    assert allowed.desired.type == "kubernetes.io/basic-auth"


# Row 16
def test_other_data_of_an_immutable_secret_is_a_replacement_and_held() -> None:
    """I11."""
    live = written(mapping(immutable=True), content(immutable=True))

    held = decide(mapping(immutable=True), content({"password": "new"}, immutable=True), live)
    allowed = decide(mapping(), content({"password": "new"}), live, Rules(allow_replace=True))

    assert (*_is(held), held.outcome) == ("replace", "immutable", "held")
    assert (*_is(allowed), allowed.outcome) == ("replace", "immutable", "")
    assert allowed.desired is not None
    assert not allowed.desired.immutable


def test_metadata_of_an_immutable_secret_is_updated_in_place() -> None:
    live = written(mapping(immutable=True), content(immutable=True))

    change = decide(mapping(), content(labels={"env": "test"}), live)

    assert change.action is Action.UPDATE
    assert change.desired is not None
    assert change.desired.immutable


# Row 17
def test_adopt_takes_over_what_is_nobodys() -> None:
    change = decide(mapping(adopt=True), content(), foreign())

    assert (*_is(change), change.ownership) == ("update", "adopted", "none")
    assert change.desired is not None
    assert change.desired.labels["app"] == "db"
    assert decide(mapping(adopt=True), content(), stored(change.desired)).action is Action.UNCHANGED


# Row 18
def test_a_changed_source_is_an_update() -> None:
    change = decide(mapping(), content({"password": "new"}, version="8"), written())

    assert _is(change) == ("update", "source-changed")
    assert change.keys == KeyChanges(changed=("password",))
    assert change.labels == change.annotations == ()


def test_a_store_without_versions_counts_as_changed() -> None:
    live = written(built=content(version=""))

    assert decide(mapping(), content({"password": "new"}, version=""), live).reason == "source-changed"


def test_data_edited_by_hand_is_drift() -> None:
    """I8."""
    live = replace(written(), data=values({"password": "edited"}))

    change = decide(mapping(), content(), live)

    assert _is(change) == ("update", "drift")
    assert "edited by hand" in change.message


@pytest.mark.parametrize("labels", [{"env": "edited"}, {"env": None}, {"app.kubernetes.io/managed-by": "me"}])
def test_managed_metadata_edited_by_hand_is_drift(labels: dict[str, str | None]) -> None:
    live = written()
    edited = {name: text for name, text in {**live.labels, **labels}.items() if text is not None}

    change = decide(mapping(), content(), replace(live, labels=edited))

    assert _is(change) == ("update", "drift")
    assert change.labels == tuple(labels)
    assert change.desired is not None
    assert change.desired.labels == live.labels


def test_other_keys_labels_or_annotations_in_the_mapping_are_a_changed_mapping() -> None:
    live = written(built=content(annotations={"old": "1"}))

    assert decide(mapping(), content({"user": "u", "password": "s3cret"}), live).reason == "mapping-changed"
    assert decide(mapping(), content(labels={"env": "production", "tier": "db"}), live).reason == "mapping-changed"
    change = decide(mapping(), content(), live)
    assert _is(change) == ("update", "mapping-changed")
    assert change.annotations == ("old",)
    assert change.desired is not None
    assert "old" not in change.desired.annotations


def test_a_label_that_the_mapping_no_longer_sets_leaves() -> None:
    change = decide(mapping(), content(labels={}), written())

    assert (*_is(change), change.labels) == ("update", "mapping-changed", ("env",))
    assert change.desired is not None
    assert "env" not in change.desired.labels


def test_becoming_immutable_is_a_changed_mapping() -> None:
    change = decide(mapping(immutable=True), content(immutable=True), written())

    assert _is(change) == ("update", "mapping-changed")
    assert change.desired is not None
    assert change.desired.immutable


@pytest.mark.parametrize("wanted", [mapping(id="renamed"), mapping(when_mapping_gone="delete"), mapping(merge=True)])
def test_a_mark_that_no_longer_fits_is_renewed(wanted: SecretMapping) -> None:
    change = decide(wanted, content(), written())

    assert _is(change) == ("update", "mark-outdated")
    assert change.desired is not None
    assert decide(wanted, content(), stored(change.desired)).action is Action.UNCHANGED


# What stays and what leaves
def test_foreign_metadata_stays_and_foreign_keys_leave() -> None:
    """I4."""
    live = written()
    touched = replace(
        live,
        data={**live.data, **values({"extra": "theirs"})},
        labels={**live.labels, "team": "blue"},
        annotations={**live.annotations, "note": "hello"},
    )

    change = decide(mapping(), content(), touched)

    assert _is(change) == ("update", "drift")
    assert change.keys == KeyChanges(removed=("extra",), unchanged=("password",))
    assert change.desired is not None
    assert change.desired.data.keys() == {"password"}
    assert change.desired.labels["team"] == "blue"
    assert change.desired.annotations["note"] == "hello"
    assert change.labels == change.annotations == ()


def test_with_merge_foreign_keys_stay_and_only_ours_leave() -> None:
    wanted = mapping(merge=True)
    live = written(wanted, content({"password": "s3cret", "old": "x"}))
    shared = replace(live, data={**live.data, **values({"extra": "theirs"})})

    change = decide(wanted, content(), shared)

    assert change.keys == KeyChanges(removed=("old",), unchanged=("password",))
    assert change.desired is not None
    assert change.desired.data.keys() == {"password", "extra"}
    assert decide(wanted, content(), stored(change.desired)).action is Action.UNCHANGED


def test_with_merge_anothers_managed_by_label_stays() -> None:
    wanted = mapping(merge=True)
    live = written(wanted)
    shared = replace(live, labels={**live.labels, "app.kubernetes.io/managed-by": "kustomize"})

    assert decide(wanted, content(), shared).action is Action.UNCHANGED


# Keys at hand, and not
def test_without_a_key_a_difference_is_shown_and_never_written() -> None:
    wanted = [(mapping(), content({"password": "new"})), (mapping(SecretKey("default", "payments", "new")), content())]

    plan = make_plan(wanted, {SECRET: written()}, instance=KEYLESS, rules=RULES)

    assert [(c.action.value, c.ownership) for c in plan.changes] == [("update", "unverified"), ("create", "none")]
    assert plan.writes() == ()
    assert len(plan.notes) == 1
    assert make_plan(wanted, {SECRET: written()}, instance=ME, rules=RULES).notes == ()


def test_plain_targets_are_written_with_the_plain_mark() -> None:
    live = written(instance=PLAIN)

    plan = make_plan([(mapping(), content({"password": "new"}))], {SECRET: live}, instance=PLAIN, rules=RULES)

    assert [(c.action.value, c.ownership) for c in plan.writes()] == [("update", "unverified")]
    assert plan.notes == ()


def test_a_secret_that_was_not_looked_at_counts_as_missing() -> None:
    plan = make_plan([(mapping(), content())], {}, instance=ME, rules=RULES)

    assert [_is(change) for change in plan.changes] == [("create", "missing")]


def test_no_value_is_printed() -> None:
    built = content({"password": "canary-1", "note": "x"})
    live = replace(written(), data=values({"password": "canary-2"}))

    plan = make_plan([(mapping(), built)], {SECRET: live}, instance=ME, rules=RULES)

    assert "canary" not in repr(plan) + str(plan)


def test_no_two_wanted_secrets_share_state() -> None:
    built = content()
    other = mapping(SecretKey("default", "payments", "db2"), RemoteRef("vault", "x"))

    plan = make_plan([(mapping(), built), (other, built)], {}, instance=ME, rules=RULES)

    assert built.labels == {"env": "production"}
    assert len({c.desired.annotations["syncd.dev/owner"] for c in plan.changes if c.desired}) == 2


# Defects


def test_a_defect_that_one_mapping_brings_up_is_that_ones_alone() -> None:
    """J12, M3."""
    poison = mapping(SecretKey("default", "payments", "poison"), when_mapping_gone=5)
    fine = mapping(SecretKey("default", "payments", "fine"))

    (alone,) = make_plan([(fine, content())], {}, instance=ME, rules=RULES).changes
    made = make_plan([(poison, content({"password": "canary"})), (fine, content())], {}, instance=ME, rules=RULES)

    (unharmed, broken) = made.changes
    assert unharmed == alone
    assert _is(broken) == ("unreadable", "defect")
    assert (broken.mapping, broken.origin, broken.desired) == ("payments/poison", poison.origin, None)
    assert broken.message.startswith("payments/poison: a defect in syncd: ")
    assert " at syncd." in broken.message
    assert "the mapping at syncd.yaml:3:5" in broken.message
    assert "canary" not in broken.message


def test_a_defect_that_one_orphan_brings_up_is_that_ones_alone() -> None:
    entry = owned_entry(written(), ME)
    assert entry is not None
    odd = written(labels=None)
    fine = mapping(SecretKey("default", "payments", "fine"))

    made = make_plan([(fine, content())], {}, instance=ME, rules=RULES, orphans=[(entry, odd)])

    (broken, unharmed) = made.changes
    assert (_is(broken), broken.mapping) == (("unreadable", "defect"), entry.mapping)
    assert _is(unharmed) == ("create", "missing")
