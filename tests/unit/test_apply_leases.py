"""Short-lived secrets beside what else apply and the daemon promise: questions, costs, other runs, removal, moves."""

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.cli.diff import planned
from syncd.model.mapping import SecretKey
from syncd.model.plan import Action
from syncd.model.reference import Query
from syncd.model.secret import DesiredSecret
from syncd.model.selection import Finding, Lease
from syncd.plan.instance import Rules
from syncd.plan.leases import OVERLAP, book_of
from syncd.testing.memory_leases import Engine
from syncd.testing.memory_target import Asked
from tests.unit.test_apply import Place, key, wants
from tests.unit.test_renewals import CREDS, HOUR, leased, live, living, rig_of, vault_of


def issuing() -> Place:
    """Make a place with one mapping that has a secret issued."""
    place = Place(wants("a", data=(), data_from=(Lease("memory", "database/creds/app"),)))
    place.store.leases.engines["database/creds/app"] = Engine()
    return place


def test_a_person_is_shown_what_would_be_issued_before_anything_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = issuing()
    asked: list[int] = []
    place.answer(monkeypatch, "no\n", lambda: asked.append(place.store.leases.count("issue")))
    assert place.apply(yes=False, issue=True) == 1
    place.answer(monkeypatch, "yes\n", lambda: asked.append(place.store.leases.count("issue")))
    assert place.apply(yes=False, issue=True) == 0
    assert asked == [0, 0]
    assert place.store.leases.count("issue") == 1
    assert "database/creds/app" in capsys.readouterr().err
    assert place.apply(issue=True) == 0
    assert place.store.leases.count("issue") == 1


def test_without_the_option_nobody_is_asked_and_it_is_held(capsys: pytest.CaptureFixture[str]) -> None:
    place = issuing()
    assert place.apply(yes=False) == 1
    assert place.apply() == 1
    assert place.store.leases.asked == []
    assert place.cluster.writes() == []
    assert "--issue" in capsys.readouterr().out


def test_a_diff_never_issues_whatever_it_is_told() -> None:
    place = issuing()
    for issue, outcome in ((False, "held"), (True, "")):
        (change,) = planned(place.parts(), place.told(issue=issue)).changes  # type: ignore[arg-type]  # Parts is invariant
        assert (change.action, change.reason, change.outcome) == (Action.CREATE, "would-issue", outcome)
    place.apply(issue=True)
    (change,) = planned(place.parts(), place.told()).changes  # type: ignore[arg-type]  # as above
    assert change.action is Action.UNCHANGED
    assert place.store.leases.count("issue") == 1


def test_a_secret_that_is_pruned_takes_its_lease_along_without_the_option() -> None:
    place = issuing()
    place.mappings = (replace(place.mappings[0], when_mapping_gone="delete"), wants("b"))
    place.apply(issue=True)
    place.mappings = place.mappings[1:]
    place.apply(prune=True, allow_deletes=1)
    assert place.cluster.secrets.keys() == {key("b")}
    assert place.store.leases.live() == []


# Other runs, other configurations


def test_the_calls_about_leases_are_in_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    place = issuing()
    place.apply(issue=True)
    assert "Store memory: 1 call for 0 sources and 1 lease\n" in capsys.readouterr().out
    place.apply(issue=True)
    assert "lease" not in capsys.readouterr().out


def test_a_run_that_another_one_overtook_gives_its_own_back_and_ends_well() -> None:
    place, engine = issuing(), "database/creds/app"

    def overtake(asked: Asked) -> None:
        if asked.verb == "create":
            place.cluster.answer = lambda _asked: None
            place.apply(issue=True)

    place.cluster.answer = overtake
    assert place.apply(issue=True) == 0
    (held,) = book_of(place.cluster.secrets[key("a")]).leases
    assert [each.id for each in place.store.leases.live()] == [held.lease]
    assert held.lease == f"{engine}/2"


def test_two_configurations_of_one_instance_share_a_lease_and_the_last_one_ends_it() -> None:
    a = issuing()
    mapping = replace(a.mappings[0], when_mapping_gone="delete")
    a.mappings, a.file = (mapping, wants("b")), Path("/a.yaml")
    b = Place(mapping, wants("b"), store=a.store)
    b.file, b.cluster, b.shelf = Path("/b.yaml"), a.cluster, a.shelf
    for place in (a, b, a):
        assert place.apply(issue=True) == 0
    assert a.store.leases.count("issue") == 1
    a.mappings = a.mappings[1:]
    a.apply(issue=True, prune=True, allow_deletes=9)
    assert len(a.store.leases.live()) == 1
    b.mappings = b.mappings[1:]
    b.apply(prune=True, allow_deletes=9)
    assert a.store.leases.live() == []
    assert a.cluster.secrets.keys() == {key("b")}


def test_a_find_that_shrank_lets_its_key_go_together_with_a_new_lease() -> None:
    place = issuing()
    for name in ("f/x", "f/y", "f/z"):
        place.store.put(name, b"v")
    find = Finding(Query("memory", "f/"))
    entries = (Lease("memory", "database/creds/app"), find)
    place.mappings = (replace(place.mappings[0], data_from=entries, when_source_gone="delete"),)
    assert place.apply(issue=True) == 0
    place.store.delete("f/x")
    live = place.cluster.secrets[key("a")]
    data = {name: value for name, value in live.data.items() if name != "password"}
    place.cluster.put(DesiredSecret(live.key, live.type, data, live.labels, live.annotations))
    assert place.apply(issue=True) == 1, "nothing is issued for a Secret that is kept"
    assert place.store.leases.count("issue") == 1
    assert place.apply(issue=True, prune=True, allow_deletes=9) == 0
    assert place.cluster.secrets[key("a")].data.keys() == {"y", "z", "username", "password"}
    assert place.store.leases.count("issue") == 2


# Mappings that move, Secrets that are left alone


def test_a_mapping_that_moves_gets_its_own_and_the_one_of_before_is_revoked_with_its_secret() -> None:
    before = leased("db", when_mapping_gone="delete", id="myid")
    rig = rig_of(before, leased("other"))
    rig.start()
    rig.run(10.0)
    rig.stop()
    first = book_of(live(rig)).leases[0].lease.rpartition("/")[2]
    new = SecretKey("default", "team", "new")
    again = rig_of(replace(before, key=new), leased("other"), before=rig)
    again.start(rules=Rules(prune=True, issue=True))
    again.run(1300.0)
    again.stop()
    assert again.cluster.secrets.keys() == {new, leased("other").key}
    assert first not in living(again)
    assert len(living(again)) == 2


def test_nothing_of_a_secret_that_is_left_alone_is_revoked() -> None:
    rig = rig_of(leased(), engine=Engine(HOUR, renewable=False))
    rig.start()
    while vault_of(rig).count("issue") < 2:
        rig.run(10.0)
    secret = live(rig)
    suspended = {**secret.annotations, "syncd.dev/suspend": "true"}
    rig.cluster.put(DesiredSecret(secret.key, secret.type, secret.data, secret.labels, suspended))
    rig.run(2 * OVERLAP)
    rig.stop()
    assert vault_of(rig).count("revoke") == 0
    assert vault_of(rig).engines.keys() == {CREDS}
