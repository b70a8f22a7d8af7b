"""The daemon's loop, on a time that passes only when everybody waits for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from syncd.daemon.loop import SWEEP
from syncd.model.inventory import Entry, Inventory
from syncd.model.plan import Action
from syncd.model.reference import RemoteRef
from syncd.model.secret import DesiredSecret
from syncd.model.selection import Selection
from syncd.redact import SecretValue
from syncd.testing.memory_target import Asked, Cluster, Granted
from tests.unit.daemon_rig import DOWN, INTERVAL, DaemonRig, key, wants

ONCE_A_YEAR = "0 0 1 1 *"
"""A calendar that has nothing due while a test runs: what happens then is retries alone."""


def vault(name: str) -> RemoteRef:
    return RemoteRef("vault", name)


def aws(name: str) -> RemoteRef:
    return RemoteRef("aws", name)


Make = Callable[..., DaemonRig]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make a rig, and end its daemon after the test."""
    made: list[DaemonRig] = []

    def rig(*mappings: object, **arguments: object) -> DaemonRig:
        made.append(DaemonRig(*mappings, **arguments))  # type: ignore[arg-type]
        return made[-1]

    yield rig
    for each in made:
        for store in each.stores.values():
            store.mend()
        each.on_call = lambda _asked: None
        if each.ended_at is None:
            each.stop()
            each.run(2000)
        assert each.ended_at is not None


# What is read and when


def test_what_is_due_together_is_read_once_however_many_want_it(make: Make) -> None:
    """I-COST: groups of different stores share one reading."""
    rig = make(
        wants("a", vault("x"), vault("y")),
        wants("b", vault("x")),
        wants("c", vault("x"), aws("z")),
    )
    rig.start()
    rig.run(0.5)

    assert sorted(rig.stores["vault"].reads()) == [vault("x"), vault("y")]
    assert rig.stores["aws"].reads() == [aws("z")]
    assert rig.data("c") == {"k0": b"value of x", "k1": b"value of z"}
    assert {rig.data(name)["k0"] for name in ("a", "b")} == {b"value of x"}


def test_a_hanging_store_holds_up_its_own_secrets_alone(make: Make) -> None:
    """I-ISO, A5."""
    rig = make(wants("healthy", aws("a")), wants("stuck", vault("v")), wants("both", vault("v"), aws("a")))
    rig.stores["vault"].hang()
    rig.start()
    rig.run(0.5)

    assert rig.data("healthy") == {"k0": b"value of a"}
    assert rig.data("stuck") == rig.data("both") == {}

    rig.run(20)
    told = {fields["name"]: fields["reason"] for fields in rig.log.of("secret-unreadable")}
    assert told == {"stuck": "source-unavailable", "both": "source-unavailable"}
    assert rig.loop.alive() == ""


@pytest.mark.parametrize("stuck", ["x0", "x2", "x4"])
def test_a_source_that_hangs_holds_up_its_own_secret_alone(make: Make, stuck: str) -> None:
    """I-ISO: nor those of the same store."""
    names = [f"x{number}" for number in range(5)]
    rig = make(*(wants(name, vault(name)) for name in names))
    rig.stores["vault"].hang(stuck)
    loop = rig.start()
    rig.run(3)
    others = [name for name in names if name != stuck]
    assert {key.name for key in rig.cluster.secrets} == set(others)
    assert sorted(str(fields["name"]) for fields in rig.log.of("secret-created")) == others
    assert "1 of 5 mapping(s)" in loop.behind()
    assert len(rig.shelf.saves) == 1

    for number in range(5):
        for name in others:
            rig.stores["vault"].put(name, b"new %d" % number)
        rig.run(INTERVAL + 3)
        assert {name: rig.data(name) for name in others} == {name: {"k0": b"new %d" % number} for name in others}
    assert [fields["name"] for fields in rig.log.of("secret-unreadable")] == [stuck]
    for name in others:
        reads = [ref for ref in rig.stores["vault"].reads() if ref == vault(name)]
        assert len(reads) <= 6 + 1

    rig.stores["vault"].mend()
    rig.run(INTERVAL + 3)
    assert rig.data(stuck) == {"k0": b"value of " + stuck.encode()}


def test_what_would_remove_a_key_waits_for_all_of_its_stores_answers(make: Make) -> None:
    """I-CAP: the guards judge a store by all that it says; what is made or changed need not wait."""
    optional = (("k0", Selection(vault("x"))), ("k1", Selection(vault("old"), optional=True)))
    rig = make(replace(wants("a"), data=optional), wants("b", vault("y")), wants("c", vault("z")))
    rig.start()
    rig.run(INTERVAL + 3)
    assert rig.data("a").keys() == {"k0", "k1"}

    rig.stores["vault"].hang("z")
    rig.stores["vault"].delete("old")
    rig.stores["vault"].put("y", b"new")
    while rig.data("b") != {"k0": b"new"}:
        rig.run(1)
    rig.run(5)
    assert rig.data("a").keys() == {"k0", "k1"}, "nothing of this store goes while it has not said everything"
    rig.run(10)
    assert rig.data("a").keys() == {"k0"}
    assert rig.verbs("a").count("update") == 1


def test_an_interval_passes_between_two_reads(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.start()
    rig.run(3600)

    reads = len(rig.stores["vault"].reads())
    assert 3600 / INTERVAL <= reads <= 3600 / INTERVAL + 3


def test_one_secret_never_has_two_passes_at_once_and_what_fell_due_follows_at_once(make: Make) -> None:
    """J11."""
    rig = make(wants("slow", vault("x"), interval=10.0))

    def dawdle(asked: Asked) -> None:
        if asked.verb == "create":
            rig.time.sleep(25)

    rig.on_call = dawdle
    rig.start()
    rig.run(24.99)
    assert [(at, asked.verb) for at, asked in rig.calls] == [(0.0, "create")]

    rig.run(0.05)
    assert [(round(at, 3), asked.verb) for at, asked in rig.calls[1:]] == [(25.0, "read")]


# Tries again


def test_an_unavailable_store_is_tried_again_ever_more_slowly(make: Make) -> None:
    rig = make(wants("a", vault("x"), schedule=ONCE_A_YEAR))
    rig.stores["vault"].break_down(DOWN)
    rig.start()
    rig.run(1300)

    starts = [at for at in rig.passes if at % SWEEP]
    assert starts == pytest.approx([5, 15, 35, 75, 155, 315, 615, 915, 1215], abs=0.5)

    rig.stores["vault"].mend()
    rig.run(300)
    assert rig.data("a") == {"k0": b"value of x"}
    assert "secret-created" in rig.log.told()


def test_a_denied_source_is_not_tried_again_before_its_time(make: Make) -> None:
    """R4."""
    rig = make(wants("a", vault("x"), schedule=ONCE_A_YEAR))
    rig.stores["vault"].deny("x")
    rig.start()
    rig.run(1300)

    assert [at for at in rig.passes if at % SWEEP] == []
    assert rig.log.of("secret-unreadable")[0]["reason"] == "source-denied"


def test_a_store_that_answers_again_starts_the_pauses_anew(make: Make) -> None:
    rig = make(wants("a", vault("x"), interval=1000.0))
    rig.stores["vault"].break_down(DOWN)
    rig.start()
    rig.run(100)
    rig.stores["vault"].mend()
    rig.run(100)
    assert rig.data("a")

    rig.stores["vault"].break_down(DOWN)
    rig.run(1000)
    first, second, *_ = [at for at in rig.passes if at > 200]
    assert second - first == pytest.approx(5, abs=0.1)


def test_missed_runs_of_a_schedule_are_told_and_counted(make: Make) -> None:
    """J10."""
    rig = make(wants("a", vault("x"), schedule=ONCE_A_YEAR))
    loop = rig.start()
    loop._calendar._missed(ONCE_A_YEAR, 2, 1)
    assert [fields["runs"] for fields in rig.log.of("runs-missed")] == [2]
    assert b"syncd_missed_runs_total 2.0" in rig.metrics.text()


# Defects and threads


def test_a_pass_that_breaks_is_told_without_its_text_and_tried_again(make: Make) -> None:
    """J12, I-LIVE, M3."""
    rig = make(wants("a", vault("x")), wants("b", aws("y")))
    entry = Entry(key("a"), "", "team/a", "keep", frozenset({"/etc/syncd.yaml"}))
    rig.ledger.record(lambda _: Inventory({entry.key: entry}), Granted())

    def broken(asked: Asked) -> None:
        if asked.verb == "read":
            canary = "canary-value"
            raise LookupError(canary)

    rig.on_call = broken
    loop = rig.start()
    rig.run(70)

    assert rig.data("b") == {"k0": b"value of y"}
    (first, *_) = rig.log.of("pass-broken")
    assert str(first["error"]).startswith("LookupError at syncd.")
    assert "canary" not in repr(rig.log.events)
    assert loop.alive() == ""
    assert "1 of 2 mapping(s)" in loop.behind()

    rig.on_call = lambda _asked: None
    rig.run(320)
    assert rig.data("a") == {"k0": b"value of x"}
    assert loop.behind() == ""


def test_a_system_without_threads_is_waited_for(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.threads_left = False
    rig.start()
    rig.run(4)
    assert rig.data("a") == {}
    assert rig.ended_at is None

    rig.threads_left = True
    rig.run(10)
    assert rig.data("a") == {"k0": b"value of x"}


# The end


def test_an_idle_daemon_ends_at_once(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.start()
    rig.run(12)
    stopped = rig.now()
    rig.stop()
    rig.run(20)

    assert rig.ended_at is not None
    assert rig.ended_at - stopped < 0.1


def test_a_pass_that_hangs_keeps_no_daemon_from_ending(make: Make) -> None:
    """J7."""
    rig = make(wants("a", vault("x")), wants("b", aws("y")))
    rig.stores["aws"].hang()
    rig.on_call = lambda asked: rig.time.sleep(500) if asked.verb == "create" else None
    rig.start()
    rig.run(3)
    stopped = rig.now()
    rig.stop()
    rig.run(20)

    assert rig.ended_at is not None
    assert 4 < rig.ended_at - stopped < 8
    assert rig.stores["vault"].closed == 1


def test_a_stop_writes_nothing_more_and_says_nothing_of_what_was_given_up(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.stores["vault"].hang()
    rig.start()
    rig.run(3)
    before = list(rig.log.told())
    rig.stop()
    rig.run(20)

    assert rig.cluster.writes() == []
    assert rig.log.told() == before, "readings that a stop ends are no news of the store"


def test_no_write_starts_once_the_daemon_is_told_to_end(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    entry = Entry(key("a"), "", "team/a", "keep", frozenset({"/etc/syncd.yaml"}))
    rig.ledger.record(lambda _: Inventory({entry.key: entry}), Granted())

    def end(asked: Asked) -> None:
        if asked.verb == "read":
            rig.time.sleep(1)
            rig.stop()

    rig.on_call = end
    rig.start()
    rig.run(100)

    assert rig.verbs("a") == ["read"]


def test_what_a_pass_writes_while_the_daemon_ends_is_told(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.on_call = lambda asked: rig.time.sleep(3) if asked.verb == "create" else None
    rig.start()
    rig.run(1)
    rig.stop()
    rig.run(20)

    assert rig.data("a") == {"k0": b"value of x"}
    assert "secret-created" in rig.log.told()
    assert rig.ended_at == pytest.approx(3, abs=0.1)


# Health


def test_ready_means_that_everything_was_looked_at_once(make: Make) -> None:
    rig = make(wants("a", vault("x")), wants("b", aws("y")))
    rig.stores["aws"].hang()
    loop = rig.start()
    assert "2 of 2 mapping(s)" in loop.behind()

    rig.run(1)
    assert "1 of 2 mapping(s)" in loop.behind()

    rig.run(20)
    assert loop.behind() == "", "an answer that is none counts: what the store does not give makes nobody unready"


def test_an_unreadable_orphan_makes_nothing_ready(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    entry = Entry(key("left"), "", "team/left", "keep", frozenset({"/etc/syncd.yaml"}))
    rig.ledger.record(lambda _: Inventory({entry.key: entry}), Granted())
    rig.stores["vault"].hang()
    loop = rig.start()
    rig.run(1)

    assert "1 of 1 mapping(s)" in loop.behind()


def test_a_pass_that_does_not_end_makes_unready_and_what_waits_for_it_is_late(make: Make) -> None:
    rig = make(wants("a", vault("x"), interval=10.0))
    loop = rig.start()
    rig.run(1)
    rig.cluster.remove(key("a"))
    rig.on_call = lambda asked: rig.time.sleep(500) if asked.verb == "create" else None
    rig.run(60)
    assert loop.behind() == ""

    rig.run(40)
    assert "s late" in loop.behind()

    rig.run(60)
    assert "a pass has been running for" in loop.behind()
    assert loop.alive() == ""


def test_only_a_loop_that_does_not_turn_is_dead(make: Make) -> None:
    """J14."""
    rig = make(wants("a", vault("x")))
    loop = rig.start()
    rig.run(3000)
    assert loop.alive() == ""

    rig.stop()
    rig.run(54)  # its last turn may be 5 s old
    assert loop.alive() == ""
    rig.run(10)
    assert "has not turned for" in loop.alive()


def test_a_configuration_without_mappings_is_ready_and_turns(make: Make) -> None:
    rig = make()
    loop = rig.start()
    rig.run(100)

    assert (loop.alive(), loop.behind()) == ("", "")


# Quiet


def test_nothing_is_written_saved_or_said_while_nothing_changes(make: Make) -> None:
    """I-IDEM."""
    rig = make(wants("a", vault("x")), wants("b", aws("y")))
    rig.start()
    rig.run(10)
    told, saves, writes = list(rig.log.told()), len(rig.shelf.saves), len(rig.cluster.writes())
    assert (sorted(told), writes) == (["pass", "pass", "secret-created", "secret-created"], 2)

    rig.run(3600)
    assert rig.log.told() == told
    assert len(rig.shelf.saves) == saves
    assert len(rig.cluster.writes()) == writes


def test_a_rotated_value_is_followed_and_told_by_the_names_of_its_keys(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    rig.start()
    rig.run(10)
    rig.stores["vault"].put("x", b"canary-rotated")
    rig.run(2 * INTERVAL)

    assert rig.data("a") == {"k0": b"canary-rotated"}
    assert [fields["changed"] for fields in rig.log.of("secret-updated")] == [("k0",)]
    assert "canary" not in repr(rig.log.events)


def test_a_foreign_secret_is_looked_at_and_not_posted_to_at_every_interval(make: Make) -> None:
    rig = make(wants("a", vault("x")))
    theirs = DesiredSecret(key("a"), "Opaque", {"k": SecretValue(b"theirs")}, {}, {})
    rig.cluster.put(theirs)
    rig.start()
    rig.run(10 * INTERVAL)

    verbs = rig.verbs("a")
    assert verbs[0] == "create"
    assert set(verbs[1:]) == {"read"}
    assert len(verbs) > 8
    assert rig.data("a") == {"k": b"theirs"}
    assert rig.log.told().count("secret-conflict") == 1


# Removals


def test_no_key_is_taken_away_before_every_source_of_the_store_was_read(make: Make) -> None:
    """I-DEL: an unavailable source was not read."""
    first = make(wants("a", vault("x"), vault("old")), wants("b", vault("y")))
    first.start()
    first.run(10)
    first.stop()
    first.run(10)
    assert first.data("a").keys() == {"k0", "k1"}

    rig = make(wants("a", vault("x")), wants("b", vault("y")), cluster=first.cluster, shelf=first.shelf)
    rig.stores["vault"].break_down(DOWN, "y")
    rig.start()
    rig.run(70)
    (held,) = rig.log.of("secret-held")
    assert "has not been read in full since the start" in str(held["message"])
    assert rig.data("a").keys() == {"k0", "k1"}

    rig.stores["vault"].mend()
    rig.run(5 * INTERVAL)
    assert rig.data("a").keys() == {"k0"}


def test_absent_sources_of_a_store_make_it_suspect_over_all_passes(make: Make) -> None:
    """D: four of ten sources are gone, and a pass that read none of them believes the store no more than the others."""
    mappings = [wants(f"s{number}", vault(f"x{number}")) for number in range(1, 10)]
    first = make(wants("a", vault("x0"), aws("z"), vault("old")), *mappings)
    first.start()
    first.run(10)
    first.stop()
    first.run(10)

    rig = make(wants("a", vault("x0"), aws("z")), *mappings, cluster=first.cluster, shelf=first.shelf)
    for number in (6, 7, 8, 9):
        rig.stores["vault"].delete(f"x{number}")
    rig.start()
    rig.run(3 * INTERVAL)
    assert rig.data("a").keys() == {"k0", "k1", "k2"}

    rig.stores["vault"].put("x6", b"back")
    rig.run(3 * INTERVAL)
    assert rig.data("a").keys() == {"k0", "k1"}


def test_orphans_are_kept_told_once_and_forgotten_when_gone(make: Make) -> None:
    """G8."""
    first = make(wants("left", vault("x")))
    first.start()
    first.run(10)
    first.stop()
    first.run(10)

    rig = make(wants("a", vault("y")), cluster=first.cluster, shelf=first.shelf)
    rig.start()
    rig.run(3 * 3600)
    assert rig.data("left") == {"k0": b"value of x"}
    (orphan,) = rig.log.of("secret-orphan")
    assert (orphan["name"], orphan["reason"]) == ("left", "keep")
    assert 'syncd_secrets{state="orphan"} 1.0' in rig.metrics.text().decode()

    rig.cluster.remove(key("left"))
    rig.run(3700)
    assert 'syncd_secrets{state="orphan"} 0.0' in rig.metrics.text().decode()


def test_the_cluster_may_be_down_and_comes_back(make: Make) -> None:
    """H20: each Secret is told once, and written once the API server answers."""
    rig = make(wants("a", vault("x")), cluster=Cluster(namespaces=set()))
    rig.start()
    rig.run(5 * INTERVAL)
    (failed,) = rig.log.of("secret-failed")
    assert failed["reason"] == "missing"

    rig.cluster.namespaces = None
    rig.run(2 * INTERVAL)
    assert rig.data("a") == {"k0": b"value of x"}
    assert Action.CREATE.value in rig.verbs("a")
