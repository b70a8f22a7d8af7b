"""Whole passes with finds: each object read once, a page that fails, a listing that shrinks or empties, a daemon."""

from dataclasses import replace

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Plan
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Query, RemoteRef
from syncd.model.selection import Finding, Selection
from syncd.testing.memory_provider import MemoryProvider
from tests.faults.memory_site import Site, secret, wants

BELOW = Query("memory", "app/")
PRUNE = {"prune": True}
PAGE_GONE = Failure(FailureClass.UNAVAILABLE, "server-error", "the store failed on a page", transient=False)
DENIED = Failure(FailureClass.DENIED, "permission-denied", "the store does not let syncd list", transient=False)


def finds(name: str, query: Query = BELOW, **fields: object) -> SecretMapping:
    origin = Position("syncd.yaml", 1, 1)
    made = SecretMapping(f"team/{name}", secret(name), origin, "Opaque", data_from=(Finding(query),))
    return replace(made, **fields)  # type: ignore[arg-type]


def store_of(count: int, page_size: int = 10) -> MemoryProvider:
    store = MemoryProvider(page_size=page_size)
    for number in range(count):
        store.put(f"app/k{number:03}", f"value {number}".encode())
    return store


def reasons(plan: Plan) -> dict[str, tuple[str, str, str]]:
    return {change.key.name: (change.action.value, change.reason, change.outcome) for change in plan.changes}


def test_each_query_is_asked_once_and_each_object_read_once_whoever_wants_it() -> None:
    store = store_of(25)
    direct = wants("x", data=(("k", Selection(RemoteRef("memory", "app/k003"))),))
    narrow = Query("memory", "app/", "1$")
    site = Site(finds("a"), finds("b"), finds("c", narrow), direct, store=store)
    plan = site.apply()
    assert [outcome for _, _, outcome in reasons(plan).values()] == ["done"] * 4
    assert sorted(store.reads()) == [RemoteRef("memory", f"app/k{number:03}") for number in range(25)]
    assert sorted(store.pages()) == sorted([BELOW, narrow] * 3)
    assert len(site.values("a")) == 25
    assert list(site.values("c")) == ["k001", "k011", "k021"]


def test_the_daemon_asks_once_for_all_that_is_due() -> None:
    store = store_of(5)
    other = finds("b", interval=60.0)
    site = Site(finds("a", interval=60.0), other, wants("app/k001", interval=60.0), store=store)
    site.run(1.0)
    assert sorted(store.reads()) == [RemoteRef("memory", f"app/k{number:03}") for number in range(5)]
    assert store.pages() == [BELOW]
    assert site.values("a") == site.values("b")


@pytest.mark.parametrize("failure", [PAGE_GONE, DENIED])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_page_that_fails_keeps_the_secret_and_is_no_empty_rest(page: int, failure: Failure) -> None:
    store = store_of(25)
    site = Site(finds("a", when_source_gone="delete"), store=store, **PRUNE)
    site.apply()
    before = site.values("a")
    store.fail_page(page, failure)
    assert reasons(site.apply())["a"][:2] == ("unreadable", f"source-{failure.cls.value}")
    assert site.values("a") == before
    store.mend()
    assert reasons(site.apply())["a"][0] == "unchanged"


def test_a_page_that_fails_at_first_makes_no_secret_of_the_others() -> None:
    store = store_of(25)
    store.fail_page(2, PAGE_GONE)
    site = Site(finds("a"), store=store)
    assert reasons(site.apply())["a"][0] == "unreadable"
    assert site.cluster.secrets == {}


def test_an_object_that_is_found_and_cannot_be_read_keeps_the_secret() -> None:
    store = store_of(5)
    site = Site(finds("a", when_source_gone="delete"), store=store, **PRUNE)
    site.apply()
    before = site.values("a")
    for failure, reason in (
        (Failure(FailureClass.ABSENT, "not-found", "gone", transient=False), "source-unavailable"),
        (Failure(FailureClass.UNUSABLE, "disabled", "off", transient=False), "source-unusable"),
    ):
        store.break_down(failure, "app/k002")
        assert reasons(site.apply())["a"][:2] == ("unreadable", reason)
        assert site.values("a") == before
        store.mend()


def test_a_find_that_shrank_waits_and_with_delete_loses_the_key_after_a_second_look() -> None:
    store = store_of(30)
    keeps, deletes = finds("keeps"), finds("deletes", when_source_gone="delete")
    site = Site(keeps, deletes, store=store, **PRUNE)
    site.apply()
    before = site.values("keeps")
    store.delete("app/k007")
    store.put("app/k001", b"new")
    assert reasons(site.apply()) == {
        "keeps": ("unreadable", "source-absent", ""),
        "deletes": ("update", "source-absent", "done"),
    }
    assert site.values("keeps") == before
    assert site.values("deletes") == {**{k: v for k, v in before.items() if k != "k007"}, "k001": b"new"}
    assert reasons(site.apply())["deletes"][0] == "unchanged"


def test_without_prune_a_find_that_shrank_keeps_the_whole_secret() -> None:
    store = store_of(30)
    site = Site(finds("a", when_source_gone="delete"), store=store)
    site.apply()
    before = site.values("a")
    store.delete("app/k007")
    store.put("app/new", b"new")
    assert reasons(site.apply())["a"][:2] == ("unreadable", "source-absent")
    assert site.values("a") == before


def test_a_key_that_is_found_again_at_the_second_look_stays() -> None:
    store = store_of(30)
    site = Site(finds("a", when_source_gone="delete"), store=store, **PRUNE)
    site.apply()
    before = site.values("a")
    store.delete("app/k007")
    assert reasons(site.apply(between=lambda: store.put("app/k007", b"value 7")))["a"][:2] == (
        "unreadable",
        "source-absent",
    )
    assert site.values("a") == before


def test_a_listing_that_empties_at_once_removes_nothing() -> None:
    store = store_of(30)
    site = Site(finds("a", when_source_gone="delete"), finds("b", allow_empty=True, when_source_gone="delete"),
                store=store, **PRUNE)  # fmt: skip
    site.apply()
    before = site.values("a")
    for number in range(30):
        store.delete(f"app/k{number:03}")
    assert reasons(site.apply()) == {
        "a": ("unreadable", "nothing-found", ""),
        "b": ("update", "source-absent", "held"),
    }
    assert site.values("a") == site.values("b") == before


def test_a_third_of_a_store_gone_at_once_makes_it_suspect() -> None:
    store = store_of(30)
    site = Site(finds("a", when_source_gone="delete"), store=store, **PRUNE)
    site.apply()
    before = site.values("a")
    for number in range(10):
        store.delete(f"app/k{number:03}")
    plan = site.apply()
    assert reasons(plan)["a"] == ("update", "source-absent", "held")
    assert "is not believed" in plan.changes[0].message
    assert site.values("a") == before


def test_the_daemon_lets_a_key_go_after_three_answers_in_ten_minutes() -> None:
    store = store_of(30)
    site = Site(finds("a", interval=300.0, when_source_gone="delete"), store=store, **PRUNE)
    site.run(400.0)
    before = site.values("a")
    store.delete("app/k007")
    site.run(500.0)
    assert site.values("a") == before
    site.run(900.0)
    assert site.values("a") == {key: value for key, value in before.items() if key != "k007"}
    assert [line["reason"] for line in site.said("secret-unreadable")] == ["source-absent"] * 2


def test_a_daemon_starts_the_count_anew_after_any_other_answer() -> None:
    store = store_of(30)
    site = Site(finds("a", interval=300.0, when_source_gone="delete"), store=store, **PRUNE)
    site.apply()
    before = site.values("a")
    store.delete("app/k007")

    def meanwhile() -> None:
        store.mend()
        if site.now // 450 % 2:
            store.fail_page(1, PAGE_GONE)

    site.run(6000.0, meanwhile)
    assert {line["reason"] for line in site.said("secret-unreadable")} == {"source-absent", "source-unavailable"}
    assert site.values("a") == before
    store.mend()
    site.run(1500.0)
    assert "k007" not in site.values("a")


def test_the_order_of_mappings_and_pages_changes_nothing() -> None:
    small, large = store_of(25, page_size=3), store_of(25, page_size=100)
    one, other = Site(finds("a"), finds("b"), store=small), Site(finds("b"), finds("a"), store=large)
    assert [change.key for change in one.apply().changes] == [change.key for change in other.apply().changes]
    assert one.values("a") == other.values("a")


def test_a_second_run_writes_nothing() -> None:
    site = Site(finds("a"), store=store_of(25))
    site.apply()
    assert [change.action for change in site.apply().changes] == [Action.UNCHANGED]
