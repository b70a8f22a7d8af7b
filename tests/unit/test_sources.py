"""One reading in two stages: what is named, and what queries find; each object read once whatever wants it."""

import pytest

from syncd.fetch.sources import Sources
from syncd.model.reference import Failure, FailureClass, Fetched, Listing, Query, RemoteRef
from tests.unit.gateway_rig import Rig

ALL = Query("memory")
ODD = Query("memory", name="[13]$")


def test_what_is_named_and_what_is_found_is_read_once() -> None:
    rig = Rig(keys=5)
    sources = Sources(rig.gateway, [*rig.refs()[:2], rig.refs()[0]], [ALL, ODD, ALL])
    found = sources.found([ODD])
    assert found == {ODD: Listing(tuple(rig.refs()[number] for number in (1, 3)))}
    outcomes = sources.outcomes([*rig.refs()[:2], rig.refs()[3]])
    assert all(isinstance(outcome, Fetched) for outcome in outcomes.values())
    assert list(outcomes) == [*rig.refs()[:2], rig.refs()[3]]
    sources.found([ALL, ODD])
    assert len(sources.outcomes(rig.refs())) == 5
    assert sorted(rig.store.reads()) == rig.refs()
    assert sorted(rig.store.pages()) == sorted([ALL, ODD])


def test_costs_are_those_of_both_stages() -> None:
    rig = Rig(keys=3)
    sources = Sources(rig.gateway, rig.refs()[:1], [ALL])
    sources.found([ALL])
    sources.outcomes(rig.refs())
    cost = sources.costs()["memory"]
    assert (cost.calls, cost.sources, cost.failures) == (4, 4, 0)


def test_a_query_that_fails_finds_nothing_to_read() -> None:
    rig = Rig(keys=3)
    rig.store.fail_page(0, Failure(FailureClass.DENIED, "permission-denied", "no", transient=False))
    sources = Sources(rig.gateway, (), [ALL])
    (found,) = sources.found([ALL]).values()
    assert isinstance(found, Failure)
    assert rig.store.reads() == []


def test_what_was_not_asked_is_a_mistake_of_the_caller() -> None:
    rig = Rig(keys=1)
    sources = Sources(rig.gateway, (), [ALL])
    with pytest.raises(KeyError):
        sources.found([ODD])
    with pytest.raises(KeyError):
        sources.outcomes([RemoteRef("memory", "k0")])


def test_a_store_that_hangs_holds_up_no_query_of_another() -> None:
    rig = Rig("hangs", "fine", keys=2)
    rig.stores["hangs"].hang()
    fine = Query("fine")
    sources = Sources(rig.gateway, rig.refs("hangs"), [Query("hangs"), fine])
    assert isinstance(sources.found([fine])[fine], Listing)
    assert all(isinstance(outcome, Fetched) for outcome in sources.outcomes(rig.refs("fine")).values())
    assert rig.elapsed() < 1.0
    rig.stores["hangs"].release()
