"""One process of the program: an apply, a diff or a daemon, put together as the command line does, on wires to cut.

Every call to a store, to the cluster or to the home objects is one I/O: another process may go first there, somebody
else may meddle there, and the process may die right before or right after it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Literal, TypeVar

from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import Metrics
from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Call
from syncd.ledger import Ledger, look_up, open_ledger
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.position import Position
from syncd.model.reference import FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import DesiredSecret, Live, LiveSecret, WriteFailure, WriteOutcome, Written
from syncd.model.store import Store
from syncd.node import Problem
from syncd.plan.instance import Instance, Rules
from syncd.plan.removal import removal_candidates
from syncd.reconcile import Standing, in_doubt, objection, orphaned, plan, refs_of, second_look, see, worth_reading
from syncd.target.seam import HomeFailure, Permit
from syncd.testing.home_objects import HomeCall, ObjectsHome, ObjectsHomeReader
from syncd.testing.memory_provider import MemoryProvider
from syncd.writing import UntilStopped, Writer
from tests.faults.machine.demands import INSTANCE
from tests.faults.machine.turns import Killed, Process

if TYPE_CHECKING:
    from tests.faults.machine.world import World

T = TypeVar("T")
_HERE = Position("syncd.yaml", 1, 1)
_SECOND_LOOK = 5.0


@dataclass(frozen=True)
class Config:
    """What a configuration file says."""

    mappings: tuple[SecretMapping, ...] = ()
    allow_replace: bool = False
    name: str = "/etc/syncd.yaml"

    def mapping(self, key: SecretKey) -> SecretMapping | None:
        """Give the mapping of a Secret."""
        return next((mapping for mapping in self.mappings if mapping.key == key), None)

    def limit(self, store: str) -> int:
        """Say how many removals an hour the guards let through by default: 5 % of the store's mappings, at least 1."""
        using = sum(any(s.ref.store == store for s in mapping.selections()) for mapping in self.mappings)
        return max(1, min(10, using * 5 // 100))


@dataclass(eq=False)
class Program(Process):
    """A process, what it was told, and what it read."""

    world: "World" = field(kw_only=True)
    config: Config = field(kw_only=True)
    prune: bool = False
    allow_deletes: int | None = None
    daemon: bool = False
    crash: tuple[int, Literal["before", "after"]] | None = None
    """At which I/O it dies, counted from 1."""
    meanwhile: dict[int, Callable[[], None]] = field(default_factory=dict)
    """What somebody else does right before which I/O."""
    lost: frozenset[int] = frozenset()
    """The I/O whose answer is lost, if it is a write."""
    calls: list[str] = field(default_factory=list)
    """Every I/O, in order."""
    answers: dict[RemoteRef, list[tuple[float, FailureClass | None]]] = field(default_factory=dict)
    """When each object was read, and how it was answered; None: with a value."""
    fetched: dict[RemoteRef, set[int]] = field(default_factory=dict)
    """Which versions of each object were read."""
    written: dict[SecretKey, int] = field(default_factory=dict)
    """How many writes of each Secret happened."""
    logged: list[str] = field(default_factory=list)
    plan: Plan | None = None
    """What the last pass did."""
    refused: str = ""
    """Why nothing was done."""

    def __post_init__(self) -> None:
        """Start the clock."""
        self.started = self.world.turns.now
        self.loop: Loop | None = None
        self._stopped = Event()

    @property
    def prunes(self) -> bool:
        """Tell whether it may remove what is due."""
        return self.prune or self.daemon

    def latest(self, ref: RemoteRef) -> FailureClass | None:
        """Give how an object was answered last; CONFIG where it was never asked for."""
        answers = self.answers.get(ref)
        return answers[-1][1] if answers else FailureClass.CONFIG

    def io(self, what: str, call: Callable[[], T]) -> T:
        """Make one call to the outside."""
        self.world.turns.pause()
        self.calls.append(what)
        number = len(self.calls)
        if (meddle := self.meanwhile.pop(number, None)) is not None:
            self.world.as_somebody_else(meddle)
        self._die_at(number, "before")
        answer = call()
        self._die_at(number, "after")
        return answer

    def _die_at(self, number: int, when: Literal["before", "after"]) -> None:
        if self.crash == (number, when):
            self.dead = True
        if self.dead:
            raise Killed

    # The verbs

    def diff(self) -> None:
        """Plan, and note the plan: `syncd diff`."""
        world, mappings = self.world, self.config.mappings
        gateway = self._gateway()
        reading = gateway.read(refs_of(mappings))
        known = look_up(ObjectsHomeReader(world.home, self._wire))
        readers = {"default": WiredReader(self)}
        standing = self._standing(Instance(INSTANCE, known.key, self.config.name))
        orphans = orphaned(mappings, known.inventory, readers, instance=standing.instance)
        seen = see(mappings, reading, readers, look_at=[mapping.key for mapping in mappings], orphans=orphans)
        seen = replace(seen, confirmed_absent=removal_candidates(seen.wanted))
        self.plan = plan(seen, standing, inventory=known.inventory, target="", now=world.wall())
        gateway.close()

    def apply(self) -> None:
        """Write what differs: `syncd apply --yes`."""
        world, mappings = self.world, self.config.mappings
        gateway = self._gateway()
        reading = gateway.read(refs_of(mappings))
        ledger = self._ledger()
        if ledger is not None:
            standing = self._standing(Instance(INSTANCE, ledger.key, self.config.name))
            instance, inventory = standing.instance, ledger.inventory
            self.refused = objection(mappings, inventory, instance=instance, allow_no_mappings=True) or ""
            if not self.refused:
                targets = {"default": WiredTarget(self)}
                orphans = orphaned(mappings, inventory, targets, instance=instance)
                look_at = worth_reading(mappings, inventory, instance=instance)
                seen = see(mappings, reading, targets, look_at=look_at, orphans=orphans)
                if self.prune and in_doubt(seen):
                    world.turns.sleep(_SECOND_LOOK)
                    seen = second_look(seen, gateway)
                made = plan(seen, standing, inventory=inventory, target="", now=world.wall())
                writer = Writer(targets, standing, UntilStopped(self._stopped), ledger)
                self.plan = writer.carry_out(made, seen, now=world.wall())
        gateway.close()

    def start(self) -> None:
        """Come up as a daemon: `syncd run`, up to its loop."""
        world, mappings = self.world, self.config.mappings
        ledger = self._ledger()
        if ledger is None:
            return
        standing = self._standing(Instance(INSTANCE, ledger.key, self.config.name))
        instance = standing.instance
        self.refused = objection(mappings, ledger.inventory, instance=instance, allow_no_mappings=True) or ""
        if self.refused:
            return
        ledger._lock = world.turns.lock()  # type: ignore[assignment]
        work = Work(mappings, self._gateway(), {"default": WiredTarget(self)}, ledger, standing)
        self.loop = Loop(
            work,
            metrics=Metrics(),
            log=_Log(self.logged),
            stopped=self._stopped,
            clock=world.turns.clock,
            wall=world.wall,
            wait=lambda event, seconds: world.turns.wait(event.is_set, min(seconds, self._until - world.turns.now)),
            spawn=world.turns.spawn,
        )

    def go_on(self, seconds: float) -> None:
        """Let the daemon's loop turn for so long, and the passes that it began end."""
        turns, loop = self.world.turns, self.loop
        if loop is None:
            return
        self._until = turns.now + seconds
        while turns.now < self._until or loop._progress.running:
            before = turns.now
            if turns.now >= self._until:
                self._until = turns.now + 1.0
            loop._turn()
            if turns.now == before and not loop._progress.running:
                turns.sleep(min(0.5, max(0.01, self._until - turns.now)))
        loop._take_reports()

    # How it is put together

    def _ledger(self) -> Ledger | None:
        numbers = iter(range(self.world.draw_number(), 1 << 30))
        home = ObjectsHome(self.world.home, self._wire, lambda count: next(numbers).to_bytes(4, "big") * (count // 4))
        opened = open_ledger(home)
        if isinstance(opened, HomeFailure):
            self.refused = opened.message
            return None
        return opened

    def _wire(self, what: HomeCall, call: Callable[[], T]) -> T:
        return self.io(what, call)

    def _standing(self, instance: Instance) -> Standing:
        rules = Rules(
            allow_replace=self.config.allow_replace,
            prune=self.prunes,
            allow_deletes=self.allow_deletes,
        )
        return Standing.of(self.config.mappings, instance=instance, rules=rules)

    def _gateway(self) -> Gateway:
        turns = self.world.turns
        stores = {
            name: Store(name, "memory", WiredProvider(self, provider), _HERE, 10_000.0, 16)
            for name, provider in self.world.sources.stores.items()
        }
        return Gateway(stores, clock=turns.clock, random=lambda: 0.5, condition=turns.condition, spawn=turns.spawn)


class WiredProvider:
    """A store as one process reaches it."""

    def __init__(self, program: Program, provider: MemoryProvider) -> None:
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

    def __init__(self, program: Program) -> None:
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


class _Log:
    """Keeps what a daemon says of its defects."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def debug(self, event: str, **fields: object) -> None:
        """Say nothing."""

    info = warning = debug

    def error(self, event: str, **fields: object) -> None:
        """Keep it."""
        self._said.append(f"{event} {fields}")


Jobs = Mapping[Program, Callable[[], None]]
