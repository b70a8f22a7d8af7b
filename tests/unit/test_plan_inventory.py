"""What the inventory is to say, and what can go unread by it."""

from dataclasses import replace

from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.reference import FailureClass
from syncd.model.secret import Built, Live, ReadFailure
from syncd.plan.guards import lets_go
from syncd.plan.instance import Instance, Rules
from syncd.plan.inventory import after_removals, before_writes, needs_read
from syncd.plan.planner import make_plan
from tests.unit.plan_makers import KEYLESS, ME, PLAIN, REF, SECRET, content, foreign, mapping, refusal, written

NOW = 1_000_000.0
ENTRY = Entry(SECRET, "", "payments/db", "keep", frozenset({ME.configuration}))
THEIRS = ENTRY._replace(configurations=frozenset({"/other.yaml"}))
BOTH = ENTRY._replace(configurations=ENTRY.configurations | THEIRS.configurations)
KNOWN = Inventory({SECRET: ENTRY})
ORPHAN = SecretKey("default", "payments", "left")


def _plan(wanted: SecretMapping, built: Built, live: Live | None, instance: Instance = ME, **rules: bool) -> Plan:
    return make_plan(
        [(wanted, built)],
        {SECRET: live} if live is not None else {},
        instance=instance,
        rules=Rules(**rules),  # type: ignore[arg-type]
        confirmed_absent={SECRET},
    )


def _before(inventory: Inventory, plan: Plan, instance: Instance = ME, *, take_over: bool = False) -> Inventory | None:
    return before_writes(inventory, plan, instance=instance, rules=Rules(), now=NOW, take_over=take_over)


def test_a_create_is_recorded_before_it_is_made() -> None:
    plan = _plan(mapping(when_mapping_gone="delete"), content(), None)

    assert _before(Inventory(), plan) == Inventory({SECRET: ENTRY._replace(when_mapping_gone="delete")})


def test_an_unchanged_pass_saves_nothing() -> None:
    """I-IDEM."""
    assert _before(KNOWN, _plan(mapping(), content(), written())) is None
    assert _before(KNOWN, _plan(mapping(), content({"password": "new"}), written())) is None
    aged = replace(KNOWN, removals=(Removal(NOW - 9000, "", "vault", 1),))
    assert _before(aged, _plan(mapping(), content(), written())) is None


def test_a_lost_inventory_is_rebuilt_from_what_is_proven() -> None:
    assert _before(Inventory(), _plan(mapping(), content(), written())) == KNOWN
    assert _before(Inventory(), _plan(mapping(), content(), foreign())) is None
    assert _before(Inventory(), _plan(mapping(), refusal(), written())) == KNOWN
    assert _before(Inventory(), _plan(mapping(tenant="blue"), content(), written())) is None


def test_whoever_wants_what_is_proven_has_the_entry_bear_its_name_and_alone_where_it_takes_over() -> None:
    theirs = Inventory({SECRET: THEIRS})
    unchanged = _plan(mapping(), content(), written())

    assert _before(theirs, unchanged) == Inventory({SECRET: BOTH})
    assert _before(Inventory({SECRET: BOTH}), unchanged) is None
    assert _before(theirs, unchanged, take_over=True) == KNOWN
    assert _before(theirs, _plan(mapping(), content({"password": "new"}), written())) == Inventory({SECRET: BOTH})


def test_what_is_not_looked_at_or_does_not_answer_is_wanted_all_the_same() -> None:
    """I-DEL: suspended by its mapping or unreadable right now, and still nobody else's to remove."""
    theirs = Inventory({SECRET: THEIRS})
    silent = ReadFailure(SECRET, FailureClass.UNAVAILABLE, "timeout", "payments/db: no answer")

    assert _before(theirs, _plan(mapping(suspend=True), content(), None)) == Inventory({SECRET: BOTH})
    assert _before(theirs, _plan(mapping(), content(), silent)) == Inventory({SECRET: BOTH})


def test_what_this_configuration_cannot_have_does_not_bear_its_name() -> None:
    theirs = Inventory({SECRET: THEIRS})
    silent = ReadFailure(SECRET, FailureClass.UNAVAILABLE, "timeout", "payments/db: no answer")
    orphan = make_plan([], {}, instance=ME, rules=Rules(prune=True), orphans=[(THEIRS, silent)])

    assert _before(theirs, _plan(mapping(tenant="blue"), content(), written())) is None
    assert _before(theirs, _plan(mapping(tenant="blue", suspend=True), content(), None)) is None
    assert _before(theirs, _plan(mapping(), content(), foreign())) is None
    assert _before(theirs, orphan) is None


def test_what_others_name_too_is_left_to_them_and_the_last_one_removes_it() -> None:
    live = written(mapping(when_mapping_gone="delete"))
    entries = [THEIRS._replace(when_mapping_gone="delete"), BOTH._replace(when_mapping_gone="delete"), ENTRY]
    theirs, both, mine = (
        make_plan([], {}, instance=ME, rules=Rules(prune=True), orphans=[(entry, live)]) for entry in entries
    )

    assert [plan.changes[0].reason for plan in (theirs, both, mine)] == [
        "other-configuration",
        "left-to-others",
        "mapping-gone",
    ]
    assert [lets_go(plan.changes[0]) for plan in (theirs, both, mine)] == [False, False, True]
    assert _before(Inventory({SECRET: BOTH}), both) == Inventory({SECRET: THEIRS})
    assert _before(KNOWN, both) is None


def test_what_another_configuration_named_and_nobody_made_yet_stays_its_own() -> None:
    lost = SecretKey("default", "payments", "lost")
    inventory = Inventory({ORPHAN: THEIRS._replace(key=ORPHAN), lost: BOTH._replace(key=lost)})
    making = make_plan([(mapping(), content())], {}, instance=ME, rules=Rules())

    saved = before_writes(inventory, making, instance=ME, rules=Rules(), now=NOW, gone={ORPHAN, lost})

    assert saved == Inventory({SECRET: ENTRY, ORPHAN: THEIRS._replace(key=ORPHAN), lost: THEIRS._replace(key=lost)})


def test_plain_targets_and_plans_without_a_key_are_not_recorded() -> None:
    assert _before(Inventory(), _plan(mapping(), content(), None, PLAIN), PLAIN) is None
    assert _before(Inventory(), _plan(mapping(), content(), None, KEYLESS), KEYLESS) is None


def test_removals_are_counted_before_and_forgotten_after() -> None:
    plan = _plan(mapping(when_source_gone="delete"), refusal(), written(), prune=True)
    old, recent = Removal(NOW - 3600, "", "vault", 4), Removal(NOW - 10, "", "aws", 1)

    before = _before(replace(KNOWN, removals=(old, recent)), plan)

    assert before == Inventory(KNOWN.entries, (recent, Removal(NOW, "", REF.store, 1)))
    assert [lets_go(change) for change in plan.changes] == [True]
    assert after_removals(before, [SECRET]) == Inventory({}, before.removals)
    assert after_removals(before, [ORPHAN]) is None


def test_what_is_about_to_go_is_not_recorded_first() -> None:
    plan = _plan(mapping(when_source_gone="delete"), refusal(), written(), prune=True)

    assert _before(Inventory(), plan) == Inventory({}, (Removal(NOW, "", REF.store, 1),))


def test_orphans_of_another_configuration_stay_its_own_even_when_taken_over() -> None:
    plan = make_plan([], {}, instance=ME, rules=Rules(prune=True), orphans=[(THEIRS, written())])

    assert _before(Inventory({SECRET: THEIRS}), plan, take_over=True) is None


def test_key_removals_are_counted_and_the_entry_stays() -> None:
    live = written(built=content({"password": "s3cret", "old": "x"}))
    plan = _plan(mapping(), content(), live)

    assert _before(KNOWN, plan) == Inventory(KNOWN.entries, (Removal(NOW, "", "vault", 1),))
    assert [lets_go(change) for change in plan.changes] == [False]


def test_held_removals_are_not_counted() -> None:
    plan = _plan(mapping(), content(type="kubernetes.io/tls"), written())

    assert [change.outcome for change in plan.changes] == ["held"]
    assert _before(KNOWN, plan) is None


def test_gone_and_foreign_orphans_leave_with_the_next_save() -> None:
    left = Entry(ORPHAN, "", "payments/left", "delete", frozenset({ME.configuration}))
    lost = Entry(SecretKey("default", "payments", "lost"), "", "payments/lost", "keep", frozenset({ME.configuration}))
    inventory = Inventory({ORPHAN: left, lost.key: lost})
    orphans = [(left, foreign(key=ORPHAN))]
    quiet = make_plan([], {}, instance=ME, rules=Rules(), orphans=orphans)
    writing = make_plan([(mapping(), content())], {}, instance=ME, rules=Rules(), orphans=orphans)

    assert before_writes(inventory, quiet, instance=ME, rules=Rules(), now=NOW, gone={lost.key}) is None
    gone = {lost.key, SECRET}
    assert before_writes(inventory, writing, instance=ME, rules=Rules(), now=NOW, gone=gone) == KNOWN


def test_only_what_the_inventory_knows_is_read_before_a_write() -> None:
    assert not needs_read(mapping(), Inventory(), instance=ME)
    assert needs_read(mapping(), KNOWN, instance=ME)
    assert needs_read(mapping(), None, instance=ME)
    assert needs_read(mapping(), Inventory(), instance=PLAIN)
    assert not needs_read(mapping(suspend=True), KNOWN, instance=ME)


def test_updates_are_recorded_where_they_are_limited() -> None:
    plan = _plan(mapping(), content({"password": "new"}), written())
    limited = Rules(max_changes_percent=30)

    saved = before_writes(KNOWN, plan, instance=ME, rules=limited, now=NOW)

    assert saved == replace(KNOWN, removals=(Removal(NOW, "", "vault", 1, "update"),))
    assert before_writes(KNOWN, plan, instance=ME, rules=Rules(), now=NOW) is None


def test_an_update_that_takes_a_key_away_is_recorded_as_both() -> None:
    plan = _plan(mapping(), content({"user": "u"}), written())
    limited = Rules(max_changes_percent=30)

    saved = before_writes(KNOWN, plan, instance=ME, rules=limited, now=NOW)

    assert saved is not None
    assert [removal.kind for removal in saved.removals] == ["removal", "update"]
