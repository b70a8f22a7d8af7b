"""I-DRY: what `syncd diff` shows is what `syncd apply` then does, what is held back and what is pruned included."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from syncd.cli.diff import planned
from syncd.model.secret import DesiredSecret
from syncd.redact import SecretValue
from tests.unit.test_apply import NAMES, Place, key, wants

GOING = {"when_source_gone": "delete", "when_mapping_gone": "delete"}


def with_keys_of_others(place: Place) -> None:
    """Three Secrets lose a key then: more than the hour's limit."""
    for name in NAMES:
        live = place.cluster.secrets[key(name)]
        data = {**live.data, "more": SecretValue(b"theirs")}
        place.cluster.put(DesiredSecret(live.key, live.type, data, live.labels, live.annotations))


def with_another_type(place: Place) -> None:
    place.mappings = tuple(replace(mapping, type="example.com/typed") for mapping in place.mappings)


def without_a_mapping(place: Place) -> None:
    place.mappings = place.mappings[:2]


def without_a_source(place: Place) -> None:
    place.store.delete("a")


def wiped(place: Place) -> None:
    for name in NAMES:
        place.store.delete(name)


def rotated_and_gone(place: Place) -> None:
    place.store.put("a", b"new")
    place.cluster.remove(key("b"))
    place.cluster.remove(key("c"))
    place.cluster.put(DesiredSecret(key("c"), "Opaque", {"k": SecretValue(b"theirs")}, {}, {}))


SITUATIONS: dict[str, tuple[Callable[[Place], None], dict[str, object], set[tuple[str, str, bool]]]] = {
    "keys of others": (
        with_keys_of_others,
        {},
        {("a", "update", False), ("b", "update", True), ("c", "update", True)},
    ),
    "as many as allowed": (with_keys_of_others, {"allow_deletes": 3}, {(name, "update", False) for name in NAMES}),
    "another type": (with_another_type, {}, {(name, "replace", True) for name in NAMES}),
    "a mapping gone": (
        without_a_mapping,
        {},
        {("a", "unchanged", False), ("b", "unchanged", False), ("c", "orphan", False)},
    ),
    "a mapping pruned": (
        without_a_mapping,
        {"prune": True},
        {("a", "unchanged", False), ("b", "unchanged", False), ("c", "delete", False)},
    ),
    "a source gone": (
        without_a_source,
        {},
        {("a", "unreadable", False), ("b", "unchanged", False), ("c", "unchanged", False)},
    ),
    "a source pruned": (
        without_a_source,
        {"prune": True},
        {("a", "delete", False), ("b", "unchanged", False), ("c", "unchanged", False)},
    ),
    "a store wiped": (wiped, {"prune": True}, {(name, "delete", True) for name in NAMES}),
    "what is not ours": (
        rotated_and_gone,
        {},
        {("a", "update", False), ("b", "create", False), ("c", "conflict", False)},
    ),
}
"""What happens after a first run, what the next one is told, and of each Secret what is done and whether it is held."""


@pytest.mark.parametrize("situation", SITUATIONS)
def test_apply_does_what_the_diff_before_it_showed(situation: str, capsys: pytest.CaptureFixture[str]) -> None:
    happens, said, wanted = SITUATIONS[situation]
    place = Place(*(wants(name, **GOING) for name in NAMES))
    assert place.apply() == 0
    happens(place)
    writes, saves = len(place.cluster.writes()), len(place.shelf.saves)

    shown = planned(place.parts(), place.told(**said)).changes  # type: ignore[arg-type]
    assert (writes, saves) == (len(place.cluster.writes()), len(place.shelf.saves))
    assert {(change.key.name, change.action.value, change.outcome == "held") for change in shown} == wanted

    capsys.readouterr()
    place.apply(format="json", **said)
    done = json.loads(capsys.readouterr().out)["changes"]
    told = {change.key.name: (change.action.value, change.reason, change.outcome == "held") for change in shown}
    assert {one["name"]: (one["action"], one["reason"], one.get("outcome") == "held") for one in done} == told
