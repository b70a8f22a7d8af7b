"""From a plan to writes: the inventory first, races judged anew, and what is said of what did not happen."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError, Event

from syncd.keys import InstanceKey
from syncd.ledger import Ledger, open_ledger
from syncd.model.inventory import Entry, Inventory, Removal
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.reference import RemoteRef
from syncd.model.secret import Built, Content, DesiredSecret, SourceVersion, WriteFailure, WriteOutcome
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Seen, Standing, look, plan
from syncd.target.seam import HomeFailure, Permit
from syncd.testing.memory_home import MemoryHome, Shelf
from syncd.testing.memory_target import Asked, Cluster, Granted, MemoryTarget
from syncd.workers import run_each
from syncd.writing import UntilStopped, Writer
from tests.unit.plan_makers import mapping, refusal, values

NOW = 1_000_000.0
NAMES = tuple(f"s{number}" for number in range(20))


def key(name: str) -> SecretKey:
    return SecretKey("default", "payments", name)


def ref(name: str) -> RemoteRef:
    return RemoteRef("vault", f"payments/{name}", mount="secret")


def wants(name: str, **fields: object) -> SecretMapping:
    return mapping(key(name), ref(name), **fields)


def gives(name: str, data: dict[str, str] | None = None, version: str = "7", **fields: object) -> Content:
    made = Content("Opaque", values(data or {"password": "s3cret"}), {}, {}, (SourceVersion(ref(name), version),))
    return replace(made, **fields)  # type: ignore[arg-type]


class Desk:
    """One process that writes: a cluster and a home, both perhaps shared with another, and what it knows of them."""

    def __init__(self, cluster: Cluster | None = None, shelf: Shelf | None = None, **rules: object) -> None:
        """Make the key, and read the inventory."""
        self.cluster = cluster or Cluster()
        self.home = MemoryHome(shelf)
        self.shelf = self.home.shelf
        ledger = open_ledger(self.home)
        assert isinstance(ledger, Ledger)
        self.ledger = ledger
        self.instance = Instance("prod", ledger.key, "/etc/syncd.yaml")
        self.rules = Rules(**rules)  # type: ignore[arg-type]
        self.permit: Permit = Granted()
        self.target: MemoryTarget = MemoryTarget(self.cluster)
        self.take_over = False

    def standing(self, *mappings: SecretMapping) -> Standing:
        return Standing.of(mappings, instance=self.instance, rules=self.rules)

    def seen(self, *pairs: tuple[SecretMapping, Built], look_first: bool = True) -> Seen:
        keys = [each.key for each, _ in pairs] if look_first else []
        return Seen(tuple(pairs), look({"default": self.target}, keys))

    def plan(self, seen: Seen) -> Plan:
        standing = self.standing(*(each for each, _ in seen.wanted))
        return plan(seen, standing, inventory=self.ledger.inventory, target="", now=NOW)

    def write(self, seen: Seen, made: Plan | None = None) -> Plan:
        standing = self.standing(*(each for each, _ in seen.wanted))
        writer = Writer({"default": self.target}, standing, self.permit, self.ledger, take_over=self.take_over)
        return writer.carry_out(made or self.plan(seen), seen, now=NOW)

    def sync(self, *pairs: tuple[SecretMapping, Built], look_first: bool = True) -> Plan:
        return self.write(self.seen(*pairs, look_first=look_first))


def only(made: Plan) -> Change:
    (change,) = made.changes
    return change


def data(cluster: Cluster, name: str) -> dict[str, str]:
    live = cluster.secrets[key(name)]
    return {part: value.reveal().decode() for part, value in live.data.items()}


def theirs(name: str) -> DesiredSecret:
    return DesiredSecret(key(name), "Opaque", values({"password": "theirs"}), {"app": "x"}, {})


def once(wanted: Asked, act: Callable[[], object]) -> Callable[[Asked], None]:
    """Give what acts right before the first call of that kind reaches the server."""
    left = [act]

    def answer(asked: Asked) -> None:
        if asked == wanted and left:
            left.pop()()

    return answer


# The inventory


def test_the_inventory_is_written_once_and_before_the_first_create() -> None:
    desk = Desk()
    saved_at_first_create: list[int] = []

    def note(asked: Asked) -> None:
        if asked.verb == "create":
            saved_at_first_create.append(len(desk.shelf.saves))

    desk.cluster.answer = note

    made = desk.sync(*((wants(name), gives(name)) for name in NAMES), look_first=False)

    assert {change.outcome for change in made.changes} == {"done"}
    assert set(saved_at_first_create) == {1}
    assert len(desk.shelf.saves) == 1
    assert desk.shelf.saves[0].entries.keys() == {key(name) for name in NAMES}


def test_an_unchanged_pass_writes_neither_a_secret_nor_the_inventory() -> None:
    """I-IDEM."""
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    writes = len(desk.cluster.writes())

    made = desk.sync((wants("a"), gives("a")))

    assert only(made).action is Action.UNCHANGED
    assert len(desk.shelf.saves) == 1
    assert len(desk.cluster.writes()) == writes


def test_nothing_is_written_where_the_inventory_cannot_be_saved() -> None:
    desk = Desk()
    desk.shelf.unwritable = HomeFailure("permission-denied", "home/inventory: no right to write it")

    change = only(desk.sync((wants("a"), gives("a"))))

    assert (change.action, change.outcome, change.failure) == (Action.CREATE, "failed", "unavailable")
    assert "no right to write it" in change.message
    assert desk.cluster.writes() == []


def test_an_entry_leaves_after_its_secret_was_removed_and_the_removal_was_counted_before() -> None:
    desk = Desk(prune=True)
    desk.sync((wants("a", when_source_gone="delete"), gives("a")), (wants("b"), gives("b")))
    pairs = (wants("a", when_source_gone="delete"), refusal()), (wants("b"), gives("b"))
    seen = replace(desk.seen(*pairs), confirmed_absent=frozenset({key("a")}))

    made = desk.write(seen)

    assert [change.outcome for change in made.changes] == ["done", ""]
    before, after = desk.shelf.saves[-2:]
    assert before.removals == (Removal(NOW, "", "vault", 1),)
    assert before.entries.keys() == {key("a"), key("b")}
    assert after == Inventory({key("b"): before.entries[key("b")]}, before.removals)


def test_an_orphan_that_is_gone_already_leaves_the_inventory_with_the_next_write() -> None:
    desk = Desk()
    left = Entry(key("left"), "", "payments/left", "keep", frozenset({desk.instance.configuration}))
    desk.ledger.record(lambda _: Inventory({left.key: left}), Granted())
    live = look({"default": desk.target}, [left.key])
    seen = replace(desk.seen((wants("a"), gives("a"))), orphans=((left, live[left.key]),))

    desk.write(seen)

    assert desk.ledger.inventory.entries.keys() == {key("a")}


def test_an_orphan_of_ours_is_removed_with_its_entry_where_its_mark_allows_it() -> None:
    desk = Desk(prune=True)
    desk.sync((wants("left", when_mapping_gone="delete"), gives("left")))
    (entry,) = desk.ledger.inventory.entries.values()
    seen = Seen((), {}, ((entry, desk.cluster.secrets[entry.key]),))

    made = desk.write(seen)

    assert (only(made).action, only(made).reason, only(made).outcome) == (Action.DELETE, "mapping-gone", "done")
    assert desk.cluster.secrets == {}
    assert desk.ledger.inventory.entries == {}


def test_take_over_makes_what_is_proven_this_configurations_own() -> None:
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    desk.instance = replace(desk.instance, configuration="/elsewhere/syncd.yaml")
    desk.sync((wants("a"), gives("a")))
    both = frozenset({"/etc/syncd.yaml", "/elsewhere/syncd.yaml"})
    assert {e.configurations for e in desk.ledger.inventory.entries.values()} == {both}

    desk.take_over = True
    desk.sync((wants("a"), gives("a")))

    assert {e.configurations for e in desk.ledger.inventory.entries.values()} == {frozenset({"/elsewhere/syncd.yaml"})}


# What stands there already


def test_a_create_that_meets_somebody_elses_is_a_conflict_and_overwrites_nothing() -> None:
    """H6, I1."""
    desk = Desk()
    desk.cluster.put(theirs("a"))

    change = only(desk.sync((wants("a"), gives("a")), look_first=False))

    assert (change.action, change.reason, change.outcome) == (Action.CONFLICT, "not-owned", "")
    assert data(desk.cluster, "a") == {"password": "theirs"}
    assert [asked.verb for asked in desk.cluster.calls] == ["create", "read"]


def test_a_create_that_meets_our_own_is_unchanged_or_an_update() -> None:
    """A lost inventory: the creates themselves find what is there, and the inventory is whole again."""
    desk = Desk()
    desk.sync((wants("a"), gives("a")), (wants("b"), gives("b")))
    desk.ledger.record(lambda _: Inventory(), Granted())

    made = desk.sync((wants("a"), gives("a")), (wants("b"), gives("b", {"password": "new"}, "8")), look_first=False)

    assert [(change.action, change.outcome) for change in made.changes] == [
        (Action.UNCHANGED, ""),
        (Action.UPDATE, "done"),
    ]
    assert data(desk.cluster, "b") == {"password": "new"}
    assert desk.ledger.inventory.entries.keys() == {key("a"), key("b")}


def test_a_create_that_meets_our_own_takes_no_key_away_unseen_by_the_guards() -> None:
    desk = Desk()
    desk.sync((wants("a"), gives("a", {"password": "s3cret", "old": "x"})))

    change = only(desk.sync((wants("a"), gives("a")), look_first=False))

    assert (change.action, change.outcome) == (Action.UPDATE, "skipped")
    assert "the next one judges it anew" in change.message
    assert data(desk.cluster, "a") == {"password": "s3cret", "old": "x"}


def test_a_quota_hides_what_is_there_so_it_is_looked_at() -> None:
    """H4."""
    desk = Desk()
    desk.cluster.put(theirs("a"))
    desk.cluster.answer = lambda asked: (
        WriteFailure(asked.key, "quota", "quota-exceeded", f"{asked.key}: a quota is used up")
        if asked.verb == "create"
        else None
    )

    made = desk.sync((wants("a"), gives("a")), (wants("b"), gives("b")), look_first=False)

    assert [(change.action, change.outcome, change.failure) for change in made.changes] == [
        (Action.CONFLICT, "", None),
        (Action.CREATE, "failed", "quota"),
    ]
    assert "quota is used up" in made.changes[1].message
    assert [asked.verb for asked in desk.cluster.calls if asked.key == key("b")] == ["create", "read"]


def test_a_missing_namespace_is_asked_for_once() -> None:
    """H5."""
    desk = Desk(Cluster(namespaces=set()))

    change = only(desk.sync((wants("a"), gives("a")), look_first=False))

    assert (change.outcome, change.failure) == ("failed", "gone")
    assert len(desk.cluster.calls) == 1


# Races


def test_an_update_that_meets_another_writer_is_judged_anew_and_keeps_what_he_wrote() -> None:
    """H7, I-META."""
    desk = Desk()
    desk.sync((wants("a"), gives("a")))

    def label() -> None:
        live = desk.cluster.secrets[key("a")]
        labels = {**live.labels, "team": "x"}
        desk.cluster.put(DesiredSecret(live.key, live.type, live.data, labels, live.annotations))

    desk.cluster.answer = once(Asked("update", key("a")), label)

    change = only(desk.sync((wants("a"), gives("a", {"password": "new"}, "8"))))

    assert (change.action, change.outcome) == (Action.UPDATE, "done")
    assert data(desk.cluster, "a") == {"password": "new"}
    assert desk.cluster.secrets[key("a")].labels["team"] == "x"


def test_an_update_whose_object_was_replaced_by_somebody_elses_is_a_conflict() -> None:
    """I10."""
    desk = Desk()
    desk.sync((wants("a"), gives("a")))

    def swap() -> None:
        desk.cluster.remove(key("a"))
        desk.cluster.put(theirs("a"))

    desk.cluster.answer = once(Asked("update", key("a")), swap)

    change = only(desk.sync((wants("a"), gives("a", {"password": "new"}, "8"))))

    assert change.action is Action.CONFLICT
    assert data(desk.cluster, "a") == {"password": "theirs"}


def test_an_update_whose_object_vanished_makes_it_anew() -> None:
    """I9."""
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    desk.cluster.answer = once(Asked("update", key("a")), lambda: desk.cluster.remove(key("a")))

    change = only(desk.sync((wants("a"), gives("a", {"password": "new"}, "8"))))

    assert (change.action, change.outcome) == (Action.CREATE, "done")
    assert data(desk.cluster, "a") == {"password": "new"}


def test_a_writer_who_always_comes_first_is_tried_three_times() -> None:
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    edits: list[int] = []

    def edit(asked: Asked) -> None:
        if asked.verb == "update":
            edits.append(len(edits))
            live = desk.cluster.secrets[key("a")]
            labels = {**live.labels, "n": str(len(edits))}
            desk.cluster.put(DesiredSecret(live.key, live.type, live.data, labels, live.annotations))

    desk.cluster.answer = edit

    change = only(desk.sync((wants("a"), gives("a", {"password": "new"}, "8"))))

    assert (change.outcome, change.failure, len(edits)) == ("failed", "conflict", 3)
    assert data(desk.cluster, "a") == {"password": "s3cret"}


def _removal(desk: Desk) -> Seen:
    pair = (wants("a", when_source_gone="delete"), refusal())
    return replace(desk.seen(pair), confirmed_absent=frozenset({key("a")}))


def _touch(desk: Desk) -> None:
    live = desk.cluster.secrets[key("a")]
    desk.cluster.put(DesiredSecret(live.key, live.type, live.data, {**live.labels, "n": "1"}, live.annotations))


def test_a_removal_whose_object_changed_is_skipped_and_its_entry_stays() -> None:
    desk = Desk(prune=True)
    desk.sync((wants("a", when_source_gone="delete"), gives("a")))
    seen = _removal(desk)
    desk.cluster.answer = once(Asked("delete", key("a")), lambda: _touch(desk))

    change = only(desk.write(seen))

    assert (change.action, change.outcome) == (Action.DELETE, "skipped")
    assert key("a") in desk.cluster.secrets
    assert key("a") in desk.ledger.inventory.entries


def test_a_removal_whose_object_is_gone_already_is_done() -> None:
    desk = Desk(prune=True)
    desk.sync((wants("a", when_source_gone="delete"), gives("a")))
    seen = _removal(desk)
    desk.cluster.answer = once(Asked("delete", key("a")), lambda: desk.cluster.remove(key("a")))

    change = only(desk.write(seen))

    assert (change.action, change.outcome) == (Action.DELETE, "done")
    assert desk.ledger.inventory.entries == {}


# Replacements


def _retyped(desk: Desk) -> Plan:
    desk.sync((wants("a"), gives("a")))
    desk.rules = replace(desk.rules, allow_replace=True)
    return desk.sync((wants("a"), gives("a", type="kubernetes.io/basic-auth")))


def test_a_replacement_is_a_delete_and_a_create() -> None:
    """I12."""
    desk = Desk()

    change = only(_retyped(desk))

    assert (change.action, change.outcome) == (Action.REPLACE, "done")
    assert [asked.verb for asked in desk.cluster.writes()] == ["create", "delete", "create"]
    assert desk.cluster.secrets[key("a")].type == "kubernetes.io/basic-auth"


def test_a_replacement_that_stops_half_way_says_that_the_secret_is_gone_and_what_is_next() -> None:
    desk = Desk()
    creates: list[Asked] = []

    def second_create_fails(asked: Asked) -> WriteFailure | None:
        if asked.verb == "create":
            creates.append(asked)
        refused = asked.verb == "create" and len(creates) == 2
        return (
            WriteFailure(asked.key, "denied", "admission-denied", f"{asked.key}: a webhook says no")
            if refused
            else None
        )

    desk.cluster.answer = second_create_fails

    change = only(_retyped(desk))

    assert (change.action, change.outcome, change.failure) == (Action.REPLACE, "failed", "unavailable")
    assert "a webhook says no" in change.message
    assert "gone until a pass can make it" in change.message
    assert key("a") not in desk.cluster.secrets
    assert key("a") in desk.ledger.inventory.entries, "the next pass looks for it and makes it"

    desk.cluster.answer = lambda _asked: None
    again = only(desk.sync((wants("a"), gives("a", type="kubernetes.io/basic-auth"))))
    assert (again.action, again.outcome) == (Action.CREATE, "done")


def test_a_stop_between_the_halves_of_a_replacement_leaves_no_hole() -> None:
    desk = Desk()
    stopped = Event()
    desk.permit = UntilStopped(stopped)
    desk.cluster.answer = once(Asked("delete", key("a")), stopped.set)

    change = only(_retyped(desk))

    assert (change.action, change.outcome) == (Action.REPLACE, "done")
    assert desk.cluster.secrets[key("a")].type == "kubernetes.io/basic-auth"


def test_a_replacement_whose_delete_is_refused_makes_nothing() -> None:
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    desk.rules = replace(desk.rules, allow_replace=True)
    desk.cluster.answer = once(Asked("delete", key("a")), lambda: _touch(desk))

    change = only(desk.sync((wants("a"), gives("a", type="kubernetes.io/basic-auth"))))

    assert (change.action, change.outcome) == (Action.REPLACE, "skipped")
    assert [asked.verb for asked in desk.cluster.writes()] == ["create", "delete"]


def test_a_replacement_that_finds_somebody_elses_in_the_gap_is_a_conflict() -> None:
    desk = Desk()
    desk.sync((wants("a"), gives("a")))
    desk.rules = replace(desk.rules, allow_replace=True)
    desk.cluster.answer = once(Asked("create", key("a")), lambda: desk.cluster.put(theirs("a")))

    change = only(desk.sync((wants("a"), gives("a", type="kubernetes.io/basic-auth"))))

    assert change.action is Action.CONFLICT
    assert data(desk.cluster, "a") == {"password": "theirs"}


# Stops and defects


def test_a_stop_in_the_middle_skips_what_is_left_and_says_so() -> None:
    desk = Desk()
    stopped = Event()
    desk.permit = UntilStopped(stopped)
    desk.cluster.answer = lambda asked: stopped.set() if asked.verb == "create" else None

    made = desk.sync(*((wants(name), gives(name)) for name in NAMES), look_first=False)

    outcomes = [change.outcome for change in made.changes]
    assert set(outcomes) == {"done", "skipped"}
    assert outcomes.count("done") == len(desk.cluster.secrets)
    assert all(change.message for change in made.changes if change.outcome == "skipped")


def test_a_stop_before_the_first_write_skips_everything() -> None:
    desk = Desk()
    desk.permit = Granted(is_open=False)

    change = only(desk.sync((wants("a"), gives("a"))))

    assert (change.outcome, change.failure) == ("skipped", None)
    assert desk.shelf.saves == []
    assert desk.cluster.writes() == []


class _Poisoned(MemoryTarget):
    """A target with a defect that one Secret brings up."""

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        if desired.key.name == "s3":
            canary = "canary-value"
            raise RuntimeError(canary)
        return super().create(desired, permit)


def test_a_defect_that_one_secret_brings_up_stops_no_other_and_tells_no_text() -> None:
    """J12, M3."""
    desk = Desk()
    desk.target = _Poisoned(desk.cluster)

    made = desk.sync(*((wants(name), gives(name)) for name in NAMES), look_first=False)

    failed = [change for change in made.changes if change.outcome == "failed"]
    assert [change.key.name for change in failed] == ["s3"]
    assert "a defect in syncd: RuntimeError at syncd.writing:" in failed[0].message
    assert "canary" not in failed[0].message
    assert len(desk.cluster.secrets) == len(NAMES) - 1


# The guards, on the newest inventory


def _two_deletes(desk: Desk, shelf_mate: Desk) -> tuple[Seen, Seen]:
    """Let both plan one removal where the limit is one an hour."""
    pairs = [(wants(name, when_source_gone="delete"), gives(name)) for name in ("a", "b")]
    desk.sync(*pairs)
    seen = []
    for each, name in ((desk, "a"), (shelf_mate, "b")):
        pair = (wants(name, when_source_gone="delete"), refusal())
        seen.append(replace(each.seen(pair), confirmed_absent=frozenset({key(name)})))
    return seen[0], seen[1]


def test_two_passes_side_by_side_cannot_both_use_the_last_allowance() -> None:
    """I-CAP: both planned when nothing was counted yet; under the lock the later one is held back."""
    desk = Desk(prune=True, max_deletes_count=1)
    first, second = _two_deletes(desk, desk)
    plans = desk.plan(first), desk.plan(second)
    assert [only(made).outcome for made in plans] == ["", ""]

    outcomes = [only(desk.write(seen, made)).outcome for seen, made in zip((first, second), plans, strict=True)]

    assert outcomes == ["done", "held"]
    assert desk.cluster.secrets.keys() == {key("b")}


def test_what_another_process_removed_meanwhile_counts_too() -> None:
    """I-CAP: an `apply` beside the daemon."""
    shelf, cluster = Shelf(), Cluster()
    daemon = Desk(cluster, shelf, prune=True, max_deletes_count=1)
    apply = Desk(cluster, shelf, prune=True, max_deletes_count=1)
    first, second = _two_deletes(daemon, apply)
    plans = daemon.plan(first), apply.plan(second)

    outcomes = [only(apply.write(second, plans[1])).outcome, only(daemon.write(first, plans[0])).outcome]

    assert outcomes == ["done", "held"]
    assert cluster.secrets.keys() == {key("a")}


class _Slow(MemoryHome):
    """A home whose reader waits a moment for another one, so that both would see the same inventory."""

    meeting = Barrier(2)

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        found = super().inventory(key)
        with suppress(BrokenBarrierError):
            self.meeting.wait(0.2)
        return found


def test_two_writers_at_the_same_moment_remove_no_more_than_one() -> None:
    desk = Desk(prune=True, max_deletes_count=1)
    seen = _two_deletes(desk, desk)
    plans = [desk.plan(each) for each in seen]
    desk.ledger = Ledger(_Slow(desk.shelf), desk.ledger.key, desk.ledger.inventory)

    def write(number: int) -> str:
        return only(desk.write(seen[number], plans[number])).outcome

    outcomes = sorted(outcome for _, outcome in run_each(write, (0, 1), workers=2, name="test"))

    assert outcomes == ["done", "held"]
    assert len(desk.cluster.secrets) == 1


class _Overtaken(MemoryHome):
    """A home in which another process saves right after this one read, the first so many times."""

    def __init__(self, shelf: Shelf, *others: Callable[[], object]) -> None:
        """Let each of `others` come first once."""
        super().__init__(shelf)
        self.others = list(others)

    def inventory(self, key: InstanceKey) -> Inventory | HomeFailure | None:
        found = super().inventory(key)
        if self.others:
            self.others.pop(0)()
        return found


def test_what_another_process_counts_between_our_reading_and_our_saving_counts_too() -> None:
    """I-CAP: two processes within the same milliseconds."""
    shelf, cluster = Shelf(), Cluster()
    daemon = Desk(cluster, shelf, prune=True, max_deletes_count=1)
    apply = Desk(cluster, shelf, prune=True, max_deletes_count=1)
    first, second = _two_deletes(daemon, apply)
    plans = daemon.plan(first), apply.plan(second)
    between = _Overtaken(shelf, lambda: apply.write(second, plans[1]))
    daemon.ledger = Ledger(between, daemon.ledger.key, daemon.ledger.inventory)

    change = only(daemon.write(first, plans[0]))

    assert change.outcome == "held"
    assert "has 1 removal(s) in this hour and the limit is 1" in change.message
    assert cluster.secrets.keys() == {key("a")}
    assert shelf.inventory is not None
    assert [removal.objects for removal in shelf.inventory.removals] == [1]


def test_entries_that_another_process_adds_meanwhile_stay_beside_a_removal() -> None:
    desk = Desk(prune=True)
    seen, _ = _two_deletes(desk, desk)
    made = desk.plan(seen)
    other = Desk(desk.cluster, desk.shelf)
    between = _Overtaken(desk.shelf, lambda: other.sync((wants("c"), gives("c"))))
    desk.ledger = Ledger(between, desk.ledger.key, desk.ledger.inventory)

    assert only(desk.write(seen, made)).outcome == "done"

    assert desk.shelf.inventory is not None
    assert desk.shelf.inventory.entries.keys() == {key("b"), key("c")}
    assert desk.cluster.secrets.keys() == {key("b"), key("c")}


def test_nothing_is_removed_while_others_change_the_inventory_all_the_time() -> None:
    desk = Desk(prune=True)
    seen, _ = _two_deletes(desk, desk)
    made = desk.plan(seen)

    def restless() -> None:
        assert desk.shelf.inventory is not None
        desk.shelf.inventory = replace(desk.shelf.inventory)

    desk.ledger = Ledger(_Overtaken(desk.shelf, *[restless] * 9), desk.ledger.key, desk.ledger.inventory)

    change = only(desk.write(seen, made))

    assert (change.outcome, change.failure) == ("failed", "unavailable")
    assert desk.cluster.secrets.keys() == {key("a"), key("b")}


def test_an_unreadable_inventory_keeps_every_removal_back() -> None:
    desk = Desk(prune=True)
    desk.sync((wants("a", when_source_gone="delete"), gives("a")))
    seen = _removal(desk)
    made = desk.plan(seen)
    desk.shelf.unreadable = HomeFailure("inventory-forged", "home/inventory is not signed with this key")

    change = only(desk.write(seen, made))

    assert (change.action, change.outcome) == (Action.DELETE, "failed")
    assert key("a") in desk.cluster.secrets
