"""What /metrics tells. The one importer of prometheus_client.

Labels are names from the configuration and fixed words, never a mapping each: 10,000 of those cost a quarter of a
second of CPU at every scrape (docs/performance.md).
"""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from syncd import __version__
from syncd.model.plan import Action, Change
from syncd.model.report import PassReport

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)


class Metrics:
    """The daemon's counters. Safe to use from several threads."""

    def __init__(self, version: str = __version__) -> None:
        """Register everything in a registry of its own, so that tests and restarts do not meet."""
        registry = self._registry = CollectorRegistry()
        Gauge("syncd_build_info", "The running version.", ["version"], registry=registry).labels(version).set(1)
        self._passes = Counter("syncd_passes", "Passes, by how they ended.", ["result"], registry=registry)
        self._seconds = Histogram(
            "syncd_pass_seconds", "From a pass's first read to its last write.", buckets=_SECONDS, registry=registry
        )
        self._calls = Counter("syncd_store_calls", "Wire requests to a store.", ["store"], registry=registry)
        self._sources = Counter("syncd_store_reads", "Distinct sources read.", ["store"], registry=registry)
        self._failures = Counter(
            "syncd_store_failures", "Sources that gave no value, by class.", ["store", "class"], registry=registry
        )
        self._leases = Counter(
            "syncd_leases",
            "Calls about short-lived secrets, by what came of them.",
            ["store", "event"],
            registry=registry,
        )
        self._changes = Counter(
            "syncd_changes", "Changes that a pass planned, by outcome.", ["action", "outcome"], registry=registry
        )
        self._secrets = Gauge(
            "syncd_secrets", "Secrets by their state in the latest pass.", ["state"], registry=registry
        )
        self._flaps = Counter(
            "syncd_flaps", "Writes that brought back a content that an earlier one had replaced.", registry=registry
        )
        self._missed = Counter(
            "syncd_missed_runs", "Runs of a schedule that a later run stands for.", registry=registry
        )
        self._overdue = Gauge("syncd_overdue_seconds", "How long the latest due mapping waits.", registry=registry)
        self._success = Gauge(
            "syncd_last_success_timestamp_seconds", "When a pass last ended without a failure.", registry=registry
        )

        self._oldest = Gauge(
            "syncd_oldest_success_timestamp_seconds",
            "As of when the Secret that has waited longest is what its sources said; 0 while one never was.",
            registry=registry,
        )

    def passed(self, report: PassReport, *, now: float) -> None:
        """Count a pass that ended at `now`, in seconds since the epoch."""
        clean = report.clean()
        self._passes.labels("clean" if clean else "failed").inc()
        self._seconds.observe(report.seconds)
        for change in report.plan.changes:
            if change.action is not Action.UNCHANGED:
                self._changes.labels(change.action.value, change.outcome or "none").inc()
        if clean:
            self._success.set(now)

    def read(self, store: str, *, calls: int, sources: int) -> None:
        """Count what a store was asked."""
        self._calls.labels(store).inc(calls)
        self._sources.labels(store).inc(sources)

    def failed(self, store: str, cls: str) -> None:
        """Count a source without a value."""
        self._failures.labels(store, cls).inc()

    def leased(self, store: str, event: str) -> None:
        """Count a call about a short-lived secret."""
        self._leases.labels(store, event).inc()

    def flapped(self, returns: int) -> None:
        """Count writes that brought back an earlier content."""
        self._flaps.inc(returns)

    def missed(self, runs: int) -> None:
        """Count runs of a schedule that were missed."""
        self._missed.inc(runs)

    def state(self, latest: Iterable[Change], *, overdue: float) -> None:
        """Set what is so now: the latest change of each Secret, and the seconds that the most late one waits."""
        counts = dict.fromkeys((action.value for action in Action), 0)
        for change in latest:
            counts[_state(change)] += 1
        for state, count in counts.items():
            self._secrets.labels(state).set(count)
        self._overdue.set(overdue)

    def fresh(self, since: float | None) -> None:
        """Set as of when, in seconds since the epoch, every Secret is what its sources said; None: one never was."""
        self._oldest.set(0.0 if since is None else since)

    def text(self) -> bytes:
        """Render them in Prometheus' text format."""
        return generate_latest(self._registry)


def _state(change: Change) -> str:
    """Name the state a Secret is in after its change: one that was written as planned is as it should be."""
    return Action.UNCHANGED.value if change.outcome == "done" else change.action.value
