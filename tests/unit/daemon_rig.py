"""A whole daemon in memory, on a time of its own: stores, cluster, home objects and the loop between them."""

import threading
from collections.abc import Callable

from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import Metrics
from syncd.fetch.gateway import Gateway
from syncd.ledger import Ledger, open_ledger
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.selection import Selection
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Standing
from syncd.testing.memory_home import MemoryHome, Shelf
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Asked, Cluster, MemoryTarget
from syncd.testing.virtual_time import VirtualTime

DOWN = Failure(FailureClass.UNAVAILABLE, "sealed", "the store is sealed", transient=False)
START = 1000.0
"""Where `VirtualTime` begins."""
INTERVAL = 60.0


def key(name: str) -> SecretKey:
    return SecretKey("default", "team", name)


def wants(name: str, *refs: RemoteRef, interval: float = INTERVAL, schedule: str | None = None) -> SecretMapping:
    """Map an object each to the keys `k0`, `k1` and so on."""
    data = tuple((f"k{number}", Selection(ref)) for number, ref in enumerate(refs))
    origin = Position("syncd.yaml", 1, 1)
    return SecretMapping(f"team/{name}", key(name), origin, "Opaque", data=data, interval=interval, schedule=schedule)


class RecordingLog:
    """Keeps each event with its fields."""

    def __init__(self) -> None:
        """Start empty."""
        self.events: list[tuple[str, str, dict[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.events.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.events.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.events.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.events.append(("error", event, fields))

    def told(self) -> list[str]:
        """Name the events above debug, in order."""
        return [event for level, event, _ in self.events if level != "debug"]

    def of(self, event: str) -> list[dict[str, object]]:
        """Give the fields of each event of that name."""
        return [fields for _, name, fields in self.events if name == event]


class DaemonRig:
    """The daemon of some mappings; every object that they name is in its store, but those that the test removes."""

    def __init__(
        self,
        *mappings: SecretMapping,
        cluster: Cluster | None = None,
        shelf: Shelf | None = None,
        latency: float = 0.0,
        configuration: str = "/etc/syncd.yaml",
    ) -> None:
        """Fill the stores; nothing runs yet. `latency` is seconds per request to a store."""
        self.configuration = configuration
        self.time = VirtualTime(START)
        self.mappings = mappings
        refs = {selection.ref for mapping in mappings for selection in mapping.selections()}
        self.stores = {
            name: MemoryProvider(name, latency=latency, clock=self.time.clock, condition=self.time.condition)
            for name in sorted({store for mapping in mappings for store in mapping.stores()})
        }
        for ref in sorted(refs):
            self.stores[ref.store].put(ref.key, f"value of {ref.key}".encode())
        self.cluster = cluster or Cluster()
        self.calls: list[tuple[float, Asked]] = []
        self.on_call: Callable[[Asked], None] = lambda _asked: None
        self.cluster.answer = self._note
        self.home = MemoryHome(shelf)
        self.shelf = self.home.shelf
        ledger = open_ledger(self.home)
        assert isinstance(ledger, Ledger)
        self.ledger = ledger
        self.target = MemoryTarget(self.cluster)
        self.log = RecordingLog()
        self.metrics = Metrics()
        self.passes: list[float] = []
        """When each pass began, in seconds since the start; sweeps too."""
        self.ended_at: float | None = None
        self.step = 0.0
        """Seconds by which the wall clock has been set since the start."""
        self.threads_left = True
        self._lock = threading.Lock()
        self._changed = self.time.condition(self._lock)

    def start(self, *, rules: Rules | None = None) -> Loop:
        """Make the loop and let it turn."""
        instance = Instance("prod", self.ledger.key, self.configuration)
        standing = Standing.of(self.mappings, instance=instance, rules=rules or Rules(issue=True))
        stores = {name: memory_store(provider, name) for name, provider in self.stores.items()}
        gateway = Gateway(
            stores,
            clock=self.time.clock,
            random=lambda: 1.0,
            condition=self.time.condition,
            spawn=self.time.spawn,
        )
        # One worker is the pass's own thread: this time does not know of others, which wait for stores when they issue.
        work = Work(self.mappings, gateway, {"default": self.target}, self.ledger, standing, workers=1)
        self.loop = Loop(
            work,
            metrics=self.metrics,
            log=self.log,
            stopped=threading.Event(),
            clock=self.time.clock,
            wall=lambda: 1e9 + self.time.clock() + self.step,
            wait=self._wait,
            spawn=self._spawn,
        )
        self.time.spawn(self._run, "loop")
        return self.loop

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self.time.sleep(seconds)

    def now(self) -> float:
        """Give the seconds since the start."""
        return self.time.clock() - START

    def stop(self) -> None:
        """Ask the loop to end."""
        self.loop.stop()
        self._ring()

    def data(self, name: str) -> dict[str, bytes]:
        """Give what stands in a Secret; empty where there is none."""
        live = self.cluster.secrets.get(key(name))
        return {part: value.reveal() for part, value in live.data.items()} if live else {}

    def verbs(self, name: str) -> list[str]:
        """Give what was asked about a Secret, in order."""
        return [asked.verb for _, asked in self.calls if asked.key == key(name)]

    def _run(self) -> None:
        self.loop.run()
        self.ended_at = self.now()

    def _note(self, asked: Asked) -> None:
        self.calls.append((self.now(), asked))
        self.on_call(asked)

    def _spawn(self, run: Callable[[], None], name: str) -> None:
        if self.threads_left is False:
            message = "can't start new thread"
            raise RuntimeError(message)
        self.passes.append(self.now())

        def body() -> None:
            run()
            self._ring()

        self.time.spawn(body, name)

    def _wait(self, event: threading.Event, seconds: float) -> None:
        until = self.time.clock() + seconds
        with self._lock:
            while not event.is_set() and (left := until - self.time.clock()) > 0:
                self._changed.wait(left)

    def _ring(self) -> None:
        with self._lock:
            self._changed.notify_all()
