"""The pass up to its first write: what is looked at, what is owned and wanted by nobody, and second looks."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import pytest

from syncd.fetch.gateway import Gateway
from syncd.keys import InstanceKey
from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action, Plan
from syncd.model.position import Position
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import Content, DesiredSecret, Live, Missing, Refusal
from syncd.model.selection import Selection
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Seen, Standing, in_doubt, look, objection, orphaned, plan, second_look, see, worth_reading
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryTarget
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Cluster, Granted, MemoryReader, MemoryTarget
from syncd.told import refs_of
from syncd.writing import Writer

ME = Instance("prod", InstanceKey(SecretValue(bytes(range(32)))), "/etc/syncd.yaml")
NOW = 1_000_000.0


def ref(name: str, store: str = "memory") -> RemoteRef:
    return RemoteRef(store, name)


def key(name: str, target: str = "default") -> SecretKey:
    return SecretKey(target, "team", name)


def wants(name: str, *refs: RemoteRef, target: str = "default", **fields: object) -> SecretMapping:
    data = tuple((f"k{number}", Selection(each)) for number, each in enumerate(refs or (ref(name),)))
    made = SecretMapping(f"team/{name}", key(name, target), Position("syncd.yaml", 1, 1), "Opaque", data=data)
    return replace(made, **fields)  # type: ignore[arg-type]


class Place:
    """A store, a cluster, and passes over them."""

    def __init__(self, *names: str, **rules: object) -> None:
        """Put an object of each name into the store."""
        self.store = MemoryProvider()
        for name in names:
            self.store.put(name, f"value of {name}".encode())
        self.gateway = Gateway({"memory": memory_store(self.store)})
        self.cluster = Cluster()
        self.targets = {"default": MemoryTarget(self.cluster)}
        self.rules = Rules(**rules)  # type: ignore[arg-type]

    def see(self, *mappings: SecretMapping, orphans: Iterable[Entry] = ()) -> Seen:
        reading = self.gateway.read(refs_of(mappings))
        return see(mappings, reading, self.targets, look_at=[each.key for each in mappings], orphans=list(orphans))

    def standing(self, seen: Seen) -> Standing:
        return Standing.of([mapping for mapping, _ in seen.wanted], instance=ME, rules=self.rules)

    def plan(self, seen: Seen) -> Plan:
        return plan(seen, self.standing(seen), inventory=None, target="", now=NOW)

    def sync(self, *mappings: SecretMapping) -> Plan:
        seen = self.see(*mappings)
        return Writer(self.targets, self.standing(seen), Granted()).carry_out(self.plan(seen), seen, now=NOW)


# What is read


def test_references_are_distinct_and_in_the_order_of_the_mappings() -> None:
    mappings = wants("a", ref("z"), ref("m")), wants("b", ref("a"), ref("z"))

    assert refs_of(mappings) == (ref("z"), ref("m"), ref("a"))


class _Twice(MemoryReader):
    """Counts the lots that it was asked for."""

    lots: int = 0

    def read(self, keys: Collection[SecretKey]) -> Iterable[Live]:
        self.lots += 1
        return super().read(keys)


def test_each_target_is_asked_once_for_each_of_its_own_secrets() -> None:
    one, two = _Twice(), _Twice()

    found = look({"one": one, "two": two}, [key("a", "one"), key("b", "two"), key("a", "one"), key("c", "gone")])

    assert found == {key("a", "one"): Missing(key("a", "one")), key("b", "two"): Missing(key("b", "two"))}
    assert (one.lots, two.lots) == (1, 1)
    assert len(one.cluster.calls) == 1


def test_a_run_that_writes_looks_only_at_what_the_inventory_knows() -> None:
    known = Entry(key("a"), "", "team/a", "keep", frozenset({"/etc/syncd.yaml"}))
    mappings = [wants("a"), wants("b"), wants("c", suspend=True), wants("d", target="folder")]
    plain = replace(ME, plain_targets=frozenset({"folder"}))

    assert worth_reading(mappings, Inventory({known.key: known}), instance=plain) == [key("a"), key("d", "folder")]


def test_a_defect_that_one_mapping_brings_up_keeps_its_secret_and_no_other() -> None:
    """J12."""
    place = Place("a", "b")
    poison = replace(wants("a"), data=(("k0", "neither a selection nor a literal"),))  # type: ignore[arg-type]

    (_, broken), (_, fine) = place.see(poison, wants("b")).wanted

    assert isinstance(broken, Refusal)
    assert (broken.cls, broken.reason) == (FailureClass.CONFIG, "defect")
    assert "AttributeError at syncd.build." in broken.message
    assert isinstance(fine, Content)


def test_the_class_of_every_source_is_kept_and_a_store_that_lost_most_is_suspect() -> None:
    place = Place("a")
    place.store.deny("c")

    seen = place.see(wants("a"), wants("b"), wants("c"))
    assert seen.classes == {ref("a"): None, ref("b"): FailureClass.ABSENT, ref("c"): FailureClass.DENIED}
    assert seen.suspect == frozenset()

    assert place.see(wants("a"), wants("b"), wants("d")).suspect == {"memory"}


# What is owned and wanted by nobody


def _theirs(name: str) -> Entry:
    return Entry(key(name), "", f"team/{name}", "keep", frozenset({"/etc/syncd.yaml"}))


def test_orphans_are_what_the_inventory_knows_and_no_mapping_wants() -> None:
    inventory = Inventory({entry.key: entry for entry in (_theirs("a"), _theirs("b"))})

    assert orphaned([wants("a")], inventory, {"default": MemoryReader()}, instance=ME) == [_theirs("b")]
    assert orphaned([wants("a")], None, {"default": MemoryReader()}, instance=ME) == []


def test_an_entry_of_a_target_that_the_configuration_does_not_have_is_left_alone() -> None:
    elsewhere = Entry(key("a", "other"), "", "team/a", "keep", frozenset({"/etc/syncd.yaml"}))

    assert orphaned([], Inventory({elsewhere.key: elsewhere}), {"default": MemoryReader()}, instance=ME) == []


def test_a_folder_tells_by_itself_what_is_owned(tmp_path: object) -> None:
    folder = DirectoryTarget(tmp_path, target="default")  # type: ignore[arg-type]
    plain = Instance("prod", None, "/etc/syncd.yaml", plain_targets=frozenset({"default"}))
    place = Place("a", "b")
    place.targets = {"default": folder}  # type: ignore[dict-item]
    seen = place.see(wants("a"), wants("b", when_mapping_gone="delete"))
    standing = Standing.of([], instance=plain, rules=Rules())
    made = plan(seen, standing, inventory=None, target="", now=NOW)
    Writer({"default": folder}, standing, Granted()).carry_out(made, seen, now=NOW)

    (orphan,) = orphaned([wants("a")], None, {"default": folder}, instance=plain)

    assert orphan == Entry(key("b"), "", "team/b", "delete", frozenset({"/etc/syncd.yaml"}))
    assert orphaned([wants("a")], None, {"default": folder}, instance=replace(plain, name="another")) == []


def test_orphans_are_looked_at_with_the_rest_and_planned() -> None:
    place = Place("a", "left")
    place.sync(wants("left"))

    seen = place.see(wants("a"), orphans=[_theirs("left"), _theirs("gone")])

    assert [(entry.key.name, isinstance(live, Missing)) for entry, live in seen.orphans] == [
        ("left", False),
        ("gone", True),
    ]
    assert [(change.key.name, change.action) for change in place.plan(seen).changes] == [
        ("a", Action.CREATE),
        ("left", Action.ORPHAN),
    ]


# Second looks


def _removable(name: str) -> SecretMapping:
    return wants(name, when_source_gone="delete")


def _filled(*others: str) -> tuple[Place, list[SecretMapping]]:
    """Give a place whose Secrets stand and whose object `a` is then gone from the store."""
    place = Place("a", *others, prune=True)
    mappings = [_removable("a"), *(wants(name) for name in others)]
    place.sync(*mappings)
    place.store.delete("a")
    return place, mappings


def test_a_source_that_is_absent_twice_lets_its_secret_go() -> None:
    place, mappings = _filled("b", "c")

    seen = second_look(place.see(*mappings), place.gateway)

    assert seen.confirmed_absent == {key("a")}
    assert [change.action for change in place.plan(seen).changes] == [Action.DELETE, *2 * [Action.UNCHANGED]]


def test_a_source_that_is_there_at_the_second_look_keeps_its_secret() -> None:
    """A22."""
    place, mappings = _filled("b", "c")
    first = place.see(*mappings)
    place.store.put("a", b"back again")

    seen = second_look(first, place.gateway)

    assert seen.confirmed_absent == frozenset()
    (change, *_) = place.plan(seen).changes
    assert (change.action, change.reason) == (Action.UNREADABLE, "source-absent")


def test_a_source_that_fails_otherwise_at_the_second_look_keeps_its_secret() -> None:
    place, mappings = _filled("b", "c")
    first = place.see(*mappings)
    place.store.deny("a")

    assert second_look(first, place.gateway).confirmed_absent == frozenset()


def test_one_look_alone_removes_nothing() -> None:
    """I-DEL."""
    place, mappings = _filled("b", "c")

    (change, *_) = place.plan(place.see(*mappings)).changes

    assert (change.action, change.reason) == (Action.UNREADABLE, "source-absent")


def test_only_what_would_be_removed_is_looked_at_again() -> None:
    place, mappings = _filled("b", "c")
    first = place.see(*mappings, wants("kept-by-policy"), _removable("never-made"))
    before = len(place.store.reads())

    assert [mapping.key for mapping in in_doubt(first)] == [key("a")]
    second_look(first, place.gateway)
    assert place.store.reads()[before:] == [ref("a")]


# The whole configuration


@pytest.mark.parametrize(
    ("mappings", "configuration", "take_over", "allow", "word"),
    [
        ([wants("a")], "/etc/syncd.yaml", False, False, None),
        ([], "/etc/syncd.yaml", False, False, "no mappings"),
        ([], "/etc/syncd.yaml", False, True, None),
        ([], "/etc/syncd.yaml", True, False, "no mappings"),
        ([wants("z")], "/other.yaml", False, False, "knows none of them"),
        ([wants("z")], "/other.yaml", True, False, None),
        ([wants("a")], "/other.yaml", False, False, None),
    ],
)
def test_a_configuration_that_was_emptied_or_is_another_ones_may_not_act(
    mappings: list[SecretMapping], configuration: str, *, take_over: bool, allow: bool, word: str | None
) -> None:
    """G6."""
    found = objection(
        mappings,
        Inventory({key("a"): _theirs("a")}),
        instance=replace(ME, configuration=configuration),
        allow_no_mappings=allow,
        take_over=take_over,
    )

    assert found is None if word is None else word in str(found)
    assert objection(mappings, None, instance=ME, allow_no_mappings=False) is None


def test_foreign_secrets_are_conflicts_in_the_plan_already_where_they_were_looked_at() -> None:
    place = Place("a")
    place.cluster.put(DesiredSecret(key("a"), "Opaque", {"k": SecretValue(b"theirs")}, {}, {}))

    (change,) = place.plan(place.see(wants("a"))).changes

    assert (change.action, change.reason) == (Action.CONFLICT, "not-owned")
