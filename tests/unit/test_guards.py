"""What holds removals back."""

from dataclasses import replace

import pytest

from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, KeyChanges, Plan
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import DesiredSecret, SourceVersion
from syncd.model.selection import Literally
from syncd.plan.guards import emptied, guard, lets_go, mappings_per_store, suspect_stores, taken_over
from syncd.plan.instance import Rules
from tests.unit.plan_makers import ME, SECRET, mapping

NOW = 1_000_000.0
BARE = DesiredSecret(SecretKey("default", "payments", "db-01"), "Opaque", {}, {}, {})
"""Without a mark: what is ours has left it."""


def _change(
    number: int, action: Action = Action.DELETE, *, store: str = "vault", tenant: str = "", removed: bool = True
) -> Change:
    key = SecretKey("default", "payments", f"db-{number:02}")
    source = SourceVersion(RemoteRef(store, f"db/{number}"), "1")
    keys = KeyChanges(removed=("password",)) if removed else KeyChanges(changed=("password",))
    return Change(key, action, "source-absent", tenant=tenant, keys=keys, sources=(source,))


def _outcomes(
    *changes: Change,
    count: int = 20,
    rules: Rules | None = None,
    removals: tuple[Removal, ...] = (),
    suspect: frozenset[str] = frozenset(),
) -> str:
    """Give a letter for each change: h for held, . for let through."""
    stores = {("", "vault"): count, ("", "aws"): count, ("a", "vault"): count, ("b", "vault"): count}
    plan = guard(
        Plan(changes),
        rules=rules or Rules(),
        removals=removals,
        mappings_per_store=stores,
        suspect=suspect,
        now=NOW,
    )
    assert [c.key for c in plan.changes] == [c.key for c in changes]
    return "".join("h" if change.outcome == "held" else "." for change in plan.changes)


@pytest.mark.parametrize(
    ("mappings", "passing"), [(0, 1), (1, 1), (19, 1), (39, 1), (40, 2), (60, 3), (200, 10), (10_000, 10)]
)
def test_the_limit_is_a_share_of_the_stores_mappings_at_least_one_and_at_most_ten(mappings: int, passing: int) -> None:
    """I-CAP."""
    outcomes = _outcomes(*(_change(number) for number in range(12)), count=mappings)

    assert outcomes == "." * passing + "h" * (12 - passing)


def test_a_share_is_whole_where_binary_fractions_fall_short() -> None:
    rules = Rules(max_deletes_percent=0.57, max_deletes_count=100)

    assert _outcomes(*(_change(number) for number in range(58)), count=10_000, rules=rules) == "." * 57 + "h"


def test_deletions_replacements_and_key_removals_count_and_nothing_else_does() -> None:
    harmless = [_change(0, Action.CREATE), _change(1, Action.UPDATE, removed=False), _change(2, Action.UNREADABLE)]

    assert _outcomes(*harmless, _change(3, Action.UPDATE), _change(4), _change(5, Action.REPLACE)) == "....hh"


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        (_change(1), "--prune --allow-deletes 2"),
        (replace(_change(1, Action.UPDATE), desired=BARE), "--prune --allow-deletes 2"),
        (replace(_change(1, Action.UPDATE), reason="source-changed"), "--allow-deletes 2"),
        (replace(_change(1, Action.REPLACE), reason="type-changed"), "--allow-replace --allow-deletes 2"),
    ],
    ids=["delete", "let go", "key removed", "replace"],
)
def test_the_way_out_names_all_that_the_change_needs(change: Change, flags: str) -> None:
    plan = guard(Plan((_change(0), change)), rules=Rules(), removals=(), mappings_per_store={}, suspect=(), now=NOW)

    assert f"`syncd apply {flags}` lets" in plan.changes[1].message


def test_keys_that_leave_as_a_find_shrank_let_no_secret_go() -> None:
    ours = replace(BARE, annotations={"syncd.dev/mapping": "payments/db"})

    assert not lets_go(replace(_change(1, Action.UPDATE), desired=ours))
    assert lets_go(replace(_change(1, Action.UPDATE), desired=BARE))


def test_a_replacement_that_is_held_already_uses_nothing_up() -> None:
    assert _outcomes(replace(_change(0, Action.REPLACE), outcome="held"), _change(1)) == "h."


def test_what_was_removed_in_the_last_hour_counts() -> None:
    assert _outcomes(_change(0), removals=(Removal(NOW - 3599, "", "vault", 1),)) == "h"
    assert _outcomes(_change(0), removals=(Removal(NOW - 3600, "", "vault", 1),)) == "."
    assert _outcomes(_change(0), removals=(Removal(NOW + 50, "", "vault", 1),)) == "h"
    assert _outcomes(_change(0), removals=(Removal(NOW, "", "aws", 5), Removal(NOW, "a", "vault", 5))) == "."


def test_stores_and_tenants_are_counted_apart() -> None:
    changes = [_change(0, tenant="a"), _change(1, tenant="b"), _change(2, store="aws"), _change(3, tenant="a")]

    assert _outcomes(*changes) == "...h"


def test_a_secret_of_two_stores_needs_room_in_both() -> None:
    both = replace(_change(1), sources=(*_change(1, store="aws").sources, *_change(1).sources))

    assert _outcomes(_change(0), both, _change(2, store="aws")) == ".h."


def test_the_flag_lets_so_many_through_in_all() -> None:
    changes = [_change(number) for number in range(6)]

    assert _outcomes(*changes, rules=Rules(allow_deletes=3)) == "...hhh"
    assert _outcomes(*changes, rules=Rules(allow_deletes=6)) == "......"
    assert _outcomes(*changes, rules=Rules(allow_deletes=0)) == ".hhhhh"


def test_what_is_held_says_the_numbers_and_the_flag() -> None:
    plan = guard(
        Plan((_change(0, tenant="a"), _change(1, tenant="a"))),
        rules=Rules(),
        removals=(),
        mappings_per_store={("a", "vault"): 30},
        suspect=(),
        now=NOW,
    )

    assert plan.changes[1].message == (
        "payments/db-01: held, store vault of tenant a has 1 removal(s) in this hour and the limit is 1 "
        "(5 % of 30 mapping(s), at most 10); `syncd apply --prune --allow-deletes 2` lets "
        "this run's 2 removal(s) through once"
    )


THIRD = Rules(max_changes_percent=30)


def _update(number: int, *, store: str = "vault", tenant: str = "", removed: bool = False) -> Change:
    return _change(number, Action.UPDATE, store=store, tenant=tenant, removed=removed)


@pytest.mark.parametrize(("mappings", "passing"), [(0, 1), (2, 1), (6, 1), (7, 2), (10, 3), (40, 12)])
def test_updates_are_limited_to_a_share_at_least_one(mappings: int, passing: int) -> None:
    outcomes = _outcomes(*(_update(number) for number in range(14)), count=mappings, rules=THIRD)

    assert outcomes == "." * passing + "h" * (14 - passing)


def test_updates_are_unlimited_unless_it_is_said() -> None:
    assert "h" not in _outcomes(*(_update(number) for number in range(30)), count=1)


def test_creates_and_deletions_are_no_updates() -> None:
    others = [_change(number, Action.CREATE, removed=False) for number in range(5)]

    assert _outcomes(*others, _change(5), _update(6), _update(7), count=2, rules=THIRD) == "......" + ".h"


def test_an_update_that_takes_a_key_away_needs_room_as_both() -> None:
    assert _outcomes(_change(0), _update(1, removed=True), _update(2), count=2, rules=THIRD) == ".h."
    assert _outcomes(_update(1), _update(2, removed=True), _change(3), count=2, rules=THIRD) == ".h."


def test_updates_of_the_last_hour_count_as_updates_alone() -> None:
    earlier = (Removal(NOW - 3599, "", "vault", 1, "update"),)

    assert _outcomes(_update(0), count=2, rules=THIRD, removals=earlier) == "h"
    assert _outcomes(_change(0), count=2, rules=THIRD, removals=earlier) == "."
    assert _outcomes(_update(0), count=2, rules=THIRD, removals=(Removal(NOW, "", "vault", 9),)) == "."


def test_updates_of_stores_and_tenants_are_counted_apart() -> None:
    changes = [_update(0, tenant="a"), _update(1, tenant="b"), _update(2, store="aws"), _update(3, tenant="a")]

    assert _outcomes(*changes, count=2, rules=THIRD) == "...h"


def test_the_flag_lets_so_many_updates_through_and_no_removal() -> None:
    changes = [_update(number) for number in range(4)]
    allowed = replace(THIRD, allow_changes=3)

    assert _outcomes(*changes, count=2, rules=allowed) == "...h"
    assert _outcomes(_change(8), _change(9), count=2, rules=allowed) == ".h"


def test_a_held_update_says_the_numbers_and_the_flag() -> None:
    plan = guard(
        Plan((_update(0), _update(1))),
        rules=THIRD,
        removals=(),
        mappings_per_store={("", "vault"): 3},
        suspect={"vault"},
        now=NOW,
    )

    assert [change.outcome for change in plan.changes] == ["", "held"]
    assert plan.changes[1].message == (
        "payments/db-01: held, store vault has 1 update(s) in this hour and the limit is 1 (30 % of 3 mapping(s)); "
        "`syncd apply --allow-changes 2` lets this run's 2 update(s) through once"
    )


def test_nothing_is_removed_on_the_word_of_a_suspect_store() -> None:
    changes = [_change(0), _change(1, store="aws"), _change(2, Action.UPDATE, removed=False)]

    assert _outcomes(*changes, suspect=frozenset({"vault"})) == "h.."
    assert _outcomes(*changes, suspect=frozenset({"vault"}), rules=Rules(allow_deletes=2)) == "..."


@pytest.mark.parametrize(
    ("sources", "absent", "suspect"),
    [
        (1, 1, True),
        (2, 1, False),
        (3, 2, True),
        (9, 4, False),
        (9, 5, True),
        (10, 3, False),
        (10, 4, True),
        (5, 0, False),
    ],
)
def test_a_store_with_too_many_absent_sources_is_suspect(sources: int, absent: int, *, suspect: bool) -> None:
    """A16."""
    latest: dict[RemoteRef, FailureClass | None] = {
        RemoteRef("vault", str(number)): FailureClass.ABSENT if number < absent else None for number in range(sources)
    }
    latest[RemoteRef("aws", "x")] = FailureClass.DENIED

    assert suspect_stores(latest) == (frozenset({"vault"}) if suspect else frozenset())


def test_mappings_are_counted_for_each_store_they_name() -> None:
    literal = replace(mapping(), data=(("host", Literally("db")),))
    both = replace(mapping(tenant="a"), data=mapping().data + mapping(ref=RemoteRef("aws", "x")).data)

    counted = mappings_per_store([mapping(), mapping(), literal, both])

    assert counted == {("", "vault"): 2, ("", ""): 1, ("a", "vault"): 1, ("a", "aws"): 1}


def _owned(configuration: str = ME.configuration) -> Inventory:
    return Inventory({SECRET: Entry(SECRET, "", "payments/db", "keep", frozenset({configuration}))})


def test_an_emptied_configuration_is_refused() -> None:
    """G6."""
    problem = emptied([], _owned(), instance=ME, allow=False)

    assert problem is not None
    assert "allowNoMappings" in problem
    assert emptied([], _owned(), instance=ME, allow=True) is None
    assert emptied([mapping()], _owned(), instance=ME, allow=False) is None
    assert emptied([], Inventory(), instance=ME, allow=False) is None
    assert emptied([], _owned("/other.yaml"), instance=ME, allow=False) is None


@pytest.mark.parametrize(
    ("wanted", "owned", "refused"),
    [
        (mapping(SecretKey("default", "web", "tls")), _owned("/other.yaml"), True),
        (mapping(), _owned("/other.yaml"), False),
        (mapping(SecretKey("default", "web", "tls"), id="payments/db"), _owned("/other.yaml"), False),
        (mapping(SecretKey("default", "web", "tls")), _owned(), False),
        (mapping(), Inventory(), False),
    ],
)
def test_a_configuration_that_knows_nothing_of_what_is_owned_is_refused(
    wanted: SecretMapping, owned: Inventory, *, refused: bool
) -> None:
    problem = taken_over([wanted], owned, instance=ME)

    assert (problem is not None) == refused
    assert problem is None or ("/other.yaml" in problem and "--take-over" in problem)
