"""`syncd run`: the daemon. Signals set flags, the loop decides, and the end comes within 10 s."""

import gc
import os
import signal
import sys
import threading
from argparse import Namespace

from syncd.cli.compose import Parts, opened_for_writing, rules
from syncd.cli.stop import CONFIGURATION, USAGE, Stop
from syncd.daemon.health import PLAIN, HealthServer, parse_address
from syncd.daemon.log import Log, open_log
from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import CONTENT_TYPE, Metrics
from syncd.fetch.call import CallRecord
from syncd.ledger import Ledger, open_ledger
from syncd.plan.guards import emptied, taken_over
from syncd.reconcile import Standing
from syncd.target.seam import Home, HomeFailure, Target

_LEDGER_RETRY = (5.0, 60.0)
"""Seconds between tries to open the home objects: the first, and the longest."""


def main(options: Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    metrics = Metrics()

    def observe(record: CallRecord) -> None:
        metrics.read(record.store, calls=record.requests, sources=record.references)

    with opened_for_writing(options, observe=observe) as parts:
        log = open_log(options.log_level or parts.configuration.log.level, parts.configuration.log.format, sys.stderr)
        daemon = _Daemon(parts, metrics, log, stopped)
        server = daemon.listen()
        try:
            return daemon.run()
        finally:
            server.stop()
            log.info("stopped")


class _Daemon:
    """The loop and what answers for it while the home objects are not there yet."""

    def __init__(self, parts: Parts[Target, Home], metrics: Metrics, log: Log, stopped: threading.Event) -> None:
        self._parts, self._metrics, self._log, self._stopped = parts, metrics, log, stopped
        self._loop: Loop | None = None
        self._waiting = "the home objects have not been read yet\n"

    def listen(self) -> HealthServer:
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
        listen = self._parts.configuration.daemon.listen or (":8080" if in_pod else "127.0.0.1:8080")
        try:
            server = HealthServer(
                parse_address(listen),
                {
                    "/livez": lambda: _health(self._loop.alive() if self._loop else ""),
                    "/readyz": lambda: _health(self._loop.behind() if self._loop else self._waiting),
                    "/metrics": lambda: (200, CONTENT_TYPE, self._metrics.text()),
                },
            )
        except OSError as error:
            message = f"syncd: cannot listen on {listen} ({error.strerror}); choose another `daemon.listen`"
            raise Stop(USAGE, message) from None
        self._log.info("listening", port=server.port)
        return server

    def run(self) -> int:
        parts = self._parts
        ledger = self._open_ledger()
        if self._stopped.is_set():
            return 0
        configuration = parts.configuration
        instance = parts.instance(ledger.key if ledger else None)
        if ledger is not None:
            allow = configuration.guards.allow_no_mappings
            objection = emptied(configuration.mappings, ledger.inventory, instance=instance, allow=allow) or taken_over(
                configuration.mappings, ledger.inventory, instance=instance
            )
            if objection is not None:
                raise Stop(CONFIGURATION, f"syncd: {objection}")
        standing = Standing.of(
            configuration.mappings,
            instance=instance,
            rules=rules(configuration, None, home_namespace=parts.home_namespace),
        )
        work = Work(configuration.mappings, parts.gateway, parts.targets, ledger, standing)
        self._loop = Loop(work, metrics=self._metrics, log=self._log, stopped=self._stopped)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._loop.stop() if self._loop else None)
        self._log.info(
            "started",
            instance=configuration.instance,
            target=parts.describe(),
            stores=len(configuration.stores),
            mappings=len(configuration.mappings),
        )
        # What the configuration and the modules hold stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._loop.run()
        return 0

    def _open_ledger(self) -> Ledger | None:
        """Open the home objects, and wait for them where they are not there: a restart would not bring them."""
        if self._parts.home is None:
            return None
        pause, longest = _LEDGER_RETRY
        while not self._stopped.is_set():
            opened = open_ledger(self._parts.home)
            if not isinstance(opened, HomeFailure):
                return opened
            self._waiting = f"{opened.message}\n"
            self._log.warning("home-unusable", reason=opened.reason, message=opened.message)
            self._stopped.wait(pause)
            pause = min(2 * pause, longest)
        return None


def _health(problem: str) -> tuple[int, str, bytes]:
    return (503, PLAIN, problem.encode()) if problem else (200, PLAIN, b"ok\n")
