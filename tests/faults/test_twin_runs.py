"""I-ISO: the same daemon twice, once with one part broken. For all that does not use that part, nothing differs.

Both runs live through the same rotations, edits and deletions. Compared are the reads of every source, the calls to
the cluster for every Secret and their order, and the moments of both; after the part is mended, the content of all.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.daemon.passes import QUIET
from syncd.fetch.lane import PROBE_PATIENCE
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.secret import DesiredSecret, ReadFailure, WriteFailure
from syncd.model.selection import Selection
from syncd.plan.instance import Rules
from syncd.testing.memory_target import Asked
from tests.unit.daemon_rig import DOWN, START, DaemonRig, wants

INTERVAL = 60.0
STORES = ("aws", "azure", "vault")
NAMESPACES = ("team", "other", "third")
LENGTH = 500.0
"""Seconds of both runs while the part is broken or may be."""
LATENCY = 0.02
CONFIG = RemoteRef("vault", "config")
"""An object of JSON: `json` takes a property of it, `whole` all of it."""


def _mappings() -> tuple[SecretMapping, ...]:
    made = [
        _placed(
            wants(f"{store}-{number}", RemoteRef(store, f"x{number}"), interval=INTERVAL * (1 + number // 3)), number
        )
        for store in STORES
        for number in range(4)
    ]
    property_ = Selection(CONFIG, property="p")
    return (
        *made,
        replace(_placed(wants("json", CONFIG), 0), data=(("k0", property_),)),
        _placed(wants("whole", CONFIG), 1),
        _placed(wants("vault-aws", RemoteRef("vault", "y"), RemoteRef("aws", "y")), 2),
        _placed(wants("aws-azure", RemoteRef("aws", "z"), RemoteRef("azure", "x0")), 0),
    )


def _placed(mapping: SecretMapping, number: int) -> SecretMapping:
    namespace = NAMESPACES[number % 3]
    return replace(mapping, key=mapping.key._replace(namespace=namespace), id=f"{namespace}/{mapping.key.name}")


MAPPINGS = _mappings()
REFS = tuple(sorted({selection.ref for mapping in MAPPINGS for selection in mapping.selections()}))

STORE_FAULTS = {
    "unavailable": DOWN,
    "reset": Failure(FailureClass.UNAVAILABLE, "connection-reset", "the connection broke"),
    "malformed": Failure(FailureClass.MALFORMED, "not-json", "the answer is no JSON"),
    "throttled": Failure(FailureClass.THROTTLED, "throttled", "slow down", scope="store"),
    "paused": Failure(FailureClass.THROTTLED, "throttled", "slow down", 45.0, scope="store"),
    "denied": Failure(FailureClass.DENIED, "login-refused", "no login", scope="store", transient=False),
    "wiped": Failure(FailureClass.ABSENT, "not-found", "nothing there", transient=False),
}
SOURCE_FAULTS = {
    "denied": Failure(FailureClass.DENIED, "permission-denied", "not allowed", transient=False),
    "absent": Failure(FailureClass.ABSENT, "not-found", "nothing there", transient=False),
    "failing": Failure(FailureClass.UNAVAILABLE, "server-error", "it answers 500 for this object"),
    "malformed": Failure(FailureClass.MALFORMED, "not-json", "the answer is no JSON"),
}
NAMESPACE_FAULTS = ("missing", "terminating", "denied", "quota", "slow")
_SLOW = 9.0
"""Seconds that a write to a namespace with a slow webhook takes."""


_TRIED_AGAIN = 5
"""Reads that a Secret with a broken part costs more at the most: after 5, 10, 20 and 40 s, and once mended."""


@dataclass(frozen=True)
class Fault:
    """What is broken, how, and from when until when; a run has it or does not."""

    part: Literal["mapping", "source", "store", "namespace"]
    how: str
    where: str
    """A store or a namespace; of a source, its place in `REFS`."""
    begins: float = 0.0
    lasts: float = LENGTH

    def delay(self) -> float:
        """Give how many seconds the rest may come later.

        What shares its stores with a source that is tried again or does not answer goes ahead once the others have
        answered; what shares its pass with a slow write waits for that one. Nothing else waits for anything.
        """
        if self.how == "slow":
            return INTERVAL
        return PROBE_PATIENCE + QUIET + 0.5 if self.part == "source" else 0.5

    def hits(self, mapping: SecretMapping) -> bool:
        """Tell whether a mapping uses the broken part."""
        refs = {selection.ref for selection in mapping.selections()}
        match self.part:
            case "mapping":
                # Text where JSON was is another value for whoever takes all of it.
                return mapping.key.name == "json" or (self.how == "text" and mapping.key.name == "whole")
            case "source":
                return REFS[int(self.where)] in refs
            case "store":
                return any(ref.store == self.where for ref in refs)
            case "namespace":
                return mapping.key.namespace == self.where


@dataclass(frozen=True)
class Event:
    """Something that happens in both runs."""

    what: Literal["rotate", "edit", "delete"]
    at: float
    which: int


class Twin:
    """One of the two runs."""

    def __init__(self, fault: Fault | None) -> None:
        """Start the daemon; whatever is broken from the start is."""
        bad_property = fault is not None and (fault.part, fault.how) == ("mapping", "property")
        self.rig = DaemonRig(*map(_with_bad_property, MAPPINGS) if bad_property else MAPPINGS, latency=LATENCY)
        self.calls: defaultdict[SecretKey, list[tuple[float, str]]] = defaultdict(list)
        self.fault = fault
        self.broken = False
        self.rig.cluster.answer = self._answer
        self.put(CONFIG, 0)

    def put(self, ref: RemoteRef, number: int) -> None:
        """Give an object a value of its own."""
        value = f"value {number} of {ref}"
        text = json.dumps({"p": value}) if ref == CONFIG and not self._plain() else value
        self.rig.stores[ref.store].put(ref.key, text.encode())

    def break_part(self) -> None:
        fault, rig = self.fault, self.rig
        self.broken = True
        if fault is None:
            return
        if fault.part == "store":
            store = rig.stores[fault.where]
            if fault.how == "hanging":
                store.hang()
            else:
                store.break_down(STORE_FAULTS[fault.how])
        elif fault.part == "source":
            ref = REFS[int(fault.where)]
            if fault.how == "hanging":
                rig.stores[ref.store].hang(ref.key)
            else:
                rig.stores[ref.store].break_down(SOURCE_FAULTS[fault.how], ref.key)
        elif self._plain():
            self.put(CONFIG, 0)

    def mend(self, number: int) -> None:
        self.broken = False
        for store in self.rig.stores.values():
            store.mend()
        self.put(CONFIG, number)

    def apply(self, event: Event, number: int) -> None:
        rig, key = self.rig, MAPPINGS[event.which % len(MAPPINGS)].key
        if event.what == "rotate":
            self.put(REFS[event.which % len(REFS)], number)
        elif event.what == "delete":
            rig.cluster.remove(key)
        elif (live := rig.cluster.secrets.get(key)) is not None:
            rig.cluster.put(DesiredSecret(key, live.type, {}, live.labels, live.annotations))

    def reads(self) -> dict[RemoteRef, list[float]]:
        """Give when each object was asked for."""
        times: dict[RemoteRef, list[float]] = {ref: [] for ref in REFS}
        for store in self.rig.stores.values():
            for request in store.requests:
                times[request.refs[0]].append(request.at - START)
        return times

    def content(self) -> dict[SecretKey, dict[str, bytes]]:
        return {
            key: {name: value.reveal() for name, value in live.data.items()}
            for key, live in self.rig.cluster.secrets.items()
        }

    def _plain(self) -> bool:
        return self.broken and self.fault is not None and (self.fault.part, self.fault.how) == ("mapping", "text")

    def _answer(self, asked: Asked) -> WriteFailure | ReadFailure | None:
        self.calls[asked.key].append((self.rig.now(), asked.verb))
        fault = self.fault
        if not self.broken or fault is None or fault.part != "namespace" or asked.key.namespace != fault.where:
            return None
        if fault.how == "denied":
            if asked.verb == "read":
                return ReadFailure(asked.key, FailureClass.DENIED, "forbidden", "no right to get it")
            return WriteFailure(asked.key, "denied", "forbidden", "no right to write it")
        if fault.how == "slow" and asked.verb != "read":
            self.rig.time.sleep(_SLOW)
        if fault.how in ("missing", "terminating") and asked.verb != "read":
            return WriteFailure(asked.key, "gone", f"namespace-{fault.how}", "the namespace takes nothing")
        if fault.how == "quota" and asked.verb == "create":
            return WriteFailure(asked.key, "quota", "quota", "the namespace is full")
        return None


def _with_bad_property(mapping: SecretMapping) -> SecretMapping:
    if mapping.key.name != "json":
        return mapping
    return replace(mapping, data=(("k0", Selection(CONFIG, property="nowhere")),))


@contextmanager
def _running(fault: Fault | None, events: list[Event], breaks: Fault) -> Iterator[Twin]:
    """Let one run live through it all."""
    twin = Twin(fault)
    moments: list[tuple[float, int, Event | None]] = [(e.at, n, e) for n, e in enumerate(events, start=1)]
    moments += [(breaks.begins, 0, None), (min(breaks.begins + breaks.lasts, LENGTH), len(events) + 1, None)]
    started = False
    try:
        for at, number, event in sorted(moments, key=lambda moment: moment[:2]):
            if at > 0.0 and not started:
                started = True
                twin.rig.start(rules=Rules(prune=True))
            twin.rig.run(at - twin.rig.now())
            if event is not None:
                twin.apply(event, number)
            elif number:
                twin.mend(number)
            else:
                twin.break_part()
        twin.rig.run(LENGTH - twin.rig.now())
        yield twin
    finally:
        twin.mend(len(events) + 1)
        twin.rig.stop()
        twin.rig.run(60)
        assert twin.rig.ended_at is not None


FAULTS = st.one_of(
    st.builds(Fault, st.just("mapping"), st.sampled_from(["property", "text"]), st.just("json")),
    st.builds(
        Fault,
        st.just("source"),
        st.sampled_from([*sorted(SOURCE_FAULTS), "hanging"]),
        st.integers(0, len(REFS) - 1).map(str),
    ),
    st.builds(Fault, st.just("store"), st.sampled_from([*sorted(STORE_FAULTS), "hanging"]), st.sampled_from(STORES)),
    st.builds(Fault, st.just("namespace"), st.sampled_from(NAMESPACE_FAULTS), st.sampled_from(NAMESPACES)),
)
WINDOWS = st.tuples(st.sampled_from([0.0, 45.0, 131.0]), st.sampled_from([20.0, 150.0, LENGTH]))
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["rotate", "edit", "delete"]),
        st.integers(1, int(LENGTH) - 1).map(float),
        st.integers(0, 50),
    ),
    max_size=12,
)


@pytest.mark.timeout(300)  # many pairs of daemons, each over minutes of its time
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(FAULTS, WINDOWS, EVENTS)
@example(Fault("store", "hanging", "vault"), (45.0, LENGTH), [Event("rotate", 70.0, 2)])
@example(Fault("store", "reset", "aws"), (0.0, 150.0), [Event("delete", 70.0, 1)])
@example(Fault("store", "paused", "azure"), (45.0, 150.0), [Event("edit", 70.0, 8)])
@example(Fault("mapping", "property", "json"), (0.0, LENGTH), [])
@example(Fault("mapping", "text", "json"), (45.0, 150.0), [])
@example(Fault("source", "denied", "3"), (45.0, 150.0), [])
@example(Fault("source", "hanging", "0"), (0.0, LENGTH), [Event("rotate", 70.0, 1)])
@example(Fault("source", "hanging", "7"), (45.0, LENGTH), [Event("delete", 70.0, 2)])
@example(Fault("source", "failing", "7"), (45.0, LENGTH), [Event("rotate", 70.0, 2)])
@example(Fault("namespace", "missing", "other"), (0.0, 150.0), [Event("rotate", 70.0, 2)])
def test_one_broken_part_changes_nothing_for_the_rest(
    fault: Fault, window: tuple[float, float], events: list[Event]
) -> None:
    fault = replace(fault, begins=window[0], lasts=window[1])
    with _running(None, events, fault) as well, _running(fault, events, fault) as ill:
        _compare(fault, well, ill)
        for twin in (well, ill):
            twin.mend(99)
            twin.rig.run(2 * 2 * INTERVAL + 10)
        if (fault.part, fault.how) != ("mapping", "property"):
            assert well.content() == ill.content(), "the two did not become the same again"


def _compare(fault: Fault, well: Twin, ill: Twin) -> None:
    hit = [mapping for mapping in MAPPINGS if fault.hits(mapping)]
    rest = [mapping for mapping in MAPPINGS if mapping not in hit]
    assert hit
    assert rest
    for mapping in rest:
        calls = well.calls[mapping.key], ill.calls[mapping.key]
        _alike(str(mapping.key), *calls, within=fault.delay())
        assert well.content().get(mapping.key) == ill.content().get(mapping.key), str(mapping.key)
    touched = {selection.ref for mapping in hit for selection in mapping.selections()}
    reads = well.reads(), ill.reads()
    broken = {ref for ref in REFS if fault.part == "store" and ref.store == fault.where}
    broken |= {REFS[int(fault.where)]} if fault.part == "source" else set()
    for ref in REFS:
        times = reads[0][ref], reads[1][ref]
        # A pass that a slow namespace holds up goes on alone afterwards, so what it shares with others is read twice.
        if fault.how != "slow" and (ref not in touched or fault.part in ("mapping", "namespace")):
            _alike(str(ref), *([(at, "fetch") for at in each] for each in times), within=fault.delay())
        elif ref not in broken:
            # Of a Secret that has the broken part and another one, both are read when it is tried again.
            assert len(times[1]) <= len(times[0]) + _TRIED_AGAIN, (
                f"{ref}: {times[0]} without, {times[1]} with the fault"
            )


def _alike(name: str, well: list[tuple[float, str]], ill: list[tuple[float, str]], *, within: float) -> None:
    """Demand the same calls in the same order, none later than `within` seconds."""
    assert [verb for _, verb in well] == [verb for _, verb in ill], f"{name}: {well} without the fault, {ill} with it"
    late = max((other - at for (at, _), (other, _) in zip(well, ill, strict=True)), default=0.0)
    assert late < within, f"{name}: {late} s late"
