"""What others may do to a Secret of ours, each with what becomes of it: made as wanted again, or left as it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.redact import SecretValue
from tests.faults.machine.demands import claimed
from tests.faults.machine.sources import expected
from tests.faults.machine.world import World

THEIRS: Final = SecretValue(b"foreign/edited")
_SUSPEND: Final = "syncd.dev/suspend"


@dataclass(frozen=True)
class Hand:
    """One thing that somebody does to a Secret; the second key is another of our Secrets."""

    act: Callable[[World, SecretKey, SecretKey], None]
    then: Literal["as-wanted", "left-alone"] = "as-wanted"


def _with(field: str, changes: Mapping[str, object]) -> Callable[[World, SecretKey, SecretKey], None]:
    """Set names of `data`, `labels` or `annotations`; None takes one off."""

    def act(world: World, key: SecretKey, _other: SecretKey) -> None:
        live = world.cluster.secrets.get(key)
        if live is not None:
            changed = {**getattr(live, field), **changes}
            world.edit(key, **{field: {name: text for name, text in changed.items() if text is not None}})

    return act


def _edited(world: World, key: SecretKey, _other: SecretKey) -> None:
    live = world.cluster.secrets.get(key)
    if live is not None:
        world.edit(key, data=dict.fromkeys(live.data, THEIRS))


def _key_dropped(world: World, key: SecretKey, _other: SecretKey) -> None:
    live = world.cluster.secrets.get(key)
    if live is not None:
        world.edit(key, data=dict(list(live.data.items())[1:]))


def _copied(world: World, key: SecretKey, other: SecretKey) -> None:
    world.plant(key, world.cluster.secrets.get(other))


def _frozen_and_edited(world: World, key: SecretKey, other: SecretKey) -> None:
    _edited(world, key, other)
    world.edit(key, immutable=True)


HANDS: Final[Mapping[str, Hand]] = {
    "edited": Hand(_edited),
    "key-dropped": Hand(_key_dropped),
    "key-added": Hand(_with("data", {"theirs": THEIRS})),
    "label-changed": Hand(_with("labels", {"env": "theirs"})),
    "label-added": Hand(_with("labels", {"foreign": "kept"})),
    "annotation-added": Hand(_with("annotations", {"foreign/note": "kept"})),
    "deleted": Hand(lambda world, key, _other: world.cluster.remove(key)),
    "recreated": Hand(lambda world, key, _other: world.plant(key, world.cluster.secrets.get(key))),
    "retyped": Hand(lambda world, key, _other: world.edit(key, type="example.com/theirs")),
    "frozen": Hand(lambda world, key, _other: world.edit(key, immutable=True)),
    "frozen-and-edited": Hand(_frozen_and_edited),
    "policy-forged": Hand(_with("annotations", {"syncd.dev/when-mapping-gone": "delete"}), "left-alone"),
    "sources-forged": Hand(_with("annotations", {"syncd.dev/sources": "[]"}), "left-alone"),
    "proof-forged": Hand(_with("annotations", {"syncd.dev/owner": "Zm9yZ2Vk"}), "left-alone"),
    "proof-taken-off": Hand(_with("annotations", {"syncd.dev/owner": None}), "left-alone"),
    "label-taken-off": Hand(_with("labels", {"syncd.dev/instance": None}), "left-alone"),
    "newer-schema": Hand(_with("annotations", {"syncd.dev/schema": "2"}), "left-alone"),
    "other-instance": Hand(_with("labels", {"syncd.dev/instance": "staging"}), "left-alone"),
    "claimed": Hand(_with("annotations", {"meta.helm.sh/release-name": "theirs"}), "left-alone"),
    "suspended": Hand(_with("annotations", {_SUSPEND: "true"}), "left-alone"),
    "planted": Hand(lambda world, key, _other: world.plant(key, None), "left-alone"),
    "copied": Hand(_copied, "left-alone"),
}


def as_wanted(world: World, mapping: SecretMapping) -> str:
    """Say what a Secret lacks of what its mapping wants of it; empty where it is as wanted."""
    live = world.cluster.secrets.get(mapping.key)
    if live is None:
        return "it is not there"
    data = {name: value.reveal().decode() for name, value in live.data.items()}
    wanted = expected(mapping, world.sources.current.get)
    if data != wanted:
        return f"it holds {data}, not {wanted}"
    if live.type != mapping.type:
        return f"its type is {live.type}"
    if not dict(mapping.labels).items() <= live.labels.items():
        return f"its labels are {live.labels}"
    return "" if world.demands.proven(live) else f"its mark is not whole: {live.annotations}"


def healthy(world: World, mapping: SecretMapping) -> bool:
    """Tell, from what stands there and what was ever signed, whether a Secret is to be made as wanted."""
    live = world.cluster.secrets.get(mapping.key)
    if mapping.suspend or expected(mapping, world.sources.current.get) is None:
        return False
    if live is None:
        return True
    if live.annotations.get(_SUSPEND) == "true":
        return False
    if world.demands.proven(live):
        return "meta.helm.sh/release-name" not in live.annotations
    return mapping.adopt and not claimed(live) and live.type == mapping.type and not live.immutable
