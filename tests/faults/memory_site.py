"""Whole passes and a daemon over a store and a cluster in memory, on a clock that only waiting moves."""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace

from syncd.daemon.log import open_log
from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import Metrics
from syncd.fetch.gateway import Gateway
from syncd.keys import InstanceKey
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Plan
from syncd.model.position import Position
from syncd.model.reference import RemoteRef
from syncd.model.selection import Selection
from syncd.plan.instance import Instance, Rules
from syncd.reconcile import Standing, plan, second_look, see
from syncd.redact import SecretValue
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Cluster, Granted, MemoryTarget
from syncd.told import start_reading
from syncd.writing import Writer


def secret(name: str) -> SecretKey:
    return SecretKey("default", "team", name)


def wants(name: str, *properties: str, **fields: object) -> SecretMapping:
    """Map the object `name` to a Secret of that name: its properties, or the whole value as the key `value`."""
    ref = RemoteRef("memory", name)
    data = tuple((each, Selection(ref, property=each)) for each in properties) or (("value", Selection(ref)),)
    origin = Position("syncd.yaml", 1, 1)
    made = SecretMapping(f"team/{name}", secret(name), origin, "Opaque", data=data)
    return replace(made, **fields)  # type: ignore[arg-type]


class Site:
    """A configuration of mappings, with everything that they need."""

    def __init__(self, *mappings: SecretMapping, store: MemoryProvider | None = None, **rules: object) -> None:
        """Start with an empty store and an empty cluster."""
        self.mappings = mappings
        self.store = store or MemoryProvider()
        self.cluster = Cluster()
        self.targets = {"default": MemoryTarget(self.cluster)}
        self.instance = Instance("prod", InstanceKey(SecretValue(bytes(range(32)))), "/etc/syncd.yaml")
        self.standing = Standing.of(mappings, instance=self.instance, rules=Rules(**rules))  # type: ignore[arg-type]
        self.now = 1000.0
        self.lines = io.StringIO()

    def gateway(self) -> Gateway:
        return Gateway({"memory": memory_store(self.store)})

    def apply(self, *, between: Callable[[], object] = lambda: None) -> Plan:
        """Do what `apply` does: read, look, look a second time where something is to be removed, plan and write.

        `between` is called between the two looks.
        """
        gateway = self.gateway()
        seen = see(
            self.mappings,
            start_reading(self.mappings, gateway),
            self.targets,
            look_at=[mapping.key for mapping in self.mappings],
            now=self.now,
        )
        between()
        if self.standing.rules.prune:
            seen = second_look(seen, gateway, now=self.now)
        made = plan(seen, self.standing, inventory=None, target="", now=self.now)
        written = Writer(self.targets, self.standing, Granted(), None).carry_out(made, seen, now=self.now)
        gateway.close()
        return written

    def run(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Let the daemon live so long; `meanwhile` is called before each wait of its loop."""
        stopped = threading.Event()
        until = self.now + seconds

        def wait(woken: threading.Event, pause: float) -> None:
            meanwhile()
            if not woken.is_set():
                self.now += pause
            if self.now >= until:
                stopped.set()

        work = Work(self.mappings, self.gateway(), self.targets, None, self.standing)
        log = open_log("info", "json", self.lines)
        loop = Loop(
            work,
            metrics=Metrics(),
            log=log,
            stopped=stopped,
            clock=lambda: self.now,
            wall=lambda: self.now,
            wait=wait,
            spawn=lambda pass_, _name: pass_(),
        )
        loop.run()

    def values(self, name: str) -> dict[str, bytes]:
        """Give what stands in a Secret."""
        return {key: value.reveal() for key, value in self.cluster.secrets[secret(name)].data.items()}

    def said(self, event: str) -> list[dict[str, object]]:
        """List the daemon's log lines of one kind."""
        lines = [json.loads(line) for line in self.lines.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]
