"""Two configurations of one instance, in memory: what one of them names, the other never removes (I-DEL)."""

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.cli.diff import planned
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Change
from syncd.model.reference import RemoteRef
from syncd.plan.instance import Rules
from syncd.testing.memory_home import Shelf
from syncd.testing.memory_target import Cluster
from tests.unit.daemon_rig import DaemonRig
from tests.unit.daemon_rig import key as daemons_key
from tests.unit.daemon_rig import wants as daemon_wants
from tests.unit.test_apply import Place, key, wants

RULES = Rules(prune=True)
MOVED = wants("a", when_mapping_gone="delete")
STAYS = wants("b")
A, B = frozenset({"/a.yaml"}), frozenset({"/b.yaml"})


class Two:
    """Two configurations beside each other: one cluster, one home, one store."""

    def __init__(self, of_a: tuple[SecretMapping, ...], of_b: tuple[SecretMapping, ...]) -> None:
        """Give each its mappings."""
        self.a, self.b = Place(*of_a), Place(*of_b)
        self.a.file, self.b.file = Path("/a.yaml"), Path("/b.yaml")
        self.b.cluster, self.b.shelf, self.b.store = self.a.cluster, self.a.shelf, self.a.store

    def named(self, name: str = "a") -> frozenset[str]:
        """Give who names a Secret, by the inventory; nobody where it is not in there."""
        inventory = self.a.shelf.inventory
        entry = inventory.entries.get(key(name)) if inventory else None
        return entry.configurations if entry else frozenset()

    def stands(self, name: str = "a") -> bool:
        return key(name) in self.a.cluster.secrets

    def shown(self, place: Place) -> Change:
        """Give what a diff says of the Secret `a`."""
        made = planned(place.parts(), place.told())  # type: ignore[arg-type]
        (change,) = (change for change in made.changes if change.key == key("a"))
        return change

    def saves(self) -> int:
        return len(self.a.shelf.saves)


def both_named() -> Two:
    two = Two((MOVED, STAYS), (MOVED,))
    assert two.a.apply() == 0
    assert two.b.apply() == 0
    assert two.named() == A | B
    return two


def test_whoever_finds_in_sync_what_another_made_is_noted_once_and_then_all_is_quiet() -> None:
    """I-IDEM."""
    two = both_named()
    saves, writes = two.saves(), len(two.a.cluster.writes())
    assert saves == 2
    for place in (two.b, two.a, two.b):
        assert place.apply() == 0
    assert (two.saves(), len(two.a.cluster.writes())) == (saves, writes)


def test_apply_leaves_to_the_other_configuration_what_that_one_names_too(capsys: pytest.CaptureFixture[str]) -> None:
    two = both_named()
    two.a.mappings = (STAYS,)
    shown = two.shown(two.a)
    assert (shown.reason, "names it too" in shown.message) == ("other-configuration", True)
    assert two.a.apply() == 0
    assert two.named() == A | B
    for reason in ("left-to-others", "other-configuration", "other-configuration"):
        assert two.a.apply(prune=True, allow_deletes=9) == 0
        assert reason in capsys.readouterr().out
        assert (two.stands(), two.named()) == (True, B)
    assert two.saves() == 3

    two.b.mappings = (STAYS,)
    assert two.b.apply(prune=True) == 0
    assert (two.stands(), two.named()) == (False, frozenset())


def test_a_diff_never_advises_to_delete_by_hand_what_another_configuration_names() -> None:
    two = Two((replace(MOVED, when_mapping_gone="keep"), STAYS), (STAYS,))
    two.a.apply()
    two.b.apply()
    said = "team/a: written by configuration /a.yaml, which may still want it and alone removes it"
    assert two.shown(two.b).message == said


@pytest.mark.parametrize("how", ["source", "drift"])
def test_a_write_does_not_take_the_entry_away_from_the_other(how: str) -> None:
    two = both_named()
    if how == "source":
        two.a.store.put("a", b"new")
    else:
        two.a.cluster.remove(key("a"))
    two.b.apply()
    assert two.named() == A | B


def test_what_a_configuration_suspends_is_its_own_all_the_same() -> None:
    two = Two((MOVED, STAYS), (replace(MOVED, suspend=True),))
    two.a.apply()
    two.b.apply()
    two.a.mappings = (STAYS,)
    two.a.apply(prune=True)
    assert (two.stands(), two.named()) == (True, B)


def test_who_takes_over_is_alone_from_then_on() -> None:
    two = both_named()
    assert two.b.apply(take_over=True) == 0
    assert two.named() == B
    two.b.mappings = (STAYS,)
    assert two.b.apply(prune=True) == 0
    assert not two.stands()


def test_what_both_leave_at_once_is_left_by_one_and_removed_by_the_other() -> None:
    two = both_named()
    two.a.mappings = two.b.mappings = (STAYS,)

    def meanwhile() -> None:
        two.a.cluster.answer = lambda _asked: None
        two.b.apply(prune=True)

    two.a.cluster.answer = lambda asked: meanwhile() if asked.key == key("a") else None
    two.a.apply(prune=True)
    assert two.named() == A
    two.a.apply(prune=True)
    assert (two.stands(), two.named()) == (False, frozenset())


# The daemon


class Daemons:
    """Daemons one after another or side by side, on one cluster and one home."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.cluster, self.shelf = Cluster(), Shelf()

    def start(self, name: str, *wanted: str) -> DaemonRig:
        mappings = [replace(daemon_wants(one, RemoteRef("s", one)), when_mapping_gone="delete") for one in wanted]
        rig = DaemonRig(*mappings, cluster=self.cluster, shelf=self.shelf, configuration=f"/{name}.yaml")
        rig.start(rules=RULES)
        return rig

    def live(self, name: str, *wanted: str, seconds: float = 1.0) -> DaemonRig:
        """Let a daemon live so long."""
        rig = self.start(name, *wanted)
        rig.run(seconds)
        rig.stop()
        return rig

    def named(self) -> frozenset[str]:
        entry = self.shelf.inventory.entries.get(daemons_key("moved")) if self.shelf.inventory else None
        return entry.configurations if entry else frozenset()

    def stands(self) -> bool:
        return daemons_key("moved") in self.cluster.secrets


def test_a_daemon_notes_what_it_names_once_and_leaves_it_to_the_other_after_ten_minutes() -> None:
    site = Daemons()
    site.live("a", "moved", "stays")
    beside = site.start("b", "moved", "other")
    beside.run(100)
    saves = len(site.shelf.saves)
    assert site.named() == A | B
    beside.run(1300)
    assert len(site.shelf.saves) == saves
    beside.stop()
    site.live("a", "stays", seconds=550)
    assert site.named() == A | B
    site.live("a", "stays", seconds=3600)
    assert (site.stands(), site.named()) == (True, B)
    site.live("b", "other", seconds=3600)
    assert (site.stands(), site.named()) == (False, frozenset())


def test_a_daemon_does_not_remove_what_another_has_come_to_name_since_it_started() -> None:
    """The inventory that a daemon knows may be hours old: what it would remove is judged on what stands there now."""
    site = Daemons()
    site.live("a", "moved", "stays")
    first = site.start("a", "stays")
    first.run(300)
    other = site.start("b", "moved", "other")
    other.stores["s"].put("moved", b"new")
    other.run(100)
    assert other.data("moved") == {"k0": b"new"}
    other.stop()
    first.run(3600)
    assert site.stands()
    assert [asked for _, asked in first.calls if asked.verb == "delete"] == []
    told = [fields for _, _, fields in first.log.events if fields.get("name") == "moved"]
    assert {fields["reason"] for fields in told} == {
        "not-confirmed",
        "other-configuration",
        "left-to-others",
    }
    first.run(1300)
    first.stop()
    assert (site.stands(), site.named()) == (True, B)


def test_a_daemon_reads_the_inventory_when_it_would_remove_something_and_not_otherwise() -> None:
    site = Daemons()
    site.live("a", "moved", "stays", "other")
    kept = site.start("a", "stays", "other")
    kept.run(1)
    reads = site.shelf.reads
    kept.run(550)
    assert site.shelf.reads == reads
    kept.run(100)
    assert (site.stands(), site.shelf.reads) == (False, reads + 1)
    kept.run(3600)
    kept.stop()
    assert site.shelf.reads == reads + 1


@pytest.mark.parametrize("merge", [False, True])
def test_apply_does_not_remove_what_another_has_come_to_name_while_it_ran(
    capsys: pytest.CaptureFixture[str], *, merge: bool
) -> None:
    moved = replace(MOVED, merge=merge)
    two = Two((moved, STAYS), (moved, STAYS))
    two.a.apply()
    two.a.mappings = (STAYS,)

    def meanwhile() -> None:
        two.a.cluster.answer = lambda _asked: None
        two.b.apply()

    two.a.cluster.answer = lambda asked: meanwhile() if asked.key == key("a") else None
    assert two.a.apply(prune=True) == 0
    assert "other-configuration" in capsys.readouterr().out
    assert two.a.cluster.secrets[key("a")].data.keys() == {"k"}
    assert two.named() == A | B
