"""A cluster, two stores, time, and the programs that come and go: what the machine's rules act on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from syncd.keys import InstanceKey
from syncd.model.inventory import Inventory
from syncd.model.mapping import SecretKey
from syncd.model.reference import FailureClass
from syncd.model.secret import DesiredSecret, LiveSecret, ReadFailure, WriteFailure
from syncd.redact import SecretValue
from syncd.testing.home_objects import HomeObjects, ObjectsHomeReader
from syncd.testing.memory_target import Asked, Cluster
from tests.faults.machine.demands import HOUR, Demands
from tests.faults.machine.program import Config, Program
from tests.faults.machine.sources import Sources
from tests.faults.machine.turns import Turns

NAMESPACES = ("one", "two")
SECRETS = tuple(SecretKey("default", namespace, name) for namespace in NAMESPACES for name in ("a", "b"))
EPOCH = 1_800_000_000.0


def chance(seed: int) -> Random:
    """Give what a schedule draws from."""
    return Random(seed)  # noqa: S311 — the order of threads, not a key


@dataclass
class World:
    """Everything outside of the programs."""

    turns: Turns = field(default_factory=Turns)
    cluster: Cluster = field(default_factory=lambda: Cluster(namespaces=set(NAMESPACES)))
    home: HomeObjects = field(default_factory=HomeObjects)
    config: Config = field(default_factory=Config)
    offset: float = EPOCH
    """The wall clock, less the monotonic one."""
    silent: set[SecretKey | None] = field(default_factory=set)
    """What the API server does not answer for; None: nothing at all."""

    def __post_init__(self) -> None:
        """Wire everything up."""
        self.sources = Sources(self.turns)
        self.demands = Demands(self)
        self._programs: list[Program] = []
        self._numbers = 0
        self._looks = 0
        self._somebody_else = False
        self._wire()

    def _wire(self) -> None:
        self.cluster.demand = self.demands.judge
        self.cluster.answer = self._answer

    def wall(self) -> float:
        """Give the wall clock, in seconds since the epoch; as a real one, never the same twice while it goes on."""
        self._looks += 1
        return self.turns.now + self.offset + self._looks * 1e-6

    def draw_number(self) -> int:
        """Give a number that no other key is made of."""
        self._numbers += 1
        return self._numbers

    def program(self) -> Program | None:
        """Give the program that runs; None where it is somebody else who acts."""
        process = self.turns.process()
        return process if isinstance(process, Program) and not self._somebody_else else None

    def as_somebody_else(self, act: Callable[[], None]) -> None:
        """Act in the middle of a program's call without being taken for it."""
        self._somebody_else = True
        try:
            act()
        finally:
            self._somebody_else = False

    def new(self, name: str, **told: object) -> Program:
        """Make a program on the present configuration."""
        return Program(name, world=self, config=self.config, **told)  # type: ignore[arg-type]

    def run(self, *jobs: tuple[Program, Callable[[], None]]) -> None:
        """Run programs side by side until each has ended or died, and reap the ones that do not live on."""
        self.turns.run(*jobs)
        for program, _ in jobs:
            if not program.daemon or program.dead or program.loop is None:
                self.turns.kill(program)

    @contextmanager
    def chosen_by(self, seed: int) -> Iterator[None]:
        """Let chance choose who goes first at every pause."""
        self.turns.choose = chance(seed).randrange
        try:
            yield
        finally:
            self.turns.choose = lambda _count: 0

    def copy(self) -> "World":
        """Give the same world once more, with no program in it."""
        turns = Turns(start=self.turns.now)
        other = World(turns, self.cluster.copy(), self.home.copy(), self.config, self.offset, set(self.silent))
        other.sources = self.sources.copy(turns)
        other._numbers, other._looks = self._numbers, self._looks
        other.demands.signed, other.demands.removals = set(self.demands.signed), list(self.demands.removals)
        return other

    def state(self) -> dict[SecretKey, object]:
        """Give what stands in the cluster, without UIDs and versions; of a proof, whether it is good."""
        return {
            key: (
                live.type,
                {name: value.reveal() for name, value in live.data.items()},
                dict(live.labels),
                {name: text for name, text in live.annotations.items() if name != "syncd.dev/owner"},
                self.demands.proven(live),
                live.immutable,
            )
            for key, live in self.cluster.secrets.items()
        }

    def inventory(self) -> Inventory:
        """Read what the inventory holds; nothing where it cannot be believed."""
        reader = ObjectsHomeReader(self.home)
        key = reader.key()
        found = reader.inventory(key) if isinstance(key, InstanceKey) else None
        return found if isinstance(found, Inventory) else Inventory()

    def step_clock(self, seconds: float) -> None:
        """Have the wall clock jump. What it makes an hour old, or had made so before, is forgotten for good.

        The clock is all by which a process knows how old that is which others counted.
        """
        for step in (0.0, seconds):
            self.offset += step
            removals, now = self.demands.removals, self.wall()
            removals[:] = [removal for removal in removals if removal.wall > now - HOUR]

    def set_clock_right(self) -> None:
        """Set the wall clock, if it was set back, to where nothing that was counted lies ahead of it."""
        self.step_clock(max([0.0, *(removal.at - self.wall() for removal in self.inventory().removals)]))

    # Trouble with the cluster

    def in_trouble(self) -> bool:
        """Tell whether there is something that `calm` ends."""
        cluster = self.cluster
        return bool(
            self.silent or cluster.quota is not None or cluster.terminating or cluster.namespaces != set(NAMESPACES)
        )

    def calm(self) -> None:
        """Have the API server answer, and take everything."""
        self.silent.clear()
        self.cluster.quota = None
        self.cluster.terminating.clear()
        self.cluster.namespaces = set(NAMESPACES)

    def lose_inventory(self) -> None:
        """Delete the inventory, and with it what the last hour counted."""
        self.home.inventory = None
        self.demands.removals.clear()

    def drop_namespace(self, namespace: str) -> None:
        """Delete a namespace with all that is in it."""
        self.cluster.namespaces = set(self.cluster.namespaces or ()) - {namespace}
        for key in [key for key in self.cluster.secrets if key.namespace == namespace]:
            self.cluster.remove(key)

    # Somebody else

    def edit(self, key: SecretKey, **changes: object) -> None:
        """Change a Secret as kubectl would: fields of `DesiredSecret`, on what stands there."""
        live = self.cluster.secrets.get(key)
        if live is None:
            return
        fields: dict[str, object] = {
            "type": live.type,
            "data": live.data,
            "labels": live.labels,
            "annotations": live.annotations,
            "immutable": live.immutable,
        } | changes
        if live.immutable and (fields["data"] != live.data or not fields["immutable"]):
            return
        self.cluster.put(DesiredSecret(key=key, **fields))  # type: ignore[arg-type]

    def plant(self, key: SecretKey, like: LiveSecret | None, **changes: object) -> None:
        """Make a Secret by hand, in place of what stands there; like another one, marks and all."""
        self.cluster.remove(key)
        if key.namespace in self.cluster.terminating or key.namespace not in (self.cluster.namespaces or ()):
            return
        made = DesiredSecret(
            key,
            "Opaque",
            {"p": SecretValue(b"foreign/planted")} if like is None else like.data,
            {"app": "theirs"} if like is None else like.labels,
            {} if like is None else like.annotations,
        )
        self.cluster.put(made)
        self.edit(key, **changes)

    def _answer(self, asked: Asked) -> WriteFailure | ReadFailure | None:
        if self.silent.isdisjoint((None, asked.key)):
            return None
        if asked.verb == "read":
            return ReadFailure(asked.key, FailureClass.UNAVAILABLE, "api-server-error", "it does not answer")
        return WriteFailure(asked.key, "unavailable", "api-server-error", "it does not answer")
