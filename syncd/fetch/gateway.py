"""The gateway: one read for each distinct source, whatever wants it, and no store held up by another.

A read returns at once; the lanes of its stores work on, each with its own threads, budget, breaker and retries.
Values live in the Reading and nowhere else.
"""

import random as chance
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final
from weakref import WeakSet

from syncd.fetch.call import CallRecord
from syncd.fetch.lane import Lane, Spawn
from syncd.fetch.reading import Reading
from syncd.fetch.seam import Provider
from syncd.fetch.share import MakeCondition
from syncd.model.lease import LeaseAnswer, LeaseCall
from syncd.model.reference import Failure, Fetched, Listing, Query, RemoteRef, Wanted
from syncd.model.report import NO_COST, StoreCost
from syncd.model.store import Store

PATIENCE: Final = 15.0
"""Seconds after which a read stops waiting for a store; what many requests need comes on top (`Lane.deadline`)."""
FIND_PATIENCE: Final = 30.0
"""Likewise for queries, which take as many requests as there are pages or folders."""
LEASE_PATIENCE: Final = 45.0
"""Likewise for one call about a lease: longer than a login and its own request may take, so that no answer comes when
nobody waits for it any more."""
CLOSE_PATIENCE: Final = 2.0
"""Seconds that closing all providers may take together."""


class Gateway:
    """Everything between references and outcomes that is the same for all stores. Thread-safe."""

    def __init__(
        self,
        stores: Mapping[str, Store[Provider]],
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance.random,
        observe: Callable[[CallRecord], None] | None = None,
        condition: MakeCondition = threading.Condition,
        spawn: Spawn | None = None,
    ) -> None:
        """Take the stores of a configuration; no thread starts and nothing is asked before the first read.

        `clock` is monotonic seconds, `random` in [0, 1). `observe` is called on worker threads after each fetch
        and must not raise. `condition` and `spawn` are how it waits and starts threads, for tests that own the time.
        """
        self._clock = clock
        self._condition = condition
        self._spawn = spawn or _start_daemon
        self._lanes = {
            name: Lane(
                store,
                clock=clock,
                random=random,
                observe=observe or _ignore,
                condition=condition,
                spawn=self._spawn,
            )
            for name, store in stores.items()
        }
        self._lock = threading.Lock()
        self._open: WeakSet[Reading] = WeakSet()
        self._closed = False
        self._lease_costs: dict[str, StoreCost] = {}

    def read_every(self, intervals: Mapping[str, float]) -> None:
        """Say how often stores are read, in seconds, so that none is left alone for longer than that."""
        for name, interval in intervals.items():
            if name in self._lanes:
                self._lanes[name].read_every(interval)

    def read(self, refs: Iterable[RemoteRef], *, patience: float = PATIENCE) -> Reading:
        """Start reading each distinct (canonical) reference, in their order; returns at once.

        Each store is waited for `patience` seconds, longer where it is wanted for more requests than its limits
        let through at once (`Lane.deadline`).
        """
        return self._asked(refs, patience, one_by_one=False)

    def find(self, queries: Iterable[Query], *, patience: float = FIND_PATIENCE) -> Reading:
        """Start each distinct (canonical) query, in their order; returns at once. What is found is not read."""
        return self._asked(queries, patience, one_by_one=True)

    def lease(self, call: LeaseCall) -> LeaseAnswer | Failure:
        """Issue, renew or revoke, and wait for it. Asked once: see `Leases`."""
        reading = self._asked((call,), LEASE_PATIENCE, one_by_one=True)
        answer = reading.answer(call)
        for store, cost in reading.costs().items():
            with self._lock:
                so_far = self._lease_costs.get(store, NO_COST)
                self._lease_costs[store] = so_far.plus(replace(cost, sources=0, leases=cost.sources))
        if isinstance(answer, Fetched | Listing):
            message = "a call for a lease was answered as a read"
            raise AssertionError(message)  # noqa: TRY004 — `ask` lets no such answer through
        return answer

    def lease_costs(self) -> Mapping[str, StoreCost]:
        """Give what the calls about leases have cost by now, for each store that was asked."""
        with self._lock:
            return dict(self._lease_costs)

    def _asked(self, what: Iterable[Wanted], patience: float, *, one_by_one: bool) -> Reading:
        wanted: dict[str, dict[Wanted, None]] = {}
        for one in what:
            wanted.setdefault(one.store, {})[one] = None
        reading = Reading(self._clock, self._condition)
        shares = []
        for name, distinct in wanted.items():
            lane = self._lanes.get(name)
            deadline = 0.0 if lane is None else lane.deadline(len(distinct), patience)
            share = reading.want(name, distinct, lane, deadline, one_by_one=one_by_one)
            if lane is not None:
                shares.append((lane, share))
        with self._lock:
            closed = self._closed
            self._open.add(reading)
        if closed:
            reading.cancel()
            return reading
        for lane, share in shares:
            lane.submit(share)
        return reading

    def paused(self) -> Mapping[str, float]:
        """Give the stores that are left alone because they do not answer, and for how many seconds that is so."""
        seconds = {name: lane.paused_for() for name, lane in self._lanes.items()}
        return {name: value for name, value in seconds.items() if value is not None}

    def close(self) -> None:
        """Give up every reading and close the providers, side by side, within 2 s. Never raises; twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            readings = tuple(self._open)
        for reading in readings:
            reading.cancel()
        lock = threading.Lock()
        done = self._condition(lock)
        left = set(self._lanes)

        def close_one(name: str, provider: Provider) -> None:
            with suppress(Exception):  # the process is ending; what could not be given back runs out by itself
                provider.close()
            with lock:
                left.discard(name)
                done.notify_all()

        for name, lane in self._lanes.items():
            self._spawn(partial(close_one, name, lane.store.provider), f"close-{name}")
        until = self._clock() + CLOSE_PATIENCE
        with lock:
            while left and (seconds := until - self._clock()) > 0:
                done.wait(seconds)


def _start_daemon(run: Callable[[], None], name: str) -> None:
    # A daemon thread, so that a call that hangs keeps no process from ending.
    threading.Thread(target=run, name=name, daemon=True).start()


def _ignore(_record: CallRecord) -> None:
    """Observe nothing."""
