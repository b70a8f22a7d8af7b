"""A renewed key and a renamed instance: what was ours stays ours, and is signed anew."""

from dataclasses import replace

import pytest

from syncd.keys import Former, InstanceKey
from syncd.model.inventory import Entry
from syncd.model.plan import Action, Change
from syncd.plan.instance import Instance, Rules
from syncd.plan.orphans import plan_orphan
from syncd.plan.ownership import judge
from syncd.redact import SecretValue
from tests.unit.plan_makers import (
    KEYLESS,
    ME,
    OTHER_KEY,
    PLAIN,
    RULES,
    SECRET,
    content,
    decide,
    mapping,
    stored,
    written,
)

OLD_KEY, NEW_KEY = ME.key, OTHER_KEY.key
assert OLD_KEY is not None
assert NEW_KEY is not None
RENEWED = replace(ME, key=NEW_KEY.after([Former("prod", OLD_KEY)]), former=frozenset({"prod"}))
"""The same instance with a new key, the old one at hand."""
RENAMED = replace(ME, name="live", key=NEW_KEY.after([Former("prod", OLD_KEY)]), former=frozenset({"prod"}))
STRANGER = InstanceKey(SecretValue(b"x" * 32))
LEFT = mapping(when_mapping_gone="delete")
ENTRY = Entry(SECRET, "", "payments/db", "delete", frozenset({ME.configuration}))


@pytest.mark.parametrize("instance", [RENEWED, RENAMED])
def test_a_mark_of_before_is_proven_and_signed_anew(instance: Instance) -> None:
    change = decide(mapping(), content(), written(), instance=instance)

    assert (change.action, change.reason, change.ownership) == (Action.UPDATE, "mark-outdated", "proven")
    assert not change.keys.any()
    after = stored(change.desired)
    assert after.labels["syncd.dev/instance"] == instance.name
    without = replace(instance, key=NEW_KEY, former=frozenset())
    assert decide(mapping(), content(), after, instance=without).action is Action.UNCHANGED
    assert decide(mapping(), content(), after, instance=instance).action is Action.UNCHANGED


def test_what_else_differs_gives_the_reason_and_is_signed_anew_too() -> None:
    change = decide(mapping(), content({"password": "new"}, version="8"), written(), instance=RENAMED)

    assert (change.action, change.reason) == (Action.UPDATE, "source-changed")
    drifted = written(labels={**written().labels, "env": "hand-made"})
    assert decide(mapping(), content(), drifted, instance=RENAMED).reason == "drift"


@pytest.mark.parametrize(
    ("key", "former", "reason"),
    [
        (NEW_KEY, {"prod"}, "other-instance"),
        (NEW_KEY.after([Former("prod", STRANGER)]), {"prod"}, "other-instance"),
        (NEW_KEY.after([Former("staging", OLD_KEY)]), {"staging"}, "other-instance"),
        (NEW_KEY.after([Former("staging", OLD_KEY), Former("prod", STRANGER)]), {"prod", "staging"}, "other-instance"),
        (OLD_KEY, {"prod"}, "other-instance"),
        (OLD_KEY, set(), "other-instance"),
    ],
)
def test_a_name_of_before_needs_its_key(key: InstanceKey, former: set[str], reason: str) -> None:
    """I-OWN: neither the old name alone, nor a key under another name, proves a mark."""
    renamed = replace(ME, name="live", key=key, former=frozenset(former))

    change = decide(mapping(), content(), written(), instance=renamed)

    assert (change.action, change.reason) == (Action.CONFLICT, reason)


def test_the_present_key_does_not_prove_a_mark_under_a_name_of_before() -> None:
    """Whoever renames an instance and keeps its key says so: `previous` names it."""
    renamed = replace(ME, name="live", former=frozenset({"prod"}))

    assert judge(written(), renamed, mapping="/payments/db").reason == "other-instance"
    assert OLD_KEY is not None
    kept = replace(renamed, key=OLD_KEY.after([Former("prod", OLD_KEY)]))
    assert judge(written(), kept, mapping="/payments/db").ownership == "proven"


def test_a_copy_under_a_name_of_before_is_not_ours() -> None:
    copy = written(mapping(SECRET._replace(namespace="other")), key=SECRET)

    assert decide(mapping(), content(), copy, instance=RENAMED).reason == "mark-not-ours"


def test_without_a_key_a_name_of_before_is_unverified() -> None:
    renamed = replace(KEYLESS, name="live", former=frozenset({"prod"}))

    change = decide(mapping(), content(), written(), instance=renamed)

    assert (change.action, change.ownership, change.writable) == (Action.UPDATE, "unverified", False)


def test_in_a_folder_the_name_of_before_is_enough() -> None:
    renamed = replace(PLAIN, name="live", former=frozenset({"prod"}))

    change = decide(mapping(), content(), written(instance=PLAIN), instance=renamed)

    assert (change.action, change.reason, change.writable) == (Action.UPDATE, "mark-outdated", True)


def _orphan(instance: Instance, rules: Rules = RULES, entry: Entry = ENTRY, **fields: object) -> Change:
    live = replace(written(LEFT), **fields)  # type: ignore[arg-type]
    change = plan_orphan(entry, live, instance=instance, rules=rules)
    assert change is not None
    return change


def test_an_orphan_of_before_is_signed_anew_and_goes_only_when_asked() -> None:
    change = _orphan(RENAMED)

    assert (change.action, change.reason) == (Action.UPDATE, "mark-outdated")
    after = stored(change.desired)
    assert after.data == written().data
    now = replace(RENAMED, key=NEW_KEY, former=frozenset())
    again = plan_orphan(ENTRY, after, instance=now, rules=Rules())
    assert again is not None
    assert (again.action, again.reason, again.ownership) == (Action.ORPHAN, "not-pruned", "proven")
    assert _orphan(RENAMED, Rules(prune=True)).action is Action.DELETE


def test_an_orphan_that_is_none_of_our_business_is_not_signed() -> None:
    suspended = {**written(LEFT).annotations, "syncd.dev/suspend": "true"}
    elsewhere = ENTRY._replace(configurations=frozenset({"/other.yaml"}))

    assert _orphan(RENAMED, annotations=suspended).action is Action.ORPHAN
    assert _orphan(RENAMED, entry=elsewhere).action is Action.ORPHAN
    assert _orphan(replace(RENAMED, key=NEW_KEY)).reason == "other-instance"
