"""The state machine: what may happen in any order, to the stores, the cluster, the configuration, and to time.

What the programs do is judged while they do it (demands.py) and after it (verdicts.py); this is the list of steps.
"""

from dataclasses import replace
from typing import Final, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from syncd.model.mapping import SecretKey, SecretMapping
from syncd.told import refs_of
from tests.faults.machine import verdicts
from tests.faults.machine.draws import KEYS, RARELY, Drawn, Meddling, mappings, meddling
from tests.faults.machine.program import Program
from tests.faults.machine.sources import FAULTS, OBJECTS, REFS, STORES
from tests.faults.machine.world import SECRETS, World

When = Literal["before", "after"]
_PROPERTIES: Final = st.sampled_from([("p", "q"), ("p", "q"), ("p",), ("p", "q", "r")])
_PLACES: Final = st.integers(1, 16)
_WHEN: Final[st.SearchStrategy[When]] = st.sampled_from(["before", "after"])
_SEEDS: Final = st.integers(0, 2**16)


class Everything(RuleBasedStateMachine):
    """All that may happen."""

    def __init__(self) -> None:
        """Begin with nothing written yet."""
        super().__init__()
        self.world = World()
        self.daemon: Program | None = None
        self._runs = 0

    @initialize(drawn=st.tuples(*(mappings(st.just(key)) for key in SECRETS)))
    def configure(self, drawn: tuple[Drawn, ...]) -> None:
        for one in drawn:
            self._map(one.mapping)

    # The stores

    @rule(
        what=st.sampled_from(["put", "put", "delete", "delete", "recreate", "lag"]),
        place=st.integers(0, 11),
        properties=_PROPERTIES,
    )
    def change_source(self, what: str, place: int, properties: tuple[str, ...]) -> None:
        sources, used = self.world.sources, refs_of(self.world.config.mappings) or REFS
        ref = used[place % len(used)]
        if what == "lag":
            sources.lag(ref)
        elif what == "delete":
            sources.delete(ref)
        else:
            if what == "recreate":
                sources.delete(ref)
            sources.put(ref, properties)

    @rule(
        store=st.sampled_from(STORES),
        fault=st.sampled_from([*sorted(FAULTS), "hanging", "silent"]),
        key=st.sampled_from([None, *OBJECTS]),
    )
    def break_store(self, store: str, fault: str, key: str | None) -> None:
        sources = self.world.sources
        if fault == "hanging":
            sources.hang(store, key)
        elif fault == "silent":
            sources.leave_out(store, key or OBJECTS[0])
        else:
            sources.break_down(store, fault, None if fault == "wiped" else key)

    @precondition(lambda self: self.world.sources.faulty)
    @rule()
    def mend(self) -> None:
        self.world.sources.mend()

    # The cluster

    @rule(meddle=meddling())
    def meddle(self, meddle: Meddling) -> None:
        meddle(self.world)

    @rule(
        what=st.sampled_from(["quota", "ending", "missing", "silent", "lose-inventory", "spoil-inventory"]),
        quota=st.sampled_from([0, 1, 2]),
        key=KEYS,
        all_of_it=RARELY,
    )
    def trouble(self, *, what: str, quota: int, key: SecretKey, all_of_it: bool) -> None:
        world, cluster = self.world, self.world.cluster
        if what == "quota":
            cluster.quota = quota
        elif what == "ending":
            cluster.terminating.add(key.namespace)
        elif what == "missing":
            world.drop_namespace(key.namespace)
        elif what == "silent":
            world.silent.add(None if all_of_it else key)
        elif what == "lose-inventory":
            world.lose_inventory()
        else:
            world.home.spoil_inventory()

    @precondition(lambda self: self.world.in_trouble())
    @rule()
    def end_trouble(self) -> None:
        self.world.calm()

    # The configuration

    @rule(drawn=mappings())
    def add_mapping(self, drawn: Drawn) -> None:
        self._map(drawn.mapping)

    @rule(key=KEYS)
    def drop_mapping(self, key: SecretKey) -> None:
        config = self.world.config
        self.world.config = replace(config, mappings=tuple(one for one in config.mappings if one.key != key))

    @rule(
        key=KEYS,
        field=st.sampled_from(["suspend", "adopt", "merge", "when_source_gone", "when_mapping_gone", "replace"]),
    )
    def switch(self, key: SecretKey, field: str) -> None:
        config = self.world.config
        mapping = config.mapping(key)
        if field == "replace":
            self.world.config = replace(config, allow_replace=not config.allow_replace)
        elif mapping is not None:
            old = getattr(mapping, field)
            new = not old if isinstance(old, bool) else {"keep": "delete", "delete": "keep"}[old]
            self._map(replace(mapping, **{field: new}))  # type: ignore[arg-type]

    # Time

    @rule(seconds=st.sampled_from([1.0, 60.0, 700.0, 3700.0]))
    def pass_time(self, seconds: float) -> None:
        if self.daemon is None:
            self.world.turns.now += seconds
        else:
            self.let_daemon_go_on(min(seconds, 700.0))

    @rule(seconds=st.sampled_from([-90_000.0, -600.0, 600.0, 90_000.0]))
    def jump(self, seconds: float) -> None:
        self.world.step_clock(seconds)

    # Programs

    @rule(prune=st.booleans(), allow=st.sampled_from([None, None, 2]))
    def apply(self, *, prune: bool, allow: int | None) -> None:
        self._run(self._new(prune=prune, allow_deletes=allow))

    @rule(prune=st.booleans(), place=_PLACES, when=_WHEN)
    def apply_and_crash(self, *, prune: bool, place: int, when: When) -> None:
        self._run(self._new(prune=prune, crash=(place, when)))

    @rule(prune=st.booleans(), place=_PLACES, meddle=meddling())
    def apply_meddled_with(self, *, prune: bool, place: int, meddle: Meddling) -> None:
        self._run(self._new(prune=prune, meanwhile={place: lambda: meddle(self.world)}))

    @rule(lost=st.sets(_PLACES, min_size=1, max_size=3))
    def apply_with_lost_answers(self, lost: set[int]) -> None:
        self._run(self._new(lost=frozenset(lost)))

    @rule(prune=st.booleans())
    def diff_and_apply(self, *, prune: bool) -> None:
        verdicts.dry_run_tells_what_apply_does(self.world, prune=prune)

    @rule(seed=_SEEDS, prune=st.booleans())
    def apply_twice_at_once(self, *, seed: int, prune: bool) -> None:
        verdicts.two_at_once_are_as_one(self.world, seed, prune=prune)

    @rule(seed=_SEEDS, place=_PLACES, when=_WHEN, prune=st.booleans(), meddle=meddling())
    def apply_beside_one_that_crashes(
        self,
        *,
        seed: int,
        place: int,
        when: When,
        prune: bool,
        meddle: Meddling,
    ) -> None:
        one = self._new(prune=prune, crash=(place, when))
        other = self._new(meanwhile={place: lambda: meddle(self.world)})
        with self.world.chosen_by(seed):
            self.world.run((one, one.apply), (other, other.apply))
        verdicts.ended(one)
        verdicts.ended(other)

    @precondition(lambda self: self.daemon is None)
    @rule()
    def start_daemon(self) -> None:
        daemon = self._new(daemon=True)
        self.world.run((daemon, daemon.start))
        self.daemon = daemon if daemon.loop is not None else None

    @precondition(lambda self: self.daemon is not None)
    @rule(seconds=st.sampled_from([1.0, 70.0, 320.0, 1300.0]))
    def let_daemon_go_on(self, seconds: float) -> None:
        daemon = self._daemon()
        self.world.run((daemon, lambda: daemon.go_on(seconds)))
        verdicts.daemon_is_well(daemon)

    @rule(place=st.integers(0, 11), seconds=st.sampled_from([320.0, 700.0, 1300.0]))
    def source_goes_under_daemon(self, place: int, seconds: float) -> None:
        if self.daemon is None:
            self.start_daemon()
        self.change_source("delete", place, ())
        if self.daemon is not None:
            self.let_daemon_go_on(seconds)

    @precondition(lambda self: self.daemon is not None)
    @rule(seed=_SEEDS, prune=st.booleans(), seconds=st.sampled_from([1.0, 320.0]), meddle=meddling(), place=_PLACES)
    def apply_beside_daemon(
        self,
        *,
        seed: int,
        prune: bool,
        seconds: float,
        meddle: Meddling,
        place: int,
    ) -> None:
        daemon = self._daemon()
        other = self._new(prune=prune, meanwhile={place: lambda: meddle(self.world)})
        with self.world.chosen_by(seed):
            self.world.run((daemon, lambda: daemon.go_on(seconds)), (other, other.apply))
        verdicts.daemon_is_well(daemon)

    @precondition(lambda self: self.daemon is not None)
    @rule(place=st.integers(1, 40), when=_WHEN)
    def crash_daemon(self, place: int, when: When) -> None:
        daemon = self._daemon()
        daemon.crash = (len(daemon.calls) + place, when)
        self.world.run((daemon, lambda: daemon.go_on(320.0)))
        self.stop_daemon()

    @precondition(lambda self: self.daemon is not None)
    @rule()
    def stop_daemon(self) -> None:
        self.world.turns.kill(self._daemon())
        self.daemon = None

    # Twins

    @rule(
        what=st.sampled_from(["order", "store", "clock"]),
        seed=_SEEDS,
        store=st.sampled_from(STORES),
        fault=st.sampled_from(["sealed", "denied", "hang"]),
        daemon=RARELY,
    )
    def compare_twins(self, *, what: str, seed: int, store: str, fault: str, daemon: bool) -> None:
        if what == "order":
            verdicts.order_does_not_matter(self.world, seed)
        elif what == "store":
            verdicts.stores_are_isolated(self.world, store, fault, daemon=daemon)
        else:
            verdicts.wall_clock_does_not_matter(self.world, seed * 2.0 - 2**16)

    @rule(by_daemon=RARELY)
    def converges(self, *, by_daemon: bool) -> None:
        if self.daemon is not None:
            self.stop_daemon()
        (verdicts.daemon_converges if by_daemon else verdicts.converges)(self.world)

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.world.demands.broken == [], self.world.demands.broken

    def teardown(self) -> None:
        """End what still runs, so that its threads are free again."""
        if self.daemon is not None:
            self.stop_daemon()

    def _map(self, mapping: SecretMapping) -> None:
        config = self.world.config
        others = tuple(other for other in config.mappings if other.key != mapping.key)
        self.world.config = replace(config, mappings=(*others, mapping))

    def _daemon(self) -> Program:
        assert self.daemon is not None
        return self.daemon

    def _new(self, **told: object) -> Program:
        self._runs += 1
        return self.world.new(f"run {self._runs}", **told)

    def _run(self, program: Program) -> None:
        self.world.run((program, program.apply))
        verdicts.ended(program)
