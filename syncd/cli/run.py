"""`syncd run`: the daemon. Signals set flags, the loop decides, and the end comes within 10 s."""

import gc
import os
import sys
from argparse import Namespace
from typing import Final

from syncd.cli.compose import Parts, opened_for_writing
from syncd.cli.signals import DaemonSignals
from syncd.cli.stop import CONFIGURATION, USAGE, Stop
from syncd.daemon.health import PLAIN, Answer, HealthServer, parse_address
from syncd.daemon.log import Log, open_log
from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import CONTENT_TYPE, Metrics
from syncd.fetch.call import CallRecord
from syncd.ledger import Ledger, open_ledger
from syncd.target.seam import Home, HomeFailure, Target

_LEDGER_RETRY: Final = (5.0, 60.0)
"""Seconds between tries to open the home objects: the first, and the longest."""


def main(options: Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    signals = DaemonSignals()
    metrics = Metrics()

    def observe(record: CallRecord) -> None:
        metrics.read(record.store, calls=record.requests, sources=record.references)

    with opened_for_writing(options, observe=observe) as parts:
        settings = parts.configuration.log
        log = open_log(options.log_level or settings.level, settings.format, sys.stderr)
        daemon = _Daemon(parts, metrics, log, signals)
        server = daemon.listen()
        try:
            daemon.run()
        finally:
            server.stop()
            log.info("stopped")
    return 0


class _Daemon:
    """The loop and what answers for it while the home objects are not there yet."""

    def __init__(self, parts: Parts[Target, Home], metrics: Metrics, log: Log, signals: DaemonSignals) -> None:
        self._parts, self._metrics, self._log, self._signals = parts, metrics, log, signals
        self._loop: Loop | None = None
        self._waiting = "the home objects have not been read yet\n"

    def listen(self) -> HealthServer:
        """Answer for the daemon from now on; raises Stop where the address cannot be had."""
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

    def run(self) -> None:
        """Open the home objects, then turn until stopped; raises Stop where the configuration is not the owner's."""
        parts, configuration = self._parts, self._parts.configuration
        ledger = self._opened_ledger()
        if self._signals.stopped.is_set():
            return
        standing = parts.standing(ledger.key if ledger else None, None)
        objection = parts.objection(standing, ledger.inventory if ledger else None)
        if objection is not None:
            raise Stop(CONFIGURATION, f"syncd: {objection}")
        work = Work(
            configuration.mappings, parts.gateway, parts.targets, ledger, standing, workers=configuration.daemon.workers
        )
        loop = self._loop = Loop(work, metrics=self._metrics, log=self._log, stopped=self._signals.stopped)
        self._signals.call(loop.stop)
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
        loop.run()

    def _opened_ledger(self) -> Ledger | None:
        """Open the home objects, and wait for them where they are not there: a restart would not bring them."""
        if self._parts.home is None:
            return None
        pause, longest = _LEDGER_RETRY
        while not self._signals.stopped.is_set():
            opened = open_ledger(self._parts.home)
            if not isinstance(opened, HomeFailure):
                return opened
            self._waiting = f"{opened.message}\n"
            self._log.warning("home-unusable", reason=opened.reason, message=opened.message)
            self._signals.stopped.wait(pause)
            pause = min(2 * pause, longest)
        return None


def _health(problem: str) -> Answer:
    return (503, PLAIN, problem.encode()) if problem else (200, PLAIN, b"ok\n")
