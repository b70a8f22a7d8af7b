"""Section G of the catalogue: configuration mistakes and reload."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.model.inventory import Entry, Inventory
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Plan
from syncd.model.reference import RemoteRef
from syncd.model.selection import Literally, Selection
from syncd.reconcile import Standing, orphaned, plan, see
from syncd.testing.memory_target import Granted
from syncd.told import refs_of
from syncd.writing import Writer
from tests.faults.memory_site import Site, secret, wants
from tests.unit.shelf import HEAD, loaded, mapping, told

# G1


CUT = "version: 1\ninstance: [a\n"


@pytest.mark.parametrize(
    ("verb", "source", "place"),
    [
        (("run",), CUT, "3:1"),
        (("run",), "", "1:1"),
        (("run",), "version: 1\ninstance: prod\n", "1:1"),
        (("apply", "--yes"), CUT, "3:1"),
        (("diff",), CUT, "3:1"),
        (("check",), CUT, "3:1"),
    ],
)
def test_a_broken_file_ends_every_verb_at_once_with_the_place(
    verb: tuple[str, ...], source: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / "syncd.yaml").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "syncd", *verb],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"syncd.yaml:{place}: ")
    assert done.stdout == ""


# G9


def applied(site: Site, mappings: tuple[SecretMapping, ...], inventory: Inventory, *, prune: bool = False) -> Plan:
    """Apply another configuration of the same instance to what `site` wrote."""
    rules = Site(prune=prune).standing.rules
    standing = Standing.of(mappings, instance=site.instance, rules=rules)
    orphans = orphaned(mappings, inventory, site.targets, instance=site.instance)
    seen = see(
        mappings,
        site.gateway().read(refs_of(mappings)),
        site.targets,
        look_at=[each.key for each in mappings],
        orphans=orphans,
    )
    made = plan(seen, standing, inventory=inventory, target="", now=site.now)
    return Writer(site.targets, standing, Granted(), None).carry_out(made, seen, now=site.now)


@pytest.mark.parametrize("prune", [False, True])
def test_a_renamed_secret_is_made_and_the_one_of_before_stays_as_an_orphan(*, prune: bool) -> None:
    site = Site(wants("old"))
    site.store.put("old", b"x")
    site.apply()
    renamed = wants("new", data=(("value", Selection(RemoteRef("memory", "old"))),))
    owner = frozenset({site.instance.configuration})
    known = Inventory({secret("old"): Entry(secret("old"), "", "team/old", "keep", owner)})
    made = applied(site, (renamed,), known, prune=prune)
    assert [(change.key.name, change.action, change.reason) for change in made.changes] == [
        ("new", Action.CREATE, "missing"),
        ("old", Action.ORPHAN, "keep"),
    ]
    assert site.values("new") == site.values("old") == {"value": b"x"}


# G13


@pytest.mark.parametrize("interval", ["0s", "1s", "9s", "-5m", "0", "0.5s", "''", "1ms"])
def test_an_interval_below_ten_seconds_is_refused(interval: str, tmp_path: Path) -> None:
    (line,) = told(tmp_path, mapping(f"name: a\ndata: {{x: k}}\ninterval: {interval}"))
    assert "secrets[0].interval: " in line


def test_ten_seconds_is_the_shortest_interval(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, mapping("name: a\ndata: {x: k}\ninterval: 10s")).mappings
    assert found.interval == 10


# G17


def test_nothing_in_the_file_is_filled_in_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "filled")
    body = 'name: a\nannotations: {n: "${PLACE} %PLACE%"}\ndata: {x: $PLACE, y: {literal: "${PLACE} $PLACE {{PLACE}}"}}'
    head = HEAD.replace("address: here", "address: $PLACE")
    found = loaded(tmp_path, mapping(body).replace(HEAD, head))
    (made,) = found.mappings
    assert made.data == (
        ("x", Selection(RemoteRef("main", "$place", "", "shelf"))),
        ("y", Literally("${PLACE} $PLACE {{PLACE}}")),
    )
    assert made.annotations == (("n", "${PLACE} %PLACE%"),)
    assert found.stores["main"].provider.options.address == "$PLACE"


@pytest.mark.parametrize("source", ["{env: PLACE}", "{literal: {env: PLACE}}", "{key: {env: PLACE}}", "{file: x}"])
def test_a_mapping_can_name_no_variable_and_no_file(source: str, tmp_path: Path) -> None:
    lines = told(tmp_path, mapping(f"name: a\ndata: {{x: {source}}}"))
    assert lines
    assert all("secrets[0].data.x" in line for line in lines)
