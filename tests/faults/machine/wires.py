"""The wires of one process, to its stores, to its gateway's word, to the cluster and to its log: noted, and cut."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from syncd.fetch.gateway import FIND_PATIENCE, PATIENCE, Gateway
from syncd.fetch.reading import Reading
from syncd.fetch.seam import Call
from syncd.model.mapping import SecretKey
from syncd.model.reference import Fetched, Found, Outcome, Query, RemoteRef
from syncd.model.report import StoreCost
from syncd.model.secret import DesiredSecret, Live, LiveSecret, WriteFailure, WriteOutcome, Written
from syncd.node import Problem
from syncd.target.seam import Permit
from syncd.testing.memory_provider import MemoryProvider

if TYPE_CHECKING:
    from tests.faults.machine.program import Program

Hear = Callable[[Mapping[RemoteRef, Outcome]], None]


class WiredGateway(Gateway):
    """A gateway whose word is heard."""

    hear: Hear

    def read(self, refs: Iterable[RemoteRef], *, patience: float = PATIENCE) -> Reading:
        """Read as ever, and let what is told be heard."""
        return _HeardReading(super().read(refs, patience=patience), self.hear)

    def find(self, queries: Iterable[Query], *, patience: float = FIND_PATIENCE) -> Reading:
        """Find as ever, and let what is told be heard."""
        return _HeardReading(super().find(queries, patience=patience), self.hear)


class _HeardReading(Reading):
    """A reading that is heard when it tells something."""

    def __init__(self, reading: Reading, hear: Hear) -> None:
        self._reading, self._hear = reading, hear

    def outcomes(self, refs: Iterable[RemoteRef], *, quiet: float | None = None) -> dict[RemoteRef, Outcome]:
        """Wait as it does, and tell."""
        told = self._reading.outcomes(refs, quiet=quiet)
        self._hear(told)
        return told

    def found(self, queries: Iterable[Query], *, quiet: float | None = None) -> dict[Query, Found]:
        """Wait as it does, and tell that a pass is about to decide: one that wants nothing asks no more than this."""
        found = self._reading.found(queries, quiet=quiet)
        self._hear({})
        return found

    def costs(self) -> Mapping[str, StoreCost]:
        """Count as it does."""
        return self._reading.costs()

    def cancel(self) -> None:
        """Give it up."""
        self._reading.cancel()


class WiredProvider:
    """A store as one process reaches it."""

    def __init__(self, program: "Program", provider: MemoryProvider) -> None:
        """Ask `provider` for `program`."""
        self._program, self._provider = program, provider
        self.batch_size = provider.batch_size

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the one name of the object."""
        return self._provider.canonical(ref)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterable[tuple[RemoteRef, Outcome]]:
        """Read, and note what was answered."""
        program = self._program
        names = ",".join(sorted(ref.key for ref in refs))
        answers = program.io(f"fetch {refs[0].store}/{names}", lambda: list(self._provider.fetch(refs, call)))
        now = program.world.turns.now
        for ref, outcome in answers:
            cls = None if isinstance(outcome, Fetched) else outcome.cls
            program.answers.setdefault(ref, []).append((now, cls))
            if isinstance(outcome, Fetched):
                number = program.world.sources.number(ref, outcome)
                program.fetched.setdefault(ref, set()).add(number)
        return answers

    def relogin(self) -> None:
        """Log in with the next fetch."""
        self._provider.relogin()

    def close(self) -> None:
        """Hold nothing."""


class WiredReader:
    """The cluster as a process that cannot write reaches it."""

    def __init__(self, program: "Program") -> None:
        """Ask for `program`."""
        self._program = program
        self._cluster = program.world.cluster

    def describe(self) -> str:
        """Name it."""
        return "cluster in memory"

    def read(self, keys: Collection[SecretKey]) -> Iterator[Live]:
        """Look at each, an I/O each."""
        for key in keys:
            yield self._program.io(f"read {key}", lambda key=key: self._cluster.read(key))  # type: ignore[misc]

    def close(self) -> None:
        """Hold nothing."""


class WiredTarget(WiredReader):
    """The cluster as a process that writes reaches it."""

    def create(self, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Make it."""
        return self._write("create", None, desired, lambda: self._cluster.create(desired, permit))

    def update(self, live: LiveSecret, desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        """Bring `live` to `desired`."""
        return self._write("update", live, desired, lambda: self._cluster.update(live, desired, permit))

    def delete(self, live: LiveSecret, permit: Permit) -> WriteOutcome:
        """Remove it."""
        return self._write("delete", live, None, lambda: self._cluster.delete(live, permit))

    def _write(
        self, verb: str, live: LiveSecret | None, desired: DesiredSecret | None, call: Callable[[], WriteOutcome]
    ) -> WriteOutcome:
        program, key = self._program, (live or desired).key  # type: ignore[union-attr]

        def counted() -> WriteOutcome:
            outcome = call()
            if isinstance(outcome, Written):
                program.written[key] = program.written.get(key, 0) + 1
                if live is not None:
                    program.world.demands.done(program, live, desired)
            return outcome

        outcome = program.io(f"{verb} {key}", counted)
        if len(program.calls) in program.lost:
            return WriteFailure(key, "unavailable", "answer-lost", f"{key}: the answer was lost")
        return outcome


class KeptLog:
    """Keeps what a daemon says of its defects."""

    def __init__(self, said: list[str]) -> None:
        """Keep it in `said`."""
        self._said = said

    def debug(self, event: str, **fields: object) -> None:
        """Say nothing."""

    info = warning = debug

    def error(self, event: str, **fields: object) -> None:
        """Keep it."""
        self._said.append(f"{event} {fields}")
