"""What no program may ever ask of a cluster, judged from outside: by what was put, read, written and signed before.

Nothing here asks the code under test. A Secret is ours where it bears, under its own name, a whole mark that one of
our programs once wrote there; a value is told from where it came (sources.read_back).
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import DesiredSecret, LiveSecret
from syncd.model.selection import Extract, Literally, Selection
from syncd.testing.memory_target import Asked
from tests.faults.machine.sources import read_back

if TYPE_CHECKING:
    from tests.faults.machine.program import Program
    from tests.faults.machine.world import World

INSTANCE: Final = "prod"
_INSTANCE: Final = "syncd.dev/instance"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_SUSPEND: Final = "syncd.dev/suspend"
_MARKS: Final = tuple(
    f"syncd.dev/{name}" for name in ("mapping", "sources", "managed", "when-mapping-gone", "owner", "schema")
)
_OURS: Final = frozenset({_INSTANCE, _MANAGED_BY, *_MARKS})
MANAGERS: Final = ("meta.helm.sh/release-name", "argocd.argoproj.io/instance")
HOUR: Final = 3600.0
Mark = tuple[str | None, ...]


class Managed(msgspec.Struct, frozen=True):
    """What a mark claims."""

    keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    merge: bool = False


@dataclass(frozen=True)
class Removal:
    """A deletion, a replacement or an update that took keys away."""

    wall: float
    key: SecretKey
    store: str
    by: str
    allowed: bool
    """Whether the run was told to let so many through."""


@dataclass
class Demands:
    """Judges every request; a broken one is noted and raised."""

    world: "World"
    signed: set[tuple[SecretKey, Mark]] = field(default_factory=set)
    removals: list[Removal] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def judge(self, asked: Asked, live: LiveSecret | None, desired: DesiredSecret | None) -> None:
        """Judge a request of the program that runs; others may do as they please."""
        program = self.world.program()
        if program is None:
            return
        mapping = program.config.mapping(asked.key)
        if asked.verb == "create":
            self._create(program, mapping, _there(desired))
        elif live is None:
            self.fail("I-PREC", f"{asked} names a UID and resourceVersion that never were")
        elif desired is not None:
            self._update(program, mapping, live, desired)
        else:
            self._delete(program, mapping, live)
        if desired is not None and _INSTANCE in desired.labels:
            self.signed.add((desired.key, mark(desired.annotations)))

    def done(self, program: "Program", live: LiveSecret, desired: DesiredSecret | None) -> None:
        """Count a change that happened, and judge the hour."""
        if desired is not None and live.data.keys() <= desired.data.keys():
            return
        mapping = program.config.mapping(live.key)
        refs = told_sources(live) if mapping is None else {selection.ref for selection in mapping.selections()}
        for store in {ref.store for ref in refs} or {""}:
            self._believed(program, live.key, store)
            self.removals.append(Removal(self.world.wall(), live.key, store, program.name, bool(program.allow_deletes)))
            self._cap(program, store)

    def proven(self, live: LiveSecret) -> bool:
        """Tell whether a Secret bears a whole mark of ours that was written for it."""
        return live.labels.get(_INSTANCE) == INSTANCE and (live.key, mark(live.annotations)) in self.signed

    def fail(self, invariant: str, what: str) -> NoReturn:
        """Note and raise."""
        self.broken.append(f"{invariant}: {what}")
        raise AssertionError(self.broken[-1])

    # Requests

    def _create(self, program: "Program", mapping: SecretMapping | None, desired: DesiredSecret) -> None:
        if mapping is None or mapping.suspend:
            self.fail("I-OWN", f"{desired.key} is created for no mapping")
        self._data(program, mapping, None, desired)

    def _update(
        self, program: "Program", mapping: SecretMapping | None, live: LiveSecret, desired: DesiredSecret
    ) -> None:
        ours = self.proven(live)
        if not ours and not (mapping is not None and mapping.adopt and not claimed(live)):
            self.fail("I-OWN", f"{live.key} is written, and its mark is not ours: {live.labels} {live.annotations}")
        self._left_alone(mapping, live)
        self._metadata(mapping, live, desired, ours=ours)
        if _INSTANCE not in desired.labels:
            self._may_go(program, mapping, live)
            merged = managed(live).merge or (mapping is not None and mapping.merge)
            if not merged:
                self.fail("I-DEL", f"{live.key} is let go of, and nothing in it is shared")
            return
        if mapping is None:
            self.fail("I-OWN", f"{live.key} is written for no mapping")
        self._data(program, mapping, live if ours else None, desired, beside=live)
        if ours:
            self._versions(mapping, live, desired)

    def _delete(self, program: "Program", mapping: SecretMapping | None, live: LiveSecret) -> None:
        if not self.proven(live):
            self.fail("I-OWN", f"{live.key} is deleted, and its mark is not ours: {live.labels} {live.annotations}")
        self._left_alone(mapping, live)
        if mapping is not None and program.config.allow_replace:
            replaced = live.type != mapping.type or live.immutable
            if replaced and self._fresh(program, mapping):
                return
        self._may_go(program, mapping, live)

    def _left_alone(self, mapping: SecretMapping | None, live: LiveSecret) -> None:
        if live.annotations.get(_SUSPEND) == "true" or (mapping is not None and mapping.suspend):
            self.fail("I-OWN", f"{live.key} is written while it is suspended")

    def _may_go(self, program: "Program", mapping: SecretMapping | None, live: LiveSecret) -> None:
        """Judge a removal by the table of what may be removed, and when."""
        if not program.prunes:
            self.fail("I-DEL", f"{live.key} is removed by a run that was not asked to")
        if mapping is None:
            if live.annotations.get("syncd.dev/when-mapping-gone") != "delete":
                self.fail("I-DEL", f"{live.key} is removed, and its mark says keep")
            if program.daemon and self.world.turns.now - program.started < 600:
                self.fail("I-DEL", f"{live.key} is removed as an orphan too soon after the start")
            return
        if mapping.when_source_gone != "delete":
            self.fail("I-DEL", f"{live.key} is removed, and its mapping says keep")
        gone = []
        for selection in mapping.selections():
            cls = program.latest(selection.ref)
            if cls is FailureClass.ABSENT and not selection.optional:
                gone.append(selection.ref)
            elif cls is not None and cls is not FailureClass.ABSENT:
                self.fail("I-DEL", f"{live.key} is removed while {selection.ref} answers {cls}")
        least, apart = (3, 600.0) if program.daemon else (2, 5.0)
        if not any(self._absent_for(program, ref, least, apart) for ref in gone):
            self.fail("I-DEL", f"{live.key} is removed without {least} answers that a source is gone, {apart} s apart")

    def _absent_for(self, program: "Program", ref: RemoteRef, least: int, apart: float) -> bool:
        times: list[float] = []
        for moment, cls in reversed(program.answers.get(ref, [])):
            if cls is not FailureClass.ABSENT:
                break
            times.append(moment)
        return len(times) >= least and times[0] - times[-1] >= apart

    def _fresh(self, program: "Program", mapping: SecretMapping) -> bool:
        return all(s.optional or program.latest(s.ref) is None for s in mapping.selections())

    # What is written

    def _data(
        self,
        program: "Program",
        mapping: SecretMapping,
        live: LiveSecret | None,
        desired: DesiredSecret,
        beside: LiveSecret | None = None,
    ) -> None:
        """Judge that every value was read by this program, whole, and each object in one version (I-GOOD, I-ATOM)."""
        data = {name: value.reveal().decode("latin-1") for name, value in desired.data.items()}
        numbers: dict[RemoteRef, int] = {}
        named: set[str] = set()
        for name, source in mapping.data:
            named.add(name)
            if isinstance(source, Literally):
                if data.get(name) != source.text:
                    self.fail("I-GOOD", f"{desired.key} has another literal at {name}")
            elif name in data or not source.optional:
                self._value(program, desired.key, data.get(name, ""), source, numbers)
        for entry in mapping.extracts():
            named |= self._extracted(program, desired.key, data, entry, numbers)
        strangers = data.keys() - named
        kept = dict(beside.data) if beside is not None and mapping.merge else {}
        ours = managed(live).keys if live is not None else ()
        for name in strangers:
            if name not in kept or kept[name] != desired.data[name] or name in ours:
                self.fail("I-GOOD", f"{desired.key} holds {name}, which its mapping does not give: {data[name]!r}")
        if not data:
            self.fail("I-GOOD", f"{desired.key} is written empty")

    def _value(
        self, program: "Program", key: SecretKey, value: str, source: Selection, numbers: dict[RemoteRef, int]
    ) -> None:
        found = read_back(value, self.world.sources.puts)
        if found is None or found[0].ref != source.ref or found[1] != source.property:
            self.fail("I-GOOD", f"{key} holds {value!r}, which {source.ref} never gave")
        number = found[0].number
        if number not in program.fetched.get(source.ref, ()):
            self.fail("I-GOOD", f"{key} holds version {number} of {source.ref}, which this program never read")
        if numbers.setdefault(source.ref, number) != number:
            self.fail("I-ATOM", f"{key} holds versions {number} and {numbers[source.ref]} of {source.ref}")

    def _extracted(
        self, program: "Program", key: SecretKey, data: Mapping[str, str], entry: Extract, numbers: dict[RemoteRef, int]
    ) -> set[str]:
        ref = entry.selection.ref
        found = [read_back(value, self.world.sources.puts) for value in data.values()]
        of_it = [put for put, _ in filter(None, found) if put.ref == ref]
        if not of_it:
            self.fail("I-GOOD", f"{key} holds nothing of {ref}")
        put = of_it[0]
        for name in put.properties:
            self._value(program, key, data.get(name, ""), Selection(ref, name), numbers)
        return set(put.properties)

    def _versions(self, mapping: SecretMapping, live: LiveSecret, desired: DesiredSecret) -> None:
        """Judge that no object goes back to a version made before the one that stands there (I-MONO)."""
        before, after = told_sources(live), told_sources(desired)
        for ref in before.keys() & after.keys():
            if after[ref] < before[ref] and live.data.keys() and not mapping.suspend:
                self.fail("I-MONO", f"{live.key} goes back to an older version of {ref}")

    def _metadata(self, mapping: SecretMapping | None, live: LiveSecret, desired: DesiredSecret, *, ours: bool) -> None:
        """Judge that what others put on it stays (I-META)."""
        known = managed(live) if ours else Managed()
        labels, annotations = (dict(mapping.labels), dict(mapping.annotations)) if mapping else ({}, {})
        for what, before, after, own in (
            ("labels", live.labels, desired.labels, {*_OURS, *known.labels, *labels}),
            ("annotations", live.annotations, desired.annotations, {*_OURS, *known.annotations, *annotations}),
        ):
            for name, text in before.items():
                if name not in own and after.get(name) != text:
                    self.fail("I-META", f"{live.key} loses {what} {name}")
        released = _INSTANCE not in desired.labels
        if released or (mapping is not None and mapping.merge):
            keys = set(known.keys) | {name for name, _ in (mapping.data if mapping else ())}
            for name, value in live.data.items():
                taken = name in keys or (mapping is not None and mapping.data_from and name in desired.data)
                if not taken and (name not in desired.data or desired.data[name] != value):
                    self.fail("I-META", f"{live.key} loses key {name} of others")

    def _believed(self, program: "Program", key: SecretKey, store: str) -> None:
        """Judge whether a store's word may have taken anything away, by what the deciding pass knew of all of it."""
        suspect, unread = program.doubts()
        if program.allow_deletes:
            return
        if store in suspect:
            self.fail("I-CAP", f"{key} loses something while store {store} is suspect: {program.heard}")
        if store in unread:
            self.fail("I-DEL", f"{key} loses something before store {store} was read in full: {program.heard}")

    def _cap(self, program: "Program", store: str) -> None:
        """Judge the removals of the last hour; the wall clock is theirs, since the inventory outlives the process."""
        now = self.world.wall()
        recent = [removal for removal in self.removals if removal.store == store and removal.wall > now - HOUR]
        counted = sum(
            removal.objects
            for removal in self.world.inventory().removals
            if removal.store == store and removal.kind == "removal" and removal.at > now - HOUR
        )
        if counted < len(recent):
            self.fail("I-CAP", f"the inventory counts {counted} removals of store {store!r} where there were {recent}")
        limit = program.config.limit(store)
        if not program.allow_deletes and len(recent) > limit:
            self.fail("I-CAP", f"{len(recent)} removals of store {store!r} within an hour: {recent}")


def mark(annotations: Mapping[str, str]) -> Mark:
    """Give a mark as it stands, sources and proof included."""
    return tuple(annotations.get(name) for name in _MARKS)


def managed(live: LiveSecret | DesiredSecret) -> Managed:
    """Read which names a mark claims."""
    try:
        return msgspec.json.decode(live.annotations.get("syncd.dev/managed", "{}"), type=Managed)
    except msgspec.MsgspecError:
        return Managed()


def told_sources(live: LiveSecret | DesiredSecret) -> dict[RemoteRef, float]:
    """Read from a mark of which objects a Secret was made, and when their versions were."""
    try:
        found = json.loads(live.annotations.get("syncd.dev/sources", "[]"))
    except ValueError:
        return {}
    entries = found if isinstance(found, list) else []
    return {RemoteRef(one["store"], one["key"]): float(one.get("created", 0.0)) for one in entries}


def disbelieved(sources: Collection[RemoteRef], absent: Collection[RemoteRef]) -> set[str]:
    """Name the stores that are SUSPECT: over half of their sources are absent, or over 30 % of ten or more."""
    total, gone = Counter(ref.store for ref in sources), Counter(ref.store for ref in absent)
    return {store for store, count in total.items() if gone[store] * 10 > count * (3 if count >= 10 else 5)}


def claimed(live: LiveSecret) -> bool:
    """Tell whether anybody's mark stands on a Secret, ours too, whole or not."""
    names = {*live.labels, *live.annotations}
    return bool(names & {_INSTANCE, _MANAGED_BY, *_MARKS, *MANAGERS})


def _there(desired: DesiredSecret | None) -> DesiredSecret:
    assert desired is not None
    return desired
