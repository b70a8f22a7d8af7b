"""One process of the program: an apply, a diff or a daemon, put together as the command line does, on wires to cut.

Every call to a store, to the cluster or to the home objects is one I/O: another process may go first there, somebody
else may meddle there, and the process may die right before or right after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Literal, TypeVar

from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import Metrics
from syncd.fetch.gateway import Gateway
from syncd.ledger import Ledger, look_up, open_ledger
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.position import Position
from syncd.model.reference import FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import Store
from syncd.plan.instance import Instance, Rules
from syncd.plan.removal import removal_candidates
from syncd.reconcile import Standing, in_doubt, objection, orphaned, plan, second_look, see, worth_reading
from syncd.target.seam import HomeFailure
from syncd.testing.home_objects import HomeCall, ObjectsHome, ObjectsHomeReader
from syncd.told import refs_of
from syncd.writing import UntilStopped, Writer
from tests.faults.machine.demands import INSTANCE, disbelieved
from tests.faults.machine.turns import Killed, Process
from tests.faults.machine.wires import KeptLog, WiredGateway, WiredProvider, WiredReader, WiredTarget

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
    heard: dict[RemoteRef, FailureClass | None] = field(default_factory=dict)
    """How each object was answered in the end, by the store or by the gateway for it; None: with a value."""
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
        self._unread = set(refs_of(self.config.mappings))
        self._doubts: dict[object, tuple[set[str], set[str]]] = {}
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

    def hear(self, outcomes: Mapping[RemoteRef, Outcome]) -> None:
        """Take in what a pass is told of its sources, right before it decides."""
        for ref, outcome in outcomes.items():
            cls = None if isinstance(outcome, Fetched) else outcome.cls
            self.heard[ref] = cls
            if cls not in (FailureClass.UNAVAILABLE, FailureClass.THROTTLED):
                self._unread.discard(ref)
        absent = [ref for ref, cls in self.heard.items() if cls is FailureClass.ABSENT]
        believed_not = disbelieved(self.heard.keys(), absent)
        self._doubts[self.world.turns.current()] = believed_not, {ref.store for ref in self._unread}

    def doubts(self) -> tuple[set[str], set[str]]:
        """Name the stores that were SUSPECT when the pass that acts now decided, and those not yet read in full."""
        return self._doubts[self.world.turns.current()]

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
            log=KeptLog(self.logged),
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
        gateway = WiredGateway(
            stores, clock=turns.clock, random=lambda: 0.5, condition=turns.condition, spawn=turns.spawn
        )
        gateway.hear = self.hear
        return gateway
