"""What the daemon does about leases beside its passes: when one is due, what is told of it, what is counted."""

from collections.abc import Callable
from typing import Final

from syncd.daemon.log import Log
from syncd.daemon.metrics import Metrics
from syncd.lease_memory import LeaseMemory
from syncd.leases import LeaseEvent
from syncd.model.mapping import SecretKey

_SLACK: Final = 1.0
"""Seconds by which two moments may differ and still be one."""
_FAILED: Final = {"not-renewed": "lease-not-renewed", "not-revoked": "lease-not-revoked"}
"""Events that are worth a line: what went well is counted, and what was not issued is told with the Secret."""


class Renewals:
    """Used by the loop's thread, but for `observe`."""

    def __init__(self, clock: Callable[[], float], *, metrics: Metrics, log: Log) -> None:
        """Know of no lease yet. `clock` is monotonic."""
        self.memory = LeaseMemory(clock)
        self._clock, self._metrics, self._log = clock, metrics, log
        self._planned: dict[SecretKey, float] = {}
        self._said: dict[tuple[SecretKey, str], str] = {}

    def observe(self, event: LeaseEvent) -> None:
        """Count a call about a lease, and tell of one that failed, once; on any thread."""
        self._metrics.leased(event.store, event.kind)
        key, name = event.key, _FAILED.get(event.kind)
        fields = {"namespace": key.namespace, "name": key.name, "store": event.store}
        if name is None:
            self._said.pop((key, event.store), None)
            self._log.debug(f"lease-{event.kind}", **fields)
        elif self._said.get((key, event.store)) != event.message:
            self._said[key, event.store] = event.message
            self._log.warning(name, message=event.message, **fields)

    def due(self, key: SecretKey) -> float | None:
        """Give when a Secret is to be looked at for its leases; None where that is planned already, or never."""
        moment, now = self.memory.next(key), self._clock()
        planned = self._planned.get(key)
        if moment is None or (planned is not None and now < planned <= moment + _SLACK):
            return None
        self._planned[key] = moment
        return moment
