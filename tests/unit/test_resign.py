"""Which Secrets may be signed anew once the key is lost: those of the configuration, by their whole mark."""

from dataclasses import replace

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change
from syncd.model.reference import FailureClass
from syncd.model.secret import LiveSecret, Missing, ReadFailure
from syncd.plan.instance import Instance, Rules
from syncd.plan.ownership import judge
from syncd.plan.resign import plan_resign
from tests.unit.plan_makers import KEYLESS, ME, OTHER_KEY, PLAIN, RULES, SECRET, foreign, mapping, stored, written

HELM = {"meta.helm.sh/release-name": "db"}


def _plan(
    live: LiveSecret, instance: Instance = OTHER_KEY, wanted: SecretMapping | None = None, rules: Rules = RULES
) -> Change | None:
    return plan_resign(wanted or mapping(), live, instance=instance, rules=rules)


def test_a_mark_of_this_mapping_that_the_key_did_not_sign_is_signed_and_nothing_else_changes() -> None:
    live = written()

    change = _plan(live)

    assert change is not None
    assert (change.action, change.reason) == (Action.UPDATE, "resigned")
    after = stored(change.desired)
    assert (after.data, after.labels, after.type) == (live.data, live.labels, live.type)
    differing = {name for name in live.annotations if live.annotations[name] != after.annotations[name]}
    assert differing == {"syncd.dev/owner"}
    assert judge(after, OTHER_KEY, mapping="/payments/db").ownership == "proven"


def test_before_there_is_a_key_the_same_secrets_are_shown() -> None:
    change = _plan(written(), KEYLESS)

    assert change is not None
    assert (change.action, change.reason) == (Action.UPDATE, "resigned")


@pytest.mark.parametrize("instance", [OTHER_KEY, KEYLESS])
def test_nothing_else_is_ever_signed(instance: Instance) -> None:
    """I-OWN."""
    live = written()
    elsewhere = mapping(SECRET._replace(namespace="other"))
    partial = {name: text for name, text in live.annotations.items() if name != "syncd.dev/owner"}
    newer = {**live.annotations, "syncd.dev/schema": "2"}
    nothing = [
        _plan(foreign(), instance),
        _plan(foreign(annotations=HELM), instance),
        _plan(foreign(labels={"syncd.dev/instance": "prod"}), instance),
        _plan(written(instance=replace(ME, name="staging")), instance),
        _plan(written(elsewhere, key=SECRET), instance),
        _plan(written(mapping(tenant="billing")), instance),
        _plan(written(mapping(id="another")), instance),
        _plan(replace(live, labels={}), instance),
        _plan(replace(live, annotations=partial), instance),
        _plan(replace(live, annotations=newer), instance),
        plan_resign(mapping(), Missing(SECRET), instance=instance, rules=RULES),
        _plan(written(instance=PLAIN), replace(instance, plain_targets=frozenset({"default"}))),
    ]

    assert nothing == [None] * 12


def test_what_is_proven_is_left_to_the_inventory() -> None:
    change = _plan(written(), ME)

    assert change is not None
    assert (change.action, change.ownership) == (Action.UNCHANGED, "proven")


def test_what_is_to_be_left_alone_is_told() -> None:
    live = written()
    suspended = replace(live, annotations={**live.annotations, "syncd.dev/suspend": "true"})
    claimed = replace(live, annotations={**live.annotations, **HELM})
    told = [
        _plan(suspended),
        _plan(live, wanted=mapping(suspend=True)),
        _plan(claimed),
        _plan(live, rules=Rules(protected_namespaces=frozenset({"payments"}))),
    ]

    assert [(change.action, change.reason, change.desired) for change in told if change is not None] == [
        (Action.SUSPENDED, "suspended", None),
        (Action.SUSPENDED, "suspended", None),
        (Action.CONFLICT, "two-writers", None),
        (Action.CONFLICT, "protected-namespace", None),
    ]
    shared, named = mapping(merge=True), mapping(adopt=True, adopt_from=frozenset({"helm"}))
    for wanted in (shared, named):
        change = _plan(claimed, wanted=wanted)
        assert change is not None
        assert change.action is Action.UPDATE


def test_what_cannot_be_read_is_told() -> None:
    failure = ReadFailure(SECRET, FailureClass.DENIED, "permission-denied", "no right")

    change = plan_resign(mapping(), failure, instance=OTHER_KEY, rules=RULES)

    assert change is not None
    assert (change.action, change.reason, change.message) == (Action.UNREADABLE, "target-denied", "no right")
