"""`apply` and `diff` over stores, a cluster and home objects in memory: what is asked for, and what is done when."""

import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.cli.apply import SECOND_LOOK, Apply
from syncd.cli.compose import Parts
from syncd.cli.diff import planned
from syncd.cli.stop import Stop
from syncd.config.settings import Configuration, Guards, KubernetesTarget
from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Call, Provider
from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Action
from syncd.model.position import Position
from syncd.model.reference import Fetched, Outcome, RemoteRef
from syncd.model.secret import LiveSecret
from syncd.model.selection import Selection
from syncd.model.store import Store
from syncd.redact import SecretValue
from syncd.target.seam import Home, HomeFailure, Target
from syncd.testing.memory_home import MemoryHome, Shelf
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Asked, Cluster, MemoryTarget
from tests.unit.command_line import options

NAMES = ("a", "b", "c")
DOWN = HomeFailure("connection-refused", "syncd/syncd-prod: the API server cannot be reached", whole_cluster=True)


def key(name: str) -> SecretKey:
    return SecretKey("default", "team", name)


def wants(name: str, **fields: object) -> SecretMapping:
    data = (("k", Selection(RemoteRef("memory", name))),)
    return replace(
        SecretMapping(f"team/{name}", key(name), Position("syncd.yaml", 1, 1), "Opaque", data=data),
        **fields,  # type: ignore[arg-type]
    )


class Place:
    """Everything that a run meets, and what it was told."""

    def __init__(self, *mappings: SecretMapping, store: MemoryProvider | None = None) -> None:
        """Fill the store."""
        self.mappings = mappings or tuple(wants(name) for name in NAMES)
        self.store = store or MemoryProvider()
        for name in NAMES:
            self.store.put(name, f"value of {name}".encode())
        self.cluster = Cluster()
        self.shelf = Shelf()
        self.file = Path("/etc/syncd.yaml")
        self.guards = Guards()
        self.waited: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.stopped = threading.Event()
        self.began: list[int] = []
        """How many writes the cluster had seen when writing began."""

    def parts(self) -> Parts[Target, Home]:
        stores: dict[str, Store[Provider]] = {"memory": memory_store(self.store)}
        configuration = Configuration(
            file=self.file,
            instance="prod",
            targets={"default": KubernetesTarget("default")},
            stores=stores,
            mappings=self.mappings,
            guards=self.guards,
        )
        targets = {"default": MemoryTarget(self.cluster)}
        return Parts(configuration, self.mappings, Gateway(stores), targets, MemoryHome(self.shelf), "syncd")

    def apply(self, **said: object) -> int:
        told = self.told(**({"yes": True} | said))

        def wait(seconds: float) -> None:
            self.waited.append(seconds)
            self.meanwhile()

        run = Apply(
            self.parts(),
            told,
            stopped=self.stopped,
            begin_writes=lambda: self.began.append(len(self.cluster.writes())),
            wait=wait,
        )
        return run.run()

    def told(self, **said: object) -> Namespace:
        return options(**({"yes": False, "format": "text", "color": False, "redact_keys": False} | said))

    def answer(self, monkeypatch: pytest.MonkeyPatch, text: str, before: Callable[[], None] = lambda: None) -> None:
        """Be the person who is asked."""

        class Person:
            def readline(self) -> str:
                before()
                return text

        monkeypatch.setattr("sys.stdin", Person())


# Second looks


def _filled() -> Place:
    place = Place(wants("a", when_source_gone="delete"), wants("b"), wants("c"))
    assert place.apply() == 0
    place.store.delete("a")
    return place


def test_what_is_absent_twice_and_five_seconds_apart_is_pruned() -> None:
    place = _filled()

    assert place.apply(prune=True) == 0
    assert place.waited == [SECOND_LOOK] == [5.0]
    assert place.cluster.secrets.keys() == {key("b"), key("c")}


def test_the_calls_of_the_second_look_are_in_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    place = _filled()
    before = len(place.store.requests)
    capsys.readouterr()
    assert place.apply(prune=True) == 0
    calls = len(place.store.requests) - before
    assert calls == 4  # three sources, and one of them again
    assert f"Store memory: {calls} calls for 3 sources, 1 failed\n" in capsys.readouterr().out


def test_what_is_there_again_at_the_second_look_stays() -> None:
    place = _filled()

    def put_back() -> None:
        place.store.put("a", b"back")

    place.meanwhile = put_back

    assert place.apply(prune=True) == 1
    assert key("a") in place.cluster.secrets


def test_nobody_waits_where_nothing_is_to_be_removed() -> None:
    place = _filled()

    assert place.apply() == 1
    assert place.waited == []
    place.mappings = place.mappings[1:]
    assert place.apply(prune=True) == 0
    assert place.waited == []


# The home objects


@pytest.mark.parametrize("yes", [True, False])
def test_nothing_is_written_where_the_home_objects_cannot_be_read(*, yes: bool) -> None:
    place = Place()
    place.shelf.unreadable = HomeFailure("permission-denied", "secrets syncd/syncd-prod: no right to read it")

    with pytest.raises(Stop, match=r"nothing was written: .*no right to read it") as stop:
        place.apply(yes=yes)
    assert stop.value.code == 1
    assert place.cluster.calls == []


def test_a_home_that_cannot_be_saved_is_a_failed_run(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place()
    place.apply()
    place.shelf.unwritable = HomeFailure("permission-denied", "configmaps syncd/x: no right to write it")
    place.mappings = (*place.mappings, wants("a", id="d", key=key("d")))

    assert place.apply() == 1
    assert "no right to write it" in capsys.readouterr().out


@pytest.mark.parametrize("take_over", [True, False])
def test_another_configuration_is_refused_unless_it_takes_over(*, take_over: bool) -> None:
    place = Place(wants("a"))
    place.apply()
    place.mappings, place.file = (wants("b"),), Path("/other.yaml")

    if take_over:
        assert place.apply(take_over=True) == 0
        return
    with pytest.raises(Stop, match="knows none of them"):
        place.apply()
    assert place.cluster.secrets.keys() == {key("a")}


def test_an_emptied_configuration_is_refused() -> None:
    """G6."""
    place = Place(wants("a"))
    place.apply()
    place.mappings = ()

    with pytest.raises(Stop, match="no mappings"):
        place.apply()


# Questions


def test_a_first_run_makes_its_key_only_after_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place()
    keys: list[object] = []
    place.answer(monkeypatch, "yes\n", lambda: keys.append(place.shelf.key))

    assert place.apply(yes=False) == 0
    assert keys == [None]
    assert place.shelf.key is not None
    shown = capsys.readouterr()
    assert "3 to create" in shown.err
    assert "Note:" not in shown.err
    assert place.cluster.secrets.keys() == {key(name) for name in NAMES}


def test_a_no_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    place.answer(monkeypatch, "no\n")

    assert place.apply(yes=False) == 1
    assert (place.shelf.key, place.shelf.inventory, place.cluster.writes()) == (None, None, [])


def test_what_others_did_while_a_person_thought_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(wants("a"))
    place.apply()
    theirs = Entry(key("z"), "", "team/z", "keep", frozenset({"/other.yaml"}))

    def take_away() -> None:
        place.shelf.inventory = Inventory({theirs.key: theirs})

    place.store.put("a", b"new")
    place.answer(monkeypatch, "yes\n", take_away)

    with pytest.raises(Stop, match="knows none of them"):
        place.apply(yes=False)
    assert place.cluster.secrets[key("a")].data["k"].reveal() == b"value of a"


class Opaque(MemoryProvider):
    """A store whose versions do not tell which is newer, as those of AWS and Key Vault."""

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterator[tuple[RemoteRef, Outcome]]:
        for ref, outcome in super().fetch(refs, call):
            version = f"v-{outcome.version}-x" if isinstance(outcome, Fetched) else ""
            yield ref, replace(outcome, version=version) if isinstance(outcome, Fetched) else outcome


def _once(act: Callable[[], object]) -> Callable[[], None]:
    """Do it the first time that it is called, and nothing from then on."""
    todo = [act]

    def acting() -> None:
        if todo:
            todo.pop()()

    return acting


def _rotating(place: Place) -> Callable[[], None]:
    """Rotate the source of `a`, and have another run write the new value, once."""

    def rotate() -> None:
        place.store.put("a", b"newest")
        place.apply()

    return _once(rotate)


def test_an_older_value_is_not_written_over_a_newer_one_after_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(wants("a"), store=Opaque())
    place.apply()
    place.store.put("a", b"newer")
    place.answer(monkeypatch, "yes\n", _rotating(place))

    assert place.apply(yes=False) == 0
    assert place.cluster.secrets[key("a")].data["k"].reveal() == b"newest"


def test_what_changed_while_a_person_thought_is_shown_and_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(wants("a"), store=Opaque())
    place.apply()
    place.store.put("a", b"newer")
    place.answer(monkeypatch, "yes\n", _once(lambda: place.store.put("a", b"newest")))

    assert place.apply(yes=False) == 0
    assert capsys.readouterr().err.count("Only `yes` is taken as a yes") == 2
    assert place.cluster.secrets[key("a")].data["k"].reveal() == b"newest"


def test_a_run_that_another_one_overtook_reads_again_before_it_writes() -> None:
    place = Place(wants("a"), store=Opaque())
    place.apply()
    place.store.put("a", b"newer")
    rotate = _rotating(place)

    def overtake(asked: Asked) -> None:
        place.cluster.answer = lambda _: None
        if asked.verb == "update":
            rotate()

    place.cluster.answer = lambda asked: overtake(asked) if asked.verb == "update" else None

    assert place.apply() == 0
    assert place.cluster.secrets[key("a")].data["k"].reveal() == b"newest"


def test_a_secret_with_more_keys_is_taken_over_in_one_run() -> None:
    """I-DRY: what a diff shows is what apply does, though the Secret was not looked at before its create."""
    place = Place(wants("a", adopt=True))
    theirs = LiveSecret(key("a"), "uid", "1", "Opaque", {"k": SecretValue(b"o"), "x": SecretValue(b"o")}, {}, {})
    place.cluster.secrets[key("a")] = theirs

    assert place.apply() == 0
    assert place.cluster.secrets[key("a")].data.keys() == {"k"}
    assert len(place.shelf.inventory.removals if place.shelf.inventory else ()) == 1


# Writes


def test_a_stop_before_the_writes_is_reported_with_what_was_left(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place()
    place.cluster.answer = lambda asked: place.stopped.set() if asked.verb == "create" else None

    assert place.apply() == 1
    assert "Interrupted before the last write" in capsys.readouterr().out
    assert place.began == [0]


def test_a_stop_after_the_last_write_cut_nothing_off(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(wants("a"))
    place.cluster.answer = lambda asked: place.stopped.set() if asked.verb == "create" else None

    assert place.apply() == 0
    assert "Interrupted" not in capsys.readouterr().out


def test_a_write_that_was_skipped_is_no_clean_run() -> None:
    place = _filled()

    def touch(asked: Asked) -> None:
        if asked.verb == "delete":
            live = place.cluster.secrets[key("a")]
            place.cluster.secrets[key("a")] = replace(live, resource_version="touched")

    place.cluster.answer = touch

    assert place.apply(prune=True) == 1
    assert key("a") in place.cluster.secrets


# diff


def test_a_cluster_that_is_down_is_told_once() -> None:
    place = Place(*(wants("a", id=f"m{number}", key=key(f"s{number}")) for number in range(1000)))
    place.shelf.unreadable = DOWN

    with pytest.raises(Stop, match=r"nothing could be compared with cluster in memory: .*cannot be reached") as stop:
        planned(place.parts(), place.told())  # type: ignore[arg-type]
    assert stop.value.code == 2
    assert place.cluster.calls == []


def test_a_diff_without_the_right_to_the_home_objects_goes_on_and_says_so() -> None:
    place = Place()
    place.shelf.unreadable = HomeFailure("permission-denied", "secrets syncd/syncd-prod: no right to read it")

    made = planned(place.parts(), place.told())  # type: ignore[arg-type]

    assert [change.action for change in made.changes] == 3 * [Action.CREATE]
    assert any("no right to read it" in note for note in made.notes)


def test_a_diff_says_what_apply_would_refuse() -> None:
    place = Place(wants("a"))
    place.apply()
    place.mappings, place.file = (wants("b"),), Path("/other.yaml")

    (note,) = planned(place.parts(), place.told()).notes  # type: ignore[arg-type]
    assert note.startswith("apply refuses: ")
    assert planned(place.parts(), place.told(take_over=True)).notes == ()  # type: ignore[arg-type]


def test_a_diff_tells_a_key_that_is_not_there_yet_from_one_that_is_lost() -> None:
    place = Place(wants("a"))
    first = planned(place.parts(), place.told()).notes  # type: ignore[arg-type]
    place.apply()
    place.shelf.key = None
    lost = planned(place.parts(), place.told()).notes  # type: ignore[arg-type]

    assert [note for note in first if "makes it before it writes" in note]
    assert not [note for note in lost if "makes it before it writes" in note]
    assert [note for note in lost if "key is gone" in note]


def test_a_diff_writes_nothing() -> None:
    """I-DRY."""
    place = Place()
    planned(place.parts(), place.told())  # type: ignore[arg-type]

    assert {asked.verb for asked in place.cluster.calls} == {"read"}
    assert (place.shelf.key, place.shelf.inventory) == (None, None)
