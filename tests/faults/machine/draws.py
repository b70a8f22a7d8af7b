"""What a schedule is drawn from: mappings, and what somebody else does to a Secret or to its sources."""

from collections.abc import Callable
from typing import Final, NamedTuple

from hypothesis import strategies as st

from syncd.model.mapping import Policy, SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.selection import DataSource, Extract, Literally, Selection
from syncd.redact import SecretValue
from syncd.told import refs_of
from tests.faults.machine.sources import REFS
from tests.faults.machine.world import SECRETS, World

Meddling = Callable[[World], None]

_REFS: Final = st.sampled_from(REFS)
KEYS: Final = st.sampled_from(SECRETS)
RARELY: Final = st.sampled_from([False, False, False, True])
_POLICIES: Final[st.SearchStrategy[Policy]] = st.sampled_from(["keep", "delete", "delete"])
_SUSPEND: Final = "syncd.dev/suspend"


@st.composite
def _data(draw: st.DrawFn) -> tuple[tuple[tuple[str, DataSource], ...], tuple[Extract, ...]]:
    one, other = draw(_REFS), draw(_REFS)
    direct: dict[str, tuple[tuple[str, DataSource], ...]] = {
        "one": (("k", Selection(one, "p")),),
        "pair": (("user", Selection(one, "p")), ("word", Selection(one, "q"))),
        "both": (("user", Selection(one, "p")), ("word", Selection(other, "q"))),
        "literal": (("host", Literally("db")), ("word", Selection(one, "q", optional=True))),
        "whole": (),
    }
    shape = draw(st.sampled_from(sorted(direct)))
    return direct[shape], (Extract(Selection(one)),) if shape == "whole" else ()


class Drawn(NamedTuple):
    """A mapping that a failing schedule shows in one line."""

    mapping: SecretMapping

    def __repr__(self) -> str:
        one = self.mapping
        data = {name: s.text if isinstance(s, Literally) else f"{s.ref}#{s.property}" for name, s in one.data}
        flags = [flag for flag in ("suspend", "adopt", "merge", "immutable") if getattr(one, flag)]
        said = [one.id, one.type, *flags, f"source {one.when_source_gone}", f"mapping {one.when_mapping_gone}"]
        whole = [str(entry.selection.ref) for entry in one.extracts()]
        return f"<{one.key}: {data or whole} {dict(one.labels)} {', '.join(said)}>"


@st.composite
def mappings(draw: st.DrawFn, keys: st.SearchStrategy[SecretKey] = KEYS) -> Drawn:
    """Draw one mapping of one of the Secrets."""
    key = draw(keys)
    data, data_from = draw(_data())
    mapping = SecretMapping(
        id=draw(st.sampled_from([str(key), str(key), "renamed"])) if key == SECRETS[0] else str(key),
        key=key,
        origin=Position("syncd.yaml", 1, 1),
        type=draw(st.sampled_from(["Opaque", "Opaque", "Opaque", "example.com/typed"])),
        data=data,
        data_from=data_from,
        labels=draw(st.sampled_from([(), (("env", "1"),), (("env", "2"), ("team", "x"))])),
        interval=draw(st.sampled_from([300.0, 300.0, 600.0])),
        suspend=draw(st.sampled_from([False] * 7 + [True])),
        adopt=draw(RARELY),
        merge=draw(RARELY),
        immutable=draw(st.sampled_from([False] * 7 + [True])),
        when_source_gone=draw(_POLICIES),
        when_mapping_gone=draw(_POLICIES),
    )
    return Drawn(mapping)


@st.composite
def meddling(draw: st.DrawFn) -> Meddling:
    """Draw one thing that somebody else does to a Secret."""
    key, other = draw(KEYS), draw(KEYS)
    what = draw(st.sampled_from(sorted(_MEDDLINGS)))
    act = _MEDDLINGS[what]

    def meddle(world: World) -> None:
        act(world, key, other)

    meddle.__name__ = f"{what} {key} {other}"
    return meddle


def _edit(field: str, change: Callable[[dict[str, object]], object]) -> Callable[[World, SecretKey, SecretKey], None]:
    def act(world: World, key: SecretKey, _other: SecretKey) -> None:
        live = world.cluster.secrets.get(key)
        if live is not None:
            changed = dict(getattr(live, field))
            change(changed)
            world.edit(key, **{field: changed})

    return act


def _first_changed(data: dict[str, object]) -> None:
    data.update({min(data, default="k"): SecretValue(b"foreign/edited")})


def _of_its_sources(
    change: Callable[[World, tuple[RemoteRef, ...]], None],
) -> Callable[[World, SecretKey, SecretKey], None]:
    def act(world: World, key: SecretKey, _other: SecretKey) -> None:
        mapping = world.config.mapping(key)
        if mapping is not None and (refs := refs_of([mapping])):
            change(world, refs)

    return act


def _swap(world: World, refs: tuple[RemoteRef, ...]) -> None:
    gone = [ref for ref in refs if ref not in world.sources.current]
    world.sources.delete(refs[0] if refs[0] not in gone else refs[-1])
    for ref in gone:
        world.sources.put(ref, ("p", "q"))


_MEDDLINGS: Final[dict[str, Callable[[World, SecretKey, SecretKey], None]]] = {
    "change-data": _edit("data", _first_changed),
    "add-key": _edit("data", lambda data: data.update({"theirs": SecretValue(b"foreign/added")})),
    "drop-key": _edit("data", lambda data: data.pop(min(data, default=""), None)),
    "add-label": _edit("labels", lambda labels: labels.update({"foreign": "kept"})),
    "change-label": _edit("labels", lambda labels: labels.update({"env": "theirs"})),
    "add-annotation": _edit("annotations", lambda annotations: annotations.update({"foreign/note": "kept"})),
    "drop-our-label": _edit("labels", lambda labels: labels.pop("syncd.dev/instance", None)),
    "drop-our-mark": _edit("annotations", lambda annotations: annotations.pop("syncd.dev/owner", None)),
    "forge-our-mark": _edit(
        "annotations", lambda annotations: annotations.update({"syncd.dev/when-mapping-gone": "delete"})
    ),
    "claim": _edit("annotations", lambda annotations: annotations.update({"meta.helm.sh/release-name": "theirs"})),
    "other-instance": _edit("labels", lambda labels: labels.update({"syncd.dev/instance": "staging"})),
    "suspend": _edit("annotations", lambda annotations: annotations.update({_SUSPEND: "true"})),
    "go-on": _edit("annotations", lambda annotations: annotations.pop(_SUSPEND, None)),
    "freeze": lambda world, key, _other: world.edit(key, immutable=True),
    "delete": lambda world, key, _other: world.cluster.remove(key),
    "plant": lambda world, key, _other: world.plant(key, None),
    "plant-claimed": lambda world, key, _other: world.plant(key, None, annotations={"meta.helm.sh/release-name": "x"}),
    "copy": lambda world, key, other: world.plant(key, world.cluster.secrets.get(other)),
    "recreate": lambda world, key, _other: world.plant(key, world.cluster.secrets.get(key)),
    "put-source": _of_its_sources(lambda world, refs: world.sources.put(refs[-1], ("p", "q"))),
    "delete-source": _of_its_sources(lambda world, refs: world.sources.delete(refs[0])),
    "swap-sources": _of_its_sources(_swap),
}
