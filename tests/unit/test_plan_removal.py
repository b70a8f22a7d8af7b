"""What is removed for an absent source or a gone mapping, and all that is kept."""

import re
from dataclasses import replace

import pytest

from syncd.model.inventory import Entry
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action, Change
from syncd.model.reference import FailureClass
from syncd.model.secret import Live, LiveSecret, Missing, ReadFailure
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.plan.orphans import owned_entry, plan_orphan
from syncd.plan.planner import make_plan
from syncd.plan.removal import removal_candidates
from syncd.report import render_diff
from tests.unit.plan_makers import (
    KEYLESS,
    ME,
    OTHER_KEY,
    PLAIN,
    REF,
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

PRUNE = Rules(prune=True)
GONE = mapping(when_source_gone="delete")
LEFT = mapping(when_mapping_gone="delete")
ENTRY = Entry(SECRET, "", "payments/db", "delete", frozenset({ME.configuration}))


def _absent(live: Live, *, rules: Rules = PRUNE, confirmed: bool = True, instance: Instance = ME) -> Change:
    return plan_one(GONE, refusal(), live, instance=instance, rules=rules, confirmed_absent=confirmed)


def _orphan(live: Live, *, entry: Entry = ENTRY, rules: Rules = PRUNE, instance: Instance = ME) -> Change | None:
    return plan_orphan(entry, live, instance=instance, rules=rules)


def test_an_absent_source_removes_when_asked_and_confirmed() -> None:
    change = _absent(written())

    assert (change.action, change.reason, change.ownership) == (Action.DELETE, "source-absent", "proven")
    assert change.keys.removed == ("password",)
    assert [source.ref for source in change.sources] == [REF]
    assert change.desired is None


def test_an_absent_source_keeps_when_one_condition_is_missing() -> None:
    """I-DEL."""
    live = written()
    suspended = replace(live, annotations={**live.annotations, "syncd.dev/suspend": "true"})
    claimed = replace(live, annotations={**live.annotations, "meta.helm.sh/release-name": "db"})
    kept = [
        _absent(live, rules=Rules()),
        _absent(live, confirmed=False),
        _absent(live, instance=KEYLESS),
        _absent(written(instance=OTHER_KEY)),
        _absent(foreign()),
        _absent(Missing(SECRET)),
        _absent(suspended),
        _absent(claimed),
        _absent(written(mapping(tenant="billing"))),
        plan_one(mapping(), refusal(), live, instance=ME, rules=PRUNE, confirmed_absent=True),
        plan_one(replace(GONE, adopt=True), refusal(), foreign(), instance=ME, rules=PRUNE, confirmed_absent=True),
    ]

    assert {change.action for change in kept} == {Action.UNREADABLE, Action.SUSPENDED}


def test_a_kept_secret_says_why_it_stays_and_how_it_goes() -> None:
    live = written()
    claimed = replace(live, annotations={**live.annotations, "meta.helm.sh/release-name": "db"})
    shared = replace(GONE, merge=True)
    keep = plan_one(mapping(), refusal(), live, instance=ME, rules=PRUNE, confirmed_absent=True)
    merged = plan_one(shared, refusal(), claimed, instance=ME, rules=PRUNE, confirmed_absent=True)
    adopted = plan_one(replace(GONE, adopt=True), refusal(), foreign(), instance=ME, rules=PRUNE)

    said = "the Secret stays"
    assert _absent(live, rules=Rules()).message.endswith("; `syncd apply --prune` removes the Secret")
    assert plan_one(shared, refusal(), live, instance=ME, rules=Rules()).message.endswith(
        "; `syncd apply --prune` takes what is ours off the Secret"
    )
    assert keep.message.endswith(f"; {said}, since the mapping's `whenSourceGone` is `keep`")
    assert f"; {said} until its source was found absent often enough" in _absent(live, confirmed=False).message
    assert f"; {said}: without the instance's key" in _absent(live, instance=KEYLESS).message
    assert f"; {said}: payments/db belongs to this instance and also to Helm" in _absent(claimed).message
    assert f"; {said}: it also belongs to Helm" in merged.message
    assert f"; {said}: it does not bear this instance's mark" in adopted.message


def test_what_is_not_asked_for_or_not_there_needs_no_word_on_removal() -> None:
    untold = [
        plan_one(mapping(), refusal(), written(), instance=ME, rules=Rules()),
        _absent(Missing(SECRET)),
        plan_one(GONE, refusal(FailureClass.DENIED), written(), instance=ME, rules=PRUNE),
    ]

    assert not any("stays" in change.message or "--prune" in change.message for change in untold)


@pytest.mark.parametrize("cls", [cls for cls in FailureClass if cls is not FailureClass.ABSENT])
def test_only_absent_removes(cls: FailureClass) -> None:
    refused = replace(refusal(cls), absent=(REF,))

    change = plan_one(GONE, refused, written(), instance=ME, rules=PRUNE, confirmed_absent=True)

    assert change.action is Action.UNREADABLE


def test_the_second_look_is_for_what_would_be_removed() -> None:
    other = mapping(SecretKey("default", "payments", "other"))

    wanted = [(GONE, refusal()), (other, refusal()), (replace(GONE, key=other.key), refusal(FailureClass.DENIED))]

    assert removal_candidates(wanted) == {SECRET}


def test_in_a_plain_target_an_absent_source_removes() -> None:
    change = _absent(written(instance=PLAIN), instance=PLAIN)

    assert (change.action, change.ownership) == (Action.DELETE, "unverified")


def test_of_a_shared_secret_only_what_is_ours_leaves() -> None:
    shared = replace(GONE, merge=True)
    live = written(shared, content(annotations={"note": "ours"}))
    live = replace(
        live,
        data={**live.data, **values({"extra": "theirs"})},
        labels={**live.labels, "app.kubernetes.io/managed-by": "kustomize"},
    )

    change = plan_one(shared, refusal(), live, instance=ME, rules=PRUNE, confirmed_absent=True)

    assert (change.action, change.reason) == (Action.UPDATE, "source-absent")
    assert change.keys.removed == ("password",)
    assert change.desired is not None
    assert change.desired.data.keys() == {"extra"}
    assert change.desired.labels == {"app.kubernetes.io/managed-by": "kustomize"}
    assert change.desired.annotations == {}


def test_a_shared_and_immutable_secret_is_kept() -> None:
    shared = replace(GONE, merge=True)
    live = replace(written(shared), immutable=True)

    change = plan_one(shared, refusal(), live, instance=ME, rules=PRUNE, confirmed_absent=True)

    assert (change.action, change.reason) == (Action.UNREADABLE, "source-absent")
    orphan = _orphan(replace(written(replace(LEFT, merge=True)), immutable=True))
    assert orphan is not None
    assert (orphan.action, orphan.reason) == (Action.ORPHAN, "immutable")


def test_an_orphan_whose_mark_says_delete_is_pruned() -> None:
    """G8."""
    change = _orphan(written(LEFT))

    assert change is not None
    assert (change.action, change.reason, change.ownership) == (Action.DELETE, "mapping-gone", "proven")
    assert (change.mapping, change.keys.removed) == ("payments/db", ("password",))
    assert [source.ref for source in change.sources] == [REF]


def test_a_pruned_orphan_of_a_shared_secret_loses_only_what_is_ours() -> None:
    change = _orphan(written(replace(LEFT, merge=True)))

    assert change is not None
    assert (change.action, change.reason) == (Action.UPDATE, "mapping-gone")
    assert stored(change.desired).data == {}


@pytest.mark.parametrize(
    ("live", "rules", "entry", "reason"),
    [
        (written(mapping()), PRUNE, ENTRY, "keep"),
        (written(LEFT), Rules(), ENTRY, "not-pruned"),
        (written(LEFT), PRUNE, ENTRY._replace(configurations=frozenset({"/other.yaml"})), "other-configuration"),
        (written(mapping()), PRUNE, ENTRY._replace(configurations=frozenset({"/other.yaml"})), "other-configuration"),
        (written(LEFT), Rules(prune=True, protected_namespaces=frozenset({"payments"})), ENTRY, "protected-namespace"),
        (written(LEFT, instance=OTHER_KEY), PRUNE, ENTRY, "key-lost"),
        (written(LEFT, instance=replace(ME, name="x")), PRUNE, ENTRY, "other-instance"),
        (foreign(), PRUNE, ENTRY, "not-owned"),
    ],
)
def test_an_orphan_is_kept_and_reported_with_the_reason(
    live: LiveSecret, rules: Rules, entry: Entry, reason: str
) -> None:
    change = _orphan(live, rules=rules, entry=entry)

    assert change is not None
    assert (change.action, change.reason) == (Action.ORPHAN, reason)
    assert change.message.startswith("payments/db: ")
    assert change.desired is None


@pytest.mark.parametrize(
    ("annotation", "reason"), [("syncd.dev/suspend", "suspended"), ("meta.helm.sh/release-name", "two-writers")]
)
def test_an_orphan_that_somebody_claims_or_protects_is_kept(annotation: str, reason: str) -> None:
    live = written(LEFT)

    change = _orphan(replace(live, annotations={**live.annotations, annotation: "true"}))

    assert change is not None
    assert (change.action, change.reason) == (Action.ORPHAN, reason)


def test_without_a_key_an_orphan_is_kept() -> None:
    change = _orphan(written(LEFT), instance=KEYLESS)

    assert change is not None
    assert (change.action, change.reason, change.ownership) == (Action.ORPHAN, "not-proven", "unverified")


def test_an_orphan_that_is_gone_is_dropped_and_one_that_cannot_be_read_told() -> None:
    assert _orphan(Missing(SECRET)) is None
    change = _orphan(ReadFailure(SECRET, FailureClass.UNAVAILABLE, "timeout", "payments/db: no answer"))
    assert change is not None
    assert (change.action, change.reason) == (Action.UNREADABLE, "target-unavailable")


def test_an_orphan_waits_until_it_is_confirmed() -> None:
    orphans = [(ENTRY, written(LEFT))]

    waits = make_plan([], {}, instance=ME, rules=PRUNE, orphans=orphans, confirmed_gone=frozenset())
    goes = make_plan([], {}, instance=ME, rules=PRUNE, orphans=orphans, confirmed_gone={SECRET})

    assert [(c.action.value, c.reason) for c in waits.changes] == [("orphan", "not-confirmed")]
    assert [(c.action.value, c.reason) for c in goes.changes] == [("delete", "mapping-gone")]


def test_the_folder_of_a_plain_target_is_the_list_of_what_is_owned() -> None:
    live = written(LEFT, instance=PLAIN)

    entry = owned_entry(live, PLAIN)

    assert entry == ENTRY
    assert owned_entry(foreign(), PLAIN) is None
    change = _orphan(live, entry=entry, instance=PLAIN)
    assert change is not None
    assert (change.action, change.ownership) == (Action.DELETE, "unverified")


def test_a_mapping_that_comes_back_finds_its_secret() -> None:
    assert decide(LEFT, content(), written(LEFT)).action is Action.UNCHANGED


@pytest.mark.parametrize(
    ("live", "instance", "configurations"),
    [
        (written(mapping()), ME, {ME.configuration}),
        (written(LEFT), ME, {ME.configuration}),
        (written(LEFT), ME, {"/other.yaml"}),
        (written(LEFT), ME, {ME.configuration, "/other.yaml"}),
        (written(LEFT), KEYLESS, {ME.configuration}),
        (written(LEFT, instance=OTHER_KEY), ME, {ME.configuration}),
        (foreign(), ME, {ME.configuration}),
        (foreign(), ME, {"/other.yaml"}),
        (
            replace(written(LEFT), annotations={**written(LEFT).annotations, "meta.helm.sh/release-name": "a"}),
            ME,
            {"b"},
        ),
    ],
)
def test_the_block_of_an_orphan_says_once_that_it_stays(
    live: LiveSecret, instance: Instance, configurations: set[str]
) -> None:
    entry = ENTRY._replace(configurations=frozenset(configurations))
    plan = make_plan([], {}, instance=instance, rules=Rules(), orphans=[(entry, live)])

    block = render_diff(plan, form="text", color=False, redact_keys=False)

    assert len(re.findall("kept|left alone|left as it is|stays", block)) == 1, block
